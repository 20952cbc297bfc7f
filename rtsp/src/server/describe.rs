//! The description of a stream (RFC 4566; RFC 6184 8.2.1, RFC 7798 7.2; RFC 3551 6, RFC 7587 7,
//! RFC 3640 4.1).

use std::fmt::Write as _;

use super::track::{AUDIO_PAYLOAD_TYPE, PAYLOAD_TYPE, Track};
use crate::audio;
use crate::video::{Codec, ParameterSets};

/// What a stream is described as to its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The SDP.
    pub sdp: String,
    /// The audio that it has a track for.
    pub(super) audio: Option<audio::Codec>,
}

impl Description {
    /// With a second track for audio.
    #[must_use]
    pub fn with_audio(mut self, codec: audio::Codec) -> Self {
        let payload_type = audio_payload_type(codec);
        // Writing to a string cannot fail.
        let _ = write!(
            self.sdp,
            "m=audio 0 RTP/AVP {payload_type}\r\n{}a=control:{}\r\n",
            audio_format(codec),
            Track::Audio.control()
        );
        self.audio = Some(codec);
        self
    }
}

/// One track of these parameter sets' codec. `name` is the session's name; control characters
/// are left out.
#[must_use]
pub fn describe(name: &str, sets: &ParameterSets) -> Description {
    match sets.codec {
        #[cfg(feature = "h265")]
        Codec::H265 => {
            let parameters = sets.to_h265_parameters().map(|(key, value)| format!("{key}={value}"));
            describe_track(name, Codec::H265.name(), Some(&parameters.join(";")))
        }
        _ => describe_h264(name, Some(sets)),
    }
}

/// One H.264 track, whether its parameter sets are known or not.
#[must_use]
pub fn describe_h264(name: &str, sets: Option<&ParameterSets>) -> Description {
    let mut parameters = "packetization-mode=1".to_owned();
    if let Some(sets) = sets {
        let [profile, constraints, level] = sets.info.profile_level_id();
        // Writing to a string cannot fail.
        let _ = write!(
            parameters,
            ";profile-level-id={profile:02X}{constraints:02X}{level:02X};sprop-parameter-sets={}",
            sets.to_sprop()
        );
    }
    describe_track(name, Codec::H264.name(), Some(&parameters))
}

/// One track of a video codec that has no parameters, by its encoding name: `VP8` (RFC 7741
/// section 6.1), `VP9` (RFC 9628 section 6.1).
#[must_use]
pub fn describe_plain(name: &str, encoding: &str) -> Description {
    describe_track(name, encoding, None)
}

fn describe_track(name: &str, codec: &str, parameters: Option<&str>) -> Description {
    let parameters = parameters
        .map(|parameters| format!("a=fmtp:{PAYLOAD_TYPE} {parameters}\r\n"))
        .unwrap_or_default();
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let name = if name.is_empty() { "-" } else { &name };
    let control = Track::Video.control();
    let sdp = format!(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP {PAYLOAD_TYPE}\r\n\
         a=rtpmap:{PAYLOAD_TYPE} {codec}/90000\r\n{parameters}\
         a=control:{control}\r\n"
    );
    Description { sdp, audio: None }
}

/// The static one where there is one (RFC 3551 section 6).
pub(super) fn audio_payload_type(codec: audio::Codec) -> u8 {
    match codec {
        audio::Codec::Pcmu => 0,
        audio::Codec::Pcma => 8,
        audio::Codec::G722 => 9,
        audio::Codec::Opus | audio::Codec::Aac(_) => AUDIO_PAYLOAD_TYPE,
    }
}

fn audio_format(codec: audio::Codec) -> String {
    let payload_type = audio_payload_type(codec);
    let encoding = match codec {
        audio::Codec::Pcmu => "PCMU/8000",
        audio::Codec::Pcma => "PCMA/8000",
        audio::Codec::G722 => "G722/8000",
        audio::Codec::Opus => "opus/48000/2",
        audio::Codec::Aac(aac) => {
            let (clock_hz, channels) = (aac.clock_hz(), aac.channels());
            let config: String = aac.config().iter().map(|byte| format!("{byte:02X}")).collect();
            return format!(
                "a=rtpmap:{payload_type} MPEG4-GENERIC/{clock_hz}/{channels}\r\n\
                 a=fmtp:{payload_type} streamtype=5;profile-level-id=1;mode=AAC-hbr;\
                 sizelength=13;indexlength=3;indexdeltalength=3;config={config}\r\n"
            );
        }
    };
    format!("a=rtpmap:{payload_type} {encoding}\r\n")
}
