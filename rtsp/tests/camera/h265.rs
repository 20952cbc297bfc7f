//! NAL units and RTP payloads of H.265 as a camera makes them (H.265 7.3, RFC 7798 4.4), by hand.

/// x265, Main 2.0, 320x184, no reordering.
pub const VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x3c, 0x92, 0x80, 0x90,
];
pub const SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0b, 0x96, 0x59, 0x2a, 0x49, 0x32, 0xbc, 0x05, 0xa0, 0x20, 0x00,
    0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x01, 0x41,
];
pub const PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x42, 0x40];
pub const DELIMITER: &[u8] = &[0x46, 0x01, 0x50];
pub const SEI: &[u8] = &[0x4e, 0x01, 0x05, 0x02, 0xff, 0xee, 0x80];

/// `nal_unit_type`s.
pub const TRAIL_N: u8 = 0;
pub const TRAIL_R: u8 = 1;
pub const RASL_R: u8 = 9;
pub const IDR: u8 = 19;
pub const CRA: u8 = 21;
/// 25 fps in RTP ticks.
pub const FRAME: u32 = 3600;

const B: &str = "1";
const P: &str = "010";
const I: &str = "011";

/// The first slice segment of a picture, with PPS 0 and `bytes` bytes, different for each `seed`.
pub fn slice(unit_type: u8, bytes: usize, seed: u8) -> Vec<u8> {
    let slice_type = if unit_type >= 16 { I } else { P };
    segment(unit_type, true, slice_type, bytes, seed)
}

pub fn b_slice(unit_type: u8, bytes: usize, seed: u8) -> Vec<u8> {
    segment(unit_type, true, B, bytes, seed)
}

/// A later segment.
pub fn next_segment(unit_type: u8, bytes: usize, seed: u8) -> Vec<u8> {
    segment(unit_type, false, P, bytes, seed)
}

fn segment(unit_type: u8, is_first: bool, slice_type: &str, bytes: usize, seed: u8) -> Vec<u8> {
    // first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag, slice_pic_parameter_set_id.
    let first = if is_first { "1" } else { "0" };
    let prior = if unit_type >= 16 { "0" } else { "" };
    let mut bits = [first, prior, "1", slice_type].concat();
    while bits.len() < 8 {
        bits.push('1');
    }
    let mut unit = vec![unit_type << 1, 1, u8::from_str_radix(&bits, 2).unwrap()];
    // No zero bytes: they would need emulation prevention.
    unit.extend((0..bytes).map(|at| 0x80 | seed.wrapping_mul(31).wrapping_add(at as u8)));
    unit
}

pub fn fu(unit: &[u8], parts: usize) -> Vec<Vec<u8>> {
    let body = &unit[2..];
    let size = body.len().div_ceil(parts);
    let count = body.chunks(size).count();
    let fragment = |(index, part): (usize, &[u8])| {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        let kind = unit[0] >> 1 & 0x3f;
        [&[unit[0] & 0x81 | 49 << 1, unit[1], start | end | kind], part].concat()
    };
    body.chunks(size).enumerate().map(fragment).collect()
}

pub fn ap(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![48 << 1, 1];
    for unit in units {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        payload.extend_from_slice(unit);
    }
    payload
}
