//! A response into bytes (RFC 9112).

use std::borrow::Cow;

use super::request::{Request, RequestError};

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
    pub fn for_error(_error: RequestError) -> Self {
        Self::empty(400)
    }

    /// An empty response that keeps the connection.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        let body = Cow::Borrowed(&[][..]);
        Self { status, headers: Vec::new(), body, head_only: false, keep_alive: true }
    }

    /// A JSON error: `{"error": "..."}`.
    #[must_use]
    pub fn error(status: u16, _text: &str) -> Self {
        Self::empty(status)
    }

    /// The bytes to send.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// 201 to a WHEP offer; `DELETE` on its `Location` ends viewer `id`.
#[must_use]
pub fn whep_created(_id: &str, _sdp: &str, _json: bool) -> Response {
    Response::empty(201)
}

/// Fits a response that was made outside of the router to its request: HEAD, keep-alive,
/// cross-origin headers. Responses of the router are already finished.
#[must_use]
pub fn finish(response: Response, _request: &Request, _origins: &[String]) -> Response {
    response
}

/// The 101 of a WebSocket handshake (RFC 6455 section 4.2.2), as bytes.
#[must_use]
pub fn websocket_accepted(_accept: &str) -> Vec<u8> {
    Vec::new()
}
