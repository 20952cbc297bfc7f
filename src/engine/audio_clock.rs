//! When a camera's audio was taken, on the clock that its video has.
//!
//! The sender reports of both tracks name the camera's wall clock (RFC 3550 section 6.4.1): where
//! there are both, audio is as late as the video of the same moment. Where there are not, or
//! where they contradict the arrivals by more than a camera's encoder could explain, audio was
//! taken when it came, as the video was.

use std::time::{Duration, Instant};

use super::capture_clock::CaptureClock;

/// RTP clock of all video.
const VIDEO_HZ: i128 = 90_000;
const MICROS: i128 = 1_000_000;
/// A camera's video may lag so much behind its audio, or the other way round.
const MAX_LAG: Duration = Duration::from_secs(1);

/// What a sender report says of a track's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Seconds since 1900 in the upper 32 bits, fractions in the lower.
    pub ntp: u64,
    /// RTP timestamp of the same moment.
    pub rtp: u32,
}

/// One camera's audio clock, as seen from here.
#[derive(Debug)]
pub struct AudioClock {
    clock_hz: u32,
    arrivals: CaptureClock,
}

impl AudioClock {
    /// A clock of so many ticks a second.
    #[must_use]
    pub fn new(clock_hz: u32) -> Self {
        Self { clock_hz, arrivals: CaptureClock::new(clock_hz) }
    }

    /// Ticks in a second.
    #[must_use]
    pub fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// When the sample in front of `rtp` was taken, the last one of a packet that came at
    /// `arrival`. `reports` are the newest of video and audio. It may be later than the arrival:
    /// audio that is not as late as its video has to wait for it.
    pub fn handle_packet(
        &mut self,
        rtp: u32,
        arrival: Instant,
        reports: Option<(Report, Report)>,
        video: &CaptureClock,
    ) -> Instant {
        let by_arrival = self.arrivals.handle_frame(rtp, arrival);
        let by_reports = reports.and_then(|reports| self.by_reports(rtp, reports, video));
        let is_near = |at: &Instant| {
            at.saturating_duration_since(by_arrival) <= MAX_LAG
                && by_arrival.saturating_duration_since(*at) <= MAX_LAG
        };
        by_reports.filter(is_near).unwrap_or(by_arrival)
    }

    fn by_reports(
        &self,
        rtp: u32,
        (of_video, of_audio): (Report, Report),
        video: &CaptureClock,
    ) -> Option<Instant> {
        #[expect(clippy::cast_possible_wrap, reason = "NTP and RTP time wrap")]
        let (between, since) =
            (of_audio.ntp.wrapping_sub(of_video.ntp) as i64, rtp.wrapping_sub(of_audio.rtp) as i32);
        let micros = ((i128::from(between) * MICROS) >> 32)
            + i128::from(since) * MICROS / i128::from(self.clock_hz);
        #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
        let ticks = (micros * VIDEO_HZ / MICROS) as u32;
        video.instant_of(of_video.rtp.wrapping_add(ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Duration = Duration::from_secs(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn ntp(at: Duration) -> u64 {
        let fraction = (u64::from(at.subsec_nanos()) << 32) / 1_000_000_000;
        (at.as_secs() << 32) + fraction
    }

    /// A camera whose video comes after `video_ms` and whose audio after `audio_ms`.
    struct Scene {
        start: Instant,
        video: CaptureClock,
        audio: AudioClock,
        reports: (Report, Report),
        audio_lag: Duration,
    }

    fn scene(video_ms: u64, audio_ms: u64, video_rtp: u32, audio_rtp: u32) -> Scene {
        let start = Instant::now();
        let mut video = CaptureClock::default();
        for frame in 0u32..50 {
            let rtp = video_rtp.wrapping_add(frame * 3600);
            video.handle_frame(rtp, start + Duration::from_millis(40) * frame + ms(video_ms));
        }
        // The reports are of different moments, one of the audio before one of the video.
        let report = |at_ms: u64, rtp: u32, hz: u64| Report {
            ntp: ntp(BASE + ms(at_ms)),
            rtp: rtp.wrapping_add(u32::try_from(at_ms * hz / 1000).unwrap()),
        };
        let reports = (report(1_700, video_rtp, 90_000), report(300, audio_rtp, 8_000));
        let audio = AudioClock::new(8_000);
        Scene { start, video, audio, reports, audio_lag: ms(audio_ms) }
    }

    impl Scene {
        /// By how much audio of the moment `at_ms` is put later than its moment.
        fn lag(&mut self, at_ms: u64, audio_rtp: u32, with_reports: bool) -> i128 {
            let rtp = audio_rtp.wrapping_add(u32::try_from(at_ms * 8).unwrap());
            let taken = self.start + ms(at_ms);
            let reports = with_reports.then_some(self.reports);
            let arrival = taken + self.audio_lag;
            let at = self.audio.handle_packet(rtp, arrival, reports, &self.video);
            (at - self.start).as_micros() as i128 - i128::from(at_ms) * 1000
        }
    }

    proptest! {
        #[test]
        fn by_reports_audio_is_as_late_as_its_video(
            video_ms in 0u64..800, audio_ms in 0u64..800, video_rtp: u32, audio_rtp: u32,
        ) {
            let mut scene = scene(video_ms, audio_ms, video_rtp, audio_rtp);
            for at_ms in (0..4_000).step_by(20) {
                let lag = scene.lag(at_ms, audio_rtp, true);
                prop_assert!((lag - i128::from(video_ms) * 1000).abs() < 1_500, "{}", lag);
            }
        }

        #[test]
        fn without_reports_audio_was_taken_when_it_came(audio_ms in 0u64..800, audio_rtp: u32) {
            let mut scene = scene(300, audio_ms, 7, audio_rtp);
            for at_ms in (0..4_000).step_by(20) {
                let lag = scene.lag(at_ms, audio_rtp, false);
                prop_assert!((lag - i128::from(audio_ms) * 1000).abs() < 1_500, "{}", lag);
            }
        }
    }

    #[test]
    fn reports_that_can_not_be_true_are_not_believed() {
        for wrong in [ms(1_500), Duration::from_secs(3_600)] {
            let mut scene = scene(100, 40, 0, 0);
            scene.reports.1.ntp = ntp(BASE + ms(300) + wrong);
            let lag = scene.lag(1_000, 0, true);
            assert!((lag - 40_000).abs() < 1_500, "{wrong:?}: {lag}");
        }
    }
}
