//! Media over UDP.

use rtsp::server::{Options, Output};
use rtsp::{rtcp, rtp};

use crate::bench::*;

const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001";

fn peer() -> Peer {
    Peer::of(Options { udp_ports: Some((6970, 6971)), ..Options::default() })
}

#[test]
fn the_first_offer_that_can_be_taken_is_taken() {
    for (offer, taken) in [
        (UDP, "RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971"),
        ("Transport: RTP/AVP;unicast;client_port=0-0,RTP/AVP/TCP", "RTP/AVP/TCP;unicast"),
        (
            "Transport: RTP/AVP;multicast;client_port=1-2,RTP/AVP;client_port=7-9",
            "RTP/AVP;unicast;client_port=7-9",
        ),
        ("Transport: RTP/AVP/TCP;interleaved=4-5,RTP/AVP;client_port=1-2", "RTP/AVP/TCP;unicast"),
    ] {
        let mut reader = peer();
        reader.describe(&[]);
        let (reply, _) = reader.ask("SETUP", &format!("{URL}/trackID=0"), &[offer]);
        assert!(reply.contains(&format!("Transport: {taken}")), "{offer}: {reply}");
    }
}

#[test]
fn packets_and_reports_go_to_the_ports_of_the_reader_and_his_come_back() {
    let mut reader = peer();
    let session = reader.setup(UDP);
    assert!(reader.session.udp_ports().eq([5000, 5001]));
    reader.ask("PLAY", URL, &[&session]);
    assert!(reader.write(true, 90, &[&[0x65, 1], &[0x65, 2]]));
    let mut sent = Vec::new();
    for output in reader.outputs() {
        let Output::SendDatagram { port, rtcp, data } = output else { panic!("{output:?}") };
        sent.push((port, rtcp, data));
    }
    let ports: Vec<_> = sent.iter().map(|(port, rtcp, _)| (*port, *rtcp)).collect();
    assert_eq!(ports, [(5001, true), (5000, false), (5000, false)]);
    let packet = rtp::Packet::parse(&sent[2].2).unwrap();
    assert_eq!((packet.payload, packet.marker, packet.timestamp), (&[0x65, 2][..], true, 90));
    assert!(matches!(rtcp::parse(&sent[0].2)[0], rtcp::Packet::SenderReport(_)));

    let mut loss = Vec::new();
    rtcp::push_receiver_report(&mut loss, 1, &[]);
    rtcp::push_picture_loss(&mut loss, 1, packet.ssrc);
    let alive_until = reader.session.poll_timeout();
    reader.session.handle_datagram(reader.now, 5000, false, &loss);
    assert_eq!(reader.outputs(), [], "RTP to a server is a hole punched, nothing more");
    reader.session.handle_datagram(reader.now, 5001, true, &loss);
    assert_eq!(reader.outputs(), [Output::KeyframeRequest]);
    assert_eq!(reader.session.poll_timeout(), alive_until);
}
