//! The messages of the signalling server: taken as loosely as pages take them, written byte for
//! byte as pages write them.

use serde::Serialize;
use serde_json::Value;

use super::crypto::Secret;
use super::limits;
use super::output::Candidate;

/// Which description it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A publisher's.
    Offer,
    /// A viewer's.
    Answer,
}

/// Somebody in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The server's id.
    pub uuid: String,
    /// The id of the stream that is published, if one is.
    pub stream: Option<String>,
}

/// A session description with what it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: Kind,
    /// The SDP, at most [`limits::SDP_MAX_BYTES`].
    pub sdp: String,
    /// Whose stream, on the wire.
    pub stream: Option<String>,
    /// Whether the sender is a scene viewer, which offers although it has nothing to show.
    pub is_scene: bool,
}

/// Candidates with the side that sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Whether the side that offers sent them (`"type":"local"`); none where it is not said.
    pub is_offerer: Option<bool>,
    /// `candidate:…`, at most [`limits::CANDIDATES_PER_MESSAGE_MAX`].
    pub candidates: Vec<String>,
}

/// Why the server refused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A name is somebody else's.
    Taken,
    /// Our own id is.
    IdTaken,
    /// There is no room now.
    Busy,
    /// Something else was said.
    Other,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Who is in the room that was joined.
    Listing(Vec<Member>),
    /// Somebody came, perhaps with a stream.
    Joined(Option<String>),
    /// A stream is published.
    Announced(String),
    /// The sender is to be sent an offer for this stream, or for ours.
    Wanted(Option<String>),
    /// An offer or an answer.
    Description(Description),
    /// Candidates.
    Candidates(Candidates),
    /// Its WebSocket is gone.
    Left,
    /// It hung up.
    Bye,
    /// The server's words to us.
    Notice(Refusal, String),
    /// Nothing that concerns us.
    Other,
}

/// A message of the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `UUID`: the other side where the server assigns ids, else the destination.
    pub uuid: Option<String>,
    /// `from`: the sender, where clients name themselves.
    pub from: Option<String>,
    /// `roomid`.
    pub room: Option<String>,
    /// `session`.
    pub session: Option<String>,
    /// Whether only a server that assigns ids says such a thing.
    pub is_assigning: bool,
    /// What it says.
    pub signal: Signal,
}

impl Message {
    /// Reads a message; none where it is no JSON object, or too large.
    #[must_use]
    pub fn parse(text: &str, secret: &Secret) -> Option<Self> {
        let value = object(text)?;
        let request = value.get("request").and_then(Value::as_str).unwrap_or_default();
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let stream = id(&value, "streamID");
        let is_assigning = matches!(
            request,
            "listing" | "transferred" | "someonejoined" | "videoaddedtoroom" | "offerSDP"
        );
        let signal = match request {
            "listing" | "transferred" => Signal::Listing(members(&value)),
            "someonejoined" => Signal::Joined(None),
            "joinroom" => Signal::Joined(stream),
            "videoaddedtoroom" | "seed" => stream.map_or(Signal::Other, Signal::Announced),
            "offerSDP" => Signal::Wanted(None),
            "play" => stream.map_or(Signal::Other, |stream| Signal::Wanted(Some(stream))),
            "cleanup" | "bye" => Signal::Bye,
            "alert" | "warn" | "error" => notice(&value, "message"),
            _ if value.get("error").is_some() => notice(&value, "error"),
            _ if matches!(kind, "disconnect" | "leave") => Signal::Left,
            _ => peer_signal(&value, secret).unwrap_or(Signal::Other),
        };
        // The notice of a leave has its own key for who it was.
        let uuid = id(&value, "UUID").or_else(|| id(&value, "uuid"));
        let (from, room) = (id(&value, "from"), id(&value, "roomid"));
        Some(Self { uuid, from, room, session: id(&value, "session"), is_assigning, signal })
    }
}

/// What both the WebSocket and the data channel may carry.
fn peer_signal(value: &Value, secret: &Secret) -> Option<Signal> {
    if let Some(description) = description(value, secret) {
        return Some(Signal::Description(description));
    }
    if let Some(candidates) = candidates(value, secret) {
        return Some(Signal::Candidates(candidates));
    }
    is_true(value, "bye").then_some(Signal::Bye)
}

