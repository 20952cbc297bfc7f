//! Requests, replies and URLs.

use crate::camera::{Alive, Camera, Lock, h264, sdp, sprop};
use crate::scene::*;

/// A description whose track has this control.
fn controlled(control: &str) -> String {
    let ordinary = sdp(&sprop(&[h264::SPS_360, h264::PPS]));
    ordinary.replace("a=control:trackID=0", &format!("a=control:{control}"))
}

/// A camera that calls its base this, and means those URLs by it.
fn based(content_base: &'static str, base_url: &str) -> Camera {
    let mut camera = Camera::new();
    camera.on("DESCRIBE", move |_, reply| reply.set("Content-Base", content_base));
    camera.base_url = Some(base_url.to_owned());
    camera.track_url = format!("{base_url}trackID=0");
    camera
}

pub fn anjvision_and_others_write_bases_that_are_no_urls() {
    for (content_base, base_url) in [
        // Anjvision
        ("192.168.1.10:554/stream0/", "rtsp://cam/stream0/"),
        // Unnamed, behind a media server.
        ("192.168.253.220:1935/", "rtsp://cam/"),
        // Unnamed: the scheme twice.
        ("rtsp://rtsp://turret2-cam.lan:554/stream1/", "rtsp://cam/stream1/"),
        // Unnamed, ONVIF: an IPv6 address without brackets.
        ("rtsp://::ffff:192.168.1.123/onvif/profile.1/", "rtsp://cam/onvif/profile.1/"),
        // Various: paths.
        ("/onvif/profile1/", "rtsp://cam/onvif/profile1/"),
        ("stream/", "rtsp://cam/stream/"),
    ] {
        shows_pictures(based(content_base, base_url));
    }
    let mut doubled = Camera::described(&controlled("rtsp://rtsp://turret2-cam.lan/s1/track1"));
    doubled.track_url = "rtsp://cam/s1/track1".to_owned();
    shows_pictures(doubled);
}

pub fn dahua_wants_the_control_behind_the_query() {
    let mut camera = Camera::new();
    camera.url = "rtsp://cam/cam/realmonitor?channel=1&subtype=0".to_owned();
    camera.track_url = format!("{}/trackID=0", camera.url);
    camera.on("DESCRIBE", |request, reply| reply.set("Content-Base", &request.url));
    shows_pictures(camera);
}

pub fn a_camera_whose_control_begins_with_a_slash() {
    let camera = Camera::described(&controlled("/trackID=0"));
    shows_pictures(camera);
}

pub fn cameras_that_want_controls_appended_or_resolved() {
    for (track_url, refusal) in [
        ("rtsp://cam/a/b/trackID=0", "404 Not Found"),
        ("rtsp://cam/a/trackID=0", "404 Not Found"),
        ("rtsp://cam/a/trackID=0", "503 Service Unavailable"),
    ] {
        let mut camera = Camera::new();
        camera.on("DESCRIBE", |_, reply| reply.set("Content-Base", "rtsp://cam/a/b"));
        camera.base_url = Some("rtsp://cam/a/b".to_owned());
        camera.track_url = track_url.to_owned();
        camera.on("SETUP", move |_, reply| {
            if !reply.status.starts_with("200") {
                reply.refuse(refusal);
            }
        });
        shows_pictures(camera);
    }
}

pub fn a_camera_that_puts_its_base_into_the_control() {
    let mut track = Camera::described(&controlled("rtsp://192.168.1.64:554/ch1/trackID=0"));
    track.track_url = "rtsp://cam/ch1/trackID=0".to_owned();
    shows_pictures(track);
    let session = controlled("trackID=0").replace("a=control:*", "a=control:rtsp://10.1.1.1/all/");
    let mut session = Camera::described(&session);
    session.base_url = Some("rtsp://cam/all/".to_owned());
    session.track_url = "rtsp://cam/all/trackID=0".to_owned();
    shows_pictures(session);
}

pub fn a_camera_that_knows_nobody_without_user_agent() {
    let mut camera = Camera::new();
    camera.on("*", |request, reply| {
        if request.header("User-Agent").is_none_or(str::is_empty) {
            reply.refuse("401 Unauthorized");
        }
    });
    shows_pictures(camera);
}

pub fn a_camera_that_knows_cseq_in_one_spelling() {
    let scene = shows_pictures(Camera::new());
    let numbers = scene.camera.requests.iter().map(|request| request.header("CSeq").unwrap());
    assert!(numbers.eq(["1", "2", "3", "4"]));
}

pub fn longse_has_spaces_behind_its_values() {
    let mut camera = Camera::new();
    camera.lock = Some(Lock::new("admin", "secret"));
    camera.on("*", |_, reply| reply.headers.iter_mut().for_each(|(_, value)| value.push(' ')));
    shows_pictures(camera);
}

pub fn cameras_that_do_not_say_what_the_description_is() {
    let mut camera = Camera::new();
    camera.on("DESCRIBE", |_, reply| reply.remove("Content-Type"));
    shows_pictures(camera);
}

pub fn live555_clones_reply_without_number() {
    let mut camera = Camera::new();
    camera.on("*", |_, reply| reply.remove("CSeq"));
    let scene = shows_for(camera, 100);
    assert!(scene.met(rtsp::client::Quirk::MissingCseq));
}

pub fn hikvision_ds_2cd2732f_announces_methods_it_does_not_implement() {
    for method in ["OPTIONS", "GET_PARAMETER"] {
        let mut camera = Camera::new();
        camera.alive_by = Alive::Anything;
        camera.on(method, |_, reply| reply.refuse("551 Option not supported"));
        let mut scene = Scene::open(camera);
        scene.stream(40 * 25);
        scene.assert_shown();
    }
}

pub fn parrot_plays_only_ranges() {
    let mut camera = Camera::new();
    camera.on("PLAY", |request, reply| {
        if request.header("Range").is_none() {
            reply.refuse("457 Invalid Range");
        }
    });
    shows_pictures(camera);
}

pub fn servers_that_refuse_a_mode() {
    let refusing = || {
        let mut camera = Camera::new();
        camera.on("SETUP", |request, reply| {
            if request.header("Transport").is_none_or(|transport| transport.contains("mode")) {
                reply.refuse("461 Unsupported Transport");
            }
        });
        camera
    };
    shows_pictures(refusing());
    shows_pictures_by_udp(refusing());
}
