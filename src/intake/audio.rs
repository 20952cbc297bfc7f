//! A camera's audio on its way into the matrix: timed as its video is.

use std::time::{Duration, Instant};

use rtsp::audio::{Codec, Sound};
use rtsp::client::{Choice, TrackId, TrackInfo};

use crate::engine::audio_clock::{AudioClock, Report};
use crate::engine::capture_clock::CaptureClock;
use crate::engine::codec::AudioCodec;
use crate::engine::frame::AudioFrame;

/// What is known of a source's audio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Audio {
    /// It has none, or was not described yet.
    #[default]
    None,
    /// It is passed on.
    Forwarded {
        /// The encoding name of its description, in upper case.
        codec: String,
    },
    /// It has some that is not passed on.
    Dropped {
        /// The same.
        codec: String,
        /// Why.
        reason: String,
    },
}

impl Audio {
    /// What may be heard of it.
    #[must_use]
    pub fn codec(&self) -> Option<AudioCodec> {
        match self {
            Self::Forwarded { codec } => AudioCodec::from_name(codec),
            Self::None | Self::Dropped { .. } => None,
        }
    }
}

/// One source's audio.
#[derive(Debug, Default)]
pub(super) struct AudioIntake {
    known: Audio,
    video_track: TrackId,
    of_video: Option<Report>,
    of_audio: Option<Report>,
    clock: Option<AudioClock>,
}

impl AudioIntake {
    pub fn known(&self) -> &Audio {
        &self.known
    }

    /// A new session: the camera may be another one than it was.
    pub fn handle_described(&mut self, tracks: &[TrackInfo]) {
        let find = |choice| tracks.iter().find(move |info| info.choice == choice);
        let known = match (find(Choice::ChosenAudio), find(Choice::UnknownAudio)) {
            (Some(info), _) => Audio::Forwarded { codec: info.codec.clone() },
            (None, Some(info)) => {
                let codec = match info.codec.as_str() {
                    "MPEG4-GENERIC" | "MP4A-LATM" => "AAC",
                    "" => "unknown",
                    codec => codec,
                };
                let reason = format!(
                    "browsers do not take {codec} with a clock of {} Hz over WebRTC; \
                     set the camera's audio to G.711 or Opus",
                    info.clock_rate_hz
                );
                Audio::Dropped { codec: codec.to_owned(), reason }
            }
            (None, None) => Audio::None,
        };
        let video_track = find(Choice::Chosen).map_or(0, |info| info.track);
        *self = Self { known, video_track, ..Self::default() };
    }

    /// A publisher, which describes nothing, sends it.
    #[cfg(feature = "receive")]
    pub fn handle_sent(&mut self, codec: AudioCodec) {
        if self.known.codec() != Some(codec) {
            self.known = Audio::Forwarded { codec: codec.name().to_ascii_uppercase() };
        }
    }

    pub fn handle_left_out(&mut self, reason: &str) {
        if let Audio::Forwarded { codec } = &self.known {
            let reason = format!("the camera's audio was left out: {reason}");
            self.known = Audio::Dropped { codec: codec.clone(), reason };
        }
    }

    pub fn handle_report(&mut self, track: TrackId, report: Report) {
        let is_of_video = track == self.video_track;
        *(if is_of_video { &mut self.of_video } else { &mut self.of_audio }) = Some(report);
    }

    /// The packets that one of the camera's brought.
    pub fn handle_sound(&mut self, sound: Sound, video: &CaptureClock) -> Vec<AudioFrame> {
        if !cfg!(feature = "audio") {
            return Vec::new();
        }
        let clock_hz = sound.codec.clock_hz();
        let clock = self.clock.take().filter(|clock| clock.clock_hz() == clock_hz);
        let clock = self.clock.insert(clock.unwrap_or_else(|| AudioClock::new(clock_hz)));
        let reports = self.of_video.zip(self.of_audio);
        let end = clock.handle_packet(sound.ends_at, sound.received_at, reports, video);
        let codec = codec(sound.codec);
        let frame = |packet: rtsp::audio::Packet| AudioFrame {
            codec,
            captured_at: before(end, sound.ends_at.wrapping_sub(packet.timestamp), clock_hz),
            ticks: packet.ticks,
            payload: packet.payload,
        };
        sound.packets.into_iter().map(frame).collect()
    }
}

fn before(end: Instant, ticks: u32, clock_hz: u32) -> Instant {
    let time = Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(clock_hz.max(1)));
    end.checked_sub(time).unwrap_or(end)
}

fn codec(codec: Codec) -> AudioCodec {
    match codec {
        Codec::Pcmu => AudioCodec::Pcmu,
        Codec::Pcma => AudioCodec::Pcma,
        Codec::G722 => AudioCodec::G722,
        Codec::Opus => AudioCodec::Opus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(track: TrackId, codec: &str, choice: Choice) -> TrackInfo {
        TrackInfo {
            track,
            kind: String::new(),
            codec: codec.to_owned(),
            payload_type: 0,
            clock_rate_hz: 16_000,
            control: String::new(),
            choice,
            parameter_sets: None,
        }
    }

    #[test]
    fn what_is_not_passed_on_says_why() {
        let mut intake = AudioIntake::default();
        intake.handle_described(&[info(0, "H264", Choice::Chosen)]);
        assert_eq!(*intake.known(), Audio::None);
        intake.handle_described(&[info(0, "MPEG4-GENERIC", Choice::UnknownAudio)]);
        let Audio::Dropped { codec, reason } = intake.known() else { panic!() };
        assert!(codec == "AAC" && reason.contains("AAC with a clock of 16000 Hz"), "{reason}");
        intake.handle_described(&[info(1, "PCMA", Choice::ChosenAudio)]);
        assert_eq!(*intake.known(), Audio::Forwarded { codec: "PCMA".to_owned() });
        intake.handle_left_out("SETUP: 404");
        let Audio::Dropped { codec, reason } = intake.known() else { panic!() };
        assert!(codec == "PCMA" && reason.ends_with("SETUP: 404"), "{reason}");
    }

    #[test]
    fn a_second_of_audio_in_one_packet_was_taken_over_a_second() {
        let mut intake = AudioIntake::default();
        let received_at = Instant::now() + Duration::from_secs(10);
        let packet = |n: u32| rtsp::audio::Packet {
            timestamp: n * 160,
            ticks: 160,
            payload: vec![0; 160].into(),
        };
        let packets = (0..50).map(packet).collect();
        let sound = Sound { codec: Codec::Pcma, received_at, ends_at: 8_000, packets };
        let frames = intake.handle_sound(sound, &CaptureClock::default());
        assert_eq!(frames[0].captured_at, received_at - Duration::from_secs(1));
        assert_eq!(frames[49].captured_at, received_at - Duration::from_millis(20));
    }
}
