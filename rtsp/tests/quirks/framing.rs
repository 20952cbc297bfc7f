//! What comes in the connection besides, between and instead of the frames of the track.

use rtsp::client::{Event, Quirk};

use crate::camera::{Camera, rtp};
use crate::scene::*;

pub fn cameras_that_send_on_channels_nobody_asked_for() {
    let mut scene = shows_pictures(Camera::new());
    for channel in [2, 3, 100, 255] {
        scene.say(&rtp::frame(channel, &rtp::packet(96, true, 900, 0, 7, &[0x65, 0x88])));
        scene.picture();
    }
    scene.assert_shown();
    assert!(scene.met(Quirk::UnassignedChannel));
}

pub fn cameras_that_send_line_ends_before_frames() {
    let mut scene = shows_pictures(Camera::new());
    for blank in ["\r\n", "\n", "\r\n\r\n\r\n"] {
        scene.say(blank.as_bytes());
        scene.stream(3);
    }
    scene.assert_shown();
    assert_eq!(scene.client.stats().resyncs, 0);
}

pub fn cameras_that_confuse_the_two_channels() {
    let mut scene = shows_pictures(Camera::new());
    scene.raw(false, &rtp::sender_report(scene.camera.ssrc, 9));
    scene.stream(3);
    scene.assert_shown();
    let is_report = |event: &Event| matches!(event, Event::SenderReport { .. });
    assert!(scene.events.iter().any(is_report) && scene.met(Quirk::RtcpOnRtp));
    // Both ways round at once.
    let mut camera = Camera::new();
    camera.channels = Some((1, 0));
    camera.on("SETUP", |_, reply| {
        reply.set("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");
    });
    // Its RTCP channel is where our reports do not go: nothing else keeps the session alive here.
    shows_pictures(camera);
}

pub fn hikvision_floods_the_connection_with_reports() {
    let mut scene = shows_pictures(Camera::new());
    let report = rtp::sender_report(scene.camera.ssrc, 9);
    let oversize = [&report[..], &[0x80, 202, 0x03, 0xe7], &[7; 3996]].concat();
    for _ in 0..50 {
        for _ in 0..3 {
            scene.raw(true, &oversize);
        }
        scene.stream(1);
    }
    scene.assert_shown();
}

/// Plays a camera that replies this to SETUP and sends on that channel.
fn transported(transport: &'static str, channels: (u8, u8)) -> Scene {
    let mut camera = Camera::new();
    camera.channels = Some(channels);
    camera.on("SETUP", move |_, reply| reply.set("Transport", transport));
    let scene = shows_for(camera, 11);
    assert_eq!(scene.camera.reports, 2, "{transport}");
    scene
}

pub fn escam_q6_leaves_tcp_out_of_its_transport() {
    transported("RTP/AVP;unicast;destination=10.0.0.9;interleaved=0-1", (0, 1));
}

pub fn cameras_that_name_one_channel() {
    transported("RTP/AVP/TCP;unicast;interleaved=0", (0, 1));
    transported("RTP/AVP/TCP;unicast;interleaved=6", (6, 7));
}

pub fn servers_that_take_other_channels() {
    let scene = transported("RTP/AVP/TCP;unicast;interleaved=10-11", (10, 11));
    assert!(scene.met(Quirk::OtherChannels));
    transported("RTP/AVP/TCP;unicast;interleaved=3-4", (3, 4));
    transported("RTP/AVP/TCP;unicast;interleaved=254-255", (254, 255));
    let scene = transported("RTP/AVP/TCP;unicast", (0, 1));
    assert!(scene.met(Quirk::TransportUnsaid));
}

pub fn luckfox_has_its_parameters_in_another_order() {
    transported("RTP/AVP/TCP;ssrc=22345684;interleaved=0-1", (0, 1));
    let mut camera = Camera::new();
    let control_first = "m=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n";
    let sdp = camera.sdp.replace("a=control:trackID=0\r\n", "");
    camera.sdp = sdp.replace("m=video 0 RTP/AVP 96\r\n", control_first);
    assert_ne!(camera.sdp, sdp);
    shows_pictures(camera);
}
