//! Recordings: the pictures and the sound of one source in files, as they came.
//!
//! Pure: no disk, clock or thread. A [`Recorder`] takes frames and says which files are to be made
//! and what is to be written into them; whoever does so says what became of it. Every write is a
//! whole fragment, so that a file can be played whenever its writing ends.

mod bits;
pub mod container;
pub mod format;
mod fragment;
#[doc(hidden)]
pub mod fuzzing;
pub mod hls;
pub mod index;
pub mod limits;
mod matroska;
mod merge;
mod mp4;
mod output;
mod part;
mod recorder;
pub mod sample;
pub mod segment;
mod setup;
pub mod template;

pub use output::{Failure, FileId, Output};
pub use part::{Counts, Veil};
pub use recorder::{Options, Recorder, State, Totals};
