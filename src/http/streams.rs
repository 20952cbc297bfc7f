//! The JSON of `/api/streams`.

use serde_json::{Map, Value, json};

use super::HealthInfo;

/// What is known about one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The configured name.
    pub name: String,
    /// Its addresses, already redacted.
    pub urls: Vec<String>,
    /// The state of its source: `idle`, `connecting`, `active`, `offline`, ...
    pub state: String,
    /// Why, for an offline source; without credentials.
    pub error: Option<String>,
    /// `H264`, once known.
    pub codec: Option<String>,
    /// Its audio, once known to have any.
    pub audio: Option<AudioInfo>,
    /// Picture width in pixels, once known.
    pub width: Option<u32>,
    /// Picture height in pixels, once known.
    pub height: Option<u32>,
    /// How it does.
    pub health: HealthInfo,
    /// The cached group of pictures, if there is one.
    pub gop: Option<GopInfo>,
    /// How its camera is asked for keyframes; `None` where it may not be.
    pub keyframe: Option<KeyframeInfo>,
    /// Who watches.
    pub consumers: Vec<ConsumerInfo>,
    /// Where it is handed on to.
    pub publishers: Vec<PublisherInfo>,
    /// How it is recorded.
    #[cfg(feature = "record")]
    pub recordings: Vec<RecordingInfo>,
}

/// A recording of a stream.
#[cfg(feature = "record")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingInfo {
    /// `waiting`, `recording`, `full` or `failed`.
    pub state: &'static str,
    /// The file that is written, below the directory of the recording.
    pub file: Option<String>,
    /// That file's playlist of HLS, if it has one.
    pub playlist: Option<String>,
    /// Why it has none, where it should.
    pub playlist_error: Option<&'static str>,
    /// Files begun.
    pub parts: u64,
    /// Pictures recorded.
    pub frames: u64,
    /// Packets of sound recorded.
    pub audio_packets: u64,
    /// Places where pictures or sound are missing.
    pub gaps: u64,
    /// Frames left out.
    pub dropped: u64,
    /// Bytes written.
    pub bytes: u64,
    /// The newest error, though it may be over.
    pub last_error: Option<String>,
}

/// The audio of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioInfo {
    /// `PCMA`, `OPUS`, `AAC`, ...
    pub codec: String,
    /// Why it is not passed on, if it is not.
    pub error: Option<String>,
}

/// A media server that a stream is handed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherInfo {
    /// Scheme, host and port of its address: the rest may be secret.
    pub url: String,
    /// `waiting` (for the camera), `connecting`, `publishing` or `failed`.
    pub state: String,
    /// Why, for a failed one; without credentials.
    pub error: Option<String>,
}

/// The cached group of pictures of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GopInfo {
    /// Frames since the key picture, that one included.
    pub frames: usize,
    /// Payload bytes held.
    pub bytes: usize,
    /// From its first to its last frame, in milliseconds.
    pub duration_ms: u64,
}

/// How a stream's camera is asked for keyframes, and what was learned about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyframeInfo {
    /// Between two keyframes that nobody asked for, in milliseconds, once known.
    pub interval_ms: Option<u64>,
    /// The ways to ask, the first one first.
    pub methods: Vec<KeyframeMethodInfo>,
}

/// One way to ask a camera for a keyframe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyframeMethodInfo {
    /// `rtcp`, `axis`, `isapi`, `sunapi` or `onvif`.
    pub method: &'static str,
    /// `learning`, `effective`, `ignored`, `unsupported` or `refused`.
    pub verdict: &'static str,
    /// Requests sent.
    pub requests: u64,
    /// From the newest answered request to the keyframe, in milliseconds.
    pub last_ms: Option<u64>,
    /// The median of that over the last 16, in milliseconds.
    pub median_ms: Option<u64>,
}

/// One slot of a viewer that shows a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// The viewer, as in the log.
    pub id: u64,
    /// The slot's position.
    pub slot: usize,
    /// `pending`, `active`, ... as in the status messages.
    pub status: String,
    /// The audio that belongs to its picture, where there is any.
    pub audio: Option<AudioInfo>,
}

