//! AV1: the RTP payload format of the Alliance for Open Media, to a temporal unit of OBUs that
//! each have their size (AV1 section 5.2, "low overhead").

use super::{Sample, SampleError, limits};
use crate::record::bits::Bits;
use crate::record::format::{Av1Setup, Setup, VideoFormat};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

pub(super) fn sample<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    key: bool,
    before: Option<&VideoFormat>,
) -> Result<Sample, SampleError> {
    let mut unit = TemporalUnit::default();
    // An OBU that goes on in the next payload.
    let mut open: Option<Vec<u8>> = None;
    for payload in payloads {
        let Some((&head, rest)) = payload.split_first() else { continue };
        let (continues, is_continued) = (head & 0x80 != 0, head & 0x40 != 0);
        if continues != open.is_some() {
            return Err(SampleError::Malformed);
        }
        let elements = elements(rest, head >> 4 & 3)?;
        let count = elements.len();
        for (index, element) in elements.into_iter().enumerate() {
            let mut obu = if index == 0 { open.take().unwrap_or_default() } else { Vec::new() };
            obu.extend_from_slice(element);
            if index + 1 == count && is_continued {
                open = Some(obu);
            } else {
                unit.push(&obu)?;
            }
        }
    }
    if open.is_some() {
        return Err(SampleError::Malformed);
    }
    let format = match (key, unit.sequence_header) {
        (false, _) => None,
        (true, None) => Some(before.cloned().ok_or(SampleError::NoFormat)?),
        (true, Some(header)) => Some(format(header).ok_or(SampleError::NoFormat)?),
    };
    Ok(Sample { data: unit.data, format })
}

/// The OBU elements of one payload: all behind their lengths, but for the last one where the
/// header counts them.
fn elements(mut rest: &[u8], counted: u8) -> Result<Vec<&[u8]>, SampleError> {
    let mut elements = Vec::new();
    while !rest.is_empty() {
        if elements.len() + 1 == usize::from(counted) {
            elements.push(rest);
            break;
        }
        let (length, behind) = leb128(rest).ok_or(SampleError::Malformed)?;
        let (element, behind) = behind.split_at_checked(length).ok_or(SampleError::Malformed)?;
        elements.push(element);
        rest = behind;
    }
    if elements.len() > limits::SAMPLE_UNITS_MAX {
        return Err(SampleError::TooLarge);
    }
    Ok(elements)
}

/// A number of the format of section 4.10.5, and what stands behind it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        // Seven bits fit.
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// The OBUs of one picture.
#[derive(Debug, Default)]
struct TemporalUnit {
    data: Vec<u8>,
    count: usize,
    sequence_header: Option<Vec<u8>>,
}

impl TemporalUnit {
    fn push(&mut self, obu: &[u8]) -> Result<(), SampleError> {
        let Some((&header, rest)) = obu.split_first() else { return Ok(()) };
        self.count += 1;
        if self.count > limits::SAMPLE_UNITS_MAX {
            return Err(SampleError::TooLarge);
        }
        let header_bytes = if header & HAS_EXTENSION != 0 { 1 } else { 0 };
        let (extension, body) =
            rest.split_at_checked(header_bytes).ok_or(SampleError::Malformed)?;
        let body = if header & HAS_SIZE != 0 {
            let (size, behind) = leb128(body).ok_or(SampleError::Malformed)?;
            behind.get(..size).ok_or(SampleError::Malformed)?
        } else {
            body
        };
        let kind = header >> 3 & 15;
        // Players know the unit's bounds from the file.
        if matches!(kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            return Ok(());
        }
        let start = self.data.len();
        self.data.push(header | HAS_SIZE);
        self.data.extend_from_slice(extension);
        push_leb128(&mut self.data, body.len());
        self.data.extend_from_slice(body);
        if kind == SEQUENCE_HEADER && self.sequence_header.is_none() {
            if body.len() > limits::PARAMETER_SET_MAX_BYTES {
                return Err(SampleError::TooLarge);
            }
            self.sequence_header = self.data.get(start..).map(<[u8]>::to_vec);
        }
        Ok(())
    }
}

/// Reads a sequence header with its size (AV1 section 5.5) as far as files repeat it.
fn format(obu: Vec<u8>) -> Option<VideoFormat> {
    let (&header, rest) = obu.split_first()?;
    let rest = rest.get(usize::from(header & HAS_EXTENSION != 0)..)?;
    let (_, body) = leb128(rest)?;
    let mut bits = Bits::new(body);
    let profile = bits.byte(3)?;
    bits.skip(1); // still_picture
    let is_reduced = bits.flag()?;
    let (level, tier) = if is_reduced { (bits.byte(5)?, false) } else { operation(&mut bits)? };
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(width_bits)? + 1, bits.take(height_bits)? + 1);
    if !is_reduced && bits.flag()? {
        bits.skip(7); // lengths of frame ids
    }
    bits.skip(3); // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if !is_reduced {
        tools(&mut bits)?;
    }
    bits.skip(3); // enable_superres, enable_cdef, enable_restoration
    let mut setup = Av1Setup { profile, level, tier, ..Av1Setup::default() };
    colors(&mut bits, &mut setup)?;
    setup.sequence_header = obu;
    Some(VideoFormat { width, height, setup: Setup::Av1(setup) })
}

/// Timing and operating points; level and tier of the first one.
fn operation(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64); // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.skip(32 + 5 + 5);
        }
    }
    let has_display_delay = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.skip(12); // operating_point_idc
        let level = bits.byte(5)?;
        let tier = level > 7 && bits.flag()?;
        if let Some(count) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * usize::try_from(count).ok()? + 1);
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4);
        }
        first = first.or(Some((level, tier)));
    }
    first
}

fn tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(4); // interintra, masked compound, warped motion, dual filter
    let has_order_hint = bits.flag()?;
    if has_order_hint {
        bits.skip(2); // enable_jnt_comp, enable_ref_frame_mvs
    }
    let is_screen_chosen = bits.flag()?;
    let may_be_screen = is_screen_chosen || bits.flag()?;
    if may_be_screen && !bits.flag()? {
        bits.skip(1); // seq_force_integer_mv
    }
    if has_order_hint {
        bits.skip(3); // order_hint_bits_minus_1
    }
    Some(())
}

fn colors(bits: &mut Bits<'_>, setup: &mut Av1Setup) -> Option<()> {
    setup.is_high_depth = bits.flag()?;
    setup.is_twelve_bit = setup.profile == 2 && setup.is_high_depth && bits.flag()?;
    setup.is_monochrome = setup.profile != 1 && bits.flag()?;
    const SRGB: (u8, u8, u8) = (1, 13, 0);
    let is_described = bits.flag()?;
    let description =
        if is_described { (bits.byte(8)?, bits.byte(8)?, bits.byte(8)?) } else { (2, 2, 2) };
    if setup.is_monochrome {
        (setup.subsampling_x, setup.subsampling_y) = (true, true);
        return Some(());
    }
    if description == SRGB {
        return Some(());
    }
    bits.skip(1); // color_range
    (setup.subsampling_x, setup.subsampling_y) = match setup.profile {
        0 => (true, true),
        1 => (false, false),
        _ if setup.is_twelve_bit => {
            let x = bits.flag()?;
            (x, x && bits.flag()?)
        }
        _ => (true, false),
    };
    if setup.subsampling_x && setup.subsampling_y {
        setup.chroma_sample_position = bits.byte(2)?;
    }
    Some(())
}
