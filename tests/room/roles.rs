//! One machine on its own: what it says to what it hears.

use std::time::{Duration, Instant};

use crosspoint::room::{
    Candidate, DataEvent, Event, Flavour, Output, Password, PeerEvent, PeerKey, Role, Room,
    RoomOptions, limits,
};

struct One {
    room: Room,
    now: Instant,
}

impl One {
    /// One that is just in; the assigning server has not said anything.
    fn open(role: Role, room: Option<&str>, flavour: Flavour) -> Self {
        let options = RoomOptions {
            room: room.map(str::to_owned),
            password: Password::Off,
            flavour: Some(flavour),
            role,
            ..RoomOptions::default()
        };
        let now = Instant::now();
        let mut one = Self { room: Room::new(now, options, [3; 32]), now };
        assert_eq!(one.outputs(), [Output::Connect]);
        one.room.handle_socket_open(now);
        one
    }

    fn watching(flavour: Flavour) -> Self {
        let mut one = Self::open(Role::WatchAll, Some("r"), flavour);
        one.outputs();
        one
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.room.poll_output()).collect()
    }

    fn hear(&mut self, text: &str) -> Vec<Output> {
        self.room.handle_socket_text(self.now, text);
        self.outputs()
    }

    fn data(&mut self, peer: PeerKey, text: &str) -> Vec<Output> {
        self.room.handle_data_channel(self.now, peer, DataEvent::Text(text));
        self.outputs()
    }

    fn tell(&mut self, peer: PeerKey, event: PeerEvent) -> Vec<Output> {
        self.room.handle_peer(self.now, peer, event);
        self.outputs()
    }

    fn wait(&mut self, seconds: u64) -> Vec<Output> {
        let end = self.now + Duration::from_secs(seconds);
        let mut outputs = Vec::new();
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.room.handle_timeout(due);
            outputs.extend(self.outputs());
        }
        self.now = end;
        outputs
    }
}

fn send(text: &str) -> Output {
    Output::Send(text.to_owned())
}

fn offer(uuid: &str, stream: &str, session: &str) -> String {
    format!(
        r#"{{"UUID":"{uuid}","streamID":"{stream}","description":{{"type":"offer","sdp":"v=0"}},"session":"{session}"}}"#
    )
}

const ADDED: &str = r#"{"request":"videoaddedtoroom","UUID":"p1","streamID":"cam"}"#;
const PLAY: &str = r#"{"request":"play","streamID":"cam"}"#;

#[test]
fn a_stream_without_a_room_is_asked_for_at_once_and_accepted_without_being_announced() {
    let mut one = One::open(Role::View("cam".to_owned()), None, Flavour::Assigned);
    assert_eq!(one.outputs(), [send(PLAY), Output::Event(Event::Joined)]);
    assert_eq!(one.hear(&offer("p1", "other", "s1")), []);
    let outputs = one.hear(&offer("p1", "cam", "s1"));
    assert!(matches!(&outputs[1], Output::Accept { stream, .. } if stream == "cam"), "{outputs:?}");
}

#[test]
fn only_announced_streams_are_accepted_from_those_who_announced_them() {
    let mut one = One::watching(Flavour::Assigned);
    assert_eq!(one.hear(&offer("p1", "cam", "s1")), []);
    one.hear(ADDED);
    assert_eq!(one.hear(&offer("p2", "cam", "s1")), [], "somebody else's");
    assert_eq!(one.hear(&offer("p1", "cam", "s1")).len(), 1);
}

#[test]
fn an_offer_of_a_scene_viewer_is_not_taken() {
    let mut one = One::watching(Flavour::Custom);
    let scene = |value: &str| {
        offer("", "zhs8Je7", "s1")
            .replace(r#""UUID":"","#, &format!(r#""from":"p1","isScene":{value},"#))
    };
    assert_eq!(one.hear(&scene("\"0\"")), []);
    assert_eq!(one.hear(&scene("false")).len(), 2);
}

#[test]
fn a_publisher_with_a_new_id_keeps_its_flowing_session() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    one.hear(&offer("p1", "cam", "s1"));
    let peer = PeerKey(1);
    one.tell(peer, PeerEvent::Description("v=0".to_owned()));
    one.tell(peer, PeerEvent::Connected);
    one.tell(peer, PeerEvent::Media);
    assert_eq!(one.hear(&ADDED.replace("p1", "p2")), [], "no play");
    // Its next offer by WebSocket comes from the new id, and so goes the answer.
    let restart = offer("p2", "cam", "s1").replace("v=0", "v=1");
    assert_eq!(one.hear(&restart), [Output::Offer { peer, sdp: "v=1".to_owned() }]);
    let answer = one.tell(peer, PeerEvent::Description("v=2".to_owned()));
    let expected = r#"{"UUID":"p2","description":{"type":"answer","sdp":"v=2"},"session":"s1"}"#;
    assert_eq!(answer, [send(expected)]);
}

