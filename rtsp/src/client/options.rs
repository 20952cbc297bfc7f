//! What a client may be told before it starts, and what it does unless told.

use std::time::Duration;

use crate::url::Url;

/// How the media of a camera is carried. That of an encrypted or tunnelled connection stays in
/// it, whatever is said here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection; UDP never.
    Tcp,
    /// UDP; interleaved only if the camera refuses UDP or nothing arrives by it.
    Udp,
    /// To the multicast group that the camera names, and nothing else: it is for those who know
    /// that their network carries it.
    Multicast,
    /// Interleaved first, because a lost packet costs every picture up to the next IDR; UDP if
    /// the camera refuses that (461).
    #[default]
    Auto,
}

/// Which request keeps a session alive (RFC 2326 10.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// `GET_PARAMETER` where the camera announces it, until it fails once; else `OPTIONS`.
    #[default]
    Auto,
    /// `OPTIONS` alone: for cameras that crash on what they announce.
    Options,
    /// `GET_PARAMETER` alone, announced or not.
    GetParameter,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From `Connect` to the answer of the dialler. 5 s.
    pub connect: Duration,
    /// From a request to its reply, keep-alives excepted: nobody waits for those. 8 s.
    pub request: Duration,
    /// Without any packet of the video track while playing. 8 s.
    pub media: Duration,
    /// Without a picture that can be decoded, though packets come: most cameras begin a session
    /// with a key picture, and none of them takes longer for the next one by itself. 25 s.
    pub picture: Duration,
    /// From PLAY's reply to the first packet on UDP; then TCP is tried. 4 s.
    pub first_datagram: Duration,
    /// From TEARDOWN to closing, if the camera does not reply. 300 ms.
    pub teardown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(8),
            media: Duration::from_secs(8),
            picture: Duration::from_secs(25),
            first_datagram: Duration::from_secs(4),
            teardown: Duration::from_millis(300),
        }
    }
}

/// How long to stay away after a failure.
///
/// The first failure waits `min`, each further one in a row twice as long up to `max`, all up
/// to a quarter longer by chance: a camera that is down for an hour costs at most one attempt
/// in 30 s once the cap is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Shortest wait. 1 s.
    pub min: Duration,
    /// Longest wait, but for the quarter. 30 s.
    pub max: Duration,
    /// Wait after the camera refused the credentials twice: accounts lock. 60 s.
    pub refused: Duration,
    /// Wait if the camera offers nothing we can play. 60 s.
    pub unsupported: Duration,
    /// Media that makes the next failure the first again. 10 s.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(1),
            max: Duration::from_secs(30),
            refused: Duration::from_secs(60),
            unsupported: Duration::from_secs(60),
            reset_after: Duration::from_secs(10),
        }
    }
}

/// Everything a client may be told. `Debug` shows no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address of the stream, with its credentials.
    pub url: Url,
    /// Further addresses of the same stream, each with its own credentials. They are tried in
    /// order, at once, where one gives no media; the back-off counts whole rounds.
    pub alternatives: Vec<Url>,
    /// How the media is carried.
    pub transport: Transport,
    /// Which request keeps a session alive.
    pub keep_alive: KeepAlive,
    /// The camera's audio is asked for, beside its video.
    pub audio: bool,
    /// `User-Agent` of every request; some cameras refuse requests without one.
    pub user_agent: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How long to stay away after a failure.
    pub backoff: Backoff,
}

impl Options {
    /// The defaults for a URL.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            alternatives: Vec::new(),
            transport: Transport::default(),
            keep_alive: KeepAlive::default(),
            audio: true,
            user_agent: concat!("crosspoint/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
            backoff: Backoff::default(),
        }
    }
}
