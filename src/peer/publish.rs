//! A peer connection that offers: one video m-line to send on (RFC 9725 section 4.4.1), and one of
//! audio if the stream has some.
//!
//! Unlike towards viewers, ICE is full: the server may be lite itself, and whoever publishes
//! may be behind a NAT. There is no trickling; all candidates stand in the offer.

use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::PayloadParams;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{IceCreds, RtcConfig};

use super::offer::AudioLine;
use super::{
    Entropy, Identity, OfferError, Peer, PeerOptions, REPORTS_OF_NOTHING, Sink, Transmit, audio,
    crypto, feedback, formats, ice::add_candidates, preference,
};
use crate::engine::codec::{AudioCodec, VideoProfile};
use crate::limits;

/// What decoders without a profile of their own take, for want of a better answer: constrained
/// baseline, level 3.1. They read the stream's own parameter sets.
const WIDELY_TAKEN: [u8; 3] = [0x42, 0xe0, 0x1f];
/// Payload type and that of its resends, for the stream's profile and for the widely taken one.
const PAYLOAD_TYPES: [(u8, u8); 2] = [(96, 97), (98, 99)];
/// The stream (RFC 8830) that both m-lines are of, so that they are kept in step.
const STREAM: &str = "crosspoint";

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

/// An offer that was not answered yet.
#[derive(Debug)]
pub(super) struct Offered {
    pending: SdpPendingOffer,
    what: What,
}

#[derive(Debug)]
enum What {
    /// All there is.
    Media { mid: Mid, audio: Option<Mid>, profile: VideoProfile },
    /// The same under other credentials.
    Restart(IceCreds),
}

impl Peer {
    /// Offers one slot, and what belongs to it.
    ///
    /// # Errors
    /// When there is no address to be reached at.
    pub fn offer(
        now: Instant,
        options: &PeerOptions,
        identity: &Identity,
        entropy: Entropy,
        offering: &Offering<'_>,
    ) -> Result<(Self, String), OfferError> {
        let credentials = entropy.into_credentials();
        let ufrag = credentials.ufrag.clone();
        let mut config = identity.configure(credentials);
        let (profile, channel) = (offering.video, offering.channel);
        match profile {
            VideoProfile::H264(profile) => add_h264(&mut config, profile),
            VideoProfile::H265 { profile_id, high_tier, level_id } => {
                let [(payload_type, resend), _] = PAYLOAD_TYPES;
                let (pt, resend) = (payload_type.into(), Some(resend.into()));
                let tier = u8::from(high_tier);
                config.codec_config().add_h265(pt, resend, profile_id, tier, level_id);
            }
            VideoProfile::Other(codec) => config = formats::enable(config, codec),
        }
        let codecs = if audio::ENABLED { offering.audio } else { &[] };
        let config = audio::enable(config, codecs);
        let config = config
            .set_rtcp_report_interval_video(REPORTS_OF_NOTHING)
            .set_rtcp_report_interval_audio(REPORTS_OF_NOTHING);
        let (mut rtc, keys) = crypto::overhear(|| config.build(now));
        if add_candidates(&mut rtc, options).is_empty() {
            return Err(OfferError::Refused("no address to be reached at".to_owned()));
        }
        let mut changes = rtc.sdp_api();
        let mut add = |kind| {
            changes.add_media(kind, Direction::SendOnly, Some(STREAM.to_owned()), None, None)
        };
        let mid = add(MediaKind::Video);
        let audio = (!codecs.is_empty()).then(|| add(MediaKind::Audio));
        if let Some(label) = channel {
            changes.add_channel(label.to_owned());
        }
        let (offer, pending) =
            changes.apply().ok_or_else(|| OfferError::Refused("nothing to offer".to_owned()))?;
        let mut peer = Self::new(now, (rtc, keys), ufrag, options);
        let what = What::Media { mid, audio, profile };
        peer.offered = Some(Offered { pending, what });
        #[cfg(feature = "receive")]
        if channel.is_some() {
            peer.incoming = Some(Box::default());
        }
        peer.drain(now, &mut |_: Transmit| ());
        Ok((peer, feedback::amend(&offer.to_sdp_string())))
    }

