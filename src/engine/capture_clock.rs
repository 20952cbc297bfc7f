//! Maps a camera's RTP timestamps to our monotonic clock.
//!
//! Arrival times jitter, camera clocks drift, jump and lie (all zero, millisecond units,
//! restarts at midnight). The mapping follows the earliest arrivals (a packet can be late,
//! never early), creeps after a slow camera clock, and starts anew where the two disagree
//! by more than a network could explain.

use std::time::{Duration, Instant};

/// RTP clock of H.264 and H.265, whatever the SDP says (RFC 6184 section 8.2.1).
const VIDEO_HZ: u32 = 90_000;
/// Beyond this the camera's clock is not believed and the mapping starts anew.
const MAX_ERROR: Duration = Duration::from_millis(500);
/// Share of a late frame's error by which the mapping follows: 1/256 tracks a drift of
/// some hundred ppm within a second or two without following jitter.
const CREEP: u32 = 256;

/// One camera's clock, as seen from here. The default is that of video.
#[derive(Debug)]
pub struct CaptureClock {
    clock_hz: u32,
    anchor: Option<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    rtp: u32,
    at: Instant,
}

impl Default for CaptureClock {
    fn default() -> Self {
        Self::new(VIDEO_HZ)
    }
}

impl CaptureClock {
    /// A clock of so many ticks a second.
    #[must_use]
    pub fn new(clock_hz: u32) -> Self {
        Self { clock_hz, anchor: None }
    }

    /// When the frame with this RTP timestamp was taken, at most `arrival`.
    pub fn handle_frame(&mut self, rtp: u32, arrival: Instant) -> Instant {
        let at = self
            .anchor
            .and_then(|anchor| predict(anchor, rtp, self.clock_hz))
            .map_or(arrival, |predicted| correct(predicted, arrival));
        self.anchor = Some(Anchor { rtp, at });
        at
    }

    /// The instant of any timestamp near the newest one, once there was one.
    #[must_use]
    pub fn instant_of(&self, rtp: u32) -> Option<Instant> {
        let anchor = self.anchor?;
        let micros = micros_between(anchor.rtp, rtp, self.clock_hz)?;
        shifted(anchor.at, micros)
    }

    /// Forgets the mapping: the camera was connected anew.
    pub fn reset(&mut self) {
        self.anchor = None;
    }
}

/// The instant that the camera's own clock says, if that can be told.
fn predict(anchor: Anchor, rtp: u32, clock_hz: u32) -> Option<Instant> {
    let micros = u64::try_from(micros_between(anchor.rtp, rtp, clock_hz)?).ok()?;
    // A clock that stands still tells nothing.
    (micros > 0).then(|| anchor.at.checked_add(Duration::from_micros(micros)))?
}

/// From one RTP timestamp to another, back where it is the older one.
pub(crate) fn micros_between(from: u32, to: u32, clock_hz: u32) -> Option<i64> {
    #[expect(clippy::cast_possible_wrap, reason = "RTP timestamps are compared modulo 2^32")]
    let ticks = i64::from(to.wrapping_sub(from) as i32);
    ticks.checked_mul(1_000_000)?.checked_div(i64::from(clock_hz))
}

/// An instant, later by so many microseconds.
pub(crate) fn shifted(at: Instant, micros: i64) -> Option<Instant> {
    let distance = Duration::from_micros(micros.unsigned_abs());
    match micros {
        0.. => at.checked_add(distance),
        _ => at.checked_sub(distance),
    }
}

/// The instant that a sender's clock says, as far as an arrival lets it be believed.
fn correct(predicted: Instant, arrival: Instant) -> Instant {
    let late = arrival.saturating_duration_since(predicted);
    let early = predicted.saturating_duration_since(arrival);
    if late > MAX_ERROR || early > Duration::ZERO {
        return arrival;
    }
    predicted + late / CREEP
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(40);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn jitter_of_the_network_is_smoothed_away() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        let mut last = clock.handle_frame(0, start);
        for n in 1u32..200 {
            let jitter = ms(u64::from(n * 7 % 20));
            let at = clock.handle_frame(n * 3600, start + FRAME * n + jitter);
            let step = at - last;
            assert!(step >= FRAME - ms(1) && step <= FRAME + ms(1), "frame {n}: {step:?}");
            last = at;
        }
    }

    #[test]
    fn a_frame_is_never_taken_after_it_arrived() {
        let start = Instant::now() + ms(1000);
        let mut clock = CaptureClock::default();
        clock.handle_frame(0, start);
        let early = start + ms(10);
        assert_eq!(clock.handle_frame(3600, early), early);
    }

    #[test]
    fn a_jump_of_the_cameras_clock_starts_anew() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        clock.handle_frame(1_000_000, start);
        for jump in [0, 5, 900_000_000, 1_000_000] {
            let arrival = start + ms(5000);
            assert_eq!(clock.handle_frame(jump, arrival), arrival);
        }
    }

    #[test]
    fn a_clock_that_stands_still_falls_back_to_arrival() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        for n in 0..10 {
            assert_eq!(clock.handle_frame(0, start + FRAME * n), start + FRAME * n);
        }
    }

    #[test]
    fn a_camera_whose_clock_is_slow_is_followed() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        let mut lag = Duration::ZERO;
        for n in 0u32..20_000 {
            let arrival = start + FRAME * n;
            // 200 ppm slow: 0.72 ticks of 3600 a frame.
            let rtp = u32::try_from(u64::from(n) * 3_599_280 / 1000).unwrap();
            lag = arrival - clock.handle_frame(rtp, arrival);
        }
        assert!(lag < ms(5), "{lag:?}");
    }

    #[test]
    fn the_wrap_of_the_timestamp_is_not_a_jump() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        clock.handle_frame(u32::MAX - 1799, start);
        let late = start + FRAME + ms(30);
        let at = clock.handle_frame(1800, late);
        assert!(at < start + FRAME + ms(1), "{:?}", at - start);
    }
}
