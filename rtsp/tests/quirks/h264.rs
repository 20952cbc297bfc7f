//! H.264 in RTP (RFC 6184) as cameras cut, mark and repeat it.

use rtsp::client::Event;
use rtsp::h264::DropReason;

use crate::camera::h264::*;
use crate::camera::{Camera, sdp};
use crate::scene::*;

/// A camera whose description has no parameter sets.
fn undescribed() -> Scene {
    Scene::open(Camera::described(&sdp("packetization-mode=1")))
}

fn described() -> Scene {
    Scene::open(Camera::new())
}

/// That this picture comes out, and nothing else.
fn shows(mut scene: Scene, slices: &[&[u8]]) {
    scene.expect(slices);
    scene.assert_shown();
    assert_eq!(drops(&scene), []);
}

fn drops(scene: &Scene) -> Vec<DropReason> {
    let reason = |event: &Event| match event {
        Event::Dropped { reason, .. } => Some(*reason),
        _ => None,
    };
    scene.events.iter().filter_map(reason).collect()
}

pub fn tapo_tc70_marks_its_parameter_sets() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    for unit in [SPS_360, PPS, &idr] {
        scene.last(0, unit);
    }
    shows(scene, &[&idr]);
}

pub fn reolink_duo_2_marks_its_sps() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    scene.last(0, SPS_360);
    scene.part(0, PPS);
    scene.last(0, &idr);
    shows(scene, &[&idr]);
}

pub fn rtsp_server_marks_every_unit_and_ivel_its_sei() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    for unit in [SPS_360, PPS, SEI, &idr] {
        scene.last(0, unit);
    }
    shows(scene, &[&idr]);
    let mut scene = undescribed();
    scene.part(0, &stap_a(&[SPS_360, PPS]));
    scene.last(0, SEI);
    scene.last(0, &idr);
    shows(scene, &[&idr]);
}

pub fn amcrest_ip4m_1051_has_delimiters_and_sei_everywhere() {
    let (idr, delta) = (slice(IDR, 0, 500, 1), slice(REFERENCE, 0, 50, 2));
    let mut scene = undescribed();
    for unit in [DELIMITER, SPS_360, PPS, SEI] {
        scene.part(0, unit);
    }
    let fragments = fu_a(&idr, 2);
    scene.part(0, &fragments[0]);
    scene.last(0, &fragments[1]);
    scene.expect(&[&idr]);
    for unit in [DELIMITER, SEI] {
        scene.part(FRAME, unit);
    }
    scene.last(FRAME, &delta);
    shows(scene, &[&delta]);
}

pub fn a_no_name_camera_sends_a_byte_stream_in_one_packet() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    scene.last(0, &[SPS_360, START_CODE, PPS, START_CODE, &idr].concat());
    shows(scene, &[&idr]);
}

pub fn v380_begins_its_payloads_with_start_codes() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    scene.last(0, &[START_CODE, SPS_360, START_CODE, PPS, START_CODE, &idr, &[0, 0]].concat());
    shows(scene, &[&idr]);
    let mut scene = undescribed();
    for unit in [SPS_360, PPS, &idr] {
        scene.last(0, &[START_CODE, unit].concat());
    }
    shows(scene, &[&idr]);
}

pub fn amatek_ar_n3222f_fragments_several_units_as_one() {
    let idr = slice(IDR, 0, 500, 1);
    let stream = [SPS_360, START_CODE, PPS, START_CODE, SEI, START_CODE, &idr].concat();
    // Wherever it is cut: also inside a start code.
    for parts in (2..stream.len() - 1).step_by(3) {
        let mut scene = undescribed();
        let fragments = fu_a(&stream, parts);
        for fragment in &fragments[..fragments.len() - 1] {
            scene.part(0, fragment);
        }
        scene.last(0, &fragments[fragments.len() - 1]);
        shows(scene, &[&idr]);
    }
}

pub fn costar_hd_has_fragments_that_are_start_and_end() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = described();
    scene.last(0, &[&[0x7c, 0xc5], &idr[1..]].concat());
    shows(scene, &[&idr]);
}

pub fn tiandy_changes_the_type_inside_a_fragmented_unit() {
    let idr = slice(IDR, 0, 500, 1);
    let mut fragments = fu_a(&idr, 3);
    fragments[1][1] = fragments[1][1] & 0xe0 | 1;
    fragments[2][0] = 0x1c;
    let mut scene = described();
    scene.part(0, &fragments[0]);
    scene.part(0, &fragments[1]);
    scene.last(0, &fragments[2]);
    shows(scene, &[&idr]);
}

