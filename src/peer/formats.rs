//! Payload types: which of a codec's formats a slot is sent on.
//!
//! Receivers read the stream's own sequence parameter set, so this only decides what is most
//! widely accepted. A slot may have several codecs: each frame goes out under that of its own, and
//! a receiver changes its decoder where the payload type changes.

use crate::engine::codec::{VideoCodec, VideoCodecs};
use str0m::RtcConfig;
use str0m::format::{Codec, PayloadParams};

/// What a codec's packets are sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// The payload type.
    pub payload_type: u8,
    /// That of what is sent again (RFC 4588).
    pub resend: Option<u8>,
}

/// The format of each codec that a receiver takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Formats([Option<Format>; VideoCodec::ALL.len()]);

impl Formats {
    /// Of those agreed on, for each codec the one ranked lowest; `None` without any.
    pub(super) fn choose<'a, R: Ord>(
        agreed: impl Iterator<Item = &'a PayloadParams> + Clone,
        rank: impl Fn(&PayloadParams) -> Option<R>,
    ) -> Option<Self> {
        let best = |codec| {
            let is_it = |params: &&PayloadParams| own_codec(params.spec().codec) == Some(codec);
            let params = agreed.clone().filter(is_it);
            let ranked = params.filter_map(|params| Some((rank(params)?, *params.pt(), params)));
            let best = ranked.min_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
            best.map(|(_, payload_type, params)| Format {
                payload_type,
                resend: params.resend().map(|resend| *resend),
            })
        };
        let formats = Self(VideoCodec::ALL.map(best));
        formats.0.iter().any(Option::is_some).then_some(formats)
    }

    pub(super) fn get(&self, codec: VideoCodec) -> Option<Format> {
        *self.0.get(codec as usize)?
    }

    pub(super) fn codecs(&self) -> VideoCodecs {
        VideoCodec::ALL.into_iter().filter(|codec| self.get(*codec).is_some()).collect()
    }
}

/// A video codec of ours.
pub(super) fn own_codec(codec: Codec) -> Option<VideoCodec> {
    Some(match codec {
        Codec::H264 => VideoCodec::H264,
        Codec::H265 => VideoCodec::H265,
        Codec::Vp8 => VideoCodec::Vp8,
        Codec::Vp9 => VideoCodec::Vp9,
        Codec::Av1 => VideoCodec::Av1,
        _ => return None,
    })
}

/// How widely a format is accepted: lower is better, `None` is no format of ours.
pub(super) fn preference(params: &PayloadParams) -> Option<u8> {
    let format = params.spec().format;
    match params.spec().codec {
        Codec::H264 if format.packetization_mode == Some(1) => {
            Some(match format.profile_level_id.map(|id| id >> 8) {
                Some(0x42e0) => 0,
                Some(0x4d00) => 1,
                Some(0x4200) => 2,
                Some(0x6400) => 3,
                _ => 4,
            })
        }
        // In the order of `H265`, which is that of the payload types it is offered under.
        Codec::H265 => {
            let profile = format.h265_profile_tier_level.map(|it| it.profile().to_id());
            Some(profile.unwrap_or(1))
        }
        Codec::Vp8 | Codec::Av1 => Some(0),
        Codec::Vp9 => Some(u8::try_from(format.profile_id.unwrap_or(0)).unwrap_or(u8::MAX)),
        _ => None,
    }
}

/// Payload type, that of its resends, profile and tier of each H.265 that an offer may have: Main
/// and Main 10 (RFC 7798 section 7.1). Profile and tier have to be the same on both sides.
const H265: [(u8, u8, u8, u8); 4] =
    [(102, 103, 1, 0), (104, 105, 2, 0), (116, 117, 1, 1), (112, 113, 2, 1)];
/// Level 6.2: the answer's is the lower one of this and the offer's.
const HIGHEST_LEVEL_ID: u8 = 186;

/// What a viewer may offer and be sent, H.265 apart, in the order of the answer. What browsers
/// send is in no source where nothing is received.
pub(super) const VIEWED: &[VideoCodec] = match cfg!(feature = "receive") {
    true => &[VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1],
    false => &[VideoCodec::H264],
};

/// Takes a codec whose profiles need not be the same on both sides: all but H.265.
pub(super) fn enable(config: RtcConfig, codec: VideoCodec) -> RtcConfig {
    match codec {
        VideoCodec::H264 => config.enable_h264(true),
        VideoCodec::H265 => config,
        VideoCodec::Vp8 => config.enable_vp8(true),
        VideoCodec::Vp9 => config.enable_vp9(true),
        VideoCodec::Av1 => config.enable_av1(true),
    }
}