/// The object that a text is.
pub(super) fn object(text: &str) -> Option<Value> {
    if text.len() > limits::MESSAGE_MAX_BYTES {
        return None;
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}

pub(super) fn is_true(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

/// An id of a length that ids have, without what could hurt a log.
pub(super) fn id(value: &Value, key: &str) -> Option<String> {
    let id = value.get(key)?.as_str()?;
    let is_valid = (1..=limits::ID_MAX_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_valid.then(|| id.to_owned())
}

fn members(value: &Value) -> Vec<Member> {
    let list = value.get("list").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let member = |value| Some(Member { uuid: id(value, "UUID")?, stream: id(value, "streamID") });
    list.iter().take(limits::MEMBERS_MAX).filter_map(member).collect()
}

fn notice(value: &Value, key: &str) -> Signal {
    let words = value.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = words.chars().filter(|c| !c.is_control());
    let words: String = words.take(limits::NOTICE_MAX_CHARS).collect();
    let lower = words.to_lowercase();
    let says = |known: &[&str]| known.iter().any(|known| lower.contains(known));
    let refusal = match () {
        () if says(&["uuid already in use"]) => Refusal::IdTaken,
        () if says(&["already in use", "already claimed", "can't change"]) => Refusal::Taken,
        () if says(&["full", "busy", "capacity", "too many"]) => Refusal::Busy,
        () => Refusal::Other,
    };
    Signal::Notice(refusal, words)
}

/// What stands under a key, decrypted if it has to be.
fn opened(value: &Value, key: &str, secret: &Secret) -> Option<Value> {
    let found = value.get(key)?;
    let Some(sealed) = found.as_str() else { return Some(found.clone()) };
    let vector = value.get("vector")?.as_str()?;
    serde_json::from_str(&secret.decrypt(sealed, vector)?).ok()
}

/// The description of a message.
pub(super) fn description(value: &Value, secret: &Secret) -> Option<Description> {
    let description = opened(value, "description", secret)?;
    let kind = match description.get("type")?.as_str()? {
        "offer" => Kind::Offer,
        "answer" => Kind::Answer,
        _ => return None,
    };
    let sdp = description.get("sdp")?.as_str()?;
    let is_short = !sdp.is_empty() && sdp.len() <= limits::SDP_MAX_BYTES;
    is_short.then(|| Description {
        kind,
        sdp: sdp.to_owned(),
        stream: id(value, "streamID"),
        is_scene: value.get("isScene").is_some_and(|scene| !matches!(scene, Value::Bool(false))),
    })
}

/// The candidates of a message, one or a list.
pub(super) fn candidates(value: &Value, secret: &Secret) -> Option<Candidates> {
    let found = opened(value, "candidates", secret).or_else(|| opened(value, "candidate", secret));
    let list = match found? {
        Value::Array(list) => list,
        one => vec![one],
    };
    let is_offerer = match value.get("type").and_then(Value::as_str) {
        Some("local") => Some(true),
        Some("remote") => Some(false),
        _ => None,
    };
    let list = list.iter().take(limits::CANDIDATES_PER_MESSAGE_MAX);
    let candidates = list.filter_map(candidate).map(str::to_owned).collect();
    Some(Candidates { is_offerer, candidates })
}

/// A line that can be used: the end of candidates is none, and nobody here asks mDNS.
fn candidate(value: &Value) -> Option<&str> {
    let line = value.get("candidate")?.as_str()?;
    let is_usable = line.starts_with("candidate:")
        && line.len() <= limits::CANDIDATE_MAX_BYTES
        && line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !line.contains(".local ");
    is_usable.then_some(line)
}

/// A value as it is written: plain, or encrypted with its vector beside it.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<T> {
    Plain(T),
    Sealed(String),
}

#[derive(Serialize)]
struct Sdp<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sdp: &'a str,
}

/// A message to be written. The keys stand in the order in which pages write them.
#[derive(Default, Serialize)]
pub struct Writing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'static str>,
    #[serde(rename = "UUID", skip_serializing_if = "Option::is_none")]
    uuid: Option<&'a str>,
    #[serde(rename = "streamID", skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Payload<Sdp<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Payload<&'a [Candidate]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bye: Option<bool>,
    #[serde(rename = "isScene", skip_serializing_if = "Option::is_none")]
    is_scene: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(rename = "roomid", skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
}

/// Whom a peer's message is for, and in which session.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// The other side.
    pub uuid: &'a str,
    /// The publisher's id of the peer connection.
    pub session: &'a str,
}

