//! H.265 in RTP (RFC 7798) as cameras describe and cut it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtsp::client::Event;

use crate::camera::h265::*;
use crate::camera::{Camera, sdp};
use crate::scene::*;

fn camera(parameters: &str) -> Scene {
    Scene::open(Camera::described(&sdp(parameters).replace("H264", "H265")))
}

fn sprop(name: &str, unit: &[u8]) -> String {
    format!("{name}={}", STANDARD.encode(unit))
}

pub fn cameras_that_describe_a_part_of_their_parameter_sets() {
    let all = [sprop("sprop-vps", VPS), sprop("sprop-sps", SPS), sprop("sprop-pps", PPS)];
    let idr = slice(IDR, 50, 1);
    for present in 0..8 {
        let some = all.iter().enumerate().filter(|(n, _)| present >> n & 1 == 1);
        let some: Vec<&str> = some.map(|(_, parameter)| parameter.as_str()).collect();
        let mut scene = camera(&some.join(";"));
        // Only the whole is worth something before the stream brings its own.
        if present == 7 {
            scene.last(0, &idr);
            scene.expect(&[&idr]);
        }
        scene.part(FRAME, &ap(&[VPS, SPS, PPS]));
        scene.last(FRAME, &idr);
        scene.expect(&[&idr]);
        scene.assert_shown();
    }
}

pub fn openipc_has_fragments_that_are_start_and_end() {
    let idr = slice(IDR, 50, 1);
    let mut scene = camera("");
    scene.part(0, &ap(&[VPS, SPS, PPS]));
    scene.last(0, &[&[98, 1, 0xc0 | IDR], &idr[2..]].concat());
    scene.expect(&[&idr]);
    scene.assert_shown();
    let dropped = |event: &Event| matches!(event, Event::Dropped { .. });
    assert!(!scene.events.iter().any(dropped));
}
