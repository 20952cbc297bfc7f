//! The sequence parameter set (H.264 7.3.2.1.1, E.1.1).
//!
//! Cameras leave bytes behind it, cut its VUI short and announce profiles they do not use, so
//! only what decoding needs must be right: identifier and picture size. The rest may be missing.

use crate::video::{Bits, Sps, StreamInfo};

/// Macroblocks of a side: level 6.2 allows 139 264 of a picture, a side the root of eight times
/// that (H.264 A.3.1).
const MAX_SIDE_MBS: u32 = 1055;

/// Parses a NAL unit, header included. `None` if it is no SPS or ends before the picture size.
pub(super) fn parse(unit: &[u8]) -> Option<Sps> {
    let (&header, payload) = unit.split_first()?;
    if header & 0x1f != super::nal::SPS {
        return None;
    }
    let mut bits = Bits::new(payload);
    let profile_idc = byte(&mut bits)?;
    let constraint_flags = byte(&mut bits)?;
    let level_idc = byte(&mut bits)?;
    let id = at_most(bits.ue()?, 31)?;
    let chroma = if has_chroma_format(profile_idc) { chroma(&mut bits)? } else { Chroma::Yuv420 };
    at_most(bits.ue()?, 12)?; // log2_max_frame_num_minus4
    let order_count_type = order_count(&mut bits)?;
    bits.ue()?; // max_num_ref_frames
    bits.bit()?; // gaps_in_frame_num_value_allowed_flag
    let size = Size::parse(&mut bits, chroma)?;
    let never_reorders = order_count_type == 2 || profile_idc == 66;
    let mut info = StreamInfo {
        profile_idc,
        constraint_flags,
        level_idc,
        high_tier: false,
        width: size.width,
        height: size.height,
        interlaced: size.interlaced,
        max_num_reorder_frames: never_reorders.then_some(0),
        frames_per_1000_s: None,
        highest_temporal_id: 0,
    };
    let whole = vui(&mut bits, &mut info).is_some();
    let used_bytes = if whole { bits.bytes_at_stop_bit().map(|bytes| bytes + 1) } else { None };
    Some(Sps { id, vps_id: None, info, used_bytes })
}

fn byte(bits: &mut Bits<'_>) -> Option<u8> {
    u8::try_from(bits.u(8)?).ok()
}

fn at_most(value: u32, max: u8) -> Option<u8> {
    u8::try_from(value).ok().filter(|&value| value <= max)
}

/// Profiles whose SPS has `chroma_format_idc` and scaling lists (H.264 7.3.2.1.1).
fn has_chroma_format(profile_idc: u8) -> bool {
    matches!(profile_idc, 44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244)
}

/// `ChromaArrayType` (H.264 7.4.2.1.1).
#[derive(Clone, Copy)]
enum Chroma {
    None,
    Yuv420,
    Yuv422,
    Yuv444,
}

fn chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.ue()?;
    let separate_planes = format == 3 && bits.bit()?;
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    bits.bit()?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    match format {
        0 => Some(Chroma::None),
        1 => Some(Chroma::Yuv420),
        2 => Some(Chroma::Yuv422),
        3 if separate_planes => Some(Chroma::None),
        3 => Some(Chroma::Yuv444),
        _ => None,
    }
}

/// H.264 7.3.2.1.1.1
fn skip_scaling_list(bits: &mut Bits<'_>, size: u8) -> Option<()> {
    let mut last = 8i64;
    for _ in 0..size {
        last = (last + bits.se()?).rem_euclid(256);
        if last == 0 {
            return Some(());
        }
    }
    Some(())
}

/// Skips the picture order count fields and returns `pic_order_cnt_type`.
fn order_count(bits: &mut Bits<'_>) -> Option<u8> {
    let order_count_type = at_most(bits.ue()?, 2)?;
    match order_count_type {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.bit()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..at_most(bits.ue()?, 255)? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(order_count_type)
}

struct Size {
    width: u32,
    height: u32,
    interlaced: bool,
}

impl Size {
    fn parse(bits: &mut Bits<'_>, chroma: Chroma) -> Option<Self> {
        let side = |minus1: u32| (minus1 < MAX_SIDE_MBS).then(|| (minus1 + 1) * 16);
        let width = side(bits.ue()?)?;
        let map_units = side(bits.ue()?)?;
        let interlaced = !bits.bit()?;
        if interlaced {
            bits.bit()?; // mb_adaptive_frame_field_flag
        }
        bits.bit()?; // direct_8x8_inference_flag
        let fields = if interlaced { 2 } else { 1 };
        let height = map_units * fields;
        let mut size = Self { width, height, interlaced };
        if bits.bit()? {
            let (unit_x, unit_y) = match chroma {
                Chroma::None | Chroma::Yuv444 => (1, fields),
                Chroma::Yuv420 => (2, 2 * fields),
                Chroma::Yuv422 => (2, fields),
            };
            let columns = bits.ue()?.saturating_add(bits.ue()?).saturating_mul(unit_x);
            let rows = bits.ue()?.saturating_add(bits.ue()?).saturating_mul(unit_y);
            // Cropping away the whole picture is nonsense, the picture itself need not be.
            if columns < width && rows < height {
                size.width -= columns;
                size.height -= rows;
            }
        }
        Some(size)
    }
}

/// Reads `vui_parameters_present_flag` and what follows into `info`; `None` if it ends too early.
fn vui(bits: &mut Bits<'_>, info: &mut StreamInfo) -> Option<()> {
    if !bits.bit()? {
        return Some(());
    }
    if bits.bit()? && bits.u(8)? == 255 {
        bits.u(32)?; // Extended_SAR: sar_width, sar_height
    }
    if bits.bit()? {
        bits.bit()?; // overscan_appropriate_flag
    }
    if bits.bit()? {
        bits.u(4)?; // video_format, video_full_range_flag
        if bits.bit()? {
            bits.u(24)?; // colour description
        }
    }
    if bits.bit()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?; // chroma_sample_loc_type_bottom_field
    }
    if bits.bit()? {
        let units_in_tick = u64::from(bits.u(32)?);
        let time_scale = u64::from(bits.u(32)?);
        bits.bit()?; // fixed_frame_rate_flag
        // Two ticks a frame (H.264 E.2.1).
        info.frames_per_1000_s = (time_scale * 1000)
            .checked_div(units_in_tick * 2)
            .and_then(|rate| u32::try_from(rate).ok())
            .filter(|&rate| rate > 0);
    }
    let nal_hrd = bits.bit()?;
    if nal_hrd {
        skip_hrd(bits)?;
    }
    let vcl_hrd = bits.bit()?;
    if vcl_hrd {
        skip_hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.bit()?; // low_delay_hrd_flag
    }
    bits.bit()?; // pic_struct_present_flag
    if bits.bit()? {
        bits.bit()?; // motion_vectors_over_pic_boundaries_flag
        for _ in 0..4 {
            bits.ue()?; // max_bytes_per_pic_denom to log2_max_mv_length_vertical
        }
        let reorder = at_most(bits.ue()?, 16)?;
        bits.ue()?; // max_dec_frame_buffering
        info.max_num_reorder_frames = Some(reorder);
    }
    Some(())
}

/// H.264 E.1.2
fn skip_hrd(bits: &mut Bits<'_>) -> Option<()> {
    let count = at_most(bits.ue()?, 31)?;
    bits.u(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        bits.ue()?; // bit_rate_value_minus1
        bits.ue()?; // cpb_size_value_minus1
        bits.bit()?; // cbr_flag
    }
    bits.u(20)?; // four lengths of 5 bits
    Some(())
}
