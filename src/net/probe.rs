//! `crosspoint probe URL`: looks at one camera for some seconds and says what it sends.
//!
//! A small loop of its own around the same camera that the server has: what the probe can play,
//! the server can. Where it is wished, the camera is then asked for keyframes, in the ways that the
//! server has (`probe_keyframes`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use config::SecretUrl;
use mio::{Events, Poll, Token, Waker};
use rtsp::client::{Carrier, Event, TrackInfo};
use rtsp::video::{AccessUnit, Codec, Kind, ParameterSets};
use slab::Slab;

use super::Endpoint;
use super::camera::Camera;
use super::inbox::Inbox;
use super::link::Context;
use super::probe_keyframes::Asking;
use super::resolver::Resolver;
use super::tls::Authorities;
use super::wall_clock::WallClock;
use crate::engine::keyframe::{Method, Refusal};
use crate::engine::source::SourceId;
use crate::intake::{Audio, News};

/// How long to look at most.
const WATCH: Duration = Duration::from_secs(25);
/// Two whole groups of pictures are enough.
const KEYS_ENOUGH: usize = 3;
/// Readiness events taken at a time: those of one camera.
const EVENTS: usize = 16;

/// Looks at a camera; the report, ready to be printed. The address may have the options that it
/// may have in the configuration. `keyframe` is how to ask it for keyframes as well: what stands
/// behind `keyframe:` there, or `any` for every way that there is.
///
/// # Errors
/// Why the camera could not be played.
pub fn run(url: &SecretUrl, keyframe: Option<&SecretUrl>) -> Result<String, String> {
    let mut stream = config::parse_stream(url.expose())?;
    let authorities = Authorities::default();
    let clock = WallClock::new(Instant::now(), SystemTime::now());
    let asking = match keyframe {
        Some(way) => Some(Asking::new(&mut stream, way.expose(), &authorities, clock)?),
        None => None,
    };
    let mut probe = Probe::new(&stream, &authorities, asking)?;
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
    asking: Option<Asking>,
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
    fn new(
        stream: &config::Stream,
        authorities: &Authorities,
        asking: Option<Asking>,
    ) -> Result<Self, String> {
        let system = |error: std::io::Error| error.to_string();
        let poll = Poll::new().map_err(system)?;
        let mut endpoints = Slab::new();
        let waker = Token(endpoints.insert(Endpoint::Waker));
        let waker = Waker::new(poll.registry(), waker).map_err(system)?;
        Ok(Self {
            resolver: Resolver::start(Arc::new(waker)).map_err(system)?,
            camera: Camera::new(SourceId(0), stream, authorities)?,
            poll,
            endpoints,
            buffer: vec![0; 64 * 1024],
            inbox: Inbox::new(),
            findings: Findings::new(Instant::now()),
            asking,
        })
    }

    fn watch(&mut self) -> Result<(), String> {
        let mut end = self.findings.started_at + WATCH;
        self.camera.start(self.findings.started_at);
        let mut events = Events::with_capacity(EVENTS);
        let mut unfinished = BTreeSet::new();
        let mut now = self.findings.started_at;
        loop {
            self.pump(now)?;
            let is_seen = now >= end || self.findings.key_times.len() >= KEYS_ENOUGH;
            match &mut self.asking {
                Some(asking) if is_seen && asking.has_more(now) => end = asking.begin(now),
                _ if is_seen => break,
                _ => {}
            }
            let asking = self.asking.as_ref().and_then(Asking::poll_timeout);
            let next = self.camera.poll_timeout().into_iter().chain(asking).fold(end, Instant::min);
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
            if let Some(asking) = &mut self.asking {
                asking.handle_timeout(now);
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
            Endpoint::CameraUdp(..) | Endpoint::SecondSessionUdp(..) => {
                self.camera.handle_datagrams(now, endpoint, &mut self.inbox)
            }
            Endpoint::CameraCalls(call) => match &mut self.asking {
                Some(asking) => asking.handle_ready(call, &mut self.buffer, &mut context),
                None => false,
            },
            Endpoint::Waker => {
                while let Some(resolved) = self.resolver.poll() {
                    match (resolved.asker.endpoint, &mut self.asking) {
                        (Endpoint::CameraCalls(call), Some(asking)) => {
                            asking.handle_resolved(call, resolved, &mut context);
                        }
                        _ => self.camera.handle_resolved(now, resolved, &mut context),
                    }
                }
                false
            }
            _ => self.camera.handle_ready(now, endpoint, &mut self.buffer, &mut context),
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
                Event::Described { tracks } => {
                    self.findings.tracks.clone_from(&tracks);
                    self.camera.intake.handle_event(Event::Described { tracks }, &mut Vec::new());
                }
                Event::AudioLeftOut { .. } => {
                    self.camera.intake.handle_event(event, &mut Vec::new());
                }
                Event::Playing => self.findings.carrier = self.camera.client().stats().transport,
                Event::AccessUnit(unit) => {
                    // What was asked for says nothing of the camera's own rhythm.
                    if self.asking.as_ref().is_none_or(|asking| !asking.has_begun()) {
                        self.findings.add(&unit);
                    }
                    if let Some(asking) = self.asking.as_mut().filter(|_| unit.kind == Kind::Idr) {
                        asking.handle_key(unit.received_at);
                    }
                }
                Event::Offline { error, .. } => return Err(error.to_string()),
                Event::Unsupported { codec } => {
                    return Err(format!("the camera sends {codec}, which can't be shown"));
                }
                Event::RenewalRefused { harmful } => {
                    if let Some(asking) = &mut self.asking {
                        let harmful = if harmful { Refusal::Harmful } else { Refusal::Unsupported };
                        asking.handle_refusal(now, Method::Axis, harmful);
                    }
                }
                _ => {}
            }
        }
        let Some(asking) = &mut self.asking else { return Ok(()) };
        if let Some(News::KeyframeRefused(method, refusal)) = self.camera.take_refusal() {
            asking.handle_refusal(now, method, refusal);
        }
        if self.camera.client().is_axis() {
            asking.allow_axis();
        }
        if let Some(method) = asking.poll(now, &mut context) {
            self.camera.request_keyframe(now, method);
            return self.pump(now);
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
        let audio = match self.camera.intake.audio() {
            Audio::None => "none".to_owned(),
            Audio::Forwarded { codec } => format!("{codec}, {} packets", stats.audio_packets),
            Audio::NotForBrowsers { codec, reason } => {
                format!("{codec}, {} packets; {reason}", stats.audio_packets)
            }
            Audio::Dropped { codec, reason } => format!("{codec}, not passed on: {reason}"),
        };
        row("audio", audio);
        row("packets", format!("{} ({} lost)", stats.packets, stats.lost));
        let quirks: Vec<&str> = stats.quirks.iter().map(|quirk| quirk.as_str()).collect();
        let quirks = if quirks.is_empty() { "none".to_owned() } else { quirks.join(", ") };
        row("quirks", quirks);
        for (name, value) in self.asking.iter().flat_map(Asking::report) {
            row(&name, value);
        }
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
