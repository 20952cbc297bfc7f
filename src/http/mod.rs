//! HTTP/1.1: requests out of bytes, what to do about each, responses into bytes.
//!
//! May not contain: sockets, clocks, threads, files, randomness. Bytes and a [`Context`] come
//! in, an [`Action`] comes out.

pub mod health;
pub mod limits;
pub mod metrics;
mod origin;
pub mod request;
pub mod response;
pub mod rooms;
pub mod router;
pub mod streams;
#[cfg(test)]
mod tests;
pub mod upgrade;
pub mod whip;

pub use health::HealthInfo;
pub use metrics::{Metric, MetricKind};
pub use request::{Method, Parsed, Request, RequestError, parse};
pub use response::Response;
pub use rooms::RoomInfo;
pub use router::{Action, Asset, Context, route};
#[cfg(feature = "record")]
pub use streams::RecordingInfo;
pub use streams::{
    AudioInfo, ConsumerInfo, GopInfo, KeyframeInfo, KeyframeMethodInfo, PublisherInfo, StreamInfo,
};