/// What is encrypted with, where it is.
#[derive(Debug)]
pub struct Seal<'a> {
    /// The password's.
    pub secret: &'a Secret,
    /// Random.
    pub vector: [u8; 16],
}

impl Seal<'_> {
    fn close<T: Serialize>(self, value: T) -> (Payload<T>, Option<String>) {
        let text = self.secret.is_on().then(|| serde_json::to_string(&value).ok()).flatten();
        match text.and_then(|text| self.secret.encrypt(&text, self.vector)) {
            Some((sealed, vector)) => (Payload::Sealed(sealed), Some(vector)),
            None => (Payload::Plain(value), None),
        }
    }
}

impl<'a> Writing<'a> {
    /// `play` or `seed`.
    #[must_use]
    pub fn request(request: &'static str, stream: &'a str) -> Self {
        Self { request: Some(request), stream: Some(stream), ..Self::default() }
    }

    /// An offer of a stream.
    #[must_use]
    pub fn offer(to: To<'a>, stream: &'a str, sdp: &'a str, seal: Seal<'_>) -> Self {
        let (description, vector) = seal.close(Sdp { kind: "offer", sdp });
        let (uuid, session) = (Some(to.uuid), Some(to.session));
        let (stream, description) = (Some(stream), Some(description));
        Self { uuid, stream, description, session, vector, ..Self::default() }
    }

    /// An answer.
    #[must_use]
    pub fn answer(to: To<'a>, sdp: &'a str, seal: Seal<'_>) -> Self {
        let (description, vector) = seal.close(Sdp { kind: "answer", sdp });
        let (uuid, session) = (Some(to.uuid), Some(to.session));
        Self { uuid, description: Some(description), session, vector, ..Self::default() }
    }

    /// Candidates of the side that offers, or of the one that answers.
    #[must_use]
    pub fn candidates(
        to: To<'a>,
        is_offerer: bool,
        candidates: &'a [Candidate],
        seal: Seal<'_>,
    ) -> Self {
        let kind = Some(if is_offerer { "local" } else { "remote" });
        let (candidates, vector) = seal.close(candidates);
        let (uuid, session) = (Some(to.uuid), Some(to.session));
        Self { uuid, kind, candidates: Some(candidates), session, vector, ..Self::default() }
    }

    /// Hangs up.
    #[must_use]
    pub fn bye(to: To<'a>) -> Self {
        let (uuid, session) = (Some(to.uuid), Some(to.session));
        Self { uuid, session, bye: Some(true), ..Self::default() }
    }

    /// For a server where clients name themselves.
    #[must_use]
    pub fn from(self, own_id: &'a str, room: Option<&'a str>) -> Self {
        let is_offer = self.description.is_some() && self.stream.is_some();
        Self { from: Some(own_id), room, is_scene: is_offer.then_some(false), ..self }
    }

    /// The text.
    #[must_use]
    pub fn to_text(&self) -> String {
        text(self)
    }
}

/// `joinroom`, which has its keys in an order of its own.
#[derive(Serialize)]
struct Join<'a> {
    request: &'static str,
    #[serde(rename = "streamID", skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(rename = "roomid")]
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
}

/// Enters a room, where clients name themselves with the stream that is published.
#[must_use]
pub fn join(room: &str, stream: Option<&str>, from: Option<&str>) -> String {
    text(&Join { request: "joinroom", stream, room, from })
}

pub(super) fn text(value: &impl Serialize) -> String {
    // Strings, numbers and lists of them: nothing that JSON has no form for.
    serde_json::to_string(value).unwrap_or_default()
}
