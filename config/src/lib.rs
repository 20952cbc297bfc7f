//! Crosspoint's configuration file: YAML in the shape of go2rtc's, read into a typed
//! [`Config`]. This crate touches no file, environment or clock: text comes in as an argument,
//! variables through a closure.
//!
//! Everything wrong with a file is reported at once, each [`Problem`] with its line and with
//! what is expected, and no message, `Debug` or `Display` of this crate shows a credential.

mod camera;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
#[cfg(not(feature = "ffmpeg"))]
#[path = "no_ffmpeg.rs"]
mod ffmpeg;
mod keyframe;
pub mod limits;
mod model;
mod problem;
mod program;
mod publish;
mod reader;
#[cfg(feature = "record")]
mod record;
mod relay;
mod rooms;
mod rtsp;
mod scalar;
mod schema;
mod streams;
mod substitute;
mod token;
mod tree;
mod url;

pub use camera::parse_stream;
pub use keyframe::keyframe as parse_keyframe;
pub use model::{
    Api, CameraUrl, Candidate, Config, IceServer, KeepAlive, Keyframe, Limits, Log, LogFormat,
    LogLevel, Login, Multistream, OUTPUT, PlayoutDelay, Program, Publish, RTSP_DEFAULT_PORT,
    RoomPublish, Rtsp, Source, Stream, Tls, Transport, WEBRTC_DEFAULT_PORT, Webrtc,
};
pub use problem::Problem;
#[cfg(feature = "record")]
pub use record::{
    RECORD_PLACEHOLDERS, Record, RecordContainer, WhenFull, path as parse_record_path,
};
pub use relay::{IceTransportPolicy, Relay, RelayTransport, parse_relay};
pub use rooms::{ROOM_BY_STDIO, Room, RoomCodec, RoomFlavour, RoomPassword};
pub use scalar::listen as parse_listen;
pub use token::Token;
pub use url::{SecretUrl, redact_url};

/// Reads a configuration file.
///
/// `env` gives the value of an environment variable for `${NAME}` and `${NAME:default}`.
///
/// # Errors
/// All problems of the file in its order, at most [`limits::PROBLEMS_MAX`].
pub fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Problem>> {
    schema::read(text, env)
}

/// The same file as JSON, its variables not replaced: parts of it are given to other processes.
/// None where it is no YAML; what else is wrong with it [`parse`] says.
#[cfg(feature = "stdio")]
#[must_use]
pub fn to_json(text: &str) -> Option<serde_json::Value> {
    serde_yaml::from_str(text).ok()
}
