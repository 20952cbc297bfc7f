//! One viewer's budget for what is sent faster than live.
//!
//! A replayed group of pictures leaves at once where it is small and at a steady rate where
//! it is large: more than about half a megabyte at once overruns a browser's socket buffer.
//! All slots of a viewer draw on one budget, so nine switches in one moment are no flood.

use std::time::{Duration, Instant};

/// A token bucket: `burst_bytes` at once, then `bytes_per_second`.
#[derive(Debug)]
pub struct Pacer {
    bytes_per_second: u64,
    burst_bytes: i64,
    /// May go below zero: a frame leaves whole when any budget is left.
    tokens: i64,
    updated_at: Instant,
}

impl Pacer {
    /// A full bucket. `bytes_per_second` is at least 1.
    #[must_use]
    pub fn new(now: Instant, burst_bytes: u32, bytes_per_second: u64) -> Self {
        let burst_bytes = i64::from(burst_bytes);
        let bytes_per_second = bytes_per_second.max(1);
        Self { bytes_per_second, burst_bytes, tokens: burst_bytes, updated_at: now }
    }

    /// Whether a frame may leave now.
    pub fn is_open(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens > 0
    }

    /// A frame of this size left.
    pub fn spend(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_sub(bytes);
    }

    /// When the next frame may leave.
    #[must_use]
    pub fn opens_at(&self) -> Instant {
        let missing = u128::try_from(1 - self.tokens).unwrap_or(0);
        let micros = (missing * 1_000_000).div_ceil(u128::from(self.bytes_per_second));
        let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.updated_at.checked_add(wait).unwrap_or(self.updated_at)
    }

    fn refill(&mut self, now: Instant) {
        let micros = now.saturating_duration_since(self.updated_at).as_micros();
        let gained = micros * u128::from(self.bytes_per_second) / 1_000_000;
        if gained > 0 {
            let gained = i64::try_from(gained).unwrap_or(i64::MAX);
            self.tokens = self.tokens.saturating_add(gained).min(self.burst_bytes);
            self.updated_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_replay_leaves_at_once_and_a_large_one_at_the_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, 500_000, 10_000_000);
        let mut sent = 0;
        while pacer.is_open(start) {
            pacer.spend(10_000);
            sent += 10_000;
        }
        assert_eq!(sent, 500_000);
        let mut now = start;
        for _ in 0..100 {
            now = pacer.opens_at();
            assert!(pacer.is_open(now));
            pacer.spend(10_000);
        }
        let took = (now - start).as_millis();
        assert!((99..=101).contains(&took), "{took}");
    }

    #[test]
    fn it_is_never_open_before_it_says_so() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, 1, 1000);
        pacer.spend(501);
        let opens_at = pacer.opens_at();
        assert!(!pacer.is_open(opens_at - Duration::from_millis(2)));
        assert!(pacer.is_open(opens_at));
    }

    #[test]
    fn idle_time_fills_it_no_further_than_the_burst() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, 100, 1000);
        let later = start + Duration::from_secs(3600);
        assert!(pacer.is_open(later));
        pacer.spend(100);
        assert!(!pacer.is_open(later));
    }
}
