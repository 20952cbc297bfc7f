//! `multistream/offer`, candidates, and what is said about slots until media flows.

use super::*;

fn offer(client: &mut Client) -> Vec<Output> {
    client.send("multistream/offer", json!({ "request_id": "o", "sdp": "offer" }))
}

#[test]
fn an_offer_before_init_is_an_error() {
    let outputs = offer(&mut Client::new());
    assert_eq!(sent(&outputs), [error("multistream/offer: session not initialized")]);
    assert_eq!(done(&outputs), []);
}

#[test]
fn the_answer_names_every_slot_in_the_order_of_init_then_come_the_candidates() {
    let mut client = Client::new();
    client.send(
        "multistream/init",
        json!({ "slots": [
            { "slot": 7, "stream": "a", "quality": "360p" },
            { "slot": 2, "stream": "nope" },
            { "slot": 0, "stream": "b" },
        ] }),
    );
    assert_eq!(offer(&mut client), [Output::Offer { sdp: "offer".to_owned() }]);
    client.session.handle_answer(client.now, Ok(answer()));
    let kind = "multistream/answer";
    let slots = json!([
        { "slot": 7, "stream": "a-360p", "status": "pending", "quality": "360p" },
        { "slot": 2, "stream": "nope", "status": "error", "error": "stream not found" },
        { "slot": 0, "stream": "b", "status": "pending" },
    ]);
    let value = json!({ "type": kind, "request_id": "o", "sdp": "answer", "slots": slots });
    let ice = json!({ "type": "multistream/ice", "value": "candidate:1 host" });
    assert_eq!(sent(&client.outputs()), [json!({ "type": kind, "value": value }), ice]);
}

#[test]
fn the_answer_tells_what_the_engine_has_said_meanwhile() {
    let mut client = Client::new();
    client.init(&["a", "nope"]);
    client.truth_because(0, "a", Status::Offline, Some("connection refused"));
    client.truth_because(1, "", Status::Error, Some("stream not found"));
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    let slots = &sent(&client.outputs())[0]["value"]["slots"];
    assert_eq!(slots[0]["status"], "offline");
    assert_eq!(slots[0]["error"], "connection refused");
    assert_eq!(slots[1]["stream"], "nope");
    assert_eq!(slots[1]["error"], "stream not found");
}

#[test]
fn a_failed_offer_is_its_error_and_another_may_follow() {
    let mut client = Client::new();
    client.init(&["a"]);
    offer(&mut client);
    client.session.handle_answer(client.now, Err("no video".to_owned()));
    assert_eq!(sent(&client.outputs()), [error("multistream/offer: no video")]);
    assert_eq!(offer(&mut client), [Output::Offer { sdp: "offer".to_owned() }]);
}

#[test]
fn an_empty_offer_and_a_second_one_are_errors() {
    let mut client = Client::new();
    client.init(&["a"]);
    let outputs = client.send("multistream/offer", json!({ "request_id": "o" }));
    assert_eq!(sent(&outputs), [error("multistream/offer: no sdp")]);
    let mut client = Client::connected(&["a"]);
    assert_eq!(sent(&offer(&mut client)), [error("multistream/offer: offer already answered")]);
}

#[test]
fn no_error_overtakes_the_reply_to_an_offer() {
    let mut client = Client::new();
    client.init(&["a"]);
    offer(&mut client);
    assert_eq!(client.send("multistream/keyframe", json!({ "slot": 5 })), []);
    assert_eq!(client.send("multistream/init", json!({})), []);
}

#[test]
fn no_status_is_sent_before_the_connection_then_every_slots_once() {
    let mut client = Client::new();
    client.init(&["a", "nope", "b"]);
    assert!(client.truth(0, "a", Status::Buffering).is_empty());
    offer(&mut client);
    client.session.handle_answer(client.now, Ok(answer()));
    client.outputs();
    assert!(client.truth(2, "b", Status::Buffering).is_empty());
    assert!(client.truth_because(0, "a", Status::Offline, Some("timed out")).is_empty());
    client.session.handle_connected(client.now);
    let expected = [
        failed(0, "a", "offline", "timed out"),
        failed(1, "nope", "error", "stream not found"),
        status(2, "b", "buffering"),
    ];
    assert_eq!(sent(&client.outputs()), expected);
    client.session.handle_connected(client.now);
    assert_eq!(client.outputs(), []);
}

