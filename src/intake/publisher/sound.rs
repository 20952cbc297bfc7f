//! How long a packet of audio sounds.

use crate::engine::codec::AudioCodec;

/// Ticks of the codec's RTP clock; none for a payload that breaks its format.
pub(super) fn ticks(codec: AudioCodec, payload: &[u8]) -> Option<u32> {
    match codec {
        AudioCodec::Opus => opus(payload),
        // A byte is a sample; of G.722 it is two, at twice the rate of its RTP clock.
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => {
            u32::try_from(payload.len()).ok().filter(|ticks| *ticks > 0)
        }
    }
}

/// From the first octets of an Opus packet (RFC 6716 section 3.1), in 48ths of a millisecond.
fn opus(payload: &[u8]) -> Option<u32> {
    const MS: u32 = 48;
    const MAX: u32 = 120 * MS;
    let (&first, rest) = payload.split_first()?;
    let size = u32::from(first >> 3 & 3);
    let frame = match first >> 3 {
        0..12 if size == 3 => 60 * MS,
        0..12 => (10 * MS) << size,
        12..16 => (10 * MS) << (size & 1),
        _ => (5 * MS / 2) << size,
    };
    let count = match first & 3 {
        0 => 1,
        3 => u32::from(rest.first()? & 63),
        _ => 2,
    };
    Some(frame * count).filter(|ticks| (1..=MAX).contains(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: u8 = 4;

    #[test]
    fn the_first_octets_of_opus_say_how_long_it_is() {
        for (payload, ms_times_2) in [
            (&[0][..], 20),              // SILK, 10 ms
            (&[3 << 3], 120),            // SILK, 60 ms
            (&[13 << 3], 40),            // hybrid, 20 ms
            (&[31 << 3 | STEREO], 40),   // CELT, 20 ms: what browsers send
            (&[28 << 3 | 1], 10),        // CELT, twice 2.5 ms
            (&[31 << 3 | 3, 0xc3], 120), // CELT, three times 20 ms
        ] {
            assert_eq!(opus(payload), Some(ms_times_2 * 24), "{payload:x?}");
        }
        for payload in [&[][..], &[3], &[3, 0], &[31 << 3 | 3, 63]] {
            assert_eq!(opus(payload), None, "{payload:x?}");
        }
    }

    #[test]
    fn a_byte_of_g711_is_a_sample() {
        assert_eq!(ticks(AudioCodec::Pcma, &[0; 160]), Some(160));
        assert_eq!(ticks(AudioCodec::Pcmu, &[]), None);
    }
}
