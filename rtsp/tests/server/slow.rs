//! A reader that takes what it is sent too slowly, or not at all.

use std::time::Duration;

use rtsp::rtp;
use rtsp::server::Output;
use rtsp::server::limits::{MAX_QUEUED_BYTES, STALL_TIMEOUT};

use crate::bench::*;

const PAYLOAD: &[u8] = &[0x41; 60_000];

/// Fills the queue; how many frames were taken.
fn fill(reader: &mut Peer) -> usize {
    (0..).find(|n| !reader.write(*n == 0, 0, &[PAYLOAD])).unwrap()
}

#[test]
fn whole_frames_are_left_out_up_to_an_idr_and_their_numbers_are_missing() {
    let mut reader = Peer::play();
    let taken = fill(&mut reader);
    assert_eq!(taken, MAX_QUEUED_BYTES / 60_016);
    let before = reader.frames();
    assert!(!reader.write(false, 0, &[&[0x41, 1], &[0x41, 2]]), "a delta behind a gap");
    assert!(reader.write(true, 0, &[&[0x65, 3]]));
    assert!(reader.write(false, 0, &[&[0x41, 4]]));
    let after = reader.frames();
    let number = |frame: &(u8, Vec<u8>)| rtp::Packet::parse(&frame.1).unwrap().sequence;
    // One was refused for its size, and one of two packets for the gap before it.
    assert_eq!(number(&after[0]), number(before.last().unwrap()).wrapping_add(1 + 1 + 2));
    assert_eq!(number(&after[1]), number(&after[0]).wrapping_add(1));
}

#[test]
fn what_the_connection_has_not_taken_counts() {
    let mut reader = Peer::play();
    reader.session.set_unsent_bytes(reader.now, MAX_QUEUED_BYTES - 100);
    assert!(!reader.write(true, 0, &[&[0x65; 100]]));
    reader.session.set_unsent_bytes(reader.now, MAX_QUEUED_BYTES - 1000);
    assert!(reader.write(true, 0, &[&[0x65; 100]]));
}

#[test]
fn who_takes_nothing_for_long_is_given_up() {
    let mut reader = Peer::play();
    fill(&mut reader);
    let waiting: usize = reader.frames().iter().map(|(_, data)| data.len() + 4).sum();
    let start = reader.now;
    reader.session.set_unsent_bytes(start, waiting);
    // Slowly is not never.
    let later = start + STALL_TIMEOUT / 2;
    reader.session.set_unsent_bytes(later, waiting - 1);
    reader.session.handle_timeout(start + STALL_TIMEOUT);
    assert!(!reader.outputs().contains(&Output::Close));
    reader.session.set_unsent_bytes(later + Duration::from_secs(1), waiting - 1);
    assert!(reader.session.poll_timeout().unwrap() <= later + STALL_TIMEOUT);
    reader.session.handle_timeout(later + STALL_TIMEOUT);
    assert_eq!(reader.outputs().last(), Some(&Output::Close));
}

#[test]
fn who_has_caught_up_is_not_given_up_while_he_waits_for_an_idr() {
    let mut reader = Peer::play();
    fill(&mut reader);
    reader.outputs();
    reader.session.set_unsent_bytes(reader.now, 0);
    reader.session.handle_timeout(reader.now + STALL_TIMEOUT);
    assert!(!reader.outputs().contains(&Output::Close));
    assert!(reader.write(true, 0, &[&[0x65, 3]]));
}
