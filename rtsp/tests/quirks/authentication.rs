//! Passwords.

use crate::camera::{Alive, Camera, Lock, Scheme};
use crate::scene::*;

fn locked(change: impl FnOnce(&mut Lock)) -> Camera {
    let mut camera = Camera::new();
    let mut lock = Lock::new("admin", "p@ss:w%rd");
    change(&mut lock);
    camera.lock = Some(lock);
    camera
}

/// Right and wrong answers so far.
fn answers(scene: &Scene) -> (usize, usize) {
    let lock = scene.camera.lock.as_ref().unwrap();
    (lock.opened, lock.refused)
}

pub fn axis_m5525_changes_its_nonce_while_playing() {
    let mut camera = locked(|_| {});
    camera.alive_by = Alive::Requests(&["GET_PARAMETER"]);
    let mut scene = Scene::open(camera);
    for nonce in ["8a01", "8a02", "8a03"] {
        scene.stream(80 * 25);
        scene.camera.lock.as_mut().unwrap().nonce = nonce.to_owned();
    }
    scene.stream(80 * 25);
    scene.assert_shown();
    assert_eq!(answers(&scene).1, 3);
    assert!(scene.met(rtsp::client::Quirk::NonceChanged));
}

pub fn hikvision_ds_7608nxi_wants_the_password_in_keep_alives() {
    let mut camera = locked(|_| {});
    camera.alive_by = Alive::Requests(&["GET_PARAMETER", "OPTIONS"]);
    let scene = shows_for(camera, 130);
    assert_eq!(answers(&scene).1, 0);
}

pub fn hikvision_has_a_parameter_of_its_own() {
    let challenge = "Digest realm=\"IP Camera(E1234)\", random=\"8e2f\", nonce=\"{nonce}\", \
        algorithm=\"MD5\", stale=\"FALSE\", opaque=\"\"";
    let scene = shows_pictures(locked(|lock| lock.challenges = vec![challenge.to_owned()]));
    assert_eq!(answers(&scene).1, 0);
}

pub fn tp_link_accepts_only_the_first_it_offers() {
    let digest = "Digest realm=\"TP-Link IP-Camera\", nonce=\"{nonce}\"".to_owned();
    let basic = "Basic realm=\"TP-Link IP-Camera\"".to_owned();
    for (accepts, challenges) in [
        (Scheme::Basic, vec![basic.clone(), digest.clone()]),
        (Scheme::Md5, vec![digest.clone(), basic.clone()]),
        (Scheme::Basic, vec![format!("{basic}, {digest}")]),
    ] {
        let scene = shows_pictures(locked(|lock| {
            (lock.accepts, lock.challenges) = (accepts, challenges);
        }));
        assert!(answers(&scene).1 <= 1, "{:?}", answers(&scene));
    }
}

pub fn hikvision_asks_for_sha_256() {
    let sha_256 = "Digest realm=\"IP Camera\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"";
    let md5 = "Digest realm=\"IP Camera\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth,auth-int\"";
    for challenges in [vec![sha_256], vec![sha_256, md5], vec![md5, sha_256]] {
        let scene = shows_pictures(locked(|lock| {
            lock.accepts = Scheme::Sha256;
            lock.challenges = challenges.into_iter().map(str::to_owned).collect();
        }));
        assert_eq!(answers(&scene).1, 0);
    }
}

pub fn hikvision_and_rtsp_server_compare_the_url_as_text() {
    let mut camera = locked(|_| {});
    camera.url =
        "rtsp://cam:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1".to_owned();
    camera.track_url = format!("{}/trackID=0", camera.url);
    let scene = shows_pictures(camera);
    assert_eq!(answers(&scene).1, 0);
    for request in &scene.camera.requests {
        let absolute = |answer: &str| answer.contains("uri=\"rtsp://cam:554/Streaming/");
        assert!(request.header("Authorization").is_none_or(absolute), "{request:?}");
    }
}

/// The way round its password by way of 127.0.0.1 is a hole in the camera: it is not used.
pub fn tapo_is_asked_by_its_own_address_and_with_the_password() {
    let challenge = "Digest realm=\"TP-LINK Streaming Media\", nonce=\"{nonce}\"".to_owned();
    let scene = shows_pictures(locked(|lock| lock.challenges = vec![challenge]));
    assert_eq!((scene.hosts.as_slice(), answers(&scene).1), (&["cam".to_owned()][..], 0));
    assert!(scene.camera.requests.iter().all(|request| request.url.starts_with("rtsp://cam/")));
}
