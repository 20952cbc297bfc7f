//! The matrix. Pure: it holds no socket, clock, thread, file or randomness, and nothing of
//! str0m or RTSP. Time comes in as an argument, seeds come in as arguments, outputs are polled.
//!
//! A [`source`] is an input of the matrix, a [`slot`] is an output, the [`hub`] closes the
//! crosspoints between them. What crosses is a [`frame::Frame`]: one access unit, already
//! packetized, shared by reference with every slot and with the [`gop`] cache; and beside it a
//! [`frame::AudioFrame`], which nothing keeps.

pub mod alternatives;
pub mod audio_clock;
pub mod capture_clock;
pub mod codec;
pub mod frame;
pub mod gop;
pub mod hub;
pub mod keyframe;
pub mod pacer;
pub mod picture_numbers;
pub mod slot;
pub mod slot_audio;
pub mod source;
pub mod status;
pub mod tail_probe;
pub mod timeline;
pub mod viewer;
pub mod vitals;
