//! What fails, how it is told, and how the camera is found again.

use std::time::Duration;

use rtsp::client::{Error, Event, Options, Quirk};
use rtsp::url::Url;

use crate::bench::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_failed_dial_is_told_and_repeated_after_a_while() {
    let mut bench = started();
    bench.client.handle_connect_failed(bench.now, "connection refused\r\n");
    bench.collect();
    let [(error, retry_in)] = &bench.failures()[..] else { panic!() };
    assert_eq!(*error, Error::Connect { reason: "connection refused".to_owned() });
    assert!((SECOND..=SECOND * 5 / 4).contains(retry_in), "{retry_in:?}");
    bench.pass(*retry_in - Duration::from_millis(1));
    assert_eq!(bench.dials(), 1);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.dials(), 2);
}

#[test]
fn a_dial_without_answer_is_given_up() {
    let mut bench = started();
    bench.pass(5 * SECOND);
    assert_eq!(bench.errors(), [Error::ConnectTimeout]);
    assert_eq!(bench.disconnects(), 1);
    // The answer that comes too late is not for the next attempt.
    bench.connect();
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn a_camera_that_stays_away_is_tried_ever_more_seldom_up_to_the_cap() {
    let mut bench = started();
    bench.fail_dials(40);
    let waits: Vec<Duration> = bench.failures().into_iter().map(|(_, wait)| wait).collect();
    assert_eq!(waits.len(), 40);
    assert!(waits.iter().all(|wait| (SECOND..=30 * SECOND * 5 / 4).contains(wait)));
    assert!(waits[10..].iter().all(|wait| *wait >= 30 * SECOND), "{waits:?}");
    assert!(waits[10..].iter().any(|wait| *wait < 33 * SECOND), "no jitter: {waits:?}");
    assert!(waits[10..].iter().any(|wait| *wait > 35 * SECOND), "no jitter: {waits:?}");
}

/// The stay away after twelve failures, a session with this much media, and another failure.
fn wait_after(packets: u16) -> Duration {
    let mut bench = started();
    bench.fail_dials(12);
    bench.connect();
    bench.play();
    bench.stream(1, packets);
    bench.client.handle_closed(bench.now, "reset");
    bench.collect();
    bench.failures().pop().unwrap().1
}

#[test]
fn ten_seconds_of_media_make_the_next_failure_the_first_again() {
    assert!(wait_after(260) <= 2 * SECOND);
    assert!(wait_after(20) > 2 * SECOND);
}

/// A connection whose first requests were answered.
fn answered(replies: usize) -> Bench {
    let mut bench = started();
    bench.connect();
    let answers = [ok(""), described("", SDP), ok("Session: 1\r\n")];
    for answer in &answers[..replies] {
        bench.reply(answer);
    }
    bench
}

#[test]
fn silence_is_a_failure_at_every_step() {
    for (replies, method) in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"].into_iter().enumerate() {
        let mut bench = answered(replies);
        bench.pass(8 * SECOND);
        assert_eq!(bench.errors(), [Error::RequestTimeout { method }]);
        assert_eq!(bench.disconnects(), 1);
        bench.pass(3 * SECOND);
        assert_eq!(bench.dials(), 2, "{method}");
    }
}

#[test]
fn a_closed_connection_is_a_failure_at_every_step() {
    for replies in 0..4 {
        let mut bench = answered(replies);
        let method = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"][replies];
        bench.client.handle_closed(bench.now, "reset");
        bench.collect();
        let expected = Error::Closed { reason: "reset".to_owned(), awaiting: Some(method) };
        assert_eq!(bench.errors(), [expected]);
        bench.pass(3 * SECOND);
        assert_eq!(bench.dials(), 2, "{method}");
    }
}

