//! A peer connection that offers: one video m-line to send on (RFC 9725 section 4.4.1).
//!
//! Unlike towards viewers, ICE is full: the server may be lite itself, and whoever publishes
//! may be behind a NAT. There is no trickling; all candidates stand in the offer.

use std::time::Instant;

use str0m::RtcConfig;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::PayloadParams;
use str0m::media::{Direction, MediaKind, Mid};

use super::{
    Entropy, Identity, OfferError, Peer, PeerOptions, Sink, feedback, ice::add_candidates,
    preference,
};
use crate::engine::codec::{VideoCodec, VideoProfile};
use crate::limits;

/// What decoders without a profile of their own take, for want of a better answer: constrained
/// baseline, level 3.1. They read the stream's own parameter sets.
const WIDELY_TAKEN: [u8; 3] = [0x42, 0xe0, 0x1f];
/// Payload type and that of its resends, for the stream's profile and for the widely taken one.
const PAYLOAD_TYPES: [(u8, u8); 2] = [(96, 97), (98, 99)];

/// An offer that was not answered yet.
#[derive(Debug)]
pub(super) struct Offered {
    pending: SdpPendingOffer,
    mid: Mid,
    profile: VideoProfile,
    resend_packets: usize,
}

impl Peer {
    /// Offers one slot of video of this profile: of H.264 and what is widely taken, or of H.265
    /// alone; and a data channel of this label if one is wanted.
    ///
    /// # Errors
    /// When there is no address to be reached at.
    pub fn offer(
        now: Instant,
        options: &PeerOptions,
        identity: &Identity,
        entropy: Entropy,
        profile: VideoProfile,
        channel: Option<&str>,
    ) -> Result<(Self, String), OfferError> {
        let credentials = entropy.into_credentials();
        let ufrag = credentials.ufrag.clone();
        let mut config = identity.configure(credentials, options);
        match profile {
            VideoProfile::H264(profile) => add_h264(&mut config, profile),
            VideoProfile::H265 { profile_id, high_tier, level_id } => {
                let [(payload_type, resend), _] = PAYLOAD_TYPES;
                let (pt, resend) = (payload_type.into(), Some(resend.into()));
                let tier = u8::from(high_tier);
                config.codec_config().add_h265(pt, resend, profile_id, tier, level_id);
            }
        }
        let mut rtc = config.build(now);
        if add_candidates(&mut rtc, options).is_empty() {
            return Err(OfferError::Refused("no address to be reached at".to_owned()));
        }
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        if let Some(label) = channel {
            changes.add_channel(label.to_owned());
        }
        let (offer, pending) =
            changes.apply().ok_or_else(|| OfferError::Refused("nothing to offer".to_owned()))?;
        let mut peer = Self::new(now, rtc, ufrag, options);
        let resend_packets = options.resend_packets;
        peer.offered = Some(Offered { pending, mid, profile, resend_packets });
        #[cfg(feature = "receive")]
        if channel.is_some() {
            peer.incoming = Some(Box::default());
        }
        peer.drain(now, &mut |_| ());
        Ok((peer, feedback::amend(&offer.to_sdp_string())))
    }

    /// Takes the answer to what this peer has offered; connects.
    ///
    /// # Errors
    /// When it is no usable answer, or does not take the video.
    pub fn accept_answer(
        &mut self,
        now: Instant,
        answer: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), OfferError> {
        let refused = |why: &str| OfferError::Refused(why.to_owned());
        if answer.len() > limits::SDP_MAX_BYTES {
            return Err(OfferError::TooLarge { bytes: answer.len() });
        }
        let offered = self.offered.take().ok_or_else(|| refused("nothing was offered"))?;
        let answer = SdpAnswer::from_sdp_string(answer)
            .map_err(|error| OfferError::Malformed(error.to_string()))?;
        self.rtc
            .sdp_api()
            .accept_answer(offered.pending, answer)
            .map_err(|error| OfferError::Refused(error.to_string()))?;
        self.drain(now, &mut *sink);
        let is_taken =
            self.rtc.media(offered.mid).is_some_and(|media| media.direction().is_sending());
        let (codec, own) = match offered.profile {
            VideoProfile::H264(profile) => (VideoCodec::H264, number(usual_spelling(profile)) >> 8),
            VideoProfile::H265 { .. } => (VideoCodec::H265, 0),
        };
        let rank = |params: &PayloadParams| {
            let profile = params.spec().format.profile_level_id;
            let is_own = profile.is_some_and(|profile| profile >> 8 == own);
            Some((!is_own, preference(params)?))
        };
        let track = self.track(offered.mid, rank).filter(|_| is_taken);
        let track = track.ok_or_else(|| refused(&format!("the answer takes no {codec}")))?;
        self.tracks = vec![Some(track)];
        self.keep_for_resending(offered.resend_packets);
        self.tick(now, sink);
        Ok(())
    }
}

