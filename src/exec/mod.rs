//! Programs that make a stream: when they run, and what they say.
//!
//! Pure: nothing in here starts a process. `net/programs` does what a [`Supervisor`] wants done.

mod complaints;
pub mod limits;
mod supervisor;

pub use complaints::Complaints;
pub use supervisor::{Output, Supervisor};
