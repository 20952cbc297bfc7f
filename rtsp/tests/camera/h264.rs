//! NAL units and RTP payloads as a camera makes them (H.264 7.3, RFC 6184 5.6 to 5.8), by hand.

/// x264, Constrained Baseline 3.0, 640x360, 25 fps, `pic_order_cnt_type` 2.
pub const SPS_360: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
    0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
];
/// x264, Main 3.1, 1280x720, 25 fps.
pub const SPS_720: &[u8] = &[
    0x67, 0x4d, 0x40, 0x1f, 0xec, 0xa0, 0x28, 0x02, 0xdd, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00, 0x08,
    0x00, 0x00, 0x03, 0x01, 0x90, 0x78, 0xc1, 0x8c, 0xb0,
];
/// x264, High 4.0, 1920x1080, 25 fps: cropped from 1088 rows.
pub const SPS_1080: &[u8] = &[
    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03,
    0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
];
pub const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
pub const SEI: &[u8] = &[0x06, 0x05, 0x02, 0xff, 0xee, 0x80];
pub const DELIMITER: &[u8] = &[0x09, 0xf0];
pub const START_CODE: &[u8] = &[0, 0, 0, 1];

pub const IDR: u8 = 0x65;
pub const REFERENCE: u8 = 0x41;
pub const DISPOSABLE: u8 = 0x01;
/// 25 fps in RTP ticks.
pub const FRAME: u32 = 3600;

/// A slice with PPS 0 and `bytes` bytes after its header fields, different for each `seed`.
pub fn slice(header: u8, first_mb: u32, bytes: usize, seed: u8) -> Vec<u8> {
    let slice_type = if header & 0x1f == 5 { 2 } else { 0 };
    typed_slice(header, first_mb, slice_type, 0, bytes, seed)
}

pub fn typed_slice(
    header: u8,
    first_mb: u32,
    slice_type: u32,
    pps_id: u32,
    bytes: usize,
    seed: u8,
) -> Vec<u8> {
    let mut bits = Vec::new();
    for value in [first_mb, slice_type, pps_id] {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        bits.extend(std::iter::repeat_n(false, length as usize - 1));
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    }
    let mut unit = vec![header];
    for byte in bits.chunks(8) {
        let bit = |(at, &bit): (usize, &bool)| u8::from(bit) << (7 - at);
        unit.push(byte.iter().enumerate().map(bit).sum());
    }
    // No zero bytes: they would need emulation prevention.
    unit.extend((0..bytes).map(|at| 0x80 | seed.wrapping_mul(31).wrapping_add(at as u8)));
    unit
}

pub fn fu_a(unit: &[u8], parts: usize) -> Vec<Vec<u8>> {
    let body = &unit[1..];
    let size = body.len().div_ceil(parts);
    let count = body.chunks(size).count();
    let fragment = |(index, part): (usize, &[u8])| {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        [&[unit[0] & 0xe0 | 28, start | end | unit[0] & 0x1f], part].concat()
    };
    body.chunks(size).enumerate().map(fragment).collect()
}

pub fn stap_a(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![0x78];
    for unit in units {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        payload.extend_from_slice(unit);
    }
    payload
}
