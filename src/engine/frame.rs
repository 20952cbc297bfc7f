//! The unit that crosses the matrix: one access unit as RTP payloads.

use std::sync::Arc;
use std::time::Instant;

/// One access unit (RFC 6184), packetized once for every viewer.
///
/// A frame is never cut: a slot sends all of its payloads or none, so a switch can only
/// happen between two access units.
#[derive(Debug)]
pub struct Frame {
    /// An IDR picture with its parameter sets in a payload of their own in front: decoding
    /// can start here.
    pub key: bool,
    /// No other picture refers to it (`nal_ref_idc` 0): a replay may leave it out.
    pub disposable: bool,
    /// When the camera took it, on our monotonic clock: arrival, smoothed by the camera's
    /// own RTP clock (see [`super::capture_clock`]).
    pub captured_at: Instant,
    /// RTP payloads in order; the last one carries the marker bit.
    pub payloads: Vec<Arc<[u8]>>,
    /// Sum of the payloads' lengths.
    pub bytes: usize,
}

impl Frame {
    /// A frame of these payloads.
    #[must_use]
    pub fn new(
        key: bool,
        disposable: bool,
        captured_at: Instant,
        payloads: Vec<Arc<[u8]>>,
    ) -> Self {
        let bytes = payloads.iter().map(|payload| payload.len()).sum();
        Self { key, disposable, captured_at, payloads, bytes }
    }

    /// The same frame with its first payload so many times, and the others once.
    #[must_use]
    pub fn with_repeated_lead(&self, copies: usize) -> Self {
        let lead = self.payloads.iter().take(1).cycle().take(copies);
        let payloads = lead.chain(self.payloads.iter().skip(1)).cloned().collect();
        Self::new(self.key, self.disposable, self.captured_at, payloads)
    }
}

/// A frame as it leaves a slot: stamped and numbered.
#[derive(Debug, Clone)]
pub struct Egress {
    /// What to send.
    pub frame: Arc<Frame>,
    /// Extended sequence number of the first payload; the others follow without a gap.
    pub first_sequence_number: u64,
    /// RTP timestamp of every payload, 90 kHz.
    pub rtp_timestamp: u32,
    /// The instant that `rtp_timestamp` stands for, never later than now: it goes into
    /// the sender reports.
    pub presented_at: Instant,
    /// Whether the packets should repeat the playout-delay extension.
    pub playout_hint: bool,
}
