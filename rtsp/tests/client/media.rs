//! RTP with everything cameras do to it.

use rtsp::client::{Event, Quirk};
use rtsp::h264::Kind;

use crate::bench::*;

fn kinds(bench: &Bench) -> Vec<Kind> {
    bench.access_units().iter().map(|unit| unit.kind).collect()
}

fn drops(bench: &Bench) -> usize {
    bench.events().iter().filter(|event| matches!(event, Event::Dropped { .. })).count()
}

#[test]
fn a_gap_drops_pictures_up_to_the_next_idr_and_not_the_session() {
    let mut bench = playing();
    bench.rtp(1, IDR);
    bench.rtp(3, DELTA);
    bench.rtp(4, DELTA);
    bench.rtp(5, IDR);
    bench.rtp(6, DELTA);
    assert_eq!(kinds(&bench), [Kind::Idr, Kind::Idr, Kind::Reference]);
    assert_eq!((bench.client.stats().lost, drops(&bench)), (1, 1));
    assert_eq!(bench.errors(), []);
}

#[test]
fn a_new_source_goes_on_at_its_next_idr() {
    let mut bench = playing();
    bench.rtp(1, IDR);
    bench.data(&frame(0, &rtp_from(77, 9000, 5, DELTA)));
    bench.data(&frame(0, &rtp_from(77, 9001, 9, IDR)));
    bench.data(&frame(0, &rtp_from(77, 9002, 13, DELTA)));
    assert_eq!(kinds(&bench), [Kind::Idr, Kind::Idr, Kind::Reference]);
    assert_eq!(bench.client.stats().lost, 0);
    assert!(bench.client.stats().quirks.contains(&Quirk::SsrcChanged));
}

#[test]
fn a_sender_that_counts_anew_goes_on_at_its_next_idr() {
    let mut bench = playing();
    bench.rtp(40_000, IDR);
    bench.rtp(0, DELTA);
    bench.rtp(1, DELTA);
    bench.rtp(2, IDR);
    bench.rtp(3, DELTA);
    assert_eq!(kinds(&bench), [Kind::Idr, Kind::Idr, Kind::Reference]);
}

#[test]
fn numbers_wrap_without_a_gap() {
    let mut bench = playing();
    bench.rtp(65_534, IDR);
    for sequence in [65_535, 0, 1] {
        bench.rtp(sequence, DELTA);
    }
    assert_eq!(kinds(&bench).len(), 4);
    assert_eq!(bench.client.stats().lost, 0);
}

#[test]
fn broken_packets_are_counted_and_do_nothing() {
    let mut bench = playing();
    bench.rtp(1, IDR);
    let padding_0 = [&[0xa0, 96][..], &rtp(2, 0, &[1, 0])[2..]].concat();
    let padding_9 = [&[0xa0, 96][..], &rtp(2, 0, &[1, 255])[2..]].concat();
    let extension = [&[0x90, 96][..], &rtp(2, 0, &[0, 0, 255, 255])[2..]].concat();
    let version = [&[0x00, 96][..], &rtp(2, 0, DELTA)[2..]].concat();
    let broken = [vec![], vec![0x80], vec![0x80, 96, 0], padding_0, padding_9, extension, version];
    for packet in &broken {
        bench.data(&frame(0, packet));
    }
    let rtcp = [vec![0x80], vec![0x80, 200], vec![0x9f, 201, 0, 0], vec![0x81, 202, 255, 255]];
    for packet in &rtcp {
        bench.data(&frame(1, packet));
    }
    bench.rtp(2, DELTA);
    assert_eq!(kinds(&bench).len(), 2);
    assert!(bench.client.stats().discarded >= 8);
    assert_eq!(bench.errors(), []);
    let quirks = bench.client.stats().quirks;
    assert!(quirks.contains(&Quirk::BadRtp) && quirks.contains(&Quirk::BadRtcp));
}

#[test]
fn feedback_from_the_camera_is_ignored() {
    let mut bench = playing();
    bench.data(&frame(1, &[0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1]));
    bench.data(&frame(1, &[0x80, 204, 0, 0, 0x80, 207, 0, 0, 0x80, 192, 0, 0]));
    assert_eq!((bench.requests().len(), bench.frames().len(), bench.events().len()), (0, 0, 0));
}

#[test]
fn the_largest_frames_are_taken() {
    let mut bench = playing();
    let large = [IDR, &[0x55; 65_535 - 12 - 6]].concat();
    bench.rtp(1, &large);
    assert_eq!(bench.access_units()[0].bytes(), large.len());
}
