//! `multistream/switch` and `multistream/keyframe`.

use super::*;

fn switch(client: &mut Client, slot: i64, stream: &str) -> Vec<Output> {
    client.send("multistream/switch", json!({ "request_id": "s", "slot": slot, "stream": stream }))
}

fn showing(stream: &str) -> Client {
    let mut client = Client::connected(&[stream, "c"]);
    client.truth(0, stream, Status::Active);
    client
}

#[test]
fn a_switch_is_silent_until_active() {
    let mut client = showing("a");
    let expected = [Output::Switch { position: 0, stream: "b".to_owned() }];
    assert_eq!(switch(&mut client, 0, "b"), expected);
    assert!(client.truth(0, "b", Status::Buffering).is_empty());
    assert_eq!(client.wait(Duration::from_millis(3999)), []);
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
    assert_eq!(client.session.poll_timeout(), None);
    assert_eq!(client.wait(Duration::from_secs(10)), []);
}

#[test]
fn what_the_old_camera_does_meanwhile_is_not_the_result() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    assert!(client.truth(0, "a", Status::Active).is_empty());
    assert!(client.truth_because(0, "a", Status::Offline, Some("gone")).is_empty());
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
}

#[test]
fn a_switch_without_result_is_buffering_after_4_seconds_and_active_later() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    client.truth(0, "b", Status::Buffering);
    let outputs = client.wait(Duration::from_secs(4));
    assert_eq!(sent(&outputs), [status(0, "b", "buffering")]);
    assert!(client.truth(0, "b", Status::Buffering).is_empty());
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
}

#[test]
fn a_failed_switch_says_why_and_later_what_is_shown() {
    for (status_of, word) in [(Status::Offline, "offline"), (Status::Error, "error")] {
        let mut client = showing("a");
        switch(&mut client, 0, "b");
        client.truth(0, "b", Status::Buffering);
        let said = client.truth_because(0, "b", status_of, Some("no route"));
        assert_eq!(said, [failed(0, "b", word, "no route")]);
        assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
    }
}

#[test]
fn what_is_shown_in_place_of_a_stream_settles_its_switch_and_is_named() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    let truth = SlotStatus {
        stream: "b-360p".to_owned(),
        instead_of: Some("b".to_owned()),
        status: Status::Active,
        error: None,
    };
    client.session.handle_slot_status(client.now, 0, &truth);
    let said = sent(&client.outputs());
    let told = json!({
        "slot": 0, "stream": "b-360p", "quality": "360p", "instead_of": "b", "status": "active",
    });
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["value"]["status"], told);
    // A resume goes back to what was asked for.
    client.send("multistream/pause", json!({ "request_id": "p", "slot": 0 }));
    let outputs = client.send("multistream/resume", json!({ "request_id": "r", "slot": 0 }));
    assert!(outputs.contains(&Output::Resume { position: 0, stream: "b".to_owned() }));
}

#[test]
fn an_unknown_stream_fails_and_what_is_shown_is_said_behind_it() {
    let mut client = showing("a");
    let outputs = switch(&mut client, 0, "nope");
    assert_eq!(done(&outputs), []);
    let expected = [failed(0, "nope", "error", "stream not found"), status(0, "a", "active")];
    assert_eq!(sent(&outputs), expected);
}

#[test]
fn an_unknown_slot_fails_with_a_status() {
    let mut client = showing("a");
    let outputs = switch(&mut client, 5, "b");
    assert_eq!(sent(&outputs), [failed(5, "b", "error", "invalid slot index")]);
    assert_eq!(done(&outputs), []);
}

#[test]
fn the_last_switch_wins() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    switch(&mut client, 0, "c");
    assert!(client.truth(0, "b", Status::Active).is_empty());
    assert_eq!(client.truth(0, "c", Status::Active), [status(0, "c", "active")]);
}

#[test]
fn the_same_stream_again_is_active_at_once() {
    let mut client = showing("a");
    switch(&mut client, 0, "a");
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
}

#[test]
fn a_failed_switch_does_not_end_the_one_under_way() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    let said = sent(&switch(&mut client, 0, "nope"));
    assert_eq!(said, [failed(0, "nope", "error", "stream not found")]);
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
}

