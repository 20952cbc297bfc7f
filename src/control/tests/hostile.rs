//! What no client would send.

use proptest::prelude::*;

use super::*;
use crate::control::limits::{MESSAGE_MAX_BYTES, OUTPUTS_MAX};

fn closes(outputs: &[Output], code: u16) {
    assert_eq!(sent(outputs).len(), 1, "one error: {outputs:?}");
    assert_eq!(sent(outputs)[0]["type"], "error");
    let last = outputs.last().unwrap();
    assert!(matches!(last, Output::Close { code: found, .. } if *found == code), "{last:?}");
}

#[test]
fn malformed_json_is_one_error_then_the_end() {
    let deep = "[".repeat(100_000);
    for text in ["", "{", "nonsense", "[]", "\"a\"", "null", deep.as_str()] {
        let mut client = Client::connected(&["a"]);
        let outputs = client.text(text);
        closes(&outputs, 1007);
        assert!(outputs.contains(&Output::End));
        assert_eq!(client.init(&["a"]), [], "nothing follows");
        client.session.handle_binary(client.now);
        assert_eq!(client.outputs(), [], "nothing follows");
    }
}

#[test]
fn a_binary_frame_is_one_error_then_the_end() {
    let mut client = Client::new();
    client.session.handle_binary(client.now);
    closes(&client.outputs(), 1003);
}

#[test]
fn an_oversize_frame_is_one_error_then_the_end() {
    let head = r#"{"type":"mse","value":""#;
    let fits = format!("{head}{}\"}}", "x".repeat(MESSAGE_MAX_BYTES - head.len() - 2));
    let mut client = Client::new();
    assert_eq!(client.text(&fits), []);
    closes(&client.text(&format!("{fits} ")), 1009);
}

#[test]
fn a_players_viewer_survives_its_sockets_nonsense() {
    let mut client = Client::with(SessionOptions { max_slots: 9, src: Some("a".to_owned()) });
    client.send("webrtc/offer", json!("offer"));
    client.session.handle_answer(client.now, Ok(answer()));
    client.outputs();
    let outputs = client.text("nonsense");
    closes(&outputs, 1007);
    assert!(!outputs.contains(&Output::End));
    assert!(client.session.outlives_socket());
}

#[test]
fn a_long_request_id_is_not_echoed_and_a_long_name_is_cut() {
    let mut client = Client::new();
    let id = "i".repeat(300);
    let slots = json!([{ "slot": 0, "stream": "a" }]);
    let outputs = client.send("multistream/init", json!({ "request_id": id, "slots": slots }));
    assert_eq!(sent(&outputs)[0]["value"], json!({ "slots": 1 }));
    let mut client = Client::connected(&["a"]);
    let name = "ü".repeat(5000);
    let said = sent(&client.send("multistream/switch", json!({ "slot": 0, "stream": name })));
    assert!(said[0].to_string().len() < 1000);
}

#[test]
fn an_owner_who_never_polls_does_not_grow_the_queue() {
    let mut client = Client::connected(&["a"]);
    let now = client.now;
    let text = json!({ "type": "multistream/keyframe", "value": { "slot": -1 } }).to_string();
    for _ in 0..10 * OUTPUTS_MAX {
        client.session.handle_text(now, &text, &|_| true);
    }
    let outputs = client.outputs();
    assert!(outputs.len() <= OUTPUTS_MAX + 2);
    assert!(matches!(outputs.last(), Some(Output::Close { code: 1011, .. })));
}

/// Any request, with any of the values that matter.
fn request() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("init"),
        Just("offer"),
        Just("switch"),
        Just("pause"),
        Just("resume"),
        Just("keyframe"),
        Just("ice"),
        Just("close"),
    ];
    let stream = prop_oneof![Just("a"), Just("b"), Just("nope"), Just("")];
    (kind, -2..4i64, stream).prop_map(|(kind, slot, stream)| {
        let slots = json!([{ "slot": slot, "stream": stream }, { "slot": 1, "stream": "b" }]);
        let value = json!({
            "slot": slot, "stream": stream, "slots": slots, "sdp": "offer",
            "candidate": "candidate:1",
        });
        json!({ "type": format!("multistream/{kind}"), "value": value }).to_string()
    })
}

/// What the owner of a session does, in any order.
#[derive(Debug, Clone)]
enum Step {
    Text(String),
    Connected,
    Lost,
    Truth(usize, &'static str, Status),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        Just(Status::Pending),
        Just(Status::Buffering),
        Just(Status::Active),
        Just(Status::Paused),
        Just(Status::Offline),
        Just(Status::Error),
    ];
    let stream = prop_oneof![Just("a"), Just("b"), Just("")];
    prop_oneof![
        4 => request().prop_map(Step::Text),
        2 => Just(Step::Connected),
        1 => Just(Step::Lost),
        4 => (0..3usize, stream, status).prop_map(|(slot, name, status)| {
            Step::Truth(slot, name, status)
        }),
        1 => (0..6000u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_viewers_open_and_end_in_turn_and_statuses_need_a_connection(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut client = Client::new();
        let (mut open, mut answered, mut connected) = (false, false, false);
        for step in steps {
            let mut outputs = match step {
                Step::Text(text) => client.text(&text),
                Step::Connected => {
                    connected = answered;
                    client.session.handle_connected(client.now);
                    client.outputs()
                }
                Step::Lost => {
                    client.session.handle_lost(client.now);
                    client.outputs()
                }
                Step::Truth(position, stream, status) => {
                    let stream = stream.to_owned();
                    let status = SlotStatus { stream, instead_of: None, status, error: None };
                    client.session.handle_slot_status(client.now, position, &status);
                    client.outputs()
                }
                Step::Wait(ms) => client.wait(Duration::from_millis(ms)),
            };
            if outputs.iter().any(|output| matches!(output, Output::Offer { .. })) {
                client.session.handle_answer(client.now, Ok(answer()));
                outputs.extend(client.outputs());
                answered = true;
            }
            for output in &outputs {
                match output {
                    Output::Open { slots, .. } => {
                        prop_assert!(!std::mem::replace(&mut open, true));
                        prop_assert_eq!(slots.len(), 2);
                    }
                    Output::End => {
                        prop_assert!(std::mem::replace(&mut open, false));
                        (answered, connected) = (false, false);
                    }
                    Output::Switch { position, .. } | Output::Pause { position }
                    | Output::Resume { position, .. } => {
                        prop_assert!(open && *position < 2);
                    }
                    Output::Send(text) if text.contains("multistream/status") => {
                        prop_assert!(connected, "status without a connection: {}", text);
                    }
                    _ => {}
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_session_panic(text in ".{0,200}") {
        Client::connected(&["a"]).text(&text);
    }
}
