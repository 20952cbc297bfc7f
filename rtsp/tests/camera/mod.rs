//! A camera made of text and bytes, to be played with in virtual time.
//!
//! It shares no code with the `rtsp` crate, so that an error there is not made here as well. Left
//! alone it is an ordinary camera, and a strict one: it knows one URL for the whole and one for
//! the track, wants a description before SETUP and its session in every request, and stops sending
//! to whoever does not keep the session alive. What a camera does otherwise is written into its
//! fields, or scripted with [`Camera::on`].
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod h264;
pub mod h265;
pub mod lock;
pub mod message;
pub mod rtp;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use lock::{Lock, Scheme};
pub use message::{Reply, Request};

/// Its ports for RTP and RTCP.
pub const PORTS: (u16, u16) = (6000, 6001);
pub const SESSION: &str = "7F3A21";
/// By how much it gives a session up before its time: its clock is not that of the client.
const EARLY: Duration = Duration::from_secs(1);
const SSRC: u32 = 0x1d5f_00c4;

/// What it takes for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    Anything,
    /// Requests of these methods alone.
    Requests(&'static [&'static str]),
    /// Receiver reports alone.
    Reports,
}

/// What it says, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// On the connection.
    Bytes(Vec<u8>),
    /// By UDP, from a port of its own to the RTP or the RTCP port of the client.
    Datagram { from: u16, to_rtcp: bool, data: Vec<u8> },
    /// It closes the connection.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    None,
    Tcp { rtp: u8, rtcp: u8 },
    Udp { rtcp_port_of_client: u16 },
}

type Handler = Box<dyn FnMut(&Request, &mut Reply)>;

pub struct Camera {
    /// What OPTIONS, DESCRIBE, PLAY and everything about the whole have to name.
    pub url: String,
    /// The same for all after DESCRIBE, where it differs.
    pub base_url: Option<String>,
    /// What SETUP has to name.
    pub track_url: String,
    pub sdp: String,
    pub lock: Option<Lock>,
    /// Channels it uses whatever it is asked for.
    pub channels: Option<(u8, u8)>,
    /// Where its datagrams come from.
    pub ports: (u16, u16),
    pub session_timeout: Duration,
    pub alive_by: Alive,
    pub payload_type: u8,
    pub ssrc: u32,
    pub sequence: u16,
    /// All requests of all connections.
    pub requests: Vec<Request>,
    /// Receiver reports that came where they belong.
    pub reports: usize,
    /// Feedback (PLI and FIR) in them.
    pub keyframe_requests: usize,
    pub connections: usize,
    pub playing: bool,
    script: Vec<(&'static str, Handler)>,
    input: Vec<u8>,
    said: Vec<Said>,
    described: bool,
    session: bool,
    carrier: Carrier,
    alive_at: Option<Instant>,
}

/// A description with a video track of `H264` and these `a=fmtp` parameters.
pub fn sdp(parameters: &str) -> String {
    format!(
        "v=0\r\no=- 1109162014219182 1 IN IP4 0.0.0.0\r\ns=Media Server\r\nc=IN IP4 0.0.0.0\r\n\
         t=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 {parameters}\r\na=control:trackID=0\r\n"
    )
}

/// `sprop-parameter-sets` of these units.
pub fn sprop(units: &[&[u8]]) -> String {
    let units: Vec<String> = units.iter().map(|unit| STANDARD.encode(unit)).collect();
    format!("packetization-mode=1;sprop-parameter-sets={}", units.join(","))
}

impl Camera {
    /// An ordinary camera at `rtsp://cam/live`.
    pub fn new() -> Self {
        Self {
            url: "rtsp://cam/live".to_owned(),
            base_url: None,
            track_url: "rtsp://cam/live/trackID=0".to_owned(),
            sdp: sdp(&sprop(&[h264::SPS_360, h264::PPS])),
            lock: None,
            channels: None,
            ports: PORTS,
            session_timeout: Duration::from_secs(60),
            alive_by: Alive::Anything,
            payload_type: 96,
            ssrc: SSRC,
            sequence: 41_000,
            requests: Vec::new(),
            reports: 0,
            keyframe_requests: 0,
            connections: 0,
            playing: false,
            script: Vec::new(),
            input: Vec::new(),
            said: Vec::new(),
            described: false,
            session: false,
            carrier: Carrier::None,
            alive_at: None,
        }
    }

