//! What cameras do with H.264 that RFC 6184 does not say. A test per quirk, named after it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod support;

use std::time::Duration;

use rtsp::h264::{DropReason, Kind, ParameterSets};
use support::h264::*;

#[test]
fn an_ordinary_stream_comes_out_as_it_went_in() {
    let idr = slice(IDR, 0, 5000, 1);
    let delta = slice(REFERENCE, 0, 900, 2);
    let disposable = slice(DISPOSABLE, 0, 300, 3);
    let mut track = Track::new();
    track.part(0, &stap_a(&[SPS_360, PPS]));
    for fragment in &fu_a(&idr, 4)[..3] {
        track.part(0, fragment);
    }
    track.last(0, &fu_a(&idr, 4)[3]);
    track.last(FRAME, &delta);
    track.last(2 * FRAME, &disposable);
    track.expect(&[&[&idr], &[&delta], &[&disposable]]);
    let kinds: Vec<Kind> = track.access_units().iter().map(|au| au.kind).collect();
    assert_eq!(kinds, [Kind::Idr, Kind::Reference, Kind::Disposable]);
    let first = track.access_units()[0];
    assert_eq!(first.bytes(), idr.len());
    let sets = first.parameter_sets.as_ref().unwrap();
    assert_eq!((&sets.sps[..], &sets.pps[..]), (&[SPS_360.to_vec()][..], &[PPS.to_vec()][..]));
    assert_eq!((sets.info.width, sets.info.height), (640, 360));
}

#[test]
fn an_access_unit_arrived_when_its_first_packet_did() {
    let mut track = Track::described();
    let idr = slice(IDR, 0, 100, 1);
    for fragment in &fu_a(&idr, 3)[..2] {
        track.part(0, fragment);
    }
    let second = track.now;
    track.wait(Duration::from_millis(30));
    track.last(0, &fu_a(&idr, 3)[2]);
    assert_eq!(track.access_units()[0].received_at, second - Duration::from_micros(100));
}

#[test]
fn slices_of_one_picture_stay_together() {
    let slices: Vec<Vec<u8>> = (0..4).map(|n| slice(IDR, n * 300, 50, n as u8)).collect();
    let mut track = Track::described();
    for unit in &slices[..3] {
        track.part(0, unit);
    }
    track.last(0, &slices[3]);
    track.expect(&[&[&slices[0], &slices[1], &slices[2], &slices[3]]]);
}

#[test]
fn b_slices_are_reported() {
    let mut track = Track::described();
    track.last(0, &slice(IDR, 0, 50, 1));
    track.last(FRAME, &typed_slice(DISPOSABLE, 0, 6, 0, 50, 2));
    let b: Vec<bool> = track.access_units().iter().map(|au| au.has_b_slices).collect();
    assert_eq!(b, [false, true]);
}

#[test]
fn revotech_start_codes_in_sprop_parameter_sets() {
    let sprop = "AAAAAWdCwB7ZAKAv+XARAAADAAEAAAMAMg8WLkg=,AAAAAWjLg8sg";
    let sets = ParameterSets::from_sprop(sprop).unwrap();
    assert_eq!(sets, sets_360());
}

#[test]
fn empty_or_broken_sprop_parameter_sets_are_none() {
    for value in ["", ",", "Z0", "%%%,!!!", "Z0LAHg==", "aMuDyyA=", "AAAAAQ==,AAAAAQ=="] {
        assert_eq!(ParameterSets::from_sprop(value), None, "{value}");
    }
}

#[test]
fn sprop_parameter_sets_may_lack_padding_and_have_spaces() {
    let padded = sets_360().to_sprop();
    let sloppy = padded.trim_end_matches('=').replace(',', " , ");
    assert_eq!(ParameterSets::from_sprop(&sloppy), Some(sets_360()));
}

#[test]
fn reolink_extra_bytes_after_the_sps_are_cut_off() {
    let long = [SPS_360, &[0x8a, 0x01, 0x77]].concat();
    let sets = ParameterSets::from_nals([&long[..], PPS]).unwrap();
    assert_eq!(sets, sets_360());
}

