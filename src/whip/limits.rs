//! What a WHIP server may cost: how long it takes; what it sends is bounded by
//! `http_client`.

use std::time::Duration;

/// From the question for an address to the last byte of the response.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// 307 and 308 that are followed for one offer.
pub const REDIRECTS_MAX: u32 = 5;
/// The wait after a first failure; it doubles with each that follows.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait after a failure, before its jitter.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is kept to.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// A session that lived this long was none that failed: the next wait is the shortest again.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);
