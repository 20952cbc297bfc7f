//! How a stream does, for `/api/streams` and the metrics.

use std::time::Duration;

use serde_json::{Value, json};

/// Ages count from a frame's or a packet's arrival; `None` is one that never came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthInfo {
    /// Bits of its video in a second, RTP headers of cameras included: the mean of the last five
    /// whole seconds. 0 while nobody sends it.
    pub bitrate_bps: u64,
    /// Times that pictures were lost, so that none could be decoded up to the next key frame.
    pub gaps: u64,
    /// Age of the newest packet of its video; `None` as well while nobody sends it.
    pub packet_age: Option<Duration>,
    /// Age of the newest frame that can be decoded.
    pub frame_age: Option<Duration>,
    /// Age of the newest key frame.
    pub keyframe_age: Option<Duration>,
    /// Key frames that its camera or publisher was asked for.
    pub keyframe_requests: u64,
}

impl HealthInfo {
    /// Ages in milliseconds.
    pub(super) fn to_json(&self) -> Value {
        let ms = |age: Option<Duration>| {
            age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
        };
        json!({
            "bitrate_bps": self.bitrate_bps,
            "gaps": self.gaps,
            "packet_age_ms": ms(self.packet_age),
            "frame_age_ms": ms(self.frame_age),
            "keyframe_age_ms": ms(self.keyframe_age),
            "keyframe_requests": self.keyframe_requests,
        })
    }
}
