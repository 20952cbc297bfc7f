//! Who may come in.

use std::time::{Duration, Instant};

use rtsp::auth::Authenticator;
use rtsp::interleaved::{Item, Parser};
use rtsp::message::{Headers, Response};
use rtsp::server::limits::{MAX_WRONG_ANSWERS, NONCE_LIFETIME};
use rtsp::server::{Options, Output, describe_h264};
use rtsp::url::Credentials;

use crate::bench::*;

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: password.to_owned() }
}

fn peer() -> Peer {
    let credentials = Some(credentials("us\"er", "Zq7-pass"));
    Peer::of(Options { credentials, accepts_push: true, ..Options::default() })
}

fn parse(reply: &str) -> Response {
    let mut parser = Parser::new();
    parser.push(reply.as_bytes());
    match parser.next() {
        Ok(Some(Item::Response(response))) => response,
        other => panic!("{reply}: {other:?}"),
    }
}

/// The challenges of a refused DESCRIBE.
fn challenges(peer: &mut Peer, headers: &[&str]) -> Headers {
    let (reply, _) = peer.ask("DESCRIBE", URL, headers);
    assert!(reply.starts_with("RTSP/1.0 401 Unauthorized\r\n"), "{reply}");
    parse(&reply).headers
}

/// The answer of this crate's client to one of the challenges.
fn answer(headers: &Headers, algorithm: &str, user: &Credentials, uri: &str) -> String {
    let mut kept = Headers::new();
    let value = headers.get_all("WWW-Authenticate").find(|value| value.contains(algorithm));
    kept.push("WWW-Authenticate", value.unwrap());
    let mut client = Authenticator::new(Some(user.clone()), 1);
    client.handle_unauthorized(&kept, false).unwrap();
    format!("Authorization: {}", client.authorization("DESCRIBE", uri).unwrap())
}

#[test]
fn either_digest_lets_a_client_in_and_he_stays_in() {
    for algorithm in ["=MD5", "=SHA-256"] {
        let mut peer = peer();
        assert_eq!(peer.status("OPTIONS", "*", &[]), "200");
        let offered = challenges(&mut peer, &[]);
        let user = credentials("us\"er", "Zq7-pass");
        let header = answer(&offered, algorithm, &user, URL);
        let (_, outputs) = peer.ask("DESCRIBE", URL, &[&header]);
        let name = "yard".to_owned();
        assert_eq!(outputs, [Output::RightPassword, Output::Describe { name }]);
        peer.session.describe_result(peer.now, Ok(&describe_h264("", None)));
        peer.outputs();
        peer.now += NONCE_LIFETIME * 2;
        assert_eq!(peer.status("SETUP", URL, &[TCP]), "200", "no second question");
    }
}

#[test]
fn md5_stands_last_and_both_challenges_have_one_fresh_nonce() {
    let mut peer = peer();
    let first = challenges(&mut peer, &[]);
    let values: Vec<&str> = first.get_all("WWW-Authenticate").collect();
    assert_eq!(values.len(), 2);
    assert!(values[0].ends_with("SHA-256") && values[1].ends_with("MD5"), "{values:?}");
    assert_eq!(values[0].replace("SHA-256", ""), values[1].replace("MD5", ""));
    assert!(!values[0].contains("stale"));
    let mut other =
        Peer::of(Options { credentials: Some(credentials("a", "b")), ..Options::default() });
    other.now += Duration::from_secs(1);
    assert_eq!(challenges(&mut other, &[]), first, "the seed makes the nonce");
}

