//! The client of a room's signalling server (VDO.Ninja): watches the streams of a room, one
//! stream, or publishes one.
//!
//! May not contain: sockets, clocks, threads, files, randomness, nor the peer connections
//! themselves. Text, time, a seed and what becomes of the peers come in, what is to be done
//! comes out.

mod chance;
mod clear;
pub mod crypto;
pub mod data;
mod early;
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
mod machine;
pub mod message;
mod options;
mod output;
mod publishing;
mod share;
mod viewing;

pub use machine::Room;
pub use options::{Flavour, Password, Role, RoomOptions};
pub use output::{Candidate, DataEvent, Event, Output, PeerEvent, PeerKey};
pub use share::{Share, ShareOutput, WorkerKey};
