//! `crosspoint record --room`: options as other recorders of rooms have them, and the
//! configuration file that they stand for.

use std::fmt;

use serde_json::{Map, Value, json};

/// Options of `record --room`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RoomRecordOptions {
    /// The room as people type it.
    pub room: String,
    /// What the path of each file begins with.
    pub prefix: String,
    /// Playlists beside the files.
    pub hls: bool,
    /// The signalling server, if it is not the service's own.
    pub server: Option<String>,
    /// The room's password, or `false`.
    pub password: Option<String>,
    /// The streams that are wanted, with commas between them; all where nothing is said.
    pub streams: Option<String>,
    /// No sound is asked for.
    pub no_audio: bool,
    /// No pictures are asked for.
    pub no_video: bool,
    /// `turn:user:password@host:port`, with or without `//`, or `turns:`.
    pub turn_server: Option<String>,
    /// Where a list of relays is fetched, or `false`.
    pub relays_from: Option<String>,
    /// `all` or `relay`.
    pub ice_transport_policy: Option<String>,
    /// Commands and events in lines.
    pub stdio: bool,
    /// A process for each stream.
    pub isolate: bool,
}

impl fmt::Debug for RoomRecordOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRecordOptions").field("room", &self.room).finish_non_exhaustive()
    }
}

impl RoomRecordOptions {
    /// The configuration file that says the same; JSON is YAML.
    ///
    /// # Errors
    /// When `--turn-server` has no user name and password; neither is repeated.
    pub fn to_file(&self) -> Result<String, String> {
        let mut room = Map::new();
        let mut set = |key: &str, value: Value| room.insert(key.to_owned(), value);
        set("room", json!(self.room));
        set("record", json!({ "path": super::record_path(&self.prefix), "hls": self.hls }));
        set("audio", json!(!self.no_audio));
        set("video", json!(!self.no_video));
        if let Some(server) = &self.server {
            set("server", json!(server));
        }
        if let Some(password) = &self.password {
            set("password", json!(password));
        }
        if let Some(streams) = &self.streams {
            set("streams", streams.split(',').map(str::trim).collect());
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
        Ok(json!({ "rooms": { &self.room: room }, "webrtc": webrtc }).to_string())
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
            room: "testroom123".to_owned(),
            prefix: "/rec/multi_".to_owned(),
            password: Some("false".to_owned()),
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
            room: "r".to_owned(),
            prefix: "a".to_owned(),
            turn_server: Some(server.to_owned()),
            ice_transport_policy: Some("relay".to_owned()),
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
        let listed = RoomRecordOptions { relays_from: Some(list.clone()), ..with("turn:u:p@h") };
        let from = config(&listed).rooms[0].relays_from.clone();
        assert_eq!(from.map(|url| url.expose().to_owned()), Some(list));
        let alone = RoomRecordOptions { turn_server: None, relays_from: None, ..listed };
        assert!(config(&alone).rooms[0].relays_from.is_some());
        let error = with("turn:h:3478?secret").to_file().unwrap_err();
        assert!(error.contains("--turn-server") && !error.contains("secret"), "{error}");
        assert!(!format!("{:?}", with("turn:joe:pw@h")).contains("pw"));
    }
}
