//! Payload types: which of a codec's formats a slot is sent on.
//!
//! Receivers read the stream's own sequence parameter set, so this only decides what is most
//! widely accepted. A slot may have several codecs: each frame goes out under that of its own, and
//! a receiver changes its decoder where the payload type changes.

use super::sdp;
use crate::engine::codec::{VideoCodec, VideoCodecs};

/// RTP's clock for video.
pub(super) const CLOCK_HZ: u32 = 90_000;

/// What a codec's packets are sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// The payload type.
    pub payload_type: u8,
    /// That of what is sent again (RFC 4588).
    pub resend: Option<u8>,
}

/// The format of each codec that a receiver takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Formats([Option<Format>; VideoCodec::ALL.len()]);

impl Formats {
    /// Those that were chosen.
    pub(super) fn of(chosen: &[(VideoCodec, &sdp::Format<'_>)]) -> Self {
        let mut formats = Self::default();
        for (codec, format) in chosen {
            let &sdp::Format { payload_type, resend, .. } = *format;
            if let Some(format) = formats.0.get_mut(*codec as usize) {
                *format = Some(Format { payload_type, resend });
            }
        }
        formats
    }

    pub(super) fn get(&self, codec: VideoCodec) -> Option<Format> {
        *self.0.get(codec as usize)?
    }

    pub(super) fn codecs(&self) -> VideoCodecs {
        VideoCodec::ALL.into_iter().filter(|codec| self.get(*codec).is_some()).collect()
    }
}

/// For each of these codecs the format that is ranked lowest, and of several such the first.
pub(super) fn choose<'f, 'a, R: Ord>(
    formats: &'f [sdp::Format<'a>],
    codecs: &[VideoCodec],
    rank: impl Fn(VideoCodec, &sdp::Format<'a>) -> Option<R>,
) -> Vec<(VideoCodec, &'f sdp::Format<'a>)> {
    let best = |codec: &VideoCodec| {
        let of_it = formats.iter().filter(|format| format.is(codec.name(), CLOCK_HZ));
        let ranked = of_it.filter_map(|format| Some((rank(*codec, format)?, format)));
        ranked.min_by(|one, other| one.0.cmp(&other.0)).map(|(_, format)| (*codec, format))
    };
    codecs.iter().filter_map(best).collect()
}

/// Whether one of them has a payload type for what is sent again.
pub(super) fn have_resends(chosen: &[(VideoCodec, &sdp::Format<'_>)]) -> bool {
    chosen.iter().any(|(_, format)| format.resend.is_some())
}

/// How widely a format is accepted: lower is better, `None` is no format of ours.
pub(super) fn preference(codec: VideoCodec, format: &sdp::Format<'_>) -> Option<u8> {
    match codec {
        VideoCodec::H264 if format.number("packetization-mode") == Some(1) => {
            Some(match h264_profile(format) {
                Some([0x42, 0xe0]) => 0,
                Some([0x4d, 0x00]) => 1,
                Some([0x42, 0x00]) => 2,
                Some([0x64, 0x00]) => 3,
                _ => 4,
            })
        }
        VideoCodec::H264 => None,
        // Main and Main 10 (RFC 7798 section 7.1).
        VideoCodec::H265 => {
            Some(format.number("profile-id").unwrap_or(1)).filter(|id| matches!(id, 1 | 2))
        }
        VideoCodec::Vp8 => Some(0),
        VideoCodec::Vp9 => Some(format.number("profile-id").unwrap_or(0)),
        VideoCodec::Av1 => Some(format.number("profile").unwrap_or(0)),
    }
}

/// Profile and constraints of `profile-level-id` (RFC 6184 section 8.1).
pub(super) fn h264_profile(format: &sdp::Format<'_>) -> Option<[u8; 2]> {
    let text = format.parameter("profile-level-id").filter(|text| text.len() == 6)?;
    let [_, profile, constraints, _] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    Some([profile, constraints])
}

/// What a viewer may offer and be sent, in the order of the answer: what every output takes is
/// the first. What browsers send is in no source where nothing is received.
pub(super) const VIEWED: &[VideoCodec] = match (cfg!(feature = "receive"), cfg!(feature = "h265")) {
    (true, true) => &VideoCodec::ALL,
    (true, false) => &[VideoCodec::H264, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1],
    (false, true) => &[VideoCodec::H264, VideoCodec::H265],
    (false, false) => &[VideoCodec::H264],
};

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::media::{Direction, MediaKind};
    use str0m::{Rtc, RtcConfig};

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
        use crate::engine::codec::VideoCodec;

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
