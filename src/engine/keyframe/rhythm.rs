//! When a camera's next IDR is due by itself: what an answer to a request is measured against.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Intervals kept; the shortest of them counts, since cameras stretch their groups of pictures
/// and cut them short at a change of scene.
const INTERVALS_MAX: usize = 5;
/// Shorter waits say nothing: an IDR may come within them by chance.
const WAIT_MIN: Duration = Duration::from_millis(500);

/// The IDRs of one camera that nobody asked for.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    last_at: Option<Instant>,
    last_natural_at: Option<Instant>,
    intervals: VecDeque<Duration>,
}

/// How long the next IDR would take by itself. Some cameras begin a new interval with an IDR
/// that was asked for, others keep to their beat: between the two nothing can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    soonest: Duration,
    latest: Duration,
}

impl Expected {
    /// Whether an IDR after this time came early, so that the request must have brought it;
    /// `None` where that can't be told.
    pub fn is_early(self, wait: Duration) -> Option<bool> {
        if wait <= self.soonest * 3 / 5 {
            Some(true)
        } else if wait > self.latest * 3 / 5 {
            Some(false)
        } else {
            None
        }
    }

    /// Whether an IDR that has not come until now can't be early any more.
    pub fn is_missed(self, wait: Duration) -> bool {
        self.is_early(wait) == Some(false)
    }
}

impl Rhythm {
    /// An IDR came. It is natural if no request can have brought it.
    pub fn handle_key(&mut self, now: Instant, natural: bool) {
        // The first one was perhaps brought by the session itself.
        if natural && self.last_at.is_some() {
            if let Some(before) =
                self.last_natural_at.filter(|_| self.last_natural_at == self.last_at)
            {
                if self.intervals.len() == INTERVALS_MAX {
                    self.intervals.pop_front();
                }
                self.intervals.push_back(now.saturating_duration_since(before));
            }
            self.last_natural_at = Some(now);
        }
        self.last_at = Some(now);
    }

    /// An IDR may have been lost: the next interval would be too long.
    pub fn interrupt(&mut self) {
        self.last_natural_at = None;
    }

    /// The camera was disconnected.
    pub fn reset(&mut self) {
        self.last_at = None;
        self.last_natural_at = None;
    }

    /// The shortest of the last intervals.
    pub fn interval(&self) -> Option<Duration> {
        self.intervals.iter().min().copied()
    }

    /// When the next IDR is to be expected without a request, if that is known and far enough.
    pub fn expected(&self, now: Instant) -> Option<Expected> {
        let interval = self.interval().filter(|interval| *interval >= WAIT_MIN)?;
        let latest = interval.checked_sub(now.saturating_duration_since(self.last_at?))?;
        let on_the_beat = self.last_natural_at.map(|at| {
            let into = now.saturating_duration_since(at).as_millis() % interval.as_millis();
            interval.saturating_sub(Duration::from_millis(u64::try_from(into).unwrap_or(0)))
        });
        let soonest = on_the_beat.unwrap_or(latest).min(latest);
        (soonest >= WAIT_MIN).then_some(Expected { soonest, latest })
    }
}