    /// Offers other ICE credentials (RFC 8445 section 9); media go on by the path that there is.
    /// Once it is answered, [`Peer::ufrag`] is another one.
    ///
    /// # Errors
    /// While an offer of media waits for its answer.
    pub fn offer_restart(&mut self, now: Instant, entropy: Entropy) -> Result<String, OfferError> {
        let refused = |why: &str| OfferError::Refused(why.to_owned());
        if matches!(self.offered, Some(Offered { what: What::Media { .. }, .. })) {
            return Err(refused("an offer waits for its answer"));
        }
        let mut changes = self.rtc.sdp_api();
        // str0m makes credentials that could be guessed.
        let made = changes.ice_restart(true);
        let (offer, pending) = changes.apply().ok_or_else(|| refused("nothing to offer"))?;
        let own = entropy.into_credentials();
        let sdp = offer.to_sdp_string();
        let sdp = sdp.replace(&made.ufrag, &own.ufrag).replace(&made.pass, &own.pass);
        self.offered = Some(Offered { pending, what: What::Restart(own) });
        self.drain(now, &mut |_: Transmit| ());
        Ok(feedback::amend(&sdp))
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
        match offered.what {
            What::Restart(credentials) => {
                self.ufrag = credentials.ufrag.clone();
                self.rtc.direct_api().set_local_ice_credentials(credentials);
            }
            What::Media { mid, audio, profile } => {
                self.drain(now, &mut *sink);
                let codec = profile.codec();
                let track = self.track(mid, rank(profile)).filter(|_| self.may_send_on(mid));
                let track =
                    track.ok_or_else(|| refused(&format!("the answer takes no {codec}")))?;
                self.tracks = vec![Some(track)];
                let audio = audio.filter(|mid| self.may_send_on(*mid));
                let line = audio.map(|mid| AudioLine { position: 0, mid: mid.to_string() });
                self.add_audio_tracks(line.as_slice());
            }
        }
        self.tick(now, sink);
        Ok(())
    }

    fn may_send_on(&self, mid: Mid) -> bool {
        self.rtc.media(mid).is_some_and(|media| media.direction().is_sending())
    }
}

