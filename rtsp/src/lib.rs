//! RTSP 1.0 (RFC 2326) without sockets.
//!
//! A client and a server session, and what they are made of: messages and interleaved framing,
//! authentication, SDP, RTP and RTCP, and access units of H.264 and H.265. Nothing in here opens a
//! socket, reads a clock, starts a thread or rolls a die: bytes, time and seeds are arguments, and
//! what is to be done comes out of `poll_output`. Peers are not trusted; every cap is in
//! [`limits`].

pub mod audio;
pub mod auth;
pub mod client;
pub mod digest;
#[doc(hidden)]
pub mod fuzzing;
pub mod h264;
#[cfg(feature = "h265")]
pub mod h265;
pub mod interleaved;
pub mod limits;
pub mod message;
pub mod payloads;
pub mod random;
pub mod rate;
mod receive;
pub mod reorder;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod server;
pub mod transport;
pub mod tunnel;
pub mod url;
pub mod video;
