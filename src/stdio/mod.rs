//! What a program that has started us says and is told, in lines of JSON: commands on standard
//! input, events on standard output. `docs/stdio.schema.json` has all of both.
//!
//! May not contain: descriptors, clocks, threads. Bytes and the time come in, lines go out.

mod command;
mod event;
pub mod limits;
mod lines;
mod modes;
mod narrow;
mod outbox;

pub use command::{Command, Id, Mistake, Request, request};
pub use event::{Code, Event, Finished, SocketState, Stats, WorkerState, of_index};
pub use lines::{Line, Lines};
pub use modes::{Mode, Modes};
pub use narrow::{for_room, for_stream, needed};
pub use outbox::{Full, Outbox, Weight};
