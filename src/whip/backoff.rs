//! How long to stay away after failures in a row.

use std::time::Duration;

use rtsp::random::Random;

use super::limits;

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    random: Random,
}

impl Backoff {
    /// No failure yet. Publishers with different seeds do not come back together.
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, random: Random::new(seed) }
    }

    /// What follows is the first failure again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure: how long to wait now, up to a quarter longer than it has to be.
    pub fn next(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let least = limits::BACKOFF_MIN.saturating_mul(factor).min(limits::BACKOFF_MAX);
        let extra_ms = u64::try_from(least.as_millis() / 4).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.random.up_to(extra_ms))
    }
}
