//! A response into bytes (RFC 9112).

use std::borrow::Cow;

use serde_json::{Value, json};

use super::origin;
use super::request::{Method, Request, RequestError};

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers besides `Content-Length` and `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// Whether to answer a HEAD: the body's length without the body.
    pub head_only: bool,
    /// Whether the connection stays open behind it.
    pub keep_alive: bool,
}

impl Response {
    /// The response to bytes that are no request; closes the connection.
    #[must_use]
    pub fn for_error(error: RequestError) -> Self {
        Self { keep_alive: false, ..Self::error(error.status(), error.as_str()) }
    }

    /// An empty response that keeps the connection.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        let body = Cow::Borrowed(&[][..]);
        Self { status, headers: Vec::new(), body, head_only: false, keep_alive: true }
    }

    /// A JSON error: `{"error": "..."}`.
    #[must_use]
    pub fn error(status: u16, text: &str) -> Self {
        Self::json(status, &json!({ "error": text }))
    }

    /// A JSON value.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// A text that is made for this request and must not be kept by anyone.
    #[must_use]
    pub fn text(status: u16, content_type: &'static str, text: String) -> Self {
        Self { body: Cow::Owned(text.into_bytes()), ..Self::empty(status) }
            .with("Content-Type", content_type)
            .with("Cache-Control", "no-store")
    }

    /// Adds a header. A line break in a value would be another header: it is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value: String = value.into();
        self.headers.push((name, value.replace(['\r', '\n'], "")));
        self
    }

    /// The bytes to send.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("X-Content-Type-Options: nosniff\r\n");
        // RFC 9110 section 8.6: neither of them has a body, nor a length.
        let has_length = !matches!(self.status, 204 | 304);
        if has_length {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        head.push_str(&format!("Connection: {connection}\r\n\r\n"));
        let mut bytes = head.into_bytes();
        if has_length && !self.head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// 201 to an offer of WHEP or WHIP; `DELETE` on its `Location` ends viewer or publisher `id`.
#[must_use]
pub fn whep_created(id: &str, sdp: &str, json: bool) -> Response {
    let response = if json {
        Response::json(201, &json!({ "type": "answer", "sdp": sdp }))
    } else {
        Response::text(201, "application/sdp", sdp.to_owned())
    };
    response.with("Location", format!("/api/webrtc/{id}"))
}

/// Fits a response that was made outside of the router to its request: HEAD, keep-alive,
/// cross-origin headers. Responses of the router are already finished.
#[must_use]
pub fn finish(mut response: Response, request: &Request, origins: &[String]) -> Response {
    response.head_only = request.method == Method::Head;
    response.keep_alive &= request.keep_alive;
    let allowed = request.header("origin").filter(|_| origin::is_allowed(request, origins));
    if let Some(origin) = allowed.map(str::to_owned) {
        response = response
            .with("Access-Control-Allow-Origin", origin)
            .with("Access-Control-Expose-Headers", "Location")
            .with("Vary", "Origin");
        if request.method == Method::Options {
            response = response
                .with("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
                .with("Access-Control-Allow-Headers", "Authorization, Content-Type");
        }
    }
    response
}

/// The 101 of a WebSocket handshake (RFC 6455 section 4.2.2), as bytes.
#[must_use]
pub fn websocket_accepted(accept: &str) -> Vec<u8> {
    let accept = accept.replace(['\r', '\n'], "");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}
