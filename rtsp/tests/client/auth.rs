//! Cameras with a password.

use std::time::Duration;

use rtsp::client::Error;

use crate::bench::*;

fn locked() -> Bench {
    let mut bench = started_with(options("rtsp://user:p%40ss@cam/live"));
    bench.connect();
    bench
}

fn challenge(bench: &mut Bench, nonce: &str) {
    let offer =
        format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    bench.reply(&format!("RTSP/1.0 401 Unauthorized\r\n{offer}"));
}

/// A parameter of the `Authorization` of a request.
fn param(request: &str, name: &str) -> Option<String> {
    let value = header(request, "Authorization")?;
    let (_, rest) = value.split_once(&format!("{name}="))?;
    let end = rest.find(", ").unwrap_or(rest.len());
    Some(rest[..end].trim_matches('"').to_owned())
}

#[test]
fn a_challenge_is_answered_and_every_later_request_carries_the_answer() {
    let mut bench = locked();
    assert_eq!(header(&bench.last_request(), "Authorization"), None);
    bench.reply(&ok("Public: GET_PARAMETER\r\n"));
    challenge(&mut bench, "n1");
    bench.reply(&described("", SDP));
    bench.reply(&ok("Session: 42\r\n"));
    bench.reply(&ok(""));
    bench.stream(1, 800);
    bench.client.stop(bench.now);
    bench.collect();
    assert_eq!(
        bench.methods(),
        ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"]
    );
    for (count, request) in (1..).zip(&bench.requests()[2..]) {
        assert_eq!(param(request, "nonce").as_deref(), Some("n1"));
        assert_eq!(param(request, "nc"), Some(format!("{count:08x}")));
        // Byte for byte what the request line says.
        assert_eq!(param(request, "uri").as_deref(), request.split(' ').nth(1));
    }
}

#[test]
fn a_keep_alive_whose_answer_is_refused_does_not_end_the_session() {
    let mut bench = locked();
    challenge(&mut bench, "n1");
    bench.play();
    bench.stream(1, 800);
    for nonce in ["n2", "n3", "n4", "n5"] {
        challenge(&mut bench, nonce);
    }
    bench.stream(801, 200);
    assert_eq!(bench.errors(), []);
}

#[test]
fn wrong_credentials_are_tried_twice_and_then_not_for_a_minute() {
    let mut bench = locked();
    bench.reply(&ok(""));
    for nonce in ["n1", "n2", "n3"] {
        challenge(&mut bench, nonce);
    }
    assert_eq!(bench.failures(), [(Error::CredentialsRefused, Duration::from_secs(60))]);
    assert_eq!(bench.methods(), ["OPTIONS", "DESCRIBE", "DESCRIBE", "DESCRIBE"]);
    // Nor does a viewer who comes and goes bring the account any nearer to being locked.
    bench.client.stop(bench.now);
    bench.client.start(bench.now);
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.dials(), 1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.dials(), 2);
}

#[test]
fn missing_credentials_are_told_from_wrong_ones() {
    let mut bench = started();
    bench.connect();
    challenge(&mut bench, "n1");
    assert_eq!(bench.errors(), [Error::CredentialsMissing]);
    let mut bench = locked();
    bench.reply("RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n");
    assert_eq!(bench.errors(), [Error::AuthenticationUnsupported]);
    let mut bench = locked();
    bench.reply("RTSP/1.0 401 Unauthorized\r\n");
    assert_eq!(bench.errors(), [Error::AuthenticationUnsupported]);
}

#[test]
fn a_camera_that_closes_on_a_challenge_is_answered_on_the_next_connection() {
    let mut bench = locked();
    challenge(&mut bench, "n1");
    bench.client.handle_closed(bench.now, "closed");
    bench.pass(Duration::from_secs(3));
    bench.connect();
    assert_eq!(param(&bench.last_request(), "nonce").as_deref(), Some("n1"));
    bench.play();
    bench.rtp(1, IDR);
    assert_eq!(bench.access_units().len(), 1);
}

#[test]
fn the_password_is_never_printed() {
    let mut bench = locked();
    bench.reply("RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n");
    let secret = header(&bench.last_request(), "Authorization").unwrap().split_off("Basic ".len());
    let printed = format!("{:?} {:?}", bench.client, bench.events());
    assert!(!printed.contains("p@ss") && !printed.contains("p%40ss"), "{printed}");
    assert!(!printed.contains(&secret), "{printed}");
}
