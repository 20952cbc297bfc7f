//! What a client sees of the HTTP side, one behaviour a file.

use std::time::Duration;

use serde_json::Value;

use super::whip::Publishing;
use super::{
    Action, Asset, AudioInfo, ConsumerInfo, Context, GopInfo, HealthInfo, KeyframeInfo,
    KeyframeMethodInfo, Metric, MetricKind, Parsed, PublisherInfo, Request, Response, RoomInfo,
    StreamInfo, parse, route,
};

mod bytes;
mod origins;
mod reading;
mod websocket;
mod whep;
mod whip;

/// The request in these bytes, which hold nothing else.
fn request(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Parsed::Complete { request, consumed }) => {
            assert_eq!(consumed, text.len());
            *request
        }
        other => panic!("{text}: {other:?}"),
    }
}

const ASSETS: &[Asset] = &[
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        gzip: b"page",
        etag: "\"1\"",
    },
    Asset { path: "/app.js", content_type: "text/javascript", gzip: b"code", etag: "\"2\"" },
];

/// A server with two streams.
fn act(text: &str) -> Action {
    act_with(text, &[], false)
}

fn act_with(text: &str, origins: &[&str], loopback_only: bool) -> Action {
    let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let turn = config::IceServer {
        urls: vec!["turn:t.example.org".to_owned()],
        username: Some("u".to_owned()),
        credential: Some("p".to_owned()),
    };
    let context = Context {
        version: "1.2.3",
        demo: true,
        assets: ASSETS,
        origins: &origins,
        loopback_only,
        ice_servers: &[turn],
        max_slots: 9,
        known: &|name| name == "door" || name == "a b/ü",
        publishing: &publishing,
        streams: &streams,
        rooms: &rooms,
        metrics: &metrics,
    };
    route(&request(text), &context)
}

fn rooms() -> String {
    let joined = RoomInfo {
        name: "studio".to_owned(),
        state: "joined",
        streams: vec!["alice".to_owned()],
        peers: 1,
        ..RoomInfo::default()
    };
    let error = Some("connection refused".to_owned());
    let lost =
        RoomInfo { name: "a\"b".to_owned(), state: "connecting", error, ..RoomInfo::default() };
    super::rooms::encode(&[joined, lost])
}

fn publishing(name: &str) -> Publishing {
    match name {
        "mast" => Publishing::Everybody,
        "secret" => Publishing::Bearer(config::Token::new("hunter2".to_owned())),
        "locked" => Publishing::NoToken,
        "door" => Publishing::Nobody,
        _ => Publishing::NoStream,
    }
}

fn streams() -> Vec<StreamInfo> {
    let yard = StreamInfo {
        name: "yard".to_owned(),
        urls: vec!["rtsp://***@h/yard".to_owned()],
        state: "offline".to_owned(),
        error: Some("timed out".to_owned()),
        ..StreamInfo::default()
    };
    let door = StreamInfo {
        name: "door".to_owned(),
        urls: vec!["rtsp://h/door".to_owned()],
        state: "active".to_owned(),
        codec: Some("H264".to_owned()),
        width: Some(1280),
        height: Some(720),
        health: HealthInfo {
            bitrate_bps: 2_000_000,
            gaps: 3,
            packet_age: Some(Duration::from_millis(4)),
            frame_age: Some(Duration::from_millis(40)),
            keyframe_age: None,
            keyframe_requests: 5,
        },
        gop: Some(GopInfo { frames: 25, bytes: 1000, duration_ms: 960 }),
        keyframe: Some(KeyframeInfo {
            interval_ms: Some(4000),
            methods: vec![KeyframeMethodInfo {
                method: "rtcp",
                verdict: "effective",
                requests: 5,
                last_ms: Some(41),
                median_ms: None,
            }],
        }),
        audio: audio("AAC", Some("browsers do not take it")),
        consumers: vec![ConsumerInfo {
            id: 7,
            slot: 1,
            status: "active".to_owned(),
            audio: audio("PCMA", None),
        }],
        publishers: vec![publisher("publishing", None), publisher("failed", Some("HTTP 401"))],
        ..StreamInfo::default()
    };
    vec![yard, door]
}

fn audio(codec: &str, error: Option<&str>) -> Option<AudioInfo> {
    Some(AudioInfo { codec: codec.to_owned(), error: error.map(str::to_owned) })
}

fn publisher(state: &str, error: Option<&str>) -> PublisherInfo {
    PublisherInfo {
        url: "https://sfu.example".to_owned(),
        state: state.to_owned(),
        error: error.map(str::to_owned),
    }
}

fn metrics() -> Vec<Metric> {
    let sample =
        |name, kind, labels, value| Metric { name, help: "About it.", kind, labels, value };
    let stream = |name: &str| vec![("stream", name.to_owned())];
    vec![
        sample("viewers", MetricKind::Gauge, Vec::new(), 2.0),
        sample("bytes_total", MetricKind::Counter, stream("door"), 1.5),
        sample("bytes_total", MetricKind::Counter, stream("a\"b\\c\nd"), 3e9),
    ]
}

/// The response to a request.
fn response(text: &str) -> Response {
    respond(act(text))
}

fn respond(action: Action) -> Response {
    match action {
        Action::Respond(response) => response,
        other => panic!("{other:?}"),
    }
}

fn get(path: &str) -> Response {
    response(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}
