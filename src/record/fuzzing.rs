//! What the fuzzer of samples asserts: a frame of any bytes makes a sample that keeps the rules of
//! its format, or none.

use std::time::Instant;

use super::format::Setup;
use super::limits;
use super::sample::{Sample, Sampler};
use crate::engine::codec::VideoCodec;
use crate::engine::frame::{Frame, Payloads};

/// Frames of one codec: a byte that names it, then for each payload a byte of flags (1: the last
/// one of its frame, 2: a key frame) and a length of two bytes.
pub fn record_sample(now: Instant, data: &[u8]) {
    let Some((&codec, mut rest)) = data.split_first() else { return };
    let codec = match codec % 5 {
        0 => VideoCodec::H264,
        1 => VideoCodec::H265,
        2 => VideoCodec::Vp8,
        3 => VideoCodec::Vp9,
        _ => VideoCodec::Av1,
    };
    let mut sampler = Sampler::default();
    let mut payloads = Payloads::default();
    while let Some((&[flags, high, low], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(behind.len());
        let (payload, behind) = behind.split_at(length);
        rest = behind;
        payloads.push(payload);
        if flags & 1 != 0 {
            let payloads = std::mem::take(&mut payloads);
            let bytes = payloads.bytes();
            let frame = Frame::new(codec, flags & 2 != 0, false, now, payloads);
            if let Ok(sample) = sampler.sample(&frame) {
                check(codec, frame.key, bytes, &sample);
            }
        }
    }
}

fn check(codec: VideoCodec, key: bool, bytes: usize, sample: &Sample) {
    assert_eq!(sample.format.is_some(), key);
    assert!(!sample.data.is_empty());
    // Lengths and sizes are all that a sample has more than its packets.
    assert!(sample.data.len() <= bytes * 5 + 64);
    if let Some(format) = &sample.format {
        assert_eq!(format.codec(), codec);
        assert!((1..=limits::SIDE_MAX).contains(&format.width));
        assert!((1..=limits::SIDE_MAX).contains(&format.height));
        if let Setup::H264 { sps, pps } = &format.setup {
            assert!(!sps.is_empty() && !pps.is_empty());
        }
    }
    if matches!(codec, VideoCodec::H264 | VideoCodec::H265) {
        let mut rest = sample.data.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            assert!(length <= behind.len(), "a unit ends behind its sample");
            rest = behind.get(length..).unwrap_or_default();
        }
        assert!(rest.is_empty());
    }
}
