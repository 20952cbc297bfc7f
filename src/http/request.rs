//! A request out of a connection's bytes (RFC 9112), within bounds.

use super::limits::{BODY_MAX_BYTES, HEAD_MAX_BYTES, HEADERS_MAX, QUERY_MAX};

/// The methods that any route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// RFC 9110 section 9.3.1.
    Get,
    /// RFC 9110 section 9.3.2.
    Head,
    /// RFC 9110 section 9.3.3.
    Post,
    /// RFC 9110 section 9.3.5.
    Delete,
    /// RFC 9110 section 9.3.7.
    Options,
    /// Anything else: 405 on every route.
    Other,
}

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The decoded path, from `/`; `*` for `OPTIONS *`.
    pub path: String,
    /// The decoded query in its order, at most [`QUERY_MAX`] parameters.
    pub query: Vec<(String, String)>,
    /// Headers in their order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the client keeps the connection (RFC 9112 section 9.3).
    pub keep_alive: bool,
}

impl Request {
    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of this name in the query, unless it is empty.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let first = self.query.iter().find(|(found, _)| found == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether a comma-separated header of this lower-case name holds a token, in any case
    /// (RFC 9110 section 5.6.1).
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        has_token(&self.headers, name, token)
    }
}

/// What a connection's bytes hold so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// A request, in the first `consumed` bytes.
    Complete {
        /// The request.
        request: Box<Request>,
        /// Its length in bytes.
        consumed: usize,
    },
}

/// Why bytes are no acceptable request. The connection is closed after the response: where
/// the next request would begin is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// Not HTTP, or ambiguous.
    Malformed,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The head is longer than [`HEAD_MAX_BYTES`] or has more than [`HEADERS_MAX`] headers.
    HeadTooLarge,
    /// The body is longer than [`BODY_MAX_BYTES`].
    BodyTooLarge,
    /// The body has no `Content-Length`, but a `Transfer-Encoding`.
    LengthRequired,
}

impl RequestError {
    /// The response's status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Version => 505,
            Self::HeadTooLarge => 431,
            Self::BodyTooLarge => 413,
            Self::LengthRequired => 411,
        }
    }

    /// The response's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed request",
            Self::Version => "expected HTTP/1.1",
            Self::HeadTooLarge => "headers too large",
            Self::BodyTooLarge => "body too large",
            Self::LengthRequired => "expected a Content-Length",
        }
    }
}

/// Looks for one request at the start of `bytes`. Call again with more bytes on
/// [`Parsed::Incomplete`], which never holds out for more than the limits allow.
///
/// # Errors
/// Why no request can come of these bytes; answer `Response::for_error` and close.
pub fn parse(bytes: &[u8]) -> Result<Parsed, RequestError> {
    let head = bytes.get(..HEAD_MAX_BYTES).unwrap_or(bytes);
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let head_bytes = match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if head.len() < HEAD_MAX_BYTES => {
            return Ok(Parsed::Incomplete);
        }
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(RequestError::HeadTooLarge);
        }
        Err(httparse::Error::Version) => return Err(RequestError::Version),
        Err(_) => return Err(RequestError::Malformed),
    };
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(RequestError::Malformed);
    };
    let (path, query) = split_target(target).ok_or(RequestError::Malformed)?;
    let headers: Vec<(String, String)> = parsed.headers.iter().map(own_header).collect();
    if minor == 1 && headers.iter().filter(|(name, _)| name == "host").count() != 1 {
        return Err(RequestError::Malformed); // RFC 9112 section 3.2
    }
    let end = head_bytes + body_bytes(&headers)?;
    let Some(body) = bytes.get(head_bytes..end) else { return Ok(Parsed::Incomplete) };
    let keep_alive = match minor {
        0 => has_token(&headers, "connection", "keep-alive"),
        _ => !has_token(&headers, "connection", "close"),
    };
    let method = method_of(method);
    let request = Request { method, path, query, headers, body: body.to_vec(), keep_alive };
    Ok(Parsed::Complete { request: Box::new(request), consumed: end })
}

fn own_header(header: &httparse::Header<'_>) -> (String, String) {
    let value = String::from_utf8_lossy(header.value).trim().to_owned();
    (header.name.to_ascii_lowercase(), value)
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    }
}

fn has_token(headers: &[(String, String)], name: &str, token: &str) -> bool {
    let values = headers.iter().filter(|(found, _)| found == name);
    let mut tokens = values.flat_map(|(_, value)| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

/// The body's length (RFC 9112 section 6.3). Two answers to that question are none: a proxy
/// in front could have taken the other one.
fn body_bytes(headers: &[(String, String)]) -> Result<usize, RequestError> {
    if headers.iter().any(|(name, _)| name == "transfer-encoding") {
        return Err(RequestError::LengthRequired);
    }
    let mut lengths = headers.iter().filter(|(name, _)| name == "content-length");
    let Some((_, length)) = lengths.next() else { return Ok(0) };
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if lengths.next().is_some() || !is_number {
        return Err(RequestError::Malformed);
    }
    match length.parse() {
        Ok(length) if length <= BODY_MAX_BYTES => Ok(length),
        _ => Err(RequestError::BodyTooLarge),
    }
}

type Query = Vec<(String, String)>;

/// The decoded path and query (RFC 9112 section 3.2).
fn split_target(target: &str) -> Option<(String, Query)> {
    if target == "*" {
        return Some((target.to_owned(), Vec::new()));
    }
    // The absolute form, which clients of a proxy send.
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') {
        return None;
    }
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(QUERY_MAX) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((decode(name, true)?, decode(value, true)?));
    }
    Some((decode(path, false)?, parameters))
}

/// Percent-decoding (RFC 3986 section 2.1); `+` is a space in a query.
fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
