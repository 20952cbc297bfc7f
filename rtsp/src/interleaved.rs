//! Framing of an RTSP connection (RFC 2326 10.12): text messages and `$` frames in turn.
//!
//! A push parser over one bounded buffer. It knows no socket and no clock, and what it yields
//! depends on the bytes alone, never on how they were cut into reads. Bytes that begin no message
//! are skipped until something that surely does: a status line, or a frame on an expected channel
//! that holds RTP or RTCP.

use std::fmt;

use crate::limits::{MAX_GARBAGE_BYTES, MAX_HEAD_BYTES, MAX_REQUEST_LINE_BYTES};
use crate::message::{Head, HeadError, Request, Response, parse_head};

/// One thing read from the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A request of the peer.
    Request(Request),
    /// A response of the peer.
    Response(Response),
    /// A binary frame.
    Interleaved {
        /// Channel of the frame.
        channel: u8,
        /// What it holds, at most 65535 bytes.
        data: &'a [u8],
    },
    /// Bytes that belong to nothing were skipped and the stream was found again.
    Resync {
        /// How many bytes were skipped.
        skipped_bytes: usize,
    },
}

/// Why the connection can not be read any further. It has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// The peer speaks another protocol (HTTP on that port, mostly).
    NotRtsp,
    /// Start line and headers exceed [`MAX_HEAD_BYTES`].
    HeadTooLong,
    /// More than [`MAX_HEADERS`](crate::limits::MAX_HEADERS) header lines.
    TooManyHeaders,
    /// `Content-Length` is no number, contradicts itself, or exceeds
    /// [`MAX_BODY_BYTES`](crate::limits::MAX_BODY_BYTES).
    ContentLength,
    /// No message within [`MAX_GARBAGE_BYTES`].
    Garbage,
}

impl FramingError {
    /// Short stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRtsp => "the peer does not speak RTSP",
            Self::HeadTooLong => "headers too long",
            Self::TooManyHeaders => "too many headers",
            Self::ContentLength => "bad Content-Length",
            Self::Garbage => "no RTSP found in the stream",
        }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for FramingError {}

const METHODS: [&str; 11] = [
    "OPTIONS",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
];

/// Buffer kept between messages: two of the largest frames. A large body does not stay allocated.
const KEPT_CAPACITY_BYTES: usize = 128 * 1024;

/// Incremental parser of one connection. [`push`](Self::push) bytes, then take items with
/// [`next`](Self::next) until there is none: then at most one unfinished message is held.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// First byte of the buffer that has not been consumed.
    start: usize,
    /// Bytes of the unfinished head that are known not to end it.
    scanned: usize,
    /// Head that waits for its body.
    pending: Option<(Head, usize)>,
    /// Bytes skipped since the stream was lost; none while it is in step.
    skipped: Option<usize>,
    /// Channels and payload types by which a lost stream is found again; empty for any.
    channels: Vec<u8>,
    payload_types: Vec<u8>,
    /// Something has been understood on this connection.
    understood: bool,
    failed: Option<FramingError>,
}

/// What the bytes at a message boundary are.
enum Start {
    Frame,
    Head,
    Blank,
    Garbage,
    /// Too few bytes to tell.
    Unknown,
}

