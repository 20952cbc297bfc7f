//! What a file says of its tracks before their first sample.

use crate::engine::codec::{AudioCodec, VideoCodec};

/// The format of a picture track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFormat {
    /// Width in pixels, cropped, 1..=65535.
    pub width: u32,
    /// Height in pixels, cropped, 1..=65535.
    pub height: u32,
    /// What a decoder is set up with.
    pub setup: Setup,
}

/// What a decoder of pictures is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// Parameter sets, each a NAL unit with its header (RFC 6184).
    H264 {
        /// Sequence parameter sets, one at least.
        sps: Vec<Vec<u8>>,
        /// Picture parameter sets, one at least.
        pps: Vec<Vec<u8>>,
    },
    /// Parameter sets, each a NAL unit with its header (RFC 7798).
    H265(Box<H265Setup>),
    /// Nothing.
    Vp8,
    /// What the header of a key picture says.
    Vp9 {
        /// 0 to 3.
        profile: u8,
        /// Bits of a sample: 8, 10 or 12.
        bit_depth: u8,
        /// As `vpcC` counts it: 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
        chroma_subsampling: u8,
    },
    /// The sequence header.
    Av1(Av1Setup),
}

impl Setup {
    /// Whether this NAL unit is one of its parameter sets.
    #[must_use]
    pub fn has_set(&self, unit: &[u8]) -> bool {
        let is_in = |sets: &[Vec<u8>]| sets.iter().any(|set| set == unit);
        match self {
            Self::H264 { sps, pps } => is_in(sps) || is_in(pps),
            Self::H265(setup) => is_in(&setup.vps) || is_in(&setup.sps) || is_in(&setup.pps),
            _ => false,
        }
    }
}

/// Parameter sets of H.265, and what `hvcC` repeats of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct H265Setup {
    /// Video parameter sets.
    pub vps: Vec<Vec<u8>>,
    /// Sequence parameter sets, one at least.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, one at least.
    pub pps: Vec<Vec<u8>>,
    /// `general_profile_space`, `general_tier_flag` and `general_profile_idc` in one byte.
    pub profile: u8,
    /// `general_profile_compatibility_flags`.
    pub compatibility: [u8; 4],
    /// `general_constraint_indicator_flags`.
    pub constraints: [u8; 6],
    /// `general_level_idc`.
    pub level: u8,
    /// `chroma_format_idc`.
    pub chroma_format: u8,
    /// `bit_depth_luma_minus8`.
    pub luma_depth_minus8: u8,
    /// `bit_depth_chroma_minus8`.
    pub chroma_depth_minus8: u8,
    /// `sps_max_sub_layers_minus1` plus 1.
    pub sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub is_nested: bool,
}

/// The sequence header of AV1, and what `av1C` repeats of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Av1Setup {
    /// The OBU with its size.
    pub sequence_header: Vec<u8>,
    /// `seq_profile`.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level: u8,
    /// `seq_tier` of the first operating point.
    pub tier: bool,
    /// `high_bitdepth`.
    pub is_high_depth: bool,
    /// `twelve_bit`.
    pub is_twelve_bit: bool,
    /// `mono_chrome`.
    pub is_monochrome: bool,
    /// `subsampling_x`.
    pub subsampling_x: bool,
    /// `subsampling_y`.
    pub subsampling_y: bool,
    /// `chroma_sample_position`.
    pub chroma_sample_position: u8,
}

impl VideoFormat {
    /// The codec.
    #[must_use]
    pub fn codec(&self) -> VideoCodec {
        match self.setup {
            Setup::H264 { .. } => VideoCodec::H264,
            Setup::H265(_) => VideoCodec::H265,
            Setup::Vp8 => VideoCodec::Vp8,
            Setup::Vp9 { .. } => VideoCodec::Vp9,
            Setup::Av1(_) => VideoCodec::Av1,
        }
    }

    /// Whether samples of `next` can stand behind samples of this in one track. VP8 and VP9 tell
    /// their decoders of a new size themselves, which publishers on thin links change all the
    /// time; a new shape, as of a phone that was turned, is not one that players follow.
    #[must_use]
    pub fn takes(&self, next: &Self) -> bool {
        let keeps_shape = u64::from(self.width) * u64::from(next.height)
            == u64::from(self.height) * u64::from(next.width);
        match self.setup {
            Setup::Vp8 | Setup::Vp9 { .. } => self.setup == next.setup && keeps_shape,
            _ => self == next,
        }
    }
}

/// The format of a sound track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioFormat {
    /// RFC 6716, 48 kHz, taken for stereo: a decoder follows the packets.
    Opus,
    /// G.711 µ-law, 8 kHz, one channel.
    Pcmu,
    /// G.711 A-law, 8 kHz, one channel.
    Pcma,
    /// 16 kHz, one channel.
    G722,
    /// AAC, its access units without any header.
    Aac {
        /// The `AudioSpecificConfig` (ISO 14496-3 section 1.6).
        config: Vec<u8>,
        /// Samples in a second.
        sample_hz: u32,
        /// Channels.
        channels: u8,
    },
}

impl AudioFormat {
    /// Its name, as SDP has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opus => AudioCodec::Opus.name(),
            Self::Pcmu => AudioCodec::Pcmu.name(),
            Self::Pcma => AudioCodec::Pcma.name(),
            Self::G722 => AudioCodec::G722.name(),
            Self::Aac { .. } => "AAC",
        }
    }

    /// Ticks of its clock in a second, which a file counts in too.
    #[must_use]
    pub fn clock_hz(&self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Aac { sample_hz, .. } => *sample_hz,
        }
    }

    /// Samples in a second once decoded.
    #[must_use]
    pub fn sample_hz(&self) -> u32 {
        match self {
            Self::G722 => 16_000,
            _ => self.clock_hz(),
        }
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> u8 {
        match self {
            Self::Opus => 2,
            Self::Aac { channels, .. } => *channels,
            Self::Pcmu | Self::Pcma | Self::G722 => 1,
        }
    }
}

impl From<AudioCodec> for AudioFormat {
    fn from(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::Opus => Self::Opus,
            AudioCodec::Pcmu => Self::Pcmu,
            AudioCodec::Pcma => Self::Pcma,
            AudioCodec::G722 => Self::G722,
            AudioCodec::Aac(aac) => Self::Aac {
                config: aac.config().to_vec(),
                sample_hz: codec.clock_hz(),
                channels: aac.channels,
            },
        }
    }
}

/// How a player has to turn pictures, clockwise (CVO, 3GPP TS 26.114 section 7.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90°.
    Quarter,
    /// By 180°.
    Half,
    /// By 270°.
    ThreeQuarters,
}

impl Rotation {
    /// Clockwise, to the nearest quarter below.
    #[must_use]
    pub fn of_degrees(degrees: u16) -> Self {
        match degrees % 360 / 90 {
            0 => Self::None,
            1 => Self::Quarter,
            2 => Self::Half,
            _ => Self::ThreeQuarters,
        }
    }

    /// Clockwise.
    #[must_use]
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }
}

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracks {
    /// Its pictures.
    pub video: Option<VideoFormat>,
    /// How they are turned.
    pub rotation: Rotation,
    /// Its sound.
    pub audio: Option<AudioFormat>,
}
