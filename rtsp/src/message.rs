//! RTSP messages (RFC 2326 4 to 7): requests, responses, their headers, and how they are written
//! and read.
//!
//! Reading is lenient where cameras are known to be sloppy, and bounded everywhere. Writing can
//! not be made to inject a header: control characters never leave this module. The framing of a
//! connection, text and interleaved packets in turn, is in [`crate::interleaved`].

use std::fmt;

pub use crate::interleaved::{FramingError, Item, Parser};
use crate::limits::{MAX_BODY_BYTES, MAX_HEADERS};

/// Header fields in the order of the message. Names compare without regard to case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Value of the first header of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.iter();
        let found = headers.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Values of all headers of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = move |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.0.iter().filter(matching).map(|(_, value)| value.as_str())
    }

    /// Appends a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `CSeq`, if there is exactly one numeric value for it.
    #[must_use]
    pub fn cseq(&self) -> Option<u32> {
        let mut values = self.get_all("CSeq");
        let first = values.next()?.parse().ok()?;
        values.all(|other| other.parse() == Ok(first)).then_some(first)
    }
}

/// Prints names, and the values of all but the headers that carry credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |name: &str| name.to_ascii_lowercase().contains("authorization");
        let shown = |(name, value): &(String, String)| {
            (name.clone(), if secret(name) { "(hidden)".to_owned() } else { value.clone() })
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

/// A request (RFC 2326 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method token, as sent: `OPTIONS`, `DESCRIBE`, ...
    pub method: String,
    /// Request URI, as sent: an absolute URL or `*`.
    pub uri: String,
    /// Header fields, without `Content-Length`, which writing adds.
    pub headers: Headers,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

/// A response (RFC 2326 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 999.
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: String,
    /// Header fields; `Content-Length` is added by writing.
    pub headers: Headers,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: impl Into<String>, uri: impl Into<String>) -> Self {
        let (method, uri) = (method.into(), uri.into());
        Self { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        push_token(&mut out, &self.method);
        out.push(b' ');
        push_token(&mut out, &self.uri);
        out.extend_from_slice(b" RTSP/1.0\r\n");
        push_rest(&mut out, &self.headers, &self.body);
        out
    }
}

impl Response {
    /// A response without headers or body; the reason phrase follows from the status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        let reason = reason_phrase(status).to_owned();
        Self { status, reason, headers: Headers::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut response = self.with("Content-Type", content_type);
        response.body = body.into();
        response
    }

    /// True for 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        out.extend_from_slice(format!("RTSP/1.0 {:03} ", self.status).as_bytes());
        push_text(&mut out, &self.reason);
        out.extend_from_slice(b"\r\n");
        push_rest(&mut out, &self.headers, &self.body);
        out
    }
}

/// Reason phrase of a status code (RFC 2326 7.1.1), empty for unknown ones.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        415 => "Unsupported Media Type",
        451 => "Parameter Not Understood",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        457 => "Invalid Range",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "RTSP Version Not Supported",
        551 => "Option not supported",
        _ => "",
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| !byte.is_ascii_control()));
}

fn push_token(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| !byte.is_ascii_control() && *byte != b' '));
}

fn push_rest(out: &mut Vec<u8>, headers: &Headers, body: &[u8]) {
    for (name, value) in headers.iter() {
        if name.eq_ignore_ascii_case("Content-Length") {
            continue;
        }
        push_header(out, name, value);
    }
    if !body.is_empty() {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// Appends one header line.
pub(crate) fn push_header(out: &mut Vec<u8>, name: &str, value: &str) {
    push_token(out, name);
    out.extend_from_slice(b": ");
    push_text(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Start line and headers of a message whose body has not been read yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Request(Request),
    Response(Response),
}

/// Why a head can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// The first line is neither a request line nor a status line.
    StartLine,
    TooManyHeaders,
    ContentLength,
}

/// Reads start line and headers; `bytes` ends with the empty line. Returns the head and the
/// length of the body that follows it, at most [`MAX_BODY_BYTES`].
pub(crate) fn parse_head(bytes: &[u8]) -> Result<(Head, usize), HeadError> {
    let start = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let start = String::from_utf8_lossy(start);
    let mut head = parse_start_line(start.trim()).ok_or(HeadError::StartLine)?;
    let headers = parse_headers(bytes)?;
    let length = content_length(&headers)?;
    match &mut head {
        Head::Request(request) => request.headers = headers,
        Head::Response(response) => response.headers = headers,
    }
    Ok((head, length))
}

/// Reads the headers behind a start line, whatever that says.
pub(crate) fn parse_headers(bytes: &[u8]) -> Result<Headers, HeadError> {
    let mut headers = Headers::new();
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        push_header_line(&mut headers, String::from_utf8_lossy(line).trim_end())?;
    }
    Ok(headers)
}

/// A line that is no header is skipped: cameras put stray text there, and nothing depends on it.
fn push_header_line(headers: &mut Headers, line: &str) -> Result<(), HeadError> {
    if line.starts_with([' ', '\t']) {
        // RFC 2326 4: a folded line continues the value before it.
        if let Some((_, value)) = headers.0.last_mut() {
            value.push(' ');
            value.push_str(line.trim());
        }
        return Ok(());
    }
    let Some((name, value)) = line.split_once(':') else {
        return Ok(());
    };
    let name = name.trim();
    if name.is_empty() || name.chars().any(|c| c.is_control() || c == ' ') {
        return Ok(());
    }
    if headers.0.len() == MAX_HEADERS {
        return Err(HeadError::TooManyHeaders);
    }
    headers.push(name, value.trim());
    Ok(())
}

fn parse_start_line(line: &str) -> Option<Head> {
    if let Some(rest) = line.strip_prefix("RTSP/") {
        // `RTSP/2.0` is taken for 1.0: no camera speaks it, some say so.
        let (_version, rest) = rest.split_once(' ')?;
        let (status, reason) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|code| digits && *code >= 100)?;
        let reason = reason.trim().to_owned();
        let (headers, body) = (Headers::new(), Vec::new());
        return Some(Head::Response(Response { status, reason, headers, body }));
    }
    let (method, rest) = line.split_once(' ')?;
    let (uri, version) = rest.trim().rsplit_once(' ')?;
    (version.starts_with("RTSP/") && !method.is_empty())
        .then(|| Head::Request(Request::new(method, uri.trim())))
}

fn content_length(headers: &Headers) -> Result<usize, HeadError> {
    let mut lengths = headers.get_all("Content-Length");
    let Some(first) = lengths.next() else {
        return Ok(0);
    };
    let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || lengths.any(|other| other != first) {
        return Err(HeadError::ContentLength);
    }
    match first.parse::<usize>() {
        Ok(length) if length <= MAX_BODY_BYTES => Ok(length),
        _ => Err(HeadError::ContentLength),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
