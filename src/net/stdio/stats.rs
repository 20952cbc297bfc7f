//! How each stream does: what is noted of it on the way, and told now and then.

use std::time::{Duration, Instant};

use super::super::Timer;
use super::super::server::Server;
use crate::engine::source::{Health, SourceId};
use crate::stdio::{Event, Mode, Stats};

/// Sound without pictures is taken for all that there is after this.
const SOUND_ALONE: Duration = Duration::from_secs(3);

/// What is noted of a source.
#[derive(Debug, Default)]
pub(super) struct Seen {
    connected_at: Option<Instant>,
    /// Its first media were told of.
    has_media: bool,
    /// Why it was told to be gone.
    left: Option<String>,
    last_at: Option<Instant>,
    last_key_at: Option<Instant>,
    /// Bytes of pictures that had come the last time, and when that was.
    counted: Option<(Instant, u64)>,
}

impl Seen {
    /// True where it was not connected.
    pub fn connect(&mut self, now: Instant) -> bool {
        self.left = None;
        self.connected_at.replace(self.connected_at.unwrap_or(now)).is_none()
    }

    /// True where pictures were not told of yet.
    pub fn begin_pictures(&mut self) -> bool {
        !std::mem::replace(&mut self.has_media, true)
    }

    /// True where there is sound alone, and that was not told yet.
    pub fn take_media(&mut self, now: Instant, is_key: bool) -> bool {
        self.last_at = Some(now);
        if is_key {
            self.last_key_at = Some(now);
        }
        let waited = self.connected_at.is_some_and(|at| now >= at + SOUND_ALONE);
        waited && self.begin_pictures()
    }

    /// True where that was not told yet: one that can't be reached is tried again and again.
    pub fn leave(&mut self, reason: &str) -> bool {
        let was_connected = self.connected_at.take().is_some();
        self.has_media = false;
        let is_new = self.left.as_deref() != Some(reason);
        self.left = Some(reason.to_owned());
        was_connected || is_new
    }

    /// Bits a second since the last time.
    fn bitrate(&mut self, now: Instant, bytes: u64) -> u64 {
        let Some((before_at, before)) = self.counted.replace((now, bytes)) else { return 0 };
        // Another connection counts from 0.
        let more = bytes.checked_sub(before).unwrap_or(bytes);
        let elapsed_us = now.saturating_duration_since(before_at).as_micros().max(1);
        u64::try_from(u128::from(more) * 8_000_000 / elapsed_us).unwrap_or(u64::MAX)
    }
}

impl Server {
    /// The time for statistics has come.
    pub(in crate::net) fn handle_stats_timeout(&mut self, now: Instant) {
        self.tell_stats(now, None);
        let interval = self.stdio.as_ref().and_then(|stdio| stdio.interval);
        self.timers.set(Timer::Stats, interval.map(|interval| now + interval));
    }

    /// Tells how a stream does, or all of them that are recorded or there.
    pub(super) fn tell_stats(&mut self, now: Instant, stream: Option<SourceId>) {
        let is_of_interest = |id: SourceId| {
            let is_there = self.hub.source(id).is_some_and(|source| {
                matches!(source.health, Health::Live(_) | Health::Connecting)
            });
            is_there || !self.recordings.keys_of(id).is_empty()
        };
        let told: Vec<SourceId> = match stream {
            Some(id) => vec![id],
            None => {
                let all = self.hub.sources().map(|(id, _)| id);
                all.filter(|id| is_of_interest(*id)).collect()
            }
        };
        for id in told {
            if let Some(stats) = self.stats_of(now, id) {
                self.tell(now, &Event::Stats(stats));
            }
        }
    }

    fn stats_of(&mut self, now: Instant, id: SourceId) -> Option<Stats> {
        let came = self.stats(id).unwrap_or_default();
        let seen = self.stdio.as_mut()?.seen.entry(id).or_default();
        let bitrate_bps = seen.bitrate(now, came.bytes);
        let (last_at, last_key_at) = (seen.last_at, seen.last_key_at);
        let age_ms = |at: Instant| {
            u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX)
        };
        let source = self.hub.source(id)?;
        let size = match &source.health {
            Health::Live(picture) => Some((picture.width, picture.height)),
            _ => None,
        };
        let (width, height) = size.unzip();
        let recordings = self.recordings.infos(id);
        let sum = |read: fn(&crate::http::RecordingInfo) -> u64| recordings.iter().map(read).sum();
        let idle = match self.stdio.as_ref()?.modes.of(&source.name) {
            Mode::On => "waiting",
            Mode::Paused => "paused",
            Mode::Off => "stopped",
        };
        let requests = source.keyframe.rungs().iter().map(|rung| rung.requests());
        Some(Stats {
            stream: source.name.clone(),
            state: source.health.as_str(),
            recording: recordings.first().map_or(idle, |recording| recording.state),
            codec: self.intake(id).and_then(|intake| intake.codec()).map(str::to_owned),
            width,
            height,
            bitrate_bps,
            packets: came.packets,
            lost: came.lost,
            frames: sum(|recording| recording.frames),
            gaps: sum(|recording| recording.gaps),
            bytes: sum(|recording| recording.bytes),
            last_packet_age_ms: last_at.map(age_ms),
            keyframe_age_ms: last_key_at.map(age_ms),
            keyframe_requests: requests.sum(),
            file: self.recordings.file_of(id),
        })
    }
}
