//! Media by UDP, and the way from one transport to the other.

use std::time::Duration;

use rtsp::client::{Carrier, Error, Event, Options, Quirk, Transport};

use crate::bench::*;

fn with(transport: Transport) -> Options {
    let mut options = options("rtsp://cam/live");
    options.transport = transport;
    options
}

/// Plays by UDP, with this transport in the reply to SETUP.
fn playing_udp(transport: &str) -> Bench {
    let mut bench = started_with(with(Transport::Udp));
    bench.connect();
    bench.describe();
    bench.client.handle_udp_bound(bench.now, 0, 4000, 4001);
    bench.collect();
    bench.reply(&ok(&format!("Session: 42\r\nTransport: {transport}\r\n")));
    bench.reply(&ok(""));
    bench
}

const PORTS: &str = "RTP/AVP;unicast;client_port=4000-4001;server_port=6000-6001";

fn video(bench: &mut Bench, sequence: u16, payload: &[u8]) {
    let packet = rtp(sequence, u32::from(sequence) * 3600, payload);
    bench.datagram(false, (CAMERA, 6000), &packet);
}

#[test]
fn media_comes_by_udp_where_that_is_wanted() {
    let mut bench = playing_udp(PORTS);
    let setup = &bench.requests()[2];
    let transport = header(setup, "Transport");
    assert_eq!(transport.as_deref(), Some("RTP/AVP;unicast;client_port=4000-4001"));
    video(&mut bench, 1, IDR);
    video(&mut bench, 2, DELTA);
    assert_eq!(bench.access_units().len(), 2);
    assert_eq!(bench.client.stats().transport, Some(Carrier::Udp));
}

#[test]
fn holes_are_punched_before_play_and_with_every_keep_alive() {
    let mut bench = playing_udp(PORTS);
    let play =
        bench.seen().iter().position(|s| matches!(s, Seen::Request(t) if t.starts_with("PLAY")));
    let punch = bench.seen().iter().position(|s| matches!(s, Seen::Datagram(..)));
    assert!(punch < play && punch.is_some());
    let [(false, 6000, rtp), (true, 6001, rtcp)] = &bench.datagrams()[..] else { panic!() };
    assert_eq!((rtp.len(), rtp[0] >> 6, rtp[1]), (12, 2, 96));
    assert_eq!(rtcp[1], 201);
    bench.forget();
    for sequence in 1..800 {
        video(&mut bench, sequence, if sequence == 1 { IDR } else { DELTA });
        bench.pass(Duration::from_millis(40));
    }
    assert_eq!(bench.datagrams().iter().filter(|(rtcp, ..)| !rtcp).count(), 1);
    // Reports go to the RTCP port, nothing but text goes through the connection.
    assert!(bench.datagrams().iter().filter(|(rtcp, port, _)| *rtcp && *port == 6001).count() >= 6);
    assert_eq!(bench.frames(), []);
}

#[test]
fn packets_that_overtook_others_are_put_in_order() {
    let mut bench = playing_udp(PORTS);
    for sequence in [1, 3, 2, 5, 4] {
        video(&mut bench, sequence, if sequence == 1 { IDR } else { DELTA });
    }
    let stamps: Vec<u32> = bench.access_units().iter().map(|unit| unit.timestamp / 3600).collect();
    assert_eq!(stamps, [1, 2, 3, 4, 5]);
    assert_eq!(bench.client.stats().lost, 0);
}

#[test]
fn a_lost_packet_is_waited_for_no_longer_than_the_window() {
    let mut bench = playing_udp(PORTS);
    video(&mut bench, 1, IDR);
    video(&mut bench, 3, IDR);
    assert_eq!(bench.access_units().len(), 1);
    bench.pass(Duration::from_millis(50));
    assert_eq!(bench.access_units().len(), 2);
    assert_eq!(bench.client.stats().lost, 1);
}

#[test]
fn a_sender_that_counts_anew_keeps_being_put_in_order() {
    let mut bench = playing_udp(PORTS);
    video(&mut bench, 40_000, IDR);
    for sequence in [1, 2, 3, 5, 4] {
        video(&mut bench, sequence, IDR);
    }
    let stamps: Vec<u32> = bench.access_units().iter().map(|unit| unit.timestamp / 3600).collect();
    assert_eq!(stamps[stamps.len() - 3..], [3, 4, 5]);
}

