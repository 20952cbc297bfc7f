//! A slot's one clock (RFC 3550 section 5.1): 90 kHz, anchored to one epoch for the slot's
//! whole life.
//!
//! Stamps are never chained from the one before, so a thousand switches can't make the slot
//! drift; they only ever move forward, so no timestamp serves two access units.

use std::time::{Duration, Instant};

const NANOS_PER_SECOND: u128 = 1_000_000_000;
const CLOCK_HZ: u128 = 90_000;

/// The clock of one slot.
#[derive(Debug)]
pub struct Timeline {
    epoch: Instant,
    base: u32,
    /// Ticks since the epoch of the newest stamp.
    last_ticks: Option<u64>,
}

/// One access unit's place on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The RTP timestamp.
    pub rtp: u32,
    /// The instant that it stands for.
    pub at: Instant,
}

impl Timeline {
    /// A clock that reads `base` (random, RFC 3550) at `epoch`.
    #[must_use]
    pub fn new(epoch: Instant, base: u32) -> Self {
        Self { epoch, base, last_ticks: None }
    }

    /// The stamp of an access unit that belongs at `at`: that instant, or one tick after
    /// the stamp before it where `at` would not be later.
    pub fn stamp(&mut self, at: Instant) -> Stamp {
        let floor = self.last_ticks.map_or(0, |ticks| ticks.saturating_add(1));
        let ticks = self.ticks(at).max(floor);
        self.last_ticks = Some(ticks);
        #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
        let rtp = self.base.wrapping_add(ticks as u32);
        Stamp { rtp, at: self.instant(ticks) }
    }

    fn ticks(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanos * CLOCK_HZ / NANOS_PER_SECOND).unwrap_or(u64::MAX)
    }

    fn instant(&self, ticks: u64) -> Instant {
        let nanos = u128::from(ticks) * NANOS_PER_SECOND / CLOCK_HZ;
        let since = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.epoch.checked_add(since).unwrap_or(self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_at_one_instant_is_one_tick_apart() {
        let epoch = Instant::now();
        let mut timeline = Timeline::new(epoch, 7);
        let at = epoch + Duration::from_secs(1);
        let stamps: Vec<u32> = (0..3).map(|_| timeline.stamp(at).rtp).collect();
        assert_eq!(stamps, [90_007, 90_008, 90_009]);
    }

    #[test]
    fn a_burst_leaves_no_offset_behind() {
        let epoch = Instant::now();
        let mut timeline = Timeline::new(epoch, 0);
        for second in 1..1000 {
            let at = epoch + Duration::from_secs(second);
            for _ in 0..300 {
                timeline.stamp(at);
            }
            let live = timeline.stamp(at + Duration::from_millis(40));
            assert_eq!(u64::from(live.rtp), second * 90_000 + 3_600);
        }
    }

    proptest! {
        #[test]
        fn stamps_always_move_forward(
            base: u32,
            steps in prop::collection::vec(0u64..200_000, 1..50),
        ) {
            let epoch = Instant::now();
            let mut timeline = Timeline::new(epoch, base);
            let mut last: Option<Stamp> = None;
            for micros in steps {
                let stamp = timeline.stamp(epoch + Duration::from_micros(micros));
                if let Some(last) = last {
                    let ahead = stamp.rtp.wrapping_sub(last.rtp);
                    prop_assert!(ahead > 0 && ahead < 1 << 31);
                    prop_assert!(stamp.at > last.at);
                }
                last = Some(stamp);
            }
        }

        #[test]
        fn a_stamp_stands_for_its_instant(base: u32, micros in 0u64..10_000_000_000) {
            let epoch = Instant::now();
            let at = epoch + Duration::from_micros(micros);
            let stamp = Timeline::new(epoch, base).stamp(at);
            prop_assert!(at - stamp.at < Duration::from_micros(12));
        }
    }
}
