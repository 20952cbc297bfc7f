//! The part of `crosspoint probe` that asks the camera for keyframes, in the ways that the server
//! would, until one of them is seen to help or none of them is left.

use std::time::{Duration, Instant};

use config::{CameraUrl, Keyframe, SecretUrl, Tls};

use super::camera::keyframe_methods;
use super::camera_calls::{CameraCalls, refusal};
use super::link::Context;
use super::resolver::Resolved;
use super::tls::Authorities;
use super::wall_clock::WallClock;
use crate::camera_api::Outcome;
use crate::engine::keyframe::{Keyframes, Method, Refusal, Rung, Verdict};
use crate::engine::source::SourceId;

/// How long to ask at most.
const ASK: Duration = Duration::from_secs(120);
/// How far into a group of pictures a request goes out: an IDR that comes then is not due.
const INTO_GOP: u32 = 4;
/// The same where nothing is known of the camera's groups of pictures, and at most.
const PAUSE: Duration = Duration::from_secs(2);

/// Where an IDR comes more often by itself, what a request brings can't be told.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The requests, and what is learned of them.
pub(super) struct Asking {
    keyframes: Keyframes,
    /// One for each way that is a request to a web server; the readiness of each goes by its place.
    calls: Vec<CameraCalls>,
    clock: WallClock,
    /// When to stop; none before the first request.
    until: Option<Instant>,
    /// When a keyframe is wanted next.
    next_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// The last IDR was asked for: the next one is to come by itself.
    rests: bool,
    /// Why a web server did not take a request.
    failures: Vec<(Method, String)>,
}

impl Asking {
    /// Asks in the way of the configuration's `keyframe: way`, or in `any`. The stream is made one
    /// of which a second session may be opened, if that is a way.
    pub fn new(
        stream: &mut config::Stream,
        way: &str,
        authorities: &Authorities,
        clock: WallClock,
    ) -> Result<Self, String> {
        let ways = match way {
            "any" => every_way(stream)?,
            way => {
                vec![config::parse_keyframe(way).map_err(|error| format!("--keyframe: {error}"))?]
            }
        };
        let mut methods: Vec<Method> = Vec::new();
        let mut calls = Vec::new();
        for way in ways {
            let new = keyframe_methods(&way).into_iter().filter(|new| !methods.contains(new));
            let new: Vec<Method> = new.collect();
            methods.extend(new);
            stream.keyframe = way;
            calls.extend(CameraCalls::new(SourceId(calls.len()), stream, authorities)?);
        }
        Ok(Self {
            keyframes: Keyframes::new(&methods),
            calls,
            clock,
            until: None,
            next_at: None,
            asked_at: None,
            rests: false,
            failures: Vec::new(),
        })
    }

    /// The camera is one of Axis': it may be asked in their way.
    pub fn allow_axis(&mut self) {
        if self.keyframes.rungs().iter().any(|rung| rung.method() == Method::Rtcp) {
            self.keyframes.allow(Method::Axis);
        }
    }

    /// Whether there is something left to find out.
    pub fn has_more(&self, now: Instant) -> bool {
        let verdicts = || self.keyframes.rungs().iter().map(Rung::verdict);
        self.until.is_none_or(|until| now < until)
            && self.keyframes.interval().is_none_or(|interval| interval >= INTERVAL_MIN)
            && verdicts().any(|verdict| verdict == Verdict::Learning)
            && !verdicts().any(|verdict| verdict == Verdict::Effective)
    }

    /// From now on it is asked; until when.
    pub fn begin(&mut self, now: Instant) -> Instant {
        if self.until.is_none() {
            self.next_at = Some(now + self.pause());
        }
        *self.until.get_or_insert(now + ASK)
    }

    pub fn has_begun(&self) -> bool {
        self.until.is_some()
    }

    fn pause(&self) -> Duration {
        self.keyframes.interval().map_or(PAUSE, |interval| (interval / INTO_GOP).min(PAUSE))
    }

    /// An IDR came.
    pub fn handle_key(&mut self, now: Instant) {
        let interval = self.keyframes.interval();
        self.keyframes.handle_key(now);
        if self.until.is_none() {
            return;
        }
        let wait = self.asked_at.take().map(|at| now.saturating_duration_since(at));
        // An IDR that was brought begins a group of pictures of another length.
        self.rests = !self.rests && wait.zip(interval).is_some_and(|(wait, own)| wait * 2 < own);
        self.next_at = (!self.rests).then(|| now + self.pause());
    }

