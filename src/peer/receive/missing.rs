//! What is asked for again (generic NACK, RFC 4585 section 6.2.1): at once, then each round trip
//! anew, until it came or it is too late. How long a round trip takes is told by what comes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::limits;

/// Until it is known. Those who wait for a packet do it for three of them.
const ROUND_TRIP_FIRST: Duration = Duration::from_millis(100);
/// Some more than a round trip, so that an answer does not cross the next request.
const MARGIN: Duration = Duration::from_millis(10);

/// Packets of one stream that are missing.
#[derive(Debug, Default)]
pub struct Missing {
    packets: BTreeMap<u64, Asked>,
    round_trip: Option<Duration>,
}

/// How often, and when next.
#[derive(Debug, Clone, Copy)]
struct Asked {
    times: u8,
    last_at: Instant,
    next_at: Instant,
}

impl Missing {
    /// These were passed over. Of too many none is asked for: a new picture is there sooner.
    pub fn note(&mut self, now: Instant, passed_over: Range<u64>) {
        let count = passed_over.end.saturating_sub(passed_over.start);
        if self.packets.len() as u64 + count > limits::MISSING_MAX as u64 {
            self.packets.clear();
            return;
        }
        let asked = Asked { times: 0, last_at: now, next_at: now };
        self.packets.extend(passed_over.map(|number| (number, asked)));
    }

    /// One of them came.
    pub fn handle(&mut self, now: Instant, number: u64) {
        let Some(asked) = self.packets.remove(&number) else { return };
        // Of what was asked for twice nobody knows which request it answers.
        if asked.times == 1 {
            let sample = now.saturating_duration_since(asked.last_at);
            self.round_trip =
                Some(self.round_trip.map_or(sample, |known| (known * 3 + sample) / 4));
        }
    }

    /// When [`Missing::poll`] has something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.packets.values().map(|asked| asked.next_at).min()
    }

    /// What is to be asked for now, in order.
    pub fn poll(&mut self, now: Instant) -> Vec<u16> {
        let interval = self.round_trip.unwrap_or(ROUND_TRIP_FIRST) + MARGIN;
        self.packets
            .retain(|_, asked| asked.next_at > now || asked.times < limits::MISSING_ASKED_MAX);
        let due = self.packets.iter_mut().filter(|(_, asked)| asked.next_at <= now);
        let ask = |(number, asked): (&u64, &mut Asked)| {
            *asked = Asked { times: asked.times + 1, last_at: now, next_at: now + interval };
            let [.., high, low] = number.to_be_bytes();
            u16::from_be_bytes([high, low])
        };
        due.map(ask).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_each_round_trip_until_it_is_too_late() {
        let mut now = Instant::now();
        let mut missing = Missing::default();
        assert_eq!(missing.poll_timeout(), None);
        missing.note(now, 0xffff..0x1_0002);
        assert_eq!(missing.poll_timeout(), Some(now));
        assert_eq!(missing.poll(now), [0xffff, 0, 1]);
        assert!(missing.poll(now).is_empty());
        // An answer tells the round trip, which the next request does not wait for any more.
        missing.handle(now + 30 * MS, 0x1_0000);
        now += ROUND_TRIP_FIRST + MARGIN;
        assert_eq!(missing.poll(now), [0xffff, 1]);
        for _ in 2..limits::MISSING_ASKED_MAX {
            assert_eq!(missing.poll_timeout(), Some(now + 30 * MS + MARGIN));
            now += 30 * MS + MARGIN;
            assert_eq!(missing.poll(now), [0xffff, 1]);
        }
        now += 30 * MS + MARGIN;
        assert!(missing.poll(now).is_empty());
        assert_eq!(missing.poll_timeout(), None);
    }

    #[test]
    fn what_was_asked_for_twice_tells_no_round_trip() {
        let now = Instant::now();
        let mut missing = Missing::default();
        missing.note(now, 1..2);
        missing.poll(now);
        missing.poll(now + ROUND_TRIP_FIRST + MARGIN);
        missing.handle(now + ROUND_TRIP_FIRST + MARGIN + MS, 1);
        assert_eq!(missing.round_trip, None);
    }

    #[test]
    fn of_a_hole_that_is_too_large_nothing_is_asked_for() {
        let now = Instant::now();
        let mut missing = Missing::default();
        missing.note(now, 1..3);
        missing.note(now, 10..10 + limits::MISSING_MAX as u64);
        assert_eq!(missing.poll_timeout(), None);
        missing.note(now, 5000..5000 + limits::MISSING_MAX as u64);
        assert_eq!(missing.poll(now).len(), limits::MISSING_MAX);
    }
}
