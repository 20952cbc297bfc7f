//! H.265: RFC 7798 without DONL, to NAL units behind their lengths.

use super::nal::{Units, Use};
use super::{Sample, SampleError};
use crate::record::bits::{Bits, unescape};
use crate::record::format::{H265Setup, Setup, VideoFormat};

const HEADER_BYTES: usize = 2;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
const FILLER: u8 = 38;
const AP: u8 = 48;
const FU: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

pub(super) fn sample<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    key: bool,
    before: Option<&VideoFormat>,
) -> Result<Sample, SampleError> {
    let mut units = Units::default();
    for payload in payloads {
        if payload.is_empty() {
            continue;
        }
        let (header, rest) =
            payload.split_first_chunk::<HEADER_BYTES>().ok_or(SampleError::Malformed)?;
        match unit_type(payload) {
            0..AP => units.whole(payload, classify)?,
            AP => units.aggregate(rest, classify)?,
            FU => fragment(&mut units, *header, rest)?,
            _ => return Err(SampleError::Unsupported),
        }
    }
    units.finish(key, before, format)
}

fn fragment(units: &mut Units, header: [u8; 2], rest: &[u8]) -> Result<(), SampleError> {
    let (&fu, bytes) = rest.split_first().ok_or(SampleError::Malformed)?;
    if fu & FU_START != 0 {
        units.begin()?;
        let [first, second] = header;
        units.push(&[first & 0x81 | (fu & 0x3f) << 1, second]);
    } else if !units.is_open() {
        return Err(SampleError::Malformed);
    }
    units.push(bytes);
    if fu & FU_END != 0 {
        units.end(classify)?;
    }
    Ok(())
}

fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header >> 1 & 0x3f)
}

fn classify(unit: &[u8]) -> Use {
    match unit_type(unit) {
        VPS | SPS | PPS => Use::Set,
        DELIMITER | FILLER => Use::Drop,
        _ => Use::Keep,
    }
}

fn format(sets: &[Vec<u8>], before: Option<&VideoFormat>) -> Result<VideoFormat, SampleError> {
    let of = |kind: u8| -> Vec<Vec<u8>> {
        sets.iter().filter(|set| unit_type(set) == kind).cloned().collect()
    };
    let (vps, sps, pps) = (of(VPS), of(SPS), of(PPS));
    if sps.is_empty() && pps.is_empty() {
        return before.cloned().ok_or(SampleError::NoFormat);
    }
    let first = sps.first().filter(|_| !pps.is_empty()).ok_or(SampleError::NoFormat)?;
    let (width, height, setup) = sequence(first).ok_or(SampleError::NoFormat)?;
    let setup = Setup::H265(Box::new(H265Setup { vps, sps, pps, ..setup }));
    Ok(VideoFormat { width, height, setup })
}

/// Reads a sequence parameter set (H.265 section 7.3.2.2.1) as far as files repeat it.
fn sequence(unit: &[u8]) -> Option<(u32, u32, H265Setup)> {
    let bytes = unescape(unit.get(HEADER_BYTES..)?);
    let mut bits = Bits::new(&bytes);
    bits.skip(4); // sps_video_parameter_set_id
    let sub_layers = bits.byte(3)?.min(6) + 1;
    let is_nested = bits.flag()?;
    let profile = bits.byte(8)?;
    let (mut compatibility, mut constraints) = ([0; 4], [0; 6]);
    for byte in compatibility.iter_mut().chain(&mut constraints) {
        *byte = bits.byte(8)?;
    }
    let level = bits.byte(8)?;
    skip_sub_layers(&mut bits, sub_layers - 1)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format = u8::try_from(bits.ue()?).ok().filter(|format| *format <= 3)?;
    if chroma_format == 3 {
        bits.skip(1); // separate_colour_plane_flag
    }
    let (coded_width, coded_height) = (bits.ue()?, bits.ue()?);
    let (mut width, mut height) = (coded_width, coded_height);
    if bits.flag()? {
        let [left, right, top, bottom] = [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?];
        let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma_format == 1 { 2 } else { 1 };
        width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
    }
    let depth = |code: u32| u8::try_from(code).ok().filter(|depth| *depth <= 8);
    let (luma_depth_minus8, chroma_depth_minus8) = (depth(bits.ue()?)?, depth(bits.ue()?)?);
    let setup = H265Setup {
        profile,
        compatibility,
        constraints,
        level,
        chroma_format,
        luma_depth_minus8,
        chroma_depth_minus8,
        sub_layers,
        is_nested,
        ..H265Setup::default()
    };
    Some((width, height, setup))
}

/// Profiles and levels of the sub-layers (H.265 section 7.3.3).
fn skip_sub_layers(bits: &mut Bits<'_>, count: u8) -> Option<()> {
    let mut present = Vec::new();
    for _ in 0..count {
        present.push((bits.flag()?, bits.flag()?));
    }
    if count > 0 {
        bits.skip(2 * usize::from(8 - count));
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 });
    }
    Some(())
}
