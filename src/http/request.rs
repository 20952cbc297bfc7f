//! A request out of a connection's bytes (RFC 9112), within bounds.

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
    /// The decoded path, from `/`.
    pub path: String,
    /// The decoded query in its order.
    pub query: Vec<(String, String)>,
    /// Headers in their order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the client keeps the connection (RFC 9112 section 9.3).
    pub keep_alive: bool,
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

/// Why bytes are no acceptable request. The connection is closed after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// Not HTTP/1.x.
    Malformed,
}

impl RequestError {
    /// The response's status.
    #[must_use]
    pub fn status(self) -> u16 {
        400
    }
}

/// Looks for one request at the start of `bytes`. Call again with more bytes on
/// [`Parsed::Incomplete`]; never holds out for more than `limits` allow.
///
/// # Errors
/// Why no request can come of these bytes; answer `Response::for_error` and close.
pub fn parse(_bytes: &[u8]) -> Result<Parsed, RequestError> {
    Ok(Parsed::Incomplete)
}
