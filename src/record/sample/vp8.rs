//! VP8: RFC 7741, its descriptors taken off.

use super::{Sample, SampleError};
use crate::record::format::{Setup, VideoFormat};

pub(super) fn sample<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    key: bool,
) -> Result<Sample, SampleError> {
    let mut data = Vec::new();
    for payload in payloads.filter(|payload| !payload.is_empty()) {
        data.extend_from_slice(behind_descriptor(payload).ok_or(SampleError::Malformed)?);
    }
    let format = if key { Some(format(&data).ok_or(SampleError::NoFormat)?) } else { None };
    Ok(Sample { data, format })
}

/// RFC 7741 section 4.2.
fn behind_descriptor(payload: &[u8]) -> Option<&[u8]> {
    let (&first, mut rest) = payload.split_first()?;
    if first & 0x80 == 0 {
        return Some(rest);
    }
    let (&extension, behind) = rest.split_first()?;
    rest = behind;
    if extension & 0x80 != 0 {
        let long = rest.first()? & 0x80 != 0;
        rest = rest.get(if long { 2 } else { 1 }..)?;
    }
    if extension & 0x40 != 0 {
        rest = rest.get(1..)?;
    }
    if extension & 0x30 != 0 {
        rest = rest.get(1..)?;
    }
    Some(rest)
}

/// The header of a key picture (RFC 6386 section 9.1).
fn format(data: &[u8]) -> Option<VideoFormat> {
    let (head, _) = data.split_first_chunk::<10>()?;
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *head else { return None };
    if tag & 1 != 0 {
        return None;
    }
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some(VideoFormat { width: side(w0, w1), height: side(h0, h1), setup: Setup::Vp8 })
}
