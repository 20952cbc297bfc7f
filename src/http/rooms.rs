//! The JSON of `/api/rooms`.

use serde_json::{Map, Value};

/// What is known about one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomInfo {
    /// The configured name.
    pub name: String,
    /// The stream of ours that is published there, where that is what we are there for.
    pub publishes: Option<String>,
    /// `connecting`, `joined`, or `refused` (for good).
    pub state: &'static str,
    /// Why we are not in; without credentials.
    pub error: Option<String>,
    /// The server's newest words to people.
    pub notice: Option<String>,
    /// Names of the streams that are there, as the room has them.
    pub streams: Vec<String>,
    /// Peer connections: publishers, or viewers of what is published.
    pub peers: usize,
}

impl RoomInfo {
    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("name".into(), self.name.as_str().into());
        fields.insert("state".into(), self.state.into());
        let optional =
            [("publishes", &self.publishes), ("error", &self.error), ("notice", &self.notice)];
        for (key, value) in optional {
            if let Some(value) = value {
                fields.insert(key.into(), value.as_str().into());
            }
        }
        fields.insert("streams".into(), self.streams.as_slice().into());
        fields.insert("peers".into(), self.peers.into());
        Value::Object(fields)
    }
}

/// All rooms in a list, in the given order: one may stand there more than once.
#[must_use]
pub fn encode(rooms: &[RoomInfo]) -> String {
    Value::from_iter(rooms.iter().map(RoomInfo::to_json)).to_string()
}
