//! NAL units, the start of slice segment headers (H.265 7.3.1, 7.3.6.1) and RTP payloads (RFC 7798
//! 4.4).

use super::sps;
use crate::video::{
    Bits, Codec, Fragment, Kind, Opening, ParameterSet, Payload, Received, SliceHead, Syntax, Unit,
};

/// Of the slice types below, the last of a picture that may follow one in output order (H.265
/// table 7-1): even ones are sub-layer non-reference pictures.
const LAST_TRAILING: u8 = 5;
/// RADL and RASL: pictures that are shown before the random access point they follow.
const LEADING: std::ops::RangeInclusive<u8> = 6..=9;
/// BLA, IDR and CRA; above it two types that nobody uses yet.
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;
const VPS: u8 = 32;
pub(super) const SPS: u8 = 33;
const PPS: u8 = 34;
const ACCESS_UNIT_DELIMITER: u8 = 35;
/// Aggregation packet (RFC 7798 4.4.2).
const AP: u8 = 48;
/// Fragmentation unit (RFC 7798 4.4.3).
const FU: u8 = 49;
/// FU header bits.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// The first two bytes of a NAL unit (H.265 7.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NalHeader {
    /// A network element found the unit damaged (RFC 7798 1.1.4).
    forbidden: bool,
    /// `nal_unit_type`, 0..=63.
    unit_type: u8,
    /// `nuh_layer_id`: 0 but for scalable and multi-view streams, of which it is the base.
    layer_id: u8,
    /// `nuh_temporal_id_plus1`, 1..=7; 0 is forbidden.
    temporal_id_plus1: u8,
}

impl NalHeader {
    /// The header of a NAL unit, unless it is shorter.
    fn of(unit: &[u8]) -> Option<Self> {
        let &[first, second] = unit.first_chunk()?;
        Some(Self {
            forbidden: first & 0x80 != 0,
            unit_type: unit_type(first),
            layer_id: ((first & 1) << 5) | (second >> 3),
            temporal_id_plus1: second & 7,
        })
    }

    /// What depends on its picture; `None` if it is no slice.
    fn kind(self, sets: &Received) -> Option<Kind> {
        let is_highest = || self.temporal_id_plus1 > sets.highest_temporal_id();
        match self.unit_type {
            unit_type if !is_slice(unit_type) => None,
            unit_type if RANDOM_ACCESS.contains(&unit_type) => Some(Kind::Idr),
            unit_type if LEADING.contains(&unit_type) => Some(Kind::Disposable),
            // Pictures of higher sub-layers may refer to it.
            unit_type if unit_type % 2 == 0 && is_highest() => Some(Kind::Disposable),
            _ => Some(Kind::Reference),
        }
    }
}

