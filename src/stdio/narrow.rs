//! What a worker is configured with: of the whole configuration, what its one stream needs.

use std::collections::BTreeSet;

use config::{Config, Source};
use serde_json::{Map, Value, json};

/// Sections that a worker has no use for: it serves nobody.
const UNUSED: &[&str] = &["publish", "api", "rtsp", "multistream"];

/// The configuration of the worker that records one stream.
///
/// # Errors
/// When it can't have a process of its own; for people.
pub fn for_stream(whole: &Value, config: &Config, stream: &str) -> Result<Value, String> {
    let needed = needed(config, stream);
    let is_pushed =
        |name: &&String| config.stream(name).is_some_and(|stream| stream.source == Source::Pushed);
    if let Some(name) = needed.iter().find(is_pushed) {
        return Err(format!("streams.{name} is pushed to one address, which no worker has alone"));
    }
    let mut own = common(whole);
    let streams = whole.get("streams").and_then(Value::as_object).into_iter().flatten();
    let streams = streams.filter(|(name, _)| needed.contains(name.as_str()));
    let streams: Map<String, Value> =
        streams.map(|(name, value)| (name.clone(), value.clone())).collect();
    let record = whole.get("record");
    let record = record.and_then(|record| record.get(stream).or_else(|| record.get("*")));
    own.remove("rooms");
    own.insert("streams".to_owned(), Value::Object(streams));
    own.insert("record".to_owned(), json!({ stream: record }));
    Ok(Value::Object(own))
}

/// The configuration of a worker that records one stream of a room, whose WebSocket is ours.
#[must_use]
pub fn for_room(whole: &Value, room: &config::Room, flavour: Option<&str>) -> Value {
    let mut own = common(whole);
    own.remove("streams");
    own.remove("record");
    let entry = whole.get("rooms").and_then(|rooms| rooms.get(&room.name));
    let mut entry = entry.and_then(Value::as_object).cloned().unwrap_or_default();
    entry.insert("server".to_owned(), json!("stdio"));
    if let Some(flavour) = flavour {
        entry.insert("flavour".to_owned(), json!(flavour));
    }
    if room.room.is_some() {
        // It hears of its own stream alone, whatever that is called.
        entry.remove("streams");
    }
    own.insert("rooms".to_owned(), json!({ &room.name: entry }));
    Value::Object(own)
}

fn common(whole: &Value) -> Map<String, Value> {
    let mut own = whole.as_object().cloned().unwrap_or_default();
    for key in UNUSED {
        own.remove(*key);
    }
    // Each has a port of its own.
    if let Some(webrtc) = own.get_mut("webrtc").and_then(Value::as_object_mut) {
        webrtc.remove("listen");
    }
    own
}

/// The streams that one is made from, itself included.
#[must_use]
pub fn needed(config: &Config, stream: &str) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut next = Some(stream.to_owned());
    while let Some(name) = next {
        let reads = match config.stream(&name).map(|stream| &stream.source) {
            Some(Source::Program(program)) => program.reads.clone(),
            _ => None,
        };
        next = needed.insert(name).then_some(reads).flatten();
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "streams": {"door": "rtsp://u:pw@h/a", "small": "ffmpeg:door#video=h264",
                    "yard": "rtsp://h/b"},
        "record": {"*": "/rec/{stream}", "yard": {"path": "/yard/{date}"}},
        "rooms": {"studio": {"room": "r", "server": "ws://h", "streams": ["a"], "audio": false,
                             "record": "/room/{stream}"}},
        "webrtc": {"listen": ":8555", "ice_transport_policy": "all"},
        "api": {"listen": ":80"}
    }"#;

    fn whole() -> (Value, Config) {
        let config = config::parse(WHOLE, &|_| None).unwrap();
        (serde_json::from_str(WHOLE).unwrap(), config)
    }

    fn parsed(value: &Value) -> Config {
        config::parse(&value.to_string(), &|_| None).unwrap()
    }

    #[test]
    fn a_stream_takes_along_what_it_is_made_from() {
        let (whole, config) = whole();
        let small = parsed(&for_stream(&whole, &config, "small").unwrap());
        let names = |config: &Config| {
            config.streams.iter().map(|stream| stream.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&small), ["door", "small"]);
        assert_eq!(small.record.len(), 1);
        assert_eq!(small.record[0].path, "/rec/{stream}");
        assert!(small.rooms.is_empty());
        let yard = parsed(&for_stream(&whole, &config, "yard").unwrap());
        assert_eq!(
            (names(&yard), yard.record[0].path.as_str()),
            (vec!["yard".to_owned()], "/yard/{date}")
        );
    }

    #[test]
    fn a_stream_of_a_room_speaks_through_its_parent() {
        let (whole, config) = whole();
        let own = for_room(&whole, &config.rooms[0], Some("custom"));
        let own = parsed(&own);
        assert!(own.streams.is_empty() && own.record.is_empty());
        let room = &own.rooms[0];
        assert_eq!((room.server.expose(), room.flavour), ("stdio", config::RoomFlavour::Custom));
        assert!(room.streams.is_empty() && !room.audio);
        assert!(room.record.is_some());
    }

    #[test]
    fn a_stream_that_is_pushed_has_no_worker() {
        let text = r#"{"streams": {"in": null}, "rtsp": {}, "record": {"in": "/rec/{date}"}}"#;
        let config = config::parse(text, &|_| None).unwrap();
        let whole = serde_json::from_str(text).unwrap();
        assert!(for_stream(&whole, &config, "in").unwrap_err().contains("streams.in is pushed"));
    }
}
