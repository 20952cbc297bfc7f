//! What one reader may cost and how long it may be silent.

use std::time::Duration;

/// Bytes of output waiting for `poll_output`, after which media is refused and requests end the
/// session: a second of 32 Mbit/s.
pub const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of requests that may follow a DESCRIBE while its answer is being looked up. Clients that
/// do not pipeline send none.
pub const MAX_WAITING_BYTES: usize = 64 * 1024;

/// Time a connection may have no session before it is closed.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Time without request or RTCP after which a session ends, as announced (RFC 2326 12.37).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// Time between two sender reports.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);
