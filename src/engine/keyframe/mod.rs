//! Asks a camera for a keyframe, once for everybody, in the way that was seen to help.
//!
//! Any number of viewers may want one at any time; the camera hears at most one request a
//! second, and a camera that does not answer is asked ever more rarely. The next IDR,
//! asked for or not, settles all wishes.
//!
//! There are several ways to ask, and no camera says which of them it heeds. So each is
//! measured: an IDR that comes well before it would have come by itself was brought by the
//! request. A way that works is kept to, one that is ignored is left for the next.

mod rhythm;
mod rung;

use std::time::{Duration, Instant};

use rhythm::{Expected, Rhythm};
use rung::Opens;
pub use rung::{Method, Refusal, Rung, Verdict};

/// Least time between two requests to one camera.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Most times that the interval doubles while requests go unanswered (1 s to 16 s).
const MAX_DOUBLINGS: u32 = 4;

/// The requests to one camera.
#[derive(Debug)]
pub struct Keyframes {
    rungs: Vec<Rung>,
    rhythm: Rhythm,
    wanted: bool,
    last_request_at: Option<Instant>,
    unanswered: u32,
    trial: Option<Trial>,
}

/// A request that no IDR has followed yet.
#[derive(Debug)]
struct Trial {
    method: Method,
    asked_at: Instant,
    expected: Option<Expected>,
}

impl Keyframes {
    /// A camera that may be asked in these ways, the first of them first.
    #[must_use]
    pub fn new(methods: &[Method]) -> Self {
        Self {
            rungs: methods.iter().copied().map(Rung::new).collect(),
            rhythm: Rhythm::default(),
            wanted: false,
            last_request_at: None,
            unanswered: 0,
            trial: None,
        }
    }

    /// The camera turned out to be one that may be asked in one more way.
    pub fn allow(&mut self, method: Method) {
        if self.rungs.iter().all(|rung| rung.method() != method) {
            self.rungs.push(Rung::new(method));
        }
    }

    /// The ways, and what is known about each.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// Time between two IDRs that nobody asked for: the shortest of the last ones.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.rhythm.interval()
    }

    /// Somebody needs a keyframe.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A keyframe came.
    pub fn handle_key(&mut self, now: Instant) {
        self.wanted = false;
        self.unanswered = 0;
        self.rhythm.handle_key(now, self.trial.is_none());
        let Some(trial) = self.trial.take() else { return };
        let wait = now.saturating_duration_since(trial.asked_at);
        let Some(rung) = self.rung_mut(trial.method) else { return };
        rung.handle_wait(wait);
        if let Some(is_early) = trial.expected.and_then(|expected| expected.is_early(wait)) {
            rung.judge(is_early);
        }
    }

    /// Frames were lost, a keyframe among them perhaps.
    pub fn handle_gap(&mut self) {
        self.rhythm.interrupt();
    }

    /// How to ask the camera now, if it is to be asked.
    pub fn poll(&mut self, now: Instant) -> Option<Method> {
        let (method, opens) = self.next()?;
        if opens > Opens::At(now) {
            return None;
        }
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.method == method) {
            // Asked again: the first request counts. Once it can't help any more it has failed,
            // and the next way need not wait for the IDR.
            let wait = now.saturating_duration_since(trial.asked_at);
            let missed = trial.expected.take_if(|expected| expected.is_missed(wait)).is_some();
            if missed && let Some(rung) = self.rung_mut(method) {
                rung.judge(false);
                return self.poll(now);
            }
        } else {
            let expected = self.rhythm.expected(now);
            self.trial = Some(Trial { method, asked_at: now, expected });
        }
        self.rung_mut(method)?.handle_request(now);
        self.last_request_at = Some(now);
        self.unanswered = (self.unanswered + 1).min(MAX_DOUBLINGS + 1);
        Some(method)
    }

    /// When to poll again, while a keyframe is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.next()? {
            (_, Opens::At(at)) => Some(at),
            (_, Opens::Now | Opens::Never) => None,
        }
    }

    /// The camera did not take the request.
    pub fn handle_refusal(&mut self, now: Instant, method: Method, refusal: Refusal) {
        self.trial.take_if(|trial| trial.method == method);
        if let Some(rung) = self.rung_mut(method) {
            rung.handle_refusal(now, refusal);
        }
    }

    /// The camera was disconnected: wishes are void, its next session starts with an IDR.
    pub fn reset(&mut self) {
        // The time of the last request stays: a camera that reconnects is not a new one.
        self.wanted = false;
        self.unanswered = 0;
        self.trial = None;
        self.rhythm.reset();
        self.rungs.iter_mut().for_each(Rung::reset);
    }

    /// The way that is next, and when.
    fn next(&self) -> Option<(Method, Opens)> {
        if !self.wanted {
            return None;
        }
        let rung = self.rungs.iter().min_by_key(|rung| rung.rank())?;
        let doublings = self.unanswered.saturating_sub(1);
        let gate = self
            .last_request_at
            .map_or(Opens::Now, |at| Opens::At(at + MIN_INTERVAL * (1 << doublings)));
        Some((rung.method(), rung.opens().max(gate)))
    }

    fn rung_mut(&mut self, method: Method) -> Option<&mut Rung> {
        self.rungs.iter_mut().find(|rung| rung.method() == method)
    }
}

#[cfg(test)]
#[path = "../keyframe_tests.rs"]
mod tests;