#[test]
fn another_session_waits_until_the_flowing_one_is_silent() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    one.hear(&offer("p1", "cam", "s1"));
    one.tell(PeerKey(1), PeerEvent::Connected);
    one.tell(PeerKey(1), PeerEvent::Media);
    assert_eq!(one.hear(&offer("p1", "cam", "s2")), []);
    assert_eq!(one.wait(2), []);
    let outputs = one.wait(2);
    assert_eq!(outputs[0], Output::Close { peer: PeerKey(1) });
    assert!(matches!(&outputs[1], Output::Accept { session, .. } if session == "s2"));
    // The first one never comes back.
    assert_eq!(one.hear(&offer("p1", "cam", "s1")), []);
}

#[test]
fn early_candidates_follow_their_offer_and_mdns_ones_do_not() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    let early = r#"{"UUID":"p1","type":"local","session":"s1","candidates":[
        {"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host"},
        {"candidate":"candidate:1 1 udp 1 b2c.local 9 typ host"},{"candidate":""}]}"#;
    assert_eq!(one.hear(early), []);
    assert_eq!(one.hear(&early.replace("local\",\"s", "remote\",\"s")), [], "another side's");
    let outputs = one.hear(&offer("p1", "cam", "s1"));
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    let candidate = "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned();
    assert_eq!(outputs[1], Output::AddCandidate { peer: PeerKey(1), candidate });
}

