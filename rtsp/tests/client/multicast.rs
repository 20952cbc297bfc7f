//! Media by multicast: only where it is asked for, and only from the group that is named.

use std::time::Duration;

use rtsp::client::{Carrier, Error, Group, Options, Transport};

use crate::bench::*;

const REPLY: &str = "RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=4";

fn wanted() -> Options {
    Options { transport: Transport::Multicast, ..options("rtsp://cam/live") }
}

/// After SETUP was answered with this transport.
fn set_up(transport: &str) -> Bench {
    let mut bench = started_with(wanted());
    bench.connect();
    bench.describe();
    bench.reply(&ok(&format!("Session: 42\r\nTransport: {transport}\r\n")));
    bench
}

fn playing_multicast(transport: &str) -> Bench {
    let mut bench = set_up(transport);
    bench.client.handle_udp_bound(bench.now, 0, 5000, 5001);
    bench.collect();
    bench.reply(&ok(""));
    bench
}

#[test]
fn the_group_of_the_reply_is_joined_before_play() {
    let mut bench = set_up(REPLY);
    let transport = header(&bench.last_request(), "Transport");
    assert_eq!(transport.as_deref(), Some("RTP/AVP;multicast"));
    let address = "239.1.2.3".parse().unwrap();
    let expected = Group { address, rtp_port: 5000, rtcp_port: 5001, ttl: 4 };
    assert!(matches!(bench.seen().last(), Some(Seen::Join(group)) if *group == expected));
    bench.client.handle_udp_bound(bench.now, 0, 5000, 5001);
    bench.collect();
    assert_eq!(bench.methods().last().map(String::as_str), Some("PLAY"));
    bench.reply(&ok(""));
    for sequence in [1, 3, 2] {
        let packet = rtp(sequence, u32::from(sequence) * 3600, IDR);
        bench.datagram(false, (CAMERA, 6000), &packet);
    }
    assert_eq!(bench.access_units().len(), 3);
    assert_eq!(bench.client.stats().transport, Some(Carrier::Multicast));
}

#[test]
fn reports_and_requests_for_pictures_go_to_the_group_and_no_holes_are_punched() {
    let mut bench = playing_multicast(REPLY);
    assert_eq!(bench.datagrams(), []);
    bench.datagram(false, (CAMERA, 6000), &rtp(1, 0, IDR));
    assert!(bench.client.request_keyframe(bench.now));
    bench.collect();
    assert!(matches!(&bench.datagrams()[..], [(true, 5001, _)]));
}

#[test]
fn packets_of_others_in_the_group_are_not_taken() {
    for (reply, sender) in [
        (REPLY.to_owned(), CAMERA),
        (format!("{REPLY};source=10.1.1.1"), "10.1.1.1"),
        (format!("{REPLY};source=0.0.0.0"), CAMERA),
    ] {
        let mut bench = playing_multicast(&reply);
        bench.datagram(false, ("10.9.9.9", 6000), &rtp(1, 0, IDR));
        assert_eq!(bench.client.stats().discarded, 1, "{reply}");
        bench.datagram(false, (sender, 6000), &rtp(1, 0, IDR));
        assert_eq!(bench.access_units().len(), 1, "{reply}");
    }
}

#[test]
fn a_reply_without_a_multicast_group_joins_nothing() {
    for transport in [
        "RTP/AVP;multicast",
        "RTP/AVP;multicast;destination=10.0.0.9;port=5000-5001",
        "RTP/AVP;multicast;destination=255.255.255.255;port=5000-5001",
        "RTP/AVP;multicast;destination=239.1.2.3",
        "RTP/AVP;multicast;destination=239.1.2.3;port=0",
    ] {
        let bench = set_up(transport);
        assert!(matches!(&bench.errors()[..], [Error::Multicast { .. }]), "{transport}");
        assert!(!bench.seen().iter().any(|seen| matches!(seen, Seen::Join(_))), "{transport}");
    }
}

#[test]
fn nothing_else_is_tried_where_multicast_is_refused() {
    let mut bench = started_with(wanted());
    bench.connect();
    bench.describe();
    bench.refuse(461);
    assert_eq!(bench.errors(), [Error::TransportRefused]);
    let bench = set_up("RTP/AVP;unicast;server_port=6000-6001");
    assert_eq!(bench.errors(), [Error::TransportRefused]);
    let mut bench = playing_multicast(REPLY);
    bench.pass(Duration::from_secs(4));
    assert_eq!((bench.errors(), bench.dials()), (vec![Error::NoDatagrams], 1));
}

#[test]
fn a_group_that_can_not_be_joined_says_why() {
    let mut bench = set_up(REPLY);
    bench.client.handle_udp_failed(bench.now, 0, "No such device");
    bench.collect();
    assert_eq!(bench.errors(), [Error::Multicast { reason: "No such device".to_owned() }]);
    let mut bench = set_up(REPLY);
    bench.pass(Duration::from_secs(8));
    assert_eq!(bench.errors(), [Error::UdpUnavailable]);
}
