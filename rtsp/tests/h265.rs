//! H.265: what is the same for every codec is tested with H.264.
#![cfg(feature = "h265")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

#[path = "camera/h265.rs"]
mod writer;

use std::sync::Arc;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use rtsp::h265::Assembler;
use rtsp::payloads::Memory;
use rtsp::video::{
    AccessUnit, Codec, DropReason, Kind, Output, Packet, ParameterSets, annex_b, packetize,
};
use writer::*;

/// Three seconds of x265: 320x184, 10 fps, two slices, one IDR and two CRA pictures.
const CLIP: &[u8] = include_bytes!("data/testsrc.h265");

fn unit_type(unit: &[u8]) -> u8 {
    unit[0] >> 1 & 0x3f
}

fn sets() -> ParameterSets {
    ParameterSets::from_h265_nals([VPS, SPS, PPS]).unwrap()
}

struct Track {
    assembler: Assembler,
    outputs: Vec<Output>,
}

impl Track {
    fn new(sets: Option<ParameterSets>) -> Self {
        Self { assembler: Assembler::new(sets), outputs: Vec::new() }
    }

    fn described() -> Self {
        Self::new(Some(sets()))
    }

    fn packet(&mut self, timestamp: u32, marker: bool, lost_before: bool, payload: &[u8]) {
        let packet = Packet { timestamp, marker, lost_before, payload };
        self.assembler.handle_packet(Instant::now(), &packet);
        self.outputs.extend(std::iter::from_fn(|| self.assembler.poll_output()));
    }

    fn part(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, false, false, payload);
    }

    fn last(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, true, false, payload);
    }

    fn access_units(&self) -> Vec<&AccessUnit> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::AccessUnit(unit) => Some(unit),
                Output::Dropped { .. } => None,
            })
            .collect()
    }

    fn timestamps(&self) -> Vec<u32> {
        self.access_units().iter().map(|au| au.timestamp / FRAME).collect()
    }

    fn drops(&self) -> Vec<(DropReason, bool)> {
        let dropped = |output: &Output| match output {
            Output::AccessUnit(_) => None,
            Output::Dropped { reason, breaks_prediction } => Some((*reason, *breaks_prediction)),
        };
        self.outputs.iter().filter_map(dropped).collect()
    }

    fn slices(&self) -> Vec<Vec<Vec<u8>>> {
        self.access_units().iter().map(|au| au.nals().map(<[u8]>::to_vec).collect()).collect()
    }
}

/// The clip's slices, picture by picture.
fn clip() -> Vec<Vec<&'static [u8]>> {
    let mut pictures: Vec<Vec<&[u8]>> = Vec::new();
    for unit in annex_b(CLIP).filter(|unit| unit_type(unit) < 32) {
        if unit[2] & 0x80 != 0 {
            pictures.push(Vec::new());
        }
        pictures.last_mut().unwrap().push(unit);
    }
    pictures
}

/// The clip as a camera sends it, each unit alone.
fn send_clip(track: &mut Track) {
    let mut picture = 0;
    let units: Vec<&[u8]> = annex_b(CLIP).collect();
    for (n, unit) in units.iter().enumerate() {
        let next = units.get(n + 1);
        let marker = next.is_none_or(|next| unit_type(next) >= 32 || next[2] & 0x80 != 0);
        track.packet(picture * FRAME, marker && unit_type(unit) < 32, false, unit);
        picture += u32::from(marker && unit_type(unit) < 32);
    }
}

#[test]
fn a_clip_of_x265_comes_out_whole() {
    let mut track = Track::new(None);
    send_clip(&mut track);
    assert_eq!(track.drops(), []);
    assert_eq!(track.slices(), clip());
    let kinds: Vec<usize> =
        (0..30).filter(|&n| track.access_units()[n].kind == Kind::Idr).collect();
    assert_eq!(kinds, [0, 10, 20]);
    let first = track.access_units()[0];
    assert_eq!(first.codec, Codec::H265);
    let info = first.parameter_sets.as_ref().unwrap().info;
    assert_eq!((info.width, info.height), (320, 184));
    assert_eq!((info.profile_idc, info.high_tier, info.level_idc), (1, false, 60));
    assert_eq!(info.max_num_reorder_frames, Some(0));
}

#[test]
fn an_idr_leads_with_its_parameter_sets_in_one_aggregate() {
    let mut track = Track::new(None);
    send_clip(&mut track);
    for au in track.access_units() {
        let payloads = packetize(au, 1000, &mut Memory::default());
        assert!(payloads.iter().all(|payload| payload.len() <= 1000));
        let is_key = au.kind == Kind::Idr;
        assert_eq!(payloads.first() == Some(&ap(&[VPS, SPS, PPS])[..]), is_key);
    }
}

