//! The last step before the caller: lets access units through only in an order that a decoder
//! can follow, and says once when it stops doing so.

use std::collections::VecDeque;

use super::access_unit::{AccessUnit, Kind};
use super::limits::MAX_OUTPUTS;

/// Why access units were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// The stream began between two IDRs.
    WaitingForIdr,
    /// Packets are missing.
    Loss,
    /// The caller reported a new source.
    Discontinuity,
    /// Part of a picture never came although no packet is missing.
    Incomplete,
    /// A payload that breaks its format or its codec.
    Malformed,
    /// A payload out of decoding order or with extensions (interleaved mode of RFC 6184, PACI of
    /// RFC 7798), or data partitioning.
    Unsupported,
    /// A picture whose parameter sets are unknown.
    NoParameterSets,
    /// An access unit beyond its byte or NAL unit limit.
    TooLarge,
    /// The caller did not poll.
    Overflow,
}

impl DropReason {
    /// A stable word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitingForIdr => "waiting_for_idr",
            Self::Loss => "loss",
            Self::Discontinuity => "discontinuity",
            Self::Incomplete => "incomplete",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NoParameterSets => "no_parameter_sets",
            Self::TooLarge => "too_large",
            Self::Overflow => "overflow",
        }
    }
}

/// What the assembler has to say, in order.
#[derive(Debug, Clone)]
pub enum Output {
    /// A whole access unit that a decoder fed with all since the last IDR can decode.
    AccessUnit(AccessUnit),
    /// Access units are being dropped. Said once, when a run begins: with `breaks_prediction`
    /// the run lasts until the next IDR, else it is a single disposable access unit.
    Dropped {
        /// What began the run.
        reason: DropReason,
        /// Whether what was received since the last IDR cannot be continued.
        breaks_prediction: bool,
    },
}

/// Counters since the assembler was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Access units put out.
    pub access_units: u64,
    /// Access units dropped, as far as they were seen.
    pub dropped: u64,
    /// Repairs: start codes inside payloads, empty or odd fragments, markers that lie.
    pub repaired: u64,
    /// Dropped access units that were intra pictures but no IDR. If it grows and `access_units`
    /// does not, the camera has only open GOPs or intra refresh, which cannot be joined.
    pub intra_without_idr: u64,
}

/// How far a loss reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// One disposable access unit.
    Single,
    /// Everything until the next IDR.
    UntilIdr,
}

/// Closed until an IDR and after anything that breaks prediction.
#[derive(Debug, Default)]
pub(super) struct Gate {
    outputs: VecDeque<Output>,
    pub(super) stats: Stats,
    open: bool,
    /// Whether the caller knows that the gate is closed.
    announced: bool,
}

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Lets an access unit through, if the gate is open or it is an IDR. Whether it went.
    pub(super) fn pass(&mut self, au: AccessUnit) -> bool {
        let opens = au.kind == Kind::Idr;
        let refusal = if !self.open && !opens {
            Some(DropReason::WaitingForIdr)
        } else if self.outputs.len() >= MAX_OUTPUTS {
            Some(DropReason::Overflow)
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.drop_one(reason, Reach::UntilIdr);
            return false;
        }
        self.open = true;
        self.announced = false;
        self.stats.access_units += 1;
        self.outputs.push_back(Output::AccessUnit(au));
        true
    }

    /// An access unit is lost, or unusable.
    pub(super) fn drop_one(&mut self, reason: DropReason, reach: Reach) {
        self.stats.dropped += 1;
        let full = self.outputs.len() >= MAX_OUTPUTS;
        if self.open && reach == Reach::Single && !full {
            self.outputs.push_back(Output::Dropped { reason, breaks_prediction: false });
        } else {
            self.close(reason);
        }
    }

    /// Nothing passes before the next IDR.
    pub(super) fn close(&mut self, reason: DropReason) {
        if !self.announced {
            self.outputs.push_back(Output::Dropped { reason, breaks_prediction: true });
        }
        self.open = false;
        self.announced = true;
    }
}
