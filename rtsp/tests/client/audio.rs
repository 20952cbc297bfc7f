//! The audio beside the video, and that nothing about it costs the video.

use std::time::Duration;

use proptest::prelude::*;
use rtsp::audio::{Codec, Sound};
use rtsp::client::{Error, Event, Options, Transport, UdpPort};

use crate::bench::*;

const VIDEO: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n\
    a=control:trackID=0\r\n";
const PCMA: &str = "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";
const OPUS: &str = "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=control:trackID=1\r\n";

fn describe(bench: &mut Bench, audio: &str) {
    bench.connect();
    bench.reply(&ok("Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"));
    bench.reply(&described("", &format!("{VIDEO}{audio}")));
}

/// The video is set up by TCP, and the audio is asked for.
fn asked_for(audio: &str) -> Bench {
    let mut bench = started();
    describe(&mut bench, audio);
    bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"));
    bench
}

fn playing_with(audio: &str) -> Bench {
    let mut bench = asked_for(audio);
    bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n"));
    bench.reply(&ok("Session: 42\r\n"));
    bench
}

/// An RTP packet of this payload type.
fn sound(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp_from(0xaa, sequence, timestamp, payload);
    packet[1] = payload_type;
    packet
}

fn sender_report(ssrc: u32, ntp: u64, timestamp: u32) -> Vec<u8> {
    let mut out = vec![0x80, 200, 0, 6];
    out.extend(ssrc.to_be_bytes());
    out.extend(ntp.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend([0; 8]);
    out
}

fn sounds(bench: &Bench) -> Vec<Sound> {
    let sound = |event: Event| match event {
        Event::Audio(sound) => Some(sound),
        _ => None,
    };
    bench.events().into_iter().filter_map(sound).collect()
}

fn left_out(bench: &Bench) -> Vec<String> {
    let reason = |event: Event| match event {
        Event::AudioLeftOut { reason } => Some(reason),
        _ => None,
    };
    bench.events().into_iter().filter_map(reason).collect()
}

fn methods(bench: &Bench) -> Vec<String> {
    let method = |request: &String| request.split(' ').next().unwrap().to_owned();
    bench.requests().iter().map(method).collect()
}

/// The camera plays: pictures come out.
fn assert_shows(bench: &mut Bench) {
    let before = bench.access_units().len();
    bench.stream(40, 3);
    assert_eq!(bench.access_units().len(), before + 3);
}

#[test]
fn audio_is_set_up_behind_the_video_and_comes_out_in_packets_of_20_ms() {
    let mut bench = playing_with(PCMA);
    let requests = bench.requests();
    assert_eq!(methods(&bench), ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]);
    assert!(requests[3].starts_with("SETUP rtsp://cam/live/trackID=1 "), "{}", requests[3]);
    let transport = header(&requests[3], "Transport");
    assert_eq!(transport.as_deref(), Some("RTP/AVP/TCP;unicast;interleaved=2-3"));
    assert_eq!(header(&requests[3], "Session").as_deref(), Some("42"));
    bench.data(&frame(2, &sound(8, 1, 1_000, &[0x55; 1_000])));
    let [sound] = &sounds(&bench)[..] else { panic!("{:?}", bench.events()) };
    assert_eq!((sound.codec, sound.received_at, sound.ends_at), (Codec::Pcma, bench.now, 2_000));
    let stamps: Vec<u32> = sound.packets.iter().map(|packet| packet.timestamp).collect();
    assert_eq!(stamps, [1_000, 1_160, 1_320, 1_480, 1_640, 1_800]);
    assert_eq!(bench.client.stats().audio_packets, 1);
    assert_eq!(bench.client.stats().packets, 0, "packets of video");
    assert!(bench.client.stats().quirks.is_empty());
    assert_shows(&mut bench);
}

#[test]
fn audio_that_is_not_wanted_is_not_asked_for() {
    let mut options = options("rtsp://cam/live");
    options.audio = false;
    let mut bench = started_with(options);
    describe(&mut bench, PCMA);
    bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"));
    assert_eq!(methods(&bench), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
    assert_eq!(left_out(&bench).len(), 1);
}

#[test]
fn opus_packets_stay_as_they_are() {
    let mut bench = playing_with(OPUS);
    bench.data(&frame(2, &sound(98, 1, 48_000, &[0xfc, 1, 2, 3])));
    let [sound] = &sounds(&bench)[..] else { panic!("{:?}", bench.events()) };
    assert_eq!((sound.codec, sound.ends_at), (Codec::Opus, 48_960));
    assert_eq!(sound.packets[0].payload[..], [0xfc, 1, 2, 3]);
}

#[test]
fn both_tracks_tell_their_clocks_and_are_reported_on() {
    let mut bench = playing_with(PCMA);
    bench.data(&frame(1, &sender_report(9, 5 << 32, 90_000)));
    bench.data(&frame(3, &sender_report(0xaa, 6 << 32, 8_000)));
    let report = |event: Event| match event {
        Event::SenderReport { track, ntp, rtp_timestamp } => Some((track, ntp, rtp_timestamp)),
        _ => None,
    };
    let reports: Vec<_> = bench.events().into_iter().filter_map(report).collect();
    assert_eq!(reports, [(0, 5 << 32, 90_000), (1, 6 << 32, 8_000)]);
    bench.data(&frame(2, &sound(8, 1, 0, &[0; 160])));
    bench.stream(1, 130);
    let channels: Vec<u8> = bench.frames().iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels, [1, 3]);
}

