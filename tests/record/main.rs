//! Recordings: what goes into files, when a file ends, and where it lies.
//!
//! The media were made by ffmpeg (`media/make`), and `tests/record/run` has ffmpeg play the files
//! that these tests leave in `RECORD_OUT`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that can't go on fails"
)]

mod boxes;
mod containers;
mod corpus;
mod disk;
mod hls;
mod hour;
mod media;
mod packets;
mod parts;
mod pausing;
mod samples;
