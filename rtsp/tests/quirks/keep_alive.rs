//! What keeps a session alive, and what ends it.

use std::time::Duration;

use rtsp::client::{KeepAlive, Quirk};

use crate::camera::{Alive, Camera, h264, sdp, sprop};
use crate::scene::*;

const PUBLIC: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// Announces both parameter methods.
fn announcing() -> Camera {
    let mut camera = Camera::new();
    camera.on("OPTIONS", |_, reply| reply.set("Public", PUBLIC));
    camera
}

/// Does something else to requests for parameters.
fn on_parameters(
    camera: &mut Camera,
    change: impl FnMut(&crate::camera::Request, &mut crate::camera::Reply) + Clone + 'static,
) {
    camera.on("GET_PARAMETER", change.clone());
    camera.on("SET_PARAMETER", change);
}

pub fn c520ws_refuses_under_the_number_before() {
    let mut camera = announcing();
    camera.session_timeout = Duration::from_secs(15);
    camera.alive_by = Alive::Requests(&["OPTIONS"]);
    on_parameters(&mut camera, |request, reply| {
        let number: u32 = request.header("CSeq").unwrap().parse().unwrap();
        reply.refuse("400 Bad Request");
        reply.set("CSeq", &(number - 1).to_string());
    });
    let scene = shows_for(camera, 60);
    assert!(scene.met(Quirk::ForeignCseq) && scene.met(Quirk::KeepAliveChanged));
}

pub fn rtsp_simple_server_closes_on_set_parameter() {
    let mut camera = announcing();
    camera.on("SET_PARAMETER", |_, reply| {
        reply.refuse("400 Bad Request");
        reply.close = true;
    });
    shows_for(camera, 100);
}

pub fn gw4089ip_refuses_get_parameter_and_has_start_codes_in_its_sets() {
    let units = [[h264::SPS_360, h264::START_CODE].concat(), [h264::PPS, &[0, 0, 0, 1]].concat()];
    let mut camera = Camera::described(&sdp(&sprop(&[&units[0], &units[1]])));
    camera.on("OPTIONS", |_, reply| reply.set("Public", PUBLIC));
    camera.alive_by = Alive::Requests(&["OPTIONS"]);
    on_parameters(&mut camera, |_, reply| reply.refuse("451 Parameter Not Understood"));
    camera.on("PLAY", |_, reply| {
        reply.set("RTP-Info", "url=rtsp://192.168.1.110:5050/H264/video;seq=271;rtptime=16219909");
    });
    shows_for(camera, 100);
}

fn crashing() -> Camera {
    let mut camera = announcing();
    on_parameters(&mut camera, |_, reply| {
        reply.silent = true;
        reply.close = true;
    });
    camera
}

pub fn cameras_that_crash_on_get_parameter_are_asked_once() {
    let mut scene = Scene::open(crashing());
    scene.stream(40 * 25);
    scene.pass(Duration::from_secs(3));
    scene.forget();
    scene.stream(100 * 25);
    scene.assert_shown();
    let asked = scene.camera.methods().iter().filter(|method| **method == "GET_PARAMETER").count();
    assert_eq!((scene.camera.connections, asked), (2, 1));
}

pub fn cameras_that_crash_on_get_parameter_are_never_asked_where_so_configured() {
    let scene = Scene::new(crashing(), |options| options.keep_alive = KeepAlive::Options);
    let mut scene = scene.opened();
    scene.stream(100 * 25);
    scene.assert_shown();
    assert_eq!(scene.camera.connections, 1);
}

pub fn hipcam_answers_nothing_but_options() {
    for timeout_s in [60, 20, 12] {
        let mut camera = announcing();
        camera.session_timeout = Duration::from_secs(timeout_s);
        camera.alive_by = Alive::Requests(&["OPTIONS"]);
        on_parameters(&mut camera, |_, reply| reply.silent = true);
        shows_for(camera, 150);
    }
}

pub fn thingino_does_not_find_its_session() {
    // From the first request on, or after some that it answered.
    for found in [0, 2] {
        let mut camera = announcing();
        camera.session_timeout = Duration::from_secs(10);
        camera.alive_by = Alive::Requests(&["OPTIONS", "GET_PARAMETER"]);
        let mut requests = 0;
        on_parameters(&mut camera, move |_, reply| {
            requests += 1;
            if requests > found {
                reply.refuse("454 Session Not Found");
            }
        });
        shows_for(camera, 60);
    }
}

pub fn cameras_that_never_answer_while_playing() {
    let mut camera = announcing();
    on_parameters(&mut camera, |_, reply| reply.silent = true);
    camera.on("OPTIONS", |request, reply| reply.silent = request.header("Session").is_some());
    let scene = shows_for(camera, 200);
    assert!(scene.camera.methods().iter().filter(|method| **method == "OPTIONS").count() > 4);
}

pub fn cameras_that_know_the_session_by_its_base() {
    let mut camera = Camera::new();
    camera.on("DESCRIBE", |_, reply| reply.set("Content-Base", "rtsp://cam/live/h264/"));
    camera.base_url = Some("rtsp://cam/live/h264/".to_owned());
    camera.track_url = "rtsp://cam/live/h264/trackID=0".to_owned();
    camera.alive_by = Alive::Requests(&["GET_PARAMETER", "OPTIONS"]);
    shows_for(camera, 130);
}

pub fn cameras_that_want_a_report_every_five_seconds() {
    let patient = |mut camera: Camera| {
        camera.session_timeout = Duration::from_millis(6_001);
        camera.on("SETUP", |_, reply| reply.set("Session", "7F3A21;timeout=60"));
        camera.alive_by = Alive::Reports;
        camera
    };
    shows_for(patient(Camera::new()), 60);
    let mut scene = Scene::open_udp(patient(Camera::new()));
    scene.stream(60 * 25);
    scene.assert_shown();
}

pub fn cameras_that_count_only_requests_or_only_reports() {
    for alive_by in [Alive::Requests(&["GET_PARAMETER", "OPTIONS"]), Alive::Reports] {
        let mut camera = Camera::new();
        camera.session_timeout = Duration::from_secs(30);
        camera.alive_by = alive_by;
        shows_for(camera, 100);
    }
}
