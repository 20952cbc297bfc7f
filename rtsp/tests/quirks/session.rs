//! SETUP, PLAY, and what is left of sessions before.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rtsp::client::Quirk;

use crate::camera::h264::{DELIMITER, FRAME, IDR, REFERENCE, fu_a, slice};
use crate::camera::{Camera, Lock, h264, rtp, sdp, sprop};
use crate::scene::*;

pub fn hikvision_wants_a_description_before_each_setup() {
    let mut camera = Camera::new();
    camera.on("SETUP", |request, reply| {
        if request.header("Transport").unwrap().contains("TCP") {
            reply.refuse("461 Unsupported Transport");
        }
    });
    let scene = shows_pictures(camera);
    let described = scene.camera.methods().iter().filter(|m| **m == "DESCRIBE").count();
    assert_eq!((scene.camera.connections, described), (2, 2));
}

pub fn dahua_allows_one_back_channel_and_is_not_asked_for_any() {
    let back_channel = "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\na=recvonly\r\n\
        m=audio 0 RTP/AVP 8\r\na=control:trackID=5\r\na=sendonly\r\n";
    let mut camera = Camera::described(&(sdp(&sprop(&[h264::SPS_360, h264::PPS])) + back_channel));
    camera.on("*", |request, reply| {
        if request.header("Require").is_some() {
            reply.refuse("551 Option not supported");
        }
    });
    let scene = shows_pictures(camera);
    // The audio that it sends is asked for, at a URL that this camera does not know.
    assert_eq!(scene.camera.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]);
    assert!(scene.camera.requests.iter().all(|request| !request.url.contains("trackID=5")));
}

pub fn cameras_that_name_another_session_later() {
    let mut camera = Camera::new();
    camera.on("PLAY", |_, reply| reply.set("Session", "00000002"));
    let mut scene = shows_for(camera, 100);
    assert!(scene.met(Quirk::SessionChanged));
    let now = scene.now;
    scene.client.stop(now);
    scene.settle();
    assert!(!scene.camera.playing);
}

pub fn chinese_cameras_write_sessions_in_their_own_way() {
    for session in [
        "7F3A21",
        "       7F3A21",
        "7F3A21;timeout=",
        "7F3A21 ; timeout=60",
        "7F3A21; Timeout = 60;",
        "7F3A21;timeout=0",
        "7F3A21;charset=utf-8;timeout=60",
    ] {
        let mut camera = Camera::new();
        camera.on("SETUP", move |_, reply| reply.set("Session", session));
        shows_for(camera, 65);
    }
}

pub fn reolink_reports_before_it_plays() {
    let mut camera = Camera::new();
    let report = rtp::frame(1, &rtp::sender_report(camera.ssrc, 77));
    camera.on("PLAY", move |_, reply| {
        reply.before.clone_from(&report);
        let info = "url=trackID=1;seq=16852;rtptime=1070938629;ssrc=dcc4a0d8,\
            url=trackID=2;seq=39409;rtptime=3075976528;ssrc=9fc9fff8";
        reply.set("RTP-Info", info);
    });
    shows_pictures(camera);
}

pub fn v4l2rtspserver_sends_before_it_answers() {
    let mut camera = Camera::new();
    let early = slice(IDR, 0, 500, 250);
    let packet = rtp::packet(96, true, camera.sequence, 0, camera.ssrc, &early);
    camera.on("PLAY", move |_, reply| reply.before = rtp::frame(0, &packet));
    let mut scene = Scene::open(camera);
    scene.expect(&[&early]);
    scene.stream(25);
    scene.assert_shown();
    assert!(scene.met(Quirk::EarlyRtp));
}

/// The timestamp of all pictures of another session.
const LEFT_OVER: u32 = 5;

