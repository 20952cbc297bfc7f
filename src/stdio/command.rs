//! Commands: one line each, read strictly, so that a mistake is named and not guessed at.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::event::{Code, Event};
use super::limits::{ID_MAX_BYTES, LINE_MAX_BYTES, SHOWN_MAX_BYTES, STATS_INTERVAL_MS};
use super::lines::Line;

/// What the parent calls a command by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// At most [`ID_MAX_BYTES`].
    Text(String),
}

/// A command, with what all of them may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Repeated in the answer; without one only failures are answered.
    pub id: Option<Id>,
    /// Which stream; every one where none is named.
    pub stream: Option<String>,
    /// What is to be done.
    pub command: Command,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Record, into files whose path is given or known.
    Start {
        /// With the placeholders of `record`.
        path: Option<String>,
    },
    /// End the files, and record no more.
    Stop,
    /// End the files, stay connected, write nothing.
    Pause,
    /// Go on in another file.
    Resume,
    /// Ask for a key picture.
    Keyframe,
    /// Tell how it goes, now...
    Stats {
        /// ...or every so many milliseconds from here on, never for 0.
        interval_ms: Option<u64>,
    },
    /// The WebSocket of a room whose server is `stdio` is open.
    SocketOpen {
        /// Its name in the configuration.
        room: String,
        /// The id under which it speaks there, where clients name themselves.
        uuid: Option<String>,
    },
    /// It is closed, or could not be opened.
    SocketClosed {
        /// Its name in the configuration.
        room: String,
        /// The close code (RFC 6455 section 7.4), if there was one.
        code: Option<u16>,
    },
    /// It has brought this text.
    Signal {
        /// Its name in the configuration.
        room: String,
        /// As it came.
        text: String,
    },
}

impl Command {
    /// The spelling of `command`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Keyframe => "keyframe",
            Self::Stats { .. } => "stats",
            Self::SocketOpen { .. } | Self::SocketClosed { .. } => "socket",
            Self::Signal { .. } => "signal",
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name()) // texts of rooms may hold addresses
    }
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The `id` of the line, where it has one.
    pub id: Option<Id>,
    /// What kind of mistake.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl Mistake {
    /// How it is told.
    #[must_use]
    pub fn into_event(self) -> Event {
        let Self { id, code, text } = self;
        Event::Error { code, text, stream: None, room: None, id }
    }
}

/// The command of a line, however it came.
///
/// # Errors
/// What is wrong with it.
pub fn request(line: Line) -> Result<Request, Mistake> {
    let bad = |code, text: String| Err(Mistake { id: None, code, text });
    match line {
        Line::Text(text) => Request::parse(&text),
        Line::TooLong => bad(Code::TooLong, format!("expected at most {LINE_MAX_BYTES} bytes")),
        Line::NotUtf8 => bad(Code::NotJson, "expected UTF-8".to_owned()),
    }
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and the `id` that it bears.
    pub fn parse(line: &str) -> Result<Self, Mistake> {
        let bad = |code, text: String| Mistake { id: None, code, text };
        let value: Value = serde_json::from_str(line)
            .map_err(|error| bad(Code::NotJson, format!("expected an object of JSON: {error}")))?;
        let Value::Object(keys) = value else {
            return Err(bad(Code::NotJson, "expected an object of JSON".to_owned()));
        };
        let mut keys = Keys { keys };
        let id = keys.id().map_err(|text| bad(Code::BadKey, text))?;
        let mistake = |code, text| Mistake { id: id.clone(), code, text };
        let bad_key = |text| mistake(Code::BadKey, text);
        let name = keys.text("command").map_err(bad_key)?;
        let name = name.ok_or_else(|| {
            mistake(Code::BadCommand, "command: expected one of docs/stdio.md".to_owned())
        })?;
        let read = keys.command(&name).map_err(bad_key)?;
        let Some((command, stream)) = read else {
            return Err(mistake(Code::BadCommand, format!("command: unknown {}", shown(&name))));
        };
        match keys.keys.keys().next() {
            Some(key) => Err(bad_key(format!("{}: no key of {name}", shown(key)))),
            None => Ok(Self { id, stream, command }),
        }
    }
}

/// The keys that were not read yet.
struct Keys {
    keys: Map<String, Value>,
}

