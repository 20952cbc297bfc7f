//! What missing packets cost: never a picture that cannot be decoded, and nothing beyond that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod support;

use rtsp::h264::{DropReason, Kind};
use support::h264::*;

/// A described track that has had an IDR.
fn playing() -> Track {
    let mut track = Track::described();
    track.last(0, &slice(IDR, 0, 50, 1));
    track
}

fn timestamps(track: &Track) -> Vec<u32> {
    track.access_units().iter().map(|au| au.timestamp / FRAME).collect()
}

#[test]
fn a_stream_joined_between_idrs_begins_with_the_next_idr() {
    let mut track = Track::described();
    track.part(0, &fu_a(&slice(REFERENCE, 0, 50, 1), 3)[1]);
    track.last(0, &fu_a(&slice(REFERENCE, 0, 50, 1), 3)[2]);
    track.last(FRAME, &slice(REFERENCE, 0, 50, 2));
    track.last(2 * FRAME, &slice(IDR, 0, 50, 3));
    track.last(3 * FRAME, &slice(REFERENCE, 0, 50, 4));
    assert_eq!(timestamps(&track), [2, 3]);
    assert_eq!(track.drops().len(), 1);
    assert_eq!(track.assembler.stats().dropped, 2);
}

#[test]
fn an_idr_without_parameter_sets_is_dropped() {
    let mut track = Track::new();
    track.last(0, &slice(IDR, 0, 50, 1));
    track.last(FRAME, &stap_a(&[SPS_360, PPS]));
    track.last(FRAME, &slice(IDR, 0, 50, 2));
    assert_eq!(timestamps(&track), [1]);
    assert_eq!(track.drops(), [(DropReason::NoParameterSets, true)]);
}

