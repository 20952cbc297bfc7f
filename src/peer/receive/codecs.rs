//! The codecs that a publisher may send, as str0m names them.

use str0m::RtcConfig;
use str0m::format::Codec as RtcCodec;

use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::intake::publisher::Codec;

/// Takes a codec, in all profiles that str0m knows.
pub fn enable(config: RtcConfig, codec: Codec) -> RtcConfig {
    match codec {
        Codec::Video(VideoCodec::H264) => config.enable_h264(true),
        Codec::Video(VideoCodec::Vp8) => config.enable_vp8(true),
        Codec::Video(VideoCodec::Vp9) => config.enable_vp9(true),
        Codec::Video(VideoCodec::Av1) => config.enable_av1(true),
        Codec::Audio(AudioCodec::Opus) => config.enable_opus(true, false),
        Codec::Audio(AudioCodec::Pcmu) => config.enable_pcmu(true, false),
        Codec::Audio(AudioCodec::Pcma) => config.enable_pcma(true, false),
        Codec::Audio(AudioCodec::G722) => config.enable_g722(true, false),
        // Of H.265 profile and tier would have to be the same on both sides; of AAC there is no
        // payload format that anybody implements.
        Codec::Video(VideoCodec::H265) | Codec::Audio(AudioCodec::Aac(_)) => config,
    }
}

/// A codec of ours.
pub fn own(codec: RtcCodec) -> Option<Codec> {
    Some(match codec {
        RtcCodec::H264 => Codec::Video(VideoCodec::H264),
        RtcCodec::H265 => Codec::Video(VideoCodec::H265),
        RtcCodec::Vp8 => Codec::Video(VideoCodec::Vp8),
        RtcCodec::Vp9 => Codec::Video(VideoCodec::Vp9),
        RtcCodec::Av1 => Codec::Video(VideoCodec::Av1),
        RtcCodec::Opus => Codec::Audio(AudioCodec::Opus),
        RtcCodec::PCMU => Codec::Audio(AudioCodec::Pcmu),
        RtcCodec::PCMA => Codec::Audio(AudioCodec::Pcma),
        RtcCodec::G722 => Codec::Audio(AudioCodec::G722),
        _ => return None,
    })
}