    pub fn handle_refusal(&mut self, now: Instant, method: Method, refusal: Refusal) {
        self.keyframes.handle_refusal(now, method, refusal);
    }

    /// A connection to a web server is ready. True while there may be more to read.
    pub fn handle_ready(
        &mut self,
        call: SourceId,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> bool {
        self.calls.get_mut(call.0).is_some_and(|calls| calls.handle_ready(buffer, context))
    }

    pub fn handle_resolved(
        &mut self,
        call: SourceId,
        resolved: Resolved,
        context: &mut Context<'_>,
    ) {
        if let Some(calls) = self.calls.get_mut(call.0) {
            calls.handle_resolved(resolved, context);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for calls in &mut self.calls {
            calls.handle_timeout(now);
        }
        if self.next_at.take_if(|at| *at <= now).is_some() {
            self.keyframes.want();
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let calls = self.calls.iter().filter_map(CameraCalls::poll_timeout);
        calls.chain(self.next_at).chain(self.keyframes.poll_timeout()).min()
    }

    /// How the camera itself is to be asked now, if at all; its web server is asked here.
    pub fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Option<Method> {
        self.take_outcomes(now, context);
        let method = self.until.and_then(|_| self.keyframes.poll(now))?;
        self.asked_at.get_or_insert(now);
        let Some(calls) = self.calls.iter_mut().find(|calls| calls.method() == method) else {
            return Some(method);
        };
        calls.ask(now, self.clock.unix(now).as_secs());
        self.take_outcomes(now, context);
        None
    }

    fn take_outcomes(&mut self, now: Instant, context: &mut Context<'_>) {
        for calls in &mut self.calls {
            while let Some(outcome) = calls.pump(context) {
                let mut refusal = refusal(&outcome);
                if let Outcome::Failed(reason) = outcome {
                    self.failures.push((calls.method(), reason));
                    // The server would try again; here the next way is waited for.
                    refusal = Some(Refusal::Unsupported);
                }
                if let Some(refusal) = refusal {
                    self.keyframes.handle_refusal(now, calls.method(), refusal);
                }
            }
        }
    }

    /// Names and values of the report.
    pub fn report(&self) -> Vec<(String, String)> {
        let row = |rung: &Rung| (format!("keyframe by {}", rung.method().as_str()), self.say(rung));
        self.keyframes.rungs().iter().map(row).collect()
    }

    fn say(&self, rung: &Rung) -> String {
        let ms = |wait: Duration| wait.as_millis();
        let own = self.keyframes.interval().map_or("at unknown times".to_owned(), |interval| {
            format!("every {} ms", interval.as_millis())
        });
        let asked = match (rung.requests(), rung.median_wait().map(ms)) {
            (0, _) => return format!("not asked, by itself {own}"),
            (requests, Some(wait)) => format!("{requests} requests, IDR after {wait} ms"),
            (requests, None) => format!("{requests} requests, no IDR"),
        };
        let failure = self.failures.iter().find(|(method, _)| *method == rung.method());
        match (rung.verdict(), failure) {
            (Verdict::Effective, _) => format!("helps: {asked}, by itself {own}"),
            (Verdict::Ignored, None) => format!("ignored: {asked}, by itself {own}"),
            (Verdict::Learning, None) => format!("not sure: {asked}, by itself {own}"),
            (_, Some((_, reason))) => format!("failed: {reason}"),
            (Verdict::Unsupported, None) => "not known to the camera".to_owned(),
            (Verdict::Refused { .. }, None) => "refused by the camera".to_owned(),
        }
    }
}

/// Every way that a camera of this address may have, those without another connection first.
fn every_way(stream: &config::Stream) -> Result<Vec<Keyframe>, String> {
    let url = stream.urls().first().ok_or("no address")?;
    let url = rtsp::url::Url::parse(url.url.expose()).map_err(|error| error.to_string())?;
    let mut ways = vec![Keyframe::Auto];
    // Without a password, no web server of a camera does anything.
    if url.credentials().is_some() {
        let host = if url.host().contains(':') {
            format!("http://[{}]", url.host())
        } else {
            format!("http://{}", url.host())
        };
        let at =
            || CameraUrl { url: SecretUrl::new(host.as_str()), tls: Tls::Verify, audio: false };
        ways.extend([Keyframe::Onvif(at()), Keyframe::Isapi(at()), Keyframe::Sunapi(at())]);
    }
    ways.push(Keyframe::Session);
    Ok(ways)
}
