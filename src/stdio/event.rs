//! Events: one line each.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::command::Id;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The configuration is good, and what it names is begun.
    Ready {
        /// Of the program.
        version: &'static str,
        /// Of the process.
        pid: u32,
        /// Where its API is served; none where there is none.
        http: Option<String>,
        /// The configuration's.
        streams: Vec<String>,
        /// The configuration's.
        rooms: Vec<String>,
    },
    /// A room was entered.
    Joined {
        /// Its name in the configuration.
        room: String,
    },
    /// A room was left, or a stream is gone.
    Left {
        /// The room.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// The stream.
        #[serde(skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
        /// Why.
        reason: String,
    },
    /// The connection to a camera, or that of a publisher, is up.
    Connected {
        /// Whose.
        stream: String,
    },
    /// The first picture, or packet of sound, since then.
    FirstMedia {
        /// Whose.
        stream: String,
        /// Of its pictures, once it is known.
        codec: Option<String>,
        /// Pixels.
        width: Option<u32>,
        /// Pixels.
        height: Option<u32>,
    },
    /// A file was begun.
    Opened {
        /// Of which stream.
        stream: String,
        /// Its path.
        file: String,
        /// Why, as in the index.
        reason: String,
    },
    /// Pictures or sound are missing in a file.
    Gap {
        /// Of which stream.
        stream: String,
        /// Gaps of the recording so far.
        gaps: u64,
    },
    /// A file is whole.
    Finalised(Finished),
    /// How a stream does.
    Stats(Stats),
    /// A command could not be done, or something else went wrong.
    Error {
        /// Stable.
        code: Code,
        /// For people; no secrets.
        text: String,
        /// The stream that it is about, if it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
        /// The room that it is about, if it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// The command's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
    },
    /// A command was taken. What comes of it is told by other events.
    Done {
        /// The command's.
        id: Id,
        /// Its name.
        command: &'static str,
    },
    /// A room whose server is `stdio` wants its WebSocket opened, or closed.
    Socket {
        /// Its name in the configuration.
        room: String,
        /// Which.
        state: SocketState,
    },
    /// It has this to send there.
    Signal {
        /// Its name in the configuration.
        room: String,
        /// As it is to be sent.
        text: String,
    },
    /// A worker's process was started, or has ended.
    Worker {
        /// The stream that it is for.
        stream: String,
        /// Which.
        state: WorkerState,
        /// Of the process.
        pid: u32,
        /// How often it was started before.
        restarts: u64,
    },
}

/// What a room wants of its WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketState {
    /// That it be opened.
    Connect,
    /// That it be closed.
    Disconnect,
}

/// What became of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Its process runs.
    Started,
    /// Its process has ended.
    Ended,
}

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// Of which stream.
    pub stream: String,
    /// Its path.
    pub file: String,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Pictures.
    pub frames: u64,
    /// Packets of sound.
    pub audio_packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Places where something is missing.
    pub gaps: u64,
    /// Why it ended, as in the index.
    pub reason: String,
}

/// How a stream does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Which.
    pub stream: String,
    /// `idle`, `connecting`, `live`, `offline` or `unsupported`.
    pub state: &'static str,
    /// `waiting`, `recording`, `paused`, `full`, `failed` or `stopped`.
    pub recording: &'static str,
    /// Of its pictures.
    pub codec: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Bits of pictures a second since the last time.
    pub bitrate_bps: u64,
    /// RTP packets of pictures that came.
    pub packets: u64,
    /// Those that did not.
    pub lost: u64,
    /// Pictures in files.
    pub frames: u64,
    /// Places where something is missing in them.
    pub gaps: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Milliseconds since the last whole picture or packet of sound came.
    pub last_packet_age_ms: Option<u64>,
    /// Milliseconds since the last key picture came.
    pub keyframe_age_ms: Option<u64>,
    /// Key pictures that were asked for.
    pub keyframe_requests: u64,
    /// The file that is written.
    pub file: Option<String>,
}

