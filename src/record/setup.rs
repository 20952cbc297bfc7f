//! Decoder configurations, as both containers hold them.

use mp4_atom::{Atom, Av1c, Avcc, AvccExt, Encode, HvcCArray, Hvcc, VpcC};

use super::format::{AudioFormat, Av1Setup, H265Setup, Setup};

/// Profiles of H.264 whose `avcC` tells of chroma and depth (ISO 14496-15 section 5.3.3.1).
/// Only the first of them always has 4:2:0 and 8 bits; of the others nothing is told.
const HIGH: u8 = 100;

pub(super) fn avcc(sps: &[Vec<u8>], pps: &[Vec<u8>]) -> Avcc {
    let byte = |at| sps.first().and_then(|sps| sps.get(at)).copied().unwrap_or_default();
    Avcc {
        configuration_version: 1,
        avc_profile_indication: byte(1),
        profile_compatibility: byte(2),
        avc_level_indication: byte(3),
        length_size: 4,
        sequence_parameter_sets: sps.to_vec(),
        picture_parameter_sets: pps.to_vec(),
        ext: (byte(1) == HIGH).then(AvccExt::default),
    }
}

pub(super) fn hvcc(setup: &H265Setup) -> Hvcc {
    let array = |nal_unit_type, nalus: &Vec<Vec<u8>>| HvcCArray {
        completeness: true,
        nal_unit_type,
        nalus: nalus.clone(),
    };
    let arrays = [array(32, &setup.vps), array(33, &setup.sps), array(34, &setup.pps)];
    Hvcc {
        configuration_version: 1,
        general_profile_space: setup.profile >> 6,
        general_tier_flag: setup.profile & 0x20 != 0,
        general_profile_idc: setup.profile & 0x1f,
        general_profile_compatibility_flags: setup.compatibility,
        general_constraint_indicator_flags: setup.constraints,
        general_level_idc: setup.level,
        chroma_format_idc: setup.chroma_format,
        bit_depth_luma_minus8: setup.luma_depth_minus8,
        bit_depth_chroma_minus8: setup.chroma_depth_minus8,
        num_temporal_layers: setup.sub_layers,
        temporal_id_nested: setup.is_nested,
        length_size_minus_one: 3,
        arrays: arrays.into_iter().filter(|array| !array.nalus.is_empty()).collect(),
        ..Hvcc::new()
    }
}

pub(super) fn av1c(setup: &Av1Setup) -> Av1c {
    Av1c {
        seq_profile: setup.profile,
        seq_level_idx_0: setup.level,
        seq_tier_0: setup.tier,
        high_bitdepth: setup.is_high_depth,
        twelve_bit: setup.is_twelve_bit,
        monochrome: setup.is_monochrome,
        chroma_subsampling_x: setup.subsampling_x,
        chroma_subsampling_y: setup.subsampling_y,
        chroma_sample_position: setup.chroma_sample_position,
        initial_presentation_delay: None,
        config_obus: setup.sequence_header.clone(),
    }
}

pub(super) fn vpcc(setup: &Setup) -> VpcC {
    /// "Not specified" of ISO 23091-2: nobody told us.
    const UNSPECIFIED: u8 = 2;
    let (profile, bit_depth, chroma_subsampling) = match *setup {
        Setup::Vp9 { profile, bit_depth, chroma_subsampling } => {
            (profile, bit_depth, chroma_subsampling)
        }
        _ => (0, 8, 1),
    };
    VpcC {
        profile,
        bit_depth,
        chroma_subsampling,
        color_primaries: UNSPECIFIED,
        transfer_characteristics: UNSPECIFIED,
        matrix_coefficients: UNSPECIFIED,
        ..VpcC::default()
    }
}

/// What a box holds, as Matroska has it.
pub(super) fn body(atom: &impl Atom) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Into memory, and from fields that are bounded: what fails is told by ffprobe's tests.
    if atom.encode(&mut bytes).is_err() {
        log::error!("a decoder configuration could not be written");
    }
    bytes.drain(..bytes.len().min(8));
    bytes
}

/// Matroska's name for a picture codec, and its `CodecPrivate`.
pub(super) fn matroska_video(setup: &Setup) -> (&'static str, Vec<u8>) {
    match setup {
        Setup::H264 { sps, pps } => ("V_MPEG4/ISO/AVC", body(&avcc(sps, pps))),
        Setup::H265(setup) => ("V_MPEGH/ISO/HEVC", body(&hvcc(setup))),
        Setup::Vp8 => ("V_VP8", Vec::new()),
        Setup::Vp9 { .. } => ("V_VP9", Vec::new()),
        Setup::Av1(setup) => ("V_AV1", body(&av1c(setup))),
    }
}

/// Matroska's name for a sound codec, and its `CodecPrivate`.
pub(super) fn matroska_audio(format: &AudioFormat) -> (&'static str, Vec<u8>) {
    const ACM: &str = "A_MS/ACM";
    match format {
        AudioFormat::Opus => ("A_OPUS", opus_head()),
        AudioFormat::Aac { config, .. } => ("A_AAC", config.clone()),
        AudioFormat::Pcma => (ACM, wave_format(0x0006, format, 8)),
        AudioFormat::Pcmu => (ACM, wave_format(0x0007, format, 8)),
        AudioFormat::G722 => (ACM, wave_format(0x028f, format, 4)),
    }
}

/// RFC 7845 section 5.1: stereo, nothing skipped, as the beginning was not recorded.
fn opus_head() -> Vec<u8> {
    let mut head = b"OpusHead\x01\x02\0\0".to_vec();
    head.extend_from_slice(&48_000u32.to_le_bytes());
    head.extend_from_slice(&[0; 3]);
    head
}

/// `WAVEFORMATEX`.
fn wave_format(tag: u16, format: &AudioFormat, bits: u16) -> Vec<u8> {
    let (hz, channels) = (format.sample_hz(), u16::from(format.channels()));
    let mut head = Vec::new();
    head.extend_from_slice(&tag.to_le_bytes());
    head.extend_from_slice(&channels.to_le_bytes());
    head.extend_from_slice(&hz.to_le_bytes());
    head.extend_from_slice(&(hz * u32::from(bits) / 8).to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.extend_from_slice(&bits.to_le_bytes());
    head.extend_from_slice(&0u16.to_le_bytes());
    head
}