#[test]
fn a_status_that_repeats_itself_is_said_once() {
    let mut client = Client::connected(&["a"]);
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
    assert!(client.truth(0, "a", Status::Active).is_empty());
    assert_eq!(client.truth(0, "a", Status::Buffering), [status(0, "a", "buffering")]);
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
}

#[test]
fn candidates_wait_for_the_offer() {
    let mut client = Client::new();
    client.init(&["a"]);
    assert_eq!(client.send("multistream/ice", json!({ "candidate": "candidate:9" })), []);
    let outputs = offer(&mut client);
    let candidate = Output::RemoteCandidate("candidate:9".to_owned());
    assert_eq!(outputs, [Output::Offer { sdp: "offer".to_owned() }, candidate]);
}

#[test]
fn no_candidate_is_ever_an_error() {
    let mut client = Client::connected(&["a"]);
    let long = "x".repeat(600);
    for value in [
        json!({ "candidate": "" }),
        json!({ "candidate": null }),
        json!({ "candidate": 5 }),
        json!({}),
        json!(null),
        json!([1]),
        json!({ "candidate": long }),
    ] {
        assert_eq!(client.send("multistream/ice", value), []);
    }
    let mdns = "candidate:1 1 udp 1 0f1b.local 9 typ host";
    let expected = [Output::RemoteCandidate(mdns.to_owned())];
    assert_eq!(client.send("multistream/ice", json!({ "candidate": mdns })), expected);
    assert_eq!(client.send("multistream/ice", json!(mdns)), expected);
}

#[test]
fn candidates_of_a_viewer_that_is_gone_do_not_reach_the_next() {
    let mut client = Client::connected(&["a"]);
    client.send("multistream/close", json!({}));
    client.send("multistream/ice", json!({ "candidate": "candidate:old" }));
    client.init(&["a"]);
    assert_eq!(offer(&mut client), [Output::Offer { sdp: "offer".to_owned() }]);
}

#[test]
fn only_so_many_candidates_wait() {
    let mut client = Client::new();
    client.init(&["a"]);
    for i in 0..1000 {
        client.send("multistream/ice", json!({ "candidate": format!("candidate:{i}") }));
    }
    assert_eq!(offer(&mut client).len(), 1 + super::super::limits::CANDIDATES_MAX);
}

#[test]
fn a_lost_connection_is_told_and_init_is_allowed_again() {
    let mut client = Client::connected(&["a"]);
    client.session.handle_lost(client.now);
    let reason = json!({ "reason": "connection_lost" });
    let told = json!({ "type": "multistream/disconnected", "value": reason });
    let outputs = client.outputs();
    assert_eq!(sent(&outputs), [told]);
    assert_eq!(done(&outputs), [Output::End]);
    client.session.handle_lost(client.now);
    assert_eq!(client.outputs(), []);
    assert_eq!(done(&client.init(&["a"])).len(), 1);
}

#[test]
fn a_connection_that_never_came_up_is_told_too() {
    let mut client = Client::answered(&["a"]);
    client.session.handle_lost(client.now);
    assert_eq!(sent(&client.outputs())[0]["type"], "multistream/disconnected");
}

#[test]
fn an_address_of_ours_that_comes_later_is_told_in_the_viewers_own_words() {
    let later = ["candidate:2 relay".to_owned()];
    let mut client = Client::answered(&["a"]);
    client.session.handle_candidates(&later);
    let ice = json!({ "type": "multistream/ice", "value": later[0] });
    assert_eq!(sent(&client.outputs()), [ice]);

    let mut client = Client::with(SessionOptions { max_slots: 1, src: Some("a".to_owned()) });
    client.send("webrtc/offer", json!("offer"));
    client.session.handle_answer(client.now, Ok(answer()));
    client.outputs();
    client.session.handle_candidates(&later);
    let candidate = json!({ "type": "webrtc/candidate", "value": later[0] });
    assert_eq!(sent(&client.outputs()), [candidate]);
}
