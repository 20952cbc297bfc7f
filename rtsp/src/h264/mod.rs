//! H.264 (ITU-T H.264, RFC 6184): what its headers, slices and parameter sets mean.
//!
//! What is done with them is in [`crate::video`], whose names are here as well.

mod nal;
mod split;
mod sps;

use std::sync::Arc;
use std::time::Instant;

pub use nal::H264;
pub use split::split_access_units;

pub use crate::video::{
    AccessUnit, DropReason, Kind, Output, Packet, ParameterSets, Stats, StreamInfo, annex_b,
    limits, packetize,
};
use crate::video::{decode_sprop, encode_sprop};

/// Puts the packets of an H.264 track together.
pub type Assembler = crate::video::Assembler<H264>;

impl AccessUnit {
    /// Builds an access unit of H.264 from its NAL units, for sources other than a camera.
    ///
    /// Parameter sets among `nals`, if complete, replace `in_force`. `None` without a slice, if an
    /// IDR has no parameter sets, or beyond the [`limits`] of an access unit.
    pub fn from_nals<'a>(
        timestamp: u32,
        received_at: Instant,
        nals: impl IntoIterator<Item = &'a [u8]>,
        in_force: Option<&Arc<ParameterSets>>,
    ) -> Option<Self> {
        Self::of::<H264>(timestamp, received_at, nals, in_force)
    }
}

impl ParameterSets {
    /// Takes the usable parameter sets of H.264 among `nals`, tolerating start codes, damaged and
    /// foreign units. `None` without at least one PPS and the SPS it refers to.
    pub fn from_nals<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        Self::of::<H264>(nals)
    }

    /// From the value of H.264's `sprop-parameter-sets` (RFC 6184 8.1): base64, separated by
    /// commas; as lenient as [`ParameterSets::from_nals`].
    pub fn from_sprop(value: &str) -> Option<Self> {
        let units = decode_sprop(value);
        Self::from_nals(units.iter().map(Vec::as_slice))
    }

    /// The value of H.264's `sprop-parameter-sets` (RFC 6184 8.1).
    pub fn to_sprop(&self) -> String {
        encode_sprop(self.units())
    }
}
