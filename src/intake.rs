//! From a session with a camera or a publisher to the matrix: access units become frames, news
//! becomes health. What comes by a peer connection instead is put in order first
//! ([`publisher`]).
//!
//! Pure: the only place that knows both the `rtsp` crate and the engine. Packets of a camera
//! never pass as they came: every access unit is packetized anew, once for all viewers.

mod audio;
#[cfg(feature = "receive")]
pub mod publisher;

use std::sync::Arc;
use std::time::Instant;

use rtsp::client::Event;
use rtsp::video::{AccessUnit, Codec, Kind, ParameterSets, packetize};

pub use self::audio::Audio;
use self::audio::AudioIntake;
use crate::engine::audio_clock::Report;
use crate::engine::capture_clock::CaptureClock;
use crate::engine::codec::{AudioCodec, VideoCodec, VideoProfile};
use crate::engine::frame::{AudioFrame, Frame, Memory};
use crate::engine::keyframe::{Method, Refusal};
use crate::engine::source::{Health, Picture};
use crate::limits::RTP_PAYLOAD_MAX_BYTES;

/// One source's way into the matrix.
#[derive(Debug, Default)]
pub struct Intake {
    clock: CaptureClock,
    picture: Option<Picture>,
    sets: Option<Arc<ParameterSets>>,
    codec: Option<String>,
    audio: AudioIntake,
    memory: Memory,
}

/// What the matrix is told about a source.
#[derive(Debug)]
pub enum News {
    /// What it sends is known, its parameter sets perhaps.
    Described,
    /// It begins to send.
    Media,
    /// What its pictures will be coded in.
    Codec(VideoCodec),
    /// The next frame.
    Frame(Arc<Frame>),
    /// The next packet of audio.
    Audio(AudioFrame),
    /// Pictures from here on are to be turned so for display, clockwise: 0, 90, 180 or 270
    /// degrees.
    Rotated(u16),
    /// Frames were lost; the next one is a key.
    Gap,
    /// It does not take requests for a keyframe in this way.
    KeyframeRefused(Method, Refusal),
    /// The camera's state changed.
    Health(Health),
}

impl Intake {
    /// The codec, once described.
    #[must_use]
    pub fn codec(&self) -> Option<&str> {
        self.codec.as_deref()
    }

    /// What is known of its audio.
    #[must_use]
    pub fn audio(&self) -> &Audio {
        self.audio.known()
    }

    /// The codec of its audio, once that is known to come.
    #[must_use]
    pub fn audio_codec(&self) -> Option<AudioCodec> {
        self.audio.codec()
    }

    /// The same for a description.
    #[must_use]
    pub fn audio_to_describe(&self) -> Option<rtsp::audio::Codec> {
        self.audio.codec().and_then(audio::described)
    }

    /// The profile of the stream, once it is known.
    #[must_use]
    pub fn profile(&self) -> Option<VideoProfile> {
        let Some(sets) = &self.sets else {
            let codec = VideoCodec::from_name(self.codec.as_deref()?)?;
            let is_passed_on = !codec.leads_with_parameter_sets() && self.picture.is_some();
            return is_passed_on.then_some(VideoProfile::Other(codec));
        };
        Some(match sets.codec {
            Codec::H264 => VideoProfile::H264(sets.info.profile_level_id()),
            Codec::H265 => VideoProfile::H265 {
                profile_id: sets.info.profile_idc,
                high_tier: sets.info.high_tier,
                level_id: sets.info.level_idc,
            },
        })
    }

