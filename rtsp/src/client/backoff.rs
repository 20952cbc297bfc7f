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

    /// Counts a failure: how long to wait now. Random over the whole range, so that cameras that
    /// failed together do not come back together.
    pub(super) fn next(&mut self, backoff: &Backoff, random: &mut Random) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let most = backoff.min.saturating_mul(factor).min(backoff.max);
        let range_ms = most.saturating_sub(backoff.min).as_millis();
        let extra_ms = random.up_to(u64::try_from(range_ms).unwrap_or(u64::MAX));
        backoff.min.saturating_add(Duration::from_millis(extra_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_start_anew_after_a_reset() {
        let options = Backoff::default();
        let longest = |failures: u32| {
            let waits = (0..200).map(|seed| {
                let mut retry = Retry { failures: failures - 1 };
                retry.next(&options, &mut Random::new(seed))
            });
            let waits: Vec<Duration> = waits.collect();
            assert!(waits.iter().all(|wait| *wait >= options.min && *wait <= options.max));
            waits.into_iter().max().unwrap_or_default().as_secs()
        };
        assert_eq!((longest(1), longest(2), longest(3)), (1, 3, 7));
        assert!(longest(10) >= 29 && longest(u32::MAX) >= 29);
        let mut retry = Retry { failures: 20 };
        retry.reset();
        assert!(retry.next(&options, &mut Random::new(1)) <= 2 * options.min);
    }
}
