//! A sender's clock on ours, so that what was seen and heard together has the same instant.
//!
//! Each track counts from elsewhere; sender reports say what the sender's one clock showed at a
//! count. Before the first report of a track it has only its own.
//!
//! A peer's clock is believed for longer than a camera's: what a stalled network or a busy sender
//! has held back comes all at once, and was not taken all at once.

use std::time::Instant;

use super::limits::{LATE_MAX, LATE_STEP_MAX};
use super::packet::Report;
use crate::engine::capture_clock::{CaptureClock, micros_between, shifted};

/// Share of a late packet's error by which the mapping follows: the sender's clock may be slow.
const CREEP: u32 = 256;

/// A clock in microseconds, as seen from here. It follows the earliest arrivals: a packet can be
/// late, never early.
#[derive(Debug, Default)]
pub(super) struct SenderClock {
    anchor: Option<(i64, Instant)>,
}

impl SenderClock {
    /// The instant at which it showed this, at most `arrival`.
    pub(super) fn at(&mut self, micros: i64, arrival: Instant) -> Instant {
        let predicted = self.anchor.and_then(|(then, at)| shifted(at, micros.checked_sub(then)?));
        let at = predicted.map_or(arrival, |predicted| {
            match arrival.checked_duration_since(predicted) {
                Some(late) if late <= LATE_MAX => predicted + late.min(LATE_STEP_MAX) / CREEP,
                // Earlier than can be, or it is another clock now.
                _ => arrival,
            }
        });
        self.anchor = Some((micros, at));
        at
    }
}

/// One track's place in its sender's time.
#[derive(Debug)]
pub(super) struct TrackClock {
    clock_hz: u32,
    report: Option<Report>,
    /// What it follows before its first report.
    alone: Option<CaptureClock>,
}

impl TrackClock {
    pub(super) fn new(clock_hz: u32) -> Self {
        Self { clock_hz, report: None, alone: Some(CaptureClock::new(clock_hz)) }
    }

    pub(super) fn handle_report(&mut self, report: Report) {
        self.report = Some(report);
    }

    /// When the sample with this RTP timestamp was taken, at most `arrival`.
    pub(super) fn at(
        &mut self,
        timestamp: u32,
        arrival: Instant,
        shared: &mut SenderClock,
    ) -> Instant {
        // The first report moves nothing by what its packet was late.
        let mut alone = self.alone.take();
        let arrival = alone.as_mut().map_or(arrival, |it| it.handle_frame(timestamp, arrival));
        let Some(report) = self.report else {
            self.alone = alone;
            return arrival;
        };
        // Reports come every few seconds; a sender that stops to send them wraps after hours.
        let since = self.micros(timestamp, report.timestamp);
        shared.at(report.sender_micros.saturating_add(since), arrival)
    }

    fn micros(&self, timestamp: u32, reference: u32) -> i64 {
        // None only where a second has no ticks, which no codec's has.
        micros_between(reference, timestamp, self.clock_hz).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn with_reports_picture_and_sound_of_one_moment_have_one_instant() {
        let start = Instant::now();
        let mut shared = SenderClock::default();
        let (mut video, mut audio) = (TrackClock::new(90_000), TrackClock::new(48_000));
        // Both counts start anywhere; the picture needs 60 ms more to get here.
        video.handle_report(Report { timestamp: 4_000_000_000, sender_micros: 0 });
        audio.handle_report(Report { timestamp: 77, sender_micros: 0 });
        for n in 0..500_u32 {
            let sent = ms(20) * n;
            let heard = audio.at(77 + n * 960, start + sent + ms(5), &mut shared);
            let seen = video.at(
                4_000_000_000_u32.wrapping_add(n * 1_800),
                start + sent + ms(65),
                &mut shared,
            );
            let apart = seen.max(heard) - seen.min(heard);
            assert!(apart < ms(2), "{n}: {apart:?}");
        }
    }

    #[test]
    fn a_first_report_moves_nothing_though_its_packet_was_late() {
        let start = Instant::now();
        let mut shared = SenderClock::default();
        let mut clock = TrackClock::new(90_000);
        for n in 0..50_u32 {
            if n == 5 {
                clock.handle_report(Report { timestamp: 45_000, sender_micros: 77 });
            }
            let late = if n == 5 { ms(110) } else { ms(0) };
            let at = clock.at(n * 9_000, start + ms(100) * n + late, &mut shared);
            let expected = start + ms(100) * n;
            assert!(at.max(expected) - at.min(expected) < ms(1), "{n}");
        }
    }

    #[test]
    fn what_comes_all_at_once_after_a_silence_was_not_taken_all_at_once() {
        let start = Instant::now();
        let mut shared = SenderClock::default();
        let mut clock = TrackClock::new(48_000);
        clock.handle_report(Report { timestamp: 0, sender_micros: 0 });
        for n in 0..1_000_u32 {
            let taken = start + ms(20) * n;
            let arrival = if (300..400).contains(&n) { start + ms(8_000) } else { taken };
            let at = clock.at(n * 960, arrival, &mut shared);
            assert!(at.max(taken) - at.min(taken) < ms(5), "{n}: {:?}", at - start);
        }
    }

    #[test]
    fn without_reports_each_track_follows_its_own_earliest_arrivals() {
        let start = Instant::now();
        let mut shared = SenderClock::default();
        let mut clock = TrackClock::new(90_000);
        let mut last = clock.at(0, start, &mut shared);
        for n in 1..300_u32 {
            let jitter = ms(u64::from(n * 7 % 20));
            let arrival = start + ms(40) * n + jitter;
            let at = clock.at(n * 3_600, arrival, &mut shared);
            assert!(at <= arrival);
            let step = at - last;
            assert!(step >= ms(39) && step <= ms(41), "{n}: {step:?}");
            last = at;
        }
    }

    #[test]
    fn a_clock_that_jumps_or_lies_is_not_believed() {
        let start = Instant::now();
        let mut clock = SenderClock::default();
        for micros in [0, i64::MAX, i64::MIN, 5_000_000, -5_000_000, i64::MAX - 1] {
            assert_eq!(clock.at(micros, start), start, "{micros}");
        }
        let mut track = TrackClock::new(0);
        track.handle_report(Report { timestamp: 5, sender_micros: i64::MAX });
        assert_eq!(track.at(u32::MAX, start, &mut clock), start);
    }
}
