//! Rooms on the command line, with options as other programs for them have, and the configuration
//! file that these stand for.

use std::fmt;

use serde_json::{Map, Value, json};

/// Which room it is, or which stream without one, and how it is reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RoomOptions {
    /// The room as people type it; none for a stream that is in no room.
    pub room: Option<String>,
    /// The signalling server, if it is not the service's own.
    pub server: Option<String>,
    /// The room's password, or `false`.
    pub password: Option<String>,
    /// `turn:user:password@host:port`, with or without `//`, or `turns:`.
    pub turn_server: Option<String>,
    /// Where a list of relays is fetched, or `false`.
    pub relays_from: Option<String>,
    /// `all` or `relay`.
    pub ice_transport_policy: Option<String>,
}

/// Options of `record --room` and `record --view`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomRecordOptions {
    /// Where.
    pub access: RoomOptions,
    /// The one stream that is wanted, in a room or not.
    pub view: Option<String>,
    /// What the path of each file begins with.
    pub prefix: String,
    /// Playlists beside the files.
    pub hls: bool,
    /// The streams that are wanted, with commas between them; all where nothing is said.
    pub streams: Option<String>,
    /// No sound is asked for.
    pub no_audio: bool,
    /// No pictures are asked for.
    pub no_video: bool,
    /// Commands and events in lines.
    pub stdio: bool,
    /// A process for each stream.
    pub isolate: bool,
}

/// Options of `publish`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// The configuration file.
    pub file: String,
    /// Its stream that is published.
    pub source: String,
    /// What it is called there.
    pub stream: String,
    /// Where.
    pub access: RoomOptions,
}

impl fmt::Debug for RoomOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomOptions").field("room", &self.room).finish_non_exhaustive()
    }
}

impl RoomOptions {
    /// A configuration file with this entry of `rooms`, and what `more` says of it; JSON is YAML.
    fn to_file(&self, name: &str, more: Value) -> Result<String, String> {
        let mut room = match more {
            Value::Object(room) => room,
            _ => Map::new(),
        };
        let mut set = |key: &str, value: Value| room.insert(key.to_owned(), value);
        for (key, value) in
            [("room", &self.room), ("server", &self.server), ("password", &self.password)]
        {
            if let Some(value) = value {
                set(key, json!(value));
            }
        }
        match (&self.relays_from, &self.turn_server) {
            (Some(list), _) => drop(set("relays_from", json!(list))),
            // Who has a relay needs no others.
            (None, Some(_)) => drop(set("relays_from", json!(false))),
            (None, None) => {}
        }
        let mut webrtc = Map::new();
        if let Some(server) = &self.turn_server {
            let (url, username, credential) = turn(server).ok_or(
                "--turn-server: expected turn:USER:PASSWORD@HOST:PORT, or turns: in front",
            )?;
            let relay = json!({ "urls": [url], "username": username, "credential": credential });
            webrtc.insert("relays".to_owned(), json!([relay]));
        }
        if let Some(policy) = &self.ice_transport_policy {
            webrtc.insert("ice_transport_policy".to_owned(), json!(policy));
        }
        Ok(json!({ "rooms": { name: room }, "webrtc": webrtc }).to_string())
    }
}

impl RoomRecordOptions {
    /// The configuration file that says the same.
    ///
    /// # Errors
    /// When `--turn-server` has no user name and password; neither is repeated.
    pub fn to_file(&self) -> Result<String, String> {
        let streams = self.view.as_ref().or(self.streams.as_ref());
        let streams: Vec<&str> =
            streams.iter().flat_map(|names| names.split(',')).map(str::trim).collect();
        let name = self.access.room.as_ref().or(self.view.as_ref());
        let room = json!({
            "record": { "path": super::record_path(&self.prefix), "hls": self.hls },
            "audio": !self.no_audio,
            "video": !self.no_video,
            "streams": streams,
        });
        self.access.to_file(name.map_or("room", String::as_str), room)
    }
}

impl PublishOptions {
    /// A configuration file with the room alone.
    ///
    /// # Errors
    /// When `--turn-server` has no user name and password; neither is repeated.
    pub fn to_file(&self) -> Result<String, String> {
        self.access.to_file(self.room(), json!({ "watch": false }))
    }

    /// What is published there, of the configuration file.
    #[must_use]
    pub fn published(&self) -> config::RoomPublish {
        let room = self.room().to_owned();
        config::RoomPublish { stream: self.source.clone(), room, name: self.stream.clone() }
    }

    /// The entry's name.
    fn room(&self) -> &str {
        self.access.room.as_ref().unwrap_or(&self.stream)
    }
}

