//! The sample files say what is true.
#![cfg(all(feature = "ffmpeg", feature = "record", feature = "relay", feature = "room"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use std::time::Duration;

use config::{CameraUrl, Config, Room, RoomPassword, SecretUrl, Source, Tls, Transport, parse};

const FULL: &str = include_str!("../samples/crosspoint.yaml");
const SMALL: &str = include_str!("../samples/two-cameras.yaml");

fn read(text: &str) -> Config {
    let shown = |problems: Vec<config::Problem>| -> String {
        problems.iter().map(|problem| format!("{problem}\n")).collect()
    };
    parse(text, &|_| None).map_err(shown).unwrap()
}

#[test]
fn the_full_samples_values_are_the_defaults() {
    let full = read(FULL);
    let rtsp = full.rtsp.clone();
    let sample = Config {
        streams: Vec::new(),
        publish: Vec::new(),
        room_publish: Vec::new(),
        rooms: Vec::new(),
        #[cfg(feature = "record")]
        record: Vec::new(),
        rtsp: None,
        ..full
    };
    assert_eq!(sample, Config::default());
    assert_eq!(rtsp.unwrap().listen, parse("rtsp:", &|_| None).unwrap().rtsp.unwrap().listen);
}

#[test]
fn the_full_sample_has_a_stream_that_is_pushed_with_a_password() {
    let config = read(FULL);
    assert!(config.stream("mast").unwrap().urls().is_empty());
    assert_eq!(config.rtsp.unwrap().login.unwrap().password, "secret");
}

#[test]
fn the_full_sample_has_a_stream_that_is_published_with_a_token() {
    let config = read(FULL);
    let stage = config.stream("stage").unwrap();
    assert_eq!(stage.source, Source::Pushed);
    assert!(stage.token.as_ref().unwrap().is("secret"));
    assert!(!format!("{stage:?}").contains("secret"));
}

#[test]
fn the_full_sample_has_programs_and_qualities() {
    let config = read(FULL);
    let program = |name| match &config.stream(name).unwrap().source {
        Source::Program(program) => program.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(program("yard-360p").reads.as_deref(), Some("yard"));
    assert_eq!(program("film").words[3], "/srv/a film.mp4");
    assert_eq!(config.stream("lane-360p").unwrap().urls()[0].url.expose(), "rtsp://192.0.2.16/sub");
}

#[test]
fn the_full_sample_publishes_in_each_form() {
    let publish = read(FULL).publish;
    let shown: Vec<(&str, &str, Option<&str>)> = publish
        .iter()
        .map(|one| (one.stream.as_str(), one.url.expose(), one.token.as_deref()))
        .collect();
    let expected = [
        ("door", "https://sfu.example/whip/room1", None),
        ("yard", "http://192.0.2.20:8080/whip/yard", None),
        ("yard", "https://cdn.example/whip/yard", Some("secret")),
    ];
    assert_eq!(shown, expected);
    let debug = format!("{publish:?}");
    assert!(!debug.contains("secret") && !debug.contains("room1"), "{debug}");
}

#[test]
fn the_full_samples_rooms_are_the_defaults_where_they_say_so() {
    let rooms = read(FULL).rooms;
    let defaults = read("rooms: {studio: {room: testroom, streams: [alice, bob]}}").rooms;
    let password = RoomPassword::Given("secret".to_owned());
    let expected = Room {
        password,
        #[cfg(feature = "record")]
        record: rooms[0].record.clone(),
        ..defaults[0].clone()
    };
    assert_eq!(rooms[0], expected);
    assert_eq!(rooms[1].room, None);
    assert_eq!(rooms[1].password, RoomPassword::Off);
    assert!(!format!("{rooms:?}").contains("secret"), "{rooms:?}");
}

#[test]
fn the_full_sample_shows_each_form_of_a_stream() {
    let config = read(FULL);
    let garage = config.stream("garage").unwrap();
    assert_eq!(garage.transport, Transport::Auto);
    assert!(garage.warm);
    assert_eq!(garage.linger, Duration::from_secs(300));
    let yard = config.stream("yard").unwrap();
    assert_eq!(yard.urls().len(), 2);
    assert!(!yard.warm);
    assert_eq!(yard.linger, Duration::from_secs(20));
    assert_eq!(config.stream("gate").unwrap().urls().len(), 2);
    let cellar = &config.stream("cellar").unwrap().urls()[0];
    assert_eq!(cellar.url.expose(), "rtsps://192.0.2.15:7441/token");
    assert!(matches!(cellar.tls, Tls::Pin(_)));
}

#[test]
fn the_full_sample_names_every_key() {
    // A key that the reader knows is listed by the message about an unknown one.
    let sections = [
        ("nonsense_key: 1", ""),
        ("streams: {a: {nonsense_key: 1}}", "streams.a"),
        ("rooms: {a: {nonsense_key: 1}}", "rooms.a"),
        ("api: {nonsense_key: 1}", "api"),
        ("rtsp: {nonsense_key: 1}", "rtsp"),
        #[cfg(feature = "record")]
        ("streams: {a: rtsp://h/a}\nrecord: {a: {path: x, nonsense_key: 1}}", "record.a"),
        ("webrtc: {nonsense_key: 1}", "webrtc"),
        ("webrtc: {ice_servers: [{nonsense_key: 1}]}", "ice_servers"),
        ("webrtc: {relays: [{nonsense_key: 1}]}", "relays"),
        ("webrtc: {playout_delay_ms: {nonsense_key: 1}}", "playout_delay_ms"),
        ("multistream: {nonsense_key: 1}", "multistream"),
        ("log: {nonsense_key: 1}", "log"),
        ("limits: {nonsense_key: 1}", "limits"),
    ];
    let mut checked = 0;
    for (text, section) in sections {
        let problems = parse(text, &|_| None).unwrap_err();
        let listed = problems
            .iter()
            .find_map(|problem| problem.message.split_once("expected one of: "))
            .unwrap_or_else(|| panic!("{section}: {problems:?}"));
        for key in listed.1.split(", ") {
            assert!(FULL.contains(&format!("{key}:")), "{section}: {key} is not in the sample");
            checked += 1;
        }
    }
    assert!(checked >= 41, "only {checked} keys were looked for");
}

#[test]
fn the_small_sample_is_two_cameras_on_every_interface() {
    let config = read(SMALL);
    let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["door", "yard"]);
    assert_eq!(config.api.listen, "0.0.0.0:1984".parse().unwrap());
    assert_eq!(config.webrtc.listen, "0.0.0.0:8555".parse().unwrap());
    let url = SecretUrl::new("rtsp://admin:secret@192.0.2.10:554/stream1");
    assert_eq!(
        config.stream("door").unwrap().urls(),
        [CameraUrl { url, tls: Tls::Verify, audio: true }]
    );
}
