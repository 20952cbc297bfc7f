//! H.264 video as it comes over RTP (RFC 6184) and as it goes out again.
//!
//! The [`Assembler`] turns the packets of one track into whole [`AccessUnit`]s, repairs what
//! cameras do wrong on the way and never lets a damaged or undecodable one through;
//! [`packetize`] turns an access unit back into RTP payloads. No socket, no clock, no thread:
//! time comes in as an argument.

mod access_unit;
mod annex_b;
mod assembler;
mod depacketize;
mod endings;
mod gate;
pub mod limits;
mod nal;
mod packetize;
mod parameter_sets;
mod pictures;
mod sps;

pub use access_unit::{AccessUnit, Kind};
pub use annex_b::{annex_b, split_access_units};
pub use assembler::{Assembler, Packet};
pub use gate::{DropReason, Output, Stats};
pub use packetize::packetize;
pub use parameter_sets::ParameterSets;
pub use sps::StreamInfo;
