//! What a reader sees of a server session, and that this crate's client understands it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod support;

use std::time::{Duration, Instant};

use rtsp::client::{self, Client, Event, Options, Transport};
use rtsp::h264::{AccessUnit, Kind, packetize};
use rtsp::server::limits::{MAX_QUEUED_BYTES, SESSION_TIMEOUT, SETUP_TIMEOUT};
use rtsp::server::{NotFound, Output, Session, describe_h264};
use rtsp::url::Url;
use rtsp::{rtcp, rtp};
use support::h264::*;

const NTP: u64 = 3_900_000_000 << 32;
const URL: &str = "rtsp://127.0.0.1:8554/yard?main";

struct Reader {
    session: Session,
    now: Instant,
    cseq: u32,
}

impl Reader {
    fn new() -> Self {
        let now = Instant::now();
        Self { session: Session::new(now, NTP, 7), now, cseq: 0 }
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// Sends a request with a CSeq of its own; the reply, and what else was put out.
    fn ask(&mut self, method: &str, uri: &str, headers: &[&str]) -> (String, Vec<Output>) {
        self.cseq += 1;
        let mut request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        for header in headers {
            request += &format!("{header}\r\n");
        }
        self.session.handle_data(self.now, format!("{request}\r\n").as_bytes());
        let mut outputs = self.outputs();
        if matches!(outputs.first(), Some(Output::Send(_))) {
            let Output::Send(bytes) = outputs.remove(0) else { unreachable!() };
            let reply = String::from_utf8(bytes).unwrap();
            assert!(reply.contains(&format!("CSeq: {}\r\n", self.cseq)), "{reply}");
            return (reply, outputs);
        }
        (String::new(), outputs)
    }

    fn status(&mut self, method: &str, uri: &str, headers: &[&str]) -> String {
        self.ask(method, uri, headers).0.get(9..12).unwrap_or("").to_owned()
    }

    /// Sets up channels 0 and 1 and returns the Session header to send.
    fn setup(&mut self) -> String {
        let uri = format!("{URL}/trackID=0");
        let (reply, _) = self.ask("SETUP", &uri, &["Transport: RTP/AVP/TCP;interleaved=0-1"]);
        assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
        let line = reply.lines().find(|line| line.starts_with("Session: ")).unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    fn play() -> Self {
        let mut reader = Self::new();
        let session = reader.setup();
        let (_, outputs) = reader.ask("PLAY", URL, &[&session]);
        assert_eq!(outputs, [Output::Play { path: "/yard?main".to_owned() }]);
        reader
    }

    fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        let frame = |output| match output {
            Output::Send(bytes) if bytes[0] == b'$' => (bytes[1], bytes[4..].to_vec()),
            other => panic!("{other:?}"),
        };
        self.outputs().into_iter().map(frame).collect()
    }
}

#[test]
fn a_whole_session_in_its_order() {
    let mut reader = Reader::new();
    let (reply, _) = reader.ask("OPTIONS", "*", &[]);
    assert!(reply.contains("Public: OPTIONS, DESCRIBE, SETUP, PLAY"), "{reply}");
    let (_, outputs) = reader.ask("DESCRIBE", URL, &["Accept: application/sdp"]);
    assert_eq!(outputs, [Output::Describe { path: "/yard?main".to_owned() }]);
    let sdp = describe_h264("Yard", Some(&sets_360()));
    reader.session.describe_result(reader.now, Ok(&sdp));
    let outputs = reader.outputs();
    let [Output::Send(reply)] = &outputs[..] else { panic!("{outputs:?}") };
    let reply = std::str::from_utf8(reply).unwrap();
    assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
    assert!(reply.contains("CSeq: 2\r\n"), "{reply}");
    assert!(reply.contains(&format!("Content-Base: {URL}/\r\n")), "{reply}");
    assert!(reply.ends_with(&sdp));
    let session = reader.setup();
    assert_eq!(reader.status("PLAY", URL, &[&session]), "200");
    assert_eq!(reader.status("GET_PARAMETER", URL, &[&session]), "200");
    let (reply, outputs) = reader.ask("TEARDOWN", URL, &[&session]);
    assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
    assert_eq!(outputs, [Output::Close]);
    assert_eq!(reader.ask("OPTIONS", "*", &[]), (String::new(), vec![]));
    assert_eq!(reader.session.poll_timeout(), None);
}

#[test]
fn the_description_names_profile_and_parameter_sets_and_nothing_else() {
    let sdp = describe_h264("a\r\nb=injected", Some(&sets_360()));
    assert!(sdp.contains("s=ab=injected\r\n"));
    assert!(sdp.contains(";profile-level-id=42C01E;sprop-parameter-sets=Z0LAHt"), "{sdp}");
    let bare = describe_h264("", None);
    assert!(bare.contains("s=-\r\n") && bare.contains("a=fmtp:96 packetization-mode=1\r\n"));
}

#[test]
fn an_unknown_stream_is_404_and_the_connection_goes_on() {
    let mut reader = Reader::new();
    reader.ask("DESCRIBE", URL, &[]);
    reader.session.describe_result(reader.now, Err(NotFound));
    let outputs = reader.outputs();
    let [Output::Send(reply)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(reply.starts_with(b"RTSP/1.0 404 Not Found\r\n"));
    assert_eq!(reader.status("OPTIONS", "*", &[]), "200");
}

#[test]
fn requests_behind_a_describe_are_answered_after_it() {
    let mut reader = Reader::new();
    reader.ask("DESCRIBE", URL, &[]);
    assert_eq!(reader.ask("OPTIONS", "*", &[]), (String::new(), vec![]));
    reader.session.describe_result(reader.now, Err(NotFound));
    let replies: Vec<u16> = reader
        .outputs()
        .into_iter()
        .map(|output| match output {
            Output::Send(bytes) => std::str::from_utf8(&bytes[9..12]).unwrap().parse().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(replies, [404, 200]);
}

#[test]
fn every_error_has_its_status() {
    let mut reader = Reader::new();
    let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3";
    assert_eq!(reader.status("PLAY", URL, &[]), "454");
    assert_eq!(reader.status("PLAY", URL, &["Session: 1234"]), "454");
    assert_eq!(reader.status("DESCRIBE", URL, &["Accept: text/html"]), "406");
    assert_eq!(reader.status("DESCRIBE", "yard", &[]), "400");
    assert_eq!(reader.status("DESCRIBE", &format!("{URL}{}", "x".repeat(5000)), &[]), "414");
    assert_eq!(reader.status("SETUP", URL, &[]), "461");
    assert_eq!(reader.status("SETUP", URL, &["Transport: RTP/AVP;client_port=5000-5001"]), "461");
    assert_eq!(reader.status("SETUP", URL, &["Transport: RTP/AVP;multicast"]), "461");
    assert_eq!(reader.status("OPTIONS", "*", &["Require: implicit-play"]), "551");
    assert_eq!(reader.status("PAUSE", URL, &[]), "405");
    assert_eq!(reader.status("FROBNICATE", URL, &[]), "501");
    let session = reader.setup();
    assert_eq!(reader.status("SETUP", URL, &[tcp]), "455");
    assert_eq!(reader.status("SETUP", URL, &[&session, tcp]), "200");
    assert_eq!(reader.status("PLAY", URL, &["Session: 1234"]), "454");
    assert_eq!(reader.status("PLAY", URL, &[&session]), "200");
    assert_eq!(reader.status("SETUP", URL, &[&session, tcp]), "455");
    assert_eq!(reader.status("GET_PARAMETER", URL, &["Session: 1234"]), "454");
}

#[test]
fn udp_and_tcp_offered_together_gives_tcp_with_the_channels_asked_for() {
    let mut reader = Reader::new();
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=6-7";
    let (reply, _) = reader.ask("SETUP", URL, &[offer]);
    assert!(reply.contains("Transport: RTP/AVP/TCP;unicast;interleaved=6-7;ssrc="), "{reply}");
}

#[test]
fn a_request_without_sequence_number_is_400_and_garbage_ends_the_connection() {
    let mut reader = Reader::new();
    reader.session.handle_data(reader.now, b"OPTIONS * RTSP/1.0\r\n\r\n");
    let outputs = reader.outputs();
    assert!(matches!(&outputs[..], [Output::Send(r)] if r.starts_with(b"RTSP/1.0 400")));
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 300_000]] {
        let mut reader = Reader::new();
        reader.session.handle_data(reader.now, garbage);
        assert_eq!(reader.outputs().last(), Some(&Output::Close));
    }
}

#[test]
fn media_is_taken_only_while_playing() {
    let mut reader = Reader::new();
    assert!(!reader.session.write_rtp(reader.now, &[0x65, 0x88], 0, true));
    let session = reader.setup();
    assert!(!reader.session.write_rtp(reader.now, &[0x65, 0x88], 0, true));
    reader.ask("PLAY", URL, &[&session]);
    assert!(reader.session.write_rtp(reader.now, &[0x65, 0x88], 0, true));
    assert!(!reader.session.write_rtp(reader.now, &[0; 65_524], 0, true));
    assert!(reader.session.write_rtp(reader.now, &[0; 65_523], 0, true));
    reader.outputs();
    reader.ask("TEARDOWN", URL, &[&session]);
    assert!(!reader.session.write_rtp(reader.now, &[0x65, 0x88], 0, true));
}

#[test]
fn packets_are_numbered_and_reports_tell_the_time() {
    let mut reader = Reader::play();
    for n in 0..3u32 {
        reader.session.write_rtp(reader.now, &[0x41, n as u8], n * FRAME, n == 2);
    }
    let frames = reader.frames();
    assert_eq!(frames.iter().map(|(channel, _)| *channel).collect::<Vec<_>>(), [0, 1, 0, 0]);
    let [first, third] = [0, 3].map(|at: usize| rtp::Packet::parse(&frames[at].1).unwrap());
    assert_eq!(third.sequence, first.sequence.wrapping_add(2));
    assert_eq!((third.timestamp, third.marker, third.payload), (2 * FRAME, true, &[0x41, 2][..]));
    assert_eq!((first.payload_type, first.marker), (96, false));

    let due = reader.session.poll_timeout().unwrap();
    assert_eq!(due - reader.now, Duration::from_secs(5));
    reader.session.handle_timeout(due);
    let frames = reader.frames();
    let [(1, data)] = &frames[..] else { panic!("{frames:?}") };
    let packets = rtcp::parse(data);
    let rtcp::Packet::SenderReport(report) = &packets[0] else { panic!("{packets:?}") };
    assert_eq!((report.ssrc, report.packets, report.bytes), (first.ssrc, 3, 6));
    assert_eq!(report.ntp, NTP + (5 << 32));
    assert_eq!(report.rtp_timestamp, 2 * FRAME + 5 * 90_000);
}

#[test]
fn a_reader_that_does_not_read_is_refused_media_not_given_memory() {
    let mut reader = Reader::play();
    let mut taken = 0;
    while reader.session.write_rtp(reader.now, &[0x41; 60_000], 0, true) {
        taken += 1;
    }
    assert_eq!(taken, MAX_QUEUED_BYTES / 60_016);
    reader.outputs();
    assert!(reader.session.write_rtp(reader.now, &[0x41; 60_000], 0, true));
}

#[test]
fn requests_that_nobody_takes_the_replies_of_end_the_session() {
    let mut reader = Reader::new();
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1000);
    for _ in 0..60 {
        reader.session.handle_data(reader.now, &request);
    }
    assert_eq!(reader.outputs().last(), Some(&Output::Close));
    let mut reader = Reader::new();
    reader.ask("DESCRIBE", URL, &[]);
    for _ in 0..3 {
        reader.session.handle_data(reader.now, &request);
    }
    assert_eq!(reader.outputs(), [Output::Close]);
}

#[test]
fn a_silent_reader_is_given_up_and_receiver_reports_are_no_silence() {
    let mut reader = Reader::new();
    assert_eq!(reader.session.poll_timeout(), Some(reader.now + SETUP_TIMEOUT));
    reader.session.handle_timeout(reader.now + SETUP_TIMEOUT);
    assert_eq!(reader.outputs(), [Output::Close]);

    let mut reader = Reader::play();
    let start = reader.now;
    let report = [&b"$\x01\x00\x08"[..], &[0x80, 201, 0, 1, 0, 0, 0, 9]].concat();
    let later = start + SESSION_TIMEOUT / 2;
    reader.session.handle_data(later, &report);
    reader.session.handle_timeout(start + SESSION_TIMEOUT);
    assert_eq!(reader.outputs(), []);
    assert_eq!(reader.session.poll_timeout(), Some(later + SESSION_TIMEOUT));
    reader.session.handle_timeout(later + SESSION_TIMEOUT);
    assert_eq!(reader.outputs(), [Output::Close]);
}

#[test]
fn picture_loss_of_this_stream_asks_for_a_keyframe_once() {
    let mut reader = Reader::play();
    reader.session.write_rtp(reader.now, &[0x41, 1], 0, true);
    let ssrc = rtp::Packet::parse(&reader.frames()[0].1).unwrap().ssrc;
    for (media_ssrc, asked) in [(ssrc, 1), (ssrc ^ 1, 0)] {
        let mut data = Vec::new();
        rtcp::push_receiver_report(&mut data, 1, None);
        rtcp::push_picture_loss(&mut data, 1, media_ssrc);
        rtcp::push_full_intra_request(&mut data, 1, media_ssrc, 1);
        let frame = [&[b'$', 1, 0, data.len() as u8], &data[..]].concat();
        reader.session.handle_data(reader.now, &frame.repeat(3));
        assert_eq!(reader.outputs(), vec![Output::KeyframeRequest; asked]);
    }
}

/// The crate's client and server, connected by something that cuts bytes into pieces.
struct Wire {
    client: Client,
    server: Session,
    now: Instant,
    piece: usize,
    events: Vec<Event>,
    access_units: Vec<AccessUnit>,
    asked: Vec<Output>,
}

impl Wire {
    fn new(piece: usize) -> Self {
        let now = Instant::now();
        let mut options = Options::new(Url::parse(URL).unwrap());
        options.transport = Transport::Tcp;
        Self {
            client: Client::new(options, 3),
            server: Session::new(now, NTP, 4),
            now,
            piece,
            events: Vec::new(),
            access_units: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Carries bytes until neither side has any.
    fn run(&mut self) {
        loop {
            if let Some(output) = self.client.poll_output() {
                match output {
                    client::Output::Connect { .. } => self.client.handle_connected(self.now),
                    client::Output::Send(bytes) => {
                        for piece in bytes.chunks(self.piece) {
                            self.server.handle_data(self.now, piece);
                        }
                    }
                    client::Output::Event(Event::AccessUnit(au)) => self.access_units.push(au),
                    client::Output::Event(event) => self.events.push(event),
                    other => self.asked.extend(unexpected(&other)),
                }
            } else if let Some(output) = self.server.poll_output() {
                match output {
                    Output::Send(bytes) => {
                        for piece in bytes.chunks(self.piece) {
                            self.client.handle_data(self.now, piece);
                        }
                    }
                    Output::Describe { path } => {
                        assert_eq!(path, "/yard?main");
                        let sdp = describe_h264("Yard", Some(&sets_360()));
                        self.server.describe_result(self.now, Ok(&sdp));
                    }
                    other => self.asked.push(other),
                }
            } else {
                return;
            }
        }
    }
}

fn unexpected(output: &client::Output) -> Option<Output> {
    assert!(matches!(output, client::Output::Disconnect), "{output:?}");
    None
}

#[test]
fn access_units_reach_the_client_equal_however_the_bytes_are_cut() {
    for piece in [1, 2, 3, 7, 100, 1460, 100_000] {
        let mut wire = Wire::new(piece);
        wire.client.start(wire.now);
        wire.run();
        assert_eq!(wire.asked, [Output::Play { path: "/yard?main".to_owned() }]);
        assert!(wire.events.iter().any(|event| matches!(event, Event::Playing)));
        let mut sent: Vec<AccessUnit> = Vec::new();
        for n in 0..30u8 {
            let header = [IDR, REFERENCE, DISPOSABLE][usize::from(n % 10).min(n as usize % 3)];
            let slices = [slice(header, 0, 900, n), slice(header, 300, 4000, n)];
            let mut units = vec![&slices[0][..], &slices[1]];
            if n % 3 == 0 {
                units.splice(0..0, [[SPS_360, SPS_720][usize::from(n / 3 % 2)], PPS]);
            }
            let timestamp = u32::from(n) * FRAME;
            let in_force = sent.last().and_then(|au| au.parameter_sets.clone());
            let au = AccessUnit::from_nals(timestamp, wire.now, units, in_force.as_ref()).unwrap();
            let payloads = packetize(&au, 1200);
            for (index, payload) in payloads.iter().enumerate() {
                let marker = index + 1 == payloads.len();
                assert!(wire.server.write_rtp(wire.now, payload, timestamp, marker));
            }
            sent.push(au);
            wire.now += Duration::from_millis(40);
            wire.client.handle_timeout(wire.now);
            wire.server.handle_timeout(wire.now);
            wire.run();
        }
        assert_eq!(wire.access_units.len(), sent.len(), "cut into {piece}");
        for (received, sent) in wire.access_units.iter().zip(&sent) {
            assert_eq!((received.timestamp, received.kind), (sent.timestamp, sent.kind));
            assert_eq!(received.parameter_sets, sent.parameter_sets);
            assert!(received.nals().eq(sent.nals()));
        }
        assert_eq!(wire.access_units[0].kind, Kind::Idr);
        assert!(wire.events.iter().any(|event| matches!(
            event,
            Event::SenderReport { ntp, .. } if ntp >> 32 == NTP >> 32
        )));

        assert!(wire.client.request_keyframe(wire.now));
        wire.run();
        assert_eq!(wire.asked[1..], [Output::KeyframeRequest]);
        wire.client.stop(wire.now);
        wire.run();
        assert_eq!(wire.asked.last(), Some(&Output::Close));
    }
}