#[test]
fn nothing_but_options_is_answered_without_the_password() {
    let methods = ["DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "RECORD", "GET_PARAMETER", "TEARDOWN"];
    for method in methods {
        assert_eq!(peer().status(method, URL, &[TCP]), "401", "{method}");
    }
}

#[test]
fn a_wrong_answer_is_told_and_the_third_ends_the_connection() {
    let wrong = [
        credentials("us\"er", "Zq7-pass2"),
        credentials("us\"e", "Zq7-pass"),
        credentials("US\"ER", "Zq7-pass"),
    ];
    let mut peer = peer();
    let mut offered = challenges(&mut peer, &[]);
    for (count, user) in (1..).zip(&wrong) {
        let header = answer(&offered, "=MD5", user, URL);
        let (reply, outputs) = peer.ask("DESCRIBE", URL, &[&header]);
        assert!(reply.starts_with("RTSP/1.0 401 ") && !reply.contains("stale"), "{reply}");
        let ended = if count == MAX_WRONG_ANSWERS { vec![Output::Close] } else { vec![] };
        assert_eq!(outputs, [vec![Output::WrongPassword], ended].concat(), "{count}");
        offered = parse(&reply).headers;
    }
}

#[test]
fn a_challenge_that_is_too_old_is_called_stale_and_is_no_guess() {
    let user = credentials("us\"er", "Zq7-pass");
    let mut peer = peer();
    let offered = challenges(&mut peer, &[]);
    let header = answer(&offered, "=SHA-256", &user, URL);
    peer.now += NONCE_LIFETIME;
    let (reply, outputs) = peer.ask("DESCRIBE", URL, &[&header]);
    assert_eq!(outputs, []);
    let again = parse(&reply).headers;
    assert!(again.get("WWW-Authenticate").unwrap().contains(", stale=true"));
    let header = answer(&again, "=SHA-256", &user, URL);
    assert_eq!(peer.ask("DESCRIBE", URL, &[&header]).1[0], Output::RightPassword);
}

#[test]
fn an_answer_that_was_overheard_opens_no_other_connection() {
    let user = credentials("us\"er", "Zq7-pass");
    let mut first = peer();
    let header = answer(&challenges(&mut first, &[]), "=MD5", &user, URL);
    let options = Options { credentials: Some(user), ..Options::default() };
    let now = Instant::now();
    let mut other = Peer::of(Options::default());
    other.session = rtsp::server::Session::new(now, NTP, 8, options);
    challenges(&mut other, &[]);
    let (reply, outputs) = other.ask("DESCRIBE", URL, &[&header]);
    assert!(reply.starts_with("RTSP/1.0 401 ") && outputs.is_empty(), "{reply}");
}

#[test]
fn an_answer_holds_for_what_it_names_and_what_lies_below() {
    let user = credentials("us\"er", "Zq7-pass");
    for (about, is_let_in) in [
        (URL, true),
        ("rtsp://127.0.0.1:8554/yard", true),
        ("rtsp://127.0.0.1:8554/garden", false),
        ("nonsense", false),
    ] {
        let mut peer = peer();
        let header = answer(&challenges(&mut peer, &[]), "=MD5", &user, about);
        let (_, outputs) = peer.ask("DESCRIBE", URL, &[&header]);
        assert_eq!(outputs[0] == Output::RightPassword, is_let_in, "{about}");
    }
}

#[test]
fn an_answer_is_right_in_all_its_parts() {
    let user = credentials("us\"er", "Zq7-pass");
    let mut client = peer();
    let header = answer(&challenges(&mut client, &[]), "=MD5", &user, URL);
    let at = header.find("response=\"").unwrap() + "response=\"".len();
    let (before, after) = header.split_at(at);
    let wrong = [
        format!("{before}{}", &after[32..]),
        format!("{before}{}", &after[1..]),
        format!("{before}0{after}"),
        header.replace("us\\\"er", "user"),
        header.replace("us\\\"er", ""),
    ];
    for value in &wrong {
        assert_ne!(*value, header);
        let (_, outputs) = peer().ask("DESCRIBE", URL, &[value]);
        assert_eq!(outputs, [Output::WrongPassword], "{value}");
    }
    assert_eq!(client.ask("DESCRIBE", URL, &[&header]).1[0], Output::RightPassword);
}

#[test]
fn other_schemes_and_nonsense_are_no_answers() {
    for value in [
        "Basic dXNlcjpacTctcGFzcw==",
        "Digest",
        "Digest realm=\"other\", username=\"us\\\"er\", nonce=\"1\", uri=\"/yard\", response=\"\"",
        "Digest realm=\"crosspoint\", username=\"u\", nonce=\"1\", uri=\"/\", response=\"\", \
         algorithm=SHA-512-256",
        "=,;\"",
    ] {
        let mut peer = peer();
        let (reply, outputs) = peer.ask("DESCRIBE", URL, &[&format!("Authorization: {value}")]);
        assert!(reply.starts_with("RTSP/1.0 401 "), "{reply}");
        assert_eq!(outputs, [], "{value}");
    }
}
