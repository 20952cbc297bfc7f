//! The server's sessions against clients played by hand, and against this crate's client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod bench;
mod pushing;
mod reading;
mod slow;
mod udp;
mod wire;
