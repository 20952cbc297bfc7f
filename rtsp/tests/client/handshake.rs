//! From the connection to the first picture.

use rtsp::client::{Choice, Error, Event, Quirk};
use rtsp::h264::Kind;

use crate::bench::*;

#[test]
fn a_session_goes_from_options_to_access_units() {
    let mut bench = started();
    assert!(matches!(bench.seen(), [Seen::Connect(host, 554)] if host == "cam"));
    bench.connect();
    bench.play();
    bench.rtp(1, IDR);
    bench.rtp(2, DELTA);
    let lines: Vec<String> = bench.requests().iter().map(|text| first_words(text, 2)).collect();
    assert_eq!(
        lines,
        [
            "OPTIONS rtsp://cam/live",
            "DESCRIBE rtsp://cam/live",
            "SETUP rtsp://cam/live/trackID=0",
            "PLAY rtsp://cam/live"
        ]
    );
    let [_, describe, setup, play] = &bench.requests()[..] else { panic!() };
    assert_eq!(header(describe, "Accept").as_deref(), Some("application/sdp"));
    let transport = header(setup, "Transport");
    assert_eq!(transport.as_deref(), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
    assert_eq!(header(setup, "Session"), None);
    assert_eq!(header(play, "Session").as_deref(), Some("42"));
    assert_eq!(header(play, "Range").as_deref(), Some("npt=0.000-"));
    assert_eq!((header(play, "Scale"), header(play, "Speed")), (None, None));
    for (number, request) in (1..).zip(bench.requests()) {
        assert_eq!(header(&request, "CSeq"), Some(number.to_string()));
        assert!(header(&request, "User-Agent").is_some_and(|agent| !agent.is_empty()));
    }
    let kinds: Vec<Kind> = bench.access_units().iter().map(|unit| unit.kind).collect();
    assert_eq!(kinds, [Kind::Idr, Kind::Reference]);
    assert!(matches!(bench.events()[..2], [Event::Described { .. }, Event::Playing]));
    assert_eq!(bench.client.stats().sessions, 1);
    assert_eq!(bench.client.stats().packets, 2);
    assert!(bench.client.stats().quirks.is_empty());
}

#[test]
fn all_tracks_are_described_and_the_video_is_chosen() {
    let mut bench = started();
    bench.connect();
    bench.describe();
    let [Event::Described { tracks }] = &bench.events()[..] else { panic!() };
    let choices: Vec<_> = tracks.iter().map(|track| (&*track.codec, track.choice)).collect();
    assert_eq!(choices, [("H264", Choice::Chosen), ("MPEG4-GENERIC", Choice::UnknownAudio)]);
    assert_eq!((tracks[0].payload_type, tracks[0].clock_rate_hz), (96, 90_000));
    assert_eq!(tracks[0].control, "trackID=0");
}

#[test]
fn a_camera_without_options_is_played_all_the_same() {
    for status in [400, 404, 405, 501, 551] {
        let mut bench = started();
        bench.connect();
        bench.refuse(status);
        assert_eq!(bench.methods(), ["OPTIONS", "DESCRIBE"], "{status}");
        assert!(bench.client.stats().quirks.contains(&Quirk::NoOptions));
    }
}

#[test]
fn replies_without_number_with_odd_lines_and_cases_are_understood() {
    let mut bench = started();
    bench.connect();
    bench.data(b"RTSP/1.0 200\n\n");
    let head = format!("\r\n\r\nRTSP/2.0 200 OK\ncontent-length:{} \n\n", SDP.len());
    bench.data(head.as_bytes());
    bench.data(SDP.as_bytes());
    bench.data(b"RTSP/1.0 200 OK\r\nSESSION:42 ; timeout=30\r\nX\r\ncseq:3 \r\n\r\n");
    bench.data(b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nCSeq: 4\r\n\r\n");
    assert!(matches!(bench.events().last(), Some(Event::Playing)));
    let quirks = bench.client.stats().quirks;
    assert!(quirks.contains(&Quirk::MissingCseq) && quirks.contains(&Quirk::TransportUnsaid));
    bench.rtp(1, IDR);
    assert_eq!(bench.access_units().len(), 1);
}

#[test]
fn a_reply_to_a_request_never_sent_changes_nothing() {
    let mut bench = started();
    bench.connect();
    bench.data(b"RTSP/1.0 404 No\r\nCSeq: 77\r\n\r\n");
    assert_eq!(bench.methods(), ["OPTIONS"]);
    assert!(bench.client.stats().quirks.contains(&Quirk::ForeignCseq));
    bench.play();
    assert!(matches!(bench.events().last(), Some(Event::Playing)));
}

#[test]
fn track_urls_follow_what_the_camera_calls_its_base() {
    for (headers, control, expected) in [
        ("", "trackID=0", "rtsp://cam/live/trackID=0"),
        ("Content-Base: rtsp://cam/live/sub/\r\n", "t", "rtsp://cam/live/sub/t"),
        ("Content-Location: rtsp://cam/x\r\n", "t", "rtsp://cam/x/t"),
        ("Content-Base: 192.168.1.10:554/stream0/\r\n", "t", "rtsp://cam/stream0/t"),
        ("Content-Base: rtsp://127.0.0.1/y/\r\n", "t", "rtsp://cam/y/t"),
        ("Content-Base: \r\n", "t", "rtsp://cam/live/t"),
        ("", "rtsp://192.168.1.10/z/t", "rtsp://cam/z/t"),
        ("", "", "rtsp://cam/live"),
    ] {
        let mut bench = started();
        bench.connect();
        bench.reply(&ok(""));
        let sdp = format!("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:{control}");
        bench.reply(&described(headers, &sdp));
        assert_eq!(first_words(&bench.last_request(), 2), format!("SETUP {expected}"), "{headers}");
    }
}

#[test]
fn a_control_can_not_inject_a_header() {
    let mut bench = started();
    bench.connect();
    bench.reply(&ok(""));
    let sdp = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:x\r\nInjected: 1\r\n";
    bench.reply(&described("", sdp));
    assert!(bench.last_request().starts_with("SETUP rtsp://cam/live/x RTSP/1.0\r\n"));
    assert!(!bench.last_request().contains("Injected"));
}

#[test]
fn a_refused_track_url_is_resolved_by_the_standard_once_and_that_is_remembered() {
    let answer = |bench: &mut Bench| {
        bench.reply(&ok(""));
        bench.reply(&described("Content-Base: rtsp://cam/a/b\r\n", SDP));
    };
    let mut bench = started();
    bench.connect();
    answer(&mut bench);
    assert_eq!(first_words(&bench.last_request(), 2), "SETUP rtsp://cam/a/b/trackID=0");
    bench.refuse(404);
    assert_eq!(first_words(&bench.last_request(), 2), "SETUP rtsp://cam/a/trackID=0");
    bench.reply(&ok("Session: 1\r\n"));
    bench.reply(&ok(""));
    assert!(bench.client.stats().quirks.contains(&Quirk::ResolvedControl));
    bench.client.handle_closed(bench.now, "reset");
    bench.pass(std::time::Duration::from_secs(3));
    bench.forget();
    bench.connect();
    answer(&mut bench);
    assert_eq!(first_words(&bench.last_request(), 2), "SETUP rtsp://cam/a/trackID=0");
}

#[test]
fn a_track_url_refused_in_both_forms_is_a_failure() {
    let mut bench = started();
    bench.connect();
    bench.reply(&ok(""));
    bench.reply(&described("Content-Base: rtsp://cam/a/b\r\n", SDP));
    bench.refuse(404);
    bench.refuse(454);
    assert_eq!(bench.methods()[2..], ["SETUP", "SETUP"]);
    assert!(matches!(bench.errors()[..], [Error::Status { method: "SETUP", status: 454, .. }]));
}

#[test]
fn leftovers_of_another_session_are_dropped_before_setup() {
    let mut bench = started();
    bench.connect();
    bench.rtp(500, DELTA);
    bench.describe();
    bench.rtp(501, DELTA);
    assert_eq!(bench.client.stats().discarded, 2);
    assert_eq!(bench.client.stats().packets, 0);
    assert_eq!(bench.methods().last().map(String::as_str), Some("SETUP"));
}

#[test]
fn odd_session_headers_do_no_harm() {
    let long = "x".repeat(10_000);
    for session in ["", ";timeout=5", "1;timeout=0", "1;timeout=99999999999", &long] {
        let mut bench = started();
        bench.connect();
        bench.describe();
        bench.reply(&ok(&format!("Session: {session}\r\n")));
        bench.reply(&ok(""));
        assert!(matches!(bench.events().last(), Some(Event::Playing)), "{session:.20}");
        bench.stream(1, 2000);
        assert_eq!(bench.errors(), [], "{session:.20}");
    }
}

#[test]
fn informational_replies_are_waited_out_but_not_for_ever() {
    let mut bench = started();
    bench.connect();
    for _ in 0..8 {
        bench.data(b"RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n");
    }
    assert_eq!(bench.errors(), []);
    bench.data(b"RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n");
    assert!(matches!(bench.errors()[..], [Error::Status { status: 100, .. }]));
}

#[test]
fn a_camera_that_asks_is_answered() {
    let mut bench = playing();
    bench.data(b"GET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\nSession: 42\r\n\r\n");
    bench.data(b"OPTIONS * RTSP/1.0\r\nCSeq: 10\r\n\r\n");
    bench.data(b"REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 11\r\nLocation: rtsp://evil/\r\n\r\n");
    assert_eq!(
        bench.requests(),
        [
            "RTSP/1.0 200 OK\r\nCSeq: 9\r\nSession: 42\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 10\r\n\r\n",
            "RTSP/1.0 501 Not Implemented\r\nCSeq: 11\r\n\r\n",
        ]
    );
    assert_eq!(bench.dials(), 0);
}

#[test]
fn a_camera_that_sends_nothing_playable_is_named_and_looked_at_again_later() {
    let mut bench = started();
    bench.connect();
    bench.reply(&ok(""));
    bench.reply(&described("", "m=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\n"));
    let unsupported =
        |event: &Event| matches!(event, Event::Unsupported { codec } if codec == "AV1");
    assert!(bench.events().last().is_some_and(unsupported));
    assert_eq!((bench.disconnects(), bench.dials()), (1, 1));
    bench.pass(std::time::Duration::from_secs(59));
    assert_eq!(bench.dials(), 1);
    bench.pass(std::time::Duration::from_secs(1));
    assert_eq!(bench.dials(), 2);
}

#[test]
fn descriptions_without_video_are_unsupported_and_empty_ones_an_error() {
    for sdp in ["m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP", "garbage", "m=video 0 RTP/SAVP 96"] {
        let mut bench = started();
        bench.connect();
        bench.reply(&ok(""));
        bench.reply(&described("", sdp));
        assert!(matches!(bench.events().last(), Some(Event::Unsupported { .. })), "{sdp}");
    }
    let mut bench = started();
    bench.connect();
    bench.reply(&ok(""));
    bench.reply(&ok(""));
    assert!(matches!(bench.errors()[..], [Error::BadReply { method: "DESCRIBE", .. }]));
}