#[test]
fn hikvision_the_sps_in_the_stream_beats_the_sdp() {
    let mut track = Track::described();
    track.part(0, SPS_1080);
    track.part(0, PPS);
    track.last(0, &slice(IDR, 0, 50, 1));
    let info = track.access_units()[0].parameter_sets.as_ref().unwrap().info;
    assert_eq!(info.profile_level_id(), [0x64, 0x00, 0x28]);
    assert_eq!((info.width, info.height), (1920, 1080));
}

#[test]
fn tapo_tc70_markers_on_sps_and_pps_end_nothing() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    track.last(0, SPS_360);
    track.last(0, PPS);
    track.last(0, &idr);
    track.expect(&[&[&idr]]);
}

#[test]
fn reolink_duo_2_marker_on_the_sps_only_ends_nothing() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    track.last(0, SPS_360);
    track.part(0, PPS);
    track.last(0, &idr);
    track.expect(&[&[&idr]]);
}

#[test]
fn rtsp_server_and_ivel_markers_on_every_unit_of_the_idr() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    for unit in [SPS_360, PPS, SEI, &idr] {
        track.last(0, unit);
    }
    track.expect(&[&[&idr]]);
}

#[test]
fn amcrest_delimiters_and_sei_are_taken_out() {
    let idr = slice(IDR, 0, 500, 1);
    let delta = slice(REFERENCE, 0, 50, 2);
    let mut track = Track::new();
    for unit in [DELIMITER, SPS_360, PPS, SEI] {
        track.part(0, unit);
    }
    track.part(0, &fu_a(&idr, 2)[0]);
    track.last(0, &fu_a(&idr, 2)[1]);
    for unit in [DELIMITER, SEI] {
        track.part(FRAME, unit);
    }
    track.last(FRAME, &delta);
    track.expect(&[&[&idr], &[&delta]]);
}

#[test]
fn no_name_sps_pps_and_idr_in_one_payload_with_start_codes() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    track.last(0, &[SPS_360, START_CODE, PPS, START_CODE, &idr].concat());
    track.expect(&[&[&idr]]);
    assert_eq!(track.assembler.stats().repaired, 1);
}

#[test]
fn v380_payload_that_begins_with_a_start_code() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    let stream = [START_CODE, SPS_360, START_CODE, PPS, START_CODE, &idr, &[0, 0]].concat();
    track.last(0, &stream);
    track.expect(&[&[&idr]]);
}

#[test]
fn amatek_several_units_in_one_fragmented_one() {
    let idr = slice(IDR, 0, 500, 1);
    let stream = [SPS_360, START_CODE, PPS, START_CODE, SEI, START_CODE, &idr].concat();
    for parts in 2..stream.len() - 1 {
        let mut track = Track::new();
        let fragments = fu_a(&stream, parts);
        for fragment in &fragments[..fragments.len() - 1] {
            track.part(0, fragment);
        }
        track.last(0, &fragments[fragments.len() - 1]);
        track.expect(&[&[&idr]]);
    }
}

#[test]
fn a_fragmented_unit_that_is_a_header_and_then_a_byte_stream() {
    let idr = slice(IDR, 0, 500, 1);
    let stream = [&[0x65], START_CODE, SPS_360, START_CODE, PPS, START_CODE, &idr].concat();
    let mut track = Track::new();
    let fragments = fu_a(&stream, 2);
    track.part(0, &fragments[0]);
    track.last(0, &fragments[1]);
    track.expect(&[&[&idr]]);
}

#[test]
fn start_codes_inside_an_aggregate() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    let both = [SPS_360, START_CODE, PPS].concat();
    track.last(0, &stap_a(&[&both, &idr]));
    track.expect(&[&[&idr]]);
}

#[test]
fn costar_fragment_that_is_start_and_end() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::described();
    track.last(0, &[&[0x7c, 0xc5], &idr[1..]].concat());
    track.expect(&[&[&idr]]);
}

#[test]
fn tiandy_type_changes_inside_a_fragmented_unit() {
    let idr = slice(IDR, 0, 500, 1);
    let mut fragments = fu_a(&idr, 3);
    fragments[1][1] = fragments[1][1] & 0xe0 | 1;
    fragments[2][0] = 0x1c;
    let mut track = Track::described();
    track.part(0, &fragments[0]);
    track.part(0, &fragments[1]);
    track.last(0, &fragments[2]);
    track.expect(&[&[&idr]]);
}

