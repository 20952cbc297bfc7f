//! Makes the loss of a frame's last packet visible before the next frame comes.
//!
//! A receiver notices a lost packet by the one behind it. Behind a frame's last packet comes
//! nothing until the next frame, 40 or 66 ms later; only then is it asked for, and the frame
//! is shown too late or not at all. So where a viewer has missed packets lately, each frame is
//! followed by a packet without payload (RFC 3550 allows it, receivers take it as padding).
//! Who loses nothing pays nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::slot::Slot;
use super::viewer::SlotKey;

/// How long after the frame: longer than packets overtake each other on a network, much
/// shorter than to the next frame.
pub const DELAY: Duration = Duration::from_millis(8);
/// How long a slot is probed after the last loss that was reported.
pub const MEMORY: Duration = Duration::from_secs(10);

/// The probes that are to be sent, in the order in which they come due.
#[derive(Debug, Default)]
pub struct TailProbes {
    queue: VecDeque<Due>,
}

/// A probe.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// On which slot.
    pub slot: SlotKey,
    /// It is not needed if the slot has sent more frames than these.
    pub frames_sent: u64,
    at: Instant,
}

impl TailProbes {
    /// A slot has sent a frame.
    pub fn follow(&mut self, now: Instant, key: SlotKey, slot: &Slot) {
        if slot.is_lossy(now) && !slot.is_replaying() {
            let at = now + DELAY;
            self.queue.push_back(Due { slot: key, frames_sent: slot.frames_sent(), at });
        }
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.front().map(|due| due.at)
    }

    /// Takes one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Due> {
        self.next_at().filter(|at| *at <= now)?;
        self.queue.pop_front()
    }
}
