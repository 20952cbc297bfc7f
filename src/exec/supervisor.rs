//! When a program is started, ended and started again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::limits::{BACKOFF_MAX, BACKOFF_MIN, END_MAX, STABLE, START_MAX};

/// What the caller has to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Start it; it does not run. If that fails: [`Supervisor::handle_exit`].
    Start,
    /// Ask it to end (SIGTERM).
    Terminate,
    /// End it (SIGKILL).
    Kill,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It does not run, nor is it to.
    Idle,
    /// It runs and pushes nothing yet.
    Starting { until: Instant },
    /// It pushes.
    Pushing { since: Instant },
    /// It was asked to end; `kill_at` is none once it was killed.
    Ending { kill_at: Option<Instant>, failed: bool },
    /// It failed, and is started again later.
    Waiting { until: Instant },
}

/// One program's life.
#[derive(Debug)]
pub struct Supervisor {
    state: State,
    wanted: bool,
    /// In a row.
    failures: u32,
    /// From being asked to end to being killed.
    end_max: Duration,
    outputs: VecDeque<Output>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::with_end_max(END_MAX)
    }
}

impl Supervisor {
    /// One of a program that takes up to this long to end.
    #[must_use]
    pub fn with_end_max(end_max: Duration) -> Self {
        let (state, outputs) = (State::Idle, VecDeque::new());
        Self { state, wanted: false, failures: 0, end_max, outputs }
    }

    /// Somebody watches.
    pub fn start(&mut self, now: Instant) {
        self.wanted = true;
        if matches!(self.state, State::Idle) {
            self.run(now);
        }
    }

    /// Nobody watches any more.
    pub fn stop(&mut self, now: Instant) {
        self.wanted = false;
        self.failures = 0;
        match self.state {
            State::Starting { .. } | State::Pushing { .. } => self.end(now, false),
            State::Waiting { .. } => self.state = State::Idle,
            State::Idle | State::Ending { .. } => {}
        }
    }

