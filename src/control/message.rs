//! The messages of both families, `multistream/*` and `webrtc/*`.
//!
//! Reading is as forgiving as the servers are that the clients were written for: an absent or
//! null field is its zero value, unknown types and fields are nothing, and the fields may
//! stand beside `type` instead of in `value`.

use serde_json::{Map, Value, json};

use super::limits::{
    CANDIDATE_MAX_BYTES, MESSAGE_MAX_BYTES, REQUEST_ID_MAX_BYTES, SLOTS_READ_MAX,
    STREAM_NAME_MAX_BYTES,
};

/// A stream as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamRef {
    /// `stream`.
    pub stream: String,
    /// `quality`; empty and `native` are the stream itself.
    pub quality: String,
}

impl StreamRef {
    /// The configured name: `camera1` + `360p` is `camera1-360p`.
    #[must_use]
    pub fn resolved(&self) -> String {
        let name = match self.quality.as_str() {
            "" | "native" => self.stream.clone(),
            quality => format!("{}-{quality}", self.stream),
        };
        truncated(name, STREAM_NAME_MAX_BYTES)
    }
}

/// One entry of `multistream/init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRequest {
    /// The client's number for the slot; numbers may have gaps.
    pub slot: i64,
    /// What it shows first.
    pub stream: StreamRef,
    /// `audio`: it takes the stream's audio as well.
    pub audio: bool,
}

/// How a single-camera player wrote its offer, and wants the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebrtcForm {
    /// `webrtc/offer` with the SDP as its value.
    Plain,
    /// `webrtc` with `{type, sdp}` as its value.
    Typed,
}

impl WebrtcForm {
    /// The type of the offer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "webrtc/offer",
            Self::Typed => "webrtc",
        }
    }
}

/// A message of a client. `request_id` is echoed in the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `multistream/init`.
    Init {
        /// Echoed.
        request_id: Option<String>,
        /// At most [`SLOTS_READ_MAX`] entries.
        slots: Vec<SlotRequest>,
        /// How the client writes, and reads.
        form: Form,
    },
    /// `multistream/offer`.
    Offer {
        /// Echoed.
        request_id: Option<String>,
        /// SDP.
        sdp: String,
    },
    /// `multistream/switch`.
    Switch {
        /// The client's slot number.
        slot: i64,
        /// What to show.
        stream: StreamRef,
    },
    /// `multistream/pause`.
    Pause {
        /// The client's slot number.
        slot: i64,
    },
    /// `multistream/resume`.
    Resume {
        /// The client's slot number.
        slot: i64,
        /// What to show; `None` is the slot's last stream.
        stream: Option<StreamRef>,
    },
    /// `multistream/keyframe`.
    Keyframe {
        /// Echoed.
        request_id: Option<String>,
        /// The client's slot number; -1 is all slots.
        slot: i64,
    },
    /// `multistream/ice`.
    Ice {
        /// Possibly empty.
        candidate: String,
    },
    /// `multistream/close`.
    Close,
    /// `webrtc/offer` or `webrtc`.
    WebrtcOffer {
        /// Which of them.
        form: WebrtcForm,
        /// SDP.
        sdp: String,
    },
    /// `webrtc/candidate`.
    WebrtcCandidate {
        /// Possibly empty.
        candidate: String,
    },
    /// A type that is not ours, such as the player's `mse`.
    Ignored,
}

/// Where the fields of a message stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In `value`.
    #[default]
    Wrapped,
    /// Beside `type`, as the clients of the first days have it. They also look there for the
    /// fields of replies, so these have them in both places.
    Flat,
}

/// Why a text frame is no [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageError {
    /// Longer than [`MESSAGE_MAX_BYTES`].
    TooLong,
    /// Not a JSON object.
    Malformed,
    /// A request of this type with a field of the wrong kind.
    Field(&'static str),
}

const TYPES: &[&str] = &[
    "multistream/init",
    "multistream/offer",
    "multistream/switch",
    "multistream/pause",
    "multistream/resume",
    "multistream/keyframe",
    "multistream/ice",
    "multistream/close",
    "webrtc/offer",
    "webrtc",
    "webrtc/candidate",
];

