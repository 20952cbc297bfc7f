//! How each source does, gathered for the API and the metrics.

use std::time::{Duration, Instant};

use super::server::Server;
use crate::engine::source::{Source, SourceId};
use crate::http::{HealthInfo, Metric, MetricKind};

/// One source's.
pub(super) fn of(server: &Server, now: Instant, id: SourceId, source: &Source) -> HealthInfo {
    let stats = server.stats(id);
    let heard_at = stats.as_ref().and_then(|stats| stats.last_packet_at);
    HealthInfo {
        bitrate_bps: stats.map_or(0, |stats| stats.rate.bits_per_second(now)),
        gaps: source.vitals.gaps(),
        packet_age: heard_at.map(|at| now.saturating_duration_since(at)),
        frame_age: source.vitals.frame_age(now),
        keyframe_age: source.vitals.keyframe_age(now),
        keyframe_requests: source.vitals.keyframe_requests(),
    }
}

/// The same of all, as metrics.
pub(super) fn metrics(server: &Server, now: Instant) -> Vec<Metric> {
    type Read = fn(&HealthInfo) -> Option<f64>;
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
    fn float(value: u64) -> Option<f64> {
        Some(value as f64)
    }
    fn seconds(age: Option<Duration>) -> Option<f64> {
        age.map(|age| age.as_secs_f64())
    }
    let (gauge, counter) = (MetricKind::Gauge, MetricKind::Counter);
    let kinds: [(&'static str, &'static str, MetricKind, Read); 6] = [
        (
            "crosspoint_source_bits_per_second",
            "Bits of RTP video received in a second, the mean of the last five.",
            gauge,
            |health| float(health.bitrate_bps),
        ),
        ("crosspoint_source_gaps_total", "Times that pictures were lost.", counter, |health| {
            float(health.gaps)
        }),
        ("crosspoint_source_packet_age_seconds", "Age of the newest packet.", gauge, |health| {
            seconds(health.packet_age)
        }),
        (
            "crosspoint_source_frame_age_seconds",
            "Age of the newest frame that can be decoded.",
            gauge,
            |health| seconds(health.frame_age),
        ),
        (
            "crosspoint_source_keyframe_age_seconds",
            "Age of the newest key frame.",
            gauge,
            |health| seconds(health.keyframe_age),
        ),
        (
            "crosspoint_source_keyframe_requests_total",
            "Key frames asked for, in all ways.",
            counter,
            |health| float(health.keyframe_requests),
        ),
    ];
    let all: Vec<(&str, HealthInfo)> = server
        .hub
        .sources()
        .map(|(id, source)| (source.name.as_str(), of(server, now, id, source)))
        .collect();
    let mut metrics = Vec::new();
    for (name, help, kind, read) in kinds {
        for (stream, health) in &all {
            let Some(value) = read(health) else { continue };
            let labels = vec![("stream", (*stream).to_owned())];
            metrics.push(Metric { name, help, kind, labels, value });
        }
    }
    metrics
}