    /// The parameter sets of the newest picture, those of the description before the first one.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.sets.as_deref()
    }

    /// What fed it has ended, or has not begun.
    pub fn handle_end(&mut self, reason: &str, news: &mut Vec<News>) {
        self.picture = None;
        self.sets = None;
        news.push(News::Health(Health::Offline { reason: reason.to_owned() }));
    }

    /// Takes an event of the session; news in order.
    pub fn handle_event(&mut self, event: Event, news: &mut Vec<News>) {
        match event {
            Event::AccessUnit(unit) => {
                let captured_at = self.clock.handle_frame(unit.timestamp, unit.received_at);
                self.handle_access_unit(&unit, captured_at, news);
            }
            Event::Dropped { breaks_prediction, .. } => {
                if breaks_prediction {
                    news.push(News::Gap);
                }
            }
            Event::Playing => {
                // A new session: the camera may be another one than it was.
                self.clock.reset();
                self.picture = None;
                news.push(News::Media);
            }
            Event::Offline { error, .. } => self.handle_end(&error.to_string(), news),
            Event::Unsupported { codec } => {
                let reason = format!("the camera sends {codec}, which no viewer is sent");
                self.codec = Some(codec);
                news.push(News::Health(Health::Unsupported { reason }));
            }
            Event::Described { tracks } => {
                let chosen =
                    |track: &&rtsp::client::TrackInfo| track.choice == rtsp::client::Choice::Chosen;
                let chosen = tracks.iter().find(chosen);
                self.codec = chosen.map(|track| track.codec.clone());
                self.sets = chosen.and_then(|track| track.parameter_sets.clone());
                self.audio.handle_described(&tracks);
                let codec = self.codec.as_deref().and_then(VideoCodec::from_name);
                news.extend(codec.map(News::Codec));
                news.push(News::Described);
            }
            Event::RenewalRefused { harmful } => {
                let refusal = if harmful { Refusal::Harmful } else { Refusal::Unsupported };
                news.push(News::KeyframeRefused(Method::Axis, refusal));
            }
            Event::SenderReport { track, ntp, rtp_timestamp } => {
                self.audio.handle_report(track, Report { ntp, rtp: rtp_timestamp });
            }
            Event::Audio(sound) => {
                let frames = self.audio.handle_sound(sound, &self.clock);
                news.extend(frames.into_iter().map(News::Audio));
            }
            Event::AudioLeftOut { reason } => self.audio.handle_left_out(&reason),
        }
    }

    fn handle_access_unit(
        &mut self,
        unit: &AccessUnit,
        captured_at: Instant,
        news: &mut Vec<News>,
    ) {
        // Browsers have no decoding time: B pictures would be shown in the wrong order. Those
        // that nothing refers to can be left out; the others can't.
        if unit.is_reordered {
            if unit.kind != Kind::Disposable {
                let codec = unit.codec.name();
                let reason = format!("the camera sends {codec} with B-frames; switch them off");
                news.push(News::Health(Health::Unsupported { reason }));
            }
            return;
        }
        if let Some(sets) = &unit.parameter_sets {
            self.sets = Some(Arc::clone(sets));
            let picture = Picture { width: sets.info.width, height: sets.info.height };
            if self.picture != Some(picture) {
                self.picture = Some(picture);
                news.push(News::Health(Health::Live(picture)));
            }
        }
        let payloads = packetize(unit, RTP_PAYLOAD_MAX_BYTES, &mut self.memory);
        let key = unit.kind == Kind::Idr;
        let disposable = unit.kind == Kind::Disposable;
        news.push(News::Frame(Arc::new(Frame::new(
            codec(unit.codec),
            key,
            disposable,
            captured_at,
            payloads,
        ))));
    }
}