/// What an error is about. The spelling does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A line is no object of JSON.
    NotJson,
    /// A line is too long.
    TooLong,
    /// There is no such command.
    BadCommand,
    /// A key is missing, unknown, or has a value that it can't have.
    BadKey,
    /// There is no such stream.
    NoSuchStream,
    /// There is no such room, or it has a WebSocket of its own.
    NoSuchRoom,
    /// How it is to be recorded was never said.
    NotRecorded,
    /// It is stopped, and can be started alone.
    Stopped,
    /// More streams were named than are remembered.
    TooMany,
    /// The configuration can't be used.
    Configuration,
    /// A file could not be begun or written on.
    Recording,
    /// A room's server refuses us or complains.
    Room,
    /// A worker's process can't be started, or has ended by itself.
    Worker,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    time_ms: u64,
}

impl Event {
    /// The line, without its end; `time_ms` is since 1970.
    #[must_use]
    pub fn to_line(&self, time_ms: u64) -> String {
        // Texts and numbers: nothing that JSON has no form for.
        serde_json::to_string(&Line { event: self, time_ms }).unwrap_or_default()
    }

    /// An error that is about nothing in particular.
    #[must_use]
    pub fn error(code: Code, text: impl Into<String>) -> Self {
        Self::Error { code, text: text.into(), stream: None, room: None, id: None }
    }
}

/// What a line of the index of a recording's files tells.
#[must_use]
pub fn of_index(line: &str, stream: &str, directory: &Path) -> Vec<Event> {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| entry.get(key).and_then(Value::as_u64).unwrap_or_default();
    let stream = stream.to_owned();
    let file = entry.get("file").and_then(Value::as_str);
    let file = file.map(|file| directory.join(file).to_string_lossy().into_owned());
    let finished = |reason: String| {
        let file = file.clone()?;
        Some(Event::Finalised(Finished {
            stream: stream.clone(),
            file,
            duration_ms: number("duration_ms"),
            frames: number("frames"),
            audio_packets: number("audio_packets"),
            bytes: number("bytes"),
            gaps: number("gaps"),
            reason,
        }))
    };
    match entry.get("event").and_then(Value::as_str) {
        Some("opened") => {
            let reason = text("reason");
            let file = file.clone().unwrap_or_default();
            vec![Event::Opened { stream: stream.clone(), file, reason }]
        }
        Some("closed") => finished(text("reason")).into_iter().collect(),
        Some("failed") => {
            let mut error = Event::error(Code::Recording, text("error"));
            if let Event::Error { stream: about, .. } = &mut error {
                *about = Some(stream.clone());
            }
            // One that was never there is not whole either.
            [error].into_iter().chain(finished("failure".to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = Event::error(Code::NoSuchStream, "a\nb");
        let line = event.to_line(7);
        let expected = r#"{"event":"error","code":"no_such_stream","text":"a\nb","time_ms":7}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn a_file_that_is_whole_is_told_as_the_index_has_it() {
        let line = "{\"event\":\"closed\",\"file\":\"a/b.mp4\",\"duration_ms\":601,\"frames\":15,\
                    \"audio_packets\":3,\"gaps\":1,\"bytes\":15200,\"reason\":\"pause\"}\n";
        let finished = Finished {
            stream: "door".to_owned(),
            file: "/rec/a/b.mp4".to_owned(),
            duration_ms: 601,
            frames: 15,
            audio_packets: 3,
            bytes: 15200,
            gaps: 1,
            reason: "pause".to_owned(),
        };
        assert_eq!(of_index(line, "door", Path::new("/rec")), [Event::Finalised(finished)]);
    }

    #[test]
    fn a_file_that_could_not_be_made_is_an_error_and_one_that_was_ends_too() {
        let told = |line: &str| of_index(line, "door", Path::new("/rec")).len();
        assert_eq!(told("{\"event\":\"failed\",\"file\":null,\"error\":\"full\"}"), 1);
        assert_eq!(told("{\"event\":\"failed\",\"file\":\"a\",\"error\":\"full\"}"), 2);
        assert_eq!(told("{\"event\":\"deleted\",\"file\":\"a\"}"), 0);
        assert_eq!(told("nonsense"), 0);
    }
}
