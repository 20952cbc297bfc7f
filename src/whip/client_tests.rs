//! What a media server and a peer connection see of the client, in virtual time.

use std::time::{Duration, Instant};

use super::{Client, Output, Status, limits};
use crate::http_client::Url;

const ENDPOINT: &str = "https://sfu.example/whip/room";
const CREATED: &str = "HTTP/1.1 201 Created\r\nLocation: ../s/1\r\nContent-Length: 3\r\n\r\nv=0";

/// A client with its clock.
struct World {
    client: Client,
    now: Instant,
}

impl World {
    fn new(endpoint: &str) -> Self {
        let url = Url::parse(endpoint).unwrap();
        let mut client = Client::new(url, Some("hunter2".to_owned()), 7);
        client.handle_camera(true);
        client.start();
        Self { client, now: Instant::now() }
    }

    /// What the client wants done now, statuses and closing left out.
    fn outputs(&mut self) -> Vec<Output> {
        let all = std::iter::from_fn(|| self.client.poll_output());
        let is_news = |output: &Output| {
            !matches!(output, Output::Status | Output::Close | Output::Disconnect)
        };
        all.filter(is_news).collect()
    }

    /// The one request that the client sends on its next connection, and where to.
    fn request(&mut self) -> (String, String) {
        let outputs = self.outputs();
        let [Output::Connect { host, port, tls }] = &outputs[..] else { panic!("{outputs:?}") };
        let to = format!("{host}:{port}{}", if *tls { " tls" } else { "" });
        self.client.handle_connected();
        let sent = self.outputs();
        let [Output::Send(bytes)] = &sent[..] else { panic!("{sent:?}") };
        (to, String::from_utf8(bytes.clone()).unwrap())
    }

    fn offer(&mut self) {
        assert_eq!(self.outputs(), [Output::Offer]);
        self.client.handle_offer(self.now, Ok("v=0 offer".to_owned()));
    }

    fn answer(&mut self, text: &str) {
        self.client.handle_data(self.now, text.as_bytes());
    }

    fn publish(&mut self) {
        self.offer();
        self.request();
        self.answer(CREATED);
        assert_eq!(self.outputs(), [Output::Answer("v=0".to_owned())]);
        self.client.handle_peer_connected(self.now);
        assert_eq!(*self.client.status(), Status::Publishing);
    }

    /// Goes on to the next deadline; how long that took.
    fn wait(&mut self) -> Duration {
        let at = self.client.poll_timeout().unwrap();
        let waited = at - self.now;
        self.now = at;
        self.client.handle_timeout(at);
        waited
    }

    fn failure(&self) -> &str {
        self.client.status().failure().unwrap()
    }
}

