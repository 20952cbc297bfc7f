//! An IDR is asked for in Axis' way.

use std::time::Duration;

use rtsp::client::Event;

use crate::bench::*;

fn refusals(bench: &Bench) -> Vec<bool> {
    let refusal = |event: &Event| match event {
        Event::RenewalRefused { harmful } => Some(*harmful),
        _ => None,
    };
    bench.events().iter().filter_map(refusal).collect()
}

/// A camera that plays and has just been asked.
fn asked() -> Bench {
    let mut bench = playing();
    assert!(bench.client.renew_stream(bench.now));
    bench.collect();
    bench
}

#[test]
fn the_request_is_what_axis_documents() {
    let bench = asked();
    let request = bench.last_request();
    assert_eq!(first_words(&request, 3), "SET_PARAMETER rtsp://cam/live RTSP/1.0");
    assert_eq!(header(&request, "Content-Type").as_deref(), Some("text/parameters"));
    assert_eq!(header(&request, "Content-Length").as_deref(), Some("19"));
    assert_eq!(header(&request, "Session").as_deref(), Some("42"));
    assert!(request.ends_with("\r\n\r\nRenew-Stream: yes\r\n"), "{request}");
}

#[test]
fn a_camera_that_takes_it_is_not_disturbed() {
    let mut bench = asked();
    bench.reply(&ok(""));
    bench.stream(1, 250);
    assert_eq!((refusals(&bench), bench.errors()), (vec![], vec![]));
}

#[test]
fn a_refusal_is_told_and_the_session_goes_on() {
    for status in [400, 405, 451, 501, 551] {
        let mut bench = asked();
        bench.refuse(status);
        assert_eq!((refusals(&bench), bench.errors()), (vec![false], vec![]), "{status}");
        bench.stream(1, 250);
        assert_eq!(bench.errors(), []);
    }
}

#[test]
fn a_refusal_of_the_credentials_does_harm_and_ends_no_session() {
    let mut bench = asked();
    bench.reply("RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
    assert_eq!((refusals(&bench), bench.errors()), (vec![true], vec![]));
}

#[test]
fn a_connection_that_ends_on_it_is_blamed_on_it_and_a_later_end_is_not() {
    for (later_s, blamed) in [(1, vec![true]), (6, vec![])] {
        let mut bench = asked();
        bench.stream(1, 25 * later_s);
        bench.client.handle_closed(bench.now, "reset");
        bench.collect();
        assert_eq!(refusals(&bench), blamed, "{later_s} s");
    }
    let mut bench = asked();
    bench.reply(&ok(""));
    bench.client.handle_closed(bench.now, "reset");
    bench.collect();
    assert_eq!(refusals(&bench), [], "it was answered");
}

#[test]
fn nobody_is_asked_who_does_not_play() {
    let mut bench = started();
    assert!(!bench.client.renew_stream(bench.now));
    bench.connect();
    bench.describe();
    assert!(!bench.client.renew_stream(bench.now));
    let mut bench = asked();
    bench.client.stop(bench.now);
    bench.pass(Duration::from_secs(1));
    assert!(!bench.client.renew_stream(bench.now));
}

#[test]
fn axis_is_known_by_its_server_header_or_its_description() {
    let tool = |tool: &str| SDP.replace("v=0\r\n", &format!("v=0\r\na=tool:{tool}\r\n"));
    for (headers, sdp, is_axis) in [
        ("", SDP.to_owned(), false),
        ("Server: AXIS RTSP server\r\n", SDP.to_owned(), true),
        ("Server: Praxis/1\r\n", SDP.to_owned(), false),
        ("", tool("Axis 5.50"), true),
        ("", tool("GStreamer"), false),
    ] {
        let mut bench = started();
        bench.connect();
        bench.reply(&ok(""));
        assert!(!bench.client.is_axis());
        bench.reply(&described(headers, &sdp));
        assert_eq!(bench.client.is_axis(), is_axis, "{headers}{sdp}");
    }
}
