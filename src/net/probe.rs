//! `crosspoint probe URL`: looks at one camera for some seconds and says what it sends.
//!
//! A small loop of its own around the same camera that the server has: what the probe can play,
//! the server can.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::SecretUrl;
use mio::{Events, Poll, Token, Waker};
use rtsp::client::{Carrier, Event, TrackInfo};
use rtsp::video::{AccessUnit, Codec, Kind, ParameterSets};
use slab::Slab;

use super::Endpoint;
use super::camera::Camera;
use super::inbox::Inbox;
use super::link::Context;
use super::resolver::Resolver;
use super::tls::Authorities;
use crate::engine::source::SourceId;

/// How long to look at most.
const WATCH: Duration = Duration::from_secs(25);
/// Two whole groups of pictures are enough.
const KEYS_ENOUGH: usize = 3;
/// Readiness events taken at a time: those of one camera.
const EVENTS: usize = 16;

/// Looks at a camera; the report, ready to be printed. The address may have the options that it
/// may have in the configuration.
///
/// # Errors
/// Why the camera could not be played.
pub fn run(url: &SecretUrl) -> Result<String, String> {
    let stream = config::parse_stream(url.expose())?;
    let mut probe = Probe::new(&stream)?;
    probe.watch()?;
    let shown = stream.urls().first().map(|url| url.url.redacted()).unwrap_or_default();
    Ok(probe.report(&shown))
}

struct Probe {
    poll: Poll,
    endpoints: Slab<Endpoint>,
    resolver: Resolver,
    camera: Camera,
    buffer: Vec<u8>,
    inbox: Inbox,
    findings: Findings,
}

struct Findings {
    started_at: Instant,
    tracks: Vec<TrackInfo>,
    carrier: Option<Carrier>,
    stream: Option<Arc<ParameterSets>>,
    key_times: Vec<Instant>,
    frames: u32,
    bytes: usize,
    is_reordered: bool,
    gop_frames: Vec<u32>,
    frames_since_key: u32,
}

impl Findings {
    fn new(started_at: Instant) -> Self {
        Self {
            started_at,
            tracks: Vec::new(),
            carrier: None,
            stream: None,
            key_times: Vec::new(),
            frames: 0,
            bytes: 0,
            is_reordered: false,
            gop_frames: Vec::new(),
            frames_since_key: 0,
        }
    }

    fn add(&mut self, unit: &AccessUnit) {
        if unit.kind == Kind::Idr {
            if !self.key_times.is_empty() {
                self.gop_frames.push(self.frames_since_key);
            }
            self.key_times.push(unit.received_at);
            self.frames_since_key = 0;
            self.stream = unit.parameter_sets.clone();
        }
        self.frames += 1;
        self.frames_since_key += 1;
        self.bytes += unit.bytes();
        self.is_reordered |= unit.is_reordered;
    }
}

impl Probe {
    fn new(stream: &config::Stream) -> Result<Self, String> {
        let system = |error: std::io::Error| error.to_string();
        let poll = Poll::new().map_err(system)?;
        let mut endpoints = Slab::new();
        let waker = Token(endpoints.insert(Endpoint::Waker));
        let waker = Waker::new(poll.registry(), waker).map_err(system)?;
        Ok(Self {
            resolver: Resolver::start(Arc::new(waker)).map_err(system)?,
            camera: Camera::new(SourceId(0), stream, &Authorities::default())?,
            poll,
            endpoints,
            buffer: vec![0; 64 * 1024],
            inbox: Inbox::new(),
            findings: Findings::new(Instant::now()),
        })
    }

