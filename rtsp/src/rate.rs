//! How much came in the last seconds.

use std::time::Instant;

/// Whole seconds that the rate is the mean of.
const WINDOW_S: u64 = 5;
/// Those, and the one that is not over.
const SLOTS: usize = 6;

/// Bytes of the last seconds, counted by the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    began: Option<Instant>,
    /// The second that the newest bytes came in, from 0.
    newest: u64,
    bytes: [u64; SLOTS],
}

impl Rate {
    /// So many bytes have come.
    pub fn push(&mut self, now: Instant, bytes: usize) {
        let second = self.second(now);
        self.began.get_or_insert(now);
        // What lies between brought nothing, and nor has this one yet.
        let passed = second.saturating_sub(self.newest).min(SLOTS as u64);
        for back in 0..passed {
            if let Some(slot) = self.slot(second - back) {
                *slot = 0;
            }
        }
        self.newest = self.newest.max(second);
        let newest = self.newest;
        if let Some(slot) = self.slot(newest) {
            *slot += bytes as u64;
        }
    }

    /// Bits a second, in the last five whole seconds, fewer in the beginning; 0 in the first one.
    #[must_use]
    pub fn bits_per_second(&self, now: Instant) -> u64 {
        let second = self.second(now);
        let from = second.saturating_sub(WINDOW_S);
        let heard = (from..second).filter(|past| *past <= self.newest);
        let bytes: u64 = heard.filter_map(|past| self.bytes.get(index(past))).sum();
        bytes * 8 / (second - from).max(1)
    }

    fn second(&self, now: Instant) -> u64 {
        self.began.map_or(0, |began| now.saturating_duration_since(began).as_secs())
    }

    fn slot(&mut self, second: u64) -> Option<&mut u64> {
        self.bytes.get_mut(index(second))
    }
}

fn index(second: u64) -> usize {
    usize::try_from(second % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rate_is_the_mean_of_the_last_whole_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(rate.bits_per_second(start), 0);
        for tenth in 0..100 {
            rate.push(at(tenth * 100), 1_000);
        }
        assert_eq!(rate.bits_per_second(at(500)), 0, "before the first one is over");
        assert_eq!(rate.bits_per_second(at(9_999)), 80_000);
        assert_eq!(rate.bits_per_second(at(12_000)), 80_000 * 3 / 5, "two seconds of silence");
        assert_eq!(rate.bits_per_second(at(15_000)), 0);
        assert_eq!(rate.bits_per_second(at(1_000_000)), 0);
    }

    #[test]
    fn what_came_before_a_silence_does_not_count_behind_it() {
        for silence_s in 1..20 {
            let (mut rate, start) = (Rate::default(), Instant::now());
            let at = |second: u64| start + Duration::from_secs(second);
            (0..6).for_each(|second| rate.push(at(second), 1_000_000));
            rate.push(at(6 + silence_s), 625);
            let whole = 5_u64.saturating_sub(silence_s + 1).min(5) * 1_600_000;
            assert_eq!(rate.bits_per_second(at(7 + silence_s)), whole + 1_000, "{silence_s}");
        }
    }

    #[test]
    fn the_first_seconds_count_as_many_as_there_were() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        rate.push(start, 1_000);
        assert_eq!(rate.bits_per_second(start + Duration::from_secs(1)), 8_000);
        assert_eq!(rate.bits_per_second(start + Duration::from_secs(2)), 4_000);
    }
}
