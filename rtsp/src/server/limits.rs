//! What one peer may cost and how long it may be silent.

use std::time::Duration;

/// Bytes of output that wait, in the session and behind it, after which frames are refused and
/// requests end the session: a second of 32 Mbit/s, and any picture.
pub const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of requests that may follow one whose answer is being looked up. Clients that do not
/// pipeline send none.
pub const MAX_WAITING_BYTES: usize = 64 * 1024;

/// Time a connection may have no session before it is closed.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Time without request or RTCP after which a reader's session ends, as announced (RFC 2326
/// 12.37).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// Time without a packet of the video after which a publisher's session ends: an encoder that
/// lost its power says no goodbye.
pub const PUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Time without a picture that can be decoded, though packets come, after which a publisher's
/// session ends: most of them come back by themselves, and begin with a key picture.
pub const PUSH_PICTURE_TIMEOUT: Duration = Duration::from_secs(25);

/// Time without a packet after which another publisher may take a publisher's place.
pub const PUSH_QUIET: Duration = Duration::from_secs(2);

/// Time that the answer to DESCRIBE may take: a camera that nobody watched is connected first,
/// and its first picture awaited where its own description lacks the parameter sets. Clients wait
/// 20 s and more.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(15);

/// Time that a reader may take nothing of what waits for it, once frames are refused.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two reports.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Time that a challenge can be answered in. A user who types is asked again.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(60);

/// Wrong passwords on one connection, after which it is closed.
pub const MAX_WRONG_ANSWERS: u32 = 3;

/// Wrong passwords from one address that have no consequence.
pub const LOCKOUT_FREE: u32 = 3;
/// Time that an address is locked out by the next one; doubled by each further one.
pub const LOCKOUT_MIN: Duration = Duration::from_secs(1);
/// The longest such time: some hundred guesses in an hour.
pub const LOCKOUT_MAX: Duration = Duration::from_secs(60);
/// Time without a wrong password after which an address is forgotten.
pub const LOCKOUT_MEMORY: Duration = Duration::from_secs(600);
/// Addresses that are remembered.
pub const LOCKOUT_ADDRESSES: usize = 1024;
