//! Captured sessions, with the machine in the page's place.
//!
//! What came in is handed to it as it was; where the page's peer connection made an answer, an
//! offer or candidates, the machine is told the captured ones. What the machine then sends must
//! be what the page sent, byte for byte, but for what is random: our own id, our session ids, and
//! where descriptions are encrypted the vector, under which each is compared decrypted.
//!
//! Left out is what only the page does: it asks for sizes and bit rates, has wishes of its own in
//! its first message, offers itself although it is a scene viewer, and asks again for a stream
//! whose media flows.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crosspoint::room::crypto::Secret;
use crosspoint::room::{
    Candidate, DataEvent, Event, Flavour, Output, Password, PeerEvent, PeerKey, Role, Room,
    RoomOptions,
};
use serde_json::Value;

struct Replay {
    room: Room,
    secret: Secret,
    now: Instant,
    is_publisher: bool,
    /// The page's id and ours, where clients name themselves.
    ids: Option<(String, String)>,
    /// The page's sessions and our peers.
    peers: BTreeMap<String, PeerKey>,
    /// The page's sessions and ours, of a publisher.
    sessions: BTreeMap<String, String>,
    /// Peers whose description is due.
    asked: Vec<PeerKey>,
    flowing: Vec<PeerKey>,
    open: Vec<String>,
    said: VecDeque<(String, String)>,
    events: Vec<Event>,
    answers: usize,
    candidates: usize,
    keyframes: usize,
    compared: usize,
    /// What the page sent and we did not, by kind.
    pages_own: BTreeMap<&'static str, usize>,
}

impl Replay {
    fn run(text: &str, role: Role, flavour: Option<Flavour>, password: Password) -> Self {
        let secret = Secret::new(&password, "vdo.ninja");
        let room = Some("testroom123".to_owned());
        let options = RoomOptions { room, password, flavour, role, ..RoomOptions::default() };
        let start = Instant::now();
        let mut replay = Self {
            is_publisher: matches!(options.role, Role::Publish(_)),
            room: Room::new(start, options, [7; 32]),
            secret,
            now: start,
            ids: None,
            peers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            asked: Vec::new(),
            flowing: Vec::new(),
            open: Vec::new(),
            said: VecDeque::new(),
            events: Vec::new(),
            answers: 0,
            candidates: 0,
            keyframes: 0,
            compared: 0,
            pages_own: BTreeMap::new(),
        };
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let first_ms = rows[0]["t"].as_u64().unwrap();
        for row in &rows {
            let at = start + Duration::from_millis(row["t"].as_u64().unwrap() - first_ms);
            replay.advance(at);
            let text = row["text"].as_str().unwrap_or_default();
            replay.step(row["on"].as_str().unwrap(), row["what"].as_str().unwrap(), text);
            replay.drain();
        }
        assert!(replay.said.is_empty(), "sent but not by the page: {:?}", replay.said);
        replay
    }

    fn advance(&mut self, at: Instant) {
        while self.now < at {
            let step = (self.now + Duration::from_millis(500)).min(at);
            self.now = self.room.poll_timeout().map_or(step, |due| due.clamp(self.now, step));
            self.room.handle_timeout(self.now);
            for peer in self.flowing.clone() {
                self.room.handle_peer(self.now, peer, PeerEvent::Media);
            }
            self.drain();
            if self.room.poll_timeout().is_some_and(|due| due <= self.now) {
                panic!("a deadline that does not pass");
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send(text) => self.said.push_back(("ws".to_owned(), text)),
                // The page's is a long one, and was left out of what is kept.
                Output::SendData { text, .. } if text.starts_with("{\"info\":") => {}
                Output::SendData { peer, text } => {
                    let on = self.peers.iter().find(|(_, key)| **key == peer).unwrap().0.clone();
                    self.said.push_back((on, text));
                }
                Output::Accept { peer, session, .. } => {
                    self.peers.insert(session, peer);
                    self.asked.push(peer);
                }
                Output::Offer { peer, .. } | Output::MakeOffer { peer } => self.asked.push(peer),
                Output::Close { peer } => self.flowing.retain(|flowing| *flowing != peer),
                Output::Answer { .. } => self.answers += 1,
                Output::AddCandidate { .. } => self.candidates += 1,
                Output::Keyframe { .. } => self.keyframes += 1,
                Output::Event(event) => self.events.push(event),
                Output::Connect
                | Output::Disconnect
                | Output::RestartIce { .. }
                | Output::Wanted { .. } => {}
            }
        }
    }

