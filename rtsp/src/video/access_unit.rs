//! The unit everything behind the assembler works in: one whole picture and what it needs.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::annex_b::annex_b;
use super::limits::{MAX_ACCESS_UNIT_BYTES, MAX_NALS};
use super::parameter_sets::{ParameterSets, Received};
use super::syntax::{Codec, SliceHead, Syntax, Unit};

/// What a decoder loses when this access unit is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An instantaneous decoder refresh, or any other intra random access point of H.265: decoding
    /// can start here.
    Idr,
    /// Later access units may be predicted from this one.
    Reference,
    /// Nothing that is kept is predicted from it: `nal_ref_idc` is 0 (H.264 7.4.1), or it is a
    /// sub-layer non-reference picture of the highest sub-layer or a leading picture (H.265 3.1).
    Disposable,
}

/// One access unit (H.264 7.4.1.2, H.265 7.4.2.4.4), repaired: its slices in order, without start
/// codes, parameter sets, SEI, delimiters and filler.
#[derive(Clone)]
pub struct AccessUnit {
    /// What it is coded in.
    pub codec: Codec,
    /// The camera's RTP timestamp, 90 kHz, wrapping.
    pub timestamp: u32,
    /// When its first packet arrived.
    pub received_at: Instant,
    /// What depends on it.
    pub kind: Kind,
    /// The parameter sets in force for it; always there for [`Kind::Idr`].
    pub parameter_sets: Option<Arc<ParameterSets>>,
    /// Whether its place in output order may be another than in decoding order: it has B slices,
    /// and its sequence parameter set does not rule reordering out. Browsers show such pictures at
    /// the wrong time, or fail.
    pub is_reordered: bool,
    data: Vec<u8>,
    ranges: Vec<(u32, u32)>,
}

impl AccessUnit {
    /// Builds an access unit from its NAL units; see [`AccessUnit::from_nals`].
    pub(crate) fn of<'a, S: Syntax>(
        timestamp: u32,
        received_at: Instant,
        nals: impl IntoIterator<Item = &'a [u8]>,
        in_force: Option<&Arc<ParameterSets>>,
    ) -> Option<Self> {
        let mut received = Received::default();
        // Only a slice of H.265 can't be read without them.
        for unit in in_force.iter().filter(|_| S::CODEC == Codec::H265).flat_map(|s| s.units()) {
            received.insert::<S>(unit);
        }
        let mut sets = Vec::new();
        let mut picture = Picture::default();
        for unit in nals.into_iter().flat_map(annex_b) {
            match S::unit(unit, &received) {
                Unit::ParameterSet => {
                    received.insert::<S>(unit);
                    sets.push(unit);
                }
                Unit::Slice(head) => picture.push(unit, &head).ok()?,
                _ => {}
            }
        }
        let parameter_sets =
            ParameterSets::of::<S>(sets).map(Arc::new).or_else(|| in_force.cloned());
        picture.into_access_unit::<S>(timestamp, received_at, parameter_sets)
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
            .field("codec", &self.codec)
            .field("timestamp", &self.timestamp)
            .field("kind", &self.kind)
            .field("is_reordered", &self.is_reordered)
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
    /// The first slice's: all others of the picture agree with it (H.264 7.4.1.2.4).
    first: Option<Kind>,
    slices: usize,
    has_b_slices: bool,
    is_leading: bool,
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
        self.first.get_or_insert(head.kind);
        self.slices += 1;
        self.has_b_slices |= head.is_b;
        self.is_leading |= head.is_leading;
        self.has_predicted_slices |= !head.is_intra;
    }

    /// Gives the memory of a picture back that will be dropped.
    pub(super) fn forget(&mut self) {
        self.data = Vec::new();
        self.ranges = Vec::new();
    }

    /// What depends on it, once it has a slice.
    pub(super) fn kind(&self) -> Option<Kind> {
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
    pub(super) fn into_access_unit<S: Syntax>(
        self,
        timestamp: u32,
        received_at: Instant,
        parameter_sets: Option<Arc<ParameterSets>>,
    ) -> Option<AccessUnit> {
        let kind = self.first?;
        if kind == Kind::Idr && parameter_sets.is_none() {
            return None;
        }
        let may_reorder = || parameter_sets.as_ref().is_none_or(|sets| sets.info.may_reorder());
        Some(AccessUnit {
            codec: S::CODEC,
            timestamp,
            received_at,
            kind,
            is_reordered: self.is_leading || self.has_b_slices && may_reorder(),
            parameter_sets,
            data: self.data,
            ranges: self.ranges,
        })
    }
}
