//! What the room wants done, and what it is told.

/// One peer connection of a room, ours to name; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerKey(pub u64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open the WebSocket: [`super::Room::handle_socket_open`] or
    /// [`super::Room::handle_socket_closed`].
    Connect,
    /// Close the WebSocket; nothing has to be told of it.
    Disconnect,
    /// Send this text on the WebSocket.
    Send(String),
    /// Make a peer connection for this first offer and tell its answer
    /// ([`PeerEvent::Description`]). No other peer of the same stream is alive.
    Accept {
        /// The new peer.
        peer: PeerKey,
        /// The stream's name, as people type it: of letters, digits and `_` where it is ours
        /// to view, but up to 96 bytes of anything printable where another program named it.
        stream: String,
        /// The publisher's id of the peer connection; with `stream` it names a recording.
        session: String,
        /// The offer, perhaps with a data channel alone.
        sdp: String,
    },
    /// A later offer for a peer (tracks added, ICE restart), to be answered too.
    Offer {
        /// Whose.
        peer: PeerKey,
        /// The offer.
        sdp: String,
    },
    /// Make a peer connection for a viewer and tell its offer ([`PeerEvent::Description`]).
    MakeOffer {
        /// The new peer.
        peer: PeerKey,
    },
    /// The viewer's answer to the peer's latest offer.
    Answer {
        /// Whose.
        peer: PeerKey,
        /// The answer.
        sdp: String,
    },
    /// A candidate of the other side, as it stands in SDP, without `a=`.
    AddCandidate {
        /// Whose.
        peer: PeerKey,
        /// `candidate:…`
        candidate: String,
    },
    /// Send this text on the peer's data channel `sendChannel`.
    SendData {
        /// Whose.
        peer: PeerKey,
        /// JSON.
        text: String,
    },
    /// A viewer wants a keyframe.
    Keyframe {
        /// Which.
        peer: PeerKey,
    },
    /// What a viewer wants to be sent.
    Wanted {
        /// Which.
        peer: PeerKey,
        /// Whether audio.
        audio: bool,
        /// Whether video.
        video: bool,
    },
    /// A viewer wants an offer of other ICE credentials: tell it ([`PeerEvent::Description`]).
    RestartIce {
        /// Which.
        peer: PeerKey,
    },
    /// End a peer connection; nothing has to be told of it.
    Close {
        /// Which.
        peer: PeerKey,
    },
    /// Something to be told to people.
    Event(Event),
}

/// What is told of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// We are in.
    Joined,
    /// The WebSocket is gone; peers live on.
    Left,
    /// A stream that we want is there.
    StreamAnnounced {
        /// Its name.
        stream: String,
    },
    /// It is not any more.
    StreamGone {
        /// Its name.
        stream: String,
    },
    /// The server's own words, without control characters.
    Notice(String),
    /// The server refused us for good; nothing more is tried.
    Refused(String),
}

/// One ICE candidate of ours, as pages write it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `candidate:…`
    pub candidate: String,
    /// The m-line by name.
    pub sdp_mid: String,
    /// The m-line by number, from 0.
    #[serde(rename = "sdpMLineIndex")]
    pub sdp_m_line_index: u16,
    /// The ICE user name fragment it belongs to.
    pub username_fragment: String,
}

/// What became of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerEvent {
    /// Our answer to the latest offer, or our offer.
    Description(String),
    /// Candidates that do not stand in the description.
    Candidates(Vec<Candidate>),
    /// ICE and DTLS are up, or up again.
    Connected,
    /// The path is lost and may come back.
    Disconnected,
    /// Media came since the last time this was told; to be told at least once a second.
    Media,
    /// The peer connection is over, or took no description.
    Ended,
}

/// What became of a peer's data channel `sendChannel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataEvent<'a> {
    /// It is open.
    Open,
    /// A message.
    Text(&'a str),
    /// It is closed.
    Closed,
}
