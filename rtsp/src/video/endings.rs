//! Where the access units of this camera end, learned from how the earlier ones did.
//!
//! RFC 6184 5.1 sets the marker on the last packet of an access unit. Cameras also set it on
//! parameter sets, on every slice, or never.

use std::time::Instant;

use super::limits::{MARKERLESS_AFTER, MARKERLESS_FLUSH};

/// What ended an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Marker,
    Timestamp,
    NextPicture,
    Timer,
    Discontinuity,
}

#[derive(Debug, Default)]
pub(super) struct Endings {
    last: Option<(End, u32)>,
    last_slices: usize,
    /// Access units in a row that ended without a marker.
    unmarked: u8,
    /// A marker came before the last slice of a picture.
    markers_lie: bool,
    /// A slice came after the timer had ended its picture.
    timer_lies: bool,
}

impl Endings {
    /// Remembers the end of an access unit with that RTP timestamp and number of slices; one that
    /// was not received whole says nothing about the next.
    pub(super) fn ended(&mut self, end: End, timestamp: u32, slices: usize, whole: bool) {
        self.last = Some((end, timestamp));
        if end == End::Marker {
            self.unmarked = 0;
        } else if whole {
            self.unmarked = self.unmarked.saturating_add(1);
        }
        if whole {
            self.last_slices = slices;
        }
    }

    /// The picture with this timestamp goes on although it was ended. Whether that was learned.
    pub(super) fn was_early(&mut self, timestamp: u32) -> bool {
        match self.last {
            Some((End::Marker, last)) if last == timestamp => self.markers_lie = true,
            Some((End::Timer, last)) if last == timestamp => self.timer_lies = true,
            _ => return false,
        }
        true
    }

    /// Whether a marker ends an access unit.
    pub(super) fn trust_marker(&self) -> bool {
        !self.markers_lie
    }

    /// The timestamp of the access unit before.
    pub(super) fn last_timestamp(&self) -> Option<u32> {
        self.last.map(|(_, timestamp)| timestamp)
    }

    /// When a picture with that many slices is over if nothing else comes. `None` while markers
    /// tell, or as long as it has fewer slices than the one before.
    pub(super) fn flush_at(&self, now: Instant, slices: usize) -> Option<Instant> {
        let unmarked = self.markers_lie || self.unmarked >= MARKERLESS_AFTER;
        let whole = slices > 0 && slices >= self.last_slices;
        (unmarked && whole && !self.timer_lies).then(|| now + MARKERLESS_FLUSH)
    }
}
