//! NAL units, the start of slice headers (H.264 7.3.1, 7.3.3) and RTP payloads (RFC 6184 5.6 to
//! 5.8).

use super::sps;
use crate::video::{
    Bits, Codec, Fragment, Kind, Opening, ParameterSet, Payload, Received, SliceHead, Syntax, Unit,
};

/// FU header bits (RFC 6184 5.8).
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
const FU_RESERVED: u8 = 0x20;

/// Slice of a picture that is not an IDR picture.
pub(super) const SLICE: u8 = 1;
/// Slice of an IDR picture.
pub(super) const IDR_SLICE: u8 = 5;
/// Supplemental enhancement information.
pub(super) const SEI: u8 = 6;
/// Sequence parameter set.
pub(super) const SPS: u8 = 7;
/// Picture parameter set.
pub(super) const PPS: u8 = 8;
/// Access unit delimiter.
pub(super) const ACCESS_UNIT_DELIMITER: u8 = 9;
/// Single-time aggregation packet without decoding order number (RFC 6184 5.7.1).
pub(super) const STAP_A: u8 = 24;
/// Fragmentation unit without decoding order number (RFC 6184 5.8).
pub(super) const FU_A: u8 = 28;

/// The first byte of a NAL unit (H.264 7.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NalHeader {
    /// The forbidden bit: a network element found the unit damaged (RFC 6184 1.3).
    pub(super) forbidden: bool,
    /// `nal_ref_idc`, 0..=3; 0 means nothing is predicted from it.
    pub(super) ref_idc: u8,
    /// `nal_unit_type`, 0..=31.
    pub(super) unit_type: u8,
}

impl NalHeader {
    pub(super) fn parse(byte: u8) -> Self {
        Self { forbidden: byte & 0x80 != 0, ref_idc: (byte >> 5) & 3, unit_type: byte & 0x1f }
    }

    /// The header of a NAL unit, unless it is empty.
    pub(super) fn of(unit: &[u8]) -> Option<Self> {
        unit.first().map(|&byte| Self::parse(byte))
    }

    fn is_slice(self) -> bool {
        matches!(self.unit_type, SLICE | IDR_SLICE)
    }

    fn kind(self) -> Kind {
        match self.unit_type {
            IDR_SLICE => Kind::Idr,
            _ if self.ref_idc == 0 => Kind::Disposable,
            _ => Kind::Reference,
        }
    }
}

/// The first three fields of a slice header (H.264 7.3.3). `None` if the unit is no slice or ends
/// inside them.
#[inline]
pub(super) fn slice_head(unit: &[u8]) -> Option<SliceHead> {
    let nal = NalHeader::of(unit).filter(|header| header.is_slice())?;
    let mut bits = Bits::new(unit.get(1..)?);
    let first_mb = bits.ue()?;
    let slice_type = bits.ue().filter(|&slice_type| slice_type < 10)? % 5;
    let pps_id = u8::try_from(bits.ue()?).ok()?;
    Some(SliceHead {
        kind: nal.kind(),
        starts_picture: first_mb == 0,
        pps_id,
        is_b: slice_type == 1,
        is_intra: matches!(slice_type, 2 | 4), // I or SI
        is_leading: false,
    })
}

/// How H.264 writes it.
#[derive(Debug, Default)]
pub struct H264;

impl Syntax for H264 {
    const CODEC: Codec = Codec::H264;
    const HEADER_BYTES: usize = 1;

    fn payload(payload: &[u8]) -> Payload<'_> {
        let Some(header) = NalHeader::of(payload) else { return Payload::Empty };
        match header.unit_type {
            _ if header.forbidden => Payload::Malformed,
            FU_A => fragment(payload),
            // A start code has two zero bytes first, which would be unit type 0.
            0..=23 => Payload::Units(payload),
            STAP_A => Payload::Aggregate(payload.get(1..).unwrap_or_default()),
            25..=29 => Payload::Unsupported,
            _ => Payload::Reserved,
        }
    }

    fn opening(payload: &[u8]) -> Opening {
        let is_slice = |byte: &u8| matches!(byte & 0x1f, SLICE | IDR_SLICE);
        // first_mb_in_slice is 0 if its Exp-Golomb code begins with 1.
        let starts_picture = |byte: &u8| byte & 0x80 != 0;
        match payload {
            [first, fu_header, rest @ ..] if first & 0x1f == FU_A => match rest {
                _ if fu_header & FU_START == 0 => {
                    Opening::InsideUnit { is_slice: is_slice(fu_header) }
                }
                [slice, ..] if is_slice(fu_header) => {
                    Opening::Slice { starts_picture: starts_picture(slice), is_fragment: true }
                }
                _ => Opening::Other,
            },
            [first, second, ..] if is_slice(first) => {
                Opening::Slice { starts_picture: starts_picture(second), is_fragment: false }
            }
            _ => Opening::Other,
        }
    }

    #[inline]
    fn unit(unit: &[u8], _: &Received) -> Unit {
        let Some(header) = NalHeader::of(unit) else { return Unit::Other };
        match header.unit_type {
            _ if header.forbidden => Unit::Malformed,
            SLICE | IDR_SLICE if unit.len() < 2 => Unit::Stub,
            SLICE | IDR_SLICE => slice_head(unit).map_or(Unit::Malformed, Unit::Slice),
            // Data partitions, which no browser decodes.
            2..=4 => Unit::Unsupported,
            SPS | PPS => Unit::ParameterSet,
            ACCESS_UNIT_DELIMITER => Unit::Delimiter,
            _ => Unit::Other,
        }
    }

    fn kind(unit: &[u8], _: &Received) -> Option<Kind> {
        NalHeader::of(unit).filter(|header| header.is_slice()).map(NalHeader::kind)
    }

    fn parameter_set(unit: &[u8]) -> Option<ParameterSet> {
        let header = NalHeader::of(unit).filter(|header| !header.forbidden)?;
        match header.unit_type {
            SPS => sps::parse(unit).map(ParameterSet::Sps),
            PPS => {
                let mut bits = Bits::new(unit.get(1..)?);
                let id = u8::try_from(bits.ue()?).ok()?;
                let sps_id = u8::try_from(bits.ue()?).ok().filter(|&id| id < 32)?;
                Some(ParameterSet::Pps { id, sps_id, extra_slice_header_bits: 0 })
            }
            _ => None,
        }
    }

    /// STAP-A: the highest `nal_ref_idc` of its units (RFC 6184 5.7).
    fn aggregate_header(units: &[&[u8]]) -> [u8; 2] {
        let headers = units.iter().filter_map(|unit| unit.first());
        let ref_idc = headers.map(|header| header & 0x60).max().unwrap_or(0);
        [ref_idc | STAP_A, 0]
    }

    /// FU-A.
    fn fragment_header(unit: &[u8], start: bool, end: bool) -> Option<[u8; 3]> {
        let header = *unit.first()?;
        let start = if start { FU_START } else { 0 };
        let end = if end { FU_END } else { 0 };
        Some([(header & 0xe0) | FU_A, start | end | (header & 0x1f), 0])
    }
}

/// RFC 6184 5.8. The reserved bit never counts.
fn fragment(payload: &[u8]) -> Payload<'_> {
    let Some((&[first, fu_header], body)) = payload.split_first_chunk() else {
        return Payload::Empty;
    };
    Payload::Fragment(Fragment {
        start: fu_header & FU_START != 0,
        end: fu_header & FU_END != 0,
        is_odd: fu_header & FU_RESERVED != 0,
        header: [(first & 0xe0) | (fu_header & 0x1f), 0],
        body,
    })
}
