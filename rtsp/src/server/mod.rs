//! A session with one reader: RTSP server (RFC 2326) as a state machine.
//!
//! Nothing in here may open a socket, read a clock or start a thread. One connection, one H.264
//! track, interleaved in that connection (10.12); other transports are refused with 461, which
//! clients answer by asking for this one. There is no authentication: listen on loopback.

mod describe;
pub mod limits;
mod media;
mod requests;

use std::collections::VecDeque;
use std::time::Instant;

pub use describe::describe_h264;

use crate::interleaved::{Item, Parser};
use crate::message::Response;
use crate::random::Random;
use crate::rtcp;
use limits::{MAX_QUEUED_BYTES, MAX_WAITING_BYTES, SESSION_TIMEOUT, SETUP_TIMEOUT};
use media::Media;
use requests::Waiting;

/// RTP payload type of the video track.
pub const PAYLOAD_TYPE: u8 = 96;
/// `a=control` of the video track.
const CONTROL: &str = "trackID=0";

/// What the caller has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes for the connection.
    Send(Vec<u8>),
    /// The reader asks for this stream; answer with [`Session::describe_result`].
    Describe {
        /// Path and query of the URL, beginning with `/`.
        path: String,
    },
    /// The reader has been told that media begins: begin with an IDR.
    Play {
        /// Path and query of the URL that was described or set up.
        path: String,
    },
    /// The reader lost its picture (PLI or FIR): an IDR soon would help.
    KeyframeRequest,
    /// Close the connection once everything is sent. Nothing follows.
    Close,
}

/// There is no such stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFound;

/// What SETUP agreed on.
#[derive(Debug)]
struct Track {
    session_id: String,
    path: String,
    /// Interleaved channels of RTP and RTCP.
    channels: (u8, u8),
    playing: bool,
}

/// One reader's connection.
#[derive(Debug)]
pub struct Session {
    parser: Parser,
    random: Random,
    media: Media,
    track: Option<Track>,
    /// A DESCRIBE whose answer the caller is looking up.
    waiting: Option<Waiting>,
    outputs: VecDeque<Output>,
    queued_bytes: usize,
    /// When the reader is given up unless it says something.
    silent_until: Instant,
    closed: bool,
}

impl Session {
    /// A session on a connection accepted at `now`, when the wall clock showed the NTP timestamp
    /// `ntp` (seconds since 1900 in the upper 32 bits). `seed` feeds SSRC and session identifier.
    #[must_use]
    pub fn new(now: Instant, ntp: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            parser: Parser::new(),
            media: Media::new(now, ntp, &mut random),
            random,
            track: None,
            waiting: None,
            outputs: VecDeque::new(),
            queued_bytes: 0,
            silent_until: now + SETUP_TIMEOUT,
            closed: false,
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
            match parser.next() {
                Ok(Some(Item::Request(request))) => {
                    self.heard(now);
                    self.handle_request(&request);
                }
                Ok(Some(Item::Interleaved { channel, data })) => {
                    if self.track.as_ref().is_some_and(|track| track.channels.1 == channel) {
                        self.heard(now);
                        self.handle_rtcp(data);
                    }
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

    fn heard(&mut self, now: Instant) {
        let timeout = if self.track.is_some() { SESSION_TIMEOUT } else { SETUP_TIMEOUT };
        self.silent_until = self.silent_until.max(now + timeout);
    }

    fn handle_rtcp(&mut self, data: &[u8]) {
        let ssrc = self.media.ssrc();
        let asks = |packet: &rtcp::Packet| match *packet {
            rtcp::Packet::PictureLoss { media_ssrc }
            | rtcp::Packet::FullIntraRequest { media_ssrc, .. } => media_ssrc == ssrc,
            _ => false,
        };
        let repeated = self.outputs.back() == Some(&Output::KeyframeRequest);
        if rtcp::parse(data).iter().any(asks) && !repeated {
            self.outputs.push_back(Output::KeyframeRequest);
        }
    }

    /// Answers [`Output::Describe`] with the SDP, see [`describe_h264`].
    pub fn describe_result(&mut self, now: Instant, sdp: Result<&str, NotFound>) {
        let Some(waiting) = self.waiting.take() else { return };
        self.answer_describe(waiting, sdp);
        self.read(now);
    }

    /// Sends an RTP packet with one payload of [`packetize`](crate::h264::packetize); `timestamp`
    /// in 90 kHz. Returns whether it was taken: not before PLAY, not beyond
    /// [`MAX_QUEUED_BYTES`], not above 65 523 bytes.
    pub fn write_rtp(
        &mut self,
        now: Instant,
        payload: &[u8],
        timestamp: u32,
        marker: bool,
    ) -> bool {
        let Some(track) = self.track.as_ref().filter(|track| track.playing) else { return false };
        if self.closed || self.queued_bytes + payload.len() > MAX_QUEUED_BYTES {
            return false;
        }
        let (rtp, rtcp) = track.channels;
        let Some(frame) = self.media.packet(now, rtp, payload, timestamp, marker) else {
            return false;
        };
        self.push_bytes(frame);
        if let Some(report) = self.media.report(now, rtcp) {
            self.push_bytes(report);
        }
        true
    }

    /// The time of [`Session::poll_timeout`] has come. Early calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if self.silent_until <= now {
            return self.close();
        }
        if let Some(track) = self.track.as_ref().filter(|track| track.playing)
            && let Some(report) = self.media.report(now, track.channels.1)
        {
            self.push_bytes(report);
        }
    }

    /// When to call [`Session::handle_timeout`], at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let next = self
            .media
            .next_report()
            .map_or(self.silent_until, |report| report.min(self.silent_until));
        (!self.closed).then_some(next)
    }

    /// The next thing to do, until none.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::Send(bytes) = &output {
            self.queued_bytes -= bytes.len();
        }
        Some(output)
    }

    fn send(&mut self, response: &Response) {
        self.push_bytes(response.to_bytes());
        if self.queued_bytes > MAX_QUEUED_BYTES {
            self.close();
        }
    }

    fn push_bytes(&mut self, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.outputs.push_back(Output::Send(bytes));
    }

    fn close(&mut self) {
        self.closed = true;
        self.waiting = None;
        self.outputs.push_back(Output::Close);
    }
}
