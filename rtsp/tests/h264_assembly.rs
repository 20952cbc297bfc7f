//! Packets to access units: where one ends, and what is in it.
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
fn b_slices_are_not_reordered_where_the_stream_rules_that_out() {
    // Of Main, in which there may be B slices; its order of output is that of decoding.
    let mut sps = SPS_360.to_vec();
    sps[1] = 77;
    let sets = ParameterSets::from_nals([&sps[..], PPS]).unwrap();
    assert_eq!(sets.info.max_num_reorder_frames, Some(0));
    let mut track = Track::with(Some(sets));
    track.last(0, &slice(IDR, 0, 50, 1));
    track.last(FRAME, &typed_slice(REFERENCE, 0, 6, 0, 50, 2));
    assert!(track.access_units().iter().all(|au| !au.is_reordered));
}

#[test]
fn b_slices_are_reported() {
    let mut track = Track::described();
    track.last(0, &slice(IDR, 0, 50, 1));
    track.last(FRAME, &typed_slice(DISPOSABLE, 0, 6, 0, 50, 2));
    let b: Vec<bool> = track.access_units().iter().map(|au| au.is_reordered).collect();
    assert_eq!(b, [false, true]);
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
    assert_eq!(track.assembler.stats().repaired, 1);
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
