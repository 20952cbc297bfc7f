//! H.264: RFC 6184, non-interleaved, to NAL units behind their lengths.

use rtsp::h264::ParameterSets;

use super::nal::{Units, Use};
use super::{Sample, SampleError};
use crate::record::format::{Setup, VideoFormat};

const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

pub(super) fn sample<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    key: bool,
    before: Option<&VideoFormat>,
) -> Result<Sample, SampleError> {
    let mut units = Units::default();
    for payload in payloads {
        let Some((&header, rest)) = payload.split_first() else { continue };
        match header & 0x1f {
            1..=23 => units.whole(payload, classify)?,
            STAP_A => units.aggregate(rest, classify)?,
            FU_A => fragment(&mut units, header, rest)?,
            _ => return Err(SampleError::Unsupported),
        }
    }
    units.finish(key, before, format)
}

fn fragment(units: &mut Units, indicator: u8, rest: &[u8]) -> Result<(), SampleError> {
    let (&header, bytes) = rest.split_first().ok_or(SampleError::Malformed)?;
    if header & FU_START != 0 {
        units.begin()?;
        units.push(&[indicator & 0xe0 | header & 0x1f]);
    } else if !units.is_open() {
        return Err(SampleError::Malformed);
    }
    units.push(bytes);
    if header & FU_END != 0 {
        units.end(classify)?;
    }
    Ok(())
}

fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

fn classify(unit: &[u8]) -> Use {
    match unit_type(unit) {
        SPS | PPS => Use::Set,
        DELIMITER | FILLER => Use::Drop,
        _ => Use::Keep,
    }
}

fn format(sets: &[Vec<u8>], before: Option<&VideoFormat>) -> Result<VideoFormat, SampleError> {
    let of = |kind: u8| -> Vec<Vec<u8>> {
        sets.iter().filter(|set| unit_type(set) == kind).cloned().collect()
    };
    let (sps, pps) = (of(SPS), of(PPS));
    if sps.is_empty() && pps.is_empty() {
        return before.cloned().ok_or(SampleError::NoFormat);
    }
    let info = ParameterSets::from_nals(sets.iter().map(Vec::as_slice));
    let info = info.ok_or(SampleError::NoFormat)?.info;
    // What `avcC` counts with.
    if sps.len() > 31 || sps.iter().any(|set| set.len() < 4) {
        return Err(SampleError::NoFormat);
    }
    Ok(VideoFormat { width: info.width, height: info.height, setup: Setup::H264 { sps, pps } })
}