/// Reads a text frame.
///
/// # Errors
/// What is wrong with it. Candidates are never an error.
pub fn read(text: &str) -> Result<Request, MessageError> {
    if text.len() > MESSAGE_MAX_BYTES {
        return Err(MessageError::TooLong);
    }
    let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
        return Err(MessageError::Malformed);
    };
    let Some(Value::String(kind)) = message.remove("type") else {
        return Ok(Request::Ignored);
    };
    let Some(kind) = TYPES.iter().find(|known| **known == kind) else {
        return Ok(Request::Ignored);
    };
    // The flat form: what stands beside `type` is the value.
    let (value, form) = match message.remove("value") {
        Some(value) => (value, Form::Wrapped),
        None => (Value::Object(message), Form::Flat),
    };
    read_value(kind, value, form).ok_or(MessageError::Field(kind))
}

fn read_value(kind: &str, value: Value, form: Form) -> Option<Request> {
    match kind {
        "webrtc/offer" => {
            let Value::String(sdp) = value else { return None };
            return Some(Request::WebrtcOffer { form: WebrtcForm::Plain, sdp });
        }
        "webrtc/candidate" => {
            return Some(Request::WebrtcCandidate { candidate: candidate(&value) });
        }
        "multistream/ice" => return Some(Request::Ice { candidate: candidate(&value) }),
        "multistream/close" => return Some(Request::Close),
        _ => {}
    }
    let Value::Object(fields) = value else { return None };
    Some(match kind {
        "multistream/init" => {
            Request::Init { request_id: request_id(&fields), slots: slots(&fields)?, form }
        }
        "multistream/offer" => {
            Request::Offer { request_id: request_id(&fields), sdp: text(&fields, "sdp")? }
        }
        "multistream/switch" => {
            Request::Switch { slot: number(&fields, "slot")?, stream: stream(&fields)? }
        }
        "multistream/pause" => Request::Pause { slot: number(&fields, "slot")? },
        "multistream/resume" => {
            let named = Some(stream(&fields)?).filter(|stream| !stream.stream.is_empty());
            Request::Resume { slot: number(&fields, "slot")?, stream: named }
        }
        "multistream/keyframe" => {
            Request::Keyframe { request_id: request_id(&fields), slot: number(&fields, "slot")? }
        }
        "webrtc" => match text(&fields, "type")?.as_str() {
            "offer" => Request::WebrtcOffer { form: WebrtcForm::Typed, sdp: text(&fields, "sdp")? },
            "candidate" => Request::WebrtcCandidate { candidate: candidate(&fields.into()) },
            _ => Request::Ignored,
        },
        _ => Request::Ignored,
    })
}

fn text(fields: &Map<String, Value>, key: &str) -> Option<String> {
    match fields.get(key) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    }
}

fn number(fields: &Map<String, Value>, key: &str) -> Option<i64> {
    match fields.get(key) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_i64(),
    }
}

fn request_id(fields: &Map<String, Value>) -> Option<String> {
    text(fields, "request_id").filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_MAX_BYTES)
}

fn stream(fields: &Map<String, Value>) -> Option<StreamRef> {
    Some(StreamRef { stream: text(fields, "stream")?, quality: text(fields, "quality")? })
}

fn slots(fields: &Map<String, Value>) -> Option<Vec<SlotRequest>> {
    let entries = match fields.get("slots") {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(value) => value.as_array()?,
    };
    let read = |entry: &Value| {
        let fields = entry.as_object()?;
        let audio = fields.get("audio").and_then(Value::as_bool).unwrap_or(false);
        Some(SlotRequest { slot: number(fields, "slot")?, stream: stream(fields)?, audio })
    };
    entries.iter().take(SLOTS_READ_MAX).map(read).collect()
}

/// A candidate, bare or in an object; whatever else it is, is an empty one.
fn candidate(value: &Value) -> String {
    let found = match value {
        Value::String(text) => Some(text.as_str()),
        Value::Object(fields) => fields.get("candidate").and_then(Value::as_str),
        _ => None,
    };
    found.filter(|text| text.len() <= CANDIDATE_MAX_BYTES).unwrap_or_default().to_owned()
}

