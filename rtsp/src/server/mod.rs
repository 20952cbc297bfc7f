//! A session with one client of ours: RTSP server (RFC 2326) as a state machine.
//!
//! Nothing in here may open a socket, read a clock or start a thread. One connection, on which
//! either a reader is sent one video track and perhaps its audio, or a publisher pushes such;
//! interleaved (10.12) or, where the caller has ports, over UDP. The session lives and ends with
//! its connection.

mod carrier;
mod describe;
mod guard;
pub mod limits;
mod lockout;
mod media;
mod playing;
mod recording;
mod requests;
mod track;

use std::collections::VecDeque;
use std::time::Instant;

pub use describe::{Description, describe, describe_h264, describe_plain};
pub use lockout::Lockout;
pub use playing::{AudioPacket, Frame};
pub use track::PAYLOAD_TYPE;

use crate::audio;
use crate::interleaved::{Item, Parser};
use crate::message::Response;
use crate::random::Random;
use crate::receive::earliest;
use crate::url::Credentials;
use carrier::{Carrier, push_interleaved};
use guard::Guard;
use limits::{MAX_QUEUED_BYTES, MAX_WAITING_BYTES, SESSION_TIMEOUT, SETUP_TIMEOUT};
use media::Media;
use playing::Playing;
use recording::Recording;
use requests::Waiting;
use track::Track;

/// What a session may do. The default is a camera's: whoever comes may read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who may come in; none for everybody.
    pub credentials: Option<Credentials>,
    /// Our UDP ports for RTP and RTCP; none to refuse UDP with 461, which clients answer by asking
    /// for interleaved transport.
    pub udp_ports: Option<(u16, u16)>,
    /// Streams may be pushed.
    pub accepts_push: bool,
}

/// What the caller has to do, in this order. Names of streams are paths of URLs, decoded, without
/// the slash at their beginning and without query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes for the connection.
    Send(Vec<u8>),
    /// A datagram for the client.
    SendDatagram {
        /// The client's port.
        port: u16,
        /// To be sent from our RTCP port, else from our RTP port.
        rtcp: bool,
        /// What to send.
        data: Vec<u8>,
    },
    /// The reader asks for this stream; answer with [`Session::describe_result`], within
    /// [`DESCRIBE_TIMEOUT`](limits::DESCRIBE_TIMEOUT).
    Describe {
        /// Of the stream.
        name: String,
    },
    /// The publisher wants to push this stream; answer with [`Session::announce_result`].
    Announce {
        /// Of the stream.
        name: String,
    },
    /// The reader has been told that media begins: begin with an IDR.
    Play {
        /// Of the stream, as it was described.
        name: String,
    },
    /// The publisher's media begins: it is told by [`Session::poll_event`].
    Record {
        /// Of the stream, as it was announced.
        name: String,
    },
    /// The reader lost its picture (PLI or FIR): an IDR soon would help.
    KeyframeRequest,
    /// The client knows the password.
    RightPassword,
    /// The client guessed; see [`Lockout`].
    WrongPassword,
    /// Close the connection once everything is sent. Nothing follows.
    Close,
}

/// Why there is no stream to be had, or none to be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is none of that name: 404.
    NotFound,
    /// Its camera can't be reached: 503.
    Unavailable,
    /// It is not H.264, or can't be shown: 415.
    Unsupported,
    /// It has a source of its own: 403.
    NotPushable,
    /// Another publisher pushes it: 409.
    Taken,
}

/// What the session is for.
#[derive(Debug)]
enum Role {
    None,
    Playing(Playing),
    Recording(Box<Recording>),
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    options: Options,
    parser: Parser,
    random: Random,
    guard: Guard,
    video: Media,
    audio: Media,
    role: Role,
    /// Its identifier, once something is set up.
    id: Option<String>,
    /// The stream that was described last.
    described: Option<String>,
    /// Its audio, if it was described with some.
    described_audio: Option<audio::Codec>,
    waiting: Option<Waiting>,
    /// What the parser is to expect of frames from now on.
    expectation: Option<(Vec<u8>, Vec<u8>)>,
    outputs: VecDeque<Output>,
    queued_bytes: usize,
    /// Bytes of former outputs that the connection has not taken.
    unsent_bytes: usize,
    /// When the client is given up unless it says something.
    silent_until: Instant,
    closed: bool,
}

impl Session {
    /// A session on a connection accepted at `now`, when the wall clock showed the NTP timestamp
    /// `ntp` (seconds since 1900 in the upper 32 bits). `seed` is random: it feeds nonces, SSRCs
    /// and the session's identifier.
    #[must_use]
    pub fn new(now: Instant, ntp: u64, seed: u64, options: Options) -> Self {
        let mut random = Random::new(seed);
        Self {
            parser: Parser::new(),
            guard: Guard::new(options.credentials.clone()),
            video: Media::new(now, ntp, &mut random),
            audio: Media::new(now, ntp, &mut random),
            random,
            role: Role::None,
            id: None,
            described: None,
            described_audio: None,
            waiting: None,
            expectation: None,
            outputs: VecDeque::new(),
            queued_bytes: 0,
            unsent_bytes: 0,
            silent_until: now + SETUP_TIMEOUT,
            closed: false,
            options,
        }
    }

    /// Bytes from the connection, cut anyhow.
    pub fn handle_data(&mut self, now: Instant, bytes: &[u8]) {
        if !self.closed {
            self.parser.push(bytes);
            self.read(now);
        }
    }