#[test]
fn whatever_the_camera_answers_the_video_plays() {
    let no = "RTSP/1.0 ";
    for answer in [
        "301 No\r\nLocation: rtsp://evil/",
        "400 No",
        "404 No",
        "454 No",
        "455 No",
        "459 No",
        "461 No",
        "500 No",
        "503 No",
    ] {
        let mut bench = asked_for(PCMA);
        bench.reply(&format!("{no}{answer}\r\n"));
        assert_eq!(methods(&bench)[3..], ["SETUP", "PLAY"], "{answer}");
        assert_eq!(left_out(&bench).len(), 1, "{answer}");
        bench.reply(&ok("Session: 42\r\n"));
        assert_shows(&mut bench);
        assert_eq!(bench.client.stats().failures, 0);
    }
}

#[test]
fn a_camera_that_wants_other_credentials_for_audio_is_not_asked_again() {
    let mut bench = asked_for(PCMA);
    bench.reply("RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n");
    assert_eq!(left_out(&bench), ["SETUP: 401 Unauthorized"]);
    bench.reply(&ok("Session: 42\r\n"));
    assert_shows(&mut bench);
}

#[test]
fn a_camera_that_ends_the_connection_is_asked_once_more_for_video_alone() {
    let closed = |bench: &mut Bench| {
        bench.client.handle_closed(bench.now, "end of stream");
        bench.collect();
    };
    let silent = |bench: &mut Bench| bench.pass(Duration::from_secs(9));
    let plays_nothing = |bench: &mut Bench| {
        bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n"));
        bench.reply(&ok("Session: 42\r\n"));
        bench.data(&frame(2, &sound(8, 1, 0, &[0; 160])));
        bench.pass(Duration::from_secs(9));
    };
    let refuses_to_play = |bench: &mut Bench| {
        bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n"));
        bench.refuse(500);
    };
    let ways: [&dyn Fn(&mut Bench); 4] = [&closed, &silent, &plays_nothing, &refuses_to_play];
    for (number, fails) in ways.into_iter().enumerate() {
        let mut bench = asked_for(PCMA);
        let before = bench.now;
        fails(&mut bench);
        assert!(bench.now - before < Duration::from_secs(10), "{number}");
        assert_eq!(offline(&bench), [], "{number}");
        bench.forget();
        describe(&mut bench, PCMA);
        bench.reply(&ok("Session: 43\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"));
        assert_eq!(methods(&bench), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"], "{number}");
        assert_eq!(left_out(&bench).len(), 1);
        bench.reply(&ok("Session: 43\r\n"));
        assert_shows(&mut bench);
        // The next session asks for audio again: it may have been something else.
        bench.client.handle_closed(bench.now, "end of stream");
        bench.collect();
        bench.until_dialled();
        describe(&mut bench, PCMA);
        bench.reply(&ok("Session: 44\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"));
        assert_eq!(methods(&bench).last().map(String::as_str), Some("SETUP"));
    }
}

#[test]
fn refused_credentials_are_not_tried_once_more() {
    let mut bench = asked_for(PCMA);
    bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n"));
    bench.reply("RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n");
    assert_eq!(offline(&bench), [Error::CredentialsMissing]);
}

#[test]
fn a_camera_without_video_is_away_after_two_attempts() {
    let mut bench = asked_for(PCMA);
    for _ in 0..2 {
        bench.client.handle_closed(bench.now, "end of stream");
        bench.collect();
        if offline(&bench).is_empty() {
            describe(&mut bench, PCMA);
        }
    }
    assert_eq!(offline(&bench).len(), 1);
}

fn offline(bench: &Bench) -> Vec<Error> {
    let error = |event: Event| match event {
        Event::Offline { error, .. } => Some(error),
        _ => None,
    };
    bench.events().into_iter().filter_map(error).collect()
}

#[test]
fn channels_that_the_camera_confuses_are_told_apart_by_payload_type() {
    // It says 2 and 3, and means the other two by them; or it has one pair for both.
    for (video, audio) in [("0-1", "2-3"), ("0-1", "0-1"), ("2-3", "0-1"), ("2-3", "")] {
        let mut bench = started();
        describe(&mut bench, PCMA);
        bench.reply(&ok(&format!("Session: 4\r\nTransport: RTP/AVP/TCP;interleaved={video}\r\n")));
        bench.reply(&ok(&format!("Session: 4\r\nTransport: RTP/AVP/TCP;interleaved={audio}\r\n")));
        bench.reply(&ok("Session: 4\r\n"));
        let first: u8 = video[..1].parse().unwrap();
        let swapped = if audio.starts_with(['0', '2']) { audio[..1].parse().unwrap() } else { 4 };
        for sequence in 1..4 {
            bench.data(&frame(first, &sound(8, sequence, 160 * u32::from(sequence), &[0; 160])));
            let unit = rtp(sequence, u32::from(sequence) * 3600, IDR);
            bench.data(&frame(swapped, &unit));
        }
        assert_eq!(bench.access_units().len(), 3, "{video} {audio}");
        assert_eq!(sounds(&bench).len(), 3, "{video} {audio}");
    }
}

fn with(transport: Transport) -> Options {
    let mut options = options("rtsp://cam/live");
    options.transport = transport;
    options
}

#[test]
fn by_udp_audio_has_ports_of_its_own() {
    let mut bench = started_with(with(Transport::Udp));
    describe(&mut bench, PCMA);
    bench.client.handle_udp_bound(bench.now, 0, 4000, 4001);
    bench.collect();
    let transport = "RTP/AVP;unicast;client_port=4000-4001;server_port=6000-6001";
    bench.reply(&ok(&format!("Session: 42\r\nTransport: {transport}\r\n")));
    assert!(matches!(bench.seen().last(), Some(Seen::BindAudio(1))), "{:?}", bench.seen().last());
    bench.client.handle_udp_bound(bench.now, 1, 4002, 4003);
    bench.collect();
    let asked = header(&bench.last_request(), "Transport");
    assert_eq!(asked.as_deref(), Some("RTP/AVP;unicast;client_port=4002-4003"));
    let transport = "RTP/AVP;unicast;client_port=4002-4003;server_port=6002-6003";
    bench.reply(&ok(&format!("Session: 42\r\nTransport: {transport}\r\n")));
    let punched = |port| move |(_, to, _): &(bool, u16, Vec<u8>)| *to == port;
    assert!(bench.datagrams().iter().any(punched(6002)), "the audio's hole");
    assert!(bench.datagrams().iter().any(punched(6003)), "the audio's report");
    bench.reply(&ok("Session: 42\r\n"));
    let source = |port| std::net::SocketAddr::new(CAMERA.parse().unwrap(), port);
    let udp = UdpPort { track: 1, rtcp: false };
    // Packets that overtook others are put in order.
    for sequence in [1u8, 3, 2] {
        let (number, timestamp) = (u16::from(sequence), 160 * u32::from(sequence));
        let packet = sound(8, number, timestamp, &[sequence; 160]);
        bench.client.handle_datagram(bench.now, udp, source(6002), &packet);
        bench.collect();
    }
    let heard: Vec<u8> =
        sounds(&bench).iter().flat_map(|s| &s.packets).map(|p| p.payload[0]).collect();
    assert_eq!(heard, [1, 2, 3]);
    bench.datagram(false, (CAMERA, 6000), &rtp(1, 3600, IDR));
    assert_eq!(bench.access_units().len(), 1);
}

#[test]
fn without_ports_for_audio_the_video_plays() {
    let mut bench = started_with(with(Transport::Udp));
    describe(&mut bench, PCMA);
    bench.client.handle_udp_bound(bench.now, 0, 4000, 4001);
    bench.collect();
    bench.reply(&ok("Session: 42\r\nTransport: RTP/AVP;client_port=4000-4001\r\n"));
    bench.client.handle_udp_failed(bench.now, 1, "no ports");
    bench.collect();
    assert_eq!(methods(&bench).last().map(String::as_str), Some("PLAY"));
    assert_eq!(left_out(&bench), ["there are no UDP ports for it"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_that_comes_by_the_audio_channels_costs_a_picture(
        junk in prop::collection::vec(
            (2u8..4, prop::collection::vec(any::<u8>(), 0..200), any::<bool>()), 1..40),
    ) {
        let mut bench = playing_with(PCMA);
        let mut pictures = 0;
        for (sequence, (channel, mut bytes, as_rtp)) in (1u16..).zip(junk) {
            if let [first, second, ..] = &mut bytes[..] {
                // What looks like the video's is taken for it, wherever it comes.
                if as_rtp || *second & 0x7f == 96 {
                    (*first, *second) = (0x80, 8);
                }
            }
            bench.data(&frame(channel, &bytes));
            bench.rtp(sequence, if pictures == 0 { IDR } else { DELTA });
            pictures += 1;
            bench.pass(Duration::from_millis(40));
        }
        prop_assert_eq!(bench.access_units().len(), pictures);
    }
}
