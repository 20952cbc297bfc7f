//! RTP payloads to access units (RFC 6184), for one track.

use std::collections::VecDeque;
use std::time::Instant;

use super::access_unit::AccessUnit;
use super::parameter_sets::ParameterSets;

/// One RTP packet of the track, in sequence.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// Whether packets between the previous one and this are missing.
    pub lost_before: bool,
    /// The payload without padding.
    pub payload: &'a [u8],
}

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
    /// A payload that breaks RFC 6184 or H.264.
    Malformed,
    /// A payload format of RFC 6184 interleaved mode, or data partitioning.
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
    /// Packets that needed repair: start codes, empty or odd fragments, wrong markers.
    pub repaired: u64,
    /// Dropped access units that were intra pictures but no IDR: a camera with periodic intra
    /// refresh or open GOPs only, which cannot be joined.
    pub intra_without_idr: u64,
}

/// Puts the packets of one video track together.
#[derive(Debug)]
pub struct Assembler {
    outputs: VecDeque<Output>,
    stats: Stats,
}

impl Assembler {
    /// An assembler that waits for the first IDR. `sprop` are the parameter sets of the SDP;
    /// those in the stream replace them.
    pub fn new(_sprop: Option<ParameterSets>) -> Self {
        Self {
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes the next packet in sequence.
    pub fn handle_packet(&mut self, _now: Instant, _packet: &Packet<'_>) {}

    /// A new source (SSRC) or session: nothing that follows continues what came before.
    pub fn handle_discontinuity(&mut self) {}

    /// Ends the access unit of a camera without markers.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When to call [`Assembler::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next output, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Counters since the assembler was made.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
