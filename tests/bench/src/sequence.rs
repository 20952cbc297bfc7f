//! Which packets of a stream came, which did not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A packet that is missing for this long is lost, however the viewer asks for it.
const REPAIR_TIME: Duration = Duration::from_millis(500);
/// A jump of the numbers by more is counted, but not waited for.
const GAP_MAX_PACKETS: u64 = 10_000;

/// The sequence numbers of one stream.
#[derive(Debug, Default)]
pub struct Sequence {
    highest: Option<u64>,
    missing: BTreeMap<u64, Instant>,
    /// Lost beyond waiting.
    lost: u64,
}

impl Sequence {
    /// Takes a packet's extended number; whether it is the highest so far.
    pub fn handle(&mut self, now: Instant, number: u64) -> bool {
        let expected = self.highest.map_or(number, |highest| highest + 1);
        if number < expected {
            self.missing.remove(&number);
            return false;
        }
        if number - expected > GAP_MAX_PACKETS {
            self.lost += number - expected;
        } else {
            self.missing.extend((expected..number).map(|missing| (missing, now)));
        }
        self.highest = Some(number);
        true
    }

    /// Forgets what was missing and lost so far.
    pub fn reset(&mut self) {
        self.missing.clear();
        self.lost = 0;
    }

    /// How many packets are lost.
    pub fn lost(&self, now: Instant) -> u64 {
        let waited = |since: &&Instant| now.saturating_duration_since(**since) > REPAIR_TIME;
        self.lost + self.missing.values().filter(waited).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_comes_late_is_not_lost() {
        let (now, mut sequence) = (Instant::now(), Sequence::default());
        for number in [5, 6, 9, 7] {
            sequence.handle(now, number);
        }
        assert_eq!(sequence.lost(now), 0, "there is still time");
        assert_eq!(sequence.lost(now + 2 * REPAIR_TIME), 1, "8 never came");
        assert!(!sequence.handle(now, 8));
        assert_eq!(sequence.lost(now + 2 * REPAIR_TIME), 0);
    }

    #[test]
    fn jumps_count_whole_and_a_reset_forgets() {
        let (now, mut sequence) = (Instant::now(), Sequence::default());
        sequence.handle(now, 1);
        assert!(sequence.handle(now, 1_000_001));
        assert_eq!(sequence.lost(now), 999_999);
        sequence.reset();
        assert_eq!(sequence.lost(now), 0);
    }
}
