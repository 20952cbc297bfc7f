//! What a viewer sees when it switches: the matrix alone, without a network, in virtual time.
//!
//! Every picture that leaves a slot in any of these tests is held against the rules of
//! [`screen::Screen`] as well.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that can't go on fails"
)]

#[path = "../sim/picture.rs"]
mod picture;
#[path = "../sim/prng.rs"]
mod prng;
#[path = "../sim/screen.rs"]
mod screen;

mod bench;
mod seen;

mod audio;
mod cache;
mod codecs;
mod demand;
mod instant;
mod many;
mod pacing;
mod repair;
mod status;
mod timeline;
mod waiting;
