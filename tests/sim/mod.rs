//! A whole world in virtual time: cameras, the matrix, peers, a bad network and viewers.
//!
//! Chance comes from one seed, time from a counter. What str0m draws for itself (SSRCs, DTLS)
//! changes bytes but no order of events: the network decides by counting, never by content.

pub mod acts;
pub mod camera;
pub mod model;
pub mod network;
pub mod picture;
pub mod prng;
pub mod receiver;
pub mod screen;
pub mod script;
pub mod server;
pub mod voice;
pub mod watcher;
pub mod world;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// str0m takes nothing but real instants: virtual time counts from this one.
static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The instant of a virtual time.
pub fn instant(at: Duration) -> Instant {
    *BASE + at
}

/// The virtual time of an instant.
pub fn since_base(at: Instant) -> Duration {
    at.saturating_duration_since(*BASE)
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