#[test]
fn fragments_and_aggregates_are_put_together() {
    let mut track = Track::new(None);
    let idr = slice(IDR, 900, 1);
    track.part(0, &ap(&[DELIMITER, VPS, SPS, PPS, SEI]));
    for fragment in fu(&idr, 4) {
        track.part(0, &fragment);
    }
    let second = next_segment(IDR, 20, 2);
    track.last(0, &second);
    let pair = [slice(TRAIL_R, 20, 3), next_segment(TRAIL_R, 20, 4)];
    track.last(FRAME, &ap(&[&pair[0], &pair[1]]));
    assert_eq!(track.drops(), []);
    assert_eq!(track.slices(), [vec![idr, second], pair.to_vec()]);
}

#[test]
fn a_picture_ends_where_the_next_begins_whatever_markers_say() {
    let mut track = Track::described();
    for n in 0..5u32 {
        let kind = if n == 0 { IDR } else { TRAIL_R };
        track.part(n * FRAME, &slice(kind, 50, n as u8));
        track.last(n * FRAME, &next_segment(kind, 50, n as u8));
    }
    assert_eq!(track.timestamps(), [0, 1, 2, 3, 4]);
    let mut marked = Track::described();
    for n in 0..5u32 {
        let kind = if n < 2 { IDR } else { TRAIL_R };
        marked.last(n * FRAME, &slice(kind, 50, n as u8));
        marked.last(n * FRAME, &next_segment(kind, 50, n as u8));
    }
    // The first one is cut short: what markers are worth here is learned from it.
    assert_eq!(marked.timestamps(), [0, 1, 2, 3]);
    assert!(marked.access_units().iter().skip(1).all(|au| au.nals().count() == 2));
}

#[test]
fn start_codes_in_payloads_and_fragments_are_taken_out() {
    let idr = slice(IDR, 90, 1);
    let stream: Vec<u8> =
        [VPS, SPS, PPS, &idr].iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
    let mut track = Track::new(None);
    track.last(0, &stream);
    // As one unit in fragments: its first header is that of the VPS.
    for fragment in fu(&stream[4..], 3) {
        track.part(FRAME, &fragment);
    }
    track.last(2 * FRAME, &slice(TRAIL_R, 9, 2));
    assert_eq!(track.slices()[..2], [vec![idr.clone()], vec![idr]]);
    assert!(track.assembler.stats().repaired >= 2);
}

#[test]
fn fragments_that_leave_the_sub_layer_out_are_of_the_lowest() {
    let idr = slice(IDR, 90, 1);
    let mut track = Track::described();
    let fragments = fu(&idr, 2).into_iter().map(|mut fragment| {
        fragment[1] = 0;
        fragment
    });
    fragments.for_each(|fragment| track.part(0, &fragment));
    track.last(FRAME, &slice(TRAIL_R, 9, 2));
    assert_eq!(track.slices()[0], [idr]);
    assert_eq!(track.assembler.stats().repaired, 2);
}

#[test]
fn incomplete_parameter_sets_make_no_picture() {
    for missing in [VPS, SPS, PPS] {
        let mut track = Track::new(None);
        let present = [VPS, SPS, PPS].into_iter().filter(|unit| *unit != missing);
        track.part(0, &ap(&present.collect::<Vec<_>>()));
        track.last(0, &slice(IDR, 50, 1));
        assert_eq!(track.drops(), [(DropReason::NoParameterSets, true)]);
        // What the description has helps.
        let mut track = Track::described();
        track.last(0, &slice(IDR, 50, 1));
        assert_eq!(track.timestamps(), [0]);
    }
}

#[test]
fn decoding_begins_at_a_cra_whose_leading_pictures_nothing_needs() {
    let mut track = Track::described();
    track.last(0, &slice(TRAIL_R, 50, 1));
    track.last(FRAME, &slice(CRA, 50, 2));
    track.last(2 * FRAME, &b_slice(RASL_R, 50, 3));
    track.last(3 * FRAME, &slice(TRAIL_R, 50, 4));
    assert_eq!(track.timestamps(), [1, 2, 3]);
    let units = track.access_units();
    assert_eq!(
        units.iter().map(|au| au.kind).collect::<Vec<_>>(),
        [Kind::Idr, Kind::Disposable, Kind::Reference]
    );
    assert!(units[1].is_reordered && !units[2].is_reordered);
}

