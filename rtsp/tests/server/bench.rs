//! A client of the server, played by hand.

use std::time::Instant;

use rtsp::server::{Frame, Options, Output, Session, describe_h264};

use crate::support::h264::sets_360;

pub const NTP: u64 = 3_900_000_000 << 32;
pub const URL: &str = "rtsp://127.0.0.1:8554/yard?main";
pub const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

pub struct Peer {
    pub session: Session,
    pub now: Instant,
    cseq: u32,
}

impl Peer {
    /// A client of a camera: nothing is asked for.
    pub fn new() -> Self {
        Self::of(Options::default())
    }

    pub fn of(options: Options) -> Self {
        let now = Instant::now();
        Self { session: Session::new(now, NTP, 7, options), now, cseq: 0 }
    }

    pub fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// Sends a request with a CSeq of its own; the reply, and what else was put out.
    pub fn ask(&mut self, method: &str, uri: &str, headers: &[&str]) -> (String, Vec<Output>) {
        self.ask_with(method, uri, headers, "")
    }

    pub fn ask_with(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[&str],
        body: &str,
    ) -> (String, Vec<Output>) {
        self.cseq += 1;
        let mut request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        for header in headers {
            request += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        self.session.handle_data(self.now, format!("{request}\r\n{body}").as_bytes());
        self.take_reply()
    }

    /// The reply among the outputs, and the others.
    pub fn take_reply(&mut self) -> (String, Vec<Output>) {
        let mut outputs = self.outputs();
        let is_reply = |output: &Output| matches!(output, Output::Send(b) if b[0] == b'R');
        let Some(at) = outputs.iter().position(is_reply) else { return (String::new(), outputs) };
        let Output::Send(bytes) = outputs.remove(at) else { unreachable!() };
        let reply = String::from_utf8(bytes).unwrap();
        assert!(reply.contains(&format!("CSeq: {}\r\n", self.cseq)), "{reply}");
        (reply, outputs)
    }

    pub fn status(&mut self, method: &str, uri: &str, headers: &[&str]) -> String {
        self.ask(method, uri, headers).0.get(9..12).unwrap_or("").to_owned()
    }

    pub fn describe(&mut self, headers: &[&str]) -> String {
        let (reply, outputs) = self.ask("DESCRIBE", URL, headers);
        assert_eq!((&*reply, outputs), ("", vec![Output::Describe { name: "yard".to_owned() }]));
        let sdp = describe_h264("Yard", Some(&sets_360()));
        self.session.describe_result(self.now, Ok(&sdp));
        self.take_reply().0
    }

    /// Describes, sets the track up and returns the Session header to send.
    pub fn setup(&mut self, transport: &str) -> String {
        self.describe(&[]);
        let (reply, _) = self.ask("SETUP", &format!("{URL}/trackID=0"), &[transport]);
        assert!(reply.starts_with("RTSP/1.0 200 OK\r\n"), "{reply}");
        session_header(&reply)
    }

    /// A reader that plays.
    pub fn play() -> Self {
        let mut peer = Self::new();
        let session = peer.setup(TCP);
        let (_, outputs) = peer.ask("PLAY", URL, &[&session]);
        assert_eq!(outputs, [Output::Play { name: "yard".to_owned() }]);
        peer
    }

    /// Sends a frame of these payloads.
    pub fn write(&mut self, is_key: bool, timestamp: u32, payloads: &[&[u8]]) -> bool {
        let (presented_at, payloads) = (self.now, payloads.iter().collect());
        let frame = Frame { timestamp, presented_at, is_key, payloads: &payloads };
        self.session.write_frame(self.now, &frame)
    }

    /// What was sent on the channels of the connection.
    pub fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        let sent = self.outputs().into_iter().flat_map(|output| match output {
            Output::Send(bytes) => bytes,
            other => panic!("{other:?}"),
        });
        let bytes: Vec<u8> = sent.collect();
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while let [b'$', channel, high, low, data @ ..] = rest {
            let (data, after) = data.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            frames.push((*channel, data.to_vec()));
            rest = after;
        }
        assert!(rest.is_empty(), "{rest:?}");
        frames
    }
}

pub fn session_header(reply: &str) -> String {
    let line = reply.lines().find(|line| line.starts_with("Session: ")).unwrap();
    line.split(';').next().unwrap().to_owned()
}

/// An interleaved frame.
pub fn interleaved(channel: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[b'$', channel, high, low], data].concat()
}
