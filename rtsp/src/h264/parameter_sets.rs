//! Parameter sets: those in force and those that wait for the next IDR.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::annex_b::annex_b;
use super::limits::{MAX_PARAMETER_SET_BYTES, MAX_PARAMETER_SETS_BYTES};
use super::nal::{self, Bits, NalHeader};
use super::sps::{Sps, StreamInfo};

/// Cameras pad as they like.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Every sequence and picture parameter set in force, ordered by id, and what the SPS tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence parameter sets, each a NAL unit with its header.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each a NAL unit with its header.
    pub pps: Vec<Vec<u8>>,
    /// From the SPS that the picture uses; for sets from SDP that of the first PPS.
    pub info: StreamInfo,
}

impl ParameterSets {
    /// Takes the usable parameter sets among `nals`, tolerating start codes, damaged and foreign
    /// units. `None` without at least one PPS and the SPS it refers to.
    pub fn from_nals<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut received = Received::default();
        for unit in nals.into_iter().flat_map(annex_b) {
            received.insert(unit);
        }
        let first = received.pps.iter().find(|(_, pps)| received.sps.contains_key(&pps.sps_id))?;
        received.collect(first.1.sps_id)
    }

    /// From the value of `sprop-parameter-sets` (RFC 6184 8.1): base64, separated by commas;
    /// as lenient as [`ParameterSets::from_nals`].
    pub fn from_sprop(value: &str) -> Option<Self> {
        let units: Vec<Vec<u8>> =
            value.split(',').filter_map(|part| LENIENT_BASE64.decode(part.trim()).ok()).collect();
        Self::from_nals(units.iter().map(Vec::as_slice))
    }

    /// The value of `sprop-parameter-sets` (RFC 6184 8.1).
    pub fn to_sprop(&self) -> String {
        let units = self.sps.iter().chain(&self.pps);
        let encoded: Vec<String> =
            units.map(|unit| base64::engine::general_purpose::STANDARD.encode(unit)).collect();
        encoded.join(",")
    }
}

#[derive(Debug, Clone)]
struct ReceivedSps {
    unit: Vec<u8>,
    info: StreamInfo,
}

#[derive(Debug, Clone)]
struct ReceivedPps {
    unit: Vec<u8>,
    sps_id: u8,
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
pub(super) struct Received {
    sps: BTreeMap<u8, ReceivedSps>,
    pps: BTreeMap<u8, ReceivedPps>,
    /// The last answer of `for_picture`, as long as nothing changes.
    taken: Option<InForce>,
}

impl Received {
    /// Keeps a parameter set, replacing the one with its identifier. Whether it was usable.
    pub(super) fn insert(&mut self, unit: &[u8]) -> bool {
        let kept = match NalHeader::of(unit) {
            Some(header) if header.forbidden || unit.len() > MAX_PARAMETER_SET_BYTES => None,
            Some(header) if header.unit_type == nal::SPS => self.insert_sps(unit),
            Some(header) if header.unit_type == nal::PPS => self.insert_pps(unit),
            _ => None,
        };
        kept.is_some()
    }

    fn insert_sps(&mut self, unit: &[u8]) -> Option<()> {
        let parsed = Sps::parse(unit)?;
        let unit = parsed.used_bytes.and_then(|bytes| unit.get(..bytes)).unwrap_or(unit);
        let old = self.sps.get(&parsed.id).map(|sps| sps.unit.as_slice());
        if old != Some(unit) {
            self.make_room(unit.len(), old.map_or(0, <[u8]>::len))?;
            self.sps.insert(parsed.id, ReceivedSps { unit: unit.to_vec(), info: parsed.info });
            self.taken = None;
        }
        Some(())
    }

    fn insert_pps(&mut self, unit: &[u8]) -> Option<()> {
        let mut bits = Bits::new(unit.get(1..)?);
        let id = u8::try_from(bits.ue()?).ok()?;
        let sps_id = u8::try_from(bits.ue()?).ok().filter(|&id| id < 32)?;
        let old = self.pps.get(&id).map(|pps| pps.unit.as_slice());
        if old != Some(unit) {
            self.make_room(unit.len(), old.map_or(0, <[u8]>::len))?;
            self.pps.insert(id, ReceivedPps { unit: unit.to_vec(), sps_id });
            self.taken = None;
        }
        Some(())
    }

    fn make_room(&self, new_bytes: usize, old_bytes: usize) -> Option<()> {
        let sps = self.sps.values().map(|sps| sps.unit.len()).sum::<usize>();
        let pps = self.pps.values().map(|pps| pps.unit.len()).sum::<usize>();
        (sps + pps + new_bytes - old_bytes <= MAX_PARAMETER_SETS_BYTES).then_some(())
    }

    /// The sets for a picture that uses PPS `pps_id`; `None` if they are incomplete.
    pub(super) fn for_picture(&mut self, pps_id: u8) -> Option<InForce> {
        let sps_id = self.pps.get(&pps_id)?.sps_id;
        if let Some(taken) = self.taken.as_ref().filter(|taken| taken.sps_id == sps_id) {
            return Some(taken.clone());
        }
        let sets = Arc::new(self.collect(sps_id)?);
        let pps_ids = self.usable_pps().map(|(id, _)| id).collect();
        let in_force = InForce { sets, pps_ids, sps_id };
        self.taken = Some(in_force.clone());
        Some(in_force)
    }

    fn usable_pps(&self) -> impl Iterator<Item = (u8, &ReceivedPps)> {
        let usable = |pps: &ReceivedPps| self.sps.contains_key(&pps.sps_id);
        self.pps.iter().filter(move |(_, pps)| usable(pps)).map(|(&id, pps)| (id, pps))
    }

    fn collect(&self, sps_id: u8) -> Option<ParameterSets> {
        Some(ParameterSets {
            info: self.sps.get(&sps_id)?.info,
            sps: self.sps.values().map(|sps| sps.unit.clone()).collect(),
            pps: self.usable_pps().map(|(_, pps)| pps.unit.clone()).collect(),
        })
    }
}
