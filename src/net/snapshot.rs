//! What the API and the metrics tell of the server's state.

use std::time::{Duration, Instant};

use super::health;
use super::publishers::Publisher;
use super::server::Server;
use crate::engine::keyframe::{Keyframes, Rung, Verdict};
use crate::engine::source::{Health, Source, SourceId};
use crate::engine::viewer::SlotKey;
use crate::http::{
    AudioInfo, ConsumerInfo, GopInfo, KeyframeInfo, KeyframeMethodInfo, Metric, MetricKind,
    PublisherInfo, StreamInfo,
};
use crate::intake::Audio;
use crate::whip::{Client, Status};

/// All streams, in the configuration's order.
pub(super) fn streams(server: &Server, now: Instant) -> Vec<StreamInfo> {
    server.hub.sources().map(|(id, source)| stream(server, now, id, source)).collect()
}

fn stream(server: &Server, now: Instant, id: SourceId, source: &Source) -> StreamInfo {
    let configured = server.config.stream(&source.name);
    let intake = server.intake(id);
    let picture = match &source.health {
        Health::Live(picture) => Some(*picture),
        _ => None,
    };
    let first = source.cache.frames().next();
    StreamInfo {
        name: source.name.clone(),
        urls: configured.map(shown).unwrap_or_default(),
        state: source.health.as_str().to_owned(),
        error: source.health.failure().map(str::to_owned),
        codec: intake.and_then(|intake| intake.codec()).map(str::to_owned),
        audio: intake.and_then(|intake| audio(intake.audio())),
        width: picture.map(|picture| picture.width),
        height: picture.map(|picture| picture.height),
        health: health::of(server, now, id, source),
        gop: first.map(|first| {
            let age = now.saturating_duration_since(first.captured_at);
            GopInfo {
                frames: source.cache.frames().len(),
                bytes: source.cache.bytes(),
                duration_ms: ms(age),
            }
        }),
        keyframe: keyframe(&source.keyframe),
        consumers: source.subscribers.iter().map(|key| consumer(server, *key)).collect(),
        publishers: publishers(server, id),
        #[cfg(feature = "record")]
        recordings: server.recordings.infos(id),
    }
}

/// A stream's addresses, or the name of its program.
fn shown(stream: &config::Stream) -> Vec<String> {
    match &stream.source {
        config::Source::Camera(urls) => urls.iter().map(|url| url.url.redacted()).collect(),
        config::Source::Program(program) => vec![program.shown()],
        config::Source::Pushed => Vec::new(),
    }
}