    /// The same with another description.
    pub fn described(sdp: &str) -> Self {
        Self { sdp: sdp.to_owned(), ..Self::new() }
    }

    /// Changes every reply to a method; `*` is all of them.
    pub fn on(&mut self, method: &'static str, change: impl FnMut(&Request, &mut Reply) + 'static) {
        self.script.push((method, Box::new(change)));
    }

    pub fn poll(&mut self) -> Option<Said> {
        if self.said.is_empty() { None } else { Some(self.said.remove(0)) }
    }

    /// The client connects. What was said to nobody is lost.
    pub fn connected(&mut self) {
        self.connections += 1;
        self.disconnected();
        self.said.clear();
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.input.clear();
        (self.described, self.session, self.playing) = (false, false, false);
        self.carrier = Carrier::None;
    }

    /// Bytes on the connection.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while let Some(first) = self.input.first() {
            if *first == b'$' {
                let Some(header) = self.input.first_chunk::<4>() else { return };
                let (channel, high, low) = (header[1], header[2], header[3]);
                let length = 4 + usize::from(u16::from_be_bytes([high, low]));
                if self.input.len() < length {
                    return;
                }
                let frame: Vec<u8> = self.input.drain(..length).collect();
                if matches!(self.carrier, Carrier::Tcp { rtcp, .. } if rtcp == channel) {
                    self.report(now, &frame[4..]);
                }
            } else {
                let Some(request) = Request::take(&mut self.input) else { return };
                self.answer(now, &request);
                self.requests.push(request);
            }
        }
    }

    /// A datagram to one of its ports.
    pub fn receive_datagram(&mut self, now: Instant, from: u16, to: u16, data: &[u8]) {
        // Servers know the sender of a report by his port.
        let expected = matches!(self.carrier,
            Carrier::Udp { rtcp_port_of_client } if rtcp_port_of_client == from);
        if expected && to == self.ports.1 {
            self.report(now, data);
        }
    }

    fn report(&mut self, now: Instant, data: &[u8]) {
        if data.get(1) != Some(&201) {
            return;
        }
        self.reports += 1;
        let words = data.chunks_exact(4);
        self.keyframe_requests += usize::from(words.clone().any(|word| word[..2] == [0x81, 206]));
        if matches!(self.alive_by, Alive::Anything | Alive::Reports) {
            self.alive_at = Some(now);
        }
    }

    fn answer(&mut self, now: Instant, request: &Request) {
        let mut reply = self.ordinary_reply(request);
        // Camera software knows the number by exactly this name.
        if let Some(number) = request.header("CSeq") {
            reply.headers.insert(0, ("CSeq".to_owned(), number.to_owned()));
        } else {
            reply.refuse("400 Bad Request");
        }
        for (method, change) in &mut self.script {
            if *method == "*" || *method == request.method {
                change(request, &mut reply);
            }
        }
        if reply.status.starts_with("200") {
            self.take_effect(now, request);
        }
        self.said.push(Said::Bytes(reply.bytes()));
        if reply.close {
            self.said.push(Said::Close);
        }
    }

    fn ordinary_reply(&mut self, request: &Request) -> Reply {
        if let Some(lock) = self.lock.as_mut().filter(|_| request.method != "OPTIONS")
            && !lock.opens(request)
        {
            let mut reply = Reply::new("401 Unauthorized");
            for challenge in lock.challenges() {
                reply.add("WWW-Authenticate", &challenge);
            }
            return reply;
        }
        if self.session && request.header("Session") != Some(SESSION) {
            return Reply::new("454 Session Not Found");
        }
        let whole = if self.described { self.base_url.as_ref() } else { None };
        let expected = match request.method.as_str() {
            "SETUP" => &self.track_url,
            _ => whole.unwrap_or(&self.url),
        };
        if *expected != request.url {
            return Reply::new("404 Not Found");
        }
        let mut reply = Reply::new("200 OK");
        match request.method.as_str() {
            "OPTIONS" => {
                let known = "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER";
                reply.set("Public", known);
            }
            "DESCRIBE" => {
                reply.set("Content-Type", "application/sdp");
                reply.body = self.sdp.clone().into_bytes();
            }
            "SETUP" if !self.described => return Reply::new("455 Method Not Valid"),
            "SETUP" => {
                let timeout = self.session_timeout.as_secs();
                reply.set("Session", &format!("{SESSION};timeout={timeout}"));
                reply.set("Transport", &self.transport(request));
            }
            "PLAY" | "GET_PARAMETER" | "TEARDOWN" if self.session => {
                reply.set("Session", SESSION);
            }
            _ => return Reply::new("455 Method Not Valid"),
        }
        reply
    }

    fn transport(&self, request: &Request) -> String {
        let asked = request.header("Transport").unwrap();
        let (rtp, rtcp) = self.ports;
        match self.channels {
            Some((rtp, rtcp)) => format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
            None if asked.contains("client_port") => format!("{asked};server_port={rtp}-{rtcp}"),
            None => asked.to_owned(),
        }
    }

    fn take_effect(&mut self, now: Instant, request: &Request) {
        match request.method.as_str() {
            "DESCRIBE" => self.described = true,
            "SETUP" => {
                self.session = true;
                let narrow = |(rtp, rtcp): (u16, u16)| (rtp as u8, rtcp as u8);
                let asked = request.transport_pair("interleaved").map(narrow);
                let ports = request.transport_pair("client_port");
                self.carrier = match (self.channels.or(asked), ports) {
                    (Some((rtp, rtcp)), _) => Carrier::Tcp { rtp, rtcp },
                    (None, Some((_, rtcp))) => Carrier::Udp { rtcp_port_of_client: rtcp },
                    (None, None) => panic!("{request:?}"),
                };
            }
            "PLAY" => {
                self.playing = true;
                self.alive_at = Some(now);
            }
            "TEARDOWN" => (self.playing, self.session) = (false, false),
            _ => {}
        }
        let counts = match self.alive_by {
            Alive::Anything => true,
            Alive::Requests(methods) => methods.contains(&request.method.as_str()),
            Alive::Reports => false,
        };
        if counts {
            self.alive_at = Some(now);
        }
    }

    /// Anything at all on the connection.
    pub fn say(&mut self, bytes: &[u8]) {
        self.said.push(Said::Bytes(bytes.to_vec()));
    }

    pub fn close(&mut self) {
        self.said.push(Said::Close);
    }

    /// The next RTP packet of the track.
    pub fn send(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let (kind, number, ssrc) = (self.payload_type, self.sequence, self.ssrc);
        let packet = rtp::packet(kind, marker, number, timestamp, ssrc, payload);
        self.send_raw(now, false, &packet);
    }

    /// Anything where the RTP or the RTCP of the track goes.
    pub fn send_raw(&mut self, now: Instant, rtcp: bool, data: &[u8]) {
        let expired = self.alive_at.is_some_and(|at| now - at + EARLY >= self.session_timeout);
        if expired && self.playing {
            return;
        }
        match self.carrier {
            Carrier::None => {}
            Carrier::Tcp { rtp, rtcp: channel } => {
                self.say(&rtp::frame(if rtcp { channel } else { rtp }, data));
            }
            Carrier::Udp { .. } => {
                let from = if rtcp { self.ports.1 } else { self.ports.0 };
                self.said.push(Said::Datagram { from, to_rtcp: rtcp, data: data.to_vec() });
            }
        }
    }

    /// Methods of all requests, in order.
    pub fn methods(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.method.as_str()).collect()
    }
}
