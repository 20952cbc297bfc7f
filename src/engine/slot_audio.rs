//! The audio of a slot: one track of one viewer, for the session's whole life.
//!
//! A receiver takes what does not follow the packet before it without a gap for a loss, and
//! repairs that audibly. Packets whose source's clock differs by some milliseconds from ours
//! therefore follow each other exactly; only where the two are further apart is something left
//! out, or a gap let be.

use std::time::{Duration, Instant};

use super::codec::AudioCodec;
use super::frame::{AudioEgress, AudioFrame};
use super::source::SourceId;

/// What the clocks of browsers' codecs are counted in: a multiple of each.
const UNITS_HZ: u32 = 48_000;
/// 12 ms: less than a packet, so that a lost one is a gap, and more than clocks jitter.
const SLACK_MS: u64 = 12;
/// Packets may have been taken before the audio began.
const MARGIN: Duration = Duration::from_secs(10);

/// The audio of one slot.
#[derive(Debug)]
pub struct SlotAudio {
    /// What the receiver takes.
    accepts: Vec<AudioCodec>,
    /// Units in a second: a multiple of each accepted codec's clock.
    units_hz: u32,
    epoch: Instant,
    /// RTP timestamp at the epoch, on whichever codec's clock.
    base: u32,
    /// Units from the epoch to the end of the newest packet.
    end: Option<u64>,
    next_sequence_number: u64,
    newest: Option<(SourceId, Result<AudioCodec, AudioCodec>)>,
}

impl SlotAudio {
    /// Audio for a receiver that takes these codecs. `seed` is random (RFC 3550 section 5.1).
    #[must_use]
    pub fn new(now: Instant, accepts: Vec<AudioCodec>, seed: u64) -> Self {
        let [a, b, c, d, e, f, ..] = seed.to_le_bytes();
        Self {
            units_hz: units_hz(&accepts),
            accepts,
            epoch: now.checked_sub(MARGIN).unwrap_or(now),
            base: u32::from_le_bytes([a, b, c, d]),
            end: None,
            // Below 2^15: a receiver starts with rollover counter 0 (RFC 3711 3.3.1).
            next_sequence_number: u64::from(u16::from_le_bytes([e, f]) >> 1),
            newest: None,
        }
    }

    /// The source that the newest packet came from and its codec: sent, or left out because the
    /// receiver does not take it.
    #[must_use]
    pub fn newest(&self) -> Option<(SourceId, Result<AudioCodec, AudioCodec>)> {
        self.newest
    }

    /// A packet as it leaves; `None` if the receiver does not take it, or if the time that it is
    /// about has been heard already.
    pub fn send(
        &mut self,
        now: Instant,
        source: SourceId,
        frame: &AudioFrame,
    ) -> Option<AudioEgress> {
        let codec = frame.codec;
        let is_taken = self.accepts.contains(&codec);
        self.newest = Some((source, if is_taken { Ok(codec) } else { Err(codec) }));
        if !is_taken {
            return None;
        }
        let wanted = self.units(frame.captured_at);
        let slack = u64::from(self.units_hz) * SLACK_MS / 1000;
        let start = match self.end {
            Some(end) if wanted + slack < end => return None,
            Some(end) if wanted <= end + slack => end,
            _ => wanted,
        };
        let scale = u64::from((self.units_hz / codec.clock_hz()).max(1));
        let ticks = start.div_ceil(scale);
        let is_start = self.end != Some(start);
        self.end = Some((ticks + u64::from(frame.ticks)) * scale);
        let sequence_number = self.next_sequence_number;
        self.next_sequence_number += 1;
        #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
        let rtp_timestamp = self.base.wrapping_add(ticks as u32);
        Some(AudioEgress {
            frame: frame.clone(),
            sequence_number,
            rtp_timestamp,
            presented_at: self.instant(ticks * scale).min(now),
            is_start,
        })
    }

    fn units(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanos * u128::from(self.units_hz) / 1_000_000_000).unwrap_or(u64::MAX / 2)
    }

    fn instant(&self, units: u64) -> Instant {
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.units_hz);
        let since = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.epoch.checked_add(since).unwrap_or(self.epoch)
    }
}