impl Parser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the channels negotiated by SETUP and the RTP payload types on them, by which a lost
    /// stream is found again. Frames of a stream in step are yielded whatever they hold.
    pub fn expect(&mut self, channels: &[u8], payload_types: &[u8]) {
        self.channels = channels.to_vec();
        self.payload_types = payload_types.to_vec();
    }

    /// Appends bytes read from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start.min(self.buffer.len()));
            self.start = 0;
            if self.buffer.len() < KEPT_CAPACITY_BYTES {
                self.buffer.shrink_to(KEPT_CAPACITY_BYTES);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes held that belong to no item yet.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.rest().len()
    }

    /// The next item, none if more bytes are needed.
    ///
    /// # Errors
    /// When the stream can not be followed any more; it then stays that way.
    #[expect(clippy::should_implement_trait, reason = "an item borrows from the parser")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.advance() {
            Ok(Some(found)) => Ok(Some(self.item(found))),
            Ok(None) => Ok(None),
            Err(error) => {
                self.failed = Some(error);
                self.buffer = Vec::new();
                self.start = 0;
                Err(error)
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes).min(self.buffer.len());
        self.scanned = 0;
    }

    fn item(&self, found: Found) -> Item<'_> {
        match found {
            Found::Message(Head::Request(request)) => Item::Request(request),
            Found::Message(Head::Response(response)) => Item::Response(response),
            Found::Resync(skipped_bytes) => Item::Resync { skipped_bytes },
            Found::Frame { channel, from, to } => {
                Item::Interleaved { channel, data: self.buffer.get(from..to).unwrap_or_default() }
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Found>, FramingError> {
        if let Some((head, length)) = self.pending.take() {
            return Ok(self.take_body(head, length));
        }
        loop {
            match self.classify() {
                Start::Unknown => return Ok(None),
                Start::Blank => self.consume(1),
                Start::Garbage => self.skip()?,
                found => {
                    if let Some(skipped_bytes) = self.skipped.take() {
                        return Ok(Some(Found::Resync(skipped_bytes)));
                    }
                    self.understood = true;
                    if matches!(found, Start::Frame) {
                        return Ok(self.take_frame());
                    }
                    let taken = self.take_head()?;
                    // A line that only looked like one has been skipped: go on behind it.
                    if self.skipped.is_none() {
                        return Ok(taken);
                    }
                }
            }
        }
    }

    fn skip(&mut self) -> Result<(), FramingError> {
        if !self.understood && self.rest().starts_with(b"HTTP/") {
            return Err(FramingError::NotRtsp);
        }
        // The next place where something could begin; one byte at least.
        let candidate = |byte: &u8| *byte == b'$' || byte.is_ascii_uppercase();
        let rest = self.rest();
        let next = rest.iter().skip(1).position(candidate).map_or(rest.len(), |at| at + 1);
        let skipped = self.skipped.unwrap_or(0) + next;
        self.skipped = Some(skipped);
        self.consume(next);
        if skipped > MAX_GARBAGE_BYTES { Err(FramingError::Garbage) } else { Ok(()) }
    }

    fn classify(&self) -> Start {
        let rest = self.rest();
        let lost = self.skipped.is_some();
        match rest.first() {
            None => Start::Unknown,
            Some(b'\r' | b'\n') if !lost => Start::Blank,
            Some(b'$') if lost => self.plausible_frame(rest),
            Some(b'$') => Start::Frame,
            Some(_) => self.classify_text(rest, lost),
        }
    }

    fn classify_text(&self, rest: &[u8], lost: bool) -> Start {
        if let Some(known) = starts_with_any(rest) {
            return known;
        }
        let http = b"HTTP/";
        if !self.understood && http.starts_with(rest) {
            return Start::Unknown;
        }
        if lost { Start::Garbage } else { unknown_method(rest) }
    }

    /// Whether a `$` in lost bytes begins a frame: an expected channel, a sound length, and RTP of
    /// an expected payload type or RTCP inside.
    fn plausible_frame(&self, rest: &[u8]) -> Start {
        let any_of = |list: &[u8], value: u8| list.is_empty() || list.contains(&value);
        match rest {
            [_, channel, ..] if !any_of(&self.channels, *channel) => Start::Garbage,
            [_, _, high, low, first, second, ..] => {
                let length = u16::from_be_bytes([*high, *low]);
                let rtcp = (200..=207).contains(second);
                let media = rtcp || any_of(&self.payload_types, second & 0x7f);
                let frame = length >= 8 && first >> 6 == 2 && media;
                if frame { Start::Frame } else { Start::Garbage }
            }
            _ => Start::Unknown,
        }
    }

    fn take_frame(&mut self) -> Option<Found> {
        let &[_, channel, high, low, ..] = self.rest() else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.rest().len() < 4 + length {
            return None;
        }
        let from = self.start + 4;
        self.consume(4 + length);
        Some(Found::Frame { channel, from, to: from + length })
    }

    fn take_head(&mut self) -> Result<Option<Found>, FramingError> {
        let Some(length) = head_length(self.rest(), self.scanned) else {
            self.scanned = self.rest().len().saturating_sub(3);
            let too_long = self.rest().len() > MAX_HEAD_BYTES;
            return if too_long { Err(FramingError::HeadTooLong) } else { Ok(None) };
        };
        if length > MAX_HEAD_BYTES {
            return Err(FramingError::HeadTooLong);
        }
        match parse_head(self.rest().get(..length).unwrap_or_default()) {
            Ok((head, body)) => {
                self.consume(length);
                Ok(self.take_body(head, body))
            }
            Err(HeadError::StartLine) => self.skip().map(|()| None),
            Err(HeadError::TooManyHeaders) => Err(FramingError::TooManyHeaders),
            Err(HeadError::ContentLength) => Err(FramingError::ContentLength),
        }
    }

    fn take_body(&mut self, mut head: Head, length: usize) -> Option<Found> {
        let Some(bytes) = self.rest().get(..length) else {
            self.pending = Some((head, length));
            return None;
        };
        let body = match &mut head {
            Head::Request(request) => &mut request.body,
            Head::Response(response) => &mut response.body,
        };
        *body = bytes.to_vec();
        self.consume(length);
        Some(Found::Message(head))
    }
}

enum Found {
    Message(Head),
    Frame { channel: u8, from: usize, to: usize },
    Resync(usize),
}

/// Length of the head at the start of `bytes`, its empty line included; none if it has no end
/// yet. Lines end with LF, with or without CR before it. Bytes before `from` are known not to
/// end it, so that a head that comes byte by byte is not searched anew each time.
pub(crate) fn head_length(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    for (at, byte) in tail.iter().enumerate() {
        if *byte != b'\n' {
            continue;
        }
        let after = tail.get(at + 1..).unwrap_or_default();
        match after {
            [b'\n', ..] => return Some(from + at + 2),
            [b'\r', b'\n', ..] => return Some(from + at + 3),
            _ => {}
        }
    }
    None
}

/// A status line or a request of a known method; none if neither can follow.
fn starts_with_any(rest: &[u8]) -> Option<Start> {
    let mut undecided = false;
    for token in METHODS.iter().map(|method| method.as_bytes()) {
        if rest.starts_with(token) && rest.get(token.len()) == Some(&b' ') {
            return Some(Start::Head);
        }
        undecided |= token.starts_with(rest) || rest == token;
    }
    if rest.starts_with(b"RTSP/") {
        return Some(Start::Head);
    }
    (undecided || b"RTSP/".starts_with(rest)).then_some(Start::Unknown)
}

/// A request line of a method RFC 2326 does not know: the server answers it with 501.
fn unknown_method(rest: &[u8]) -> Start {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let ended = line.len() < rest.len();
    let line = if ended { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let token = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    let text = |byte: &u8| matches!(byte, b' '..=b'~') || *byte == b'\r';
    let sound = !method.is_empty() && method.iter().all(token) && line.iter().all(text);
    if !sound || line.len() > MAX_REQUEST_LINE_BYTES {
        return Start::Garbage;
    }
    if !ended {
        return Start::Unknown;
    }
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    if version.starts_with(b"RTSP/") { Start::Head } else { Start::Garbage }
}

#[cfg(test)]
#[path = "interleaved_tests.rs"]
mod tests;
