//! What `rooms:` may say.
#![cfg(feature = "room")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use config::{Room, RoomCodec, RoomFlavour, RoomPassword, RoomPublish, parse};

fn room(text: &str) -> Room {
    parse(&format!("rooms: {{a: {text}}}"), &|_| None).unwrap().rooms.remove(0)
}

#[test]
fn a_room_alone_is_one_of_the_services_with_all_its_streams() {
    let room = room("{room: testroom}");
    assert_eq!(room.server.expose(), "wss://wss.vdo.ninja:443");
    assert_eq!((room.password, room.flavour), (RoomPassword::Public, RoomFlavour::Auto));
    assert_eq!((room.page.as_str(), room.audio, room.video), ("vdo.ninja", true, true));
    assert!(room.streams.is_empty());
    assert_eq!(room.codecs, [RoomCodec::H264, RoomCodec::Vp8, RoomCodec::Vp9, RoomCodec::Av1]);
}

#[test]
fn relays_are_listed_where_the_page_asks_for_them_or_where_it_is_said() {
    let list = |more: &str| {
        let room = room(&format!("{{room: r, {more}}}"));
        room.relays_from.map(|url| url.expose().to_owned())
    };
    let its = Some("https://turnservers.vdo.ninja/?ts=".to_owned());
    assert_eq!(list("watch: true"), its);
    assert_eq!(list("server: 'wss://VDO.ninja/x'"), its);
    for foreign in ["ws://127.0.0.1:1", "wss://vdo.ninja.example", "wss://notvdo.ninja"] {
        assert_eq!(list(&format!("server: '{foreign}'")), None, "{foreign}");
    }
    assert_eq!(list("relays_from: false"), None);
    let own = "http://h/turn?key=1".to_owned();
    assert_eq!(list(&format!("server: 'ws://h', relays_from: '{own}'")), Some(own));
}

#[cfg(feature = "relay")]
#[test]
fn relays_of_a_room_are_enough_where_nothing_else_is_let_through() {
    let read = |more: &str| {
        let text =
            format!("webrtc: {{ice_transport_policy: relay}}\nrooms: {{a: {{room: b{more}}}}}");
        parse(&text, &|_| None)
    };
    assert!(read("").is_ok());
    let problems = read(", relays_from: false").unwrap_err();
    assert!(problems[0].to_string().contains("expected relays"), "{problems:?}");
}

#[test]
fn a_password_is_off_in_each_way_in_which_it_is_for_the_page() {
    for off in ["false", "0", "'off'", "no", "'false'"] {
        assert_eq!(room(&format!("{{room: r, password: {off}}}")).password, RoomPassword::Off);
    }
    let given = RoomPassword::Given("hunter2".to_owned());
    assert_eq!(room("{room: r, password: ' hunter2 '}").password, given);
}

#[test]
fn a_mistake_is_one_problem_with_its_line_and_without_a_secret() {
    for (text, path, expected) in [
        ("{}", "", "room: NAME"),
        ("{streams: [a, b]}", "", "room: NAME"),
        ("{room: r, server: 'https://hunter2'}", ".server", "WebSocket"),
        ("{room: r, server: 'wss://u:hunter2@h'}", ".server", "WebSocket"),
        ("{room: r, server: 'wss://'}", ".server", "WebSocket"),
        ("{room: '!!'}", ".room", "letter"),
        ("{room: r, password: ''}", ".password", "1 to 256"),
        ("{room: r, flavour: vanilla}", ".flavour", "assigned"),
        ("{room: r, page: 'https://hunter2'}", ".page", "a host"),
        ("{room: r, streams: ['']}", ".streams[0]", "letter"),
        ("{room: r, codecs: [h263]}", ".codecs[0]", "h264, vp8"),
        ("{room: r, codecs: []}", "", "at least one codec"),
        ("{room: r, watch: maybe}", ".watch", "true or false"),
        ("{room: r, relays_from: 'https://u:hunter2@h/'}", ".relays_from", "or false"),
        ("{room: r, audio: false, video: false}", "", "audio or video"),
        ("{room: r, pasword: hunter2}", ".pasword", "did you mean password"),
    ] {
        let problems = parse(&format!("rooms:\n  a: {text}\n"), &|_| None).unwrap_err();
        let [problem] = &problems[..] else { unreachable!("{text}: {problems:?}") };
        assert_eq!((problem.line, problem.path.clone()), (2, format!("rooms.a{path}")), "{text}");
        assert!(problem.message.contains(expected), "{text}: {problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_stream_is_published_into_a_room_under_its_own_name_or_another() {
    let read = |publish: &str| {
        let text = format!(
            "streams: {{door: 'rtsp://h/a'}}\nrooms: {{a: {{watch: false}}}}\n\
             publish: {{door: {publish}}}\n"
        );
        parse(&text, &|_| None)
    };
    let config = read("{room: a}").unwrap();
    let publish = RoomPublish { stream: "door".into(), room: "a".into(), name: "door".into() };
    assert_eq!((config.publish.len(), config.room_publish), (0, vec![publish]));
    let config = read("[{room: a, stream: gate}, 'https://h/whip']").unwrap();
    assert_eq!((config.publish.len(), config.room_publish[0].name.as_str()), (1, "gate"));
    for publish in ["{room: b}", "{room: a, url: 'https://h/'}", "{stream: a}", "{room: '!'}"] {
        assert!(read(publish).is_err(), "{publish}");
    }
}

#[cfg(feature = "record")]
#[test]
fn a_room_that_is_watched_may_be_recorded() {
    let read = |more: &str| parse(&format!("rooms: {{a: {{room: b, {more}}}}}"), &|_| None);
    let recorded = |more: &str| read(more).unwrap().rooms[0].record.clone().unwrap();
    let path = "/rec/{stream}/{part}";
    assert_eq!(recorded("record: '/rec/{stream}/{part}'").path, path);
    assert_eq!(recorded("record: {path: '/rec/{stream}/{part}', segment: 0}").segment, None);
    let problems = read("watch: false, record: '/rec/{part}'").unwrap_err();
    assert!(problems[0].to_string().contains("watch"), "{problems:?}");
}