fn unit_type(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

fn is_slice(unit_type: u8) -> bool {
    unit_type <= LAST_TRAILING || LEADING.contains(&unit_type) || RANDOM_ACCESS.contains(&unit_type)
}

/// The beginning of a slice segment header (H.265 7.3.6.1). `None` if the unit is no slice, or ends
/// inside that.
fn slice_head(header: NalHeader, unit: &[u8], sets: &Received) -> Option<SliceHead> {
    let kind = header.kind(sets)?;
    let mut bits = Bits::new(unit.get(2..)?);
    let starts_picture = bits.bit()?;
    if kind == Kind::Idr {
        bits.bit()?; // no_output_of_prior_pics_flag
    }
    let pps_id = u8::try_from(bits.ue()?).ok().filter(|&id| id <= 63)?;
    // Later segments have their address first, and what dependent ones are is said by the first.
    let extra = sets.extra_slice_header_bits(pps_id).filter(|_| starts_picture);
    let slice_type = match extra {
        Some(extra) => {
            bits.u(extra)?;
            Some(bits.ue().filter(|&slice_type| slice_type <= 2)?)
        }
        None => None,
    };
    Some(SliceHead {
        kind,
        starts_picture,
        pps_id,
        is_b: slice_type == Some(0),
        is_intra: slice_type.is_none_or(|slice_type| slice_type == 2),
        is_leading: LEADING.contains(&header.unit_type),
    })
}

/// How H.265 writes it.
#[derive(Debug, Default)]
pub struct H265;

impl Syntax for H265 {
    const CODEC: Codec = Codec::H265;
    const HEADER_BYTES: usize = 2;

    fn payload(payload: &[u8]) -> Payload<'_> {
        let Some(header) = NalHeader::of(payload) else { return Payload::Empty };
        match header.unit_type {
            _ if header.forbidden => Payload::Malformed,
            FU => fragment(payload),
            // A start code has two zero bytes first, which would be unit type 0.
            0..AP => Payload::Units(payload),
            AP => Payload::Aggregate(payload.get(2..).unwrap_or_default()),
            50 => Payload::Unsupported, // PACI
            _ => Payload::Reserved,
        }
    }

    fn opening(payload: &[u8]) -> Opening {
        // first_slice_segment_in_pic_flag
        let starts_picture = |byte: &u8| byte & 0x80 != 0;
        match payload {
            [first, _, fu_header, rest @ ..] if unit_type(*first) == FU => match rest {
                _ if fu_header & FU_START == 0 => {
                    Opening::InsideUnit { is_slice: is_slice(fu_header & 0x3f) }
                }
                [slice, ..] if is_slice(fu_header & 0x3f) => {
                    Opening::Slice { starts_picture: starts_picture(slice), is_fragment: true }
                }
                _ => Opening::Other,
            },
            [first, _, slice, ..] if is_slice(unit_type(*first)) => {
                Opening::Slice { starts_picture: starts_picture(slice), is_fragment: false }
            }
            _ => Opening::Other,
        }
    }

    fn unit(unit: &[u8], sets: &Received) -> Unit {
        let Some(header) = NalHeader::of(unit) else { return Unit::Stub };
        match header.unit_type {
            _ if header.forbidden => Unit::Malformed,
            _ if header.layer_id != 0 => Unit::Other,
            unit_type if is_slice(unit_type) && unit.len() < 3 => Unit::Stub,
            unit_type if is_slice(unit_type) => {
                let header = Some(header).filter(|header| header.temporal_id_plus1 > 0);
                let head = header.and_then(|header| slice_head(header, unit, sets));
                head.map_or(Unit::Malformed, Unit::Slice)
            }
            VPS | SPS | PPS => Unit::ParameterSet,
            ACCESS_UNIT_DELIMITER => Unit::Delimiter,
            _ => Unit::Other,
        }
    }

    fn kind(unit: &[u8], sets: &Received) -> Option<Kind> {
        NalHeader::of(unit)?.kind(sets)
    }

    fn parameter_set(unit: &[u8]) -> Option<ParameterSet> {
        let header = NalHeader::of(unit).filter(|header| !header.forbidden)?;
        // A sub-layer that can't be: no decoder takes it.
        if header.layer_id != 0 || header.temporal_id_plus1 == 0 {
            return None;
        }
        let payload = unit.get(2..)?;
        match header.unit_type {
            VPS => Some(ParameterSet::Vps { id: payload.first()? >> 4 }),
            SPS => sps::parse(payload).map(ParameterSet::Sps),
            PPS => {
                let mut bits = Bits::new(payload);
                let id = u8::try_from(bits.ue()?).ok().filter(|&id| id <= 63)?;
                let sps_id = u8::try_from(bits.ue()?).ok().filter(|&id| id <= 15)?;
                bits.u(2)?; // dependent_slice_segments_enabled_flag, output_flag_present_flag
                let extra_slice_header_bits = u8::try_from(bits.u(3)?).ok()?;
                Some(ParameterSet::Pps { id, sps_id, extra_slice_header_bits })
            }
            _ => None,
        }
    }

    /// The lowest layer and sub-layer of its units (RFC 7798 4.4.2); the layer is always the base.
    fn aggregate_header(units: &[&[u8]]) -> [u8; 2] {
        let headers = units.iter().filter_map(|unit| NalHeader::of(unit));
        let temporal_id_plus1 = headers.map(|header| header.temporal_id_plus1).min();
        [AP << 1, temporal_id_plus1.unwrap_or(1)]
    }

    fn fragment_header(unit: &[u8], start: bool, end: bool) -> Option<[u8; 3]> {
        let &[first, second] = unit.first_chunk()?;
        let start = if start { FU_START } else { 0 };
        let end = if end { FU_END } else { 0 };
        Some([(first & 0x81) | (FU << 1), second, start | end | unit_type(first)])
    }
}

/// RFC 7798 4.4.3. Some cameras leave the sub-layer 0, which it can't be.
fn fragment(payload: &[u8]) -> Payload<'_> {
    let Some((&[first, second, fu_header], body)) = payload.split_first_chunk() else {
        return Payload::Empty;
    };
    let is_odd = second & 7 == 0;
    Payload::Fragment(Fragment {
        start: fu_header & FU_START != 0,
        end: fu_header & FU_END != 0,
        is_odd,
        header: [(first & 0x81) | ((fu_header & 0x3f) << 1), second | u8::from(is_odd)],
        body,
    })
}