    /// Whether it is to run: it may have ended since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Starting { .. } | State::Pushing { .. })
    }

    /// It pushes, or the camera sends whose address it has printed.
    pub fn handle_pushing(&mut self, now: Instant) {
        if matches!(self.state, State::Starting { .. }) {
            self.state = State::Pushing { since: now };
        }
    }

    /// It pushes no more, whether it runs or not.
    pub fn handle_silence(&mut self, now: Instant) {
        if let State::Pushing { since } = self.state {
            if now.saturating_duration_since(since) >= STABLE {
                self.failures = 0;
            }
            self.end(now, true);
        }
    }

    /// It does not run any more, or could not be started. True where that is a failure.
    pub fn handle_exit(&mut self, now: Instant) -> bool {
        self.handle_silence(now);
        self.outputs.clear();
        let failed = !matches!(self.state, State::Ending { failed: false, .. });
        if !self.wanted {
            self.state = State::Idle;
        } else if failed {
            let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
            self.failures = self.failures.saturating_add(1);
            let wait = BACKOFF_MIN.saturating_mul(factor).min(BACKOFF_MAX);
            self.state = State::Waiting { until: now + wait };
        } else {
            self.run(now);
        }
        self.wanted && failed
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        match &mut self.state {
            State::Starting { .. } => self.end(now, true),
            State::Ending { kill_at, .. } => {
                *kill_at = None;
                self.outputs.push_back(Output::Kill);
            }
            State::Waiting { .. } => self.run(now),
            State::Idle | State::Pushing { .. } => {}
        }
    }

    /// When [`Supervisor::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Starting { until } | State::Waiting { until } => Some(until),
            State::Ending { kill_at, .. } => kill_at,
            State::Idle | State::Pushing { .. } => None,
        }
    }

    /// The next thing to do, until none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn run(&mut self, now: Instant) {
        self.state = State::Starting { until: now + START_MAX };
        self.outputs.push_back(Output::Start);
    }

    fn end(&mut self, now: Instant, failed: bool) {
        self.state = State::Ending { kill_at: Some(now + self.end_max), failed };
        self.outputs.push_back(Output::Terminate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(supervisor: &mut Supervisor) -> Vec<Output> {
        std::iter::from_fn(|| supervisor.poll_output()).collect()
    }

    /// A program that pushes since `now`.
    fn pushing(now: Instant) -> Supervisor {
        let mut supervisor = Supervisor::default();
        supervisor.start(now);
        assert_eq!(outputs(&mut supervisor), [Output::Start]);
        supervisor.handle_pushing(now);
        supervisor
    }

    #[test]
    fn it_runs_while_somebody_watches() {
        let now = Instant::now();
        let mut supervisor = pushing(now);
        assert_eq!(supervisor.poll_timeout(), None);
        supervisor.stop(now);
        assert_eq!(outputs(&mut supervisor), [Output::Terminate]);
        assert!(!supervisor.handle_exit(now), "an end that was asked for is no failure");
        assert_eq!((outputs(&mut supervisor), supervisor.poll_timeout()), (vec![], None));
    }

    #[test]
    fn it_is_killed_once_where_it_does_not_end() {
        let now = Instant::now();
        let mut supervisor = pushing(now);
        supervisor.stop(now);
        outputs(&mut supervisor);
        supervisor.handle_timeout(now + END_MAX - Duration::from_millis(1));
        assert_eq!(outputs(&mut supervisor), []);
        supervisor.handle_timeout(now + END_MAX);
        assert_eq!(outputs(&mut supervisor), [Output::Kill]);
        assert_eq!(supervisor.poll_timeout(), None);
    }

    #[test]
    fn who_comes_back_while_it_ends_has_it_started_anew_at_once() {
        let now = Instant::now();
        let mut supervisor = pushing(now);
        supervisor.stop(now);
        supervisor.start(now);
        assert_eq!(outputs(&mut supervisor), [Output::Terminate]);
        assert!(!supervisor.handle_exit(now));
        assert_eq!(outputs(&mut supervisor), [Output::Start]);
    }

    #[test]
    fn each_failure_in_a_row_is_waited_for_twice_as_long() {
        let mut now = Instant::now();
        let mut supervisor = Supervisor::default();
        supervisor.start(now);
        let waits: Vec<u64> = (0..8)
            .map(|_| {
                assert_eq!(outputs(&mut supervisor), [Output::Start]);
                assert!(supervisor.handle_exit(now));
                let until = supervisor.poll_timeout().unwrap();
                let wait = (until - now).as_secs();
                supervisor.handle_timeout(until - Duration::from_millis(1));
                assert_eq!(outputs(&mut supervisor), []);
                now = until;
                supervisor.handle_timeout(now);
                wait
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        supervisor.handle_pushing(now);
        now += STABLE;
        assert!(supervisor.handle_exit(now));
        assert_eq!(supervisor.poll_timeout(), Some(now + BACKOFF_MIN), "it had been well");
    }

    #[test]
    fn nobody_waits_for_a_program_that_nobody_watches() {
        let now = Instant::now();
        let mut supervisor = Supervisor::default();
        supervisor.start(now);
        supervisor.handle_exit(now);
        supervisor.stop(now);
        outputs(&mut supervisor);
        supervisor.handle_timeout(now + BACKOFF_MAX);
        assert_eq!((outputs(&mut supervisor), supervisor.poll_timeout()), (vec![], None));
    }

    #[test]
    fn a_program_that_does_not_push_or_stops_pushing_is_ended_and_has_failed() {
        let now = Instant::now();
        let mut supervisor = Supervisor::default();
        supervisor.start(now);
        outputs(&mut supervisor);
        supervisor.handle_timeout(now + START_MAX);
        assert_eq!(outputs(&mut supervisor), [Output::Terminate]);
        assert!(supervisor.handle_exit(now));
        let mut supervisor = pushing(now);
        supervisor.handle_silence(now);
        assert_eq!(outputs(&mut supervisor), [Output::Terminate]);
        assert!(supervisor.handle_exit(now));
    }
}
