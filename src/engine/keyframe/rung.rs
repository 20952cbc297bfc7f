//! One way to ask a camera for an IDR, and what was learned about it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Answers in a row that make a verdict.
const VERDICT_AFTER: u32 = 3;
/// Least time between two requests that a camera has ignored before.
const IGNORED_REST: Duration = Duration::from_secs(600);
/// Least time after a request that did harm: accounts lock, and cameras that crash are to serve.
const REFUSED_REST: Duration = Duration::from_secs(3600);
/// Answers whose times are kept.
const WAITS_MAX: usize = 16;

/// How a camera is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// PLI (RFC 4585 section 6.3.1) and FIR (RFC 5104 section 4.3.1) in one RTCP packet.
    Rtcp,
    /// Axis' `SET_PARAMETER` with `Renew-Stream: yes`.
    Axis,
    /// Hikvision's ISAPI, over HTTP.
    Isapi,
    /// Hanwha's SUNAPI, over HTTP.
    Sunapi,
    /// ONVIF's `SetSynchronizationPoint`, over HTTP.
    Onvif,
    /// A second session for a moment: most cameras begin each with an IDR.
    Session,
}

impl Method {
    /// The word of the configuration, of the API and of the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtcp => "rtcp",
            Self::Axis => "axis",
            Self::Isapi => "isapi",
            Self::Sunapi => "sunapi",
            Self::Onvif => "onvif",
            Self::Session => "session",
        }
    }

    fn min_interval(self) -> Duration {
        match self {
            Self::Rtcp | Self::Axis => Duration::from_secs(1),
            // Cameras' web servers are slow, and log every request; their sessions are few.
            Self::Isapi | Self::Sunapi | Self::Onvif | Self::Session => Duration::from_secs(10),
        }
    }
}

/// Why a camera did not take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not know it: never again in this session.
    Unsupported,
    /// It refused the credentials, or closed the connection: not for an hour, whatever session.
    Harmful,
}

/// What is known about a method with one camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough yet.
    Learning,
    /// Three IDRs in a row came at least 40 % earlier than they would have by themselves.
    Effective,
    /// Three in a row did not: it is asked that way once in ten minutes.
    Ignored,
    /// The camera does not know it.
    Unsupported,
    /// It did harm.
    Refused {
        /// No request before.
        until: Instant,
    },
}

impl Verdict {
    /// One word for the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Effective => "effective",
            Self::Ignored => "ignored",
            Self::Unsupported => "unsupported",
            Self::Refused { .. } => "refused",
        }
    }
}

/// From when on a request may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opens {
    Now,
    At(Instant),
    Never,
}

/// One method with one camera.
#[derive(Debug)]
pub struct Rung {
    method: Method,
    verdict: Verdict,
    was_early: bool,
    streak: u32,
    requests: u64,
    last_request_at: Option<Instant>,
    waits: VecDeque<Duration>,
}

impl Rung {
    pub(super) fn new(method: Method) -> Self {
        Self {
            method,
            verdict: Verdict::Learning,
            was_early: false,
            streak: 0,
            requests: 0,
            last_request_at: None,
            waits: VecDeque::new(),
        }
    }

    /// How the camera is asked.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// What was learned.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Requests made.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// From the newest answered request to its IDR.
    #[must_use]
    pub fn last_wait(&self) -> Option<Duration> {
        self.waits.back().copied()
    }

    /// The median of that over the last 16.
    #[must_use]
    pub fn median_wait(&self) -> Option<Duration> {
        let mut waits: Vec<Duration> = self.waits.iter().copied().collect();
        waits.sort_unstable();
        waits.get(waits.len() / 2).copied()
    }

    /// What works goes first, then what is not known, then what rests for the shortest time.
    pub(super) fn rank(&self) -> (u8, Opens) {
        match self.verdict {
            Verdict::Effective => (0, Opens::Now),
            Verdict::Learning => (1, Opens::Now),
            _ => (2, self.opens()),
        }
    }

    pub(super) fn opens(&self) -> Opens {
        let after = |rest| self.last_request_at.map_or(Opens::Now, |at| Opens::At(at + rest));
        match self.verdict {
            Verdict::Learning | Verdict::Effective => after(self.method.min_interval()),
            Verdict::Ignored => after(IGNORED_REST),
            Verdict::Refused { until } => Opens::At(until),
            Verdict::Unsupported => Opens::Never,
        }
    }

    pub(super) fn handle_request(&mut self, now: Instant) {
        self.requests += 1;
        self.last_request_at = Some(now);
        if matches!(self.verdict, Verdict::Refused { .. }) {
            self.verdict = Verdict::Learning;
        }
    }

    pub(super) fn handle_wait(&mut self, wait: Duration) {
        if self.waits.len() == WAITS_MAX {
            self.waits.pop_front();
        }
        self.waits.push_back(wait);
    }

    pub(super) fn judge(&mut self, is_early: bool) {
        self.streak = if self.was_early == is_early { self.streak.saturating_add(1) } else { 1 };
        self.was_early = is_early;
        let is_proven = self.streak >= VERDICT_AFTER;
        self.verdict = match self.verdict {
            _ if is_proven && is_early => Verdict::Effective,
            _ if is_proven => Verdict::Ignored,
            Verdict::Ignored if is_early => Verdict::Learning,
            verdict => verdict,
        };
    }

    pub(super) fn handle_refusal(&mut self, now: Instant, refusal: Refusal) {
        self.verdict = match refusal {
            Refusal::Unsupported => Verdict::Unsupported,
            Refusal::Harmful => Verdict::Refused { until: now + REFUSED_REST },
        };
        self.streak = 0;
    }

    /// The session is over: the next one may be with another camera, or another firmware.
    pub(super) fn reset(&mut self) {
        if self.verdict == Verdict::Unsupported {
            self.verdict = Verdict::Learning;
        }
    }
}
