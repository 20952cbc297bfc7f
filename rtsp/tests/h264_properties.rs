//! What holds for every stream, packet and loss.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod support;

use std::sync::Arc;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use rtsp::h264::{AccessUnit, Assembler, Kind, Output, Packet, ParameterSets, packetize};
use rtsp::payloads::Memory;
use support::h264::*;

/// A stream of whole access units, beginning with an IDR.
fn stream(pictures: Vec<(u8, Vec<usize>, usize)>) -> Vec<AccessUnit> {
    let now = Instant::now();
    let mut sets: Option<Arc<ParameterSets>> = None;
    let mut access_units = Vec::new();
    for (n, (kind, slices, sps)) in pictures.into_iter().enumerate() {
        let header = match kind {
            _ if n == 0 => IDR,
            0..2 => IDR,
            2..7 => REFERENCE,
            _ => DISPOSABLE,
        };
        let slices: Vec<Vec<u8>> = (0u32..)
            .zip(slices)
            .map(|(index, bytes)| slice(header, index * 100, bytes, n as u8))
            .collect();
        let mut units: Vec<&[u8]> = Vec::new();
        if header == IDR {
            units.extend([[SPS_360, SPS_720, SPS_1080][sps], PPS]);
        }
        units.extend(slices.iter().map(Vec::as_slice));
        let timestamp = (n as u32 + 1).wrapping_mul(FRAME).wrapping_sub(5 * FRAME);
        let au = AccessUnit::from_nals(timestamp, now, units, sets.as_ref()).unwrap();
        sets = au.parameter_sets.clone();
        access_units.push(au);
    }
    access_units
}

fn any_stream(max_bytes: usize) -> impl Strategy<Value = Vec<AccessUnit>> {
    let slices = vec(0..max_bytes, 1..4);
    vec((0u8..10, slices, 0usize..3), 1..12).prop_map(stream)
}

fn outputs(assembler: &mut Assembler) -> impl Iterator<Item = Output> {
    std::iter::from_fn(|| assembler.poll_output())
}

fn same(left: &AccessUnit, right: &AccessUnit) -> bool {
    left.timestamp == right.timestamp
        && left.kind == right.kind
        && left.parameter_sets == right.parameter_sets
        && left.nals().eq(right.nals())
}

/// What the engine relies on, whatever the camera sends.
#[derive(Default)]
struct Rules {
    joined: bool,
}