    fn step(&mut self, on: &str, what: &str, text: &str) {
        let now = self.now;
        match (on, what) {
            ("ws", "open") => self.room.handle_socket_open(now),
            ("ws", "close") => self.room.handle_socket_closed(now, Some(1001)),
            ("ws", "in") => {
                let text = match &self.ids {
                    Some((page, own)) => text.replace(page, own),
                    None => text.to_owned(),
                };
                self.room.handle_socket_text(now, &self.with_our_sessions(text));
            }
            (_, "out") => self.page_sent(on, text),
            (session, _) => {
                let Some(peer) = self.peers.get(session).copied() else { return };
                match what {
                    "open" => {
                        self.open.push(session.to_owned());
                        self.flowing.push(peer);
                        self.room.handle_peer(now, peer, PeerEvent::Connected);
                        self.room.handle_data_channel(now, peer, DataEvent::Open);
                    }
                    "close" => {
                        self.flowing.retain(|flowing| *flowing != peer);
                        self.room.handle_data_channel(now, peer, DataEvent::Closed);
                        self.room.handle_peer(now, peer, PeerEvent::Ended);
                    }
                    _ => {
                        let text = self.with_our_sessions(text.to_owned());
                        self.room.handle_data_channel(now, peer, DataEvent::Text(&text));
                    }
                }
            }
        }
    }

    fn with_our_sessions(&self, text: String) -> String {
        self.sessions.iter().fold(text, |text, (page, own)| text.replace(page, own))
    }

    fn pages_own(&mut self, what: &'static str) {
        *self.pages_own.entry(what).or_default() += 1;
    }

    fn page_sent(&mut self, on: &str, text: &str) {
        self.drain();
        let value: Value = serde_json::from_str(text).unwrap();
        let session = value["session"].as_str().unwrap_or(on);
        if on != "ws" && !self.open.iter().any(|open| open == on) {
            // The page tries the channel first, which is not open, and then the WebSocket.
            return self.pages_own("too early for the channel");
        }
        for key in ["ping", "bitrate", "keyframe", "requestStats"] {
            if value.get(key).is_some() {
                return self.pages_own("wishes of the person at the page");
            }
        }
        if value.get("audio").is_some() {
            return self.check_wishes(on, &value);
        }
        if let Some(description) = self.opened(&value, "description") {
            let is_offer = description["type"] == "offer";
            if is_offer != self.is_publisher {
                return self.pages_own("the other direction");
            }
            if self.is_publisher && !self.peers.contains_key(session) {
                self.peers.insert(session.to_owned(), *self.asked.last().expect("an offer is due"));
            }
            let sdp = description["sdp"].as_str().unwrap().to_owned();
            let peer = self.peers[session];
            let was_asked = self.asked.iter().position(|asked| *asked == peer);
            was_asked.map(|at| self.asked.remove(at));
            assert!(was_asked.is_some() || self.is_publisher, "no offer of {session} was taken");
            self.room.handle_peer(self.now, peer, PeerEvent::Description(sdp));
        } else if let Some(candidates) = self.opened(&value, "candidates") {
            let is_offerers = value["type"] == "local";
            if is_offerers != self.is_publisher {
                return self.pages_own("the other direction");
            }
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let candidates = candidates.as_array().unwrap().iter().map(|candidate| Candidate {
                candidate: text(&candidate["candidate"]),
                sdp_mid: text(&candidate["sdpMid"]),
                sdp_m_line_index: u16::try_from(candidate["sdpMLineIndex"].as_u64().unwrap())
                    .unwrap(),
                username_fragment: text(&candidate["usernameFragment"]),
            });
            let candidates = PeerEvent::Candidates(candidates.collect());
            self.room.handle_peer(self.now, self.peers[session], candidates);
        }
        self.drain();
        let Some((own_on, own)) = self.said.pop_front() else {
            let what = match () {
                () if value["request"] == "play" => "play for what flows",
                () if value.get("bye").is_some() => "bye",
                () => panic!("the page sent {text} and we nothing"),
            };
            return self.pages_own(what);
        };
        self.learn_ids(&value, &own);
        let channel = if on == "ws" { "" } else { ",\"isScene\":false" };
        let theirs = self.decrypted(text).replace(channel, "");
        let mut ours = self.decrypted(&own);
        if let Some((page, own)) = &self.ids {
            ours = ours.replace(own, page);
        }
        for (page, own) in &self.sessions {
            ours = ours.replace(own, page);
        }
        assert_eq!((own_on.as_str(), ours), (on, theirs));
        self.compared += 1;
    }

    /// The page asks for what we ask for, and more.
    fn check_wishes(&mut self, on: &str, page: &Value) {
        let (own_on, own) = self.said.pop_front().expect("our wishes");
        assert_eq!(own_on, on);
        let own: Value = serde_json::from_str(&own).unwrap();
        for key in ["audio", "video", "allowscreenaudio", "allowscreenvideo", "guest", "director"] {
            assert_eq!(own[key], page[key], "{key}");
        }
        assert_eq!(own["scene"], false, "a scene would be limited");
        self.compared += 1;
    }

    fn learn_ids(&mut self, page: &Value, own: &str) {
        let own: Value = serde_json::from_str(own).unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if self.ids.is_none() {
            self.ids = text(&page["from"]).zip(text(&own["from"]));
        }
        if self.is_publisher {
            self.sessions.extend(text(&page["session"]).zip(text(&own["session"])));
        }
    }

