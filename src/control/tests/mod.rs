//! What a client sees of a session, one behaviour a file.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, Output, Session, SessionOptions};
use crate::engine::status::{SlotStatus, Status};

mod hostile;
mod offering;
mod opening;
mod pausing;
mod single_camera;
mod switching;

/// The streams that exist.
const KNOWN: &[&str] = &["a", "b", "c", "a-360p"];

/// A client with its session.
struct Client {
    session: Session,
    now: Instant,
}

impl Client {
    fn new() -> Self {
        Self::with(SessionOptions { max_slots: 9, src: None })
    }

    fn with(options: SessionOptions) -> Self {
        Self { session: Session::new(options), now: Instant::now() }
    }

    /// A client whose connection is up, everything said so far taken away.
    fn connected(streams: &[&str]) -> Self {
        let mut client = Self::answered(streams);
        client.session.handle_connected(client.now);
        client.outputs();
        client
    }

    /// A client that has its answer.
    fn answered(streams: &[&str]) -> Self {
        let mut client = Self::new();
        client.init(streams);
        client.send("multistream/offer", json!({ "request_id": "o", "sdp": "offer" }));
        client.session.handle_answer(client.now, Ok(answer()));
        client.outputs();
        client
    }

    fn init(&mut self, streams: &[&str]) -> Vec<Output> {
        let slots: Vec<Value> = streams
            .iter()
            .enumerate()
            .map(|(slot, stream)| json!({ "slot": slot, "stream": stream }))
            .collect();
        self.send("multistream/init", json!({ "request_id": "i", "slots": slots }))
    }

    fn send(&mut self, kind: &str, value: Value) -> Vec<Output> {
        self.text(&json!({ "type": kind, "value": value }).to_string())
    }

    fn text(&mut self, text: &str) -> Vec<Output> {
        self.session.handle_text(self.now, text, &|name| KNOWN.contains(&name));
        self.outputs()
    }

    fn truth(&mut self, position: usize, stream: &str, status: Status) -> Vec<Value> {
        self.truth_because(position, stream, status, None)
    }

    fn truth_because(
        &mut self,
        position: usize,
        stream: &str,
        status: Status,
        error: Option<&str>,
    ) -> Vec<Value> {
        let error = error.map(str::to_owned);
        let status = SlotStatus { stream: stream.to_owned(), instead_of: None, status, error };
        self.session.handle_slot_status(self.now, position, &status);
        sent(&self.outputs())
    }

    fn wait(&mut self, duration: Duration) -> Vec<Output> {
        self.now += duration;
        while self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.session.handle_timeout(self.now);
        }
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }
}

fn answer() -> Answer {
    let candidates = vec!["candidate:1 host".to_owned()];
    Answer { sdp: "answer".to_owned(), candidates }
}

/// The messages among some outputs.
fn sent(outputs: &[Output]) -> Vec<Value> {
    let text = |output: &Output| match output {
        Output::Send(text) => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    };
    outputs.iter().filter_map(text).collect()
}

/// The outputs that are no messages.
fn done(outputs: &[Output]) -> Vec<Output> {
    outputs.iter().filter(|output| !matches!(output, Output::Send(_))).cloned().collect()
}

fn error(text: &str) -> Value {
    json!({ "type": "error", "value": text })
}

/// A `multistream/status`, as the clients read it.
fn status(slot: i64, stream: &str, status: &str) -> Value {
    wrap(slot, json!({ "slot": slot, "stream": stream, "status": status }))
}

fn failed(slot: i64, stream: &str, status: &str, error: &str) -> Value {
    wrap(slot, json!({ "slot": slot, "stream": stream, "status": status, "error": error }))
}

fn wrap(slot: i64, status: Value) -> Value {
    let kind = "multistream/status";
    json!({ "type": kind, "value": { "type": kind, "slot": slot, "status": status } })
}