impl Rules {
    fn check(&mut self, output: &Output) {
        match output {
            Output::Dropped { breaks_prediction: true, .. } => self.joined = false,
            Output::Dropped { breaks_prediction: false, .. } => assert!(self.joined),
            Output::AccessUnit(au) => {
                self.joined |= au.kind == Kind::Idr;
                assert!(self.joined, "a delta before an IDR");
                let sets = au.parameter_sets.as_ref().expect("parameter sets in force");
                assert!(!sets.sps.is_empty() && !sets.pps.is_empty());
                assert!(au.nals().count() > 0);
                for unit in au.nals() {
                    assert!(matches!(unit[0] & 0x9f, 1 | 5), "only slices");
                    assert!(!unit.windows(3).any(|bytes| bytes == [0, 0, 1]));
                    assert_ne!(unit.last(), Some(&0));
                }
            }
        }
    }
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let slices = (prop_oneof![Just(IDR), Just(REFERENCE), Just(DISPOSABLE)], 0u32..3, 0usize..40);
    let unit = prop_oneof![
        slices.prop_map(|(header, first_mb, bytes)| slice(header, first_mb, bytes, 7)),
        Just(SPS_360.to_vec()),
        Just(SPS_720.to_vec()),
        Just(PPS.to_vec()),
        Just(SEI.to_vec()),
        Just(DELIMITER.to_vec()),
        vec(any::<u8>(), 0..20),
    ];
    let units = vec(unit, 1..4);
    let packed = (units, 0u8..4, 1usize..4).prop_map(|(units, form, part)| match form {
        0 => units[0].clone(),
        1 => stap_a(&units.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        2 => units.join(START_CODE),
        _ if units[0].len() < 4 => units[0].clone(),
        _ => {
            let fragments = fu_a(&units[0], 3);
            fragments[part % fragments.len()].clone()
        }
    });
    let header = (24u8..32, vec(any::<u8>(), 0..12));
    prop_oneof![
        6 => packed,
        1 => vec(any::<u8>(), 0..60),
        1 => header.prop_map(|(kind, rest)| [&[kind | 0x60][..], &rest].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn packetized_access_units_come_back_equal(
        stream in any_stream(4000),
        max_payload in prop_oneof![0usize..40, 100usize..1500, 60_000usize..200_000],
    ) {
        let mut assembler = Assembler::new(None);
        let mut returned = Vec::new();
        for au in &stream {
            let payloads = packetize(au, max_payload, &mut Memory::default());
            for (n, payload) in payloads.iter().enumerate() {
                prop_assert!(payload.len() <= max_payload.max(3));
                let marker = n + 1 == payloads.len();
                let packet =
                    Packet { timestamp: au.timestamp, marker, lost_before: false, payload };
                assembler.handle_packet(Instant::now(), &packet);
            }
            returned.extend(outputs(&mut assembler));
        }
        prop_assert_eq!(returned.len(), stream.len());
        for (returned, sent) in returned.iter().zip(&stream) {
            let Output::AccessUnit(au) = returned else { panic!("{returned:?}") };
            prop_assert!(same(au, sent));
        }
        prop_assert_eq!(assembler.stats().repaired, 0);
    }

    #[test]
    fn fragments_have_equal_sizes_except_the_last(bytes in 3usize..9000, max in 3usize..1500) {
        let units = [SPS_360, PPS, &slice(IDR, 0, bytes, 1)];
        let au = AccessUnit::from_nals(0, Instant::now(), units, None).unwrap();
        let payloads = packetize(&au, max, &mut Memory::default());
        let is_slice_fragment = |payload: &&[u8]| payload[0] == 0x7c && payload[1] & 31 == 5;
        let fragments: Vec<usize> =
            payloads.iter().filter(is_slice_fragment).map(|payload| payload.len()).collect();
        if let Some((last, others)) = fragments.split_last() {
            prop_assert!(others.iter().all(|&size| size == others[0]));
            prop_assert!(!others.is_empty() && *last <= others[0]);
        }
    }

    #[test]
    fn loss_never_yields_a_picture_that_cannot_be_decoded(
        stream in any_stream(300),
        max_payload in 40usize..200,
        lost in vec(prop::bool::weighted(0.08), 500),
    ) {
        let mut assembler = Assembler::new(None);
        let mut lost = lost.iter().copied().chain(std::iter::repeat(false));
        let mut lost_before = false;
        let mut rules = Rules::default();
        let mut arrived = Vec::new();
        let mut log = String::new();
        for au in &stream {
            let payloads = packetize(au, max_payload, &mut Memory::default());
            for (n, payload) in payloads.iter().enumerate() {
                let gone = lost.next() == Some(true);
                log += &format!("{} {:02x?} gone {gone}\n", au.timestamp / FRAME, &payload[..2]);
                if gone {
                    lost_before = true;
                    continue;
                }
                let marker = n + 1 == payloads.len();
                let packet = Packet { timestamp: au.timestamp, marker, lost_before, payload };
                assembler.handle_packet(Instant::now(), &packet);
                lost_before = false;
            }
            for output in outputs(&mut assembler) {
                rules.check(&output);
                if let Output::AccessUnit(au) = output {
                    let index = stream.iter().position(|sent| same(sent, &au));
                    prop_assert!(index.is_some(), "not what was sent: {:?}\n{}", au, log);
                    arrived.extend(index);
                }
            }
        }
        prop_assert!(arrived.is_sorted());
        // A decoder that got all that arrived has every reference of each picture.
        for &index in &arrived {
            let idr = (0..=index).rev().find(|&at| stream[at].kind == Kind::Idr).unwrap();
            for (at, au) in stream.iter().enumerate().take(index).skip(idr) {
                let needed = au.kind != Kind::Disposable;
                prop_assert!(!needed || arrived.contains(&at), "{index} needs {at}\n{log}");
            }
        }
    }

    #[test]
    fn any_packets_at_all_keep_the_rules(
        packets in vec((0u32..4, any::<bool>(), prop::bool::weighted(0.1), any_payload()), 0..60),
        timers in vec(prop::bool::weighted(0.2), 60),
    ) {
        let mut track = Track::new();
        let mut rules = Rules::default();
        for ((timestamp, marker, lost_before, payload), timer) in packets.into_iter().zip(timers) {
            track.packet(timestamp, marker, lost_before, &payload);
            if timer {
                track.wait(std::time::Duration::from_millis(30));
            }
        }
        track.assembler.handle_discontinuity();
        track.wait(std::time::Duration::ZERO);
        track.outputs.iter().for_each(|output| rules.check(output));
    }

    #[test]
    fn any_bytes_are_parameter_sets_or_not(bytes in vec(any::<u8>(), 0..80), at in 0usize..30) {
        let mut sps = SPS_1080.to_vec();
        sps.splice(at.min(sps.len()).., bytes);
        if let Some(sets) = ParameterSets::from_nals([&sps[..], PPS]) {
            prop_assert!((1..=16_880).contains(&sets.info.width));
            prop_assert!((1..=33_760).contains(&sets.info.height));
            prop_assert_eq!(ParameterSets::from_sprop(&sets.to_sprop()), Some(sets));
        }
    }
}
