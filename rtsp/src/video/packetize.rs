//! Access units to RTP payloads (RFC 6184 5.6 to 5.8, RFC 7798 4.4).

use std::marker::PhantomData;

use super::access_unit::{AccessUnit, Kind};
use super::limits::MAX_PAYLOAD_BYTES;
use super::syntax::{Codec, Syntax};
use crate::h264::H264;
#[cfg(feature = "h265")]
use crate::h265::H265;
use crate::payloads::{Memory, Payloads};

/// Bytes of a NAL unit's size in an aggregate.
const SIZE_BYTES: usize = 2;

/// The RTP payloads of an access unit, each at most `max_payload` bytes: 3 to 65 535, from
/// 4 on for H.265.
///
/// An IDR begins with its parameter sets. Fragments of one NAL unit have equal sizes except the
/// last, so that the kernel can segment them (UDP GSO). The marker belongs on the last payload.
/// They lie in this memory.
pub fn packetize(au: &AccessUnit, max_payload: usize, memory: &mut Memory) -> Payloads {
    match au.codec {
        Codec::H264 => Packetizer::<H264>::run(au, max_payload, memory),
        #[cfg(feature = "h265")]
        Codec::H265 => Packetizer::<H265>::run(au, max_payload, memory),
        #[cfg(not(feature = "h265"))]
        Codec::H265 => Payloads::default(),
    }
}

struct Packetizer<'a, S> {
    max_bytes: usize,
    payloads: Payloads,
    /// Units that fit into one aggregate together.
    waiting: Vec<&'a [u8]>,
    /// Bytes of that aggregate.
    waiting_bytes: usize,
    syntax: PhantomData<S>,
}

impl<'a, S: Syntax> Packetizer<'a, S> {
    /// The headers of a fragment and one byte (RFC 6184 5.8, RFC 7798 4.4.3).
    const MIN_PAYLOAD_BYTES: usize = S::HEADER_BYTES + 2;

    fn run(au: &'a AccessUnit, max_payload: usize, memory: &mut Memory) -> Payloads {
        let max_bytes = max_payload.clamp(Self::MIN_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES);
        let sets = au.parameter_sets.as_ref().filter(|_| au.kind == Kind::Idr);
        let sets_bytes: usize = sets.iter().flat_map(|sets| sets.units()).map(<[u8]>::len).sum();
        let bytes = sets_bytes + au.bytes();
        let count = bytes / max_bytes + 2;
        let mut packetizer = Self {
            max_bytes,
            payloads: Payloads::open_in(memory, bytes + count * (S::HEADER_BYTES + 1), count),
            waiting: Vec::new(),
            waiting_bytes: 0,
            syntax: PhantomData,
        };
        if let Some(sets) = sets {
            for unit in sets.units() {
                packetizer.push(unit);
            }
            packetizer.flush();
        }
        for unit in au.nals() {
            packetizer.push(unit);
        }
        packetizer.flush();
        packetizer.payloads.close_in(memory);
        packetizer.payloads
    }

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
            self.waiting_bytes = S::HEADER_BYTES;
        }
        self.waiting_bytes += aggregated;
        self.waiting.push(unit);
    }

    /// Sends what waits: one unit alone as it is, several as an aggregate (RFC 6184 5.7.1, RFC
    /// 7798 4.4.2).
    fn flush(&mut self) {
        match self.waiting.as_slice() {
            [] => {}
            [unit] => self.payloads.push(unit),
            units => {
                let header = S::aggregate_header(units);
                let header = header.get(..S::HEADER_BYTES).unwrap_or_default();
                // Never the fallback: a unit is not longer than the payload's 65 535 bytes.
                let size = |unit: &&[u8]| u16::try_from(unit.len()).unwrap_or(u16::MAX);
                let sizes: Vec<_> = units.iter().map(|unit| size(unit).to_be_bytes()).collect();
                let units = sizes.iter().zip(units).flat_map(|(size, unit)| [&size[..], unit]);
                self.payloads.push_parts([header].into_iter().chain(units));
            }
        }
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Fragments (RFC 6184 5.8, RFC 7798 4.4.3), as equal as they can be.
    fn fragment(&mut self, unit: &[u8]) {
        let body = unit.get(S::HEADER_BYTES..).unwrap_or_default();
        if body.is_empty() {
            return;
        }
        let headers_bytes = S::HEADER_BYTES + 1;
        let count = body.len().div_ceil(self.max_bytes - headers_bytes);
        let fragment_bytes = body.len().div_ceil(count);
        let last = body.len().div_ceil(fragment_bytes) - 1;
        for (index, fragment) in body.chunks(fragment_bytes).enumerate() {
            let Some(headers) = S::fragment_header(unit, index == 0, index == last) else { return };
            let headers = headers.get(..headers_bytes).unwrap_or_default();
            self.payloads.push_parts([headers, fragment]);
        }
    }
}
