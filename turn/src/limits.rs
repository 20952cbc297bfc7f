//! What a TURN server may cost, and what a relay may hold.

use std::time::Duration;

/// From the wish for a connection to its being there, names, TCP and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The first wait for a response over UDP; it doubles with each sending (RFC 8489 section 6.2.1).
pub const RETRANSMIT_AFTER: Duration = Duration::from_millis(500);
/// How often a request is sent over UDP. With the wait above it is given up after 15.5 s.
pub const SENDS_MAX: u32 = 5;
/// The wait for a response over TCP, where nothing is sent twice.
pub const STREAM_TIMEOUT: Duration = Duration::from_secs(15);
/// How often one request may be told of another nonce.
pub const NONCES_MAX: u32 = 3;
/// How often a server may name another one (300) before that counts as a failure.
pub const ALTERNATES_MAX: u32 = 3;
/// Longest realm and nonce in bytes (RFC 8489 sections 14.9 and 14.10: 127 characters, in UTF-8).
pub const REALM_MAX_BYTES: usize = 763;

/// The allocation is refreshed this often. It would last ten minutes; but what has NAT between us
/// and the server forgets UDP after 30 s of silence, and an allocation that is lost should be
/// missed before its viewers are.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(25);
/// Permissions last this long (RFC 8656 section 9).
pub const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// Channels last this long (RFC 8656 section 12).
pub const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// For so long after its end, a channel's number is no other peer's (RFC 8656 section 12).
pub const CHANNEL_REST: Duration = Duration::from_secs(300);
/// Permissions and channels are looked through this often...
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// ...renewed this long before their end...
pub const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// ...and not renewed after this long without a datagram.
pub const IDLE: Duration = Duration::from_secs(120);
/// A refused permission is not asked for again within this time.
pub const REFUSED_FOR: Duration = Duration::from_secs(30);
/// Addresses with a permission, and peers with a channel, at a time: as many of each. A viewer has
/// a handful of candidates, and one peer.
pub const PEERS_MAX: usize = 1_024;
/// Datagrams to one address that wait for its permission: the first checks of ICE.
pub const HELD_MAX: usize = 4;
/// Bytes of such a datagram.
pub const HELD_MAX_BYTES: usize = 1_500;
/// Datagrams to one peer before it gets a channel: who is only checked needs none.
pub const CHANNEL_AFTER: u32 = 12;

/// The wait after a first failure; it doubles with each that follows.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait after a failure, before its jitter.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// An allocation that lived this long was no failure: the next wait is the shortest again.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);

const _: () = assert!(SWEEP_INTERVAL.as_secs() * 2 < RENEW_BEFORE.as_secs());
const _: () = assert!(IDLE.as_secs() < PERMISSION_LIFETIME.as_secs());
