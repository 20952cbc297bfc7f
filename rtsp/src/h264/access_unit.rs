//! The unit everything behind the assembler works in: one whole picture and what it needs.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::annex_b::annex_b;
use super::limits::{MAX_ACCESS_UNIT_BYTES, MAX_NALS};
use super::nal::{self, NalHeader, SliceHead};
use super::parameter_sets::ParameterSets;

/// What a decoder loses when this access unit is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An instantaneous decoder refresh: decoding can start here.
    Idr,
    /// Later access units may be predicted from this one.
    Reference,
    /// Every slice has `nal_ref_idc` 0 (H.264 7.4.1): nothing is predicted from it.
    Disposable,
}

/// One access unit (H.264 7.4.1.2), repaired: its slices in order, without start codes,
/// parameter sets, SEI, delimiters and filler.
#[derive(Clone)]
pub struct AccessUnit {
    /// The camera's RTP timestamp, 90 kHz, wrapping.
    pub timestamp: u32,
    /// When its first packet arrived.
    pub received_at: Instant,
    /// What depends on it.
    pub kind: Kind,
    /// The parameter sets in force for it; always there for [`Kind::Idr`].
    pub parameter_sets: Option<Arc<ParameterSets>>,
    /// Whether it has a B slice: browsers reorder such streams, or fail.
    pub has_b_slices: bool,
    data: Vec<u8>,
    ranges: Vec<(u32, u32)>,
}

impl AccessUnit {
    /// Builds an access unit from its NAL units, for sources other than a camera.
    ///
    /// Parameter sets among `nals`, if complete, replace `in_force`. `None` without a slice, if an
    /// IDR has no parameter sets, or beyond [`MAX_ACCESS_UNIT_BYTES`] or [`MAX_NALS`].
    pub fn from_nals<'a>(
        timestamp: u32,
        received_at: Instant,
        nals: impl IntoIterator<Item = &'a [u8]>,
        in_force: Option<&Arc<ParameterSets>>,
    ) -> Option<Self> {
        let mut sets = Vec::new();
        let mut picture = Picture::default();
        for unit in nals.into_iter().flat_map(annex_b) {
            let Some(header) = NalHeader::of(unit) else {
                continue;
            };
            if header.is_parameter_set() {
                sets.push(unit);
            } else if let Some(head) = SliceHead::parse(unit) {
                picture.push(unit, &head).ok()?;
            }
        }
        let parameter_sets =
            ParameterSets::from_nals(sets).map(Arc::new).or_else(|| in_force.cloned());
        picture.into_access_unit(timestamp, received_at, parameter_sets)
    }

    /// Its slices in decoding order, each with its NAL header.
    pub fn nals(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().filter_map(|&(start, end)| {
            self.data.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
        })
    }

    /// Bytes of its slices together.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }
}

impl fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessUnit")
            .field("timestamp", &self.timestamp)
            .field("kind", &self.kind)
            .field("has_b_slices", &self.has_b_slices)
            .field("nals", &self.ranges.len())
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// The picture exceeds `MAX_ACCESS_UNIT_BYTES` or `MAX_NALS`.
#[derive(Debug)]
pub(super) struct TooLarge;

/// The slices of an access unit while they come in.
#[derive(Debug, Default)]
pub(super) struct Picture {
    data: Vec<u8>,
    ranges: Vec<(u32, u32)>,
    /// The first slice's header: all others of the picture agree with it (H.264 7.4.1.2.4).
    first: Option<NalHeader>,
    slices: usize,
    has_b_slices: bool,
    has_predicted_slices: bool,
}

impl Picture {
    /// Appends a slice.
    pub(super) fn push(&mut self, slice: &[u8], head: &SliceHead) -> Result<(), TooLarge> {
        let start = self.data.len();
        let end = start + slice.len();
        if end > MAX_ACCESS_UNIT_BYTES || self.ranges.len() >= MAX_NALS {
            return Err(TooLarge);
        }
        let (Ok(from), Ok(to)) = (u32::try_from(start), u32::try_from(end)) else {
            return Err(TooLarge);
        };
        self.note(head);
        self.data.extend_from_slice(slice);
        self.ranges.push((from, to));
        Ok(())
    }

    /// Counts a slice of a picture that will be dropped, without keeping it.
    pub(super) fn note(&mut self, head: &SliceHead) {
        self.first.get_or_insert(head.nal);
        self.slices += 1;
        self.has_b_slices |= head.is_b();
        self.has_predicted_slices |= !head.is_intra();
    }

    /// Gives the memory of a picture back that will be dropped.
    pub(super) fn forget(&mut self) {
        self.data = Vec::new();
        self.ranges = Vec::new();
    }

    /// The header of its first slice.
    pub(super) fn first(&self) -> Option<NalHeader> {
        self.first
    }

    /// How many slices there were.
    pub(super) fn slices(&self) -> usize {
        self.slices
    }

    /// Whether it has slices, all of them intra.
    pub(super) fn is_intra(&self) -> bool {
        self.slices > 0 && !self.has_predicted_slices
    }

    /// The finished access unit; `None` without a slice or for an IDR without parameter sets.
    pub(super) fn into_access_unit(
        self,
        timestamp: u32,
        received_at: Instant,
        parameter_sets: Option<Arc<ParameterSets>>,
    ) -> Option<AccessUnit> {
        let kind = match self.first? {
            header if header.unit_type == nal::IDR_SLICE => Kind::Idr,
            header if header.ref_idc == 0 => Kind::Disposable,
            _ => Kind::Reference,
        };
        if kind == Kind::Idr && parameter_sets.is_none() {
            return None;
        }
        Some(AccessUnit {
            timestamp,
            received_at,
            kind,
            parameter_sets,
            has_b_slices: self.has_b_slices,
            data: self.data,
            ranges: self.ranges,
        })
    }
}
