//! What the tests of this crate share. Not every test uses all of it.
#![allow(dead_code)]

pub mod h264;
