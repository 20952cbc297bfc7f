//! The WebSocket's messages, typed both ways, and the state machine of one socket.
//!
//! May not contain: sockets, clocks, threads, files, randomness, str0m. Time is an argument;
//! what is to be done comes out of [`Session::poll_output`].

pub mod limits;
pub mod message;
mod output;
pub mod session;
mod slots;
#[cfg(test)]
mod tests;

pub use output::{Answer, Output};
pub use session::{Session, SessionOptions};
