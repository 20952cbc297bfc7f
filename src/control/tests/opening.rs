//! `multistream/init` and `multistream/close`.

use super::*;

#[test]
fn init_opens_the_slots_and_is_ready() {
    let mut client = Client::new();
    let outputs = client.init(&["a", "b"]);
    let slots = vec![Some("a".to_owned()), Some("b".to_owned())];
    assert_eq!(done(&outputs), [Output::Open { slots, audio: vec![] }]);
    let ready = json!({ "type": "multistream/ready", "value": { "request_id": "i", "slots": 2 } });
    assert_eq!(sent(&outputs), [ready]);
}

#[test]
fn an_unknown_stream_keeps_its_place() {
    let mut client = Client::new();
    let outputs = client.init(&["nope", "b"]);
    assert_eq!(
        done(&outputs),
        [Output::Open { slots: vec![None, Some("b".to_owned())], audio: vec![] }]
    );
    assert_eq!(sent(&outputs)[0]["value"]["slots"], 2);
}

#[test]
fn quality_is_part_of_the_name_unless_native() {
    let mut client = Client::new();
    let outputs = client.send(
        "multistream/init",
        json!({ "slots": [
            { "slot": 0, "stream": "a", "quality": "360p" },
            { "slot": 1, "stream": "a", "quality": "native" },
            { "slot": 2, "stream": "a", "quality": "" },
            { "slot": 3, "stream": "a", "quality": null },
        ] }),
    );
    let names = ["a-360p", "a", "a", "a"].map(|name| Some(name.to_owned()));
    assert_eq!(done(&outputs), [Output::Open { slots: names.into(), audio: vec![] }]);
}

#[test]
fn slots_take_audio_where_they_say_so() {
    let slots = json!([
        { "slot": 4, "stream": "a", "audio": true },
        { "slot": 2, "stream": "b" },
        { "slot": 3, "stream": "b", "audio": "yes" },
        { "slot": 1, "stream": "b", "audio": true },
    ]);
    let outputs = Client::new().send("multistream/init", json!({ "slots": slots }));
    let done = done(&outputs);
    assert!(matches!(&done[..], [Output::Open { audio, .. }] if *audio == [0, 3]), "{done:?}");
}

#[test]
fn the_flat_form_is_understood() {
    let mut client = Client::new();
    let text = r#"{"type":"multistream/init","request_id":"f","slots":[{"slot":0,"stream":"a"}]}"#;
    let outputs = client.text(text);
    let reply = &sent(&outputs)[0];
    assert_eq!(reply["value"], json!({ "request_id": "f", "slots": 1 }));
    // The first client looks for them beside the type.
    assert_eq!((&reply["request_id"], &reply["slots"]), (&json!("f"), &json!(1)));
}

#[test]
fn who_writes_wrapped_reads_wrapped() {
    let reply = &sent(&Client::new().init(&["a"]))[0];
    assert_eq!(reply.get("request_id"), None);
}

#[test]
fn each_bad_init_has_its_text_and_the_socket_stays_usable() {
    let slot = |number: i64, stream: &str| json!({ "slot": number, "stream": stream });
    let ten: Vec<Value> = (0..10).map(|i| slot(i, "a")).collect();
    for (slots, text) in [
        (json!([]), "no slots requested"),
        (json!(null), "no slots requested"),
        (json!(ten), "too many slots requested"),
        (json!([slot(0, "a"), slot(-1, "b")]), "invalid slot index"),
        (json!([slot(3, "a"), slot(3, "b")]), "duplicate slot index"),
        (json!([slot(0, "x"), slot(1, "y")]), "no valid slots could be created"),
        (json!("a"), "invalid request"),
        (json!([{ "slot": "0", "stream": "a" }]), "invalid request"),
    ] {
        let mut client = Client::new();
        let outputs = client.send("multistream/init", json!({ "slots": slots }));
        assert_eq!(sent(&outputs), [error(&format!("multistream/init: {text}"))]);
        assert_eq!(done(&outputs), [], "{text}");
        assert!(!done(&client.init(&["a"])).is_empty(), "init again after: {text}");
    }
}

#[test]
fn as_many_slots_as_configured_are_opened() {
    let mut client = Client::new();
    assert_eq!(done(&client.init(&["a"; 9])).len(), 1);
    let mut client = Client::with(SessionOptions { max_slots: 64, src: None });
    assert_eq!(done(&client.init(&["a"; 64])).len(), 1);
    let mut client = Client::with(SessionOptions { max_slots: 64, src: None });
    let outputs = client.init(&["a"; 3000]);
    assert_eq!(sent(&outputs), [error("multistream/init: too many slots requested")]);
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let mut client = Client::connected(&["a"]);
    let outputs = client.init(&["b"]);
    assert_eq!(outputs.len(), 1);
    assert_eq!(sent(&outputs), [error("multistream/init: session already initialized")]);
    assert_eq!(client.truth(0, "a", Status::Active), [status(0, "a", "active")]);
}

#[test]
fn close_ends_the_viewer_without_a_word_and_init_is_allowed_again() {
    let mut client = Client::connected(&["a"]);
    assert_eq!(client.send("multistream/close", json!({})), [Output::End]);
    assert_eq!(client.send("multistream/close", json!({})), []);
    assert_eq!(client.truth(0, "a", Status::Active), Vec::<Value>::new());
    assert_eq!(done(&client.init(&["b"])).len(), 1);
}

#[test]
fn close_before_init_is_nothing() {
    assert_eq!(Client::new().send("multistream/close", json!({})), []);
    assert_eq!(Client::new().text(r#"{"type":"multistream/close"}"#), []);
}

#[test]
fn slots_that_get_no_offer_are_released() {
    let mut client = Client::new();
    client.init(&["a"]);
    assert_eq!(client.wait(Duration::from_secs(29)), []);
    assert_eq!(client.wait(Duration::from_secs(1)), [Output::End]);
    let outputs = client.send("multistream/offer", json!({ "sdp": "offer" }));
    assert_eq!(sent(&outputs), [error("multistream/offer: session not initialized")]);
}