/// The stream's profile first.
fn add_h264(config: &mut RtcConfig, profile_level_id: [u8; 3]) {
    let own = usual_spelling(profile_level_id);
    let mut profiles = vec![own];
    if number(own) >> 8 != number(WIDELY_TAKEN) >> 8 {
        profiles.push(WIDELY_TAKEN);
    }
    for (profile, (payload_type, resend)) in profiles.into_iter().zip(PAYLOAD_TYPES) {
        let codecs = config.codec_config();
        codecs.add_h264(payload_type.into(), Some(resend.into()), true, number(profile));
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

fn number([profile, constraints, level]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, profile, constraints, level])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::frame::{Egress, Frame};
    use crate::peer::{Event, Ice};

    fn options(address: &str) -> PeerOptions {
        let candidates = vec![address.parse().unwrap()];
        PeerOptions { candidates, resend_packets: 64, playout_delay: None, ice: Ice::default() }
    }

    fn offer(now: Instant, profile: [u8; 3]) -> (Peer, String) {
        let identity = Identity::generate().unwrap();
        let (profile, options) = (VideoProfile::H264(profile), options("192.0.2.1:1"));
        Peer::offer(now, &options, &identity, Entropy([1; 32]), profile, None).unwrap()
    }

    fn formats(offer: &str) -> Vec<&str> {
        let fmtp = offer.lines().filter_map(|line| line.split_once("profile-level-id="));
        fmtp.map(|(_, rest)| rest.split(';').next().unwrap()).collect()
    }

    #[test]
    fn the_streams_profile_is_offered_first_in_its_usual_spelling() {
        let now = Instant::now();
        for (profile, offered) in [
            ([0x64, 0x00, 0x28], &["640028", "42e01f"][..]),
            ([0x64, 0x0c, 0x28], &["640c28", "42e01f"]),
            ([0x4d, 0x40, 0x1e], &["4d001e", "42e01f"]),
            ([0x42, 0x80, 0x1e], &["42001e", "42e01f"]),
            ([0x42, 0xc0, 0x1e], &["42e01e"]),
            ([0x4d, 0xc0, 0x1e], &["42e01e"]),
        ] {
            assert_eq!(formats(&offer(now, profile).1), offered, "{profile:x?}");
        }
    }

    #[test]
    fn a_stream_of_h265_is_offered_as_that_alone() {
        let identity = Identity::generate().unwrap();
        let profile = VideoProfile::H265 { profile_id: 1, high_tier: false, level_id: 120 };
        let (now, options) = (Instant::now(), options("192.0.2.1:1"));
        let (mut ours, offer) =
            Peer::offer(now, &options, &identity, Entropy([1; 32]), profile, None).unwrap();
        assert!(offer.contains("a=rtpmap:96 H265/90000") && !offer.contains("H264"), "{offer}");
        assert!(offer.contains("profile-id=1") && offer.contains("level-id=120"), "{offer}");
        let (_, answer) =
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
        let answer = answer.sdp.replace("a=sendonly", "a=recvonly");
        assert_eq!(ours.accept_answer(now, &answer, &mut |_| ()), Ok(()));
        assert_eq!(ours.codecs(0).to_string(), "H265");
    }

    #[test]
    fn an_offer_sends_one_video_with_its_candidates_and_full_ice() {
        let (_, offer) = offer(Instant::now(), [0x64, 0, 0x28]);
        assert_eq!(offer.matches("m=video").count(), 1);
        assert!(offer.contains("a=sendonly") && offer.contains("a=setup:actpass"), "{offer}");
        assert!(offer.contains(" 192.0.2.1 1 typ host") && !offer.contains("ice-lite"), "{offer}");
        assert!(offer.contains("a=group:BUNDLE") && offer.contains("a=rtcp-mux"), "{offer}");
    }

    #[test]
    fn a_server_that_is_lite_connects_and_is_sent_pictures() {
        let mut now = Instant::now();
        let (mut ours, offer) = offer(now, [0x42, 0xe0, 0x1f]);
        let options = options("192.0.2.2:2");
        let identity = Identity::generate().unwrap();
        let (mut theirs, answer) =
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
        let answer = answer.sdp.replace("a=sendonly", "a=recvonly");
        let mut sent = Vec::new();
        ours.accept_answer(now, &answer, &mut |datagram| sent.push(datagram)).unwrap();
        let mut connected = 0;
        for _ in 0..200 {
            let mut replies = Vec::new();
            for datagram in sent.drain(..) {
                let (from, to) = (datagram.source, datagram.destination);
                assert!(theirs.accepts(now, from, to, &datagram.contents));
                let sink = &mut |datagram| replies.push(datagram);
                theirs.handle_datagram(now, from, to, &datagram.contents, sink);
            }
            now += Duration::from_millis(10);
            theirs.handle_timeout(now, &mut |datagram| replies.push(datagram));
            for datagram in replies {
                let (from, to) = (datagram.source, datagram.destination);
                assert!(ours.accepts(now, from, to, &datagram.contents));
                let sink = &mut |datagram| sent.push(datagram);
                ours.handle_datagram(now, from, to, &datagram.contents, sink);
            }
            ours.handle_timeout(now, &mut |datagram| sent.push(datagram));
            let events = std::iter::from_fn(|| ours.poll_event());
            connected += events.filter(|event| *event == Event::Connected).count();
        }
        assert_eq!(connected, 1);
        let frame = Frame::new(VideoCodec::H264, true, false, now, vec![vec![0x65; 100].into()]);
        let egress = Egress {
            frame: frame.into(),
            first_sequence_number: 1,
            rtp_timestamp: 0,
            presented_at: now,
            playout_hint: false,
        };
        sent.clear();
        ours.queue(0, egress);
        ours.flush(now, &mut |datagram| sent.push(datagram));
        // RTP of payload type 96 with the marker (RFC 3550 section 5.1).
        let is_frame = |bytes: &[u8]| bytes.get(1) == Some(&(0x80 | 96)) && bytes.len() > 100;
        assert!(sent.iter().any(|datagram| is_frame(&datagram.contents)));
    }

    #[test]
    fn an_answer_without_the_video_is_refused() {
        let now = Instant::now();
        let answer = |edit: fn(String) -> String| {
            let (mut ours, offer) = offer(now, [0x42, 0xe0, 0x1f]);
            let identity = Identity::generate().unwrap();
            let options = options("192.0.2.2:2");
            let (_, answer) =
                Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
            ours.accept_answer(now, &edit(answer.sdp), &mut |_| ())
        };
        assert_eq!(answer(|sdp| sdp.replace("a=sendonly", "a=recvonly")), Ok(()));
        let without = answer(|sdp| sdp.replace("a=sendonly", "a=inactive"));
        assert!(matches!(without, Err(OfferError::Refused(_))), "{without:?}");
        let without =
            answer(|sdp| sdp.replace("a=sendonly", "a=recvonly").replace("m=video 9", "m=video 0"));
        assert!(matches!(without, Err(OfferError::Refused(_))), "{without:?}");
        let none = answer(|_| "hello".to_owned());
        assert!(matches!(none, Err(OfferError::Malformed(_))), "{none:?}");
        let long = answer(|_| "x".repeat(limits::SDP_MAX_BYTES + 1));
        assert!(matches!(long, Err(OfferError::TooLarge { .. })), "{long:?}");
    }
}
