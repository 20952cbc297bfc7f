//! A film that no decoder would like but every parser takes: right parameter sets, right slice
//! headers, right sizes, and noise for macroblocks.

use serde::{Deserialize, Serialize};

use crate::stamp::{self, STAMP_AT, STAMP_BYTES};

/// How many times as large as another picture an IDR is, in the mean.
const IDR_WEIGHT: u64 = 8;
/// Most bytes of one picture.
const PICTURE_MAX_BYTES: usize = 8 * 1024 * 1024;
const LEVEL_4: u8 = 40;

/// What a camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub width: u32,
    pub height: u32,
    pub bits_per_second: u64,
    pub frames_per_second: u64,
    /// Frames from one IDR to the next.
    pub gop_frames: u64,
}

impl Profile {
    /// The targets' small camera: 1 Mbit/s, 30 frames a second, an IDR every 2 s.
    pub const SMALL: Self = Self {
        width: 640,
        height: 360,
        bits_per_second: 1_000_000,
        frames_per_second: 30,
        gop_frames: 60,
    };
    /// The targets' large camera.
    pub const LARGE: Self =
        Self { width: 1920, height: 1080, bits_per_second: 4_000_000, ..Self::SMALL };

    /// Seconds from one IDR to the next.
    pub fn gop_s(&self) -> f64 {
        self.gop_frames as f64 / self.frames_per_second as f64
    }

    /// Bytes of an ordinary picture in the mean, so that bitrate and weight of the IDR hold.
    fn delta_bytes(&self) -> u64 {
        let gop_bytes = self.bits_per_second * self.gop_frames / self.frames_per_second / 8;
        gop_bytes / (self.gop_frames - 1 + IDR_WEIGHT)
    }
}

/// An endless film.
pub struct Film {
    profile: Profile,
    sets: [Vec<u8>; 2],
    noise: Vec<u8>,
    random: u64,
    number: u64,
}

impl Film {
    /// A film whose sizes and bytes follow from `seed`, beginning with an IDR.
    pub fn new(profile: Profile, seed: u64) -> Self {
        // Any odd number but zero will do for xorshift.
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let longest = (profile.delta_bytes() * IDR_WEIGHT * 2) as usize;
        let noise = (0..longest.clamp(4_096, PICTURE_MAX_BYTES))
            .map(|_| (next(&mut random) >> 32) as u8)
            .map(|byte| if byte == 0 { 0xa5 } else { byte }) // zeros would need escaping
            .collect();
        Self { profile, sets: [sps(&profile), pps()], noise, random, number: 0 }
    }

    /// What it looks like.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// SPS and PPS.
    pub fn parameter_sets(&self) -> [&[u8]; 2] {
        [&self.sets[0], &self.sets[1]]
    }

    /// Lets pictures pass unseen, so that the next one has this running number.
    pub fn skip_to(&mut self, number: u64) {
        self.number = number;
    }

