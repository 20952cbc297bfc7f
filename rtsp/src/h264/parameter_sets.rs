//! Parameter sets: those in force and those that wait for the next IDR.

use super::sps::StreamInfo;

/// Every sequence and picture parameter set in force, ordered by id, and what the SPS tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence parameter sets, each a NAL unit with its header.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each a NAL unit with its header.
    pub pps: Vec<Vec<u8>>,
    /// From the SPS that the picture uses; for sets from SDP from the first SPS.
    pub info: StreamInfo,
}

impl ParameterSets {
    /// Takes the usable parameter sets among `nals`, tolerating start codes, damaged and foreign
    /// units. `None` without at least one SPS and one PPS that refers to it.
    pub fn from_nals<'a>(_nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        None
    }

    /// From the value of `sprop-parameter-sets` (RFC 6184 8.1): base64, separated by commas;
    /// as lenient as [`ParameterSets::from_nals`].
    pub fn from_sprop(_value: &str) -> Option<Self> {
        None
    }
}
