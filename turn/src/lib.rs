//! The client of a TURN server (RFC 8656): an address elsewhere, at which peers reach us who
//! can't reach ours.
//!
//! Pure: bytes and time come in as arguments, what is to be done is polled. One [`Client`] is
//! one allocation on one server, shared by all who are reached through it: a server tells peers
//! apart by their addresses, and so do we. It knows nothing of ICE.

mod client;
mod frames;
pub mod fuzzing;
pub mod limits;
mod peers;
mod stun;

pub use self::client::{Client, Options, Output, Status};
