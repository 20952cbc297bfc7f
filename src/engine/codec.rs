//! What a frame is coded in: the engine passes everything on as it came, but an output takes
//! only what its receiver can decode.

use std::fmt;

/// A video codec with an RTP payload format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// The AV1 RTP payload specification of the Alliance for Open Media.
    Av1,
}

/// An audio codec with an RTP payload format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AudioCodec {
    /// G.711 µ-law, 8 kHz, one channel (RFC 3551 section 4.5.14).
    Pcmu,
    /// G.711 A-law, 8 kHz, one channel (RFC 3551 section 4.5.14).
    Pcma,
    /// 16 kHz, one channel, with an RTP clock of 8 kHz (RFC 3551 section 4.5.2).
    G722,
    /// 48 kHz (RFC 7587).
    Opus,
}

impl VideoCodec {
    /// The encoding name of its payload format, as SDP has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    /// Whether a key frame's first payload holds its parameter sets and nothing else, so that it
    /// may be sent more than once.
    #[must_use]
    pub fn leads_with_parameter_sets(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }
}

impl AudioCodec {
    /// The encoding name of its payload format, as SDP has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// Ticks of its RTP clock in a second.
    #[must_use]
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
