//! What SETUP is answered with where media comes by UDP, and datagrams.

use crate::camera::h264::{FRAME, IDR, slice};
use crate::camera::{Alive, Camera};
use crate::scene::*;

/// Plays a camera by UDP that replies this to SETUP.
fn transported(transport: &'static str) -> Scene {
    let mut camera = Camera::new();
    camera.on("SETUP", move |_, reply| reply.set("Transport", transport));
    shows_pictures_by_udp(camera)
}

pub fn hikvision_dahua_and_others_misspell_the_source() {
    for ssrc in [
        // Hikvision iDS-2CD9396, DS-2CD3641
        " d6d6627",
        // Dahua
        "1d 5f 00 c4",
        "  1D5F00C4  ",
        // Various
        "0x1d5f00c4",
        "-1",
        "ABCDEFGHI",
        "0",
        "",
    ] {
        let mut camera = Camera::new();
        camera.on("SETUP", move |_, reply| {
            let transport = reply.get("Transport").unwrap().to_owned();
            reply.set("Transport", &format!("{transport};ssrc={ssrc};mode=\"PLAY\""));
        });
        shows_pictures(camera);
        transported("RTP/AVP/UDP;unicast;client_port=4000-4001;server_port=6000-6001;ssrc= d6d6");
    }
}

pub fn openipc_and_others_do_not_say_their_ports() {
    for transport in [
        // OpenIPC
        "RTP/AVP;unicast;client_port=4000-4001",
        // Some.
        "RTP/AVP;unicast;client_port=4000-4001;server_port=0",
        "RTP/AVP;unicast;client_port=4000-4001;server_port=0-0",
        "RTP/AVP/UDP;unicast;client_port=4000-4001;server_port=6000",
    ] {
        let mut scene = transported(transport);
        // They are learned: reports go where the media comes from.
        scene.stream(6 * 25);
        assert!(scene.camera.reports > 0, "{transport}");
    }
}

pub fn servers_that_do_not_say_where_they_send_from() {
    transported("RTP/AVP;unicast;source=;client_port=4000-4001;server_port=6000-6001");
    transported("RTP/AVP;unicast;source=cam.lan;client_port=4000-4001;server_port=6000-6001");
    transported("RTP/AVP;unicast;source=0.0.0.0;destination=;server_port=6000-6001");
}

/// The fake camera takes reports from the announced port alone.
pub fn servers_that_know_the_sender_of_reports_by_his_port() {
    let mut camera = Camera::new();
    camera.alive_by = Alive::Reports;
    camera.session_timeout = std::time::Duration::from_secs(12);
    camera.on("SETUP", |_, reply| reply.set("Session", "7F3A21;timeout=60"));
    let mut scene = Scene::open_udp(camera);
    scene.stream(60 * 25);
    scene.assert_shown();
}

pub fn sat_ip_refuses_the_word_udp() {
    let mut camera = Camera::new();
    camera.on("SETUP", |request, reply| {
        if request.header("Transport").unwrap().contains("UDP") {
            reply.refuse("461 Unsupported Transport");
        }
    });
    shows_pictures_by_udp(camera);
}

pub fn tapo_sends_datagrams_of_ten_thousand_bytes() {
    let mut scene = shows_pictures_by_udp(Camera::new());
    for (number, bytes) in [(30, 10_000), (31, 30_000), (32, 65_000)] {
        let unit = slice(IDR, 0, bytes, number as u8);
        scene.last(number * FRAME, &unit);
        scene.expect(&[&unit]);
    }
    scene.assert_shown();
}
