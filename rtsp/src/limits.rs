//! Every cap of this crate, in one place: what a peer can make us hold, and why that much.

/// Longest start line plus headers of one message, in bytes. Real ones stay under 2 KiB; digest
/// challenges of some NVRs reach 6 KiB.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most header lines of one message. Real ones have at most 20.
pub const MAX_HEADERS: usize = 128;
/// Longest message body, in bytes. SDP of a 64-channel recorder is about 40 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Longest first line tested for an unknown request method, in bytes.
pub const MAX_REQUEST_LINE_BYTES: usize = 8 * 1024;
/// Bytes skipped in search of the next message before a connection counts as lost. One frame is
/// at most 64 KiB, so a truncated one is always survived.
pub const MAX_GARBAGE_BYTES: usize = 128 * 1024;
/// Resynchronisations within [`RESYNC_WINDOW_MS`] after which a connection counts as lost.
pub const MAX_RESYNCS: usize = 3;
/// The window of [`MAX_RESYNCS`], in milliseconds.
pub const RESYNC_WINDOW_MS: u64 = 10_000;

/// Longest reply to the GET of an HTTP tunnel, in bytes.
pub const MAX_TUNNEL_HEAD_BYTES: usize = 16 * 1024;

/// Longest URL accepted from configuration, SDP or a reply, in bytes.
pub const MAX_URL_BYTES: usize = 4 * 1024;
/// Most challenges read from the `WWW-Authenticate` headers of one reply.
pub const MAX_CHALLENGES: usize = 8;
/// Longest value of one authentication parameter, in bytes; a nonce is echoed in every request.
pub const MAX_AUTH_VALUE_BYTES: usize = 4 * 1024;
/// Longest session identifier echoed in requests, in bytes.
pub const MAX_SESSION_ID_BYTES: usize = 512;

/// Longest SDP read, in bytes; the rest is ignored. Same as the body cap.
pub const MAX_SDP_BYTES: usize = MAX_BODY_BYTES;
/// Most `m=` sections kept of one SDP; later ones are ignored.
pub const MAX_SDP_MEDIA: usize = 64;
/// Most formats kept of one `m=` section.
pub const MAX_SDP_FORMATS: usize = 16;

/// Redirects followed before giving up on one attempt (RFC 2326 7.1.3 sets no number).
pub const MAX_REDIRECTS: u32 = 5;
/// Informational (1xx) replies tolerated for one request.
pub const MAX_INFORMATIONAL: u32 = 8;
/// Most authentication rounds for one request: the challenge, and one stale nonce.
pub const MAX_AUTH_ROUNDS: u32 = 2;
/// Requests whose replies are still awaited; older ones are forgotten (cameras that never answer
/// keep-alives).
pub const MAX_OUTSTANDING: usize = 16;

/// Longest audio packet, in bytes: two seconds of G.711. Cameras send up to one second.
pub const MAX_AUDIO_PACKET_BYTES: usize = 16_000;
/// Most access units of AAC in one packet. Cameras send up to 16.
pub const MAX_AUDIO_UNITS: usize = 64;

/// Packets held for reordering on UDP.
pub const REORDER_PACKETS: usize = 64;
/// Longest a packet waits for an earlier one on UDP, in milliseconds.
pub const REORDER_MS: u64 = 50;
/// Jump in sequence numbers, in packets, beyond which the sender is taken to have restarted its
/// count (RFC 3550 A.1, `MAX_DROPOUT`).
pub const MAX_SEQUENCE_JUMP: u16 = 3000;
/// Packets by which one may come late on UDP without meaning a restart (RFC 3550 A.1).
pub const MAX_MISORDER: u16 = 100;
/// Packets in a row of another synchronisation source after which it replaces the present one,
/// where it does not do so at once.
pub const FOREIGN_SSRC_RUN: u32 = 16;
/// Silence of the present source, in milliseconds, that has to go with them: a picture of an old
/// session is more than 16 packets.
pub const FOREIGN_SSRC_SILENCE_MS: u64 = 500;

/// Most report blocks read of one RTCP packet (the field has 5 bits).
pub const MAX_REPORT_BLOCKS: usize = 31;
/// Most packets that one NACK may ask for: 61 words, which name up to 17 each.
pub const MAX_MISSING: usize = 1024;
/// Most packets read of one compound RTCP datagram.
pub const MAX_RTCP_PACKETS: usize = 64;