    fn opened(&self, value: &Value, key: &str) -> Option<Value> {
        let found = value.get(key)?;
        let Some(sealed) = found.as_str() else { return Some(found.clone()) };
        let text = self.secret.decrypt(sealed, value["vector"].as_str().unwrap());
        Some(serde_json::from_str(&text.expect("the password")).unwrap())
    }

    /// The text with what is encrypted in it decrypted, as text, and without its vector.
    fn decrypted(&self, text: &str) -> String {
        let value: Value = serde_json::from_str(text).unwrap();
        let Some(vector) = value["vector"].as_str() else { return text.to_owned() };
        let sealed = value.get("description").or(value.get("candidates")).unwrap();
        let sealed = sealed.as_str().unwrap();
        let plain = self.secret.decrypt(sealed, vector).unwrap();
        text.replace(sealed, &plain).replace(vector, "vector")
    }

    fn streams(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::StreamAnnounced { stream } => Some(format!("+{stream}")),
            Event::StreamGone { stream } => Some(format!("-{stream}")),
            _ => None,
        };
        self.events.iter().filter_map(name).collect()
    }
}

fn watch(text: &str, flavour: Option<Flavour>, password: Password) -> Replay {
    Replay::run(text, Role::WatchAll, flavour, password)
}

fn publish(text: &str, flavour: Option<Flavour>, password: Password) -> Replay {
    Replay::run(text, Role::Publish("camA".to_owned()), flavour, password)
}

#[test]
fn a_viewer_of_a_room_with_a_password_on_a_custom_server() {
    let text = include_str!("captured/custom-password-viewer.jsonl");
    let secret = Password::Given("secret1".to_owned());
    let replay = watch(text, Some(Flavour::Custom), secret);
    assert_eq!(replay.streams(), ["+camA", "+camB", "-camA", "+camA"]);
    assert_eq!((replay.compared, replay.peers.len()), (12, 3));
    assert_eq!(replay.pages_own, BTreeMap::from([("the other direction", 2)]));
}

#[test]
fn a_viewer_of_a_room_with_the_public_password() {
    let text = include_str!("captured/custom-public-viewer.jsonl");
    for flavour in [Some(Flavour::Custom), None] {
        let replay = watch(text, flavour, Password::Public);
        assert_eq!((replay.streams(), replay.compared), (vec!["+camA".to_owned()], 4));
    }
}

#[test]
fn a_viewer_of_a_room_with_a_leave_and_a_rejoin_on_an_assigning_server() {
    let text = include_str!("captured/assigned-rejoin-viewer.jsonl");
    let replay = watch(text, Some(Flavour::Assigned), Password::Off);
    assert_eq!(replay.streams(), ["+camA", "+camB", "-camA", "+camA"]);
    assert_eq!(replay.peers.len(), 3);
    assert!(replay.pages_own.is_empty(), "{:?}", replay.pages_own);
}

#[test]
fn a_viewer_through_an_ice_restart_and_both_sides_losing_a_custom_server() {
    let text = include_str!("captured/custom-reconnect-viewer.jsonl");
    let replay = watch(text, Some(Flavour::Custom), Password::Off);
    // One session all along: nothing was asked for a second time, although the page did.
    assert_eq!(replay.peers.len(), 1);
    assert_eq!(replay.pages_own["play for what flows"], 1);
    assert_eq!(replay.streams(), ["+camA", "-camA"]);
}

#[test]
fn a_viewer_through_an_ice_restart_and_both_sides_losing_an_assigning_server() {
    let text = include_str!("captured/assigned-reconnect-viewer.jsonl");
    let replay = watch(text, Some(Flavour::Assigned), Password::Off);
    assert_eq!(replay.pages_own["play for what flows"], 2);
    // The page's second session was kept back until the first had ended.
    assert_eq!(replay.peers.len(), 2);
    assert_eq!(replay.streams(), ["+camA", "-camA"]);
}

#[test]
fn a_publisher_in_a_room_with_the_public_password() {
    let text = include_str!("captured/custom-public-publisher.jsonl");
    let replay = publish(text, Some(Flavour::Custom), Password::Public);
    assert_eq!((replay.compared, replay.answers, replay.candidates), (3, 1, 1));
}

#[test]
fn a_publisher_through_an_ice_restart_and_both_sides_losing_a_custom_server() {
    let text = include_str!("captured/custom-reconnect-publisher.jsonl");
    let replay = publish(text, Some(Flavour::Custom), Password::Off);
    assert_eq!((replay.answers, replay.keyframes, replay.peers.len()), (3, 1, 1));
}

#[test]
fn a_publisher_through_an_ice_restart_and_both_sides_losing_an_assigning_server() {
    let text = include_str!("captured/assigned-reconnect-publisher.jsonl");
    let replay = publish(text, Some(Flavour::Assigned), Password::Off);
    assert_eq!((replay.answers, replay.keyframes, replay.peers.len()), (5, 1, 2));
}