impl StreamInfo {
    /// The value beside the stream's name.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let producers: Vec<Value> = self.urls.iter().map(|url| json!({ "url": url })).collect();
        let consumers: Vec<Value> = self.consumers.iter().map(ConsumerInfo::to_json).collect();
        let mut fields = Map::new();
        fields.insert("producers".into(), producers.into());
        fields.insert("consumers".into(), consumers.into());
        fields.insert("state".into(), self.state.as_str().into());
        fields.insert("health".into(), self.health.to_json());
        let optional = [
            ("error", self.error.as_deref().map(Value::from)),
            ("codec", self.codec.as_deref().map(Value::from)),
            ("audio", self.audio.as_ref().map(AudioInfo::to_json)),
            ("width", self.width.map(Value::from)),
            ("height", self.height.map(Value::from)),
            ("gop", self.gop.map(GopInfo::to_json)),
            ("keyframe", self.keyframe.as_ref().map(KeyframeInfo::to_json)),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                fields.insert(key.into(), value);
            }
        }
        if !self.publishers.is_empty() {
            let publishers: Vec<Value> =
                self.publishers.iter().map(PublisherInfo::to_json).collect();
            fields.insert("publishers".into(), publishers.into());
        }
        #[cfg(feature = "record")]
        if !self.recordings.is_empty() {
            let all: Vec<Value> = self.recordings.iter().map(RecordingInfo::to_json).collect();
            fields.insert("recordings".into(), all.into());
        }
        Value::Object(fields)
    }
}

impl AudioInfo {
    fn to_json(&self) -> Value {
        match &self.error {
            Some(error) => json!({ "codec": self.codec, "error": error }),
            None => json!({ "codec": self.codec }),
        }
    }
}

#[cfg(feature = "record")]
impl RecordingInfo {
    fn to_json(&self) -> Value {
        json!({
            "state": self.state, "file": self.file,
            "playlist": self.playlist, "playlist_error": self.playlist_error,
            "parts": self.parts, "frames": self.frames,
            "audio_packets": self.audio_packets, "gaps": self.gaps, "dropped": self.dropped,
            "bytes": self.bytes, "last_error": self.last_error,
        })
    }
}

impl GopInfo {
    fn to_json(self) -> Value {
        let Self { frames, bytes, duration_ms } = self;
        json!({ "frames": frames, "bytes": bytes, "duration_ms": duration_ms })
    }
}

impl KeyframeInfo {
    fn to_json(&self) -> Value {
        let methods: Vec<Value> = self.methods.iter().map(KeyframeMethodInfo::to_json).collect();
        json!({ "interval_ms": self.interval_ms, "methods": methods })
    }
}

impl KeyframeMethodInfo {
    fn to_json(&self) -> Value {
        let Self { method, verdict, requests, last_ms, median_ms } = self;
        json!({
            "method": method, "verdict": verdict, "requests": requests,
            "last_ms": last_ms, "median_ms": median_ms,
        })
    }
}

impl ConsumerInfo {
    fn to_json(&self) -> Value {
        let Self { id, slot, status, audio } = self;
        match audio {
            Some(audio) => {
                json!({ "id": id, "slot": slot, "status": status, "audio": audio.to_json() })
            }
            None => json!({ "id": id, "slot": slot, "status": status }),
        }
    }
}

impl PublisherInfo {
    fn to_json(&self) -> Value {
        match &self.error {
            Some(error) => json!({ "url": self.url, "state": self.state, "error": error }),
            None => json!({ "url": self.url, "state": self.state }),
        }
    }
}

/// All streams as one object, in the given order: the page shows them in the configuration's.
#[must_use]
pub fn encode(streams: &[StreamInfo]) -> String {
    let entry = |stream: &StreamInfo| format!("{}:{}", json!(stream.name), stream.to_json());
    format!("{{{}}}", streams.iter().map(entry).collect::<Vec<_>>().join(","))
}