/// Takes H.265 wherever it is offered.
pub(super) fn enable_h265(config: &mut RtcConfig) {
    if cfg!(feature = "h265") {
        for (payload_type, resend, profile, tier) in H265 {
            let (pt, resend) = (payload_type.into(), Some(resend.into()));
            config.codec_config().add_h265(pt, resend, profile, tier, HIGHEST_LEVEL_ID);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::Rtc;
    use str0m::media::{Direction, MediaKind};

    use super::*;
    use crate::peer::{Answer, Entropy, Ice, Identity, NtpClock, OfferError, Peer, PeerOptions};

    type Offer = fn(RtcConfig) -> RtcConfig;

    fn answered(offer: Offer) -> Result<(Peer, Answer), OfferError> {
        let now = Instant::now();
        let mut rtc = offer(Rtc::builder().clear_codecs()).build(now);
        let mut changes = rtc.sdp_api();
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, _) = changes.apply().unwrap();
        let candidates = vec!["192.0.2.1:1".parse().unwrap()];
        let options = PeerOptions {
            candidates,
            resend_packets: 64,
            playout_delay: None,
            ice: Ice::default(),
            clock: NtpClock { at: now, ntp: 0 },
        };
        let identity = Identity::generate().unwrap();
        Peer::accept(now, &options, &identity, Entropy([1; 32]), &offer.to_sdp_string(), 1, &[])
    }

    fn codecs(offer: Offer) -> String {
        answered(offer).unwrap().0.codecs(0).to_string()
    }

    #[test]
    fn a_slot_takes_what_its_viewer_offers() {
        assert_eq!(codecs(|config| config.enable_h264(true)), "H264");
        assert_eq!(codecs(|config| config.enable_h264(true).enable_h265(true)), "H264 and H265");
        assert_eq!(codecs(|config| config.enable_h265(true)), "H265");
        let none = if cfg!(feature = "receive") { "VP8" } else { "no video" };
        assert_eq!(codecs(|config| config.enable_vp8(true)), none);
    }

    #[cfg(feature = "receive")]
    #[test]
    fn what_every_output_takes_is_answered_first_whatever_the_order_of_the_offer() {
        // As browsers offer them, with two profiles of VP9.
        let offer: Offer =
            |config| config.enable_vp8(true).enable_vp9(true).enable_h264(true).enable_av1(true);
        let (peer, answer) = answered(offer).unwrap();
        assert_eq!(peer.codecs(0).to_string(), "H264 and VP8 and VP9 and AV1");
        let mut names = answer.sdp.lines().filter_map(|line| line.strip_prefix("a=rtpmap:"));
        let first = names.next().unwrap();
        assert!(first.contains("H264"), "{}", answer.sdp);
        let vp9 = peer.tracks[0].as_ref().unwrap().formats.get(VideoCodec::Vp9).unwrap();
        let vp9 = vp9.payload_type;
        assert!(answer.sdp.contains(&format!("a=fmtp:{vp9} profile-id=0")), "{}", answer.sdp);
    }

    #[test]
    fn h265_is_answered_with_the_profile_and_tier_of_the_offer_and_its_level_at_most() {
        for (profile, tier) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
            let mut config = Rtc::builder().clear_codecs();
            config.codec_config().add_h265(49.into(), Some(50.into()), profile, tier, 120);
            let mut rtc = config.build(Instant::now());
            let mut changes = rtc.sdp_api();
            changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
            let offer = changes.apply().unwrap().0.to_sdp_string();
            let options = PeerOptions {
                candidates: Vec::new(),
                resend_packets: 64,
                playout_delay: None,
                ice: Ice::default(),
                clock: NtpClock { at: Instant::now(), ntp: 0 },
            };
            let identity = Identity::generate().unwrap();
            let now = Instant::now();
            let (peer, answer) =
                Peer::accept(now, &options, &identity, Entropy([1; 32]), &offer, 1, &[]).unwrap();
            assert_eq!(peer.codecs(0).to_string(), "H265");
            let fmtp = answer.sdp.lines().find(|line| line.starts_with("a=fmtp:49 ")).unwrap();
            for part in [format!("profile-id={profile}"), format!("tier-flag={tier}")] {
                assert!(fmtp.contains(&part), "{fmtp}");
            }
            assert!(fmtp.contains("level-id=120"), "{fmtp}");
        }
    }

    #[test]
    fn a_slot_without_a_codec_of_ours_says_so() {
        let (peer, _) = answered(|mut config| {
            config.codec_config().add_h264(96.into(), None, false, 0x42_e01f);
            config
        })
        .unwrap();
        assert!(peer.slot_error(0).is_some_and(|error| error.contains("H264")));
        assert_eq!(answered(|config| config.enable_h265(true)).unwrap().0.slot_error(0), None);
    }
}