/// The SPS of the clip with other sub-layers and reordering, rewritten bit by bit.
fn sps(highest_temporal_id: u8, reorder: u8) -> Vec<u8> {
    let ue = |value: u32| {
        let code = format!("{:b}", value + 1);
        format!("{}{code}", "0".repeat(code.len() - 1))
    };
    let mut bits = format!("0000{highest_temporal_id:03b}1");
    bits += &format!("00000001{:032b}{:048b}{:08b}", 0x6000_0000u32, 0x9000_0000_0000u64, 93);
    if highest_temporal_id > 0 {
        bits += &"00".repeat(8);
    }
    for value in [0, 1, 640, 360] {
        bits += &ue(value);
    }
    bits += "0";
    for value in [0, 0, 4] {
        bits += &ue(value);
    }
    bits += "0";
    for value in [4, u32::from(reorder), 0] {
        bits += &ue(value);
    }
    bits += "1";
    bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
    let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
    let mut unit = vec![0x42, 1];
    let mut zeros = 0;
    for byte in (0..bits.len()).step_by(8).map(byte) {
        if zeros == 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        unit.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    unit
}

#[test]
fn b_slices_are_reordered_only_where_the_stream_may_be() {
    for (reorder, expected) in [(0, false), (2, true)] {
        let sets = ParameterSets::from_h265_nals([VPS, &sps(0, reorder), PPS]);
        assert_eq!(sets.as_ref().unwrap().info.max_num_reorder_frames, Some(reorder));
        let mut track = Track::new(sets);
        track.last(0, &slice(IDR, 50, 1));
        track.last(FRAME, &b_slice(TRAIL_N, 50, 2));
        track.last(2 * FRAME, &b_slice(TRAIL_R, 50, 3));
        let reordered: Vec<bool> = track.access_units().iter().map(|au| au.is_reordered).collect();
        assert_eq!(reordered, [false, expected, expected]);
        let kinds: Vec<Kind> = track.access_units().iter().map(|au| au.kind).collect();
        assert_eq!(kinds, [Kind::Idr, Kind::Disposable, Kind::Reference]);
    }
}

#[test]
fn a_sub_layer_non_reference_picture_below_the_highest_sub_layer_is_needed() {
    let mut track = Track::new(ParameterSets::from_h265_nals([VPS, &sps(1, 0), PPS]));
    track.last(0, &slice(IDR, 50, 1));
    track.last(FRAME, &slice(TRAIL_N, 50, 2));
    let mut highest = slice(TRAIL_N, 50, 3);
    highest[1] = 2;
    track.last(2 * FRAME, &highest);
    let kinds: Vec<Kind> = track.access_units().iter().map(|au| au.kind).collect();
    assert_eq!(kinds, [Kind::Idr, Kind::Reference, Kind::Disposable]);
}

#[test]
fn a_loss_costs_one_disposable_picture_or_everything_up_to_the_next_irap() {
    for (kind, timestamps, breaks) in [(TRAIL_N, &[0, 2, 3][..], false), (TRAIL_R, &[0, 3], true)] {
        let mut track = Track::described();
        track.last(0, &slice(IDR, 50, 1));
        let fragments = fu(&slice(kind, 500, 2), 3);
        track.part(FRAME, &fragments[0]);
        track.packet(FRAME, true, true, &fragments[2]);
        track.last(2 * FRAME, &slice(TRAIL_R, 50, 3));
        track.last(3 * FRAME, &slice(CRA, 50, 4));
        assert_eq!(track.timestamps(), timestamps);
        assert_eq!(track.drops(), [(DropReason::Loss, breaks)]);
    }
}

#[test]
fn bad_payloads_are_dropped_with_a_reason() {
    use DropReason::{Incomplete, Malformed, Unsupported};
    for (payload, reason) in [
        (&[0xa6, 1, 0x80][..], Malformed),  // forbidden bit
        (&[100, 1, 0, 0, 0], Unsupported),  // PACI
        (&[96, 1, 0, 9, 1], Malformed),     // aggregate that ends too early
        (&[98, 1, 0x13, 1, 2], Incomplete), // fragment without its start
        (&[2, 1, 0x01], Malformed),         // slice that ends in its header
        (&[2, 0, 0xd0, 0x80], Malformed),   // no sub-layer
    ] {
        let mut track = Track::described();
        track.last(0, &slice(IDR, 50, 1));
        track.last(FRAME, payload);
        track.last(2 * FRAME, &slice(TRAIL_R, 50, 2));
        assert_eq!(track.drops(), [(reason, true)], "{payload:x?}");
        assert_eq!(track.timestamps(), [0]);
    }
    // Harmless: empty, too short, reserved types, other layers.
    for payload in [&[][..], &[2], &[126, 1, 1], &[98, 1], &[2, 9, 0xd0, 0x80], &[0x14, 1, 0xd0]] {
        let mut track = Track::described();
        track.last(0, &slice(IDR, 50, 1));
        track.part(FRAME, payload);
        track.last(FRAME, &slice(TRAIL_R, 50, 2));
        assert_eq!(track.timestamps(), [0, 1], "{payload:x?}");
    }
}

#[test]
fn parameter_sets_go_through_sdp() {
    let sets = sets();
    let parameters = sets.to_h265_parameters();
    let sprop = parameters[4..].iter().map(|(_, value)| value.as_str());
    assert_eq!(ParameterSets::from_h265_sprop(sprop.clone()), Some(sets.clone()));
    // Some cameras mix them up, or leave one out.
    assert_eq!(ParameterSets::from_h265_sprop(sprop.clone().rev()), Some(sets));
    assert_eq!(ParameterSets::from_h265_sprop(sprop.skip(1)), None);
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let types = prop_oneof![Just(IDR), Just(CRA), Just(TRAIL_N), Just(TRAIL_R), Just(RASL_R)];
    let unit = prop_oneof![
        (types.clone(), 0usize..40).prop_map(|(kind, bytes)| slice(kind, bytes, 7)),
        (types, 0usize..40).prop_map(|(kind, bytes)| next_segment(kind, bytes, 7)),
        prop_oneof![Just(VPS), Just(SPS), Just(PPS), Just(SEI), Just(DELIMITER)]
            .prop_map(<[u8]>::to_vec),
        vec(any::<u8>(), 0..20),
    ];
    let packed = (vec(unit, 1..4), 0u8..4, 1usize..4).prop_map(|(units, form, part)| match form {
        0 => units[0].clone(),
        1 => ap(&units.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        2 => units.join(&[0, 0, 0, 1][..]),
        _ if units[0].len() < 5 => units[0].clone(),
        _ => {
            let fragments = fu(&units[0], 3);
            fragments[part % fragments.len()].clone()
        }
    });
    prop_oneof![6 => packed, 1 => vec(any::<u8>(), 0..60)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn packetized_access_units_come_back_equal(
        pictures in vec((any::<bool>(), vec(1usize..4000, 1..4)), 1..10),
        max_payload in prop_oneof![0usize..40, 100usize..1500, 60_000usize..200_000],
    ) {
        let sets = Some(Arc::new(sets()));
        let mut track = Track::new(None);
        let mut sent = Vec::new();
        for (n, (is_key, sizes)) in (0u32..).zip(pictures) {
            let kind = if is_key || n == 0 { IDR } else { TRAIL_R };
            let segments: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(at, bytes)| {
                let make = if at == 0 { slice } else { next_segment };
                make(kind, *bytes, n as u8)
            }).collect();
            let nals = segments.iter().map(Vec::as_slice);
            let au = AccessUnit::from_h265_nals(n * FRAME, Instant::now(), nals, sets.as_ref());
            let payloads = packetize(&au.unwrap(), max_payload, &mut Memory::default());
            for (at, payload) in payloads.iter().enumerate() {
                prop_assert!(payload.len() <= max_payload.max(4));
                track.packet(n * FRAME, at + 1 == payloads.len(), false, payload);
            }
            sent.push(segments);
        }
        prop_assert_eq!(track.slices(), sent);
        prop_assert_eq!(track.assembler.stats().repaired, 0);
    }

    #[test]
    fn any_packets_at_all_keep_the_rules(
        packets in vec((0u32..4, any::<bool>(), prop::bool::weighted(0.1), any_payload()), 0..60),
    ) {
        let mut track = Track::new(None);
        for (timestamp, marker, lost_before, payload) in packets {
            track.packet(timestamp, marker, lost_before, &payload);
        }
        track.assembler.handle_discontinuity();
        let mut joined = false;
        for output in &track.outputs {
            match output {
                Output::Dropped { breaks_prediction: true, .. } => joined = false,
                Output::Dropped { .. } => prop_assert!(joined),
                Output::AccessUnit(au) => {
                    joined |= au.kind == Kind::Idr;
                    prop_assert!(joined, "a delta before an IRAP");
                    let sets = au.parameter_sets.as_ref().expect("parameter sets in force");
                    prop_assert!(!sets.vps.is_empty() && !sets.sps.is_empty());
                    for unit in au.nals() {
                        prop_assert!(unit.len() > 2 && unit_type(unit) < 22);
                        prop_assert!(!unit.windows(3).any(|bytes| bytes == [0, 0, 1]));
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_parameter_sets_or_not(bytes in vec(any::<u8>(), 0..80), at in 2usize..40) {
        let mut sps = SPS.to_vec();
        sps.splice(at.min(sps.len()).., bytes);
        if let Some(sets) = ParameterSets::from_h265_nals([VPS, &sps, PPS]) {
            prop_assert!((1..=16_888).contains(&sets.info.width));
            prop_assert!((1..=16_888).contains(&sets.info.height));
        }
    }
}
