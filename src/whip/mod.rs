//! The WHIP client (RFC 9725): hands a stream on to a media server.
//!
//! May not contain: sockets, clocks, threads, files, randomness, nor the peer connection
//! itself. Bytes, time and what becomes of the peer come in, what is to be done comes out.

mod backoff;
mod client;
#[cfg(test)]
mod client_tests;
pub mod limits;

pub use client::{Client, Output, Status};
