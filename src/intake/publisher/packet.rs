//! What a publisher's peer connection hands on: the packets of its tracks, repaired but in the
//! order in which they came.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::codec::{AudioCodec, VideoCodec};

/// What a track's packets are coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// Pictures.
    Video(VideoCodec),
    /// Sound.
    Audio(AudioCodec),
}

impl Codec {
    /// Ticks of its RTP clock in a second; 90 000 for all video.
    #[must_use]
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Video(_) => 90_000,
            Self::Audio(codec) => codec.clock_hz(),
        }
    }

    /// Of pictures.
    #[must_use]
    pub fn video(self) -> Option<VideoCodec> {
        match self {
            Self::Video(codec) => Some(codec),
            Self::Audio(_) => None,
        }
    }

    /// Of sound.
    #[must_use]
    pub fn audio(self) -> Option<AudioCodec> {
        match self {
            Self::Audio(codec) => Some(codec),
            Self::Video(_) => None,
        }
    }
}

/// One RTP packet (RFC 3550 section 5.1).
#[derive(Debug, Clone)]
pub struct Packet {
    /// What its payload type stands for.
    pub codec: Codec,
    /// Its source: another one has a clock and numbers of its own.
    pub ssrc: u32,
    /// Extended sequence number.
    pub sequence_number: u64,
    /// RTP timestamp, in ticks of [`Codec::clock_hz`].
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// How the picture is to be turned for display, clockwise: 0, 90, 180 or 270 degrees
    /// (3GPP TS 26.114 section 7.4.5). Only on the packets that say so.
    pub rotation_degrees: Option<u16>,
    /// When it came.
    pub received_at: Instant,
    /// The payload without padding; empty where padding was all.
    pub payload: Arc<[u8]>,
}

/// A sender report (RFC 3550 section 6.4.1): what the sender's clock said at an RTP timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// RTP timestamp, in ticks of the track's clock.
    pub timestamp: u32,
    /// The sender's clock at that moment, in microseconds since a moment that all reports of
    /// its connection have in common.
    pub sender_micros: i64,
}
