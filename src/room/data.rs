//! The messages of a peer's data channel: JSON objects in which several keys may mean something.

use serde::Serialize;
use serde_json::Value;

use super::crypto::Secret;
use super::message::{self, Candidates, Description};

/// The one channel that is listened to; others carry files.
pub const LABEL: &str = "sendChannel";

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// A description, if there is one.
    pub description: Option<Description>,
    /// Candidates, if there are any.
    pub candidates: Option<Candidates>,
    /// The session of both, if it is named.
    pub session: Option<String>,
    /// What a `ping` has to be answered with, as JSON.
    pub ping: Option<String>,
    /// Whether the other side hangs up.
    pub bye: bool,
    /// Whether a keyframe is wanted.
    pub keyframe: bool,
    /// Whether an offer of other ICE credentials is.
    pub ice_restart: bool,
    /// Whether statistics are.
    pub request_stats: bool,
    /// Whether audio is, if that is said.
    pub audio: Option<bool>,
    /// Whether video is, if that is said.
    pub video: Option<bool>,
}

impl Data {
    /// Reads a message; none where it is no JSON object, or too large.
    #[must_use]
    pub fn parse(text: &str, secret: &Secret) -> Option<Self> {
        let value = message::object(text)?;
        Some(Self {
            description: message::description(&value, secret),
            candidates: message::candidates(&value, secret),
            session: message::id(&value, "session"),
            ping: value.get("ping").and_then(ping),
            bye: message::is_true(&value, "bye"),
            keyframe: message::is_true(&value, "keyframe"),
            ice_restart: message::is_true(&value, "iceRestartRequest"),
            request_stats: message::is_true(&value, "requestStats"),
            audio: value.get("audio").and_then(Value::as_bool),
            video: value.get("video").and_then(Value::as_bool),
        })
    }
}

/// Times and numbers are sent back, not whole documents.
fn ping(value: &Value) -> Option<String> {
    match value {
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::String(text) if text.len() <= 64 => Some(value.to_string()),
        _ => None,
    }
}

#[derive(Serialize)]
struct Info<'a> {
    label: &'a str,
    version: &'static str,
}

/// A viewer's first message, without which a page's publisher never sends media.
#[derive(Serialize)]
struct Wishes<'a> {
    audio: bool,
    video: bool,
    allowscreenaudio: bool,
    allowscreenvideo: bool,
    info: Info<'a>,
    // What would make the publisher treat us as a guest, a scene or its director.
    guest: bool,
    scene: bool,
    director: bool,
}

/// A viewer's first message. It asks for no resolution or bit rate: then a page sends all of its
/// camera's.
#[must_use]
pub fn wishes(audio: bool, video: bool, label: &str) -> String {
    message::text(&Wishes {
        audio,
        video,
        allowscreenaudio: audio,
        allowscreenvideo: video,
        info: info(label),
        guest: false,
        scene: false,
        director: false,
    })
}

#[derive(Serialize)]
struct Introduction<'a> {
    info: Info<'a>,
}

/// A publisher's first message.
#[must_use]
pub fn introduction(label: &str) -> String {
    message::text(&Introduction { info: info(label) })
}

fn info(label: &str) -> Info<'_> {
    Info { label, version: env!("CARGO_PKG_VERSION") }
}

/// The answer to a `ping`, of which this is the JSON.
#[must_use]
pub fn pong(ping: &str) -> String {
    format!("{{\"pong\":{ping}}}")
}

/// The answer to `requestStats`: there are none.
pub const NO_STATS: &str = "{\"remoteStats\":{}}";

/// Hangs up.
pub const BYE: &str = "{\"bye\":true}";
