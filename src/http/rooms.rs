//! The JSON of `/api/rooms`.

use serde_json::{Map, Value, json};

/// What is known about one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomInfo {
    /// The configured name.
    pub name: String,
    /// `connecting`, `joined`, or `refused` (for good).
    pub state: &'static str,
    /// Why we are not in; without credentials.
    pub error: Option<String>,
    /// The server's newest words to people.
    pub notice: Option<String>,
    /// Names of the streams that are there, as the room has them.
    pub streams: Vec<String>,
    /// Peer connections that we have.
    pub publishers: usize,
}

impl RoomInfo {
    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("state".into(), self.state.into());
        for (key, value) in [("error", &self.error), ("notice", &self.notice)] {
            if let Some(value) = value {
                fields.insert(key.into(), value.as_str().into());
            }
        }
        fields.insert("streams".into(), self.streams.as_slice().into());
        fields.insert("publishers".into(), self.publishers.into());
        Value::Object(fields)
    }
}

/// All rooms as one object, in the given order.
#[must_use]
pub fn encode(rooms: &[RoomInfo]) -> String {
    let entry = |room: &RoomInfo| format!("{}:{}", json!(room.name), room.to_json());
    format!("{{{}}}", rooms.iter().map(entry).collect::<Vec<_>>().join(","))
}
