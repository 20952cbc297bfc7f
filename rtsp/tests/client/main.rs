//! The client against cameras played by hand.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod audio;
mod auth;
mod bad_input;
mod bench;
mod handshake;
mod keepalive;
mod media;
mod multicast;
mod recovery;
mod redirect;
mod renewal;
mod secure;
mod splits;
mod udp;