/// The stream's own profile first.
fn rank(profile: VideoProfile) -> impl Fn(&PayloadParams) -> Option<(bool, u8)> {
    let own = match profile {
        VideoProfile::H264(profile) => Some(number(usual_spelling(profile)) >> 8),
        VideoProfile::H265 { .. } | VideoProfile::Other(_) => None,
    };
    move |params| {
        let profile = params.spec().format.profile_level_id.map(|profile| profile >> 8);
        Some((own.is_some() && profile != own, preference(params)?))
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
    use crate::engine::codec::VideoCodec;
    use crate::engine::frame::{Egress, Frame};
    use crate::peer::{Event, Ice, NtpClock};

    fn options(address: &str) -> PeerOptions {
        let candidates = vec![address.parse().unwrap()];
        PeerOptions {
            candidates,
            resend_packets: 64,
            playout_delay: None,
            ice: Ice::default(),
            clock: NtpClock { at: Instant::now(), ntp: 0 },
        }
    }

    fn silent(video: VideoProfile) -> Offering<'static> {
        Offering { video, audio: &[], channel: None }
    }

    fn offer(now: Instant, profile: [u8; 3]) -> (Peer, String) {
        let identity = Identity::generate().unwrap();
        let options = options("192.0.2.1:1");
        let offering = silent(VideoProfile::H264(profile));
        Peer::offer(now, &options, &identity, Entropy([1; 32]), &offering).unwrap()
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
            Peer::offer(now, &options, &identity, Entropy([1; 32]), &silent(profile)).unwrap();
        assert!(offer.contains("a=rtpmap:96 H265/90000") && !offer.contains("H264"), "{offer}");
        assert!(offer.contains("profile-id=1") && offer.contains("level-id=120"), "{offer}");
        let (_, answer) =
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
        let answer = answer.sdp.replace("a=sendonly", "a=recvonly");
        assert_eq!(ours.accept_answer(now, &answer, &mut |_: Transmit| ()), Ok(()));
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

    /// Two peers on a network without loss.
    struct Bench {
        now: Instant,
        ours: Peer,
        theirs: Peer,
        sent: Vec<Transmit>,
        connected: usize,
    }

    impl Bench {
        fn run(&mut self, time: Duration) {
            let end = self.now + time;
            while self.now < end {
                let mut replies = Vec::new();
                for datagram in self.sent.drain(..) {
                    let (from, to) = (datagram.source, datagram.destination);
                    let sink = &mut |datagram| replies.push(datagram);
                    self.theirs.handle_datagram(self.now, from, to, &datagram.contents, sink);
                }
                self.now += Duration::from_millis(10);
                self.theirs.handle_timeout(self.now, &mut |datagram| replies.push(datagram));
                let sent = &mut self.sent;
                for datagram in replies {
                    let (from, to) = (datagram.source, datagram.destination);
                    let sink = &mut |datagram| sent.push(datagram);
                    self.ours.handle_datagram(self.now, from, to, &datagram.contents, sink);
                }
                self.ours.handle_timeout(self.now, &mut |datagram| sent.push(datagram));
                let events = std::iter::from_fn(|| self.ours.poll_event());
                self.connected += events.filter(|event| *event == Event::Connected).count();
            }
        }

        fn show(&mut self, payload: &[u8]) {
            let frame = Frame::new(
                VideoCodec::H264,
                true,
                false,
                self.now,
                [payload].into_iter().collect(),
            );
            let egress = Egress {
                frame: frame.into(),
                first_sequence_number: 1,
                rtp_timestamp: 0,
                presented_at: self.now,
                playout_hint: false,
            };
            self.ours.queue(0, egress);
            let sent = &mut self.sent;
            self.ours.flush(self.now, &mut |datagram| sent.push(datagram));
        }
    }

    #[test]
    fn a_server_that_is_lite_connects_and_is_sent_pictures() {
        let now = Instant::now();
        let (mut ours, offer) = offer(now, [0x42, 0xe0, 0x1f]);
        let options = options("192.0.2.2:2");
        let identity = Identity::generate().unwrap();
        let (theirs, answer) =
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
        let answer = answer.sdp.replace("a=sendonly", "a=recvonly");
        let mut sent = Vec::new();
        ours.accept_answer(now, &answer, &mut |datagram| sent.push(datagram)).unwrap();
        let mut bench = Bench { now, ours, theirs, sent, connected: 0 };
        bench.run(Duration::from_secs(2));
        assert_eq!(bench.connected, 1);
        bench.sent.clear();
        bench.show(&[0x65; 100]);
        // RTP of payload type 96 with the marker (RFC 3550 section 5.1).
        let is_frame = |bytes: &[u8]| bytes.get(1) == Some(&(0x80 | 96)) && bytes.len() > 100;
        assert!(bench.sent.iter().any(|datagram| is_frame(&datagram.contents)));
    }

    #[cfg(feature = "receive")]
    #[test]
    fn sound_goes_along_and_all_goes_on_under_other_credentials() {
        use crate::engine::frame::{AudioEgress, AudioFrame};
        use crate::intake::publisher::Codec;
        use crate::peer::receive::{Received, Wanted};

        let now = Instant::now();
        let identity = Identity::generate().unwrap();
        let video = VideoProfile::H264([0x42, 0xe0, 0x1f]);
        let audio = &[AudioCodec::Pcma, AudioCodec::Opus];
        let offering = Offering { video, audio, channel: None };
        let (mut ours, offer) =
            Peer::offer(now, &options("192.0.2.1:1"), &identity, Entropy([1; 32]), &offering)
                .unwrap();
        assert_eq!(offer.matches("a=msid:crosspoint ").count(), 2, "{offer}");
        let codecs = &[Codec::Video(VideoCodec::H264), Codec::Audio(AudioCodec::Pcma)];
        let wanted = Wanted { codecs, video_tracks: 1, audio_tracks: 1, ice_lite: false };
        let options = options("192.0.2.2:2");
        let (theirs, answer) =
            Peer::receive(now, &options, &identity, Entropy([2; 32]), &wanted, &offer).unwrap();
        let mut sent = Vec::new();
        assert!(ours.offer_restart(now, Entropy([3; 32])).is_err(), "not answered yet");
        ours.accept_answer(now, &answer.sdp, &mut |datagram| sent.push(datagram)).unwrap();
        assert_eq!(ours.audio_codecs(0), [AudioCodec::Pcma], "what was answered");
        let mut bench = Bench { now, ours, theirs, sent, connected: 0 };
        bench.run(Duration::from_secs(2));
        assert_eq!(bench.connected, 1);

        let before = bench.ours.ufrag().to_owned();
        let offer = bench.ours.offer_restart(bench.now, Entropy([3; 32])).unwrap();
        assert!(!offer.contains(&before) && offer.contains(" 192.0.2.1 1 typ host"), "{offer}");
        bench.run(Duration::from_millis(100));
        assert_eq!(bench.ours.ufrag(), before, "until it is answered");
        let (now, sent) = (bench.now, &mut bench.sent);
        let sink = &mut |datagram| sent.push(datagram);
        let answer = bench.theirs.handle_offer(now, Entropy([4; 32]), &offer, sink).unwrap();
        bench.ours.accept_answer(now, &answer.sdp, sink).unwrap();
        assert!(offer.contains(bench.ours.ufrag()));
        bench.run(Duration::from_secs(2));

        while bench.theirs.poll_received().is_some() {}
        bench.show(&[0x65; 100]);
        let frame = AudioFrame {
            codec: AudioCodec::Pcma,
            captured_at: bench.now,
            ticks: 160,
            payload: vec![7; 160].into(),
        };
        let egress = AudioEgress {
            frame,
            sequence_number: 9,
            rtp_timestamp: 5,
            presented_at: bench.now,
            is_start: true,
        };
        bench.ours.queue_audio(0, egress);
        bench.run(Duration::from_millis(100));
        let (now, sent) = (bench.now, &mut bench.sent);
        bench.ours.flush(now, &mut |datagram| sent.push(datagram));
        bench.run(Duration::from_millis(100));
        let received = std::iter::from_fn(|| bench.theirs.poll_received());
        let packets = received.filter_map(|item| match item {
            Received::Packet(_, packet) => Some((packet.codec, packet.payload.len())),
            _ => None,
        });
        let packets: Vec<_> = packets.collect();
        let of = |codec| packets.iter().find(|(it, _)| *it == codec).map(|(_, bytes)| *bytes);
        assert_eq!([of(codecs[0]), of(codecs[1])], [Some(100), Some(160)], "{packets:?}");
    }

    #[cfg(feature = "receive")]
    #[test]
    fn pictures_arrive_beyond_the_end_of_the_sequence_numbers() {
        use crate::intake::publisher::Codec;
        use crate::peer::receive::{Received, Wanted};

        let (mut ours, offer) = offer(Instant::now(), [0x42, 0xe0, 0x1f]);
        let (mut now, identity) = (Instant::now(), Identity::generate().unwrap());
        let codecs = &[Codec::Video(VideoCodec::H264)];
        let wanted = Wanted { codecs, video_tracks: 1, audio_tracks: 0, ice_lite: false };
        let options = options("192.0.2.2:2");
        let (theirs, answer) =
            Peer::receive(now, &options, &identity, Entropy([2; 32]), &wanted, &offer).unwrap();
        let mut sent = Vec::new();
        ours.accept_answer(now, &answer.sdp, &mut |datagram| sent.push(datagram)).unwrap();
        let mut bench = Bench { now, ours, theirs, sent, connected: 0 };
        bench.run(Duration::from_secs(2));
        now = bench.now;
        // As where another receiver has been sent four times 2^16 packets before.
        let (mut number, mut arrived) = (0x4_7ff0, 0);
        for _ in 0..140 {
            now += Duration::from_millis(10);
            let payloads = (0..1_000).map(|_| [0x65, 1, 2, 3]).collect();
            let frame = Frame::new(VideoCodec::H264, true, false, now, payloads).into();
            let egress = Egress {
                frame,
                first_sequence_number: number,
                rtp_timestamp: 0,
                presented_at: now,
                playout_hint: false,
            };
            number += 1_000;
            bench.ours.queue(0, egress);
            let mut sent = Vec::new();
            bench.ours.flush(now, &mut |datagram: Transmit| sent.push(datagram));
            for one in sent {
                let sink = &mut |_: Transmit| ();
                bench.theirs.handle_datagram(now, one.source, one.destination, &one.contents, sink);
            }
            let received = std::iter::from_fn(|| bench.theirs.poll_received());
            arrived += received.filter(|one| matches!(one, Received::Packet(..))).count();
        }
        assert_eq!(arrived, 140_000);
    }

    #[cfg(feature = "receive")]
    #[test]
    fn a_stream_of_a_browser_is_offered_as_what_it_is() {
        let now = Instant::now();
        let identity = Identity::generate().unwrap();
        for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1] {
            let options = options("192.0.2.1:1");
            let offering = silent(VideoProfile::Other(codec));
            let (mut ours, offer) =
                Peer::offer(now, &options, &identity, Entropy([1; 32]), &offering).unwrap();
            assert!(offer.contains(&format!(" {codec}/90000")) && !offer.contains("H264"));
            let (_, answer) =
                Peer::accept(now, &options, &identity, Entropy([2; 32]), &offer, 1, &[]).unwrap();
            let answer = answer.sdp.replace("a=sendonly", "a=recvonly");
            assert_eq!(ours.accept_answer(now, &answer, &mut |_: Transmit| ()), Ok(()));
            assert_eq!(ours.codecs(0).to_string(), codec.to_string());
        }
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
            ours.accept_answer(now, &edit(answer.sdp), &mut |_: Transmit| ())
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