#[test]
fn empty_fragments_are_passed_over() {
    let idr = slice(IDR, 0, 500, 1);
    let fragments = fu_a(&idr, 2);
    let mut track = Track::described();
    track.part(0, &[0x7c, 0x85]); // the start, with nothing in it
    track.part(0, &[0x7c, 0x05]);
    track.part(0, &[0x7c]);
    track.part(0, &[]);
    track.part(0, &[&[0x7c, 0x05], &fragments[0][2..]].concat());
    track.part(0, &[&[0x7c, 0x05], &fragments[1][2..]].concat());
    track.last(0, &[0x7c, 0x45]); // the end, likewise
    track.expect(&[&[&idr]]);
    assert!(track.assembler.stats().repaired >= 4);
}

#[test]
fn reserved_bit_of_fragments_is_ignored() {
    let idr = slice(IDR, 0, 500, 1);
    let mut track = Track::described();
    let mut fragments = fu_a(&idr, 2);
    fragments.iter_mut().for_each(|fragment| fragment[1] |= 0x20);
    track.part(0, &fragments[0]);
    track.last(0, &fragments[1]);
    track.expect(&[&[&idr]]);
}

#[test]
fn timestamp_that_changes_between_parameter_sets_and_slices() {
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    track.part(77, SPS_360);
    track.last(78, PPS);
    track.part(79, SEI);
    track.last(FRAME, &idr);
    track.expect(&[&[&idr]]);
    assert_eq!(track.access_units()[0].timestamp, FRAME);
}

#[test]
fn timestamp_that_counts_up_inside_a_picture() {
    let slices = [slice(IDR, 0, 500, 1), slice(IDR, 300, 500, 2)];
    let mut track = Track::described();
    track.part(10, &fu_a(&slices[0], 2)[0]);
    track.part(11, &fu_a(&slices[0], 2)[1]);
    track.part(12, &fu_a(&slices[1], 2)[0]);
    track.last(13, &fu_a(&slices[1], 2)[1]);
    track.expect(&[&[&slices[0], &slices[1]]]);
}

#[test]
fn tapo_jumbo_packets_are_units_like_others() {
    let idr = slice(IDR, 0, 60_000, 1);
    let mut track = Track::described();
    track.last(0, &idr);
    track.expect(&[&[&idr]]);
}

#[test]
fn eufy_profile_that_does_not_match_is_passed_on() {
    // Says Baseline without constraints; the rest of the SPS is what it is.
    let mut sps = SPS_360.to_vec();
    sps[2] = 0;
    let mut track = Track::new();
    track.last(0, &stap_a(&[&sps, PPS, &slice(IDR, 0, 50, 1)]));
    let sets = track.access_units()[0].parameter_sets.clone().unwrap();
    assert_eq!(sets.info.profile_level_id(), [0x42, 0, 0x1e]);
    assert_eq!(sets.sps, [sps]);
}

#[test]
fn flir_without_markers_ends_by_timestamp_then_by_timer() {
    let mut track = Track::described();
    let units: Vec<Vec<u8>> =
        (0..6).map(|n| slice(if n == 0 { IDR } else { REFERENCE }, 0, 500, n)).collect();
    for (n, unit) in (0u32..).zip(&units[..5]) {
        for fragment in fu_a(unit, 2) {
            track.part(n * FRAME, &fragment);
        }
        // One behind until it is clear that no marker will come.
        assert_eq!(track.access_units().len(), n.min(4) as usize);
        if n < 3 {
            assert_eq!(track.assembler.poll_timeout(), None);
        }
    }
    let due = track.assembler.poll_timeout().unwrap();
    assert!(due > track.now && due < track.now + Duration::from_millis(30));
    track.wait(due - track.now);
    assert_eq!(track.access_units().len(), 5);
    track.part(5 * FRAME, &units[5]);
    track.wait(Duration::from_millis(30));
    let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
    let expected: Vec<&[&[u8]]> = units.chunks(1).collect();
    track.expect(&expected);
}

#[test]
fn a_picture_without_marker_is_not_flushed_before_all_its_slices() {
    let mut track = Track::described();
    let slices = |n: u8| {
        let header = if n == 0 { IDR } else { REFERENCE };
        [slice(header, 0, 50, n), slice(header, 300, 50, n + 100)]
    };
    for n in 0..4 {
        for unit in slices(n) {
            track.part(u32::from(n) * FRAME, &unit);
        }
    }
    let [first, second] = slices(4);
    track.part(4 * FRAME, &first);
    track.wait(Duration::from_secs(1));
    assert_eq!(track.access_units().len(), 4);
    track.part(4 * FRAME, &second);
    track.wait(Duration::from_secs(1));
    assert_eq!(track.nals()[4], [first, second]);
    assert_eq!(track.drops(), []);
}

