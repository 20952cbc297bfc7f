//! A peer connection that offers: one video m-line to send on (RFC 9725 section 4.4.1), and one of
//! audio if the stream has some.
//!
//! Unlike towards viewers, ICE is full: the server may be lite itself, and whoever publishes
//! may be behind a NAT. There is no trickling; all candidates stand in the offer.

use std::time::Instant;

use str0m::IceCreds;
use str0m::channel::ChannelConfig;

use super::audio::AudioTrack;
use super::formats;
use super::offer::{Offered, Offering, rank};
use super::sdp::{Description, Kind, Setup};
use super::sending::Track;
use super::transport::{self, Role};
use super::{Entropy, Identity, OfferError, Peer, PeerOptions, Sink, Transmit, audio, crypto, ice};
use crate::engine::codec::{AudioCodec, VideoProfile};

/// What a peer has offered.
#[derive(Debug)]
pub(super) struct Publishing {
    pub offered: Offered,
    /// Until it is answered.
    waiting: Option<Waiting>,
}

/// What an answer is waited for.
#[derive(Debug)]
enum Waiting {
    /// All there is.
    Media { profile: VideoProfile, channel: Option<String>, resend_packets: usize },
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
        let config = identity.configure(credentials.clone());
        let (mut rtc, keys) = crypto::overhear(|| config.build(now));
        let candidates = ice::add_candidates(&mut rtc, options);
        if candidates.is_empty() {
            return Err(OfferError::Refused("no address to be reached at".to_owned()));
        }
        let random = &mut || *rtc.direct_api().new_ssrc();
        let mut offered = Offered::new(random, offering, candidates);
        let mut peer = Self::new(now, (rtc, keys), credentials.ufrag.clone(), options);
        let waiting = Waiting::Media {
            profile: offering.video,
            channel: offering.channel.map(str::to_owned),
            resend_packets: options.resend_packets,
        };
        let sdp = offered.describe(&credentials, transport::fingerprint(&mut peer.rtc));
        peer.publishing = Some(Box::new(Publishing { offered, waiting: Some(waiting) }));
        #[cfg(feature = "receive")]
        if offering.channel.is_some() {
            peer.incoming = Some(Box::default());
        }
        peer.drain(now, &mut |_: Transmit| ());
        Ok((peer, sdp))
    }

    /// Offers other ICE credentials (RFC 8445 section 9); media go on by the path that there is.
    /// Once it is answered, [`Peer::ufrag`] is another one.
    ///
    /// # Errors
    /// While an offer of media waits for its answer.
    pub fn offer_restart(&mut self, entropy: Entropy) -> Result<String, OfferError> {
        let fingerprint = transport::fingerprint(&mut self.rtc);
        let publishing = self.publishing.as_mut();
        let publishing = publishing.ok_or_else(|| refused("nothing was offered before"))?;
        if matches!(publishing.waiting, Some(Waiting::Media { .. })) {
            return Err(refused("an offer waits for its answer"));
        }
        let credentials = entropy.into_credentials();
        let sdp = publishing.offered.describe(&credentials, fingerprint);
        publishing.waiting = Some(Waiting::Restart(credentials));
        Ok(sdp)
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
        let waiting = self.publishing.as_mut().and_then(|publishing| publishing.waiting.take());
        let waiting = waiting.ok_or_else(|| refused("nothing was offered"))?;
        let answer = Description::read(answer)?;
        match waiting {
            Waiting::Restart(credentials) => self.restart(credentials, &answer),
            Waiting::Media { profile, channel, resend_packets } => {
                let setup = transport::connect(&mut self.rtc, &answer, Role::Offerer)?;
                self.take_answered_media(&answer, profile, resend_packets)?;
                let mut sections = answer.sections.iter();
                let has_channels = sections.any(|section| section.kind == Kind::DataChannels);
                if let Some(label) = channel.filter(|_| has_channels) {
                    let mut api = self.rtc.direct_api();
                    api.start_sctp(setup == Setup::Active);
                    api.create_data_channel(ChannelConfig { label, ..ChannelConfig::default() });
                }
            }
        }
        self.tick(now, sink);
        Ok(())
    }

    fn take_answered_media(
        &mut self,
        answer: &Description<'_>,
        profile: VideoProfile,
        resend_packets: usize,
    ) -> Result<(), OfferError> {
        // In the order of the offer (RFC 3264 section 6).
        let lines = self.publishing.iter().flat_map(|publishing| &publishing.offered.lines);
        let lines = lines.filter_map(|line| line.stream()).zip(&answer.sections);
        for (stream, section) in lines.filter(|(_, section)| section.receives) {
            if section.kind == Kind::Video {
                let chosen = formats::choose(&section.formats, &[profile.codec()], rank(profile));
                let track = Track::new(&chosen, stream, resend_packets, None);
                self.tracks.extend((!chosen.is_empty()).then_some(Some(track)));
            } else if section.kind == Kind::Audio {
                let chosen = audio::choose(&section.formats, &AudioCodec::OF_BROWSERS);
                let track = AudioTrack::new(0, stream, &chosen);
                self.audio_tracks.extend((!chosen.is_empty()).then_some(track));
            }
        }
        match self.tracks.is_empty() {
            true => Err(refused(&format!("the answer takes no {}", profile.codec()))),
            false => Ok(()),
        }
    }

    /// Begins ICE anew with credentials that are answered: all pairs are checked again.
    fn restart(&mut self, credentials: IceCreds, answer: &Description<'_>) {
        self.ufrag = credentials.ufrag.clone();
        self.trickled = 0;
        self.rtc.direct_api().set_local_ice_credentials(credentials);
        if let Some(publishing) = &self.publishing {
            ice::check_anew(&mut self.rtc, &publishing.offered.candidates);
        }
        transport::hear_of(&mut self.rtc, answer);
    }
}

