//! Messages, headers, descriptions and datagrams.

use std::time::Instant;

use crate::auth::Authenticator;
use crate::interleaved::{Item, Parser};
use crate::limits::{MAX_MISSING, MAX_SDP_FORMATS, MAX_SDP_MEDIA};
use crate::message::Headers;
use crate::reorder::Reorder;
use crate::sdp::Sdp;
use crate::transport::{SessionHeader, TransportHeader};
use crate::url::{Credentials, Url};
use crate::video::ParameterSets;
use crate::{rtcp, rtp};

/// What was read and is written again is one message: nothing in it can begin a second.
pub(super) fn messages_survive_writing(data: &[u8]) {
    let mut parser = Parser::new();
    parser.push(data);
    while let Ok(Some(item)) = parser.next() {
        let (written, body) = match item {
            Item::Request(request) => (request.to_bytes(), request.body),
            Item::Response(response) => (response.to_bytes(), response.body),
            Item::Interleaved { .. } | Item::Resync { .. } => continue,
        };
        let mut second = Parser::new();
        second.push(&written);
        let again = match second.next() {
            Ok(Some(Item::Request(request))) => Some(request.body),
            Ok(Some(Item::Response(response))) => Some(response.body),
            _ => None,
        };
        assert_eq!(again, Some(body), "{}", String::from_utf8_lossy(&written));
        assert_eq!(second.next(), Ok(None));
        assert_eq!(second.buffered_bytes(), 0);
    }
}

/// The lines of the input, each as every header it could be.
pub(super) fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut challenges = Headers::new();
    for line in text.split('\n') {
        for transport in TransportHeader::parse_all(line) {
            let written = transport.to_value();
            assert_eq!(TransportHeader::parse(&written).to_value(), written);
        }
        if let Some(session) = SessionHeader::parse(line) {
            assert!(!session.id.is_empty() && !session.timeout.is_zero());
        }
        if let Ok(url) = Url::parse(line) {
            let again = Url::parse(&url.request_uri());
            assert_eq!(again.map(|again| again.request_uri()), Ok(url.request_uri()));
            for control in ["trackID=1", line] {
                for uri in [url.append_control(control), url.resolve_control(control)] {
                    assert!(!uri.is_some_and(|uri| uri.contains(char::is_control)));
                }
            }
            if let Ok(redirected) = url.redirected(line) {
                assert!(!redirected.request_uri().contains(char::is_control));
            }
        }
        challenges.push("WWW-Authenticate", line);
    }
    let credentials = Credentials { username: "user".to_owned(), password: "Zq7-pass".to_owned() };
    let mut authenticator = Authenticator::new(Some(credentials), 1);
    for answered in [false, true, true] {
        if authenticator.handle_unauthorized(&challenges, answered).is_ok() {
            let value = authenticator.authorization("DESCRIBE", "rtsp://192.0.2.1/");
            assert!(!value.is_some_and(|value| value.contains("Zq7-pass")));
        }
    }
}

pub(super) fn sdp(data: &[u8]) {
    let sdp = Sdp::parse(data);
    assert!(sdp.media.len() <= MAX_SDP_MEDIA);
    for media in &sdp.media {
        assert!(media.formats.len() <= MAX_SDP_FORMATS);
        for format in &media.formats {
            assert!(format.payload_type < 128 && format.clock_rate_hz > 0);
            let sprop = format.parameter("sprop-parameter-sets").unwrap_or_default();
            if let Some(sets) = ParameterSets::from_sprop(sprop) {
                assert_eq!(ParameterSets::from_sprop(&sets.to_sprop()), Some(sets));
            }
            #[cfg(feature = "h265")]
            if let Some(sets) = ParameterSets::from_h265_sprop(
                ["sprop-vps", "sprop-sps", "sprop-pps"].iter().filter_map(|n| format.parameter(n)),
            ) {
                let again = sets.to_h265_parameters();
                let again = again.iter().map(|(_, value)| value.as_str()).skip(4);
                assert_eq!(ParameterSets::from_h265_sprop(again), Some(sets));
            }
        }
    }
}

pub(super) fn datagram(now: Instant, data: &[u8]) {
    for packet in rtcp::parse(data) {
        match packet {
            rtcp::Packet::SenderReport(report) => {
                let mut written = Vec::new();
                rtcp::push_sender_report(&mut written, &report);
                assert_eq!(rtcp::parse(&written), [rtcp::Packet::SenderReport(report)]);
            }
            rtcp::Packet::Missing { sequence_numbers, .. } => {
                assert!(sequence_numbers.len() <= MAX_MISSING);
                assert!(sequence_numbers.len() <= 17 * data.len() / 4);
            }
            _ => {}
        }
    }
    if let Ok(packet) = rtp::Packet::parse(data) {
        assert!(packet.payload_type < 128 && packet.payload.len() + 12 <= data.len());
    }
    // The same bytes as sequence numbers.
    let mut reorder = Reorder::new();
    let mut reception: Option<rtp::Reception> = None;
    for pair in data.as_chunks().0 {
        let sequence = u16::from_be_bytes(*pair);
        let reception = reception.get_or_insert_with(|| rtp::Reception::new(now, sequence, false));
        reception.receive(sequence);
        reception.arrived(now, u32::from(sequence) << 16, 90_000);
        reorder.push(now, sequence, pair);
        while reorder.pop(now).is_some() {}
    }
    reception.map(|mut reception| reception.report());
}
