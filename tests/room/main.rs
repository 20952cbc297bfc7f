//! A room's signalling: captured sessions, a whole room in virtual time, and any disorder.
#![cfg(feature = "room")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on fails"
)]

mod captured;
mod corpus;
mod disorder;
mod roles;
#[path = "../room_server/mod.rs"]
mod room_server;
mod share;
mod whole;
mod world;
