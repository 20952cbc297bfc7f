use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec as RtcCodec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo, VideoOrientation};
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc};

use super::*;
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::peer::{Event, Ice, NtpClock};

const H264: Codec = Codec::Video(VideoCodec::H264);
const VP8: Codec = Codec::Video(VideoCodec::Vp8);
const OPUS: Codec = Codec::Audio(AudioCodec::Opus);
const TICK: Duration = Duration::from_millis(5);

/// Parameter sets in one packet (STAP-A).
const SETS: &[u8] = &[
    0x18, 0x00, 0x15, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40, 0x00, 0x00, 0x03, 0x00,
    0x40, 0x00, 0x00, 0x0c, 0x03, 0xc5, 0x8b, 0x92, 0x00, 0x04, 0x68, 0xcb, 0x8c, 0xb2,
];
const IDR: [u8; 6] = [0x65, 0x88, 0x84, 0x11, 0x10, 0xff];
const DELTA: [u8; 6] = [0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f];

fn wanted(codecs: &[Codec]) -> Wanted<'_> {
    Wanted { codecs, video_tracks: 2, audio_tracks: 1, ice_lite: true }
}

fn options(address: SocketAddr) -> PeerOptions {
    PeerOptions {
        candidates: vec![address],
        resend_packets: 256,
        playout_delay: None,
        ice: Ice::default(),
        clock: NtpClock { at: Instant::now(), ntp: 0 },
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 9))
}

/// The other side: a browser, as far as it matters.
struct Browser {
    rtc: Rtc,
    sent: VecDeque<Transmit>,
    events: Vec<RtcEvent>,
}

impl Browser {
    fn new(now: Instant, host: u8) -> Self {
        let crypto = Identity::generate().unwrap().crypto();
        let mut rtc = Rtc::builder().set_rtp_mode(true).set_crypto_provider(crypto).build(now);
        rtc.add_local_candidate(Candidate::host(address(host), "udp").unwrap());
        Self { rtc, sent: VecDeque::new(), events: Vec::new() }
    }

    /// Offers so many tracks to send, and a data channel.
    fn offer(&mut self, video: usize, audio: usize, channel: bool) -> (String, SdpPendingOffer) {
        let mut changes = self.rtc.sdp_api();
        for _ in 0..video {
            changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        }
        for _ in 0..audio {
            changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        }
        if channel {
            changes.add_channel("sendChannel".to_owned());
        }
        let (offer, pending) = changes.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    fn answered(&mut self, answer: &str, pending: SdpPendingOffer) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    fn input(&mut self, input: Input<'_>) {
        self.rtc.handle_input(input).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(datagram) => self.sent.push_back(datagram),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => return,
            }
        }
    }

    /// What was answered for a codec.
    fn payload_type(&self, mid: Mid, codec: RtcCodec) -> Pt {
        let answered = self.rtc.media(mid).unwrap().remote_pts();
        let mut params = self.rtc.codec_config().params().iter();
        params.find(|it| it.spec().codec == codec && answered.contains(&it.pt())).unwrap().pt()
    }

    fn send(&mut self, now: Instant, mid: Mid, pt: Pt, number: u64, time: u32, payload: &[u8]) {
        let mut api = self.rtc.direct_api();
        let packet = RtpWrite::new(pt, SeqNo::from(number), time, now, payload)
            .marker(payload.first() != Some(&SETS[0]))
            .nackable(true)
            .ext_vals(ExtensionValues {
                video_orientation: Some(VideoOrientation::Deg270),
                ..ExtensionValues::default()
            });
        api.stream_tx_by_mid(mid, None).unwrap().write_rtp(packet);
    }
}

/// A browser and our end of its connection, and the network between.
struct Link {
    browser: Browser,
    peer: Peer,
    to_browser: VecDeque<Transmit>,
    received: Vec<Received>,
    events: Vec<Event>,
    is_known: bool,
    /// Every so many of the larger datagrams to us is lost.
    lost_one_in: u32,
    passed: u32,
}

impl Link {
    fn new(browser: Browser, peer: Peer) -> Self {
        Self {
            browser,
            peer,
            to_browser: VecDeque::new(),
            received: Vec::new(),
            events: Vec::new(),
            is_known: false,
            lost_one_in: u32::MAX,
            passed: 0,
        }
    }

