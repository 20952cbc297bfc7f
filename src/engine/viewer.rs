//! One viewer: its slots and what they share.

use std::time::Instant;

use super::pacer::Pacer;
use super::slot::Slot;

/// Names a viewer within one hub; the caller chooses, never the same twice at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(pub u64);

/// Names a slot: a viewer, and the slot's place among that viewer's video m-lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey {
    /// The viewer.
    pub viewer: ViewerId,
    /// 0 for the first video m-line.
    pub position: usize,
}

/// One viewer.
#[derive(Debug)]
pub struct Viewer {
    /// ICE and DTLS are up: what is sent arrives.
    pub connected: bool,
    /// By position.
    pub slots: Vec<Slot>,
    /// What all slots together may send faster than live.
    pub pacer: Pacer,
    /// The slot whose replay is served next, so that nine replays advance together.
    next_turn: usize,
}

impl Viewer {
    /// A viewer that is not connected yet.
    #[must_use]
    pub fn new(slots: Vec<Slot>, pacer: Pacer) -> Self {
        Self { connected: false, slots, pacer, next_turn: 0 }
    }

    /// Whether any slot replays.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.slots.iter().any(Slot::is_replaying)
    }

    /// The slot whose replay may send its next frame now, in turns.
    pub fn next_release(&mut self, now: Instant) -> Option<usize> {
        if !self.connected || !self.pacer.is_open(now) {
            return None;
        }
        let count = self.slots.len();
        let position = (0..count)
            .map(|step| (self.next_turn + step) % count)
            .find(|&position| self.slots.get(position).is_some_and(Slot::is_replaying))?;
        self.next_turn = position + 1;
        Some(position)
    }
}
