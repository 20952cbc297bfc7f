//! What the beginning of a payload says of its frame, without decoding: whether a frame begins
//! there, and whether decoding can begin with it.

use super::bits::Bits;
use crate::engine::codec::VideoCodec;
use crate::engine::source::Picture;

/// The beginning of one payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// A frame begins here; else it goes on.
    pub begins: bool,
    /// Decoding can begin with the frame that begins here.
    pub is_key: bool,
    /// No other frame refers to it.
    pub is_disposable: bool,
    /// The dimensions that a key frame says.
    pub picture: Option<Picture>,
}

impl Head {
    /// Of a payload that is passed on as it came; none of one that breaks its format.
    pub(super) fn parse(codec: VideoCodec, payload: &[u8]) -> Option<Self> {
        match codec {
            VideoCodec::Vp8 => vp8(payload),
            VideoCodec::Vp9 => vp9(payload),
            VideoCodec::Av1 => av1(payload),
            VideoCodec::H264 | VideoCodec::H265 => None,
        }
    }
}

/// RFC 7741 section 4.2, and the frame header of RFC 6386 section 9.1.
fn vp8(payload: &[u8]) -> Option<Head> {
    let (&first, mut rest) = payload.split_first()?;
    let is_disposable = first & 0x20 != 0;
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    if first & 0x80 != 0 {
        let (&fields, behind) = rest.split_first()?;
        rest = behind;
        if fields & 0x80 != 0 {
            let bytes = if rest.first()? & 0x80 != 0 { 2 } else { 1 };
            rest = rest.get(bytes..)?;
        }
        let others = usize::from(fields & 0x40 != 0) + usize::from(fields & 0x30 != 0);
        rest = rest.get(others..)?;
    }
    let is_key = begins && rest.first()? & 1 == 0;
    let picture = match rest {
        [_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..] if is_key => {
            let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some(Picture { width: side(*a, *b), height: side(*c, *d) })
        }
        _ => None,
    };
    Some(Head { begins, is_key, is_disposable, picture })
}

/// RFC 9628 section 4.2. A picture of several spatial layers begins with the lowest.
fn vp9(payload: &[u8]) -> Option<Head> {
    let (&first, mut rest) = payload.split_first()?;
    let has = |flag: u8| first & flag != 0;
    let (has_id, is_predicted, has_layers, is_flexible) =
        (has(0x80), has(0x40), has(0x20), has(0x10));
    let (begins_layer, has_structure) = (has(0x08), has(0x02));
    if has_id {
        let bytes = if rest.first()? & 0x80 != 0 { 2 } else { 1 };
        rest = rest.get(bytes..)?;
    }
    let mut spatial_layer = 0;
    if has_layers {
        spatial_layer = rest.first()? >> 1 & 7;
        rest = rest.get(if is_flexible { 1 } else { 2 }..)?;
    }
    if is_flexible && is_predicted {
        let more = rest.iter().take(3).take_while(|reference| **reference & 1 != 0).count();
        rest = rest.get(more + 1..)?;
    }
    let begins = begins_layer && spatial_layer == 0;
    let is_key = begins && !is_predicted;
    let mut picture = None;
    if has_structure {
        (picture, rest) = vp9_structure(rest)?;
    }
    let picture = picture.or_else(|| vp9_frame(rest)).filter(|_| is_key);
    Some(Head { begins, is_key, is_disposable: false, picture })
}

/// The scalability structure: the dimensions of the highest layer, and what follows.
fn vp9_structure(bytes: &[u8]) -> Option<(Option<Picture>, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut picture = None;
    if first & 0x10 != 0 {
        for _ in 0..=first >> 5 {
            let (sides, behind) = rest.split_first_chunk::<4>()?;
            let [a, b, c, d] = sides.map(u32::from);
            picture = Some(Picture { width: a << 8 | b, height: c << 8 | d });
            rest = behind;
        }
    }
    if first & 0x08 != 0 {
        let (&count, behind) = rest.split_first()?;
        rest = behind;
        for _ in 0..count {
            let references = usize::from(rest.first()? >> 2 & 3);
            rest = rest.get(1 + references..)?;
        }
    }
    Some((picture, rest))
}

/// The uncompressed header of a key frame (VP9 bitstream specification section 6.2).
fn vp9_frame(frame: &[u8]) -> Option<Picture> {
    let mut bits = Bits::new(frame);
    let marker = bits.take(2)?;
    let profile = bits.take(1)? | bits.take(1)? << 1;
    let shows_existing = (profile == 3 && bits.flag()?) || bits.flag()?;
    let is_inter = bits.flag()?;
    bits.take(2)?; // show_frame, error_resilient_mode
    if marker != 2 || shows_existing || is_inter || bits.take(24)? != 0x49_83_42 {
        return None;
    }
    if profile >= 2 {
        bits.take(1)?;
    }
    const SRGB: u32 = 7;
    let is_srgb = bits.take(3)? == SRGB;
    match (is_srgb, profile % 2 == 1) {
        (false, false) => bits.take(1)?,
        (false, true) => bits.take(4)?,
        (true, true) => bits.take(1)?,
        (true, false) => 0,
    };
    Some(Picture { width: bits.take(16)? + 1, height: bits.take(16)? + 1 })
}

/// The aggregation header of the AV1 RTP payload specification, section 4.4.
fn av1(payload: &[u8]) -> Option<Head> {
    let (&first, rest) = payload.split_first()?;
    let begins = first & 0x80 == 0;
    let is_key = begins && first & 0x08 != 0;
    let picture = if is_key { av1_picture(first >> 4 & 3, rest) } else { None };
    Some(Head { begins, is_key, is_disposable: false, picture })
}

/// Finds the sequence header among the elements of a packet. With a count, the last element has
/// no length.
fn av1_picture(count: u8, mut rest: &[u8]) -> Option<Picture> {
    const SEQUENCE_HEADER: u8 = 1;
    for index in 1..=8 {
        let mut element = rest;
        if count == 0 || index < count {
            let (length, behind) = leb128(rest)?;
            (element, rest) = behind.split_at_checked(length)?;
        }
        let (&header, mut unit) = element.split_first()?;
        if header >> 3 & 15 == SEQUENCE_HEADER {
            unit = unit.get(usize::from(header & 4 != 0)..)?;
            if header & 2 != 0 {
                unit = leb128(unit)?.1;
            }
            return av1_sequence(unit);
        }
        if index == count {
            return None;
        }
    }
    None
}

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The sequence header (AV1 bitstream specification section 5.5.1), up to the dimensions.
fn av1_sequence(unit: &[u8]) -> Option<Picture> {
    let mut bits = Bits::new(unit);
    bits.take(4)?; // seq_profile, still_picture
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.take(5)?;
    } else {
        let has_timing = bits.flag()?;
        if has_timing {
            return None; // no encoder of a browser writes it
        }
        let has_delay = bits.flag()?;
        for _ in 0..=bits.take(5)? {
            bits.take(12)?;
            if bits.take(5)? > 7 {
                bits.take(1)?; // seq_tier
            }
            if has_delay && bits.flag()? {
                bits.take(4)?;
            }
        }
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    Some(Picture { width: bits.take(width_bits)? + 1, height: bits.take(height_bits)? + 1 })
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
