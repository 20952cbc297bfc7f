//! The state machine of one WebSocket.

use std::time::Instant;

use crate::engine::status::SlotStatus;

/// What a session is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Most slots of one `multistream/init`, 1..=64.
    pub max_slots: usize,
    /// The `src` of the socket's query: the one stream of a `webrtc/*` session.
    pub src: Option<String>,
}

/// The peer's answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP answer (RFC 3264).
    pub sdp: String,
    /// The same candidates as in the SDP, as bare `candidate:` strings, to be sent behind it.
    pub candidates: Vec<String>,
}

/// What the owner of a session has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this text frame.
    Send(String),
    /// Close the socket. An [`Output::End`] stands before it where one is due.
    Close {
        /// The close code of RFC 6455 section 7.4.
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
    /// A viewer with these slots begins: its cameras may connect. One entry per m-line to
    /// come; `None` is an unknown stream, whose slot keeps its place.
    Open {
        /// Resolved stream names by position.
        slots: Vec<Option<String>>,
    },
    /// Create the peer for this offer and call [`Session::handle_answer`] at once.
    Offer {
        /// The SDP offer.
        sdp: String,
    },
    /// Add the viewer's ICE candidate; anything unusable in it is ignored.
    RemoteCandidate(String),
    /// Show another stream in a slot.
    Switch {
        /// The slot's position among those of [`Output::Open`].
        position: usize,
        /// The resolved stream name.
        stream: String,
    },
    /// Stop sending a slot and release its source.
    Pause {
        /// The slot's position.
        position: usize,
    },
    /// Go on with a paused slot.
    Resume {
        /// The slot's position.
        position: usize,
        /// The resolved stream name.
        stream: String,
    },
    /// Give a slot a fresh key picture.
    Keyframe {
        /// The slot's position; `None` is all slots.
        position: Option<usize>,
    },
    /// Release the viewer of the last [`Output::Open`].
    End,
}

/// The state machine of one WebSocket.
#[derive(Debug)]
pub struct Session;

impl Session {
    /// A session of a socket that was just opened.
    #[must_use]
    pub fn new(_options: SessionOptions) -> Self {
        Self
    }

    /// Takes a text frame; `known` tells whether a resolved stream name is configured.
    pub fn handle_text(&mut self, _now: Instant, _text: &str, _known: &dyn Fn(&str) -> bool) {}

    /// Takes a binary frame, which is an error.
    pub fn handle_binary(&mut self, _now: Instant) {}

    /// Takes the answer to [`Output::Offer`], or why there is none.
    pub fn handle_answer(&mut self, _now: Instant, _answer: Result<Answer, String>) {}

    /// ICE and DTLS are up.
    pub fn handle_connected(&mut self, _now: Instant) {}

    /// The connection failed, or stayed lost beyond its grace period.
    pub fn handle_lost(&mut self, _now: Instant) {}

    /// Takes what a slot really shows; repetitions do no harm.
    pub fn handle_slot_status(&mut self, _now: Instant, _position: usize, _status: &SlotStatus) {}

    /// The time of [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Session::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Whether the viewer goes on when the socket closes (`webrtc/*`).
    #[must_use]
    pub fn outlives_socket(&self) -> bool {
        false
    }
}
