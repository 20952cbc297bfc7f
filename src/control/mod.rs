//! The WebSocket's messages, typed both ways, and the state machine of one socket.
//!
//! May not contain: sockets, clocks, threads, files, randomness, str0m. Time is an argument;
//! what is to be done comes out of [`Session::poll_output`].

pub mod limits;
pub mod message;
pub mod session;
mod slots;
#[cfg(test)]
mod tests;

pub use session::{Answer, Output, Session, SessionOptions};