/// AAC has clocks of its own; a receiver of it is one of nothing else.
fn units_hz(accepts: &[AudioCodec]) -> u32 {
    match accepts {
        [codec @ AudioCodec::Aac(_)] => codec.clock_hz(),
        _ => UNITS_HZ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [AudioCodec; 4] =
        [AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::G722, AudioCodec::Opus];
    const CAMERA: SourceId = SourceId(0);

    fn frame(codec: AudioCodec, captured_at: Instant) -> AudioFrame {
        let ticks = codec.clock_hz() / 50;
        AudioFrame { codec, captured_at, ticks, payload: vec![0; 160].into() }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn audio(now: Instant, base: u32) -> SlotAudio {
        SlotAudio { base, ..SlotAudio::new(now, ALL.to_vec(), 0) }
    }

    proptest! {
        #[test]
        fn packets_of_a_clock_that_jitters_follow_each_other_exactly(
            base: u32, jitter_ms in prop::collection::vec(0u64..11, 100),
        ) {
            let start = Instant::now();
            let mut audio = audio(start, base);
            let mut last: Option<AudioEgress> = None;
            for (n, jitter) in (0u64..).zip(jitter_ms) {
                // The first one sets the beginning: the others may be as much before it as behind.
                let at = start + ms(n * 20 + if n == 0 { 5 } else { jitter });
                let sent = audio.send(at, CAMERA, &frame(AudioCodec::Pcmu, at)).unwrap();
                if let Some(last) = last {
                    prop_assert_eq!(sent.rtp_timestamp.wrapping_sub(last.rtp_timestamp), 160);
                    prop_assert_eq!(sent.sequence_number, last.sequence_number + 1);
                    prop_assert!(!sent.is_start);
                }
                last = Some(sent);
            }
        }

        #[test]
        fn whatever_comes_leaves_in_order_and_near_its_time(
            steps in prop::collection::vec((0u64..400, 0usize..4), 1..80),
        ) {
            let start = Instant::now();
            let mut audio = audio(start, 0);
            let (mut now, mut last) = (start, None);
            for (step, codec) in steps {
                // Sources differ in how late they are, so time goes back now and then.
                now += ms(step / 4);
                let at = now - ms(step);
                let codec = ALL[codec];
                let Some(sent) = audio.send(now, CAMERA, &frame(codec, at)) else { continue };
                let scale = u64::from(UNITS_HZ / codec.clock_hz());
                let from_epoch = u64::from(sent.rtp_timestamp) * scale;
                let at_units = audio.units(at);
                prop_assert!(from_epoch.abs_diff(at_units) <= SLACK_MS * 48 + 6);
                if let Some((number, end)) = last {
                    prop_assert_eq!(sent.sequence_number, number + 1);
                    prop_assert!(from_epoch >= end);
                }
                prop_assert!(sent.presented_at <= now);
                last = Some((sent.sequence_number, from_epoch + 960));
            }
        }
    }

    #[test]
    fn a_lost_packet_is_a_gap_of_its_length() {
        let start = Instant::now();
        let mut audio = audio(start, 0);
        let mut stamp = |at: u64| {
            let at = start + ms(at);
            audio.send(at, CAMERA, &frame(AudioCodec::Pcma, at)).unwrap().rtp_timestamp
        };
        let first = stamp(0);
        assert_eq!([stamp(20) - first, stamp(60) - first], [160, 480]);
    }

    #[test]
    fn a_codec_that_the_receiver_does_not_take_takes_no_number() {
        let now = Instant::now();
        let mut audio = SlotAudio::new(now, vec![AudioCodec::Pcmu], 0);
        assert!(audio.send(now, CAMERA, &frame(AudioCodec::Opus, now)).is_none());
        assert_eq!(audio.newest(), Some((CAMERA, Err(AudioCodec::Opus))));
        assert_eq!(
            audio.send(now, CAMERA, &frame(AudioCodec::Pcmu, now)).unwrap().sequence_number,
            0
        );
        assert_eq!(audio.newest(), Some((CAMERA, Ok(AudioCodec::Pcmu))));
    }

    #[test]
    fn each_codec_has_its_own_clock_from_the_same_instant() {
        let start = Instant::now();
        let mut audio = audio(start, 0);
        let at = |n: u64| start + ms(1000 + n);
        let g711 = audio.send(at(0), CAMERA, &frame(AudioCodec::Pcmu, at(0))).unwrap();
        let opus = audio.send(at(20), CAMERA, &frame(AudioCodec::Opus, at(20))).unwrap();
        assert_eq!(opus.rtp_timestamp, (g711.rtp_timestamp + 160) * 6);
        assert_eq!(opus.presented_at - g711.presented_at, ms(20));
    }
}
