//! `webrtc/*`.

use super::*;

fn player(src: Option<&str>) -> Client {
    Client::with(SessionOptions { max_slots: 9, src: src.map(str::to_owned) })
}

fn offer(client: &mut Client) -> Vec<Output> {
    client.send("webrtc/offer", json!("offer"))
}

fn opened() -> [Output; 2] {
    let slots = vec![Some("a".to_owned())];
    [Output::Open { slots, audio: vec![0] }, Output::Offer { sdp: "offer".to_owned() }]
}

#[test]
fn an_offer_is_answered_in_its_own_form() {
    let candidate = json!({ "type": "webrtc/candidate", "value": "candidate:1 host" });
    let mut client = player(Some("a"));
    assert_eq!(offer(&mut client), opened());
    client.session.handle_answer(client.now, Ok(answer()));
    let plain = json!({ "type": "webrtc/answer", "value": "answer" });
    assert_eq!(sent(&client.outputs()), [plain, candidate.clone()]);

    let mut client = player(Some("a"));
    let typed = json!({ "type": "offer", "sdp": "offer" });
    assert_eq!(client.send("webrtc", typed), opened());
    client.session.handle_answer(client.now, Ok(answer()));
    let value = json!({ "type": "answer", "sdp": "answer" });
    assert_eq!(sent(&client.outputs()), [json!({ "type": "webrtc", "value": value }), candidate]);
}

#[test]
fn other_ways_to_play_are_ignored_silently() {
    let mut client = player(Some("a"));
    for kind in ["mse", "hls", "mp4", "mjpeg", "no/such"] {
        assert_eq!(client.send(kind, json!("avc1")), []);
    }
    assert_eq!(client.text("{}"), []);
    assert_eq!(client.text(r#"{"type":5}"#), []);
}

#[test]
fn candidates_before_the_offer_wait_and_empty_ones_are_nothing() {
    let mut client = player(Some("a"));
    assert_eq!(client.send("webrtc/candidate", json!("candidate:9")), []);
    assert_eq!(client.send("webrtc/candidate", json!("")), []);
    assert_eq!(client.text(r#"{"type":"webrtc/candidate"}"#), []);
    let outputs = offer(&mut client);
    assert_eq!(outputs[..2], opened());
    assert_eq!(outputs[2..], [Output::RemoteCandidate("candidate:9".to_owned())]);
    let later = client.send("webrtc/candidate", json!("candidate:10"));
    assert_eq!(later, [Output::RemoteCandidate("candidate:10".to_owned())]);
}

#[test]
fn an_unknown_or_absent_stream_is_an_error_of_the_offer() {
    for src in [None, Some("nope"), Some("")] {
        let mut client = player(src);
        let outputs = offer(&mut client);
        assert_eq!(sent(&outputs), [error("webrtc/offer: stream not found")]);
        assert_eq!(done(&outputs), []);
        let typed = client.send("webrtc", json!({ "type": "offer", "sdp": "offer" }));
        assert_eq!(sent(&typed), [error("webrtc: stream not found")]);
    }
}

#[test]
fn an_offline_camera_is_no_reason_to_refuse() {
    let mut client = player(Some("a"));
    offer(&mut client);
    client.truth_because(0, "a", Status::Offline, Some("no route"));
    client.session.handle_answer(client.now, Ok(answer()));
    assert_eq!(sent(&client.outputs())[0]["type"], "webrtc/answer");
}

#[test]
fn the_player_hears_no_slot_status() {
    let mut client = player(Some("a"));
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    client.session.handle_connected(client.now);
    client.outputs();
    assert!(client.truth(0, "a", Status::Active).is_empty());
}

#[test]
fn the_viewer_outlives_the_socket_until_its_connection_is_lost() {
    let mut client = player(Some("a"));
    assert!(!client.session.outlives_socket());
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    client.session.handle_connected(client.now);
    assert!(client.session.outlives_socket());
    client.outputs();
    client.session.handle_lost(client.now);
    assert_eq!(client.outputs(), [Output::End]);
    assert!(!client.session.outlives_socket());
}

#[test]
fn a_viewer_with_slots_dies_with_its_socket() {
    assert!(!Client::connected(&["a"]).session.outlives_socket());
}

#[test]
fn a_failed_offer_releases_the_viewer() {
    let mut client = player(Some("a"));
    offer(&mut client);
    client.session.handle_answer(client.now, Err("no video".to_owned()));
    let outputs = client.outputs();
    assert_eq!(done(&outputs), [Output::End]);
    assert_eq!(sent(&outputs), [error("webrtc/offer: no video")]);
}

#[test]
fn another_offer_replaces_the_viewer() {
    let mut client = player(Some("a"));
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    client.outputs();
    let outputs = offer(&mut client);
    assert_eq!(outputs[0], Output::End);
    assert_eq!(outputs[1..], opened());
}

#[test]
fn the_two_families_do_not_share_a_viewer() {
    let mut client = player(Some("a"));
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    client.outputs();
    let outputs = client.init(&["a"]);
    assert_eq!(sent(&outputs), [error("multistream/init: session already initialized")]);
    assert_eq!(client.send("multistream/close", json!({})), []);

    let mut client = player(Some("a"));
    client.init(&["b"]);
    let outputs = offer(&mut client);
    assert_eq!(sent(&outputs), [error("webrtc/offer: session already initialized")]);
}

#[test]
fn candidates_of_the_other_family_do_not_reach_a_player() {
    let mut client = player(Some("a"));
    client.init(&["b"]);
    client.send("multistream/ice", json!({ "candidate": "candidate:old" }));
    client.send("multistream/close", json!({}));
    assert_eq!(offer(&mut client), opened());
}
