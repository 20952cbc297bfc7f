//! How long to stay away after failures in a row.

use std::time::Duration;

use super::options::Backoff;
use crate::random::Random;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    /// What follows is the first failure again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure: how long to wait now. Up to a quarter longer than it has to be, so that
    /// cameras that failed together do not come back together.
    pub(super) fn next(&mut self, backoff: &Backoff, random: &mut Random) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let least = backoff.min.saturating_mul(factor).min(backoff.max);
        let extra_ms = u64::try_from(least.as_millis() / 4).unwrap_or(u64::MAX);
        least.saturating_add(Duration::from_millis(random.up_to(extra_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_anew_after_a_reset() {
        let options = Backoff::default();
        let waits = |failures: u32| {
            let waits = (0..200).map(|seed| {
                let mut retry = Retry { failures };
                retry.next(&options, &mut Random::new(seed)).as_millis()
            });
            let waits: Vec<u128> = waits.collect();
            (waits.iter().min().copied().unwrap(), waits.iter().max().copied().unwrap())
        };
        for (failures, least) in [(0, 1000), (1, 2000), (2, 4000), (5, 30_000), (99, 30_000)] {
            let (min, max) = waits(failures);
            assert!(min >= least && max <= least * 5 / 4, "{failures}: {min}..{max}");
            assert!(max > min + least / 8, "{failures}: no jitter");
        }
        let mut retry = Retry { failures: 20 };
        retry.reset();
        assert!(retry.next(&options, &mut Random::new(1)) <= 2 * options.min);
    }
}
