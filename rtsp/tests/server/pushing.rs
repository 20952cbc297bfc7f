//! A publisher's session.

use std::time::Duration;

use rtsp::audio::Codec;
use rtsp::client::Event;
use rtsp::h264::{AccessUnit, Kind, packetize};
use rtsp::payloads::Memory;
use rtsp::rtcp;
use rtsp::server::limits::{
    PUSH_PICTURE_TIMEOUT, PUSH_QUIET, PUSH_TIMEOUT, REPORT_INTERVAL, SETUP_TIMEOUT,
};
use rtsp::server::{Options, Output, Refusal};

use crate::bench::*;
use crate::support::h264::*;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
    a=control:streamid=0\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n\
    a=control:streamid=1\r\n";
const VIDEO: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
const AUDIO: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3;mode=record";

fn peer() -> Peer {
    let udp_ports = Some((6970, 6971));
    Peer::of(Options { accepts_push: true, udp_ports, ..Options::default() })
}

fn announce(peer: &mut Peer, sdp: &str, answer: Result<(), Refusal>) -> String {
    let headers = ["Content-Type: application/sdp"];
    let (_, outputs) = peer.ask_with("ANNOUNCE", URL, &headers, sdp);
    assert_eq!(outputs, [Output::Announce { name: "yard".to_owned() }]);
    peer.session.announce_result(peer.now, answer);
    peer.take_reply().0
}

/// A publisher of video and audio as ffmpeg is one.
fn recording(transport: &str) -> Peer {
    recording_of(SDP, transport)
}

fn recording_of(sdp: &str, transport: &str) -> Peer {
    let mut peer = peer();
    assert!(announce(&mut peer, sdp, Ok(())).starts_with("RTSP/1.0 200 OK\r\n"));
    let (reply, _) = peer.ask("SETUP", &format!("{URL}/streamid=0"), &[transport]);
    assert!(reply.starts_with("RTSP/1.0 200 ") && reply.contains(";mode=record\r\n"), "{reply}");
    let session = session_header(&reply);
    assert_eq!(peer.status("SETUP", &format!("{URL}/streamid=1"), &[&session, AUDIO]), "200");
    let (reply, outputs) = peer.ask("RECORD", URL, &[&session, "Range: npt=0.000-"]);
    assert!(reply.starts_with("RTSP/1.0 200 "), "{reply}");
    assert_eq!(outputs, [Output::Record { name: "yard".to_owned() }]);
    peer
}

fn events(peer: &mut Peer) -> Vec<Event> {
    std::iter::from_fn(|| peer.session.poll_event()).collect()
}

fn pictures(peer: &mut Peer) -> Vec<AccessUnit> {
    let unit = |event| match event {
        Event::AccessUnit(unit) => Some(unit),
        _ => None,
    };
    events(peer).into_iter().filter_map(unit).collect()
}

/// RTP packets of an IDR picture.
fn idr(peer: &Peer, sequence: u16) -> Vec<Vec<u8>> {
    let units = [SPS_360, PPS, &slice(IDR, 0, 3000, 1)];
    let au = AccessUnit::from_nals(0, peer.now, units, None).unwrap();
    let payloads = packetize(&au, 1200, &mut Memory::default());
    let last = payloads.len() - 1;
    let packet = |(index, payload): (usize, &[u8])| {
        let [high, low] = (sequence + index as u16).to_be_bytes();
        let marker = if index == last { 0x80 } else { 0 };
        let header = [0x80, 96 | marker, high, low, 0, 0, 0, 0, 0, 0, 0, 9];
        [&header[..], payload].concat()
    };
    payloads.iter().enumerate().map(packet).collect()
}

#[test]
fn what_is_pushed_comes_out_as_from_a_camera() {
    let mut peer = recording(VIDEO);
    let told = events(&mut peer);
    assert!(
        matches!(&told[..], [Event::Described { tracks }, Event::Playing] if tracks.len() == 2)
    );
    for (packet, mut sound) in idr(&peer, 7).iter().zip(idr(&peer, 1000)) {
        sound[12..].fill(0x41);
        peer.session.handle_data(peer.now, &interleaved(0, packet));
        // Sound on its own channels is not listened to, whatever it looks like.
        peer.session.handle_data(peer.now, &interleaved(2, &sound));
    }
    let pictures = pictures(&mut peer);
    assert_eq!(pictures.len(), 1);
    assert_eq!(pictures[0].kind, Kind::Idr);
    assert!(pictures[0].nals().eq([&slice(IDR, 0, 3000, 1)[..]]));
    assert_eq!(peer.outputs(), []);
}

