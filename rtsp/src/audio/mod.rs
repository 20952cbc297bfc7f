//! Audio as cameras send it: packets of any length in, packets of 20 ms out.
//!
//! Of the payload formats that are taken, G.711 and G.722 have one byte for each tick of
//! their clock, so they can be cut anywhere. Opus packets are units of their own (RFC 7587
//! section 4.2) and stay as they are.

mod aac;
mod opus;
mod repacketize;

use std::sync::Arc;
use std::time::Instant;

pub use self::aac::Aac;
use self::aac::{HeaderLayout, Units};
pub use self::opus::ticks as opus_ticks;
use self::repacketize::Repacketizer;
use crate::rtp;
use crate::sdp::Format;

/// Whether this build plays audio. What depends on it is left out of builds that don't.
pub(crate) const ENABLED: bool = cfg!(feature = "audio");

/// An audio codec that is passed on as it comes. Browsers take all but AAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz, one channel (RFC 3551 4.5.14).
    Pcmu,
    /// G.711 A-law, 8 kHz, one channel (RFC 3551 4.5.14).
    Pcma,
    /// 64 kbit/s, one channel, with an RTP clock of 8 kHz (RFC 3551 4.5.2).
    G722,
    /// RTP clock of 48 kHz (RFC 7587).
    Opus,
    /// Of any kind, in the modes AAC-hbr and AAC-lbr (RFC 3640).
    Aac(Aac),
}

/// What one packet of a camera brought, with what was left of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// What it is coded in.
    pub codec: Codec,
    /// When the packet came.
    pub received_at: Instant,
    /// RTP timestamp behind the packet's last sample: it was taken when that was recorded.
    pub ends_at: u32,
    /// In order; none is longer than the packet.
    pub packets: Vec<Packet>,
}

/// One packet of audio as browsers want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// RTP timestamp of the first sample, on the camera's clock.
    pub timestamp: u32,
    /// How long it sounds, in ticks of the codec's clock.
    pub ticks: u32,
    /// The RTP payload.
    pub payload: Arc<[u8]>,
}

impl Codec {
    /// The codec of a described format, if it is passed on: neither another clock nor a second
    /// channel of G.711 or G.722. What is said of Opus' channels means nothing (RFC 7587 7).
    pub(crate) fn of(format: &Format) -> Option<Self> {
        let is_mono = format.channels.is_none_or(|channels| channels == 1);
        Some(match (format.codec.as_str(), format.clock_rate_hz) {
            ("PCMU", 8_000) if is_mono => Self::Pcmu,
            ("PCMA", 8_000) if is_mono => Self::Pcma,
            ("G722", 8_000) if is_mono => Self::G722,
            ("OPUS", 48_000) => Self::Opus,
            _ => return Aac::of(format).map(Self::Aac),
        })
    }

    /// Ticks of the RTP clock in a second.
    #[must_use]
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
            Self::Aac(aac) => aac.clock_hz(),
        }
    }

    /// Whether browsers take it over WebRTC.
    #[must_use]
    pub fn is_for_browsers(self) -> bool {
        !matches!(self, Self::Aac(_))
    }
}

/// Packets of a camera to packets as they are passed on.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    /// G.711, G.722, Opus.
    Cut(Repacketizer),
    /// AAC.
    Units(Units),
}

impl Depacketizer {
    pub(crate) fn new(codec: Codec, format: &Format) -> Self {
        match codec {
            Codec::Aac(aac) => Self::Units(Units::new(&aac, HeaderLayout::of(format))),
            _ => Self::Cut(Repacketizer::new(codec)),
        }
    }

    /// The sender is another one, or counts anew.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Cut(repacketizer) => repacketizer.reset(),
            Self::Units(units) => units.reset(),
        }
    }

    /// The camera's next packet: the timestamp behind its last sample, and what it completes.
    /// `lost_before` says that packets are missing before it. None if it is no audio.
    pub(crate) fn push(
        &mut self,
        packet: &rtp::Packet<'_>,
        lost_before: bool,
    ) -> Option<(u32, Vec<Packet>)> {
        let (timestamp, payload) = (packet.timestamp, packet.payload);
        match self {
            Self::Cut(repacketizer) => repacketizer.push(timestamp, lost_before, payload),
            Self::Units(units) => units.push(timestamp, lost_before, packet.marker, payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Sdp;

    #[test]
    fn a_codec_counts_only_with_the_clock_and_the_channels_that_are_known() {
        let codec = |payload_type: &str, rtpmap: &str| {
            let text =
                format!("m=audio 0 RTP/AVP {payload_type}\na=rtpmap:{payload_type} {rtpmap}");
            Codec::of(&Sdp::parse(text.as_bytes()).media[0].formats[0])
        };
        assert_eq!(codec("0", "PCMU/8000"), Some(Codec::Pcmu));
        assert_eq!(codec("8", ""), Some(Codec::Pcma));
        assert_eq!(codec("97", "pcma/8000/1"), Some(Codec::Pcma));
        assert_eq!(codec("9", "G722/8000"), Some(Codec::G722));
        assert_eq!(codec("98", "OPUS/48000/1"), Some(Codec::Opus));
        assert_eq!(codec("98", "opus/48000/2"), Some(Codec::Opus));
        for odd in ["PCMU/16000", "PCMA/8000/2", "G726-32/8000", "MPEG4-GENERIC/16000/1"] {
            assert_eq!(codec("97", odd), None, "{odd}");
        }
    }
}
