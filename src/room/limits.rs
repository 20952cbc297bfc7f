//! What a room, its server and whoever is in it may cost.

use std::time::Duration;

/// One message of the server or of a data channel in bytes: pages send up to 35 kB.
pub const MESSAGE_MAX_BYTES: usize = 128 * 1024;
/// One SDP in bytes: a page's with all its codecs has 6 kB.
pub const SDP_MAX_BYTES: usize = 48 * 1024;
/// A peer's, stream's or session's id in bytes; those of pages have 10 to 70.
pub const ID_MAX_BYTES: usize = 96;
/// One candidate line in bytes.
pub const CANDIDATE_MAX_BYTES: usize = 512;
/// Candidates of one message that are looked at.
pub const CANDIDATES_PER_MESSAGE_MAX: usize = 32;
/// Members of one listing that are looked at.
pub const MEMBERS_MAX: usize = 512;
/// Words of the server that are passed on, in characters.
pub const NOTICE_MAX_CHARS: usize = 200;

/// Streams of one room.
pub const STREAMS_MAX: usize = 64;
/// Streams that one WebSocket is shared by: each has a process.
pub const WORKERS_MAX: usize = 64;
/// How long the process of a stream that has left waits for it to come back.
pub const WORKER_AWAY_MAX: Duration = Duration::from_secs(60);
/// Messages that wait for such a process to begin.
pub const HELD_MESSAGES_MAX: usize = 64;
/// Sessions of one WebSocket whose stream is remembered.
pub const SHARED_SESSIONS_MAX: usize = 512;
/// Viewers of one stream that is published into a room.
pub const VIEWERS_MAX: usize = 64;
/// Ended sessions of a stream that are remembered, so that none comes twice.
pub const SESSIONS_REMEMBERED: usize = 8;

/// Peers and sessions whose candidates came before their description.
pub const EARLY_SESSIONS_MAX: usize = 32;
/// Such candidates of one session.
pub const EARLY_CANDIDATES_MAX: usize = 32;
/// How long such candidates are kept.
pub const EARLY_MAX_AGE: Duration = Duration::from_secs(15);

/// From the question for the server's address to an open WebSocket.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The wait after a first failure of the WebSocket; it doubles with each that follows.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait after a failure, before its jitter.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// The least wait after a server that is full or has too many connections of ours.
pub const BUSY_MIN: Duration = Duration::from_secs(30);
/// A WebSocket that lived this long did not fail: the next wait is the shortest again.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);
/// After a rejoin publishers offer by themselves on some servers; then they are asked.
pub const REJOIN_GRACE: Duration = Duration::from_secs(2);

/// The wait after a first `play` that brought nothing; it doubles with each that follows. A
/// page's publisher takes 3 s to give up the peer connection that it has.
pub const PLAY_RETRY_MIN: Duration = Duration::from_secs(4);
/// The longest such wait.
pub const PLAY_RETRY_MAX: Duration = Duration::from_secs(60);
/// Between two `play` of one stream, whatever was announced.
pub const PLAY_SPACING: Duration = Duration::from_secs(1);
/// `play` in a row without an offer, after which the stream counts as gone.
pub const PLAYS_MAX: u32 = 4;

/// From an offer to ICE and DTLS being up.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a lost path may take to come back: a page restarts ICE after some 10 s.
pub const LOST_GRACE: Duration = Duration::from_secs(15);
/// Between two offers of other ICE credentials to one viewer: checks take a few seconds.
pub const RESTART_SPACING: Duration = Duration::from_secs(5);
/// Without media for this long a peer is no reason any more to keep another one out.
pub const MEDIA_SILENCE: Duration = Duration::from_secs(3);
/// A peer whose media have stopped for this long is given up, and its stream is asked for again: a
/// page that froze keeps its connection. A peer that never sent any is left alone.
pub const MEDIA_GONE: Duration = Duration::from_secs(15);
/// Media that flow for this long make the next failure of a stream the first again.
pub const MEDIA_STABLE: Duration = Duration::from_secs(30);
/// How long an offer for a stream that still flows waits for it to end.
pub const HELD_MAX: Duration = Duration::from_secs(15);
/// A viewer that asks again this long after its offer, and is not connected, gets a new one.
pub const REOFFER_AFTER: Duration = Duration::from_secs(3);
