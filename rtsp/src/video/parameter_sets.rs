//! Parameter sets: those in force and those that wait for the next IDR.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::annex_b::annex_b;
use super::limits::{MAX_PARAMETER_SET_BYTES, MAX_PARAMETER_SETS_BYTES};
use super::syntax::{Codec, Syntax};

/// Cameras pad as they like.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The units in a parameter of SDP: base64, separated by commas. What is none is left out.
pub(crate) fn decode_sprop(value: &str) -> Vec<Vec<u8>> {
    value.split(',').filter_map(|part| LENIENT_BASE64.decode(part.trim()).ok()).collect()
}

/// The same the other way.
pub(crate) fn encode_sprop<'a>(units: impl Iterator<Item = &'a [u8]>) -> String {
    let encoded: Vec<String> =
        units.map(|unit| base64::engine::general_purpose::STANDARD.encode(unit)).collect();
    encoded.join(",")
}

/// What a sequence parameter set tells about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High, ...; in H.265 `general_profile_idc`: 1 Main,
    /// 2 Main 10, ...
    pub profile_idc: u8,
    /// H.264's byte of `constraint_set*_flag`s between profile and level; 0 in H.265.
    pub constraint_flags: u8,
    /// `level_idc`: ten times the level; in H.265 thirty times.
    pub level_idc: u8,
    /// `general_tier_flag` of H.265.
    pub high_tier: bool,
    /// Luma samples of a row after cropping.
    pub width: u32,
    /// Luma rows after cropping.
    pub height: u32,
    /// Whether pictures of H.264 may be fields.
    pub interlaced: bool,
    /// Frames that precede a frame in decoding order and follow it in output order. In H.264 from
    /// the VUI, or 0 where profile or order count type rule reordering out; `None` if nothing says.
    pub max_num_reorder_frames: Option<u8>,
    /// Frames in 1000 seconds, if the VUI of H.264 has timing: 25 fps is 25 000. Often wrong.
    pub frames_per_1000_s: Option<u32>,
    /// `sps_max_sub_layers_minus1` of H.265, 0 to 6: the highest `TemporalId`.
    pub highest_temporal_id: u8,
}

impl StreamInfo {
    /// The three bytes of H.264's `profile-level-id` (RFC 6184 8.1).
    pub fn profile_level_id(&self) -> [u8; 3] {
        [self.profile_idc, self.constraint_flags, self.level_idc]
    }

    /// Whether pictures with B slices may be shown in another order than they are decoded in.
    /// H.264's Baseline has none: where they come all the same, what it says is not believed.
    pub fn may_reorder(&self) -> bool {
        self.max_num_reorder_frames != Some(0) || self.profile_idc == 66
    }
}

/// Every parameter set in force, ordered by kind and id, and what the SPS tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// What they are for.
    pub codec: Codec,
    /// Video parameter sets of H.265, each a NAL unit with its header.
    pub vps: Vec<Vec<u8>>,
    /// Sequence parameter sets, each a NAL unit with its header.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each a NAL unit with its header.
    pub pps: Vec<Vec<u8>>,
    /// From the SPS that the picture uses; for sets from SDP that of the first PPS.
    pub info: StreamInfo,
}

impl ParameterSets {
    /// See [`ParameterSets::from_nals`].
    pub(crate) fn of<'a, S: Syntax>(nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut received = Received::default();
        for unit in nals.into_iter().flat_map(annex_b) {
            received.insert::<S>(unit);
        }
        let sps_id = received.usable_pps().next()?.1.sps_id;
        received.collect::<S>(sps_id)
    }

    /// All of them, in the order in which they refer to each other.
    pub fn units(&self) -> impl Iterator<Item = &[u8]> {
        self.vps.iter().chain(&self.sps).chain(&self.pps).map(Vec::as_slice)
    }
}

/// A parameter set as far as it is understood.
#[derive(Debug, Clone, Copy)]
pub enum ParameterSet {
    /// A video parameter set, which only H.265 has.
    Vps {
        /// `vps_video_parameter_set_id`, 0..=15.
        id: u8,
    },
    /// A sequence parameter set.
    Sps(Sps),
    /// A picture parameter set.
    Pps {
        /// `pps_pic_parameter_set_id`.
        id: u8,
        /// `pps_seq_parameter_set_id`.
        sps_id: u8,
        /// `num_extra_slice_header_bits` of H.265, 0..=7.
        extra_slice_header_bits: u8,
    },
}

/// A sequence parameter set as far as it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0..=31.
    pub id: u8,
    /// The video parameter set that it refers to, in H.265.
    pub vps_id: Option<u8>,
    /// What it says.
    pub info: StreamInfo,
    /// Length of the NAL unit up to its stop bit, if that is where it should be.
    pub used_bytes: Option<usize>,
}

#[derive(Debug, Clone)]
struct ReceivedSps {
    unit: Vec<u8>,
    vps_id: Option<u8>,
    info: StreamInfo,
}

#[derive(Debug, Clone)]
struct ReceivedPps {
    unit: Vec<u8>,
    sps_id: u8,
    #[cfg_attr(not(feature = "h265"), expect(dead_code, reason = "H.264 has none"))]
    extra_slice_header_bits: u8,
}

