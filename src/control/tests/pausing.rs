//! `multistream/pause` and `multistream/resume`.

use super::*;

fn pause(client: &mut Client, slot: i64) -> Vec<Output> {
    client.send("multistream/pause", json!({ "request_id": "p", "slot": slot }))
}

fn paused() -> Client {
    let mut client = Client::connected(&["a", "c"]);
    client.truth(0, "a", Status::Active);
    pause(&mut client, 0);
    client.truth(0, "a", Status::Paused);
    client
}

#[test]
fn a_pause_is_told_when_it_is_true() {
    let mut client = Client::connected(&["a"]);
    client.truth(0, "a", Status::Active);
    assert_eq!(pause(&mut client, 0), [Output::Pause { position: 0 }]);
    assert_eq!(client.truth(0, "a", Status::Paused), [status(0, "a", "paused")]);
}

#[test]
fn a_second_pause_is_answered_too() {
    let mut client = paused();
    pause(&mut client, 0);
    assert_eq!(client.truth(0, "a", Status::Paused), [status(0, "a", "paused")]);
}

#[test]
fn a_pause_ends_the_wait_for_a_switch() {
    let mut client = Client::connected(&["a"]);
    client.send("multistream/switch", json!({ "slot": 0, "stream": "b" }));
    pause(&mut client, 0);
    assert_eq!(client.truth(0, "b", Status::Paused), [status(0, "b", "paused")]);
    assert_eq!(client.wait(Duration::from_secs(10)), []);
}

#[test]
fn a_pause_of_the_old_camera_while_it_switches_is_told() {
    let mut client = Client::connected(&["a"]);
    client.send("multistream/switch", json!({ "slot": 0, "stream": "b" }));
    pause(&mut client, 0);
    assert_eq!(client.truth(0, "a", Status::Paused), [status(0, "a", "paused")]);
    assert_eq!(client.wait(Duration::from_secs(10)), []);
}

#[test]
fn resume_is_buffering_at_once_then_active() {
    let mut client = paused();
    let outputs = client.send("multistream/resume", json!({ "slot": 0 }));
    assert_eq!(sent(&outputs), [status(0, "a", "buffering")]);
    assert_eq!(done(&outputs), [Output::Resume { position: 0, stream: "a".to_owned() }]);
    assert!(client.truth(0, "a", Status::Buffering).is_empty());
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
    assert_eq!(client.wait(Duration::from_secs(10)), []);
}

#[test]
fn resume_says_why_it_fails() {
    let mut client = paused();
    client.send("multistream/resume", json!({ "slot": 0 }));
    let said = client.truth_because(0, "a", Status::Offline, Some("no route"));
    assert_eq!(said, [failed(0, "a", "offline", "no route")]);
}

#[test]
fn resume_can_name_another_stream_with_its_quality() {
    let mut client = paused();
    let request = json!({ "slot": 0, "stream": "a", "quality": "360p" });
    let outputs = client.send("multistream/resume", request);
    assert_eq!(done(&outputs), [Output::Resume { position: 0, stream: "a-360p".to_owned() }]);
    assert_eq!(sent(&outputs)[0]["value"]["status"]["quality"], "360p");
}

#[test]
fn resume_to_an_unknown_stream_leaves_the_slot_paused() {
    let mut client = paused();
    let outputs = client.send("multistream/resume", json!({ "slot": 0, "stream": "nope" }));
    assert_eq!(done(&outputs), []);
    let expected = [failed(0, "nope", "error", "stream not found"), status(0, "a", "paused")];
    assert_eq!(sent(&outputs), expected);
}

#[test]
fn resume_goes_back_to_what_was_shown_not_to_what_failed() {
    let mut client = Client::connected(&["a"]);
    client.truth(0, "a", Status::Active);
    client.send("multistream/switch", json!({ "slot": 0, "stream": "b" }));
    client.truth_because(0, "b", Status::Offline, Some("no route"));
    client.truth(0, "a", Status::Active);
    pause(&mut client, 0);
    client.truth(0, "a", Status::Paused);
    let outputs = client.send("multistream/resume", json!({ "slot": 0 }));
    assert_eq!(done(&outputs), [Output::Resume { position: 0, stream: "a".to_owned() }]);
}

#[test]
fn resume_of_a_slot_that_plays_is_a_switch_to_the_same() {
    let mut client = Client::connected(&["a"]);
    client.truth(0, "a", Status::Active);
    let outputs = client.send("multistream/resume", json!({ "slot": 0 }));
    assert!(sent(&outputs).is_empty());
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
}

#[test]
fn resume_of_a_slot_that_never_existed_fails_once() {
    let mut client = Client::connected(&["nope", "a"]);
    let outputs = client.send("multistream/resume", json!({ "slot": 0 }));
    assert_eq!(sent(&outputs), [failed(0, "nope", "error", "stream not found")]);
}

#[test]
fn unknown_slots_and_absent_sessions_are_told() {
    for kind in ["multistream/pause", "multistream/resume"] {
        let mut client = Client::connected(&["a"]);
        let outputs = client.send(kind, json!({ "slot": 7 }));
        assert_eq!(sent(&outputs), [failed(7, "", "error", "invalid slot index")]);
        let outputs = Client::new().send(kind, json!({ "slot": 0 }));
        assert_eq!(sent(&outputs), [error(&format!("{kind}: no active session"))]);
    }
}

#[test]
fn nothing_is_said_about_pausing_before_the_connection() {
    let mut client = Client::answered(&["a"]);
    assert_eq!(pause(&mut client, 0), [Output::Pause { position: 0 }]);
    assert!(client.truth(0, "a", Status::Paused).is_empty());
    client.session.handle_connected(client.now);
    assert_eq!(sent(&client.outputs()), [status(0, "a", "paused")]);
}
