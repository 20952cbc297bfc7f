//! The units that cross the matrix: one access unit of video as RTP payloads, and one packet
//! of audio.

use std::sync::Arc;
use std::time::Instant;

pub use rtsp::payloads::Payloads;

use super::codec::{AudioCodec, VideoCodec};
use super::picture_numbers::PictureNumbers;

/// One access unit, packetized once for every viewer.
///
/// A frame is never cut: a slot sends all of its payloads or none, so a switch can only
/// happen between two access units.
#[derive(Debug)]
pub struct Frame {
    /// What it is coded in.
    pub codec: VideoCodec,
    /// Decoding can start here. In H.264 that is an IDR picture with its parameter sets in a
    /// payload of their own in front.
    pub key: bool,
    /// No other picture refers to it (`nal_ref_idc` 0): a replay may leave it out.
    pub disposable: bool,
    /// When the camera took it, on our monotonic clock: arrival, smoothed by the camera's
    /// own RTP clock (see [`super::capture_clock`]).
    pub captured_at: Instant,
    /// What its receivers know it by, in codecs whose payloads say so.
    pub numbers: Option<PictureNumbers>,
    /// RTP payloads in order; the last one carries the marker bit.
    pub payloads: Payloads,
}

impl Frame {
    /// A frame of these payloads.
    #[must_use]
    pub fn new(
        codec: VideoCodec,
        key: bool,
        disposable: bool,
        captured_at: Instant,
        payloads: Payloads,
    ) -> Self {
        let first = payloads.first();
        let numbers = first.and_then(|payload| PictureNumbers::of(codec, payload));
        Self { codec, key, disposable, captured_at, numbers, payloads }
    }

    /// Sum of the payloads' lengths.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payloads.bytes()
    }

    /// The same frame under other numbers, a copy.
    #[must_use]
    pub fn with_numbers(&self, numbers: PictureNumbers) -> Self {
        let mut payloads = self.payloads.clone();
        payloads.for_each_mut(|payload| numbers.put_into(self.codec, payload));
        Self::new(self.codec, self.key, self.disposable, self.captured_at, payloads)
    }

    /// The same frame with its first payload so many times, and the others once; a copy.
    #[must_use]
    pub fn with_repeated_lead(&self, copies: usize) -> Self {
        let lead = self.payloads.first().into_iter().cycle().take(copies);
        let payloads = lead.chain(self.payloads.iter().skip(1)).collect();
        Self::new(self.codec, self.key, self.disposable, self.captured_at, payloads)
    }
}

/// One packet of audio, as every receiver gets it.
#[derive(Debug, Clone)]
pub struct AudioFrame {
    /// What it is coded in.
    pub codec: AudioCodec,
    /// When its first sample was taken, on the same clock as [`Frame::captured_at`]: what was
    /// seen and heard together has the same instant.
    pub captured_at: Instant,
    /// How long it sounds, in ticks of the codec's RTP clock.
    pub ticks: u32,
    /// The RTP payload.
    pub payload: Arc<[u8]>,
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

impl Egress {
    /// Whether the payload of this index ends the frame: the marker bit.
    #[must_use]
    pub fn is_marked(&self, index: usize) -> bool {
        let payloads = &self.frame.payloads;
        let payload = payloads.get(index).filter(|_| index + 1 == payloads.len());
        payload.is_some_and(|payload| !payload.is_empty())
    }
}

/// A packet of audio as it leaves a slot: stamped and numbered.
#[derive(Debug, Clone)]
pub struct AudioEgress {
    /// What to send.
    pub frame: AudioFrame,
    /// Extended sequence number.
    pub sequence_number: u64,
    /// RTP timestamp, on the codec's clock.
    pub rtp_timestamp: u32,
    /// The instant that `rtp_timestamp` stands for, never later than now: it goes into
    /// the sender reports.
    pub presented_at: Instant,
    /// It follows nothing, or a gap: the marker bit (RFC 3551 section 4.1).
    pub is_start: bool,
}
