//! How bytes are cut into reads changes nothing.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rtsp::client::{Client, Event, Output, Transport, UdpPort};

use crate::bench::*;

/// All a camera says in a session, from the first reply on. Replies come as fast as requests.
fn transcript() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut say = |part: &[u8]| bytes.extend_from_slice(part);
    say(b"\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, GET_PARAMETER\r\n\r\n");
    say(b"RTSP/1.0 401 No\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n");
    let length = SDP.len();
    say(format!("RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: {length}\r\n\r\n{SDP}").as_bytes());
    say(&frame(0, &rtp(900, 0, DELTA)));
    say(b"RTSP/1.0 200 OK\nCSeq: 4\nSession: 42;timeout=60\nTransport: x;interleaved=4-5\n\n");
    say(&frame(4, &rtp(1, 0, IDR)));
    say(b"RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n");
    say(&frame(4, &rtp(2, 3600, DELTA)));
    say(&frame(5, &[0x80, 200, 0, 6, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 7]));
    say(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n\r\n");
    say(b"\x00lost$\x04\x00\x01$$");
    say(&frame(4, &rtp(3, 7200, DELTA)));
    say(&frame(9, &rtp(4, 7200, DELTA)));
    say(&frame(4, &rtp(9, 9000, DELTA)));
    say(&frame(4, &rtp(10, 12_600, IDR)));
    bytes
}

fn printed(output: Output) -> String {
    match output {
        Output::Send(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Output::Event(Event::AccessUnit(unit)) => {
            let nals: Vec<&[u8]> = unit.nals().collect();
            format!("{:?} {} {nals:?}", unit.kind, unit.timestamp)
        }
        other => format!("{other:?}"),
    }
}

fn run(now: Instant, parts: &[&[u8]]) -> Vec<String> {
    let mut client = Client::new(options("rtsp://u:p@cam/live"), 1);
    client.start(now);
    client.handle_connected(now);
    for part in parts {
        client.handle_data(now, part);
    }
    let outputs = std::iter::from_fn(|| client.poll_output()).map(printed);
    let mut all: Vec<String> = outputs.collect();
    all.push(format!("{:?}", client.stats()));
    all
}

#[test]
fn the_whole_transcript_plays() {
    let all = run(Instant::now(), &[&transcript()]);
    let pictures = |kind: &str| all.iter().filter(|line| line.starts_with(kind)).count();
    assert_eq!((pictures("Idr"), pictures("Reference")), (2, 2), "{all:#?}");
    assert_eq!(all.iter().filter(|line| line.starts_with("Playing")).count(), 1);
}

#[test]
fn a_session_byte_by_byte_is_the_same_session() {
    let now = Instant::now();
    let bytes = transcript();
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(now, &bytewise), run(now, &[&bytes]));
}

#[test]
fn a_session_cut_in_two_anywhere_is_the_same_session() {
    let now = Instant::now();
    let bytes = transcript();
    let whole = run(now, &[&bytes]);
    for at in 0..bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(run(now, &[first, second]), whole, "cut at {at}");
    }
}

/// Something that happens to a client.
#[derive(Clone, Debug)]
enum Happening {
    Start,
    Stop,
    Connected,
    ConnectFailed,
    Closed,
    Data(Vec<u8>),
    Datagram(bool, Vec<u8>),
    Bound,
    BindFailed,
    Keyframe,
    Time(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    let cut = any::<(proptest::sample::Index, proptest::sample::Index)>().prop_map(|(a, b)| {
        let bytes = transcript();
        let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
        Happening::Data(bytes[a.min(b)..a.max(b)].to_vec())
    });
    let reply = (1_u32..12, 0_usize..7).prop_map(|(cseq, status)| {
        let status = [100, 200, 302, 401, 404, 461, 503][status];
        let rest = "Location: /x\r\nSession: 1;timeout=9\r\nWWW-Authenticate: Basic\r\n\
            Transport: x;multicast;destination=239.1.2.3;port=5000\r\n";
        Happening::Data(format!("RTSP/1.0 {status} x\r\nCSeq: {cseq}\r\n{rest}\r\n").into_bytes())
    });
    let media = (any::<u16>(), any::<u32>(), bytes()).prop_map(|(sequence, stamp, payload)| {
        Happening::Data(frame(4, &rtp(sequence, stamp, &payload)))
    });
    prop_oneof![
        2 => Just(Happening::Start),
        1 => Just(Happening::Stop),
        6 => Just(Happening::Connected),
        1 => Just(Happening::ConnectFailed),
        1 => Just(Happening::Closed),
        3 => Just(Happening::Data(transcript())),
        3 => cut,
        6 => reply,
        3 => media,
        2 => bytes().prop_map(Happening::Data),
        2 => (any::<bool>(), bytes()).prop_map(|(rtcp, data)| Happening::Datagram(rtcp, data)),
        2 => Just(Happening::Bound),
        1 => Just(Happening::BindFailed),
        1 => Just(Happening::Keyframe),
        6 => (0_u64..70_000).prop_map(Happening::Time),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn whatever_happens_the_client_lives_and_comes_back(
        happenings in proptest::collection::vec(happening(), 1..60),
        transport in 0_usize..4,
    ) {
        let mut options = options("rtsp://u:p@cam/live");
        let all = [Transport::Tcp, Transport::Udp, Transport::Auto, Transport::Multicast];
        options.transport = all[transport];
        let mut client = Client::new(options, 1);
        let mut now = Instant::now();
        let (mut dialling, mut connected) = (false, false);
        for happening in happenings {
            match happening {
                Happening::Start => client.start(now),
                Happening::Stop => client.stop(now),
                Happening::Connected if dialling => {
                    (connected, dialling) = (true, false);
                    client.handle_connected(now);
                }
                Happening::ConnectFailed if dialling => {
                    dialling = false;
                    client.handle_connect_failed(now, "no");
                }
                Happening::Closed if connected => {
                    connected = false;
                    client.handle_closed(now, "reset");
                }
                Happening::Data(bytes) if connected => client.handle_data(now, &bytes),
                Happening::Datagram(rtcp, data) => {
                    let udp = UdpPort { track: 0, rtcp };
                    let source = std::net::SocketAddr::from(([10, 0, 0, 7], 6000));
                    client.handle_datagram(now, udp, source, &data);
                }
                Happening::Bound => client.handle_udp_bound(now, 0, 4000, 4001),
                Happening::BindFailed => client.handle_udp_failed(now, 0, "no"),
                Happening::Keyframe => { client.request_keyframe(now); }
                Happening::Time(millis) => now += Duration::from_millis(millis),
                _ => {}
            }
            client.handle_timeout(now);
            let outputs: Vec<Output> = std::iter::from_fn(|| client.poll_output()).collect();
            for output in outputs {
                match output {
                    Output::Connect { .. } => {
                        prop_assert!(!connected, "dials while connected");
                        dialling = true;
                    }
                    Output::Disconnect => (connected, dialling) = (false, false),
                    Output::Send(_)
                    | Output::BindUdp { .. }
                    | Output::JoinMulticast { .. }
                    | Output::SendDatagram { .. } => {
                        prop_assert!(connected, "sends without connection");
                    }
                    Output::Event(_) => {}
                }
            }
        }
        // Wanted again and met with silence, it dials before long.
        client.start(now);
        let mut dials = 0;
        for _ in 0..100 {
            now += Duration::from_secs(1);
            client.handle_timeout(now);
            dials += std::iter::from_fn(|| client.poll_output())
                .filter(|output| matches!(output, Output::Connect { .. }))
                .count();
        }
        prop_assert!(dials > 0, "never dials again");
    }
}