fn refused(why: &str) -> OfferError {
    OfferError::Refused(why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::codec::VideoCodec;
    use crate::engine::frame::{Egress, Frame};
    use crate::limits;
    use crate::peer::{Datagram, Event, Ice, NtpClock};

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

    /// As of somebody who wants to be sent what is offered here.
    fn wished(offer: &str) -> String {
        offer.replace("a=sendonly", "a=recvonly")
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
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &wished(&offer), 1, &[])
                .unwrap();
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
                    let datagram = &Datagram::sent(self.now, &datagram);
                    let sink = &mut |reply| replies.push(reply);
                    self.theirs.handle_datagram(self.now, datagram, sink);
                }
                self.now += Duration::from_millis(10);
                self.theirs.handle_timeout(self.now, &mut |datagram| replies.push(datagram));
                let sent = &mut self.sent;
                for datagram in replies {
                    let datagram = &Datagram::sent(self.now, &datagram);
                    let sink = &mut |reply| sent.push(reply);
                    self.ours.handle_datagram(self.now, datagram, sink);
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
            Peer::accept(now, &options, &identity, Entropy([2; 32]), &wished(&offer), 1, &[])
                .unwrap();
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
        assert!(ours.offer_restart(Entropy([3; 32])).is_err(), "not answered yet");
        ours.accept_answer(now, &answer.sdp, &mut |datagram| sent.push(datagram)).unwrap();
        assert_eq!(ours.audio_codecs(0), [AudioCodec::Pcma], "what was answered");
        let mut bench = Bench { now, ours, theirs, sent, connected: 0 };
        bench.run(Duration::from_secs(2));
        assert_eq!(bench.connected, 1);

        let before = bench.ours.ufrag().to_owned();
        let offer = bench.ours.offer_restart(Entropy([3; 32])).unwrap();
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
                bench.theirs.handle_datagram(now, &Datagram::sent(now, &one), sink);
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
                Peer::accept(now, &options, &identity, Entropy([2; 32]), &wished(&offer), 1, &[])
                    .unwrap();
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
                Peer::accept(now, &options, &identity, Entropy([2; 32]), &wished(&offer), 1, &[])
                    .unwrap();
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
