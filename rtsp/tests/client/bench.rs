//! A client on a bench: a camera played by hand, and a clock that only moves when told.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtsp::client::{Client, Error, Event, Group, Options, Output, UdpPort};
use rtsp::h264::AccessUnit;
use rtsp::url::Url;

pub const CAMERA: &str = "10.0.0.7";

pub const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n\
    a=control:trackID=0\r\nm=audio 0 RTP/AVP 97\r\n\
    a=rtpmap:97 MPEG4-GENERIC/16000\r\na=control:trackID=1\r\n";

pub const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x10, 0xff];
pub const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f];

/// Something the client wanted or said.
#[derive(Clone, Debug)]
pub enum Seen {
    Connect(String, u16),
    Disconnect,
    Request(String),
    Frame(u8, Vec<u8>),
    Bind,
    BindAudio(usize),
    Join(Group),
    Datagram(UdpPort, u16, Vec<u8>),
    Event(Event),
}

pub struct Bench {
    pub client: Client,
    pub now: Instant,
    seen: Vec<Seen>,
}

pub fn options(url: &str) -> Options {
    Options::new(Url::parse(url).unwrap())
}

/// An ordinary camera without a password, wanted and being dialled.
pub fn started() -> Bench {
    started_with(options("rtsp://cam/live"))
}

pub fn started_with(options: Options) -> Bench {
    let mut bench = Bench { client: Client::new(options, 1), now: Instant::now(), seen: vec![] };
    bench.client.start(bench.now);
    bench.collect();
    bench
}

/// An ordinary camera that plays.
pub fn playing() -> Bench {
    let mut bench = started();
    bench.connect();
    bench.play();
    bench.forget();
    bench
}

pub fn ok(rest: &str) -> String {
    format!("RTSP/1.0 200 OK\r\n{rest}")
}

pub fn described(headers: &str, sdp: &str) -> String {
    ok(&format!("{headers}Content-Length: {}\r\n\r\n{sdp}", sdp.len()))
}

pub fn rtp(sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    rtp_from(9, sequence, timestamp, payload)
}

pub fn rtp_from(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, 0x80 | 96];
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend(payload);
    out
}

pub fn frame(channel: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![b'$', channel];
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    out
}

impl Bench {
    pub fn connect(&mut self) {
        self.client.set_peer_address(CAMERA.parse().unwrap());
        self.client.handle_connected(self.now);
        self.collect();
    }

    pub fn data(&mut self, bytes: &[u8]) {
        self.client.handle_data(self.now, bytes);
        self.collect();
    }

    /// Answers the last request; `CSeq` is added behind the status line.
    pub fn reply(&mut self, text: &str) {
        let cseq = header(&self.last_request(), "CSeq").unwrap();
        let (status, rest) = text.split_once("\r\n").unwrap();
        let end = if rest.contains("\r\n\r\n") || rest.ends_with("\r\n") { "" } else { "\r\n" };
        let text = format!("{status}\r\nCSeq: {cseq}\r\n{rest}{end}");
        let text = if text.contains("\r\n\r\n") { text } else { format!("{text}\r\n") };
        self.data(text.as_bytes());
    }

    pub fn refuse(&mut self, status: u16) {
        self.reply(&format!("RTSP/1.0 {status} No\r\n"));
    }

    /// Answers up to and including DESCRIBE.
    pub fn describe(&mut self) {
        self.reply(&ok("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n"));
        self.reply(&described("", SDP));
    }

    /// Answers the whole handshake over TCP.
    pub fn play(&mut self) {
        self.describe();
        self.reply(&ok("Session: 42;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"));
        self.reply(&ok("Session: 42\r\n"));
    }

    pub fn rtp(&mut self, sequence: u16, payload: &[u8]) {
        let packet = rtp(sequence, u32::from(sequence) * 3600, payload);
        self.data(&frame(0, &packet));
    }

    /// Media every 40 ms for a while.
    pub fn stream(&mut self, from: u16, count: u16) {
        for sequence in from..from + count {
            self.rtp(sequence, if sequence == from { IDR } else { DELTA });
            self.pass(Duration::from_millis(40));
        }
    }

    pub fn datagram(&mut self, rtcp: bool, source: (&str, u16), data: &[u8]) {
        let source = SocketAddr::new(source.0.parse::<IpAddr>().unwrap(), source.1);
        self.client.handle_datagram(self.now, UdpPort { track: 0, rtcp }, source, data);
        self.collect();
    }