/// A large picture of another session in as many packets, as frames.
fn leftovers(packets: usize, sequence: u16) -> Vec<u8> {
    let fragments = fu_a(&slice(IDR, 0, 20_000, 9), packets);
    let frame = |(n, payload): (usize, &Vec<u8>)| {
        let number = sequence.wrapping_add(n as u16);
        rtp::frame(0, &rtp::packet(96, n + 1 == packets, number, LEFT_OVER, 0x0bad, payload))
    };
    fragments.iter().enumerate().flat_map(frame).collect()
}

pub fn reolink_rlc_410_and_live555_send_an_old_session_into_the_new_one() {
    for (packets, announced) in [(1, false), (1, true), (60, false), (60, true)] {
        let mut camera = Camera::new();
        let count = Rc::new(Cell::new(0_u16));
        let counter = Rc::clone(&count);
        // From the connection on, before each reply.
        camera.on("*", move |_, reply| {
            counter.set(counter.get() + packets);
            reply.before = leftovers(packets.into(), counter.get());
        });
        let ssrc = camera.ssrc;
        camera.on("SETUP", move |_, reply| {
            if announced {
                let transport = format!("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc={ssrc:08X}");
                reply.set("Transport", &transport);
            }
        });
        let mut scene = Scene::open(camera);
        for _ in 0..100 {
            scene.picture();
            let rest = leftovers(packets.into(), count.get());
            count.set(count.get() + packets);
            scene.say(&rest);
            scene.pass(PERIOD);
        }
        // One picture of the old session may come before the first of the new one.
        let shown = scene.shown.len();
        scene.shown.retain(|unit| unit.timestamp != LEFT_OVER);
        assert!(shown - scene.shown.len() <= 1, "{packets} {announced}");
        scene.assert_shown();
    }
}

pub fn cameras_that_number_their_packets_elsewhere_than_they_say() {
    for info in [
        // Laureii
        "url=rtsp://192.168.1.19:554/0/main/trackID=0;seq=0;rtptime=0;",
        // OMNY M5S2A 2812
        "url=trackID=0;seq=1;rtptime=-1",
        // Hikvision DS-2CD2032-I
        "url=rtsp://cam/live/trackID=0;seq=0;rtptime=0, url=rtsp://cam/live/metadata;seq=0",
        // Tapo C320WS
        "url=rtsp://cam/live/trackID=0;seq=1;rtptime=1270711678",
        "url=;seq=;rtptime=",
        "",
    ] {
        let mut camera = Camera::new();
        camera.on("PLAY", move |_, reply| reply.set("RTP-Info", info));
        let mut scene = shows_pictures(camera);
        // Tapo's reports are those of another source.
        scene.raw(true, &rtp::sender_report(0x77, 9));
        scene.stream(25);
        scene.assert_shown();
    }
}

pub fn reolink_breaks_off_and_is_found_again() {
    let mut camera = Camera::new();
    camera.lock = Some(Lock::new("admin", "secret"));
    let mut scene = Scene::open(camera);
    for _ in 0..20 {
        scene.stream(11 * 25);
        scene.assert_shown();
        let half = rtp::frame(0, &[0x80; 900]);
        scene.say(&half[..500]);
        scene.camera.close();
        scene.settle();
        scene.pass(Duration::from_millis(1300));
        scene.forget();
    }
    assert_eq!(scene.camera.connections, 21);
}

pub fn smart_codecs_send_an_idr_once_in_minutes() {
    let mut scene = shows_pictures(Camera::new());
    let first = 26;
    for number in first..first + 5 * 60 * 25 {
        let unit = slice(REFERENCE, 0, 60, number as u8);
        scene.part(number * FRAME, DELIMITER);
        scene.last(number * FRAME, &unit);
        scene.expect(&[&unit]);
        scene.pass(PERIOD);
    }
    scene.assert_shown();
    // Whoever comes in between has to ask.
    let now = scene.now;
    assert!(scene.client.request_keyframe(now));
    scene.settle();
    assert_eq!(scene.camera.keyframe_requests, 1);
}
