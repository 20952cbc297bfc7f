//! Every cap of the HTTP side, with its unit and why.

/// Longest request line with headers in bytes.
pub const HEAD_MAX_BYTES: usize = 8 * 1024;
/// Most headers of a request; browsers send about twenty.
pub const HEADERS_MAX: usize = 64;
/// Longest request body in bytes: an offer.
pub const BODY_MAX_BYTES: usize = 256 * 1024;
/// Most parameters of a query; later ones are not looked at.
pub const QUERY_MAX: usize = 32;
