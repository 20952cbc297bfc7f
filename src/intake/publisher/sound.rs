//! How long a packet of audio sounds.

use crate::engine::codec::AudioCodec;

/// Ticks of the codec's RTP clock; none for a payload that breaks its format.
pub(super) fn ticks(codec: AudioCodec, payload: &[u8]) -> Option<u32> {
    match codec {
        AudioCodec::Opus => rtsp::audio::opus_ticks(payload),
        // A byte is a sample; of G.722 it is two, at twice the rate of its RTP clock.
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => {
            u32::try_from(payload.len()).ok().filter(|ticks| *ticks > 0)
        }
        // No peer sends it.
        AudioCodec::Aac(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_of_g711_is_a_sample() {
        assert_eq!(ticks(AudioCodec::Pcma, &[0; 160]), Some(160));
        assert_eq!(ticks(AudioCodec::Pcmu, &[]), None);
    }
}
