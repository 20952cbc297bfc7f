//! What a fuzzer runs: for each parser a function that takes any bytes and asserts what holds for
//! all of them. Not an interface. The fuzz targets call these, and a test replays the corpora.

mod assembler;
mod audio;
mod session;
mod text;

use std::time::Instant;

/// A fuzz target. `now` is any instant: nothing depends on which.
pub type Target = fn(now: Instant, data: &[u8]);

/// Every target with its name, which is that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("assembler", assembler),
    #[cfg(feature = "h265")]
    ("assembler_h265", assembler_h265),
    ("audio", audio),
    ("client", client),
    ("headers", headers),
    ("message", message),
    ("rtcp", rtcp),
    ("sdp", sdp),
    ("server", server),
    ("tunnel", tunnel),
];

/// RTP payloads to access units and back. The input is a list of packets: a byte of flags (1
/// marker, 2 loss before, 4 timer after, 8 new source before), a byte of RTP timestamp, two bytes
/// of length, the payload.
pub fn assembler(now: Instant, data: &[u8]) {
    assembler::run::<crate::h264::H264>(now, data);
}

/// The same of H.265.
#[cfg(feature = "h265")]
pub fn assembler_h265(now: Instant, data: &[u8]) {
    assembler::run::<crate::h265::H265>(now, data);
}

/// Packets of audio, of each kind. The input is a line of format parameters and a list of packets
/// as those of `assembler`.
pub fn audio(_now: Instant, data: &[u8]) {
    audio::run(data);
}

/// A client session in which the camera sends the input, whole and cut at each place.
pub fn client(now: Instant, data: &[u8]) {
    session::cut_anyhow(data, |pieces| session::client(now, pieces));
}

/// A server session in which the reader sends the input, whole and cut at each place.
pub fn server(now: Instant, data: &[u8]) {
    session::cut_anyhow(data, |pieces| session::server(now, pieces));
}

/// The reply to the GET of an HTTP tunnel, whole and cut at each place.
pub fn tunnel(_now: Instant, data: &[u8]) {
    session::cut_anyhow(data, session::tunnel);
    // Of the POST's reply only the beginning is looked at: nothing has to be kept of it.
    let _ = crate::tunnel::Tunnel::check_post_reply(data);
}

/// Framing and messages of a connection, whole and cut at each place.
pub fn message(_now: Instant, data: &[u8]) {
    session::cut_anyhow(data, session::framing);
    text::messages_survive_writing(data);
}

/// Values of headers: `Transport`, `Session`, `WWW-Authenticate`, URLs.
pub fn headers(_now: Instant, data: &[u8]) {
    text::headers(data);
}

/// A session description.
pub fn sdp(_now: Instant, data: &[u8]) {
    text::sdp(data);
}

/// One datagram as RTCP and as RTP.
pub fn rtcp(now: Instant, data: &[u8]) {
    text::datagram(now, data);
}