    fn watch(&mut self) -> Result<(), String> {
        let end = self.findings.started_at + WATCH;
        self.camera.start(self.findings.started_at);
        let mut events = Events::with_capacity(EVENTS);
        let mut unfinished = BTreeSet::new();
        let mut now = self.findings.started_at;
        while now < end && self.findings.key_times.len() < KEYS_ENOUGH {
            self.pump(now)?;
            let next = self.camera.poll_timeout().map_or(end, |at| at.min(end));
            let wait = if unfinished.is_empty() { next } else { now };
            match self.poll.poll(&mut events, Some(wait.saturating_duration_since(now))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error.to_string());
                }
                _ => now = Instant::now(),
            }
            let mut ready = std::mem::take(&mut unfinished);
            for event in &events {
                let Some(endpoint) = self.endpoints.get(event.token().0) else { continue };
                ready.insert(*endpoint);
                // The closing behind the last bytes is no event any more.
                if event.is_read_closed() {
                    unfinished.insert(*endpoint);
                }
            }
            let more = ready.into_iter().filter(|endpoint| self.handle_ready(now, *endpoint));
            unfinished.extend(more);
            if self.camera.poll_timeout().is_some_and(|at| at <= now) {
                self.camera.handle_timeout(now);
            }
        }
        self.camera.stop(now);
        // The goodbye is a courtesy; its failure changes nothing of what was found.
        let _ = self.pump(now);
        Ok(())
    }

    /// True while there may be more to read.
    fn handle_ready(&mut self, now: Instant, endpoint: Endpoint) -> bool {
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        match endpoint {
            Endpoint::Camera(_) => self.camera.handle_tcp(now, &mut self.buffer, &mut context),
            Endpoint::CameraPost(_) => self.camera.handle_post(now, &mut self.buffer, &mut context),
            Endpoint::CameraUdp(_, port) => self.camera.handle_udp(now, port, &mut self.inbox),
            _ => {
                while let Some(resolved) = self.resolver.poll() {
                    self.camera.handle_resolved(now, resolved, &mut context);
                }
                false
            }
        }
    }

    fn pump(&mut self, now: Instant) -> Result<(), String> {
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        while let Some(event) = self.camera.poll_event(now, &mut context) {
            match event {
                Event::Described { tracks } => self.findings.tracks = tracks,
                Event::Playing => self.findings.carrier = self.camera.client().stats().transport,
                Event::AccessUnit(unit) => self.findings.add(&unit),
                Event::Offline { error, .. } => return Err(error.to_string()),
                Event::Unsupported { codec } => {
                    return Err(format!("the camera sends {codec}, which can't be shown"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn report(&self, url: &str) -> String {
        let findings = &self.findings;
        let mut text = format!("{url}\n");
        let mut row = |name: &str, value: String| {
            // Writing into a String can't fail.
            let _ = writeln!(text, "  {name:<22}{value}");
        };
        for track in &findings.tracks {
            row(
                &format!("track {} {}", track.track, track.kind),
                format!("{} / {} Hz ({})", track.codec, track.clock_rate_hz, track.choice.as_str()),
            );
        }
        if let Some(stream) = &findings.stream {
            row("profile", profile(stream));
            row("resolution", format!("{} x {}", stream.info.width, stream.info.height));
        }
        let first_key = findings.key_times.first();
        row(
            "first IDR after",
            match first_key {
                Some(at) => format!("{} ms", (*at - findings.started_at).as_millis()),
                None => format!("none in {} s", WATCH.as_secs()),
            },
        );
        if let (Some(first), Some(last)) = (first_key, findings.key_times.last())
            && let Ok(gops) = u32::try_from(findings.gop_frames.len())
            && gops > 0
        {
            let period = (*last - *first) / gops;
            row("GOP", format!("{} ms, {:?} frames", period.as_millis(), findings.gop_frames));
        }
        row("frames", findings.frames.to_string());
        row("B-frames", if findings.is_reordered { "yes: switch them off" } else { "no" }.into());
        let stats = self.camera.client().stats();
        if let Some(carrier) = self.findings.carrier {
            row("transport", carrier.as_str().to_owned());
        }
        row("packets", format!("{} ({} lost)", stats.packets, stats.lost));
        let quirks: Vec<&str> = stats.quirks.iter().map(|quirk| quirk.as_str()).collect();
        let quirks = if quirks.is_empty() { "none".to_owned() } else { quirks.join(", ") };
        row("quirks", quirks);
        text
    }
}

/// Of H.264 as `profile-level-id` has it (RFC 6184 section 8.1), of H.265 in words.
fn profile(sets: &ParameterSets) -> String {
    let info = &sets.info;
    match sets.codec {
        Codec::H264 => info.profile_level_id().iter().map(|byte| format!("{byte:02x}")).collect(),
        Codec::H265 => {
            let tier = if info.high_tier { "high" } else { "main" };
            format!(
                "{}, {tier} tier, level {:.1}",
                info.profile_idc,
                f32::from(info.level_idc) / 30.
            )
        }
    }
}
