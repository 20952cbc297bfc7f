//! What is offered of a stream (RFC 9725 section 4.4.1): one video m-line to send on, one of audio
//! if there is some, and one of data channels if they are wanted.

use std::borrow::Cow;

use str0m::IceCreds;

use super::audio;
use super::formats::{self, h264_profile, preference};
use super::sdp::{
    self, Content, DataChannels, Direction, FEEDBACK, Format, Line, SentStream, Session, Setup,
    Transport,
};
use super::stream::Ssrcs;
use crate::engine::codec::{AudioCodec, VideoCodec, VideoProfile};

/// What decoders without a profile of their own take, for want of a better answer: constrained
/// baseline, level 3.1. They read the stream's own parameter sets.
const WIDELY_TAKEN: [u8; 3] = [0x42, 0xe0, 0x1f];
/// Payload type and that of its resends, for the stream's profile and for the widely taken one.
const PAYLOAD_TYPES: [(u8, u8); 2] = [(96, 97), (98, 99)];
/// The stream (RFC 8830) that both m-lines are of, so that they are kept in step.
const STREAM: &str = "crosspoint";
/// What the m-lines are known by.
const VIDEO: &str = "0";
const AUDIO: &str = "1";
const CHANNEL: &str = "2";

/// What is offered.
#[derive(Debug, Clone, Copy)]
pub struct Offering<'a> {
    /// The stream's profile: of H.264 that and what is widely taken, of others theirs alone.
    pub video: VideoProfile,
    /// What its sound may be coded in; without any there is no m-line for it.
    pub audio: &'a [AudioCodec],
    /// The label of a data channel, if one is wanted.
    pub channel: Option<&'a str>,
}

/// What was offered, and is offered again where ICE begins anew.
#[derive(Debug)]
pub(super) struct Offered {
    session: Session,
    pub lines: Vec<Line<'static>>,
    /// As they are signalled.
    pub candidates: Vec<String>,
}

impl Offered {
    /// Names what is offered, and numbers it by this.
    pub fn new(
        random: &mut dyn FnMut() -> u32,
        offering: &Offering<'_>,
        candidates: Vec<String>,
    ) -> Self {
        let mut ssrcs = Ssrcs::new(random);
        let session = Session { id: ssrcs.next(), version: 0 };
        let cname = ssrcs.name();
        let mut stream = |track: &str, resends: bool| SentStream {
            ssrc: ssrcs.next(),
            resend: resends.then(|| ssrcs.next()),
            cname: cname.clone(),
            stream_id: STREAM.to_owned(),
            track_id: track.to_owned(),
        };
        let video = video_formats(offering.video);
        let mut lines = vec![media("video", VIDEO, video, stream("video", true))];
        let codecs = if audio::ENABLED { offering.audio } else { &[] };
        let audio: Vec<_> = codecs.iter().filter_map(|codec| audio_format(*codec)).collect();
        if !audio.is_empty() {
            lines.push(media("audio", AUDIO, audio, stream("audio", false)));
        }
        if offering.channel.is_some() {
            let (media, protocol) = ("application", "UDP/DTLS/SCTP");
            let content = Content::DataChannels(DataChannels::default());
            lines.push(Line { media, protocol, mid: CHANNEL, content });
        }
        Self { session, lines, candidates }
    }

    /// The next offer of it, under these credentials.
    pub fn describe(&mut self, credentials: &IceCreds, fingerprint: String) -> String {
        self.session.version += 1;
        let transport = Transport {
            is_ice_lite: false,
            credentials,
            fingerprint,
            setup: Setup::ActPass,
            candidates: &self.candidates,
            is_bundle: true,
            allows_mixed_extensions: false,
        };
        sdp::write(self.session, &transport, &self.lines)
    }
}

fn media(
    media: &'static str,
    mid: &'static str,
    formats: Vec<Format<'static>>,
    stream: SentStream,
) -> Line<'static> {
    let (extensions, direction) = (Vec::new(), Direction::Sends(stream));
    let content = Content::Rtp { formats, extensions, direction };
    Line { media, protocol: "UDP/TLS/RTP/SAVPF", mid, content }
}

/// The stream's profile first.
fn video_formats(profile: VideoProfile) -> Vec<Format<'static>> {
    let parameters = match profile {
        VideoProfile::H264(profile) => {
            let own = usual_spelling(profile);
            let mut profiles = vec![own];
            if own[..2] != WIDELY_TAKEN[..2] {
                profiles.push(WIDELY_TAKEN);
            }
            profiles.into_iter().map(h264_parameters).collect()
        }
        VideoProfile::H265 { profile_id, high_tier, level_id } => {
            let tier = u8::from(high_tier);
            let profile = format!("profile-id={profile_id};tier-flag={tier}");
            vec![format!("level-id={level_id};{profile};tx-mode=SRST")]
        }
        VideoProfile::Other(_) => vec![String::new()],
    };
    let format = |((payload_type, resend), parameters)| Format {
        parameters: Cow::Owned(parameters),
        feedback: FEEDBACK.to_vec(),
        resend: Some(resend),
        ..Format::new(payload_type, profile.codec().name(), formats::CLOCK_HZ, 1)
    };
    PAYLOAD_TYPES.into_iter().zip(parameters).map(format).collect()
}

fn h264_parameters([profile, constraints, level]: [u8; 3]) -> String {
    let profile = format!("profile-level-id={profile:02x}{constraints:02x}{level:02x}");
    format!("level-asymmetry-allowed=1;packetization-mode=1;{profile}")
}

/// As browsers number and word it; of what is not for them there is none.
fn audio_format(codec: AudioCodec) -> Option<Format<'static>> {
    let payload_type = match codec {
        AudioCodec::Opus => 111,
        AudioCodec::Pcmu => 0,
        AudioCodec::Pcma => 8,
        AudioCodec::G722 => 9,
        AudioCodec::Aac(_) => return None,
    };
    let parameters = match codec {
        AudioCodec::Opus => "minptime=10;useinbandfec=1",
        _ => "",
    };
    let channels = audio::channels(codec);
    let format = Format::new(payload_type, codec.name(), codec.clock_hz(), channels);
    Some(Format { parameters: Cow::Borrowed(parameters), ..format })
}

/// The stream's own profile first.
pub(super) fn rank(
    profile: VideoProfile,
) -> impl Fn(VideoCodec, &Format<'_>) -> Option<(bool, u8)> {
    let own = match profile {
        VideoProfile::H264(profile) => {
            let [profile, constraints, _] = usual_spelling(profile);
            Some([profile, constraints])
        }
        VideoProfile::H265 { .. } | VideoProfile::Other(_) => None,
    };
    move |codec, format| {
        let is_other = own.is_some() && h264_profile(format) != own;
        Some((is_other, preference(codec, format)?))
    }
}

/// Encoders set the constraint flags of one profile in many ways (RFC 6184 table 5), servers
/// compare them as text: the spelling that browsers use.
fn usual_spelling([profile, constraints, level]: [u8; 3]) -> [u8; 3] {
    const SET_0: u8 = 0x80;
    const SET_1: u8 = 0x40;
    const SETS_4_AND_5: u8 = 0x0c;
    match profile {
        0x42 if constraints & SET_1 != 0 => [0x42, 0xe0, level],
        0x42 => [0x42, 0, level],
        0x4d if constraints & SET_0 != 0 => [0x42, 0xe0, level],
        0x4d => [0x4d, 0, level],
        0x64 if constraints & SETS_4_AND_5 == SETS_4_AND_5 => [0x64, 0x0c, level],
        0x64 => [0x64, 0, level],
        _ => [profile, constraints, level],
    }
}
