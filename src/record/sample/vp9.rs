//! VP9: RFC 9628, its descriptors taken off; the layers of a picture become a superframe.

use super::{Sample, SampleError, limits};
use crate::record::bits::Bits;
use crate::record::format::{Setup, VideoFormat};

/// Frames of a superframe (VP9 bitstream specification, annex B).
const SUPERFRAME_MAX: usize = 8;

pub(super) fn sample<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    key: bool,
) -> Result<Sample, SampleError> {
    let mut data = Vec::new();
    // Where each layer's frame begins.
    let mut starts: Vec<usize> = Vec::new();
    for payload in payloads.filter(|payload| !payload.is_empty()) {
        let (begins, bytes) = behind_descriptor(payload).ok_or(SampleError::Malformed)?;
        if begins {
            starts.push(data.len());
            if starts.len() > SUPERFRAME_MAX {
                return Err(SampleError::TooLarge);
            }
        } else if starts.is_empty() {
            return Err(SampleError::Malformed);
        }
        data.extend_from_slice(bytes);
    }
    let layers = || {
        let ends = starts.iter().skip(1).copied().chain([data.len()]);
        starts.iter().copied().zip(ends).map(|(start, end)| data.get(start..end))
    };
    let format = if key {
        // The layers above the first one have no headers of key pictures.
        let first = layers().next().flatten().and_then(format);
        Some(first.ok_or(SampleError::NoFormat)?)
    } else {
        None
    };
    let index = if starts.len() > 1 {
        superframe_index(layers().map(|layer| layer.map_or(0, <[u8]>::len)))?
    } else {
        Vec::new()
    };
    data.extend(index);
    Ok(Sample { data, format })
}

/// Whether a layer's frame begins here, and its bytes (RFC 9628 section 4.2).
fn behind_descriptor(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&first, mut rest) = payload.split_first()?;
    let has = |flag: u8| first & flag != 0;
    let (has_id, is_inter, has_layers, is_flexible) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let (begins, has_structure) = (has(0x08), has(0x02));
    let mut take = || {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        Some(byte)
    };
    if has_id && take()? & 0x80 != 0 {
        take()?;
    }
    if has_layers {
        take()?;
        if !is_flexible {
            take()?; // TL0PICIDX
        }
    }
    if is_flexible && is_inter {
        // At most three differences; the last one says that it is.
        for _ in 0..3 {
            if take()? & 1 == 0 {
                break;
            }
        }
    }
    if has_structure {
        let structure = take()?;
        if structure & 0x10 != 0 {
            for _ in 0..(usize::from(structure >> 5) + 1) * 4 {
                take()?;
            }
        }
        if structure & 0x08 != 0 {
            for _ in 0..take()? {
                for _ in 0..take()? >> 2 & 3 {
                    take()?;
                }
            }
        }
    }
    Some((begins, rest))
}

fn superframe_index(sizes: impl Iterator<Item = usize>) -> Result<Vec<u8>, SampleError> {
    const SIZE_BYTES: u8 = 4;
    let sizes: Vec<usize> = sizes.collect();
    // Both are bounded above.
    let frames = u8::try_from(sizes.len()).map_err(|_| SampleError::TooLarge)?;
    let marker = 0b1100_0000 | (SIZE_BYTES - 1) << 3 | frames.saturating_sub(1);
    let mut index = vec![marker];
    for size in sizes.into_iter().map(|size| size.min(limits::SAMPLE_MAX_BYTES)) {
        let size = u32::try_from(size).map_err(|_| SampleError::TooLarge)?;
        index.extend_from_slice(&size.to_le_bytes());
    }
    index.push(marker);
    Ok(index)
}

/// The uncompressed header of a key picture (VP9 bitstream specification, section 6.2).
fn format(frame: &[u8]) -> Option<VideoFormat> {
    let mut bits = Bits::new(frame);
    if bits.take(2)? != 0b10 {
        return None;
    }
    let (low, high) = (bits.byte(1)?, bits.byte(1)?);
    let profile = high << 1 | low;
    if profile == 3 {
        bits.skip(1);
    }
    let (is_shown_again, is_inter) = (bits.flag()?, bits.flag()?);
    bits.skip(2); // show_frame, error_resilient_mode
    if is_shown_again || is_inter || bits.take(24)? != 0x49_83_42 {
        return None;
    }
    let bit_depth = match profile >= 2 {
        true if bits.flag()? => 12,
        true => 10,
        false => 8,
    };
    const RGB: u32 = 7;
    let is_rgb = bits.take(3)? == RGB;
    if !is_rgb {
        bits.skip(1); // color_range
    }
    let chroma_subsampling = match (is_rgb, profile & 1 == 1) {
        (false, true) => {
            let (x, y) = (bits.flag()?, bits.flag()?);
            bits.skip(1);
            match (x, y) {
                (true, true) => 1,
                (true, false) => 2,
                _ => 3,
            }
        }
        (false, false) => 1,
        (true, true) => {
            bits.skip(1);
            3
        }
        (true, false) => return None,
    };
    let (width, height) = (bits.take(16)? + 1, bits.take(16)? + 1);
    let setup = Setup::Vp9 { profile, bit_depth, chroma_subsampling };
    Some(VideoFormat { width, height, setup })
}