    /// Both sides hear what the other sent before, and the time.
    fn step(&mut self, now: Instant) {
        let Self { browser, peer, to_browser, .. } = self;
        for datagram in std::mem::take(to_browser) {
            let (from, to) = (datagram.source, datagram.destination);
            let receive = Receive::new(Protocol::Udp, from, to, &datagram.contents).unwrap();
            browser.input(Input::Receive(now, receive));
        }
        browser.input(Input::Timeout(now));
        let mut sink = |datagram| to_browser.push_back(datagram);
        for datagram in browser.sent.drain(..) {
            if datagram.contents.len() > 200 && peer.is_connected {
                self.passed += 1;
                if self.passed.is_multiple_of(self.lost_one_in) {
                    continue;
                }
            }
            let datagram = Datagram::sent(now, &datagram);
            // An address is believed once, as the socket's loop does.
            self.is_known |= peer.accepts(now, &datagram);
            if self.is_known {
                peer.handle_datagram(now, &datagram, &mut sink);
            }
        }
        peer.handle_timeout(now, &mut sink);
        self.received.extend(std::iter::from_fn(|| peer.poll_received()));
        self.events.extend(std::iter::from_fn(|| peer.poll_event()));
    }

    fn run(&mut self, now: &mut Instant, time: Duration) {
        let end = *now + time;
        while *now < end {
            *now += TICK;
            self.step(*now);
        }
    }

    fn tracks(&self) -> Vec<Track> {
        let track = |received: &Received| match received {
            Received::Track(track) => Some(track.clone()),
            _ => None,
        };
        self.received.iter().filter_map(track).collect()
    }