#[test]
fn datagrams_from_elsewhere_are_not_taken() {
    let mut bench = playing_udp(PORTS);
    bench.datagram(false, ("10.9.9.9", 6000), &rtp(1, 0, IDR));
    assert_eq!((bench.access_units().len(), bench.client.stats().packets), (0, 0));
    assert_eq!(bench.client.stats().discarded, 1);
    for odd in [&[][..], &[0x80], &[0; 65_507]] {
        bench.datagram(false, (CAMERA, 6000), odd);
    }
    assert_eq!(bench.client.stats().discarded, 4);
}

#[test]
fn ports_the_camera_did_not_say_are_learned_from_its_first_packet() {
    for transport in ["RTP/AVP;unicast;client_port=4000-4001", "RTP/AVP;server_port=0;source="] {
        let mut bench = playing_udp(transport);
        assert_eq!(bench.datagrams(), []);
        bench.datagram(false, (CAMERA, 7000), &[0, 1, 2]);
        bench.datagram(false, (CAMERA, 7000), &rtp(1, 0, IDR));
        assert!(bench.client.request_keyframe(bench.now));
        bench.collect();
        assert_eq!(
            bench.datagrams().last().map(|(rtcp, port, _)| (*rtcp, *port)),
            Some((true, 7001))
        );
    }
}

#[test]
fn udp_follows_where_tcp_is_refused_and_is_kept() {
    let mut bench = started_with(with(Transport::Auto));
    bench.connect();
    bench.describe();
    bench.refuse(461);
    assert_eq!(bench.errors(), []);
    assert_eq!((bench.disconnects(), bench.dials()), (1, 2));
    bench.connect();
    bench.describe();
    assert!(matches!(bench.seen().last(), Some(Seen::Bind)));
    bench.client.handle_udp_bound(bench.now, 0, 4000, 4001);
    bench.collect();
    bench.reply(&ok(&format!("Session: 42\r\nTransport: {PORTS}\r\n")));
    bench.reply(&ok(""));
    video(&mut bench, 1, IDR);
    assert_eq!(bench.access_units().len(), 1);
    assert!(bench.client.stats().quirks.contains(&Quirk::TransportChanged));
    bench.client.handle_closed(bench.now, "reset");
    bench.pass(Duration::from_secs(3));
    bench.connect();
    bench.describe();
    assert!(matches!(bench.seen().last(), Some(Seen::Bind)));
}

#[test]
fn a_camera_that_refuses_both_is_offline() {
    let mut bench = started_with(with(Transport::Auto));
    bench.connect();
    bench.describe();
    bench.refuse(461);
    bench.connect();
    bench.describe();
    bench.client.handle_udp_bound(bench.now, 0, 4000, 4001);
    bench.collect();
    bench.refuse(461);
    assert_eq!(bench.errors(), [Error::TransportRefused]);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.dials(), 3);
    bench.connect();
    bench.describe();
    assert!(bench.last_request().contains("RTP/AVP/TCP"));
}

#[test]
fn where_only_tcp_is_allowed_udp_is_not_tried() {
    let mut bench = started_with(with(Transport::Tcp));
    bench.connect();
    bench.describe();
    bench.refuse(461);
    assert_eq!(bench.errors(), [Error::TransportRefused]);
}

#[test]
fn a_camera_that_answers_udp_with_tcp_gets_a_new_connection() {
    let mut bench = playing_udp("RTP/AVP/TCP;unicast;interleaved=0-1");
    assert_eq!(bench.dials(), 2);
    bench.connect();
    bench.play();
    bench.rtp(1, IDR);
    assert_eq!(bench.access_units().len(), 1);
}

#[test]
fn without_a_datagram_in_four_seconds_tcp_is_tried_at_once() {
    let mut bench = playing_udp(PORTS);
    bench.pass(Duration::from_millis(3999));
    assert_eq!(bench.dials(), 1);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.dials(), 2);
    assert_eq!(bench.methods().last().map(String::as_str), Some("TEARDOWN"));
    bench.connect();
    bench.play();
    assert!(matches!(bench.events().last(), Some(Event::Playing)));
    assert_eq!(bench.client.stats().transport, Some(Carrier::Tcp));
}

#[test]
fn without_ports_here_the_camera_is_offline() {
    let mut bench = started_with(with(Transport::Udp));
    bench.connect();
    bench.describe();
    bench.client.handle_udp_failed(bench.now, 0, "too many open files");
    bench.collect();
    assert_eq!(bench.errors(), [Error::UdpUnavailable]);
    let mut bench = started_with(with(Transport::Udp));
    bench.connect();
    bench.describe();
    bench.pass(Duration::from_secs(8));
    assert_eq!(bench.errors(), [Error::UdpUnavailable]);
}