#[test]
fn pushed_audio_comes_out_beside_the_video() {
    let sdp = SDP.replace("97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2", "8");
    let mut peer = recording_of(&sdp, VIDEO);
    events(&mut peer);
    let mut sound = vec![0x80, 8, 0, 1, 0, 0, 0, 80, 0, 0, 0, 5];
    sound.extend([0x55; 400]);
    peer.session.handle_data(peer.now, &interleaved(2, &sound));
    let told = events(&mut peer);
    let [Event::Audio(sound)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((sound.codec, sound.ends_at, sound.packets.len()), (Codec::Pcma, 480, 2));
    for packet in idr(&peer, 7) {
        peer.session.handle_data(peer.now, &interleaved(0, &packet));
    }
    assert_eq!(pictures(&mut peer).len(), 1);
    // Audio alone keeps no publisher: what is watched is the video.
    peer.now += PUSH_QUIET;
    assert!(peer.session.is_quiet(peer.now));
}

#[test]
fn datagrams_are_put_in_order() {
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001;mode=record";
    let mut peer = recording(udp);
    assert!(peer.session.udp_ports().eq([5000, 5001]));
    events(&mut peer);
    let mut packets = idr(&peer, 7);
    packets.swap(1, 2);
    for packet in packets {
        peer.session.handle_datagram(peer.now, 5000, false, &packet);
    }
    assert_eq!(pictures(&mut peer).len(), 1);
}

#[test]
fn before_record_nothing_is_listened_to() {
    let mut peer = peer();
    announce(&mut peer, SDP, Ok(()));
    peer.ask("SETUP", &format!("{URL}/streamid=0"), &[VIDEO]);
    for packet in idr(&peer, 7) {
        peer.session.handle_data(peer.now, &interleaved(0, &packet));
    }
    assert!(events(&mut peer).is_empty());
    assert!(peer.session.is_quiet(peer.now));
}

#[test]
fn refusals_have_a_status_each() {
    for (refusal, status) in
        [(Refusal::NotFound, "404"), (Refusal::NotPushable, "403"), (Refusal::Taken, "409")]
    {
        assert_eq!(&announce(&mut peer(), SDP, Err(refusal))[9..12], status);
    }
    let other = SDP.replace("H264", "AV1");
    assert_eq!(&announce(&mut peer(), &other, Ok(()))[9..12], "415");
    let mut peer = peer();
    assert_eq!(peer.status("ANNOUNCE", URL, &[]), "400", "no description");
    assert_eq!(peer.status("RECORD", URL, &[]), "454");
    announce(&mut peer, SDP, Ok(()));
    assert_eq!(peer.status("ANNOUNCE", URL, &[]), "455");
    assert_eq!(peer.status("SETUP", &format!("{URL}/streamid=2"), &[VIDEO]), "404");
    let (reply, _) = peer.ask("SETUP", &format!("{URL}/streamid=1"), &[AUDIO]);
    let session = session_header(&reply);
    assert_eq!(peer.status("RECORD", URL, &[&session]), "455", "only sound is set up");
    assert_eq!(peer.status("PLAY", URL, &[&session]), "455");
    let video = format!("{URL}/streamid=0");
    assert_eq!(peer.status("SETUP", &video, &[&session, VIDEO]), "200");
    assert_eq!(peer.status("SETUP", &video, &[&session, VIDEO]), "455", "twice");
    assert_eq!(peer.status("RECORD", URL, &[&session]), "200");
}

#[test]
fn a_publisher_is_reported_to_and_asked_for_pictures() {
    let mut peer = recording(VIDEO);
    peer.session.request_keyframe(peer.now);
    assert_eq!(peer.outputs(), [], "there is nothing to ask about yet");
    for packet in idr(&peer, 7) {
        peer.session.handle_data(peer.now, &interleaved(0, &packet));
    }
    peer.session.request_keyframe(peer.now);
    let frames = peer.frames();
    let [(1, data)] = &frames[..] else { panic!("{frames:?}") };
    assert!(rtcp::parse(data).contains(&rtcp::Packet::PictureLoss { media_ssrc: 9 }));
    peer.session.handle_timeout(peer.now + REPORT_INTERVAL);
    let frames = peer.frames();
    let [(1, data)] = &frames[..] else { panic!("{frames:?}") };
    let packets = rtcp::parse(data);
    let rtcp::Packet::ReceiverReport { blocks, .. } = &packets[0] else { panic!("{packets:?}") };
    assert_eq!((blocks[0].ssrc, blocks[0].cumulative_lost), (9, 0));
}

#[test]
fn a_silent_publisher_is_given_up_and_his_place_is_free_before() {
    let mut peer = recording(VIDEO);
    let start = peer.now;
    let later = start + Duration::from_secs(5);
    for packet in idr(&peer, 7) {
        peer.session.handle_data(later, &interleaved(0, &packet));
    }
    assert!(!peer.session.is_quiet(later + PUSH_QUIET - Duration::from_millis(1)));
    assert!(peer.session.is_quiet(later + PUSH_QUIET));
    peer.session.handle_timeout(later + PUSH_TIMEOUT - Duration::from_millis(1));
    assert!(!peer.outputs().contains(&Output::Close));
    peer.session.handle_timeout(later + PUSH_TIMEOUT);
    assert_eq!(peer.outputs().last(), Some(&Output::Close));
}

#[test]
fn a_publisher_whose_packets_make_no_picture_is_given_up() {
    let mut peer = recording(VIDEO);
    let began = peer.now;
    for sequence in 0..1_000_u16 {
        let mut packet = vec![0x80, 0x80 | 96];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 18_000).to_be_bytes());
        packet.extend([0, 0, 0, 9, 0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f]);
        peer.session.handle_data(peer.now, &interleaved(0, &packet));
        if peer.outputs().contains(&Output::Close) {
            break;
        }
        peer.now += Duration::from_millis(200);
        peer.session.handle_timeout(peer.now);
    }
    assert!(pictures(&mut peer).is_empty());
    assert_eq!(peer.now - began, PUSH_PICTURE_TIMEOUT);
}

#[test]
fn who_announces_and_does_not_record_is_given_up() {
    let mut peer = peer();
    announce(&mut peer, SDP, Ok(()));
    assert_eq!(peer.session.poll_timeout(), Some(peer.now + SETUP_TIMEOUT));
    peer.session.handle_timeout(peer.now + SETUP_TIMEOUT);
    assert_eq!(peer.outputs(), [Output::Close]);
}