    fn texts(&self) -> Vec<&str> {
        let texts = self.received.iter().filter_map(|received| match received {
            Received::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

fn accept(now: Instant, wanted: &Wanted<'_>, offer: &str) -> Result<(Peer, Answer), OfferError> {
    let identity = Identity::generate().unwrap();
    Peer::receive(now, &options(address(1)), &identity, Entropy([1; 32]), wanted, offer)
}

fn connected(now: &mut Instant, wanted: &Wanted<'_>, offers: (usize, usize, bool)) -> Link {
    let mut browser = Browser::new(*now, 2);
    let (offer, pending) = browser.offer(offers.0, offers.1, offers.2);
    let (peer, answer) = accept(*now, wanted, &offer).unwrap();
    browser.answered(&answer.sdp, pending);
    let mut link = Link::new(browser, peer);
    link.run(now, Duration::from_millis(500));
    assert_eq!(link.events, [Event::Connected]);
    link
}

#[test]
fn only_codecs_that_are_wanted_are_answered() {
    let now = Instant::now();
    let (offer, _) = Browser::new(now, 2).offer(3, 2, true);
    let (mut peer, answer) = accept(now, &wanted(&[H264, OPUS]), &offer).unwrap();
    let tracks = std::iter::from_fn(|| peer.poll_received());
    let tracks: Vec<_> = tracks
        .map(|received| match received {
            Received::Track(Track { number, codecs, .. }) => (number, codecs),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tracks, [(0, vec![H264]), (1, vec![H264]), (2, vec![OPUS])]);
    let sdp = answer.sdp;
    assert_eq!(sdp.matches("a=recvonly").count(), 3, "{sdp}");
    assert_eq!(sdp.matches("a=inactive").count(), 2, "{sdp}");
    assert!(sdp.contains("transport-cc") && sdp.contains("nack pli"));
    let taken = sdp.split("m=").filter(|line| line.contains("a=recvonly"));
    assert!(taken.clone().all(|line| !line.contains("VP8") && line.contains("a=rtpmap")), "{sdp}");
    assert!(sdp.contains("a=ice-lite") && !sdp.contains("abs-send-time"), "{sdp}");
    let full = Wanted { ice_lite: false, ..wanted(&[H264]) };
    assert!(!accept(now, &full, &offer).unwrap().1.sdp.contains("ice-lite"));
}

#[test]
fn extensions_may_be_mixed_where_that_was_offered() {
    const MIXED: &str = "a=extmap-allow-mixed\r\n";
    let now = Instant::now();
    let (offer, _) = Browser::new(now, 2).offer(1, 0, false);
    for (offer, is_answered) in [(offer.clone(), true), (offer.replace(MIXED, ""), false)] {
        assert_eq!(offer.contains(MIXED), is_answered);
        let answer = accept(now, &wanted(&[H264]), &offer).unwrap().1.sdp;
        assert_eq!(answer.contains(MIXED), is_answered, "{answer}");
    }
}

#[test]
fn offers_of_nothing_that_is_wanted_and_garbage_make_no_track() {
    let now = Instant::now();
    let (offer, _) = Browser::new(now, 2).offer(1, 1, false);
    let only_vp8: String = offer.replace("H264", "X264");
    let (mut peer, _) = accept(now, &wanted(&[H264]), &only_vp8).unwrap();
    assert!(peer.poll_received().is_none());
    let many = format!("{offer}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(1000));
    for (bad, why) in [("", "empty"), ("v=0", "short"), (&*many, "many"), ("\0\u{ff}", "bytes")] {
        assert!(accept(now, &wanted(&[H264]), bad).is_err(), "{why}");
    }
    for end in (0..offer.len()).step_by(7) {
        let _ = accept(now, &wanted(&[H264]), &offer[..end]);
    }
}

#[test]
fn packets_come_with_their_codec_track_and_rotation() {
    let mut now = Instant::now();
    let mut link = connected(&mut now, &wanted(&[VP8, OPUS]), (1, 1, false));
    let [video, audio] = &link.tracks()[..] else { panic!() };
    let (video_mid, audio_mid) = (Mid::from(video.mid.as_str()), Mid::from(audio.mid.as_str()));
    let vp8 = link.browser.payload_type(video_mid, RtcCodec::Vp8);
    let opus = link.browser.payload_type(audio_mid, RtcCodec::Opus);
    for number in 0..400_u32 {
        let (sent, at) = (u64::from(number), now);
        link.browser.send(at, video_mid, vp8, 9 + sent, number * 450, &[7; 300]);
        link.browser.send(at, audio_mid, opus, 70 + sent, number * 240, &[0xfc, 8]);
        link.run(&mut now, TICK);
    }
    let mut counts = [0; 2];
    let mut reports = [0; 2];
    for received in &link.received {
        match received {
            Received::Packet(track, packet) => {
                counts[*track] += 1;
                let (codec, first) = [(VP8, 7), (OPUS, 0xfc)][*track];
                assert_eq!((packet.codec, packet.payload[0]), (codec, first));
                assert_eq!(packet.rotation_degrees, (*track == 0).then_some(90));
            }
            Received::Report(track, report) => {
                reports[*track] += 1;
                // 90 000 and 48 000 ticks are a second of both clocks.
                let hz = [90_000, 48_000][*track];
                let media = i64::from(report.timestamp) * 1_000_000 / hz;
                let sender = report.sender_micros;
                assert!((media - sender).abs() < 1_500_000, "{media} {sender}");
            }
            _ => {}
        }
    }
    assert!(counts.iter().all(|count| *count >= 398), "{counts:?}");
    assert!(reports[0] >= 1, "{reports:?}");
}

#[test]
fn a_key_frame_is_asked_for_on_its_track_with_full_ice_too() {
    let mut now = Instant::now();
    let full = Wanted { ice_lite: false, ..wanted(&[VP8]) };
    let mut link = connected(&mut now, &full, (2, 0, false));
    let mids: Vec<_> = link.tracks().iter().map(|track| Mid::from(track.mid.as_str())).collect();
    let vp8 = link.browser.payload_type(mids[0], RtcCodec::Vp8);
    for (number, mid) in (5..).zip(&mids) {
        link.browser.send(now, *mid, vp8, number, 0, &[7; 300]);
    }
    link.run(&mut now, TICK * 4);
    let to_browser = &mut link.to_browser;
    link.peer.request_picture(1, &mut |datagram| to_browser.push_back(datagram));
    link.run(&mut now, TICK * 4);
    let asked = |event: &RtcEvent| match event {
        RtcEvent::KeyframeRequest(request) => Some(request.mid),
        _ => None,
    };
    assert_eq!(link.browser.events.iter().filter_map(asked).collect::<Vec<_>>(), [mids[1]]);
}

#[test]
fn messages_pass_both_ways_and_a_flood_of_them_ends_the_peer() {
    let mut now = Instant::now();
    let mut link = connected(&mut now, &wanted(&[VP8]), (0, 0, true));
    link.run(&mut now, Duration::from_millis(500));
    let id = link.browser.events.iter().find_map(|event| match event {
        RtcEvent::ChannelOpen(id, _) => Some(*id),
        _ => None,
    });
    let id = id.unwrap();
    let open = &link.received[0];
    let is_ours =
        matches!(open, Received::ChannelOpen { channel: 0, label } if label == "sendChannel");
    assert!(is_ours, "{open:?}");
    assert!(link.browser.rtc.channel(id).unwrap().write(false, b"{\"info\":1}").unwrap());
    assert!(link.browser.rtc.channel(id).unwrap().write(true, b"binary").unwrap());
    link.run(&mut now, TICK * 10);
    assert_eq!(link.texts(), ["{\"info\":1}"]);
    let to_browser = &mut link.to_browser;
    let sink = &mut |datagram| to_browser.push_back(datagram);
    assert!(link.peer.send_text(now, 0, "{\"audio\":true}", sink));
    assert!(!link.peer.send_text(now, 1, "no such channel", sink));
    link.run(&mut now, TICK * 10);
    let heard = link.browser.events.iter().filter_map(|event| match event {
        RtcEvent::ChannelData(data) => Some(data.data.clone()),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), [b"{\"audio\":true}"]);

    // Nobody looks at what comes.
    let message = vec![b'x'; limits::CHANNEL_MESSAGE_MAX_BYTES / 2];
    let Link { browser, peer, to_browser, .. } = &mut link;
    for _ in 0..20_000 {
        if let Some(mut channel) = browser.rtc.channel(id) {
            let _ = channel.write(false, &message);
        }
        now += TICK;
        for datagram in std::mem::take(to_browser) {
            let (from, to) = (datagram.source, datagram.destination);
            let receive = Receive::new(Protocol::Udp, from, to, &datagram.contents).unwrap();
            browser.input(Input::Receive(now, receive));
        }
        browser.input(Input::Timeout(now));
        for datagram in browser.sent.drain(..) {
            let sink = &mut |reply| to_browser.push_back(reply);
            peer.handle_datagram(now, &Datagram::sent(now, &datagram), sink);
        }
        peer.handle_timeout(now, &mut |datagram| to_browser.push_back(datagram));
        let waiting = peer.incoming.as_ref().unwrap().text_bytes;
        assert!(waiting <= limits::CHANNEL_MESSAGES_MAX_BYTES + message.len(), "{waiting}");
        if let Some(event) = peer.poll_event() {
            return assert_eq!(event, Event::Ended(EndReason::Failed));
        }
    }
    panic!("the peer was not ended");
}

#[test]
fn later_offers_add_tracks_and_begin_ice_anew_over_the_same_connection() {
    let mut now = Instant::now();
    let mut link = connected(&mut now, &wanted(&[VP8, OPUS]), (0, 0, true));
    assert!(link.tracks().is_empty());
    for restarts in [false, true] {
        let before = link.peer.ufrag().to_owned();
        let (offer, pending) = if restarts {
            let mut changes = link.browser.rtc.sdp_api();
            changes.ice_restart(true);
            let (offer, pending) = changes.apply().unwrap();
            (offer.to_sdp_string(), pending)
        } else {
            link.browser.offer(1, 1, false)
        };
        let to_browser = &mut link.to_browser;
        let sink = &mut |datagram| to_browser.push_back(datagram);
        let answer = link.peer.handle_offer(now, Entropy([7; 32]), &offer, sink).unwrap();
        assert_eq!(link.peer.ufrag() != before, restarts);
        assert!(answer.sdp.contains(&format!("a=ice-ufrag:{}\r\n", link.peer.ufrag())));
        link.browser.answered(&answer.sdp, pending);
        link.run(&mut now, Duration::from_secs(1));
    }
    let tracks = link.tracks();
    assert_eq!(tracks.iter().map(|track| &track.codecs[..]).collect::<Vec<_>>(), [[VP8], [OPUS]]);
    // Longer than a connection without checks lives.
    link.run(&mut now, Duration::from_secs(20));
    let mid = Mid::from(tracks[0].mid.as_str());
    let vp8 = link.browser.payload_type(mid, RtcCodec::Vp8);
    link.browser.send(now, mid, vp8, 5, 0, &[7; 300]);
    link.run(&mut now, TICK * 4);
    let is_lost = |event: &RtcEvent| {
        matches!(event, RtcEvent::IceConnectionStateChange(IceConnectionState::Disconnected))
    };
    assert!(!link.browser.events.iter().any(is_lost), "the browser's checks are answered");
    let is_packet = |received: &Received| matches!(received, Received::Packet(0, _));
    assert!(link.received.iter().any(is_packet) && link.events == [Event::Connected]);
    let to_browser = &mut link.to_browser;
    let sink = &mut |datagram| to_browser.push_back(datagram);
    assert!(link.peer.handle_offer(now, Entropy([8; 32]), "v=0", sink).is_err());
}

#[test]
fn the_answers_codecs_are_in_our_order() {
    let now = Instant::now();
    for (codecs, first) in [(&[H264, VP8], "H264"), (&[VP8, H264], "VP8")] {
        let (offer, _) = Browser::new(now, 1).offer(1, 0, false);
        let (identity, options) = (Identity::generate().unwrap(), options(address(2)));
        let wanted = wanted(codecs);
        let (_, answer) =
            Peer::receive(now, &options, &identity, Entropy([1; 32]), &wanted, &offer).unwrap();
        let line = answer.sdp.lines().find(|line| line.starts_with("m=video")).unwrap();
        let payload_type = line.split(' ').nth(3).unwrap();
        let rtpmap = format!("a=rtpmap:{payload_type} {first}/90000");
        assert!(answer.sdp.contains(&rtpmap), "{first}: {}", answer.sdp);
    }
}

#[path = "chain_tests.rs"]
mod chain;