#[test]
fn a_timer_that_came_too_early_is_not_used_again() {
    let mut track = Track::described();
    track.part(0, &slice(IDR, 0, 50, 0));
    for n in 1..5 {
        track.part(n * FRAME, &slice(REFERENCE, 0, 50, n as u8));
    }
    track.wait(Duration::from_secs(1));
    track.part(4 * FRAME, &slice(REFERENCE, 300, 50, 9));
    track.part(5 * FRAME, &slice(IDR, 0, 50, 10));
    assert_eq!(track.drops(), [(DropReason::Incomplete, true)]);
    assert_eq!(track.assembler.poll_timeout(), None);
}

#[test]
fn markers_on_every_slice_are_learned_to_mean_nothing() {
    let mut track = Track::described();
    let picture = |n: u32| {
        let header = if n.is_multiple_of(2) { IDR } else { REFERENCE };
        [slice(header, 0, 50, n as u8), slice(header, 300, 50, n as u8 + 100)]
    };
    for n in 0..6 {
        for unit in picture(n) {
            track.last(n * FRAME, &unit);
        }
    }
    track.wait(Duration::from_secs(1));
    // The first picture came out as half of itself before anyone could know.
    assert_eq!(track.drops(), [(DropReason::Incomplete, true)]);
    let whole: Vec<Vec<Vec<u8>>> = (2..6).map(|n| picture(n).to_vec()).collect();
    assert_eq!(track.nals()[1..], whole);
}

#[test]
fn one_timestamp_for_everything_still_makes_pictures() {
    let mut track = Track::described();
    let units: Vec<Vec<u8>> =
        (0..4).map(|n| slice(if n == 0 { IDR } else { REFERENCE }, 0, 50, n)).collect();
    for unit in &units {
        track.part(0, unit);
    }
    track.part(0, DELIMITER);
    track.expect(&[&[&units[0]], &[&units[1]], &[&units[2]], &[&units[3]]]);
}

#[test]
fn fragments_although_the_packetization_mode_is_zero() {
    // The assembler is not told the mode: it takes what comes.
    let idr = slice(IDR, 0, 50, 1);
    let mut track = Track::new();
    track.part(0, &stap_a(&[SPS_360, PPS]));
    track.part(0, &fu_a(&idr, 2)[0]);
    track.last(0, &fu_a(&idr, 2)[1]);
    track.expect(&[&[&idr]]);
}

#[test]
fn two_fields_of_a_frame_stay_one_access_unit() {
    // SPS_360 is progressive; this one is 720x576 in fields.
    let sps: &[u8] = &[0x67, 0x4d, 0x40, 0x1e, 0xf4, 0x05, 0xa1, 0x22, 0x40];
    let sets = ParameterSets::from_nals([sps, PPS]).unwrap();
    assert!(sets.info.interlaced);
    assert_eq!((sets.info.width, sets.info.height), (720, 576));
    let mut track = Track::with(Some(sets));
    let (top, bottom) = (slice(IDR, 0, 50, 1), slice(REFERENCE, 0, 50, 2));
    track.part(0, &top);
    track.last(0, &bottom);
    track.expect(&[&[&top, &bottom]]);
}

#[test]
fn never_any_marker_and_one_timestamp_is_bounded() {
    let mut track = Track::described();
    track.part(0, &slice(IDR, 0, 50, 1));
    // A unit without end: 20 MB of fragments.
    track.part(0, &[&[0x7c, 0x81][..], &slice(REFERENCE, 0, 60_000, 1)[1..]].concat());
    for _ in 0..350 {
        track.part(0, &[&[0x7c, 0x01][..], &[0xaa; 60_000]].concat());
    }
    track.last(0, &[0x7c, 0x41, 1]);
    track.last(FRAME, &slice(IDR, 0, 50, 2));
    assert_eq!(track.drops(), [(DropReason::TooLarge, true)]);
    assert_eq!(track.access_units().len(), 2);
}
