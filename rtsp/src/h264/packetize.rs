//! Access units to RTP payloads (RFC 6184 5.6 to 5.8).

use std::sync::Arc;

use super::limits::{MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES};
use super::nal::{FU_A, STAP_A};
use super::{AccessUnit, Kind};

/// Bytes of a NAL unit's size in a STAP-A.
const SIZE_BYTES: usize = 2;

/// The RTP payloads of an access unit, each at most `max_payload` bytes, 3 to 65 535.
///
/// An IDR begins with its parameter sets. Fragments of one NAL unit have equal sizes except the
/// last, so that the kernel can segment them (UDP GSO). The marker belongs on the last payload.
pub fn packetize(au: &AccessUnit, max_payload: usize) -> Vec<Arc<[u8]>> {
    let mut packetizer = Packetizer {
        max_bytes: max_payload.clamp(MIN_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
        payloads: Vec::new(),
        waiting: Vec::new(),
        waiting_bytes: 0,
    };
    if au.kind == Kind::Idr
        && let Some(sets) = &au.parameter_sets
    {
        for unit in sets.sps.iter().chain(&sets.pps) {
            packetizer.push(unit);
        }
        packetizer.flush();
    }
    for unit in au.nals() {
        packetizer.push(unit);
    }
    packetizer.flush();
    packetizer.payloads
}

struct Packetizer<'a> {
    max_bytes: usize,
    payloads: Vec<Arc<[u8]>>,
    /// Units that fit into one STAP-A together.
    waiting: Vec<&'a [u8]>,
    /// Bytes of that STAP-A.
    waiting_bytes: usize,
}

impl<'a> Packetizer<'a> {
    fn push(&mut self, unit: &'a [u8]) {
        if unit.is_empty() {
            return;
        }
        if unit.len() > self.max_bytes {
            self.flush();
            self.fragment(unit);
            return;
        }
        let aggregated = SIZE_BYTES + unit.len();
        if self.waiting_bytes + aggregated > self.max_bytes {
            self.flush();
        }
        if self.waiting.is_empty() {
            self.waiting_bytes = 1;
        }
        self.waiting_bytes += aggregated;
        self.waiting.push(unit);
    }

    /// Sends what waits: one unit alone as it is, several as STAP-A (RFC 6184 5.7.1).
    fn flush(&mut self) {
        match self.waiting.as_slice() {
            [] => {}
            [unit] => self.payloads.push(Arc::from(*unit)),
            units => {
                let mut payload = Vec::with_capacity(self.waiting_bytes);
                let headers = units.iter().filter_map(|unit| unit.first());
                let ref_idc = headers.map(|header| header & 0x60).max().unwrap_or(0);
                payload.push(ref_idc | STAP_A);
                for unit in units {
                    // Never the fallback: a unit is not longer than the payload's 65 535 bytes.
                    let size = u16::try_from(unit.len()).unwrap_or(u16::MAX);
                    payload.extend_from_slice(&size.to_be_bytes());
                    payload.extend_from_slice(unit);
                }
                self.payloads.push(Arc::from(payload));
            }
        }
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// FU-A (RFC 6184 5.8), with the fragments as equal as they can be.
    fn fragment(&mut self, unit: &[u8]) {
        let Some((&header, body)) = unit.split_first() else {
            return;
        };
        let count = body.len().div_ceil(self.max_bytes - 2);
        let fragment_bytes = body.len().div_ceil(count);
        let indicator = (header & 0xe0) | FU_A;
        let last = body.len().div_ceil(fragment_bytes) - 1;
        for (index, fragment) in body.chunks(fragment_bytes).enumerate() {
            let start = if index == 0 { 0x80 } else { 0 };
            let end = if index == last { 0x40 } else { 0 };
            let mut payload = Vec::with_capacity(2 + fragment.len());
            payload.push(indicator);
            payload.push(start | end | (header & 0x1f));
            payload.extend_from_slice(fragment);
            self.payloads.push(Arc::from(payload));
        }
    }
}