#[test]
fn a_loss_inside_a_reference_picture_lasts_until_the_next_idr_and_is_said_once() {
    let mut track = playing();
    let fragments = fu_a(&slice(REFERENCE, 0, 500, 2), 4);
    track.part(FRAME, &fragments[0]);
    track.packet(FRAME, false, true, &fragments[2]);
    track.last(FRAME, &fragments[3]);
    track.last(2 * FRAME, &slice(REFERENCE, 0, 50, 3));
    track.packet(3 * FRAME, true, true, &slice(REFERENCE, 0, 50, 4));
    track.last(4 * FRAME, &slice(IDR, 0, 50, 5));
    assert_eq!(timestamps(&track), [0, 4]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
    assert_eq!(track.assembler.stats().dropped, 3);
}

#[test]
fn a_loss_between_pictures_may_have_been_a_whole_one() {
    let mut track = playing();
    track.packet(2 * FRAME, true, true, &slice(REFERENCE, 0, 50, 2));
    assert_eq!(timestamps(&track), [0]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}

#[test]
fn a_loss_that_takes_the_end_of_one_picture_and_the_start_of_the_next() {
    let mut track = playing();
    let [first, second] = [2, 3].map(|seed| fu_a(&slice(IDR, 0, 500, seed), 3));
    track.part(FRAME, &first[0]);
    track.packet(2 * FRAME, false, true, &second[1]);
    track.last(2 * FRAME, &second[2]);
    track.last(3 * FRAME, &slice(IDR, 0, 50, 4));
    assert_eq!(timestamps(&track), [0, 3]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}

#[test]
fn a_loss_inside_a_disposable_picture_costs_that_picture_only() {
    for cut in 1..4 {
        let mut track = playing();
        let fragments = fu_a(&slice(DISPOSABLE, 0, 500, 2), 5);
        for (n, fragment) in fragments.iter().enumerate().filter(|&(n, _)| n != cut) {
            track.packet(FRAME, n == 4, n == cut + 1, fragment);
        }
        track.last(2 * FRAME, &slice(REFERENCE, 0, 50, 3));
        assert_eq!(timestamps(&track), [0, 2], "without fragment {cut}");
        assert_eq!(track.drops(), [(DropReason::Loss, false)]);
    }
}

#[test]
fn a_lost_slice_of_a_disposable_picture_costs_that_picture_only() {
    let mut track = playing();
    track.part(FRAME, &slice(DISPOSABLE, 0, 50, 2));
    track.packet(FRAME, true, true, &slice(DISPOSABLE, 600, 50, 3));
    track.last(2 * FRAME, &slice(REFERENCE, 0, 50, 4));
    assert_eq!(timestamps(&track), [0, 2]);
    assert_eq!(track.drops(), [(DropReason::Loss, false)]);
}

#[test]
fn a_lost_start_or_end_of_a_disposable_picture_may_have_been_more() {
    for (cut, seen) in [(0, 1), (4, 2)] {
        let mut track = playing();
        let fragments = fu_a(&slice(DISPOSABLE, 0, 500, 2), 5);
        for (n, fragment) in fragments.iter().enumerate().filter(|&(n, _)| n != cut) {
            track.packet(FRAME, n == 4, cut == 0 && n == 1, fragment);
        }
        track.packet(2 * FRAME, true, cut == 4, &slice(REFERENCE, 0, 50, 3));
        assert_eq!(timestamps(&track), [0], "without fragment {cut}");
        assert_eq!(track.drops(), [(DropReason::Loss, true)]);
        assert_eq!(track.assembler.stats().dropped, 2, "{seen}");
    }
}

#[test]
fn equal_timestamps_prove_nothing_about_a_loss() {
    let mut track = playing();
    track.part(0, &slice(DISPOSABLE, 0, 50, 2));
    track.packet(0, true, true, &slice(DISPOSABLE, 600, 50, 3));
    track.last(0, &slice(REFERENCE, 0, 50, 4));
    assert_eq!(track.access_units().len(), 1);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}

#[test]
fn a_loss_right_before_an_intact_idr_costs_nothing() {
    let mut track = playing();
    track.packet(FRAME, true, true, &slice(IDR, 0, 50, 2));
    assert_eq!(timestamps(&track), [0, 1]);
    assert_eq!(track.drops(), []);
}

#[test]
fn an_idr_whose_own_parameter_sets_are_lost_is_not_trusted() {
    let mut track = Track::new();
    track.part(0, &stap_a(&[SPS_360, PPS]));
    track.last(0, &slice(IDR, 0, 50, 1));
    // Lost: SPS_720 and its PPS.
    track.packet(FRAME, true, true, &slice(IDR, 0, 50, 2));
    track.part(2 * FRAME, &stap_a(&[SPS_720, PPS]));
    track.last(2 * FRAME, &slice(IDR, 0, 50, 3));
    assert_eq!(timestamps(&track), [0, 2]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}

#[test]
fn an_idr_without_its_first_slice_is_dropped() {
    let mut track = playing();
    track.packet(FRAME, true, true, &slice(IDR, 300, 50, 2));
    assert_eq!(timestamps(&track), [0]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}

#[test]
fn fragments_that_stop_without_a_loss_are_incomplete() {
    for next in [slice(IDR, 0, 50, 3), fu_a(&slice(IDR, 0, 50, 3), 2)[0].clone()] {
        let mut track = playing();
        track.part(FRAME, &fu_a(&slice(REFERENCE, 0, 500, 2), 3)[0]);
        track.part(2 * FRAME, &next);
        assert_eq!(track.drops(), [(DropReason::Incomplete, true)]);
    }
}

#[test]
fn parameter_sets_that_change_between_idrs_wait_for_the_next() {
    let mut track = playing();
    track.part(FRAME, &stap_a(&[SPS_720, PPS]));
    track.last(FRAME, &slice(REFERENCE, 0, 50, 2));
    track.last(2 * FRAME, &slice(IDR, 0, 50, 3));
    track.last(3 * FRAME, &slice(REFERENCE, 0, 50, 4));
    assert_eq!(track.drops(), []);
    let widths: Vec<u32> = track
        .access_units()
        .iter()
        .map(|au| au.parameter_sets.as_ref().unwrap().info.width)
        .collect();
    assert_eq!(widths, [640, 640, 1280, 1280]);
}

#[test]
fn a_resolution_that_changes_with_every_idr_goes_with_its_idr() {
    let mut track = Track::new();
    for n in 0..6 {
        let sps = [SPS_360, SPS_720, SPS_1080][n as usize % 3];
        track.part(n * FRAME, &stap_a(&[sps, PPS]));
        track.last(n * FRAME, &slice(IDR, 0, 50, n as u8));
        let access_units = track.access_units();
        let sets = access_units.last().unwrap().parameter_sets.clone().unwrap();
        assert_eq!(sets.sps, [sps]);
    }
}

#[test]
fn unchanged_parameter_sets_are_shared_between_access_units() {
    let mut track = Track::new();
    for n in 0..3 {
        track.part(n * FRAME, &stap_a(&[SPS_360, PPS]));
        track.last(n * FRAME, &slice(IDR, 0, 50, n as u8));
    }
    let sets: Vec<_> =
        track.access_units().iter().map(|au| au.parameter_sets.clone().unwrap()).collect();
    assert!(std::sync::Arc::ptr_eq(&sets[0], &sets[2]));
}

#[test]
fn a_picture_with_an_unknown_pps_is_dropped() {
    let mut track = playing();
    track.last(FRAME, &typed_slice(REFERENCE, 0, 0, 3, 50, 2));
    assert_eq!(track.drops(), [(DropReason::NoParameterSets, true)]);
}

#[test]
fn a_new_source_starts_with_its_idr_and_the_old_parameter_sets() {
    let mut track = playing();
    track.part(FRAME, &slice(REFERENCE, 0, 50, 2));
    track.assembler.handle_discontinuity();
    track.last(90, &slice(REFERENCE, 0, 50, 3));
    track.last(91, &slice(IDR, 0, 50, 4));
    assert_eq!(track.drops(), [(DropReason::Discontinuity, true)]);
    let kinds: Vec<Kind> = track.access_units().iter().map(|au| au.kind).collect();
    assert_eq!(kinds, [Kind::Idr, Kind::Idr]);
}

#[test]
fn intra_pictures_that_are_no_idr_are_counted() {
    let mut track = Track::described();
    for n in 0..5 {
        track.last(n * FRAME, &typed_slice(REFERENCE, 0, 7, 0, 50, n as u8));
    }
    assert_eq!(track.access_units().len(), 0);
    assert_eq!(track.assembler.stats().intra_without_idr, 5);
}

#[test]
fn a_caller_that_does_not_poll_loses_whole_gops_not_memory() {
    let mut track = Track::described();
    for n in 0..1000 {
        let unit = slice(if n % 30 == 0 { IDR } else { REFERENCE }, 0, 50, n as u8);
        let packet = rtsp::h264::Packet {
            timestamp: n * FRAME,
            marker: true,
            lost_before: false,
            payload: &unit,
        };
        track.assembler.handle_packet(track.now, &packet);
    }
    track.wait(std::time::Duration::ZERO);
    assert_eq!(track.access_units().len(), rtsp::h264::limits::MAX_OUTPUTS);
    assert_eq!(track.drops(), [(DropReason::Overflow, true)]);
    track.last(1000 * FRAME, &slice(REFERENCE, 0, 50, 1));
    track.last(1001 * FRAME, &slice(IDR, 0, 50, 2));
    assert_eq!(track.drops().len(), 1);
    assert_eq!(timestamps(&track).last(), Some(&1001));
}

#[test]
fn parameter_sets_of_a_lost_idr_do_not_serve_the_next_one() {
    let mut track = Track::new();
    track.part(0, &stap_a(&[SPS_360, PPS]));
    track.last(0, &slice(IDR, 0, 50, 1));
    track.part(FRAME, &stap_a(&[SPS_720, PPS]));
    // Lost: the slices of that IDR, and SPS_1080 of the next.
    track.packet(2 * FRAME, true, true, &slice(IDR, 0, 50, 2));
    assert_eq!(timestamps(&track), [0]);
    assert_eq!(track.drops(), [(DropReason::Loss, true)]);
}
