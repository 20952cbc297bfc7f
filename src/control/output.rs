//! What the owner of a session has to do, and what it is told back.

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
        /// Positions of the slots that take audio.
        audio: Vec<usize>,
    },
    /// Create the peer for this offer and call [`super::Session::handle_answer`] at once.
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