    /// The NAL units of the next picture, stamped.
    pub fn shoot(&mut self, stamp_ns: u64) -> Vec<Vec<u8>> {
        let is_idr = self.number.is_multiple_of(self.profile.gop_frames);
        self.number += 1;
        // Three quarters to five quarters of the mean.
        let mean = self.profile.delta_bytes() * if is_idr { IDR_WEIGHT } else { 1 };
        let bytes = mean * (768 + (next(&mut self.random) >> 32) % 512) / 1024;
        let bytes = (bytes as usize).clamp(STAMP_AT + STAMP_BYTES + 1, self.noise.len());
        let mut slice = self.noise[..bytes].to_vec();
        slice[..STAMP_AT].copy_from_slice(&slice_header(is_idr));
        stamp::write(&mut slice, stamp_ns);
        if !is_idr {
            return vec![slice];
        }
        vec![self.sets[0].clone(), self.sets[1].clone(), slice]
    }
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// NAL unit header and a whole slice's header, as far as anybody reads it (H.264 7.3.3).
fn slice_header(is_idr: bool) -> [u8; STAMP_AT] {
    let (nal_header, slice_type) = if is_idr { (0x65, 7) } else { (0x41, 5) };
    let mut bits = Bits::default();
    bits.ue(0); // first_mb_in_slice
    bits.ue(slice_type);
    bits.ue(0); // pic_parameter_set_id
    let mut bytes = bits.bytes;
    bytes.resize(STAMP_AT - 1, 0xff);
    [nal_header, bytes[0], bytes[1], bytes[2]]
}

/// Constrained Baseline (H.264 7.3.2.1.1): no B pictures, output in decoding order.
fn sps(profile: &Profile) -> Vec<u8> {
    let (columns, rows) = (profile.width.div_ceil(16), profile.height.div_ceil(16));
    let cropped_pairs = (rows * 16 - profile.height) / 2;
    let mut bits = Bits::default();
    bits.ue(0); // seq_parameter_set_id
    bits.ue(0); // log2_max_frame_num_minus4
    bits.ue(2); // pic_order_cnt_type
    bits.ue(1); // max_num_ref_frames
    bits.put(0, 1); // gaps_in_frame_num_value_allowed_flag
    bits.ue(columns - 1);
    bits.ue(rows - 1);
    bits.put(0b11, 2); // frame_mbs_only_flag, direct_8x8_inference_flag
    bits.put(u32::from(cropped_pairs > 0), 1);
    if cropped_pairs > 0 {
        for crop in [0, 0, 0, cropped_pairs] {
            bits.ue(crop);
        }
    }
    bits.put(0, 1); // vui_parameters_present_flag
    bits.put(1, 1); // rbsp_stop_one_bit
    [vec![0x67, 66, 0xc0, LEVEL_4], bits.bytes].concat()
}

/// One CAVLC picture parameter set (H.264 7.3.2.2).
fn pps() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0); // pic_parameter_set_id
    bits.ue(0); // seq_parameter_set_id
    bits.put(0, 2); // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    for _ in 0..3 {
        bits.ue(0); // num_slice_groups_minus1, num_ref_idx_l0 and l1_default_active_minus1
    }
    bits.put(0, 3); // weighted_pred_flag, weighted_bipred_idc
    for _ in 0..3 {
        bits.ue(0); // pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset
    }
    bits.put(0, 3);
    bits.put(1, 1); // rbsp_stop_one_bit
    [vec![0x68], bits.bytes].concat()
}

/// Writes bits, the first one into the highest place.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }

    /// Exponential Golomb code (H.264 9.1).
    fn ue(&mut self, value: u32) {
        let length = 32 - (value + 1).leading_zeros();
        self.put(0, length - 1);
        self.put(value + 1, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtsp::h264::ParameterSets;

    #[test]
    fn the_parameter_sets_say_the_size() {
        for profile in [Profile::SMALL, Profile::LARGE] {
            let film = Film::new(profile, 1);
            let sets = ParameterSets::from_nals(film.parameter_sets()).unwrap();
            assert_eq!((sets.info.width, sets.info.height), (profile.width, profile.height));
        }
    }

    #[test]
    fn bitrate_and_idr_ratio_hold() {
        for profile in [Profile::SMALL, Profile::LARGE] {
            let mut film = Film::new(profile, 7);
            let (mut idr, mut delta) = (0, 0);
            for _ in 0..profile.gop_frames * 100 {
                match &film.shoot(0)[..] {
                    [_, _, slice] => idr += slice.len(),
                    [slice] => delta += slice.len(),
                    nals => panic!("{} NAL units", nals.len()),
                }
            }
            let seconds = profile.gop_s() * 100.0;
            let rate = (idr + delta) as f64 * 8.0 / seconds / profile.bits_per_second as f64;
            assert!((0.97..1.03).contains(&rate), "{rate}");
            let ratio = idr as f64 / delta as f64 * (profile.gop_frames - 1) as f64;
            assert!((7.5..8.5).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn nothing_in_it_looks_like_a_start_code() {
        let mut film = Film::new(Profile::LARGE, 3);
        for number in 0..120 {
            for nal in film.shoot(number) {
                assert!(
                    !nal.windows(3).any(|bytes| bytes[0] == 0 && bytes[1] == 0 && bytes[2] < 4)
                );
            }
        }
    }
}
