//! What a list of TURN servers may cost.

use std::time::Duration;

/// From the question for an address to the last byte of the list.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// A list is fetched anew this often: credentials that are made for it last hours.
pub const FETCH_INTERVAL: Duration = Duration::from_secs(30 * 60);
/// Where a server of it fails, this soon.
pub const HURRY_AFTER: Duration = Duration::from_secs(10);
/// The wait after a first failure; it doubles with each that follows.
pub const BACKOFF_MIN: Duration = Duration::from_secs(5);
/// The longest wait after a failure.
pub const BACKOFF_MAX: Duration = Duration::from_secs(600);
/// Servers that are looked at.
pub const SERVERS_MAX: usize = 256;
/// Servers of a list that are used over UDP...
pub const UDP_MAX: usize = 2;
/// ...and over TCP or TLS: where there is no UDP.
pub const STREAM_MAX: usize = 1;
