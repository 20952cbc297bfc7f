//! Messages in any order, doubled, lost, and from peers that do what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crosspoint::room::{
    DataEvent, Flavour, Output, Password, PeerEvent, PeerKey, Role, Room, RoomOptions, limits,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Text { kind: u8, who: u8, stream: u8, session: u8 },
    Data { peer: u8, kind: u8, session: u8 },
    Peer { peer: u8, kind: u8 },
    Open,
    Close,
    Wait { ms: u16 },
}

fn act() -> impl Strategy<Value = Act> {
    let id = || 0..12_u8;
    // As many as are remembered.
    let session = || 0..8_u8;
    prop_oneof![
        8 => (0..14_u8, id(), id(), session())
            .prop_map(|(kind, who, stream, session)| Act::Text { kind, who, stream, session }),
        3 => (id(), 0..6_u8, session())
            .prop_map(|(peer, kind, session)| Act::Data { peer, kind, session }),
        3 => (id(), 0..6_u8).prop_map(|(peer, kind)| Act::Peer { peer, kind }),
        2 => Just(Act::Open),
        1 => Just(Act::Close),
        2 => (0..20_000_u16).prop_map(|ms| Act::Wait { ms }),
    ]
}

fn text(kind: u8, who: u8, stream: u8, session: u8, count: usize) -> String {
    let from = format!("\"UUID\":\"u{who}\",\"session\":\"s{session}\"");
    match kind {
        0 => format!(
            r#"{{"request":"listing","list":[{{"UUID":"u{who}","streamID":"c{stream}"}}]}}"#
        ),
        1 => format!(r#"{{"request":"videoaddedtoroom","UUID":"u{who}","streamID":"c{stream}"}}"#),
        2 => format!(r#"{{"request":"joinroom","from":"u{who}","streamID":"c{stream}"}}"#),
        3 => format!(r#"{{"request":"offerSDP","UUID":"u{who}"}}"#),
        4 => format!(r#"{{"request":"play","from":"u{who}","streamID":"me"}}"#),
        5..=7 => format!(
            r#"{{{from},"from":"u{who}","streamID":"c{stream}","description":{{"type":"offer","sdp":"v={}"}}}}"#,
            count % 3
        ),
        8 => format!(r#"{{{from},"from":"u{who}","description":{{"type":"answer","sdp":"v=0"}}}}"#),
        9 => format!(
            r#"{{{from},"from":"u{who}","type":"local","candidates":[{{"candidate":"candidate:1"}}]}}"#
        ),
        10 => format!(r#"{{{from},"type":"remote","candidate":{{"candidate":"candidate:2"}}}}"#),
        11 => format!(r#"{{{from},"from":"u{who}","bye":true}}"#),
        12 => format!(r#"{{"type":"disconnect","uuid":"u{who}"}}"#),
        _ => r#"{"request":"alert","message":"Room is full"}"#.to_owned(),
    }
}

struct Checked {
    room: Room,
    alive: BTreeMap<PeerKey, String>,
    seen: BTreeSet<(String, String)>,
    made: Vec<PeerKey>,
    is_connecting: bool,
}

impl Checked {
    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.room.poll_output() {
            count += 1;
            match output {
                Output::Accept { peer, stream, session, .. } => {
                    assert!(!self.alive.values().any(|other| *other == stream), "two of {stream}");
                    assert!(self.seen.insert((stream.clone(), session)), "a session came twice");
                    self.alive.insert(peer, stream);
                    self.made.push(peer);
                }
                Output::MakeOffer { peer } => {
                    self.alive.insert(peer, format!("viewer {}", peer.0));
                    self.made.push(peer);
                }
                Output::Close { peer } => {
                    assert!(self.alive.remove(&peer).is_some(), "closed what was not there");
                }
                Output::AddCandidate { peer, .. }
                | Output::Offer { peer, .. }
                | Output::Answer { peer, .. }
                | Output::SendData { peer, .. } => assert!(self.alive.contains_key(&peer)),
                Output::Connect => self.is_connecting = true,
                _ => {}
            }
        }
        assert!(count <= 400, "{count} outputs of one input");
        assert_eq!(self.alive.len(), self.room.peers());
        assert!(self.alive.len() <= limits::STREAMS_MAX + limits::VIEWERS_MAX);
    }
}

fn run(role: Role, flavour: Option<Flavour>, acts: &[Act]) {
    let mut now = Instant::now();
    let room = Some("studio".to_owned());
    let password = Password::Off;
    let options = RoomOptions { room, password, flavour, role, ..RoomOptions::default() };
    let room = Room::new(now, options, [1; 32]);
    let (alive, seen) = (BTreeMap::new(), BTreeSet::new());
    let mut checked = Checked { room, alive, seen, made: Vec::new(), is_connecting: false };
    checked.drain();
    checked.room.handle_socket_open(now);
    checked.drain();
    for (count, act) in acts.iter().enumerate() {
        let peer = |number: &u8| checked.made.iter().rev().nth(usize::from(*number)).copied();
        match act {
            Act::Text { kind, who, stream, session } => {
                let text = text(*kind, *who, *stream, *session, count);
                checked.room.handle_socket_text(now, &text);
            }
            Act::Data { peer: number, kind, session } => {
                let Some(peer) = peer(number) else { continue };
                let text = match kind {
                    0 => r#"{"ping":1,"keyframe":true,"requestStats":true}"#.to_owned(),
                    1 => r#"{"bye":true}"#.to_owned(),
                    kind => text(kind + 3, 0, 0, *session, count),
                };
                checked.room.handle_data_channel(now, peer, DataEvent::Open);
                checked.room.handle_data_channel(now, peer, DataEvent::Text(&text));
            }
            Act::Peer { peer: number, kind } => {
                let Some(peer) = peer(number) else { continue };
                let event = match kind {
                    0 => PeerEvent::Connected,
                    1 => PeerEvent::Disconnected,
                    2 | 3 => PeerEvent::Media,
                    4 => PeerEvent::Description("v=0".to_owned()),
                    _ => {
                        checked.alive.remove(&peer);
                        PeerEvent::Ended
                    }
                };
                checked.room.handle_peer(now, peer, event);
            }
            Act::Open => checked.room.handle_socket_open(now),
            Act::Close => checked.room.handle_socket_closed(now, None),
            Act::Wait { ms } => {
                let end = now + Duration::from_millis((*ms).into());
                while let Some(due) = checked.room.poll_timeout().filter(|due| *due <= end) {
                    now = now.max(due);
                    checked.room.handle_timeout(now);
                    checked.drain();
                    let next = checked.room.poll_timeout();
                    assert!(next.is_none_or(|next| next > now), "a deadline that does not pass");
                }
                now = end;
            }
        }
        checked.drain();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_watcher_keeps_one_peer_a_stream_whatever_comes(
        acts in proptest::collection::vec(act(), 0..200),
        flavour in prop_oneof![
            Just(None), Just(Some(Flavour::Assigned)), Just(Some(Flavour::Custom))
        ],
    ) {
        run(Role::WatchAll, flavour, &acts);
    }

    #[test]
    fn a_publisher_keeps_one_peer_a_viewer_whatever_comes(
        acts in proptest::collection::vec(act(), 0..200),
        flavour in prop_oneof![
            Just(None), Just(Some(Flavour::Assigned)), Just(Some(Flavour::Custom))
        ],
    ) {
        run(Role::Publish("me".to_owned()), flavour, &acts);
    }
}

#[test]
fn a_server_that_floods_costs_only_so_many_peers() {
    for role in [Role::WatchAll, Role::Publish("me".to_owned())] {
        let now = Instant::now();
        let room = Some("studio".to_owned());
        let (password, flavour) = (Password::Off, Some(Flavour::Assigned));
        let options = RoomOptions { room, password, flavour, role, ..RoomOptions::default() };
        let mut room = Room::new(now, options, [1; 32]);
        room.handle_socket_open(now);
        let mut outputs = 0;
        for number in 0..1000 {
            for text in [
                format!(
                    r#"{{"request":"videoaddedtoroom","UUID":"u{number}","streamID":"c{number}"}}"#
                ),
                format!(r#"{{"request":"offerSDP","UUID":"u{number}"}}"#),
                format!(
                    r#"{{"UUID":"u{number}","streamID":"c{number}","session":"s","description":{{"type":"offer","sdp":"v=0"}}}}"#
                ),
                "x".repeat(limits::MESSAGE_MAX_BYTES + 1),
            ] {
                room.handle_socket_text(now, &text);
                outputs += std::iter::from_fn(|| room.poll_output()).count();
            }
        }
        assert_eq!(room.peers(), limits::STREAMS_MAX);
        assert!(outputs < 5 * limits::STREAMS_MAX + 10, "{outputs}");
    }
}