    fn read(&mut self, now: Instant) {
        // Taken out while its items, which borrow from it, are handled.
        let mut parser = std::mem::take(&mut self.parser);
        while !self.closed && self.waiting.is_none() {
            if let Some((channels, payload_types)) = self.expectation.take() {
                parser.expect(&channels, &payload_types);
            }
            match parser.next() {
                Ok(Some(Item::Request(request))) => {
                    self.heard(now);
                    self.handle_request(now, request);
                }
                Ok(Some(Item::Interleaved { channel, data })) => {
                    self.handle_interleaved(now, channel, data);
                }
                Ok(Some(Item::Response(_) | Item::Resync { .. })) => {}
                Ok(None) => break,
                Err(_) => {
                    self.send(&Response::new(400));
                    self.close();
                }
            }
        }
        if self.waiting.is_some() && parser.buffered_bytes() > MAX_WAITING_BYTES {
            self.close();
        }
        self.parser = parser;
    }

    fn handle_interleaved(&mut self, now: Instant, channel: u8, data: &[u8]) {
        match &self.role {
            Role::Playing(playing) if playing.is_rtcp_channel(channel) => {
                self.heard(now);
                self.handle_rtcp(data);
            }
            Role::Recording(_) => self.handle_pushed(now, channel, data),
            _ => {}
        }
    }

    /// A datagram of the client, from its port `port`, on our RTCP port or our RTP port.
    pub fn handle_datagram(&mut self, now: Instant, port: u16, rtcp: bool, data: &[u8]) {
        match &self.role {
            _ if self.closed => {}
            Role::Playing(playing) if playing.is_over_udp() && rtcp => {
                self.heard(now);
                self.handle_rtcp(data);
            }
            Role::Recording(_) => self.handle_pushed_datagram(now, port, rtcp, data),
            _ => {}
        }
    }

    /// The client's ports that its datagrams come from; none where media is not over UDP. The
    /// client's address may have several sessions, each with ports of its own.
    pub fn udp_ports(&self) -> impl Iterator<Item = u16> {
        let (playing, recording) = match &self.role {
            Role::None => (None, None),
            Role::Playing(playing) => (Some(playing.carriers()), None),
            Role::Recording(recording) => (None, Some(recording.carriers())),
        };
        let recording = recording.into_iter().flatten();
        playing.into_iter().flatten().chain(recording).flat_map(|carrier| carrier.udp_ports())
    }

    /// Whether a reader is sent datagrams.
    #[must_use]
    pub fn is_over_udp(&self) -> bool {
        matches!(&self.role, Role::Playing(playing) if playing.is_over_udp())
    }

    fn heard(&mut self, now: Instant) {
        let timeout = if self.id.is_some() { SESSION_TIMEOUT } else { SETUP_TIMEOUT };
        self.silent_until = self.silent_until.max(now + timeout);
    }

    /// Answers [`Output::Describe`], see [`describe`]. Too late an answer is ignored.
    pub fn describe_result(&mut self, now: Instant, description: Result<&Description, Refusal>) {
        if let Some(waiting) = self.waiting.take_if(|waiting| !waiting.is_announce()) {
            self.answer_describe(waiting, description);
            self.read(now);
        }
    }

    /// Answers [`Output::Announce`].
    pub fn announce_result(&mut self, now: Instant, answer: Result<(), Refusal>) {
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.is_announce()) {
            self.answer_announce(waiting, answer);
            self.read(now);
        }
    }

    /// The time of [`Session::poll_timeout`] has come. Early calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.until <= now) {
            self.answer_nothing(waiting);
            self.read(now);
        }
        match &self.role {
            Role::Recording(recording) if recording.is_recording() => {
                self.handle_recording_timeout(now);
            }
            _ if self.silent_until <= now => self.close(),
            Role::Playing(_) => self.handle_playing_timeout(now),
            _ => {}
        }
    }

    /// When to call [`Session::handle_timeout`], at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let waiting = self.waiting.as_ref().map(|waiting| waiting.until);
        match &self.role {
            Role::Recording(recording) if recording.is_recording() => recording.poll_timeout(),
            Role::Playing(playing) => {
                let reports = [self.video.next_report(), self.audio.next_report()];
                let session = [waiting, playing.stalled_until(), Some(self.silent_until)];
                earliest(reports.into_iter().chain(session))
            }
            _ => earliest([waiting, Some(self.silent_until)]),
        }
    }

    /// The next thing to do, until none.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::Send(data) | Output::SendDatagram { data, .. } = &output {
            self.queued_bytes -= data.len();
        }
        Some(output)
    }

    fn send(&mut self, response: &Response) {
        self.push_bytes(response.to_bytes());
        if self.waiting_bytes() > MAX_QUEUED_BYTES {
            self.close();
        }
    }

    fn push_bytes(&mut self, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.outputs.push_back(Output::Send(bytes));
    }

    fn push_datagram(&mut self, port: u16, rtcp: bool, data: Vec<u8>) {
        self.queued_bytes += data.len();
        self.outputs.push_back(Output::SendDatagram { port, rtcp, data });
    }

    fn media(&mut self, track: Track) -> &mut Media {
        match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        }
    }

    fn send_rtcp(&mut self, carrier: Carrier, data: Vec<u8>) {
        match carrier {
            Carrier::Tcp(_, channel) => {
                let mut frame = Vec::with_capacity(4 + data.len());
                push_interleaved(&mut frame, channel, &data);
                self.push_bytes(frame);
            }
            Carrier::Udp(_, port) => self.push_datagram(port, true, data),
        }
    }

    /// Ends the session: another has taken its place, or there is nothing more to send.
    pub fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.waiting = None;
            self.outputs.push_back(Output::Close);
        }
    }
}

/// Path and query of a request URI, which is absolute (RFC 2326 3.2) or only that.
fn path_of(uri: &str) -> Option<String> {
    let rest = match uri.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => uri,
    };
    match rest.chars().next()? {
        '/' => Some(rest.to_owned()),
        '?' => Some(format!("/{rest}")),
        _ => None,
    }
}