#[test]
fn a_refused_request_is_told_with_its_status() {
    for (replies, method) in [(1, "DESCRIBE"), (2, "SETUP"), (3, "PLAY")] {
        let mut bench = answered(replies);
        bench.reply("RTSP/1.0 453 Not Enough Bandwidth\r\n");
        let reason = "Not Enough Bandwidth".to_owned();
        assert_eq!(bench.errors(), [Error::Status { method, status: 453, reason }]);
    }
}

#[test]
fn a_camera_that_sends_nothing_any_more_is_dialled_again() {
    let mut bench = playing();
    bench.stream(1, 50);
    bench.pass(7 * SECOND + Duration::from_millis(900));
    assert_eq!(bench.errors(), []);
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.errors(), [Error::NoMedia]);
    // The session is ended in order: cameras allow only a few at a time.
    assert_eq!(bench.methods(), ["TEARDOWN"]);
    assert_eq!(bench.disconnects(), 1);
    bench.pass(3 * SECOND);
    bench.connect();
    bench.play();
    bench.rtp(9, IDR);
    assert!(bench.access_units().len() > 50);
}

#[test]
fn a_camera_that_never_begins_to_send_is_dialled_again() {
    let mut bench = playing();
    bench.pass(8 * SECOND);
    assert_eq!(bench.errors(), [Error::NoMedia]);
}

#[test]
fn packets_that_can_not_be_used_are_no_media() {
    let mut bench = playing();
    bench.rtp(1, IDR);
    let constant = frame(0, &rtp(1, 0, DELTA));
    let other_type = frame(0, &[0x80, 50, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 1]);
    for _ in 0..100 {
        bench.data(&constant);
        bench.data(&other_type);
        bench.data(&frame(5, &rtp(2, 0, DELTA)));
        bench.pass(Duration::from_millis(100));
    }
    assert_eq!(bench.errors(), [Error::NoMedia]);
}

/// Packets of which no picture can be made: their key never comes.
fn blind(bench: &mut Bench, from: u16, seconds: u64) {
    for step in 0..u16::try_from(seconds * 5).unwrap() {
        bench.rtp(from + step, DELTA);
        bench.pass(SECOND / 5);
    }
}

#[test]
fn a_camera_whose_packets_make_no_picture_is_dialled_again() {
    let mut bench = playing();
    blind(&mut bench, 1, 25);
    assert_eq!((bench.errors(), bench.access_units().len()), (vec![Error::NoPicture], 0));
    assert_eq!(bench.methods().last().map(String::as_str), Some("TEARDOWN"));
    bench.pass(3 * SECOND);
    assert_eq!(bench.dials(), 1);
}

#[test]
fn a_camera_that_loses_its_key_picture_for_long_is_dialled_again_and_not_before() {
    let mut bench = playing();
    bench.stream(1, 50);
    // One is lost: nothing behind it can be decoded.
    blind(&mut bench, 60, 24);
    assert_eq!(bench.errors(), []);
    blind(&mut bench, 180, 2);
    assert_eq!(bench.errors(), [Error::NoPicture]);
}

#[test]
fn a_camera_that_never_sends_a_picture_is_tried_ever_more_seldom() {
    let mut bench = started();
    for _ in 0..8 {
        bench.until_dialled();
        bench.connect();
        bench.play();
        blind(&mut bench, 1, 26);
    }
    let waits: Vec<Duration> = bench.failures().into_iter().map(|(_, wait)| wait).collect();
    assert_eq!(waits.len(), 8);
    assert!(waits[0] < 2 * SECOND && waits[7] >= 30 * SECOND, "{waits:?}");
}

#[test]
fn another_address_is_tried_at_once_where_one_makes_no_picture() {
    let mut options = options("rtsp://one/live");
    options.alternatives = vec![Url::parse("rtsp://two/live").unwrap()];
    let mut bench = started_with(options);
    bench.connect();
    bench.play();
    blind(&mut bench, 1, 25);
    assert_eq!((bench.errors(), bench.hosts()), (vec![], vec!["one".into(), "two".into()]));
}

