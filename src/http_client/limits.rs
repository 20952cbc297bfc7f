//! What a server's response may cost.

/// Bytes of one response, head and body: an SDP answer has 2 to 10 KB.
pub const RESPONSE_MAX_BYTES: usize = 64 * 1024;
/// Header lines of one response.
pub const HEADERS_MAX: usize = 64;
/// Bytes of a URL in a `Location`.
pub const URL_MAX_BYTES: usize = 4096;
