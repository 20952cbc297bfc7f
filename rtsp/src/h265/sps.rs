//! The sequence parameter set (H.265 7.3.2.2.1), as far as it is needed: identifiers, profile,
//! picture size and reordering. The VUI is behind all that and not looked at.

use crate::video::{Bits, Sps, StreamInfo};

/// Luma samples of a side: level 6.2 allows 35 651 584 of a picture, a side the root of eight times
/// that (H.265 A.4.1).
const MAX_SIDE: u32 = 16_888;

/// Parses what follows the NAL unit's header. `None` if it ends too early or can't be.
pub(super) fn parse(payload: &[u8]) -> Option<Sps> {
    let mut bits = Bits::new(payload);
    let vps_id = u8::try_from(bits.u(4)?).ok();
    let highest_temporal_id = at_most(bits.u(3)?, 6)?;
    bits.bit()?; // sps_temporal_id_nesting_flag
    let profile = Profile::parse(&mut bits, highest_temporal_id)?;
    let id = at_most(bits.ue()?, 15)?;
    let (width, height) = size(&mut bits)?;
    at_most(bits.ue()?, 8)?; // bit_depth_luma_minus8
    at_most(bits.ue()?, 8)?; // bit_depth_chroma_minus8
    at_most(bits.ue()?, 12)?; // log2_max_pic_order_cnt_lsb_minus4
    let reorder = reorder(&mut bits, highest_temporal_id)?;
    let info = StreamInfo {
        profile_idc: profile.idc,
        constraint_flags: 0,
        level_idc: profile.level_idc,
        high_tier: profile.high_tier,
        width,
        height,
        interlaced: false,
        max_num_reorder_frames: Some(reorder),
        frames_per_1000_s: None,
        highest_temporal_id,
    };
    Some(Sps { id, vps_id, info, used_bytes: None })
}

fn at_most(value: u32, max: u8) -> Option<u8> {
    u8::try_from(value).ok().filter(|&value| value <= max)
}

/// Of all sub-layers together.
struct Profile {
    high_tier: bool,
    idc: u8,
    level_idc: u8,
}

impl Profile {
    /// profile_tier_level (H.265 7.3.3).
    fn parse(bits: &mut Bits<'_>, highest_temporal_id: u8) -> Option<Self> {
        bits.u(2)?; // general_profile_space
        let high_tier = bits.bit()?;
        let idc = u8::try_from(bits.u(5)?).ok()?;
        bits.u(32)?; // general_profile_compatibility_flag
        skip_constraints(bits)?;
        let level_idc = u8::try_from(bits.u(8)?).ok()?;
        let mut present = Vec::new();
        for _ in 0..highest_temporal_id {
            present.push((bits.bit()?, bits.bit()?));
        }
        if highest_temporal_id > 0 {
            bits.u(2 * (8 - highest_temporal_id))?; // reserved_zero_2bits
        }
        for (has_profile, has_level) in present {
            if has_profile {
                bits.u(8)?; // profile space, tier, profile
                bits.u(32)?; // compatibility flags
                skip_constraints(bits)?;
            }
            if has_level {
                bits.u(8)?;
            }
        }
        Some(Self { high_tier, idc, level_idc })
    }
}

/// 48 bits of source and constraint flags.
fn skip_constraints(bits: &mut Bits<'_>) -> Option<()> {
    bits.u(32)?;
    bits.u(16).map(|_| ())
}

/// Width and height after cropping.
fn size(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let chroma_format = at_most(bits.ue()?, 3)?;
    let separate_planes = chroma_format == 3 && bits.bit()?;
    let side = |samples: u32| (1..=MAX_SIDE).contains(&samples).then_some(samples);
    let (mut width, mut height) = (side(bits.ue()?)?, side(bits.ue()?)?);
    if bits.bit()? {
        // Units of chroma samples (H.265 table 6-1).
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 if !separate_planes => (2, 1),
            _ => (1, 1),
        };
        let columns = bits.ue()?.saturating_add(bits.ue()?).saturating_mul(unit_x);
        let rows = bits.ue()?.saturating_add(bits.ue()?).saturating_mul(unit_y);
        // Cropping away the whole picture is nonsense, the picture itself need not be.
        if columns < width && rows < height {
            width -= columns;
            height -= rows;
        }
    }
    Some((width, height))
}

/// `sps_max_num_reorder_pics` of all sub-layers together.
fn reorder(bits: &mut Bits<'_>, highest_temporal_id: u8) -> Option<u8> {
    let said = if bits.bit()? { highest_temporal_id + 1 } else { 1 };
    let mut reorder = 0;
    for _ in 0..said {
        bits.ue()?; // sps_max_dec_pic_buffering_minus1
        reorder = at_most(bits.ue()?, 15)?;
        bits.ue()?; // sps_max_latency_increase_plus1
    }
    Some(reorder)
}
