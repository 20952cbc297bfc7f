//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod h264;
