//! What one slot's viewer has been told, and what it has to be told next.
//!
//! The client takes the first status after a switch for the switch's result. So between a
//! switch and its result nothing is said, though the truth goes on to change.

use std::time::Instant;

use crate::engine::status::{SlotStatus, Status};

use super::limits::BUFFERING_AFTER;
use super::message::{StreamRef, WireStatus};

/// The text of a status about a stream that is not configured.
pub(super) const STREAM_NOT_FOUND: &str = "stream not found";

/// One entry of `init`.
#[derive(Debug)]
pub(super) struct Slot {
    /// The client's number.
    pub number: i64,
    /// What was last asked for and exists; for an unknown slot, what was asked for.
    asked: StreamRef,
    /// The name of a stream that did not exist at `init`: the engine has no name for it.
    unknown: Option<String>,
    truth: SlotStatus,
    sent: Option<SlotStatus>,
    /// A request wants its status even if nothing changed by it.
    answer_due: bool,
    switching: Option<Switching>,
    paused: bool,
}

/// A switch whose result is not known yet.
#[derive(Debug)]
struct Switching {
    stream: String,
    buffering_at: Instant,
}

/// What to do about news of a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing to say now.
    None,
    /// Say it as soon as the connection is up: the present status alone would not tell.
    Failure(WireStatus),
    /// Say it, if the connection is up.
    Status(WireStatus),
}

impl Slot {
    pub fn new(number: i64, asked: StreamRef, known: bool) -> Self {
        let stream = asked.resolved();
        let (status, error) = match known {
            true => (Status::Pending, None),
            false => (Status::Error, Some(STREAM_NOT_FOUND.to_owned())),
        };
        Self {
            number,
            asked,
            unknown: (!known).then(|| stream.clone()),
            truth: SlotStatus { stream, instead_of: None, status, error },
            sent: None,
            answer_due: false,
            switching: None,
            paused: false,
        }
    }

    /// The stream to begin with, if it exists.
    pub fn existing(&self) -> Option<String> {
        self.unknown.is_none().then(|| self.asked.resolved())
    }

    /// The viewer asked for an existing stream.
    pub fn begin_switch(&mut self, now: Instant, asked: StreamRef) {
        let stream = asked.resolved();
        self.switching = Some(Switching { stream, buffering_at: now + BUFFERING_AFTER });
        self.asked = asked;
        self.paused = false;
    }

    /// The viewer paused the slot.
    pub fn begin_pause(&mut self) {
        self.switching = None;
        self.answer_due = true;
        self.paused = true;
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// What a resume without a stream goes back to.
    pub fn last(&self) -> StreamRef {
        if is_about(&self.truth, &self.asked.resolved()) || self.truth.stream.is_empty() {
            return self.asked.clone();
        }
        // A failed switch left another stream running than was asked for last.
        StreamRef { stream: self.truth.stream.clone(), quality: String::new() }
    }

    /// Says `buffering` of the awaited stream now; its result still follows.
    pub fn buffering(&mut self) -> Option<WireStatus> {
        let stream = self.switching.take()?.stream;
        let status = Status::Buffering;
        let status = SlotStatus { stream, instead_of: None, status, error: None };
        let wire = self.wire(&status);
        self.sent = Some(status);
        Some(wire)
    }

    /// When [`Slot::buffering`] is due.
    pub fn buffering_at(&self) -> Option<Instant> {
        self.switching.as_ref().map(|switching| switching.buffering_at)
    }

    /// Takes what the engine says about the slot.
    pub fn handle_truth(&mut self, status: &SlotStatus) -> News {
        self.truth = status.clone();
        if let (Status::Error, true, Some(name)) =
            (status.status, status.stream.is_empty(), &self.unknown)
        {
            self.truth.stream.clone_from(name);
        }
        if let Some(switching) = &self.switching {
            let decided = !matches!(status.status, Status::Pending | Status::Buffering);
            if !decided || !is_about(&self.truth, &switching.stream) {
                return News::None;
            }
            self.switching = None;
            let failed = matches!(status.status, Status::Error | Status::Offline);
            let wire = self.present();
            return if failed { News::Failure(wire) } else { News::Status(wire) };
        }
        if !self.answer_due && self.sent.as_ref() == Some(&self.truth) {
            return News::None;
        }
        News::Status(self.wire(&self.truth))
    }

    /// Whether a switch waits for its result.
    pub fn is_switching(&self) -> bool {
        self.switching.is_some()
    }

    /// The truth, to be sent now.
    pub fn present(&mut self) -> WireStatus {
        self.sent = Some(self.truth.clone());
        self.answer_due = false;
        self.wire(&self.truth)
    }

    /// A status about a request that the slot itself doesn't feel.
    pub fn failure(&self, stream: String, error: &str) -> WireStatus {
        failure(self.number, stream, error)
    }

    fn wire(&self, status: &SlotStatus) -> WireStatus {
        let asked = &self.asked;
        let is_asked = asked.resolved() == status.stream && !asked.quality.is_empty();
        // What is shown in its place is another quality of the same stream.
        let other = status.instead_of.as_ref().and_then(|_| {
            status.stream.strip_prefix(asked.stream.as_str())?.strip_prefix('-').map(str::to_owned)
        });
        WireStatus {
            slot: self.number,
            stream: status.stream.clone(),
            status: status.status.as_str(),
            quality: is_asked.then(|| asked.quality.clone()).or(other),
            instead_of: status.instead_of.clone(),
            error: status.error.clone(),
        }
    }
}

/// Whether a status says what became of a stream that was asked for.
fn is_about(status: &SlotStatus, stream: &str) -> bool {
    status.stream == stream || status.instead_of.as_deref() == Some(stream)
}

/// The status `error` of a slot that need not exist.
pub(super) fn failure(slot: i64, stream: String, error: &str) -> WireStatus {
    let error = Some(error.to_owned());
    let status = Status::Error.as_str();
    WireStatus { slot, stream, status, quality: None, instead_of: None, error }
}
