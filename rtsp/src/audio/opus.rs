//! How long an Opus packet sounds (RFC 6716 section 3.1).

/// Longest packet, 120 ms, in ticks of 48 kHz.
const MAX_TICKS: u32 = 5_760;

/// Ticks of 48 kHz that an Opus packet sounds, 1..=5760 (RFC 6716 section 3.1); none if it is no
/// Opus packet.
#[must_use]
pub fn ticks(packet: &[u8]) -> Option<u32> {
    let first = *packet.first()?;
    let configuration = first >> 3;
    let frame = match configuration {
        // SILK alone: 10, 20, 40, 60 ms.
        0..12 => [480, 960, 1920, 2880].get(usize::from(configuration & 3)),
        // Hybrid: 10, 20 ms.
        12..16 => [480, 960].get(usize::from(configuration & 1)),
        // CELT alone: 2.5, 5, 10, 20 ms.
        _ => [120, 240, 480, 960].get(usize::from(configuration & 3)),
    }?;
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let ticks = frame * frames;
    (1..=MAX_TICKS).contains(&ticks).then_some(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_length() {
        for (packet, ms) in [
            (&[0x78, 1][..], Some(20)), // hybrid, 20 ms, one frame
            (&[0xfc], Some(20)),        // CELT, 20 ms, one frame
            (&[0xfd, 1, 2], Some(40)),
            (&[0x18], Some(60)),
            (&[0xfb, 3], Some(60)), // three frames of 20 ms
            (&[0xfb, 0x86, 9], Some(120)),
            (&[0xfb, 7], None), // 140 ms
            (&[0xfb, 0], None),
            (&[0xfb], None),
            (&[], None),
        ] {
            assert_eq!(ticks(packet).map(|ticks| ticks / 48), ms, "{packet:x?}");
        }
        assert_eq!(ticks(&[0x80]), Some(120), "2.5 ms");
    }
}