fn truncated(mut text: String, max_bytes: usize) -> String {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// A slot's status on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireStatus {
    /// The client's slot number.
    pub slot: i64,
    /// The resolved name.
    pub stream: String,
    /// As in `engine::status::Status::as_str`.
    pub status: &'static str,
    /// As it was asked for, where it belongs to `stream`.
    pub quality: Option<String>,
    /// The stream that was asked for, where `stream` is shown in its place.
    pub instead_of: Option<String>,
    /// Why.
    pub error: Option<String>,
}

impl WireStatus {
    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("slot".into(), self.slot.into());
        fields.insert("stream".into(), self.stream.as_str().into());
        fields.insert("status".into(), self.status.into());
        let optional =
            [("quality", &self.quality), ("instead_of", &self.instead_of), ("error", &self.error)];
        for (key, value) in optional {
            if let Some(value) = value {
                fields.insert(key.into(), value.as_str().into());
            }
        }
        Value::Object(fields)
    }
}

/// A message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `multistream/ready`.
    Ready {
        /// Echoed.
        request_id: Option<&'a str>,
        /// How many slots there are.
        slots: usize,
    },
    /// `multistream/answer`.
    Answer {
        /// Echoed.
        request_id: Option<&'a str>,
        /// SDP.
        sdp: &'a str,
        /// One per entry of `init`, in that order.
        slots: &'a [WireStatus],
    },
    /// `multistream/status`.
    Status(&'a WireStatus),
    /// `multistream/keyframe`.
    Keyframe {
        /// Echoed.
        request_id: Option<&'a str>,
        /// Echoed.
        slot: i64,
    },
    /// `multistream/ice`.
    Ice(&'a str),
    /// `multistream/disconnected`.
    Disconnected,
    /// `webrtc/answer` or `webrtc`.
    WebrtcAnswer {
        /// The form of the offer.
        form: WebrtcForm,
        /// SDP.
        sdp: &'a str,
    },
    /// `webrtc/candidate`.
    WebrtcCandidate(&'a str),
    /// `error`.
    Error {
        /// The type of the request that failed.
        kind: &'a str,
        /// Why.
        text: &'a str,
    },
}

impl Reply<'_> {
    /// The text frame.
    #[must_use]
    pub fn encode(&self, form: Form) -> String {
        let (kind, value) = match self {
            Self::Ready { request_id, slots } => {
                ("multistream/ready", with_id(*request_id, json!({ "slots": slots })))
            }
            Self::Answer { request_id, sdp, slots } => {
                let slots: Vec<Value> = slots.iter().map(WireStatus::to_json).collect();
                let kind = "multistream/answer";
                let value = json!({ "type": kind, "sdp": sdp, "slots": slots });
                (kind, with_id(*request_id, value))
            }
            Self::Status(status) => {
                let kind = "multistream/status";
                let (slot, status) = (status.slot, status.to_json());
                (kind, json!({ "type": kind, "slot": slot, "status": status }))
            }
            Self::Keyframe { request_id, slot } => {
                let value = json!({ "slot": slot, "status": "requested" });
                ("multistream/keyframe", with_id(*request_id, value))
            }
            Self::Ice(candidate) => ("multistream/ice", json!(candidate)),
            Self::Disconnected => {
                ("multistream/disconnected", json!({ "reason": "connection_lost" }))
            }
            Self::WebrtcAnswer { form: WebrtcForm::Plain, sdp } => ("webrtc/answer", json!(sdp)),
            Self::WebrtcAnswer { form: WebrtcForm::Typed, sdp } => {
                ("webrtc", json!({ "type": "answer", "sdp": sdp }))
            }
            Self::WebrtcCandidate(candidate) => ("webrtc/candidate", json!(candidate)),
            Self::Error { kind, text } => ("error", json!(format!("{kind}: {text}"))),
        };
        let mut message = match (&value, form) {
            (Value::Object(fields), Form::Flat) => fields.clone(),
            _ => Map::new(),
        };
        message.insert("type".into(), kind.into());
        message.insert("value".into(), value);
        Value::Object(message).to_string()
    }
}

fn with_id(request_id: Option<&str>, mut value: Value) -> Value {
    if let (Some(id), Some(fields)) = (request_id, value.as_object_mut()) {
        fields.insert("request_id".into(), id.into());
    }
    value
}
