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

/// Some video codecs: what a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoCodecs(u8);

/// What a stream's encoder was told: which part of its codec a receiver has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoProfile {
    /// Of H.264: `profile-level-id` (RFC 6184 section 8.1).
    H264([u8; 3]),
    /// Of H.265: `profile-id`, `tier-flag` and `level-id` (RFC 7798 section 7.1).
    H265 {
        /// 1 Main, 2 Main 10, ...
        profile_id: u8,
        /// The high tier, else the main one.
        high_tier: bool,
        /// Thirty times the level.
        level_id: u8,
    },
    /// Of a codec whose receivers read it from the stream alone.
    Other(VideoCodec),
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
    /// Access units without any header: what files hold, and RTSP readers take. No browser does.
    Aac(Aac),
}

/// What a decoder of AAC is set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aac {
    config: [u8; Self::CONFIG_MAX_BYTES],
    config_bytes: u8,
    /// Channels, 1 to 8.
    pub channels: u8,
    /// Ticks of its RTP clock in a second, 7 000 to 96 000.
    pub clock_hz: u32,
}

impl Aac {
    /// Longest `AudioSpecificConfig`.
    pub const CONFIG_MAX_BYTES: usize = 16;

    /// AAC with this `AudioSpecificConfig` (ISO 14496-3 section 1.6); none if that is too long.
    #[must_use]
    pub fn new(config: &[u8], channels: u8, clock_hz: u32) -> Option<Self> {
        let mut kept = [0; Self::CONFIG_MAX_BYTES];
        kept.get_mut(..config.len())?.copy_from_slice(config);
        Some(Self {
            config: kept,
            config_bytes: u8::try_from(config.len()).ok()?,
            channels,
            clock_hz,
        })
    }

    /// Its `AudioSpecificConfig`.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        self.config.get(..usize::from(self.config_bytes)).unwrap_or_default()
    }
}

impl VideoProfile {
    /// Of which codec.
    #[must_use]
    pub fn codec(self) -> VideoCodec {
        match self {
            Self::H264(_) => VideoCodec::H264,
            Self::H265 { .. } => VideoCodec::H265,
            Self::Other(codec) => codec,
        }
    }
}

impl VideoCodecs {
    /// These and one more.
    #[must_use]
    pub fn with(self, codec: VideoCodec) -> Self {
        Self(self.0 | Self::bit(codec))
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(self, codec: VideoCodec) -> bool {
        self.0 & Self::bit(codec) != 0
    }

    fn bit(codec: VideoCodec) -> u8 {
        1 << (codec as u8)
    }
}

impl FromIterator<VideoCodec> for VideoCodecs {
    fn from_iter<I: IntoIterator<Item = VideoCodec>>(codecs: I) -> Self {
        codecs.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for VideoCodecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = VideoCodec::ALL.iter().filter(|codec| self.has(**codec)).map(|c| c.name());
        let names: Vec<&str> = names.collect();
        f.write_str(if names.is_empty() { "no video" } else { "" })?;
        f.write_str(&names.join(" and "))
    }
}

impl VideoCodec {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::H264, Self::H265, Self::Vp8, Self::Vp9, Self::Av1];

    /// The one with this encoding name (`H265`), as `rtpmap` has it in upper case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

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
    /// Those that browsers take over WebRTC, the best first.
    pub const OF_BROWSERS: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];

    /// Whether browsers take it over WebRTC.
    #[must_use]
    pub fn is_for_browsers(self) -> bool {
        Self::OF_BROWSERS.contains(&self)
    }

    /// The encoding name of its payload format, as SDP has it; `AAC`, which has several.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
            Self::Aac(_) => "AAC",
        }
    }

    /// Ticks of its RTP clock in a second.
    #[must_use]
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
            Self::Aac(aac) => aac.clock_hz.max(1),
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