#[test]
fn slots_do_not_wait_for_each_other() {
    let mut client = showing("a");
    switch(&mut client, 0, "b");
    client.wait(Duration::from_secs(2));
    switch(&mut client, 1, "a");
    assert_eq!(client.truth(1, "a", Status::Active), [status(1, "a", "active")]);
    let outputs = client.wait(Duration::from_secs(2));
    assert_eq!(sent(&outputs), [status(0, "b", "buffering")]);
}

#[test]
fn quality_is_resolved_and_told_with_the_stream_it_belongs_to() {
    let mut client = showing("b");
    let request = json!({ "slot": 0, "stream": "a", "quality": "360p" });
    let outputs = client.send("multistream/switch", request);
    assert_eq!(outputs, [Output::Switch { position: 0, stream: "a-360p".to_owned() }]);
    let said = client.truth(0, "a-360p", Status::Active);
    assert_eq!(said[0]["value"]["status"]["stream"], "a-360p");
    assert_eq!(said[0]["value"]["status"]["quality"], "360p");
    let said = client.truth(0, "b", Status::Active);
    assert_eq!(said, [status(0, "b", "active")]);
}

#[test]
fn sparse_slot_numbers_are_the_clients() {
    let mut client = Client::new();
    let slots = json!([{ "slot": 40, "stream": "a" }, { "slot": 3, "stream": "b" }]);
    client.send("multistream/init", json!({ "slots": slots }));
    let expected = [Output::Switch { position: 1, stream: "c".to_owned() }];
    assert_eq!(switch(&mut client, 3, "c"), expected);
    assert_eq!(switch(&mut client, 1, "c"), []);
}

#[test]
fn a_switch_while_connecting_is_answered_after_it() {
    let mut client = Client::answered(&["a", "c"]);
    let outputs = switch(&mut client, 0, "b");
    assert_eq!(outputs, [Output::Switch { position: 0, stream: "b".to_owned() }]);
    switch(&mut client, 1, "nope");
    assert!(client.truth(0, "b", Status::Pending).is_empty());
    client.session.handle_connected(client.now);
    let said = sent(&client.outputs());
    let expected = [failed(1, "nope", "error", "stream not found"), status(1, "c", "pending")];
    assert_eq!(said, expected);
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
}

#[test]
fn a_switch_that_failed_while_connecting_is_told_after_it() {
    let mut client = Client::answered(&["a"]);
    switch(&mut client, 0, "b");
    assert!(client.truth_because(0, "b", Status::Offline, Some("no route")).is_empty());
    client.truth(0, "a", Status::Pending);
    client.session.handle_connected(client.now);
    let expected = [failed(0, "b", "offline", "no route"), status(0, "a", "pending")];
    assert_eq!(sent(&client.outputs()), expected);
}

#[test]
fn a_slot_that_began_unknown_can_be_switched() {
    let mut client = Client::connected(&["nope", "a"]);
    switch(&mut client, 0, "b");
    // The engine's last word about the unknown stream may still be on its way.
    assert!(client.truth_because(0, "", Status::Error, Some("stream not found")).is_empty());
    assert_eq!(client.truth(0, "b", Status::Active), [status(0, "b", "active")]);
}

#[test]
fn without_a_session_there_is_nothing_to_switch() {
    let outputs = switch(&mut Client::new(), 0, "a");
    assert_eq!(sent(&outputs), [error("multistream/switch: no active session")]);
    assert_eq!(done(&outputs), []);
}

#[test]
fn a_keyframe_is_asked_for_and_echoed() {
    let mut client = showing("a");
    let kind = "multistream/keyframe";
    for (slot, position) in [(1, Some(1)), (-1, None)] {
        let outputs = client.send(kind, json!({ "request_id": "k", "slot": slot }));
        assert_eq!(done(&outputs), [Output::Keyframe { position }]);
        let value = json!({ "request_id": "k", "slot": slot, "status": "requested" });
        assert_eq!(sent(&outputs), [json!({ "type": kind, "value": value })]);
    }
    let outputs = client.send(kind, json!({ "slot": 9 }));
    assert_eq!(sent(&outputs), [error("multistream/keyframe: invalid slot index")]);
    assert_eq!(done(&outputs), []);
    let outputs = Client::new().send(kind, json!({ "slot": 0 }));
    assert_eq!(sent(&outputs), [error("multistream/keyframe: no active session")]);
}
