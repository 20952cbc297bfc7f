//! What a call to a camera's web server may cost.

use std::time::Duration;

/// From the question for an address to the last byte of the response, all attempts included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for one call: each question costs one, and each refusal of the
/// credentials.
pub const ATTEMPTS_MAX: u32 = 5;
/// A camera's clock that differs by less is taken to be right, in seconds.
pub const CLOCK_TOLERANCE_S: u64 = 2;
