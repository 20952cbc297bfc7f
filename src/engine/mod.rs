//! The matrix. Pure: no socket, clock, thread, file or randomness, and nothing of str0m.

pub mod status;