fn codec(codec: Codec) -> VideoCodec {
    match codec {
        Codec::H264 => VideoCodec::H264,
        Codec::H265 => VideoCodec::H265,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x10, 0xff];
    const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f];
    /// A B slice (slice_type 6) that nothing refers to, and one that others refer to.
    const DISPOSABLE_B: &[u8] = &[0x01, 0x9e, 0x24, 0x6c];
    const REFERENCE_B: &[u8] = &[0x41, 0x9e, 0x24, 0x6c];

    fn told(intake: &mut Intake, nal: &[u8]) -> Vec<News> {
        let sets = ParameterSets::from_sprop("Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==");
        let sets = sets.map(Arc::new);
        let unit = AccessUnit::from_nals(0, Instant::now(), [nal], sets.as_ref()).unwrap();
        let mut news = Vec::new();
        intake.handle_event(Event::AccessUnit(unit), &mut news);
        news
    }

    #[test]
    fn each_session_says_anew_that_the_camera_is_live() {
        let mut intake = Intake::default();
        for _ in 0..2 {
            intake.handle_event(Event::Playing, &mut Vec::new());
            let news = told(&mut intake, IDR);
            assert!(matches!(news[..], [News::Health(Health::Live(_)), News::Frame(_)]));
            assert!(matches!(told(&mut intake, IDR)[..], [News::Frame(_)]));
        }
    }

    #[test]
    fn a_key_frame_starts_with_its_parameter_sets_in_one_payload() {
        let news = told(&mut Intake::default(), IDR);
        let [_, News::Frame(frame)] = &news[..] else { panic!("{news:?}") };
        assert!(frame.key && !frame.disposable);
        let first_types: Vec<u8> = frame.payloads.iter().map(|payload| payload[0] & 31).collect();
        assert_eq!(first_types, [24, 5], "STAP-A, then the IDR slice");
    }

    #[test]
    fn a_delta_frame_is_no_key() {
        let mut intake = Intake::default();
        told(&mut intake, IDR);
        let news = told(&mut intake, DELTA);
        assert!(matches!(&news[..], [News::Frame(frame)] if !frame.key && !frame.disposable));
    }

    #[test]
    fn b_pictures_are_left_out_or_the_stream_is_refused() {
        let mut intake = Intake::default();
        told(&mut intake, IDR);
        assert!(told(&mut intake, DISPOSABLE_B).is_empty());
        let news = told(&mut intake, REFERENCE_B);
        assert!(matches!(&news[..], [News::Health(Health::Unsupported { .. })]), "{news:?}");
    }

    #[cfg(feature = "h265")]
    mod h265 {
        use super::*;

        const SETS: &str = "QAEMAf//AWAAAAMAkAAAAwAAAwA8koCQ,RAHBcrRCQA==,\
            QgEBAWAAAAMAkAAAAwAAAwA8oAoIC5ZZKkkyvAWgIAAAAwAgAAADAUE=";

        fn told(intake: &mut Intake, nal: &[u8]) -> Vec<News> {
            let sets = ParameterSets::from_h265_sprop([SETS]).map(Arc::new);
            let unit = AccessUnit::from_h265_nals(0, Instant::now(), [nal], sets.as_ref());
            let mut news = Vec::new();
            intake.handle_event(Event::AccessUnit(unit.unwrap()), &mut news);
            news
        }

        #[test]
        fn a_key_frame_starts_with_its_parameter_sets_in_one_payload() {
            let mut intake = Intake::default();
            let news = told(&mut intake, &[40, 1, 0xaf, 0x88]);
            let [News::Health(_), News::Frame(frame)] = &news[..] else { panic!("{news:?}") };
            assert_eq!((frame.codec, frame.key), (VideoCodec::H265, true));
            let first_types: Vec<u8> = frame.payloads.iter().map(|it| it[0] >> 1 & 63).collect();
            assert_eq!(first_types, [48, 20], "an aggregate, then the slice");
            let profile = VideoProfile::H265 { profile_id: 1, high_tier: false, level_id: 60 };
            assert_eq!(intake.profile(), Some(profile));
        }

        #[test]
        fn pictures_that_lead_up_to_one_are_left_out() {
            let mut intake = Intake::default();
            told(&mut intake, &[42, 1, 0xaf, 0x88]);
            assert!(told(&mut intake, &[18, 1, 0xd0, 0x88]).is_empty());
            assert!(matches!(told(&mut intake, &[2, 1, 0xd0, 0x88])[..], [News::Frame(_)]));
        }
    }
}
