//! The time of day, as one reading of it tells: it does not jump when somebody sets the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::peer::NtpClock;

/// From the epoch of NTP, 1900, to that of Unix, 1970.
const FROM_1900_TO_1970_S: u64 = 2_208_988_800;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct WallClock {
    started_at: Instant,
    started_unix: Duration,
}

impl WallClock {
    /// `now` and `unix_now` are the same moment.
    pub fn new(now: Instant, unix_now: SystemTime) -> Self {
        let started_unix = unix_now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at: now, started_unix }
    }

    /// The first moment, since 1970.
    #[cfg(feature = "demo")]
    pub fn started_unix(&self) -> Duration {
        self.started_unix
    }

    /// A moment since 1970.
    pub fn unix(&self, now: Instant) -> Duration {
        self.started_unix + now.saturating_duration_since(self.started_at)
    }

    /// When it is that long since 1970; none for what was before the first moment.
    #[cfg(feature = "demo")]
    pub fn instant(&self, unix: Duration) -> Option<Instant> {
        unix.checked_sub(self.started_unix).map(|since| self.started_at + since)
    }

    /// The same clock for the reports of peers.
    pub fn for_peers(&self) -> NtpClock {
        NtpClock { at: self.started_at, ntp: self.ntp(self.started_at) }
    }

    /// A moment as NTP timestamp (RFC 5905): seconds since 1900 in the upper half.
    pub fn ntp(&self, now: Instant) -> u64 {
        NtpClock::span(self.unix(now) + Duration::from_secs(FROM_1900_TO_1970_S))
    }
}