impl Keys {
    fn id(&mut self) -> Result<Option<Id>, String> {
        let expected = || format!("id: expected a whole number or up to {ID_MAX_BYTES} bytes");
        match self.keys.remove("id") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                number.as_i64().map(|number| Some(Id::Number(number))).ok_or_else(expected)
            }
            Some(Value::String(text)) if text.len() <= ID_MAX_BYTES => Ok(Some(Id::Text(text))),
            Some(_) => Err(expected()),
        }
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.keys.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{key}: expected a text")),
        }
    }

    fn needed(&mut self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| format!("{key}: missing"))
    }

    fn number(
        &mut self,
        key: &str,
        is_valid: impl Fn(u64) -> bool,
        expected: &str,
    ) -> Result<Option<u64>, String> {
        match self.keys.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().filter(|number| is_valid(*number));
                number.map(Some).ok_or_else(|| format!("{key}: expected {expected}"))
            }
        }
    }

    /// The command of this name, if there is such a one, and its stream.
    fn command(&mut self, name: &str) -> Result<Option<(Command, Option<String>)>, String> {
        let command = match name {
            "socket" => return self.socket().map(|command| Some((command, None))),
            "signal" => {
                let (room, text) = (self.needed("room")?, self.needed("text")?);
                return Ok(Some((Command::Signal { room, text }, None)));
            }
            "start" => Command::Start { path: self.text("path")? },
            "stop" => Command::Stop,
            "pause" => Command::Pause,
            "resume" => Command::Resume,
            "keyframe" => Command::Keyframe,
            "stats" => {
                let (least, most) = (STATS_INTERVAL_MS.start(), STATS_INTERVAL_MS.end());
                let expected = format!("0, or {least} to {most}");
                let is_valid = |ms| ms == 0 || STATS_INTERVAL_MS.contains(&ms);
                Command::Stats { interval_ms: self.number("interval_ms", is_valid, &expected)? }
            }
            _ => return Ok(None),
        };
        let stream = self.text("stream")?;
        if matches!(command, Command::Stats { interval_ms: Some(_) }) && stream.is_some() {
            return Err("interval_ms: is of all streams".to_owned());
        }
        if matches!(command, Command::Start { path: Some(_) }) && stream.is_none() {
            return Err("stream: missing, as path is of one".to_owned());
        }
        Ok(Some((command, stream)))
    }

    fn socket(&mut self) -> Result<Command, String> {
        let room = self.needed("room")?;
        match self.needed("state")?.as_str() {
            "open" => Ok(Command::SocketOpen { room, uuid: self.text("uuid")? }),
            "closed" => {
                let is_valid = |code| u16::try_from(code).is_ok();
                let code = self.number("code", is_valid, "a close code")?;
                Ok(Command::SocketClosed { room, code: code.and_then(|c| u16::try_from(c).ok()) })
            }
            _ => Err("state: expected open or closed".to_owned()),
        }
    }
}

/// Not more of it than helps, and nothing that could be an address with a password.
fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_MAX_BYTES).collect();
    config::redact_url(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Request {
        Request::parse(line).unwrap()
    }

    #[test]
    fn commands_are_read() {
        let door = Some("door".to_owned());
        let start = read(r#"{"command":"start","stream":"door","path":"/rec/{stream}","id":"a"}"#);
        let path = Some("/rec/{stream}".to_owned());
        let id = Some(Id::Text("a".to_owned()));
        assert_eq!(start, Request { id, stream: door.clone(), command: Command::Start { path } });
        for (name, command) in [
            ("stop", Command::Stop),
            ("pause", Command::Pause),
            ("resume", Command::Resume),
            ("keyframe", Command::Keyframe),
            ("stats", Command::Stats { interval_ms: None }),
        ] {
            let request = read(&format!(r#"{{"id":7,"stream":"door","command":"{name}"}}"#));
            assert_eq!(command.name(), name);
            let id = Some(Id::Number(7));
            assert_eq!(request, Request { id, stream: door.clone(), command });
        }
        let all = read(r#"{"command":"stop"}"#);
        assert_eq!(all, Request { id: None, stream: None, command: Command::Stop });
        let request = read(r#"{"command":"stats","interval_ms":250}"#);
        assert_eq!(request.command, Command::Stats { interval_ms: Some(250) });
    }

    #[test]
    fn a_room_may_be_spoken_to() {
        let room = "studio".to_owned();
        let uuid = Some("me".to_owned());
        let request = read(r#"{"command":"socket","room":"studio","state":"open","uuid":"me"}"#);
        assert_eq!(request.command, Command::SocketOpen { room: room.clone(), uuid });
        let request = read(r#"{"command":"socket","room":"studio","state":"closed","code":1006}"#);
        let code = Some(1006);
        assert_eq!(request.command, Command::SocketClosed { room: room.clone(), code });
        let request = read(r#"{"command":"signal","room":"studio","text":"{}"}"#);
        assert_eq!(request.command, Command::Signal { room, text: "{}".to_owned() });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, code, expected) in [
            ("nonsense", Code::NotJson, "expected an object of JSON"),
            ("[1]", Code::NotJson, "expected an object of JSON"),
            ("{}", Code::BadCommand, "command: expected"),
            (r#"{"command":"dance"}"#, Code::BadCommand, "command: unknown dance"),
            (r#"{"command":7}"#, Code::BadKey, "command: expected a text"),
            (r#"{"command":"stop","streem":"a"}"#, Code::BadKey, "streem: no key of stop"),
            (r#"{"command":"stop","stream":1}"#, Code::BadKey, "stream: expected a text"),
            (r#"{"command":"start","path":"/a"}"#, Code::BadKey, "stream: missing"),
            (r#"{"command":"stats","interval_ms":5}"#, Code::BadKey, "interval_ms: expected 0,"),
            (r#"{"command":"stats","interval_ms":0,"stream":"a"}"#, Code::BadKey, "is of all"),
            (r#"{"command":"stop","id":1.5}"#, Code::BadKey, "id: expected"),
            (r#"{"command":"signal","room":"a"}"#, Code::BadKey, "text: missing"),
            (r#"{"command":"socket","room":"a","state":"x"}"#, Code::BadKey, "state: expected"),
        ] {
            let mistake = Request::parse(line).unwrap_err();
            assert_eq!(mistake.code, code, "{line}");
            assert!(mistake.text.contains(expected), "{line}: {}", mistake.text);
        }
        let mistake = Request::parse(r#"{"id":3,"command":"dance"}"#).unwrap_err();
        assert_eq!(mistake.id, Some(Id::Number(3)));
        let mistake = Request::parse(r#"{"command":"rtsp://u:hunter2@h/a"}"#).unwrap_err();
        assert!(!mistake.text.contains("hunter2"), "{}", mistake.text);
    }
}
