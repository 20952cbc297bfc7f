//! RTP and RTCP.

use rtsp::client::Quirk;

use crate::camera::{Camera, rtp};
use crate::scene::*;

pub fn geovision_numbers_another_type_with_the_numbers_of_the_video() {
    let mut scene = shows_pictures(Camera::new());
    for _ in 0..30 {
        scene.picture();
        let (number, ssrc) = (scene.camera.sequence, scene.camera.ssrc);
        scene.raw(false, &rtp::packet(50, true, number, 0, ssrc, &[1, 2, 3]));
    }
    scene.assert_shown();
    assert!(scene.met(Quirk::ForeignPayloadType));
    assert_eq!(scene.client.stats().lost, 0);
}

pub fn hanwha_does_not_end_its_source_description() {
    let mut scene = shows_pictures(Camera::new());
    let ssrc = scene.camera.ssrc;
    let description = [&[0x81, 202, 0, 2][..], &ssrc.to_be_bytes(), &[1, 2, b'h', b'w']].concat();
    for report in [vec![], rtp::sender_report(ssrc, 9)] {
        scene.raw(true, &[&report[..], &description].concat());
        scene.raw(true, &[&description[..], &report].concat());
        scene.stream(2);
    }
    scene.assert_shown();
    assert!(!scene.met(Quirk::BadRtcp));
}

pub fn cameras_whose_rtcp_is_none() {
    let mut scene = shows_pictures(Camera::new());
    let ssrc = scene.camera.ssrc.to_be_bytes();
    for broken in [
        &[][..],
        &[0x80],
        &[0x80, 200, 0],
        &[0x80, 200, 0xff, 0xff, 1, 2, 3],
        &[0x00, 200, 0, 6],
        &[0x9f, 201, 0, 1, ssrc[0], ssrc[1], ssrc[2], ssrc[3]],
        &[0x80, 255, 0, 0],
        b"RTSP/1.0 200 OK",
    ] {
        scene.raw(true, broken);
        scene.stream(2);
    }
    scene.assert_shown();
    assert!(scene.met(Quirk::BadRtcp));
}
