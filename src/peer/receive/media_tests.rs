use std::collections::BTreeMap;
use std::net::SocketAddr;

use rtsp::rtcp::ReportBlock;
use str0m::crypto::dtls::SrtpProfile;

use super::*;
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::intake::publisher::Codec;
use crate::peer::crypto::{Keying, provider};
use crate::peer::srtp::Header;

const MS: Duration = Duration::from_millis(1);
const OURS: u32 = 1;
const VIDEO: u32 = 0x1000;
const RESENDS: u32 = 0x2000;
const H264: Accepted = Accepted {
    codec: Codec::Video(VideoCodec::H264),
    payload_type: 96,
    resend: Some(97),
    has_resends: true,
};
const OPUS: Accepted = Accepted {
    codec: Codec::Audio(AudioCodec::Opus),
    payload_type: 111,
    resend: None,
    has_resends: false,
};
const NUMBERS: Numbers = Numbers { mid: Some(3), transport_number: None, orientation: Some(4) };

/// Who sends, and we.
struct Wire {
    theirs: Srtp,
    ours: Srtp,
    media: Media,
    /// Their rollover counters go on by themselves.
    numbers: BTreeMap<u32, u64>,
}

impl Wire {
    fn new(now: Instant, tracks: &[(&str, Accepted, &[u32])]) -> Self {
        let profile = SrtpProfile::AEAD_AES_128_GCM;
        let material: Vec<u8> = (0..).take(profile.keying_material_len()).collect();
        let side = |is_client| {
            let keying = Keying { material: material.clone(), profile, is_client };
            Srtp::new(&provider(), &keying, true).unwrap()
        };
        let mut media = Media::new(now, OURS, "cname".to_owned());
        let offered = tracks.iter().map(|(mid, format, ssrcs)| Offered {
            mid,
            formats: vec![*format],
            ssrcs,
        });
        media.agree(NUMBERS, &offered.collect::<Vec<_>>());
        Self { theirs: side(true), ours: side(false), media, numbers: BTreeMap::new() }
    }

    fn video(now: Instant) -> Self {
        Self::new(now, &[("v", H264, &[])])
    }

    fn packet(&mut self, header: &Header, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; self.theirs.sealed_bytes(header, payload)];
        self.theirs.seal(header, payload, &mut packet);
        packet
    }

    fn hear(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<(usize, Packet)> {
        let packet = self.packet(header, payload);
        self.handle(now, &arrived(now, &packet))
    }

    fn handle(&mut self, now: Instant, datagram: &Datagram<'_>) -> Option<(usize, Packet)> {
        self.media.handle_packet(now, &mut self.ours, datagram)
    }

    /// The number of what becomes of the packet of this number.
    fn send(&mut self, now: Instant, number: u64) -> Option<u64> {
        let (track, packet) = self.hear(now, &header(VIDEO, 96, number), &[8, 7])?;
        assert_eq!((track, packet.ssrc, packet.codec), (0, VIDEO, H264.codec));
        assert_eq!(packet.payload[..], [8, 7]);
        Some(packet.sequence_number)
    }

    /// The same of one that is sent again.
    fn resend(&mut self, now: Instant, number: u64) -> Option<u64> {
        let of_its_own = self.numbers.entry(RESENDS).or_insert(5);
        *of_its_own += 1;
        let header = header(RESENDS, 97, *of_its_own);
        let [.., high, low] = number.to_be_bytes();
        let (track, packet) = self.hear(now, &header, &[high, low, 9])?;
        assert_eq!((track, packet.ssrc, &packet.payload[..]), (0, VIDEO, &[9][..]));
        Some(packet.sequence_number)
    }

    fn told(&mut self, now: Instant) -> Vec<rtcp::Packet> {
        rtcp::parse(&self.media.poll_reports(now))
    }

    /// What is asked for again.
    fn asked(&mut self, now: Instant) -> Vec<u16> {
        let numbers = self.told(now).into_iter().filter_map(|packet| match packet {
            rtcp::Packet::Missing { media_ssrc, sequence_numbers } => {
                assert_eq!(media_ssrc, VIDEO);
                Some(sequence_numbers)
            }
            _ => None,
        });
        numbers.flatten().collect()
    }
}

fn arrived(at: Instant, packet: &[u8]) -> Datagram<'_> {
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    Datagram::udp(at, address, address, packet)
}

fn header(ssrc: u32, payload_type: u8, sequence_number: u64) -> Header {
    let rtp_timestamp = 0;
    Header { payload_type, is_marked: true, sequence_number, rtp_timestamp, ssrc, extension: None }
}