#[test]
fn an_offer_is_posted_with_its_token_and_answered() {
    let mut world = World::new(ENDPOINT);
    assert_eq!(*world.client.status(), Status::Connecting);
    world.offer();
    let (to, request) = world.request();
    assert_eq!(to, "sfu.example:443 tls");
    assert!(request.starts_with("POST /whip/room HTTP/1.1\r\nHost: sfu.example\r\n"), "{request}");
    assert!(request.contains("Authorization: Bearer hunter2\r\n"));
    assert!(request.ends_with("\r\n\r\nv=0 offer"));
    for byte in CREATED.as_bytes() {
        world.client.handle_data(world.now, &[*byte]);
    }
    assert_eq!(world.outputs(), [Output::Answer("v=0".to_owned())]);
    assert_eq!(*world.client.status(), Status::Connecting);
    world.client.handle_peer_connected(world.now);
    assert_eq!(*world.client.status(), Status::Publishing);
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn a_server_that_answers_200_instead_of_201_is_taken_at_its_sdp() {
    let mut world = World::new(ENDPOINT);
    world.offer();
    world.request();
    world.answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nv=0");
    assert_eq!(world.outputs(), [Output::Answer("v=0".to_owned())]);
    world.client.stop(world.now);
    assert!(world.client.is_stopped(), "without a Location there is nothing to delete");
}

#[test]
fn nothing_is_asked_before_the_camera_has_a_picture() {
    let mut client = Client::new(Url::parse(ENDPOINT).unwrap(), None, 1);
    client.start();
    assert_eq!(*client.status(), Status::Waiting);
    assert_eq!(client.poll_output(), Some(Output::Status));
    assert_eq!(client.poll_output(), None);
    client.handle_camera(true);
    assert_eq!(client.poll_output(), Some(Output::Status));
    assert_eq!(client.poll_output(), Some(Output::Offer));
}

#[test]
fn stopping_deletes_the_session_and_then_rests() {
    let mut world = World::new(ENDPOINT);
    world.publish();
    world.client.stop(world.now);
    assert_eq!(*world.client.status(), Status::Stopped);
    let (_, request) = world.request();
    assert!(request.starts_with("DELETE /s/1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Bearer hunter2"));
    assert!(!world.client.is_stopped());
    world.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(world.client.is_stopped());
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn a_server_that_does_not_answer_the_delete_holds_nothing_up() {
    let mut world = World::new(ENDPOINT);
    world.publish();
    world.client.stop(world.now);
    assert_eq!(world.wait(), limits::CALL_TIMEOUT);
    assert!(world.client.is_stopped());
}

#[test]
fn stopping_before_there_is_a_session_asks_nothing() {
    for steps in 0..3 {
        let mut world = World::new(ENDPOINT);
        if steps > 0 {
            world.offer();
        }
        if steps > 1 {
            world.request();
        }
        world.outputs();
        world.client.stop(world.now);
        assert_eq!(world.outputs(), []);
        assert!(world.client.is_stopped());
    }
}

#[test]
fn a_lost_session_is_deleted_and_begun_anew() {
    let mut world = World::new(ENDPOINT);
    world.publish();
    world.now += limits::STABLE_AFTER;
    world.client.handle_peer_ended(world.now, "lost");
    assert_eq!(world.failure(), "lost");
    assert!(world.request().1.starts_with("DELETE /s/1 "));
    world.client.handle_closed(world.now, "refused");
    let waited = world.wait();
    assert!(waited >= limits::BACKOFF_MIN && waited <= limits::BACKOFF_MIN * 5 / 4, "{waited:?}");
    assert_eq!(world.failure(), "lost", "it stands until the next one is up");
    world.publish();
    assert_eq!((world.client.sessions(), world.client.failures()), (2, 1));
}

#[test]
fn refusals_wait_longer_each_time_and_are_told_once() {
    let mut world = World::new(ENDPOINT);
    let mut waits = Vec::new();
    let mut told = 0;
    for _ in 0..8 {
        world.offer();
        world.request();
        world.client.handle_data(world.now, b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
        let outputs: Vec<Output> = std::iter::from_fn(|| world.client.poll_output()).collect();
        told += outputs.iter().filter(|output| **output == Output::Status).count();
        assert!(outputs.contains(&Output::Close) && outputs.contains(&Output::Disconnect));
        assert_eq!(world.failure(), "HTTP 401 (is the token right?)");
        waits.push(world.wait());
    }
    assert_eq!(told, 1);
    for (wait, least) in waits.iter().zip([1, 2, 4, 8, 16, 30, 30, 30].map(Duration::from_secs)) {
        assert!(*wait >= least && *wait <= least * 5 / 4, "{wait:?} of {least:?}");
    }
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let mut world = World::new(ENDPOINT);
    world.offer();
    world.request();
    world.answer("HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.wait(), Duration::from_secs(60));
    world.offer();
    world.request();
    world.answer("HTTP/1.1 503 Busy\r\nRetry-After: 9999999999\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.wait(), limits::RETRY_AFTER_MAX);
}

#[test]
fn a_redirection_is_followed_with_the_offer_but_with_the_token_only_on_the_same_host() {
    for (location, to, has_token) in [
        ("/other", "sfu.example:443 tls", true),
        ("https://sfu.example:8443/a", "sfu.example:8443 tls", true),
        ("https://elsewhere.example/a", "elsewhere.example:443 tls", false),
        ("http://sfu.example/a", "sfu.example:80", false),
    ] {
        let mut world = World::new(ENDPOINT);
        world.offer();
        world.request();
        world.answer(&format!(
            "HTTP/1.1 307 Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ));
        let (found, request) = world.request();
        assert_eq!(found, to);
        assert!(request.starts_with("POST /") && request.ends_with("v=0 offer"));
        assert_eq!(request.contains("hunter2"), has_token, "{location}");
    }
}

#[test]
fn redirections_are_bounded_and_in_one_deadline() {
    let mut world = World::new(ENDPOINT);
    world.offer();
    let give_up_at = world.now + limits::CALL_TIMEOUT;
    for _ in 0..limits::REDIRECTS_MAX {
        world.request();
        world.now += Duration::from_secs(1);
        world.answer("HTTP/1.1 308 Away\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(world.client.poll_timeout(), Some(give_up_at));
    }
    world.request();
    world.answer("HTTP/1.1 308 Away\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.failure(), "too many redirections");
}

#[test]
fn what_is_no_answer_is_a_failure_with_its_reason() {
    for (answer, reason) in [
        ("HTTP/1.1 302 Away\r\nContent-Length: 0\r\n\r\n", "only 307 and 308"),
        ("HTTP/1.1 307 Away\r\nContent-Length: 0\r\n\r\n", "leads nowhere"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "no WHIP endpoint"),
        ("HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\nhunter2", "HTTP 404 (is the address"),
        ("SSH-2.0\r\n", "no HTTP"),
    ] {
        let mut world = World::new(ENDPOINT);
        world.offer();
        world.request();
        world.answer(answer);
        assert!(world.failure().contains(reason), "{answer}: {}", world.failure());
        assert!(!world.failure().contains("hunter2"));
    }
}

#[test]
fn silence_and_a_closed_connection_are_failures() {
    let mut world = World::new(ENDPOINT);
    world.offer();
    assert_eq!(world.wait(), limits::CALL_TIMEOUT);
    assert_eq!(world.failure(), "the server did not answer in time");
    world.outputs();
    world.wait();
    world.offer();
    world.outputs();
    world.client.handle_closed(world.now, "connection refused");
    assert_eq!(world.failure(), "connection refused");
}

#[test]
fn an_offer_that_can_not_be_made_is_tried_again() {
    let mut world = World::new(ENDPOINT);
    assert_eq!(world.outputs(), [Output::Offer]);
    world.client.handle_offer(world.now, Err("no socket".to_owned()));
    assert_eq!(world.failure(), "no socket");
    world.wait();
    world.publish();
}

#[test]
fn what_comes_late_changes_nothing() {
    let mut world = World::new(ENDPOINT);
    world.publish();
    world.client.handle_closed(world.now, "late");
    world.answer("HTTP/1.1 500 No\r\n\r\n");
    world.client.handle_offer(world.now, Err("late".to_owned()));
    world.client.handle_connected();
    world.client.handle_timeout(world.now + Duration::from_secs(99));
    assert_eq!(world.outputs(), []);
    assert_eq!(*world.client.status(), Status::Publishing);
    world.client.stop(world.now);
    world.outputs();
    world.client.handle_peer_ended(world.now, "late");
    assert_eq!(*world.client.status(), Status::Stopped);
}

#[test]
fn while_the_camera_is_away_a_lost_session_is_not_begun_anew() {
    let mut world = World::new(ENDPOINT);
    world.publish();
    world.client.handle_camera(false);
    assert_eq!(*world.client.status(), Status::Publishing);
    world.client.handle_peer_ended(world.now, "nothing came");
    world.request();
    world.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    world.wait();
    assert_eq!(*world.client.status(), Status::Waiting);
    assert_eq!(world.outputs(), []);
    world.client.handle_camera(true);
    world.publish();
}