#[test]
fn a_goodbye_ends_the_session_only_if_the_media_ends_too() {
    let goodbye = frame(1, &[0x81, 203, 0, 1, 0, 0, 0, 9]);
    let mut bench = playing();
    bench.stream(1, 10);
    bench.data(&goodbye);
    bench.stream(11, 200);
    assert_eq!(bench.errors(), []);
    bench.data(&goodbye);
    bench.pass(2 * SECOND);
    assert_eq!(bench.errors(), [Error::EndedByCamera]);
    let mut bench = playing();
    bench.stream(1, 10);
    bench.data(&frame(1, &[0x81, 203, 0, 1, 0, 0, 0, 77]));
    bench.pass(5 * SECOND);
    assert_eq!(bench.errors(), []);
}

#[test]
fn a_stop_ends_the_session_in_order() {
    let mut bench = playing();
    bench.client.stop(bench.now);
    bench.collect();
    assert_eq!(first_words(&bench.last_request(), 2), "TEARDOWN rtsp://cam/live");
    assert_eq!(header(&bench.last_request(), "Session").as_deref(), Some("42"));
    assert_eq!(bench.disconnects(), 0);
    bench.rtp(1, IDR);
    bench.reply(&ok(""));
    assert_eq!(bench.disconnects(), 1);
    assert_eq!(bench.events().len(), 0);
    assert_eq!(bench.client.poll_timeout(), None);
    bench.rtp(2, IDR);
    bench.pass(100 * SECOND);
    assert_eq!((bench.dials(), bench.events().len()), (0, 0));
}

#[test]
fn a_stop_does_not_wait_long_for_a_silent_camera() {
    let mut bench = playing();
    bench.client.stop(bench.now);
    bench.pass(Duration::from_millis(299));
    assert_eq!(bench.disconnects(), 0);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.disconnects(), 1);
    assert_eq!(bench.errors(), []);
}

#[test]
fn a_stop_before_there_is_a_session_hangs_up_at_once() {
    for replies in 0..3 {
        let mut bench = started();
        if replies > 0 {
            bench.connect();
        }
        if replies > 1 {
            bench.reply(&ok(""));
        }
        bench.client.stop(bench.now);
        bench.collect();
        assert_eq!((bench.disconnects(), bench.client.poll_timeout()), (1, None));
    }
}

#[test]
fn a_start_works_again_after_a_stop_and_in_the_middle_of_one() {
    let mut bench = playing();
    bench.client.stop(bench.now);
    bench.client.start(bench.now);
    bench.collect();
    assert_eq!(bench.dials(), 0);
    bench.pass(Duration::from_millis(300));
    assert!(matches!(bench.seen()[1..], [Seen::Disconnect, Seen::Connect(..)]));
    bench.connect();
    bench.play();
    bench.rtp(1, IDR);
    assert_eq!(bench.access_units().len(), 1);
    bench.client.stop(bench.now);
    bench.pass(SECOND);
    bench.forget();
    bench.client.start(bench.now);
    bench.collect();
    assert_eq!(bench.dials(), 1);
}

#[test]
fn a_stop_while_staying_away_ends_the_waiting_but_not_the_back_off() {
    let mut bench = started();
    bench.client.handle_connect_failed(bench.now, "refused");
    bench.client.stop(bench.now);
    assert_eq!(bench.client.poll_timeout(), None);
    bench.client.start(bench.now);
    bench.collect();
    assert_eq!(bench.dials(), 1);
    bench.pass(2 * SECOND);
    assert_eq!(bench.dials(), 2);
}

#[test]
fn one_lost_frame_boundary_is_survived_and_three_in_ten_seconds_are_not() {
    let mut bench = playing();
    bench.rtp(1, IDR);
    for round in 0..5 {
        bench.data(b"\0garbage");
        bench.stream(2 + round * 200, 200);
    }
    assert_eq!(bench.errors(), []);
    assert_eq!(bench.client.stats().resyncs, 5);
    assert!(bench.client.stats().quirks.contains(&Quirk::Garbage));
    for round in 0..3 {
        bench.data(b"\0garbage");
        bench.rtp(2000 + round, DELTA);
    }
    assert_eq!(bench.errors(), [Error::Resyncs]);
}