#[test]
fn what_is_missing_is_asked_for_and_taken_once_whoever_brings_it() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    assert_eq!(wire.send(now, 65_534), Some(65_534));
    assert_eq!(wire.send(now, 65_534), None, "a replay");
    assert!(wire.send(now, 65_537).is_some(), "of the next round");
    assert_eq!(wire.media.poll_timeout(), Some(now));
    assert_eq!(wire.asked(now), [65_535, 0]);
    assert_eq!(wire.resend(now + 20 * MS, 65_535), Some(65_535));
    assert_eq!(wire.send(now + 21 * MS, 65_535), None, "it was only late");
    assert_eq!(wire.send(now + 22 * MS, 65_536), Some(65_536));
    assert_eq!(wire.resend(now + 23 * MS, 65_536), None);
    assert!(wire.asked(now + 500 * MS).is_empty());
    // The last ones of a picture are lost as well.
    assert_eq!(wire.resend(now + 600 * MS, 65_539), Some(65_539));
    assert_eq!(wire.asked(now + 600 * MS), [2]);
}

#[test]
fn what_is_sent_again_in_front_of_all_else_is_of_no_use() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    assert_eq!(wire.resend(now, 7), None);
    assert!(wire.send(now, 8).is_some());
    assert!(wire.hear(now, &header(RESENDS, 97, 99), &[1]).is_none(), "too short for a number");
    assert_eq!(wire.resend(now, 7), Some(7));
}

#[test]
fn a_source_is_of_the_track_that_it_names_or_was_named_by_or_whose_format_it_has() {
    let now = Instant::now();
    let tracks = [("a", H264, &[70, 71][..]), ("b", H264, &[]), ("c", OPUS, &[])];
    let mut wire = Wire::new(now, &tracks);
    let named =
        |ssrc, mid: u8| Header { extension: Some([0x30, mid, 0, 0]), ..header(ssrc, 96, 1) };
    let mut track =
        |header: &Header| wire.hear(now, header, &[1]).map(|(track, packet)| (track, packet.ssrc));
    assert_eq!(track(&named(10, b'b')), Some((1, 10)));
    assert_eq!(track(&named(11, b'x')), None, "nobody's");
    assert_eq!(track(&header(70, 96, 1)), Some((0, 70)));
    assert_eq!(track(&header(12, 96, 1)), None, "two tracks have that format");
    assert_eq!(track(&header(13, 111, 1)), Some((2, 13)));
    assert_eq!(track(&header(13, 96, 2)), None, "not a format of its");
    assert_eq!(track(&header(14, 77, 1)), None, "nobody's");
    // Once named, it is known by its number.
    assert_eq!(track(&header(10, 96, 2)), Some((1, 10)));
}

#[test]
fn a_picture_is_turned_as_its_camera_was_held() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    for (element, degrees) in [(0, 0), (1, 90), (2, 180), (3, 270), (0x0d, 90)] {
        let extension = Some([0x40, element, 0, 0]);
        let header = Header { extension, ..header(VIDEO, 96, 7 + u64::from(element)) };
        let (_, packet) = wire.hear(now, &header, &[1]).unwrap();
        assert_eq!(packet.rotation_degrees, Some(degrees));
    }
}

#[test]
fn what_came_is_reported_once_a_second_and_when_its_sender_reported() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    let report =
        |ntp, rtp_timestamp| SenderReport { ssrc: VIDEO, ntp, rtp_timestamp, packets: 0, bytes: 0 };
    assert_eq!(wire.media.handle_report(now, &report(0, 0)), None, "of nobody who is known");
    for number in [10, 11, 13] {
        wire.send(now, number);
    }
    let first = wire.media.handle_report(now, &report(0x0001_0203_8000_0000, 5));
    assert_eq!(first, Some((0, Report { timestamp: 5, sender_micros: 0 })));
    let before = wire.media.handle_report(now, &report(0x0001_0202_4000_0000, 4));
    let sender_micros = -1_250_000;
    assert_eq!(before, Some((0, Report { timestamp: 4, sender_micros })));
    assert_eq!(wire.asked(now), [12]);
    let told = wire.told(now + REPORT_INTERVAL);
    let rtcp::Packet::ReceiverReport { ssrc: OURS, blocks } = &told[0] else { panic!("{told:?}") };
    let expected = ReportBlock {
        ssrc: VIDEO,
        fraction_lost: 64,
        cumulative_lost: 1,
        highest_sequence: 0x1_000d,
        jitter: 0,
        last_sender_report: 0x0202_4000,
        delay: 65_536,
    };
    assert_eq!(blocks, &[expected]);
    assert!(matches!(told[1], rtcp::Packet::Other { packet_type: rtcp::SOURCE_DESCRIPTION }));
    // Nothing came since.
    for second in 2..9 {
        for packet in wire.told(now + REPORT_INTERVAL * second) {
            let is_empty =
                matches!(&packet, rtcp::Packet::ReceiverReport { blocks, .. } if blocks.is_empty());
            assert!(is_empty || !matches!(packet, rtcp::Packet::ReceiverReport { .. }));
        }
    }
    assert_eq!(wire.media.poll_timeout(), None);
}