pub fn cameras_that_send_empty_fragments() {
    let idr = slice(IDR, 0, 500, 1);
    let fragments = fu_a(&idr, 2);
    let mut scene = described();
    scene.part(0, &[0x7c, 0x85]); // the start, with nothing in it
    scene.part(0, &[0x7c, 0x05]);
    scene.part(0, &[0x7c]);
    scene.part(0, &[]);
    scene.part(0, &[&[0x7c, 0x05], &fragments[0][2..]].concat());
    scene.part(0, &[&[0x7c, 0x05], &fragments[1][2..]].concat());
    scene.last(0, &[0x7c, 0x45]); // the end, likewise
    shows(scene, &[&idr]);
}

pub fn cameras_that_set_the_reserved_bit_of_fragments() {
    let idr = slice(IDR, 0, 500, 1);
    let mut fragments = fu_a(&idr, 2);
    fragments.iter_mut().for_each(|fragment| fragment[1] |= 0x20);
    let mut scene = described();
    scene.part(0, &fragments[0]);
    scene.last(0, &fragments[1]);
    shows(scene, &[&idr]);
}

pub fn cameras_that_fragment_and_aggregate_although_they_say_they_do_not() {
    for parameters in ["packetization-mode=0", ""] {
        let idr = slice(IDR, 0, 50, 1);
        let mut scene = Scene::open(Camera::described(&sdp(parameters)));
        scene.part(0, &stap_a(&[SPS_360, PPS]));
        let fragments = fu_a(&idr, 2);
        scene.part(0, &fragments[0]);
        scene.last(0, &fragments[1]);
        shows(scene, &[&idr]);
    }
}

pub fn cameras_whose_timestamp_changes_behind_the_parameter_sets() {
    let idr = slice(IDR, 0, 50, 1);
    let mut scene = undescribed();
    scene.part(77, SPS_360);
    scene.last(78, PPS);
    scene.part(79, SEI);
    scene.last(FRAME, &idr);
    assert_eq!(scene.shown[0].timestamp, FRAME);
    shows(scene, &[&idr]);
}

pub fn eufy_ezviz_and_others_name_profiles_that_do_not_exist() {
    // Eufy T8400, EZVIZ C6N, CS-CV210, Annke CZ400: the SPS itself is wrong there.
    for flags in [0x00, 0xff, 0x3f] {
        let mut sps = SPS_360.to_vec();
        sps[2] = flags;
        let idr = slice(IDR, 0, 50, 1);
        let mut scene = undescribed();
        scene.last(0, &stap_a(&[&sps, PPS, &idr]));
        let sets = scene.shown[0].parameter_sets.clone().unwrap();
        // It is passed on as it is; what decodes it knows best.
        assert_eq!(sets.info.profile_level_id(), [0x42, flags, 0x1e]);
        assert_eq!(sets.sps, [sps]);
        shows(scene, &[&idr]);
    }
}

pub fn flir_m400_sets_no_markers() {
    let mut scene = described();
    for n in 0..10 {
        let unit = slice(if n == 0 { IDR } else { REFERENCE }, 0, 500, n as u8);
        for fragment in fu_a(&unit, 2) {
            scene.part(n * FRAME, &fragment);
        }
        scene.expect(&[&unit]);
        scene.pass(PERIOD);
        // One behind until it is clear that no marker will come, then in time.
        let behind = u32::from(n < 3);
        assert_eq!(scene.shown.len(), (n + 1 - behind) as usize);
    }
    scene.assert_shown();
}

pub fn cameras_that_never_end_a_picture_are_bounded() {
    let mut scene = described();
    let first = slice(IDR, 0, 50, 1);
    scene.part(0, &first);
    scene.expect(&[&first]);
    // A unit without end, no marker, one timestamp: 20 MB.
    scene.part(0, &[&[0x7c, 0x81][..], &slice(REFERENCE, 0, 60_000, 1)[1..]].concat());
    for _ in 0..350 {
        scene.part(0, &[&[0x7c, 0x01][..], &[0xaa; 60_000]].concat());
    }
    scene.last(0, &[0x7c, 0x41, 1]);
    let next = slice(IDR, 0, 50, 2);
    scene.last(FRAME, &next);
    scene.expect(&[&next]);
    scene.assert_shown();
    assert_eq!(drops(&scene), [DropReason::TooLarge]);
}
