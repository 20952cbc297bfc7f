//! What goes out while media comes in.

use std::time::Duration;

use rtsp::client::{Event, Quirk};

use crate::bench::*;

/// Plays a camera with these methods and this session timeout.
fn playing_with(public: &str, timeout_s: u32) -> Bench {
    let mut bench = started();
    bench.connect();
    answer(&mut bench, public, timeout_s);
    bench.forget();
    bench
}

fn answer(bench: &mut Bench, public: &str, timeout_s: u32) {
    bench.reply(&ok(&format!("Public: {public}\r\n")));
    bench.reply(&described("", SDP));
    bench.reply(&ok(&format!("Session: 42;timeout={timeout_s}\r\n")));
    bench.reply(&ok(""));
}

#[test]
fn keep_alives_come_at_half_the_timeout_on_the_base_url_with_the_session() {
    let mut bench = playing_with("OPTIONS, GET_PARAMETER", 20);
    bench.stream(1, 249);
    assert_eq!(bench.methods(), [""; 0]);
    bench.stream(250, 2);
    let request = bench.last_request();
    assert_eq!(first_words(&request, 2), "GET_PARAMETER rtsp://cam/live");
    assert_eq!(header(&request, "Session").as_deref(), Some("42"));
    assert_eq!(header(&request, "Content-Length"), None);
}

#[test]
fn options_keep_a_session_alive_where_get_parameter_is_not_announced() {
    let mut bench = playing_with("OPTIONS, SET_PARAMETER", 10);
    bench.stream(1, 300);
    assert_eq!(bench.methods(), ["OPTIONS", "OPTIONS"]);
}

#[test]
fn a_refused_keep_alive_is_replaced_and_the_session_goes_on() {
    for refusal in ["RTSP/1.0 454 No\r\n", "RTSP/1.0 501 No\r\n"] {
        let mut bench = playing_with("GET_PARAMETER", 10);
        bench.stream(1, 130);
        bench.reply(refusal);
        // At once: what was refused has kept nothing alive.
        bench.stream(131, 1);
        assert_eq!(bench.methods(), ["GET_PARAMETER", "OPTIONS"]);
        bench.stream(132, 130);
        assert_eq!(bench.methods(), ["GET_PARAMETER", "OPTIONS", "OPTIONS"]);
        assert_eq!(bench.errors(), []);
        assert!(bench.client.stats().quirks.contains(&Quirk::KeepAliveChanged));
    }
}

#[test]
fn a_camera_that_never_answers_keep_alives_is_left_in_peace() {
    let mut bench = playing_with("GET_PARAMETER", 10);
    bench.stream(1, 5000);
    assert_eq!(bench.errors(), []);
    let methods = bench.methods();
    assert_eq!(methods.len(), 40);
    assert_eq!(methods[..3], ["GET_PARAMETER", "OPTIONS", "OPTIONS"]);
}

#[test]
fn receiver_reports_go_out_every_five_seconds_on_the_other_channel() {
    let mut bench = playing();
    bench.rtp(10, IDR);
    let sender_report =
        [0x80, 200, 0, 6, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1];
    bench.pass(Duration::from_secs(4));
    bench.data(&frame(1, &sender_report));
    bench.rtp(12, DELTA);
    bench.pass(Duration::from_secs(1));
    let [(1, report)] = &bench.frames()[..] else { panic!("{:?}", bench.frames()) };
    // RR with one block, then SDES.
    assert_eq!(report[..4], [0x81, 201, 0, 7]);
    assert_eq!(report[8..12], [0, 0, 0, 9]);
    // A third of three is missing; the highest number is 12, in the first cycle as counted here.
    assert_eq!(report[12..16], [85, 0, 0, 1]);
    assert_eq!(report[18..20], [0, 12]);
    // The middle of the sender's time, and one second since then.
    assert_eq!(report[24..32], [3, 4, 5, 6, 0, 1, 0, 0]);
    assert_eq!(report[32..34], [0x81, 202]);
    let sent = bench.events().into_iter().find_map(|event| match event {
        Event::SenderReport { track, ntp, rtp_timestamp } => Some((track, ntp, rtp_timestamp)),
        _ => None,
    });
    assert_eq!(sent, Some((0, 0x0102_0304_0506_0708, 7)));
    bench.stream(13, 250);
    assert_eq!(bench.frames().len(), 3);
}

#[test]
fn an_idr_is_asked_for_in_two_ways_and_at_most_once_a_second() {
    let mut bench = playing();
    assert!(!bench.client.request_keyframe(bench.now));
    bench.rtp(1, IDR);
    for _ in 0..5 {
        bench.client.request_keyframe(bench.now);
    }
    bench.collect();
    let [(1, request)] = &bench.frames()[..] else { panic!("{:?}", bench.frames()) };
    let own = &request[4..8];
    let pli = [&[0x81, 206, 0, 2], own, &[0, 0, 0, 9]].concat();
    let fir = [&[0x84, 206, 0, 4], own, &[0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0]].concat();
    assert!(request.starts_with(&[0x81, 201]) && request.ends_with(&[pli, fir].concat()));
    bench.pass(Duration::from_millis(999));
    assert!(!bench.client.request_keyframe(bench.now));
    bench.pass(Duration::from_millis(1));
    assert!(bench.client.request_keyframe(bench.now));
    bench.collect();
    assert_eq!(bench.frames()[1].1[bench.frames()[1].1.len() - 4], 2);
}

#[test]
fn no_idr_is_asked_of_a_camera_that_does_not_play() {
    let mut bench = started();
    assert!(!bench.client.request_keyframe(bench.now));
    bench.connect();
    bench.describe();
    assert!(!bench.client.request_keyframe(bench.now));
}