#[test]
fn what_waited_to_be_read_is_told_of_as_it_came() {
    const APART: Duration = Duration::from_millis(80);
    let now = Instant::now();
    let mut wire = Wire::video(now);
    wire.media.numbers.transport_number = Some(5);
    let mut expected = Arrivals::new(now);
    let read_at = now + REPORT_INTERVAL;
    for number in [7, 8] {
        let arrived_at = now + APART * u32::from(number - 7);
        let extension = Some([0x51, 0, number, 0]);
        let header = Header { extension, ..header(VIDEO, 96, number.into()) };
        let packet = wire.packet(&header, &[1]);
        let (_, packet) = wire.handle(read_at, &arrived(arrived_at, &packet)).unwrap();
        assert_eq!(packet.received_at, read_at, "whoever waits for others does it from now on");
        expected.handle(arrived_at, number.into());
    }
    let mut feedback = Vec::new();
    expected.poll(read_at, OURS, VIDEO, &mut feedback);
    let told = wire.media.poll_reports(read_at);
    assert!(!feedback.is_empty() && told.ends_with(&feedback));
    let told = wire.told(read_at + REPORT_INTERVAL);
    let rtcp::Packet::ReceiverReport { blocks, .. } = &told[0] else { panic!("{told:?}") };
    // A sixteenth of it (RFC 3550 section 6.4.1): both have the same timestamp.
    assert_eq!(blocks[0].jitter, 80 * 90 / 16);
}

#[test]
fn pictures_are_asked_for_of_a_track_that_has_begun() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    assert_eq!(wire.media.request_picture(0), None);
    wire.send(now, 1);
    let asked = rtcp::parse(&wire.media.request_picture(0).unwrap());
    assert_eq!(asked.last(), Some(&rtcp::Packet::PictureLoss { media_ssrc: VIDEO }));
    assert_eq!(wire.media.request_picture(1), None);
}

#[test]
fn padding_alone_leaves_no_hole() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    wire.send(now, 1);
    let empty = wire.hear(now, &header(VIDEO, 96, 2), &[]);
    assert!(empty.is_some_and(|(_, packet)| packet.payload.is_empty()));
    wire.send(now, 3);
    assert!(wire.asked(now).is_empty());
}

/// A track for each of these.
fn offered(mids: &[String]) -> Vec<Offered<'_>> {
    mids.iter().map(|mid| Offered { mid, formats: vec![H264], ssrcs: &[] }).collect()
}

#[test]
fn there_is_room_for_so_many_tracks_and_no_more() {
    let now = Instant::now();
    let mut media = Media::new(now, OURS, String::new());
    let mids: Vec<String> = (0..=limits::SDP_MAX_MEDIA).map(|mid| mid.to_string()).collect();
    let (all, one_more) = mids.split_at(limits::SDP_MAX_MEDIA);
    assert!(media.has_room(&offered(all)) && !media.has_room(&offered(&mids)));
    media.agree(NUMBERS, &offered(all));
    assert!(media.has_room(&offered(all)), "they are known");
    assert!(!media.has_room(&offered(one_more)));
}

#[test]
fn ten_thousand_sources_take_the_place_of_each_other() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    for number in 0..10_000 {
        let at = now + MS * number;
        assert!(wire.hear(at, &header(VIDEO + number, 96, 1), &[1]).is_some());
        assert!(wire.media.streams.len() <= limits::RECEIVED_STREAMS_MAX);
    }
    let newest = VIDEO + 9_999;
    assert!(wire.hear(now + MS * 10_000, &header(newest, 96, 2), &[1]).is_some());
}

#[test]
fn what_others_make_up_changes_nothing() {
    let now = Instant::now();
    let mut wire = Wire::video(now);
    let packet = wire.packet(&header(VIDEO, 96, 1), &[7; 40]);
    for at in 0..packet.len() {
        let mut changed = packet.clone();
        changed[at] ^= 1;
        assert!(wire.handle(now, &arrived(now, &changed)).is_none());
        assert!(wire.handle(now, &arrived(now, &packet[..at])).is_none());
    }
    assert!(wire.media.streams.is_empty() && wire.media.poll_timeout().is_none());
    assert!(wire.handle(now, &arrived(now, &packet)).is_some());
}
