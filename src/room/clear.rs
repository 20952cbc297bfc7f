//! What a message says in the clear, whatever its password: whose it is, and which stream's.

use serde_json::Value;

use super::limits;
use super::message::{id, object};

/// A message of the WebSocket, unopened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clear {
    pub request: Option<String>,
    pub kind: Option<String>,
    pub uuid: Option<String>,
    pub from: Option<String>,
    pub room: Option<String>,
    pub stream: Option<String>,
    pub session: Option<String>,
    pub has_description: bool,
    pub has_candidates: bool,
    /// A scene viewer offers although it has nothing to show.
    pub is_scene: bool,
    /// Of a listing: who is there, and with which stream.
    pub listed: Vec<(String, String)>,
}

impl Clear {
    /// None where it is no JSON object, or too large.
    pub fn parse(text: &str) -> Option<Self> {
        let value = object(text)?;
        let has = |key: &str| value.get(key).is_some_and(|value| !value.is_null());
        let listed = value.get("list").and_then(Value::as_array).into_iter().flatten();
        let listed = listed.take(limits::MEMBERS_MAX);
        Some(Self {
            request: id(&value, "request"),
            kind: id(&value, "type"),
            uuid: id(&value, "UUID").or_else(|| id(&value, "uuid")),
            from: id(&value, "from"),
            room: id(&value, "roomid"),
            stream: id(&value, "streamID"),
            session: id(&value, "session"),
            has_description: has("description"),
            has_candidates: has("candidates") || has("candidate"),
            is_scene: value.get("isScene").is_some_and(|it| !matches!(it, Value::Bool(false))),
            listed: listed
                .filter_map(|member| Some((id(member, "UUID")?, id(member, "streamID")?)))
                .collect(),
        })
    }
}