    /// Lets time pass, stopping at every deadline.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut calls = 0;
        while let Some(deadline) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.collect();
            calls += 1;
            assert!(calls < 10_000, "a deadline that never goes away");
        }
        self.now = until;
    }

    /// Lets time pass until the client dials.
    pub fn until_dialled(&mut self) {
        while !matches!(self.seen.last(), Some(Seen::Connect(..))) {
            let deadline = self.client.poll_timeout().unwrap();
            self.pass(deadline.saturating_duration_since(self.now));
        }
    }

    /// Fails a number of dials in a row, and waits for the next.
    pub fn fail_dials(&mut self, count: usize) {
        for _ in 0..count {
            self.until_dialled();
            self.client.handle_connect_failed(self.now, "refused");
            self.collect();
        }
        self.until_dialled();
    }

    pub fn collect(&mut self) {
        while let Some(output) = self.client.poll_output() {
            self.seen.push(match output {
                Output::Connect { host, port, .. } => Seen::Connect(host, port),
                Output::Disconnect => Seen::Disconnect,
                Output::Send(bytes) => match bytes.split_first_chunk::<4>() {
                    Some((&[b'$', channel, _, _], data)) => Seen::Frame(channel, data.to_vec()),
                    _ => Seen::Request(String::from_utf8(bytes).unwrap()),
                },
                Output::BindUdp { track: 0 } => Seen::Bind,
                Output::BindUdp { track } => Seen::BindAudio(track),
                Output::JoinMulticast { group, .. } => Seen::Join(group),
                Output::SendDatagram { udp, port, data } => Seen::Datagram(udp, port, data),
                Output::Event(event) => Seen::Event(event),
            });
        }
    }

    /// What was seen is of no interest.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    pub fn requests(&self) -> Vec<String> {
        self.find(|seen| match seen {
            Seen::Request(text) => Some(text.clone()),
            _ => None,
        })
    }

    pub fn last_request(&self) -> String {
        self.requests().pop().unwrap()
    }

    /// The first words of the requests: methods, mostly.
    pub fn methods(&self) -> Vec<String> {
        self.requests().iter().map(|text| first_words(text, 1)).collect()
    }

    pub fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        self.find(|seen| match seen {
            Seen::Frame(channel, data) => Some((*channel, data.clone())),
            _ => None,
        })
    }

    pub fn datagrams(&self) -> Vec<(bool, u16, Vec<u8>)> {
        self.find(|seen| match seen {
            Seen::Datagram(udp, port, data) => Some((udp.rtcp, *port, data.clone())),
            _ => None,
        })
    }

    pub fn events(&self) -> Vec<Event> {
        self.find(|seen| match seen {
            Seen::Event(event) => Some(event.clone()),
            _ => None,
        })
    }

    pub fn access_units(&self) -> Vec<AccessUnit> {
        self.find(|seen| match seen {
            Seen::Event(Event::AccessUnit(unit)) => Some(unit.clone()),
            _ => None,
        })
    }

    /// Why and for how long the camera was left alone.
    pub fn failures(&self) -> Vec<(Error, Duration)> {
        self.find(|seen| match seen {
            Seen::Event(Event::Offline { error, retry_in }) => Some((error.clone(), *retry_in)),
            _ => None,
        })
    }

    pub fn errors(&self) -> Vec<Error> {
        self.failures().into_iter().map(|(error, _)| error).collect()
    }

    pub fn dials(&self) -> usize {
        self.seen.iter().filter(|seen| matches!(seen, Seen::Connect(..))).count()
    }

    pub fn hosts(&self) -> Vec<String> {
        self.find(|seen| match seen {
            Seen::Connect(host, _) => Some(host.clone()),
            _ => None,
        })
    }

    pub fn disconnects(&self) -> usize {
        self.seen.iter().filter(|seen| matches!(seen, Seen::Disconnect)).count()
    }

    fn find<T>(&self, pick: impl Fn(&Seen) -> Option<T>) -> Vec<T> {
        self.seen.iter().filter_map(pick).collect()
    }
}

pub fn first_words(text: &str, count: usize) -> String {
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

pub fn header(message: &str, name: &str) -> Option<String> {
    message.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}
