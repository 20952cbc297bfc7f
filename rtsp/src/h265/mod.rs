//! H.265 (ITU-T H.265, RFC 7798): what its headers, slices and parameter sets mean.
//!
//! What is done with them is in [`crate::video`]. An `Idr` is any intra random access point: with
//! its leading pictures left out, decoding can start there, and nothing else refers to those.

mod nal;
mod sps;

use std::sync::Arc;
use std::time::Instant;

pub use nal::H265;

use crate::video::{AccessUnit, ParameterSets, decode_sprop, encode_sprop};

/// Puts the packets of an H.265 track together.
pub type Assembler = crate::video::Assembler<H265>;

impl AccessUnit {
    /// Builds an access unit of H.265 from its NAL units, for sources other than a camera.
    ///
    /// Parameter sets among `nals`, if complete, replace `in_force`. `None` without a slice, if an
    /// intra random access point has no parameter sets, or beyond the limits of an access unit.
    pub fn from_h265_nals<'a>(
        timestamp: u32,
        received_at: Instant,
        nals: impl IntoIterator<Item = &'a [u8]>,
        in_force: Option<&Arc<ParameterSets>>,
    ) -> Option<Self> {
        Self::of::<H265>(timestamp, received_at, nals, in_force)
    }
}

impl ParameterSets {
    /// Takes the usable parameter sets of H.265 among `nals`, tolerating start codes, damaged and
    /// foreign units. `None` without at least one PPS and the SPS and VPS behind it.
    pub fn from_h265_nals<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        Self::of::<H265>(nals)
    }

    /// From the values of H.265's `sprop-vps`, `sprop-sps` and `sprop-pps` (RFC 7798 7.1), in any
    /// order: base64, separated by commas; as lenient as [`ParameterSets::from_h265_nals`].
    pub fn from_h265_sprop<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let units: Vec<Vec<u8>> = values.into_iter().flat_map(decode_sprop).collect();
        Self::from_h265_nals(units.iter().map(Vec::as_slice))
    }

    /// The parameters of an H.265 format with the values that these sets give them (RFC 7798 7.1).
    pub fn to_h265_parameters(&self) -> [(&'static str, String); 7] {
        let list = |units: &[Vec<u8>]| encode_sprop(units.iter().map(Vec::as_slice));
        [
            ("profile-space", "0".to_owned()),
            ("profile-id", self.info.profile_idc.to_string()),
            ("tier-flag", u8::from(self.info.high_tier).to_string()),
            ("level-id", self.info.level_idc.to_string()),
            ("sprop-vps", list(&self.vps)),
            ("sprop-sps", list(&self.sps)),
            ("sprop-pps", list(&self.pps)),
        ]
    }
}