/// The sets an IDR made the ones in force.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    pub(super) sets: Arc<ParameterSets>,
    /// Identifiers of `sets.pps`, in the same order.
    pps_ids: Vec<u8>,
    sps_id: u8,
}

impl InForce {
    pub(super) fn has_pps(&self, id: u8) -> bool {
        self.pps_ids.contains(&id)
    }
}

/// The latest parameter sets by identifier. An IDR takes them; between two IDRs they wait.
#[derive(Debug, Clone, Default)]
pub struct Received {
    vps: BTreeMap<u8, Vec<u8>>,
    sps: BTreeMap<u8, ReceivedSps>,
    pps: BTreeMap<u8, ReceivedPps>,
    /// The last answer of `for_picture`, as long as nothing changes.
    taken: Option<InForce>,
}

impl Received {
    /// Keeps a parameter set, replacing the one with its identifier. Whether it was usable.
    pub(super) fn insert<S: Syntax>(&mut self, unit: &[u8]) -> bool {
        if unit.len() > MAX_PARAMETER_SET_BYTES {
            return false;
        }
        let Some(set) = S::parameter_set(unit) else { return false };
        let unit = match set {
            ParameterSet::Sps(Sps { used_bytes: Some(bytes), .. }) => unit.get(..bytes),
            _ => None,
        }
        .unwrap_or(unit);
        let old = match set {
            ParameterSet::Vps { id } => self.vps.get(&id),
            ParameterSet::Sps(Sps { id, .. }) => self.sps.get(&id).map(|sps| &sps.unit),
            ParameterSet::Pps { id, .. } => self.pps.get(&id).map(|pps| &pps.unit),
        };
        if old.is_some_and(|old| old == unit) {
            return true;
        }
        let old_bytes = old.map_or(0, Vec::len);
        if self.bytes() + unit.len() - old_bytes > MAX_PARAMETER_SETS_BYTES {
            return false;
        }
        let unit = unit.to_vec();
        match set {
            ParameterSet::Vps { id } => {
                self.vps.insert(id, unit);
            }
            ParameterSet::Sps(Sps { id, vps_id, info, .. }) => {
                self.sps.insert(id, ReceivedSps { unit, vps_id, info });
            }
            ParameterSet::Pps { id, sps_id, extra_slice_header_bits } => {
                self.pps.insert(id, ReceivedPps { unit, sps_id, extra_slice_header_bits });
            }
        }
        self.taken = None;
        true
    }

    fn bytes(&self) -> usize {
        let vps = self.vps.values().map(Vec::len);
        let sps = self.sps.values().map(|sps| sps.unit.len());
        let pps = self.pps.values().map(|pps| pps.unit.len());
        vps.chain(sps).chain(pps).sum()
    }

    /// The sets for a picture that uses PPS `pps_id`; `None` if they are incomplete.
    pub(super) fn for_picture<S: Syntax>(&mut self, pps_id: u8) -> Option<InForce> {
        let sps_id = self.pps.get(&pps_id)?.sps_id;
        if let Some(taken) = self.taken.as_ref().filter(|taken| taken.sps_id == sps_id) {
            return Some(taken.clone());
        }
        let sets = Arc::new(self.collect::<S>(sps_id)?);
        let pps_ids = self.usable_pps().map(|(id, _)| id).collect();
        let in_force = InForce { sets, pps_ids, sps_id };
        self.taken = Some(in_force.clone());
        Some(in_force)
    }

    /// Those whose SPS is there, and where that refers to a VPS, that.
    fn usable_pps(&self) -> impl Iterator<Item = (u8, &ReceivedPps)> {
        let usable = |pps: &ReceivedPps| {
            let sps = self.sps.get(&pps.sps_id);
            sps.is_some_and(|sps| sps.vps_id.is_none_or(|id| self.vps.contains_key(&id)))
        };
        self.pps.iter().filter(move |(_, pps)| usable(pps)).map(|(&id, pps)| (id, pps))
    }

    fn collect<S: Syntax>(&self, sps_id: u8) -> Option<ParameterSets> {
        let sps = self.sps.get(&sps_id)?;
        if sps.vps_id.is_some_and(|id| !self.vps.contains_key(&id)) {
            return None;
        }
        Some(ParameterSets {
            codec: S::CODEC,
            info: sps.info,
            vps: self.vps.values().cloned().collect(),
            sps: self.sps.values().map(|sps| sps.unit.clone()).collect(),
            pps: self.usable_pps().map(|(_, pps)| pps.unit.clone()).collect(),
        })
    }
}

#[cfg(feature = "h265")]
impl Received {
    /// `num_extra_slice_header_bits` of a PPS of H.265.
    pub(crate) fn extra_slice_header_bits(&self, pps_id: u8) -> Option<u8> {
        self.pps.get(&pps_id).map(|pps| pps.extra_slice_header_bits)
    }

    /// The highest `TemporalId` that an SPS of H.265 allows.
    pub(crate) fn highest_temporal_id(&self) -> u8 {
        self.sps.values().map(|sps| sps.info.highest_temporal_id).max().unwrap_or(0)
    }
}
