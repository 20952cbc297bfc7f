//! WHIP, from the server's side.

use super::*;

fn post(target: &str, headers: &str, body: &str) -> Action {
    let length = body.len();
    act(&format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn status(target: &str, headers: &str, body: &str) -> u16 {
    respond(post(target, headers, body)).status
}

const SDP: &str = "Content-Type: application/sdp\r\n";

#[test]
fn an_offer_for_a_stream_that_is_pushed_is_taken() {
    let expected = Action::Whip { dst: "mast".to_owned(), sdp: "v=0".to_owned() };
    assert_eq!(post("/api/webrtc?dst=mast", SDP, "v=0"), expected);
    let other = "Content-Type: Application/SDP; charset=utf-8\r\n";
    assert_eq!(post("/api/webrtc?dst=mast", other, "v=0"), expected);
}

#[test]
fn each_bad_offer_has_its_status() {
    for (target, headers, body, expected) in [
        ("/api/webrtc?dst=nope", SDP, "v=0", 404),
        ("/api/webrtc?dst=door", SDP, "v=0", 403),
        ("/api/webrtc?dst=locked", SDP, "v=0", 403),
        ("/api/webrtc?dst=", SDP, "v=0", 400),
        ("/api/webrtc?dst=mast", "", "v=0", 415),
        ("/api/webrtc?dst=mast", "Content-Type: application/json\r\n", "{}", 415),
        ("/api/webrtc?dst=mast", SDP, " \r\n", 400),
    ] {
        assert_eq!(status(target, headers, body), expected, "{target} {headers} {body}");
    }
}

#[test]
fn a_stream_with_a_token_is_published_by_who_shows_it() {
    let with = |authorization: &str| format!("{SDP}Authorization: {authorization}\r\n");
    let taken = post("/api/webrtc?dst=secret", &with("bearer  hunter2"), "v=0");
    assert!(matches!(taken, Action::Whip { .. }), "{taken:?}");
    for headers in [SDP, &with("Bearer hunter3"), &with("Basic hunter2"), &with("Bearer")] {
        let refused = respond(post("/api/webrtc?dst=secret", headers, "v=0"));
        assert_eq!(refused.status, 401, "{headers}");
        let challenge = header(&refused, "WWW-Authenticate").unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
}

#[test]
fn only_post_and_options_are_for_the_endpoint_and_nothing_is_patched() {
    for (line, expected) in [
        ("GET /api/webrtc?dst=mast", 405),
        ("PATCH /api/webrtc?dst=mast", 405),
        ("OPTIONS /api/webrtc?dst=mast", 204),
        ("PATCH /api/webrtc/7f", 405),
    ] {
        let answer = response(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(answer.status, expected, "{line}");
    }
}