#[test]
fn a_channel_asks_for_media_and_answers_pings_offers_and_goodbyes() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    one.hear(&offer("p1", "cam", "s1"));
    let peer = PeerKey(1);
    one.tell(peer, PeerEvent::Description("v=0".to_owned()));
    one.room.handle_data_channel(one.now, peer, DataEvent::Open);
    let [Output::SendData { text, .. }] = &one.outputs()[..] else { panic!("no wishes") };
    assert!(text.starts_with(r#"{"audio":true,"video":true,"#), "{text}");
    let pong = |text: &str| [Output::SendData { peer, text: text.to_owned() }];
    assert_eq!(one.data(peer, r#"{"ping":1764000000000}"#), pong(r#"{"pong":1764000000000}"#));
    assert_eq!(one.data(peer, r#"{"ping":{"a":1}}"#), []);
    let media = r#"{"UUID":"me","streamID":"cam","description":{"type":"offer","sdp":"v=1"},"session":"s1"}"#;
    assert_eq!(one.data(peer, &media.replace("s1", "s2")), [], "of another session");
    assert_eq!(one.data(peer, media), [Output::Offer { peer, sdp: "v=1".to_owned() }]);
    assert_eq!(one.data(peer, media), [], "the same again");
    // While an answer is due, only the newest offer waits.
    assert_eq!(one.data(peer, &media.replace("v=1", "v=2")), []);
    assert_eq!(one.data(peer, &media.replace("v=1", "v=3")), []);
    let answered = one.tell(peer, PeerEvent::Description("v=9".to_owned()));
    assert!(matches!(&answered[0], Output::SendData { text, .. } if text.contains("v=9")));
    assert_eq!(answered[1], Output::Offer { peer, sdp: "v=3".to_owned() });
    let gone = Output::Event(Event::StreamGone { stream: "cam".to_owned() });
    let bye = Output::SendData { peer, text: r#"{"bye":true}"#.to_owned() };
    assert_eq!(one.data(peer, r#"{"bye":true}"#), [bye, Output::Close { peer }, gone]);
    assert_eq!(one.wait(600), [], "nobody is asked for what said goodbye");
}

#[test]
fn what_ends_without_a_goodbye_is_asked_for_ever_more_rarely_until_it_counts_as_gone() {
    let mut one = One::watching(Flavour::Assigned);
    assert_eq!(one.hear(ADDED)[1..], [send(PLAY)]);
    one.hear(&offer("p1", "cam", "s1"));
    assert_eq!(one.tell(PeerKey(1), PeerEvent::Ended), []);
    let gone = Output::Event(Event::StreamGone { stream: "cam".to_owned() });
    let asked = vec![send(PLAY); usize::try_from(limits::PLAYS_MAX).unwrap()];
    assert_eq!(one.wait(600), [&asked[..], &[gone]].concat());
    // The server remembers what it was asked for.
    assert_eq!(one.hear(&offer("p3", "cam", "s2")).len(), 2);
}

#[test]
fn a_peer_that_never_connects_is_given_up_and_asked_for_again() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    one.hear(&offer("p1", "cam", "s1"));
    let outputs = one.wait(limits::SETUP_TIMEOUT.as_secs() + 5);
    assert_eq!(outputs, [Output::Close { peer: PeerKey(1) }, send(PLAY)]);
}

/// A peer whose media flow for some seconds.
fn flowing(one: &mut One, session: &str, peer: PeerKey, seconds: u64) {
    one.hear(ADDED);
    let accepted = one.hear(&offer("p1", "cam", session));
    assert!(matches!(&accepted[..], [Output::Accept { peer: key, .. }, ..] if *key == peer));
    one.tell(peer, PeerEvent::Connected);
    for _ in 0..seconds {
        one.tell(peer, PeerEvent::Media);
        one.wait(1);
    }
}

#[test]
fn a_peer_that_is_connected_and_sends_nothing_any_more_is_asked_for_again() {
    let mut one = One::watching(Flavour::Assigned);
    let peer = PeerKey(1);
    flowing(&mut one, "s1", peer, 60);
    // A second has passed since the last of them.
    assert_eq!(one.wait(13), []);
    assert!(one.wait(1).contains(&Output::Close { peer }));
    let asks = |outputs: &[Output]| outputs.iter().filter(|it| is_play(it)).count();
    assert_eq!(asks(&one.wait(6)), 1);
    // One that sends nothing from the beginning is switched off.
    one.hear(&offer("p1", "cam", "s2"));
    one.tell(PeerKey(2), PeerEvent::Connected);
    assert_eq!(one.wait(600), []);
}

fn is_play(output: &Output) -> bool {
    *output == send(PLAY)
}

#[test]
fn one_whose_media_flow_for_seconds_only_is_asked_for_ever_more_rarely() {
    let mut one = One::watching(Flavour::Assigned);
    let mut waits = Vec::new();
    for number in 1..6 {
        let peer = PeerKey(number);
        flowing(&mut one, &format!("s{number}"), peer, 20);
        one.tell(peer, PeerEvent::Ended);
        let mut seconds = 0;
        while !one.wait(1).iter().any(is_play) {
            seconds += 1;
        }
        waits.push(seconds);
    }
    assert!(waits[0] <= 5 && waits[4] >= 55, "{waits:?}");
}

#[test]
fn a_path_that_comes_back_has_time_to_send_again() {
    let mut one = One::watching(Flavour::Assigned);
    let peer = PeerKey(1);
    flowing(&mut one, "s1", peer, 10);
    one.wait(4);
    one.tell(peer, PeerEvent::Disconnected);
    assert_eq!(one.wait(14), []);
    one.tell(peer, PeerEvent::Connected);
    assert_eq!(one.wait(14), []);
    one.tell(peer, PeerEvent::Media);
    assert_eq!(one.wait(14), []);
}

#[test]
fn a_notice_that_a_websocket_is_gone_says_nothing_of_media() {
    let mut one = One::watching(Flavour::Custom);
    one.hear(r#"{"request":"joinroom","roomid":"r","from":"p1","streamID":"cam"}"#);
    let custom = offer("", "cam", "s1").replace(r#""UUID":"""#, r#""from":"p1""#);
    assert_eq!(one.hear(&custom).len(), 1);
    assert_eq!(one.hear(r#"{"type":"disconnect","uuid":"p1"}"#), []);
    assert_eq!(one.room.peers(), 1);
}

#[test]
fn messages_of_other_rooms_for_others_and_of_our_own_are_not_heard() {
    let mut one = One::open(Role::WatchAll, Some("r"), Flavour::Custom);
    let [Output::Send(join), Output::Event(Event::Joined)] = &one.outputs()[..] else { panic!() };
    let own = join.split('"').rev().nth(1).unwrap().to_owned();
    let joins = |room: &str, from: &str, to: &str| {
        format!(
            r#"{{"request":"joinroom","roomid":"{room}","from":"{from}",{to}"streamID":"cam"}}"#
        )
    };
    assert_eq!(one.hear(&joins("other", "p1", "")), []);
    assert_eq!(one.hear(&joins("r", &own, "")), []);
    assert_eq!(one.hear(&joins("r", "p1", r#""UUID":"p2","#)), []);
    assert_eq!(one.hear(&joins("r", "p1", "")).len(), 2);
}

#[test]
fn a_name_that_is_taken_ends_it_all_unless_it_may_be_our_own_ghost() {
    let alert = r#"{"request":"alert","message":"Stream ID is already in use."}"#;
    let publish = || One::open(Role::Publish("cam".to_owned()), Some("r"), Flavour::Assigned);
    let mut one = publish();
    one.outputs();
    one.hear(r#"{"request":"listing","list":[]}"#);
    let refused = Event::Refused("Stream ID is already in use.".to_owned());
    assert_eq!(one.hear(alert), [Output::Event(refused), Output::Disconnect]);
    assert!(one.room.is_stopped() && one.wait(3600).is_empty());

    let mut one = publish();
    one.outputs();
    one.hear(r#"{"request":"listing","list":[]}"#);
    one.room.handle_socket_closed(one.now, Some(1006));
    assert_eq!(one.outputs(), [Output::Event(Event::Left)]);
    assert_eq!(one.wait(2), [Output::Connect]);
    one.room.handle_socket_open(one.now);
    one.hear(r#"{"request":"listing","list":[]}"#);
    let outputs = one.hear(alert);
    assert!(outputs.contains(&Output::Disconnect) && !one.room.is_stopped(), "{outputs:?}");
    assert!(one.wait(10).contains(&Output::Connect));
}

#[test]
fn a_full_room_is_tried_again_later() {
    let mut one = One::watching(Flavour::Assigned);
    let notice = Output::Event(Event::Notice("Room is full".to_owned()));
    let full = r#"{"request":"alert","message":"Room\n is full"}"#;
    assert_eq!(one.hear(full), [notice, Output::Disconnect]);
    assert_eq!(one.wait(limits::BUSY_MIN.as_secs() - 1), []);
    assert_eq!(one.wait(60)[0], Output::Connect);
}

#[test]
fn the_wait_for_the_server_doubles_up_to_a_minute_and_begins_anew_after_a_stable_while() {
    let mut one = One::open(Role::WatchAll, Some("r"), Flavour::Assigned);
    let mut waits = Vec::new();
    for _ in 0..9 {
        one.room.handle_socket_closed(one.now, None);
        let due = one.room.poll_timeout().unwrap();
        waits.push((due - one.now).as_secs_f64());
        one.now = due;
        one.room.handle_timeout(due);
        one.outputs();
    }
    for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]) {
        assert!((least..=least * 1.25).contains(wait), "{waits:?}");
    }
    // No answer at all is a failure too.
    assert_eq!(one.wait(limits::CONNECT_TIMEOUT.as_secs()), [Output::Disconnect]);
    assert_eq!(one.wait(80)[0], Output::Connect);
    one.room.handle_socket_open(one.now);
    one.wait(limits::STABLE_AFTER.as_secs());
    one.room.handle_socket_closed(one.now, None);
    assert!(one.room.poll_timeout().unwrap() - one.now <= limits::BACKOFF_MIN * 5 / 4);
}

#[test]
fn a_publisher_offers_to_whoever_asks_and_takes_answers_of_its_sessions_alone() {
    let mut one = One::open(Role::Publish("cam".to_owned()), Some("r"), Flavour::Assigned);
    assert_eq!(one.outputs(), [send(r#"{"request":"joinroom","roomid":"r"}"#)]);
    let joined = [Output::Event(Event::Joined), send(r#"{"request":"seed","streamID":"cam"}"#)];
    assert_eq!(one.hear(r#"{"request":"listing","list":[]}"#), joined);
    let wanted = r#"{"request":"offerSDP","UUID":"v1"}"#;
    let peer = PeerKey(1);
    assert_eq!(one.hear(wanted), [Output::MakeOffer { peer }]);
    assert_eq!(one.hear(wanted), [], "asked twice at once");
    let offered = one.tell(peer, PeerEvent::Description("v=0".to_owned()));
    let [Output::Send(text)] = &offered[..] else { panic!("{offered:?}") };
    let session = text.split('"').rev().nth(1).unwrap().to_owned();
    assert_eq!(session.len(), 10);
    assert_eq!(*text, offer("v1", "cam", &session));
    let answer = |session: &str| {
        format!(
            r#"{{"UUID":"v1","description":{{"type":"answer","sdp":"v=1"}},"session":"{session}"}}"#
        )
    };
    let early = format!(
        r#"{{"UUID":"v1","type":"remote","session":"{session}","candidate":{{"candidate":"candidate:1"}}}}"#
    );
    assert_eq!(one.hear(&early), []);
    assert_eq!(one.hear(&answer("QpLBYqGYGA")), []);
    let added = Output::AddCandidate { peer, candidate: "candidate:1".to_owned() };
    let answered = [Output::Answer { peer, sdp: "v=1".to_owned() }, added];
    assert_eq!(one.hear(&answer(&session)), answered);
    assert_eq!(one.hear(&answer(&session)), [], "answered already");
    one.room.handle_data_channel(one.now, peer, DataEvent::Open);
    one.outputs();
    let wishes = r#"{"audio":false,"video":true,"bitrate":300,"requestResolution":{"w":1}}"#;
    let wanted = Output::Wanted { peer, audio: false, video: true };
    assert_eq!(one.data(peer, wishes), [wanted]);
    assert_eq!(one.data(peer, r#"{"keyframe":true}"#), [Output::Keyframe { peer }]);
    let restart = r#"{"iceRestartRequest":true}"#;
    assert_eq!(one.data(peer, restart), [Output::RestartIce { peer }]);
    assert_eq!(one.data(peer, restart), [], "soon again");
    let offered = one.tell(peer, PeerEvent::Description("v=2".to_owned()));
    let [Output::SendData { text, .. }] = &offered[..] else { panic!("{offered:?}") };
    assert!(text.contains(r#""type":"offer","sdp":"v=2""#), "{text}");
    let answers = answer(&session).replace("v=1", "v=3");
    let answered = [Output::Answer { peer, sdp: "v=3".to_owned() }];
    assert_eq!(one.data(peer, &answers), answered);
    one.wait(limits::RESTART_SPACING.as_secs());
    assert_eq!(one.data(peer, restart), [Output::RestartIce { peer }]);
    let candidate = Candidate {
        candidate: "candidate:2".to_owned(),
        sdp_mid: "0".to_owned(),
        sdp_m_line_index: 0,
        username_fragment: "uf".to_owned(),
    };
    let told = one.tell(peer, PeerEvent::Candidates(vec![candidate]));
    let text = format!(
        r#"{{"UUID":"v1","type":"local","candidates":[{{"candidate":"candidate:2","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"uf"}}],"session":"{session}"}}"#
    );
    assert_eq!(told, [Output::SendData { peer, text }]);
}

#[test]
fn a_viewer_that_asks_again_and_is_not_connected_gets_a_new_offer() {
    let mut one = One::open(Role::Publish("cam".to_owned()), None, Flavour::Assigned);
    let wanted = r#"{"request":"offerSDP","UUID":"v1"}"#;
    one.outputs();
    one.hear(wanted);
    one.wait(limits::REOFFER_AFTER.as_secs());
    let again = [Output::Close { peer: PeerKey(1) }, Output::MakeOffer { peer: PeerKey(2) }];
    assert_eq!(one.hear(wanted), again);
    one.tell(PeerKey(2), PeerEvent::Connected);
    one.wait(60);
    assert_eq!(one.hear(wanted), []);
}

#[test]
fn stopping_says_goodbye_to_everybody() {
    let mut one = One::watching(Flavour::Assigned);
    one.hear(ADDED);
    one.hear(&offer("p1", "cam", "s1"));
    one.room.handle_data_channel(one.now, PeerKey(1), DataEvent::Open);
    one.outputs();
    one.room.stop();
    let bye = Output::SendData { peer: PeerKey(1), text: r#"{"bye":true}"#.to_owned() };
    assert_eq!(one.outputs(), [bye, Output::Close { peer: PeerKey(1) }, Output::Disconnect]);
    assert_eq!((one.room.poll_timeout(), one.hear(ADDED)), (None, vec![]));
}
