//! What a call to a camera's web server may cost.

use std::time::Duration;

/// From the question for an address to the last byte of the response, all attempts included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for one call: each refusal of the credentials costs one.
pub const ATTEMPTS_MAX: u32 = 4;
