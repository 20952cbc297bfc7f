//! A track of H.264 packets and what the assembler makes of them.

use std::time::{Duration, Instant};

use rtsp::h264::{AccessUnit, Assembler, DropReason, Output, Packet, ParameterSets};

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

pub fn sets_360() -> ParameterSets {
    ParameterSets::from_nals([SPS_360, PPS]).unwrap()
}

/// An assembler, a clock and what came out so far.
pub struct Track {
    pub assembler: Assembler,
    pub now: Instant,
    pub outputs: Vec<Output>,
}

impl Track {
    pub fn new() -> Self {
        Self::with(None)
    }

    /// A track that has had its parameter sets from the SDP.
    pub fn described() -> Self {
        Self::with(Some(sets_360()))
    }

    pub fn with(sprop: Option<ParameterSets>) -> Self {
        Self { assembler: Assembler::new(sprop), now: Instant::now(), outputs: Vec::new() }
    }

    pub fn packet(&mut self, timestamp: u32, marker: bool, lost_before: bool, payload: &[u8]) {
        self.now += Duration::from_micros(100);
        let packet = Packet { timestamp, marker, lost_before, payload };
        self.assembler.handle_packet(self.now, &packet);
        self.outputs.extend(std::iter::from_fn(|| self.assembler.poll_output()));
    }

    /// A packet without marker.
    pub fn part(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, false, false, payload);
    }

    /// A packet with marker.
    pub fn last(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, true, false, payload);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.assembler.handle_timeout(self.now);
        self.outputs.extend(std::iter::from_fn(|| self.assembler.poll_output()));
    }

    pub fn access_units(&self) -> Vec<&AccessUnit> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::AccessUnit(au) => Some(au),
                Output::Dropped { .. } => None,
            })
            .collect()
    }

    /// Each access unit as its list of NAL units.
    pub fn nals(&self) -> Vec<Vec<Vec<u8>>> {
        self.access_units().iter().map(|au| au.nals().map(<[u8]>::to_vec).collect()).collect()
    }

    /// Reasons and whether they break prediction.
    pub fn drops(&self) -> Vec<(DropReason, bool)> {
        let dropped = |output: &Output| match output {
            Output::AccessUnit(_) => None,
            Output::Dropped { reason, breaks_prediction } => Some((*reason, *breaks_prediction)),
        };
        self.outputs.iter().filter_map(dropped).collect()
    }

    /// That these access units came out, and nothing was dropped.
    pub fn expect(&self, expected: &[&[&[u8]]]) {
        assert_eq!(self.drops(), []);
        let expected: Vec<Vec<Vec<u8>>> =
            expected.iter().map(|units| units.iter().map(|unit| unit.to_vec()).collect()).collect();
        assert_eq!(self.nals(), expected);
    }
}