/// The address without its credentials, and these.
fn turn(text: &str) -> Option<(String, &str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (user, host) = rest.rsplit_once('@')?;
    let (username, credential) = user.split_once(':')?;
    Some((format!("{scheme}:{host}"), username, credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &RoomRecordOptions) -> config::Config {
        config::parse(&options.to_file().unwrap(), &|_| None).unwrap()
    }

    #[test]
    fn the_options_are_an_entry_of_rooms() {
        let options = RoomRecordOptions {
            access: RoomOptions {
                room: Some("testroom123".to_owned()),
                password: Some("false".to_owned()),
                ..RoomOptions::default()
            },
            prefix: "/rec/multi_".to_owned(),
            streams: Some("alice, bob".to_owned()),
            no_audio: true,
            ..RoomRecordOptions::default()
        };
        let config = config(&options);
        let room = &config.rooms[0];
        assert_eq!(
            (room.name.as_str(), room.room.as_deref()),
            ("testroom123", Some("testroom123"))
        );
        assert_eq!(room.password, config::RoomPassword::Off);
        assert_eq!((room.audio, room.video), (false, true));
        assert_eq!(room.streams, ["alice", "bob"]);
        let record = room.record.as_ref().unwrap();
        assert_eq!(record.path, "/rec/multi_{stream}-{date}-{time}");
    }

    #[test]
    fn a_turn_server_is_a_relay_whose_credentials_are_not_told() {
        let with = |server: &str| RoomRecordOptions {
            access: RoomOptions {
                room: Some("r".to_owned()),
                turn_server: Some(server.to_owned()),
                ice_transport_policy: Some("relay".to_owned()),
                ..RoomOptions::default()
            },
            prefix: "a".to_owned(),
            ..RoomRecordOptions::default()
        };
        for server in ["turn:joe:pw:1@h:3478", "turn://joe:pw:1@h:3478"] {
            let config = config(&with(server));
            assert_eq!(config.rooms[0].relays_from, None);
            let relay = &config.webrtc.relays[0];
            assert_eq!((relay.host.as_str(), relay.port), ("h", 3478));
            assert_eq!((relay.username.as_str(), relay.credential.as_str()), ("joe", "pw:1"));
        }
        let list = "https://h/turn".to_owned();
        let mut listed = with("turn:u:p@h");
        listed.access.relays_from = Some(list.clone());
        let from = config(&listed).rooms[0].relays_from.clone();
        assert_eq!(from.map(|url| url.expose().to_owned()), Some(list));
        (listed.access.turn_server, listed.access.relays_from) = (None, None);
        assert!(config(&listed).rooms[0].relays_from.is_some());
        let error = with("turn:h:3478?secret").to_file().unwrap_err();
        assert!(error.contains("--turn-server") && !error.contains("secret"), "{error}");
        assert!(!format!("{:?}", with("turn:joe:pw@h")).contains("pw"));
    }
    #[test]
    fn a_stream_is_viewed_in_a_room_or_without_one() {
        let mut options = RoomRecordOptions {
            view: Some("alice".to_owned()),
            prefix: "a".to_owned(),
            ..RoomRecordOptions::default()
        };
        let room = config(&options).rooms.remove(0);
        assert_eq!((room.name.as_str(), room.room), ("alice", None));
        assert_eq!(room.streams, ["alice"]);
        options.access.room = Some("r".to_owned());
        let room = config(&options).rooms.remove(0);
        assert_eq!((room.name.as_str(), room.room.as_deref()), ("r", Some("r")));
        assert_eq!(room.streams, ["alice"]);
    }

    #[test]
    fn a_source_is_published_in_a_room_or_without_one() {
        let mut options = PublishOptions {
            source: "camera1".to_owned(),
            stream: "door".to_owned(),
            ..PublishOptions::default()
        };
        for (room, name) in [(None, "door"), (Some("r".to_owned()), "r")] {
            options.access.room = room.clone();
            let mut config = config::parse(&options.to_file().unwrap(), &|_| None).unwrap();
            let entry = config.rooms.remove(0);
            assert_eq!((entry.name.as_str(), &entry.room, entry.watch), (name, &room, false));
            let published = options.published();
            assert_eq!(published.room, name);
            assert_eq!((published.stream.as_str(), published.name.as_str()), ("camera1", "door"));
        }
        options.access.server = Some("http://h".to_owned());
        let problems = config::parse(&options.to_file().unwrap(), &|_| None).unwrap_err();
        assert!(problems[0].to_string().contains("WebSocket"));
    }
}
