//! Asks a camera for a keyframe, once for everybody.
//!
//! Any number of viewers may want one at any time; the camera hears at most one request a
//! second, and a camera that does not answer is asked ever more rarely. The next IDR,
//! asked for or not, settles all wishes.

use std::time::{Duration, Instant};

/// Least time between two requests to one camera.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Most times that the interval doubles while requests go unanswered (1 s to 16 s).
const MAX_DOUBLINGS: u32 = 4;

/// The requests to one camera.
#[derive(Debug, Default)]
pub struct KeyframeGate {
    wanted: bool,
    last_request_at: Option<Instant>,
    unanswered: u32,
}

impl KeyframeGate {
    /// Somebody needs a keyframe.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A keyframe came.
    pub fn handle_key(&mut self) {
        self.wanted = false;
        self.unanswered = 0;
    }

    /// Whether to ask the camera now.
    pub fn poll(&mut self, now: Instant) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now)
            || (self.wanted && self.last_request_at.is_none());
        if due {
            self.last_request_at = Some(now);
            self.unanswered = (self.unanswered + 1).min(MAX_DOUBLINGS + 1);
        }
        due
    }

    /// When to poll again, while a keyframe is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.wanted {
            return None;
        }
        let doublings = self.unanswered.saturating_sub(1);
        Some(self.last_request_at? + MIN_INTERVAL * (1 << doublings))
    }

    /// The camera was disconnected: wishes are void, its next session starts with an IDR.
    pub fn reset(&mut self) {
        // The time of the last request stays: a camera that reconnects is not a new one.
        self.wanted = false;
        self.unanswered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_wishes_in_a_second_are_one_request() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        let mut requests = 0;
        for n in 0..9 {
            gate.want();
            requests += u32::from(gate.poll(start + Duration::from_millis(n * 100)));
        }
        assert_eq!(requests, 1);
    }

    #[test]
    fn a_wish_in_the_quiet_second_is_not_forgotten() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        gate.want();
        assert!(gate.poll(start));
        gate.handle_key();
        gate.want();
        assert!(!gate.poll(start + Duration::from_millis(10)));
        assert_eq!(gate.poll_timeout(), Some(start + MIN_INTERVAL));
        assert!(gate.poll(start + MIN_INTERVAL));
    }

    #[test]
    fn a_camera_that_never_answers_is_asked_ever_more_rarely() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        let mut requests = 0;
        for second in 0..60 {
            gate.want();
            requests += u32::from(gate.poll(start + Duration::from_secs(second)));
        }
        // At 0, 1, 3, 7, 15, 31 and 47 s.
        assert_eq!(requests, 7);
    }

    #[test]
    fn an_idr_settles_the_wish() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        gate.want();
        gate.handle_key();
        assert!(!gate.poll(start));
        assert_eq!(gate.poll_timeout(), None);
    }
}