fn keyframe(keyframes: &Keyframes) -> Option<KeyframeInfo> {
    let info = |rung: &Rung| KeyframeMethodInfo {
        method: rung.method().as_str(),
        verdict: rung.verdict().as_str(),
        requests: rung.requests(),
        last_ms: rung.last_wait().map(ms),
        median_ms: rung.median_wait().map(ms),
    };
    let methods: Vec<_> = keyframes.rungs().iter().map(info).collect();
    let interval_ms = keyframes.interval().map(ms);
    (!methods.is_empty()).then_some(KeyframeInfo { interval_ms, methods })
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn publishers(server: &Server, id: SourceId) -> Vec<PublisherInfo> {
    let publishers = server.publishers.iter().filter(|publisher| publisher.source == id);
    let info = |client: &Client| PublisherInfo {
        url: client.endpoint().origin(),
        state: client.status().as_str().to_owned(),
        error: client.status().failure().map(str::to_owned),
    };
    publishers.map(|publisher| info(&publisher.client)).collect()
}

fn consumer(server: &Server, key: SlotKey) -> ConsumerInfo {
    let status = server.hub.status(key).map_or("inactive", |status| status.status.as_str());
    let audio = server.hub.audio(key).map(|codec| match codec {
        Ok(codec) => AudioInfo { codec: codec.name().to_owned(), error: None },
        Err(codec) => {
            AudioInfo { codec: codec.name().to_owned(), error: Some("not offered".to_owned()) }
        }
    });
    ConsumerInfo { id: key.viewer.0, slot: key.position, status: status.to_owned(), audio }
}

fn audio(audio: &Audio) -> Option<AudioInfo> {
    match audio {
        Audio::None => None,
        Audio::Forwarded { codec } => Some(AudioInfo { codec: codec.clone(), error: None }),
        Audio::Dropped { codec, reason } | Audio::NotForBrowsers { codec, reason } => {
            Some(AudioInfo { codec: codec.clone(), error: Some(reason.clone()) })
        }
    }
}

/// All samples; those of one name stand together.
pub(super) fn metrics(server: &Server, now: Instant) -> Vec<Metric> {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
    let float = |value: u64| value as f64;
    let single = |name, help, kind, value: u64| Metric {
        name,
        help,
        kind,
        labels: Vec::new(),
        value: float(value),
    };
    let uptime = now.saturating_duration_since(server.started_at).as_secs();
    let (gauge, counter) = (MetricKind::Gauge, MetricKind::Counter);
    let mut metrics = vec![
        single("crosspoint_uptime_seconds", "Seconds since the start.", gauge, uptime),
        single("crosspoint_viewers", "Viewers at present.", gauge, server.viewer_count() as u64),
        single(
            "crosspoint_rtsp_clients",
            "Readers and publishers connected to the RTSP server.",
            gauge,
            server.restream.as_ref().map_or(0, |restream| restream.clients().len() as u64),
        ),
        single(
            "crosspoint_gop_bytes",
            "Bytes that all caches hold.",
            gauge,
            server.hub.cached_bytes() as u64,
        ),
        single(
            "crosspoint_datagrams_sent_total",
            "Datagrams sent to viewers.",
            counter,
            server.media.sent,
        ),
        single(
            "crosspoint_datagrams_dropped_total",
            "Datagrams that the socket did not take.",
            counter,
            server.media.dropped,
        ),
    ];
    type Read = fn(&rtsp::client::Stats) -> u64;
    let per_source: [(&'static str, &'static str, Read); 5] = [
        ("crosspoint_source_packets_total", "RTP packets received.", |stats| stats.packets),
        ("crosspoint_source_bytes_total", "RTP bytes received.", |stats| stats.bytes),
        ("crosspoint_source_lost_total", "RTP packets lost on the way.", |stats| stats.lost),
        ("crosspoint_source_sessions_total", "RTSP sessions played.", |stats| stats.sessions),
        ("crosspoint_source_failures_total", "RTSP failures.", |stats| stats.failures),
    ];
    for (name, help, read) in per_source {
        for (id, source) in server.hub.sources() {
            let Some(stats) = server.stats(id) else { continue };
            let labels = vec![("stream", source.name.clone())];
            let value = float(read(&stats));
            metrics.push(Metric { name, help, kind: counter, labels, value });
        }
    }
    for (_, source) in server.hub.sources() {
        metrics.push(Metric {
            name: "crosspoint_source_live",
            help: "1 while pictures arrive.",
            kind: gauge,
            labels: vec![("stream", source.name.clone())],
            value: float(u64::from(matches!(source.health, Health::Live(_)))),
        });
    }
    metrics.extend(health::metrics(server, now));
    metrics.extend(keyframe_metrics(server));
    metrics.extend(publisher_metrics(server));
    #[cfg(feature = "record")]
    metrics.extend(recording_metrics(server));
    metrics.extend(server.relays.metrics());
    metrics.extend(server.ice_tcp.metrics());
    metrics.extend(server.rooms.metrics());
    metrics
}

fn keyframe_metrics(server: &Server) -> Vec<Metric> {
    type Read = fn(&Rung) -> Option<f64>;
    let kinds: [(&'static str, &'static str, MetricKind, Read); 4] = [
        (
            "crosspoint_keyframe_requests_total",
            "Keyframes that the camera was asked for.",
            MetricKind::Counter,
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
            |rung| Some(rung.requests() as f64),
        ),
        (
            "crosspoint_keyframe_effective",
            "1 where keyframes came early because of that, 0 where they did not.",
            MetricKind::Gauge,
            |rung| match rung.verdict() {
                Verdict::Learning => None,
                verdict => Some(f64::from(u8::from(verdict == Verdict::Effective))),
            },
        ),
        (
            "crosspoint_keyframe_last_wait_seconds",
            "From the newest answered request to its keyframe.",
            MetricKind::Gauge,
            |rung| rung.last_wait().map(|wait| wait.as_secs_f64()),
        ),
        (
            "crosspoint_keyframe_median_wait_seconds",
            "The median of that over the last 16.",
            MetricKind::Gauge,
            |rung| rung.median_wait().map(|wait| wait.as_secs_f64()),
        ),
    ];
    let mut metrics = Vec::new();
    for (name, help, kind, read) in kinds {
        for (_, source) in server.hub.sources() {
            for rung in source.keyframe.rungs() {
                let Some(value) = read(rung) else { continue };
                let method = rung.method().as_str().to_owned();
                let labels = vec![("stream", source.name.clone()), ("method", method)];
                metrics.push(Metric { name, help, kind, labels, value });
            }
        }
    }
    metrics
}

fn publisher_metrics(server: &Server) -> Vec<Metric> {
    type Read = fn(&Client) -> u64;
    let kinds: [(&'static str, &'static str, MetricKind, Read); 3] = [
        (
            "crosspoint_publisher_up",
            "1 while a stream is handed on.",
            MetricKind::Gauge,
            |client| u64::from(*client.status() == Status::Publishing),
        ),
        (
            "crosspoint_publisher_sessions_total",
            "WHIP sessions that came up.",
            MetricKind::Counter,
            Client::sessions,
        ),
        (
            "crosspoint_publisher_failures_total",
            "WHIP sessions that ended or did not come up.",
            MetricKind::Counter,
            Client::failures,
        ),
    ];
    let mut metrics = Vec::new();
    for (name, help, kind, read) in kinds {
        for (key, Publisher { client, source, .. }) in server.publishers.iter().enumerate() {
            let stream = server.hub.source(*source).map(|source| source.name.clone());
            let labels = vec![
                ("stream", stream.unwrap_or_default()),
                ("publisher", key.to_string()),
                ("endpoint", client.endpoint().origin()),
            ];
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
            let value = read(client) as f64;
            metrics.push(Metric { name, help, kind, labels, value });
        }
    }
    metrics
}

#[cfg(feature = "record")]
fn recording_metrics(server: &Server) -> Vec<Metric> {
    use crate::record::{Recorder, State};
    type Read = fn(&Recorder) -> u64;
    let (gauge, counter) = (MetricKind::Gauge, MetricKind::Counter);
    let kinds: [(&'static str, &'static str, MetricKind, Read); 6] = [
        ("crosspoint_recording_up", "1 while a file is written.", gauge, |recorder| {
            u64::from(recorder.state() == State::Recording)
        }),
        ("crosspoint_recording_parts_total", "Files begun.", counter, |recorder| {
            recorder.totals().parts
        }),
        ("crosspoint_recording_bytes_total", "Bytes recorded.", counter, |recorder| {
            recorder.totals().counts.bytes
        }),
        ("crosspoint_recording_frames_total", "Pictures recorded.", counter, |recorder| {
            recorder.totals().counts.frames
        }),
        (
            "crosspoint_recording_gaps_total",
            "Places where pictures or sound are missing.",
            counter,
            |recorder| recorder.totals().counts.gaps,
        ),
        ("crosspoint_recording_failures_total", "Files not written on.", counter, |recorder| {
            recorder.totals().failures
        }),
    ];
    let mut metrics = Vec::new();
    for (name, help, kind, read) in kinds {
        for recorder in server.recordings.recorders() {
            let labels = vec![("recording", recorder.options().name.clone())];
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
            let value = read(recorder) as f64;
            metrics.push(Metric { name, help, kind, labels, value });
        }
    }
    metrics
}