#[test]
fn an_http_server_is_named() {
    let mut bench = started();
    bench.connect();
    bench.data(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(bench.errors()[0].to_string(), "bad stream: the peer does not speak RTSP");
}

#[test]
fn two_cameras_that_failed_together_do_not_come_back_together() {
    let waits: Vec<Duration> = (0..20)
        .map(|seed| {
            let options: Options = options("rtsp://cam/");
            let mut client = rtsp::client::Client::new(options, seed);
            let now = std::time::Instant::now();
            client.start(now);
            client.handle_connect_failed(now, "refused");
            std::iter::from_fn(|| client.poll_output())
                .find_map(|output| match output {
                    rtsp::client::Output::Event(Event::Offline { retry_in, .. }) => Some(retry_in),
                    _ => None,
                })
                .unwrap()
        })
        .collect();
    let mut distinct = waits.clone();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() > 15, "{waits:?}");
}

#[test]
fn further_addresses_are_tried_at_once_and_the_back_off_counts_rounds() {
    let mut options = options("rtsp://one/live");
    options.alternatives = vec![Url::parse("rtsp://two/live").unwrap()];
    let mut bench = started_with(options);
    for round in 1..=3 {
        bench.client.handle_connect_failed(bench.now, "refused");
        bench.collect();
        assert_eq!(bench.failures().len(), round - 1, "the second address is tried first");
        bench.client.handle_connect_failed(bench.now, "refused");
        bench.collect();
        let (_, wait) = bench.failures().pop().unwrap();
        let least = SECOND * (1 << (round - 1));
        assert!((least..=least * 5 / 4).contains(&wait), "round {round}: {wait:?}");
        bench.pass(wait);
    }
    let hosts: Vec<String> = bench.hosts();
    assert_eq!(hosts[..6], ["one", "two", "one", "two", "one", "two"]);
}

#[test]
fn after_media_the_first_address_comes_first_again() {
    let mut options = options("rtsp://one/live");
    options.alternatives = vec![Url::parse("rtsp://two/live").unwrap()];
    let mut bench = started_with(options);
    bench.client.handle_connect_failed(bench.now, "refused");
    bench.collect();
    bench.connect();
    bench.play();
    bench.stream(1, 10);
    bench.client.handle_closed(bench.now, "reset");
    bench.collect();
    let (_, wait) = bench.failures().pop().unwrap();
    bench.pass(wait);
    assert_eq!(bench.hosts(), ["one", "two", "one"]);
}

#[test]
fn a_camera_that_is_down_for_an_hour_costs_at_most_one_attempt_in_thirty_seconds() {
    let mut bench = started();
    let end = bench.now + 3600 * SECOND;
    let mut at = Vec::new();
    while bench.now < end {
        at.push(bench.now);
        bench.client.handle_connect_failed(bench.now, "unreachable");
        bench.collect();
        let (_, wait) = bench.failures().pop().unwrap();
        bench.pass(wait);
    }
    // The first half minute has the quick ones: a camera that reboots is back soon.
    let steady = at.iter().filter(|at| **at > end - 3540 * SECOND).count();
    assert!(steady <= 3540 / 30, "{steady} attempts");
    assert!(at.len() >= 90, "{} attempts: given up?", at.len());
}

#[test]
fn whoever_wants_a_camera_that_is_away_hears_so_at_once() {
    let mut bench = started();
    bench.client.handle_connect_failed(bench.now, "refused");
    bench.collect();
    bench.client.stop(bench.now);
    bench.client.start(bench.now);
    bench.collect();
    assert_eq!(bench.failures().len(), 2);
    assert_eq!(bench.dials(), 1, "the back-off holds");
}
