//! Payloads nobody should send: no panic, no growth, the stream goes on with the next IDR.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod support;

use rtsp::h264::{
    AccessUnit, DropReason, ParameterSets, StreamInfo, annex_b, packetize, split_access_units,
};
use rtsp::payloads::Memory;
use support::h264::*;

/// Sends one odd payload in the middle of a stream; returns what was dropped.
fn amid(payload: &[u8]) -> Vec<(DropReason, bool)> {
    let mut track = Track::described();
    track.last(0, &slice(IDR, 0, 50, 1));
    track.part(FRAME, payload);
    track.last(FRAME, &slice(REFERENCE, 0, 50, 2));
    track.last(2 * FRAME, &slice(IDR, 0, 50, 3));
    let last = track.nals().pop().unwrap();
    assert_eq!(last, [slice(IDR, 0, 50, 3)]);
    assert_eq!(track.access_units().len(), if track.drops().is_empty() { 3 } else { 2 });
    track.drops()
}

#[test]
fn harmless_oddities_drop_nothing() {
    let aggregate_with_padding = [&stap_a(&[SEI])[..], &[0, 0, 0, 0, 0]].concat();
    let trailing_byte = [&stap_a(&[SEI])[..], &[9]].concat();
    let nested = stap_a(&[&stap_a(&[SEI])]);
    let many = stap_a(&vec![SEI; 1000]);
    for payload in [
        &[][..],
        &[0],
        &[0, 0, 0, 0],
        &[0x78],
        &[0x78, 0],
        &[0x78, 0, 0],
        &aggregate_with_padding,
        &trailing_byte,
        &nested,
        &many,
        &[30, 1, 2],
        &[31, 1, 2],
        &[0x65],
        &[12, 0xff, 0xff],
        &[7],
        &[8],
        &[7, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(amid(payload), [], "{payload:02x?}");
    }
}

#[test]
fn unusable_payloads_drop_until_the_next_idr() {
    use DropReason::{Incomplete, Malformed, Unsupported};
    for (payload, reason) in [
        (&[0x78, 0xff, 0xff, 1][..], Malformed),
        (&[0xe1, 0x80, 0x80], Malformed),
        (&[0xfc, 0x81, 0x80], Malformed),
        (&[0x41, 0x00, 0x40], Malformed),
        (&[0x59, 0, 0, 0, 1, 9], Unsupported),
        (&[0x5a, 0, 0, 0, 1, 9], Unsupported),
        (&[0x5d, 0x81, 0, 0, 1], Unsupported),
        (&[0x42, 0x80, 0x80], Unsupported),
        (&[0x5c, 0x01, 0x80], Incomplete),
        (&[0x5c, 0x81, 0x80], Incomplete),
    ] {
        assert_eq!(amid(payload), [(reason, true)], "{payload:02x?}");
    }
}

#[test]
fn too_many_slices_are_too_large() {
    let mut track = Track::described();
    track.last(0, &slice(IDR, 0, 50, 1));
    track.part(FRAME, &slice(REFERENCE, 0, 5, 2));
    for n in 1..2000 {
        track.part(FRAME, &slice(REFERENCE, n, 5, n as u8));
    }
    track.last(FRAME, &slice(REFERENCE, 2000, 5, 2));
    track.last(2 * FRAME, &slice(IDR, 0, 50, 3));
    assert_eq!(track.drops(), [(DropReason::TooLarge, true)]);
    assert_eq!(track.access_units().len(), 2);
}

#[test]
fn a_thousand_pictures_in_one_payload_are_bounded() {
    let idr = slice(IDR, 0, 2, 1);
    let units: Vec<&[u8]> = vec![&idr; 1000];
    let mut track = Track::described();
    track.last(0, &stap_a(&units));
    assert_eq!(track.access_units().len(), rtsp::h264::limits::MAX_OUTPUTS);
    assert_eq!(track.drops(), [(DropReason::Overflow, true)]);
}

#[test]
fn parameter_sets_of_sixty_kilobytes_are_sent_in_fragments() {
    let sps = [&SPS_360[..SPS_360.len() - 1], &[0x48 | 1], &[0x55; 60_000]].concat();
    let pps = [PPS, &[0x55; 60_000]].concat();
    let mut track = Track::new();
    track.part(0, &sps);
    track.part(0, &pps);
    track.last(0, &slice(IDR, 0, 50, 1));
    let au = track.access_units()[0].clone();
    let payloads = packetize(&au, 1200, &mut Memory::default());
    assert!(payloads.iter().all(|payload| payload.len() <= 1200));
    assert_eq!(payloads.len(), 51 + 51 + 1);

    let mut second = Track::new();
    for (n, payload) in payloads.iter().enumerate() {
        second.packet(0, n + 1 == payloads.len(), false, payload);
    }
    assert_eq!(second.access_units()[0].parameter_sets, au.parameter_sets);
}

#[test]
fn parameter_sets_of_all_identifiers_stay_within_their_cap() {
    let mut track = Track::new();
    for id in 0..256u32 {
        // A PPS is its id and its SPS's id; typed_slice writes three numbers alike.
        let pps = typed_slice(0x68, id, 0, 0, 60_000, id as u8);
        track.part(0, &pps);
    }
    track.part(0, SPS_360);
    track.last(0, &typed_slice(IDR, 0, 2, 0, 50, 1));
    let sets = track.access_units()[0].parameter_sets.clone().unwrap();
    let bytes: usize = sets.sps.iter().chain(&sets.pps).map(Vec::len).sum();
    assert!(bytes <= rtsp::h264::limits::MAX_PARAMETER_SETS_BYTES, "{bytes}");
}

#[test]
fn sps_that_end_early_are_refused_and_cut_vui_is_survived() {
    let info = |sps: &[u8]| ParameterSets::from_nals([sps, PPS]).map(|sets| sets.info);
    let whole = info(SPS_720).unwrap();
    assert_eq!(whole.frames_per_1000_s, Some(25_000));
    assert_eq!(whole.max_num_reorder_frames, Some(2));
    let sizes = (0..SPS_720.len()).map(|bytes| info(&SPS_720[..bytes]));
    let known: Vec<Option<StreamInfo>> = sizes.skip_while(Option::is_none).collect();
    assert!((8..20).contains(&known.len()), "{}", known.len());
    for info in known {
        let info = info.unwrap();
        assert_eq!((info.width, info.height), (1280, 720));
    }
}

#[test]
fn sps_of_impossible_sizes_are_refused() {
    // 640x360 with pic_width_in_mbs_minus1 set to 2^31.
    let mut bits = String::new();
    let ue = |value: u64| {
        let code = format!("{:b}", value + 1);
        format!("{}{code}", "0".repeat(code.len() - 1))
    };
    for value in [0, 0, 2, 1] {
        bits += &ue(value);
    }
    bits += "0";
    bits += &ue(1 << 31);
    bits += &ue(20);
    bits += "11001";
    let mut sps = vec![0x67, 0x42, 0xc0, 0x1e];
    for byte in bits.as_bytes().chunks(8) {
        let text = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
        sps.push(u8::from_str_radix(&text, 2).unwrap());
    }
    assert_eq!(ParameterSets::from_nals([&sps[..], PPS]), None);
}

#[test]
fn byte_streams_of_nothing_have_no_units() {
    for stream in [&[][..], &[0; 9], &[0, 0, 1], &[0, 0, 1, 0, 0, 1], &[0, 0, 0, 1, 0, 0]] {
        assert_eq!(annex_b(stream).count(), 0, "{stream:?}");
    }
    assert_eq!(split_access_units(&[]).len(), 0);
}

#[test]
fn a_byte_stream_splits_into_its_access_units() {
    let units: [&[u8]; 9] = [
        DELIMITER,
        SPS_360,
        PPS,
        &slice(IDR, 0, 50, 1),
        &slice(IDR, 300, 50, 2),
        &slice(REFERENCE, 0, 50, 3),
        SEI,
        &slice(REFERENCE, 0, 50, 4),
        &slice(DISPOSABLE, 0, 50, 5),
    ];
    let stream: Vec<u8> = units.iter().flat_map(|unit| [START_CODE, unit].concat()).collect();
    let expected = vec![units[..5].to_vec(), units[5..6].to_vec(), units[6..8].to_vec()];
    let expected = [expected, vec![units[8..].to_vec()]].concat();
    assert_eq!(split_access_units(&stream), expected);
}

#[test]
fn an_access_unit_is_not_made_of_parameter_sets_alone_or_an_idr_without() {
    let now = std::time::Instant::now();
    let (idr, delta) = (slice(IDR, 0, 50, 1), slice(REFERENCE, 0, 50, 1));
    assert!(AccessUnit::from_nals(0, now, [SPS_360, PPS], None).is_none());
    assert!(AccessUnit::from_nals(0, now, [&idr[..]], None).is_none());
    assert!(AccessUnit::from_nals(0, now, [&delta[..]], None).is_some());
    let first = AccessUnit::from_nals(0, now, [SPS_360, PPS, &idr], None).unwrap();
    let sets = first.parameter_sets.as_ref();
    let second = AccessUnit::from_nals(0, now, [&idr[..]], sets).unwrap();
    assert_eq!(second.parameter_sets, first.parameter_sets);
    let huge = vec![0x80; rtsp::h264::limits::MAX_ACCESS_UNIT_BYTES];
    assert!(
        AccessUnit::from_nals(0, now, [&delta[..], &[&delta[..], &huge].concat()], None).is_none()
    );
}
