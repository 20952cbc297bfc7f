//! The units that cross the matrix: one access unit of video as RTP payloads, and one packet
//! of audio.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub use rtsp::payloads::{Memory, Payloads};

use super::codec::{AudioCodec, VideoCodec};
use super::picture_numbers::PictureNumbers;

/// How often a slot's first frame of a source carries its parameter sets. H.264 in RTP does not
/// mark a frame's first packet: a receiver that misses it takes the rest of the IDR for whole
/// and decodes it with the parameter sets of the source before. Chromium then shows garbage
/// until the next IDR, or asks for one.
const PARAMETER_SET_COPIES: usize = 3;

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
    /// As long as this one is kept, which a cache's limits count without it.
    as_first: OnceLock<Arc<Self>>,
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
        let as_first = OnceLock::new();
        Self { codec, key, disposable, captured_at, numbers, payloads, as_first }
    }

    /// Sum of the payloads' lengths.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payloads.bytes()
    }

    /// The same frame under other numbers, with a copy of its payloads.
    #[must_use]
    pub fn with_numbers(&self, numbers: PictureNumbers) -> Self {
        let mut payloads = self.payloads.clone();
        payloads.for_each_mut(|payload| numbers.put_into(self.codec, payload));
        Self::new(self.codec, self.key, self.disposable, self.captured_at, payloads)
    }

    /// The same frame as the first of a source on a slot, its parameter sets repeated: a copy, made
    /// once for all slots that begin with it.
    #[must_use]
    pub fn as_first(&self) -> Arc<Self> {
        Arc::clone(self.as_first.get_or_init(|| {
            let lead = self.payloads.first().into_iter().cycle().take(PARAMETER_SET_COPIES);
            let payloads = lead.chain(self.payloads.iter().skip(1)).collect();
            Self::new(self.codec, self.key, self.disposable, self.captured_at, payloads).into()
        }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_slots_begin_with_one_copy_of_a_key_frame() {
        let payloads = Payloads::from_iter([b"sets", b"IDR1", b"IDR2"]);
        let frame = Frame::new(VideoCodec::H264, true, false, Instant::now(), payloads);
        let first = frame.as_first();
        let expected = [b"sets", b"sets", b"sets", b"IDR1", b"IDR2"];
        assert_eq!(first.payloads, Payloads::from_iter(expected));
        assert!(Arc::ptr_eq(&first, &frame.as_first()));
    }
}
