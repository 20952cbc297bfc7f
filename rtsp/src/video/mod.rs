//! Video as it comes over RTP and as it goes out again: what codecs of NAL units have in common.
//!
//! The [`Assembler`] turns the packets of one track into whole [`AccessUnit`]s, repairs what
//! cameras do wrong on the way and never lets a damaged or undecodable one through;
//! [`packetize`] turns an access unit back into RTP payloads. What one codec means by a header, a
//! slice or a parameter set is in [`crate::h264`] and [`crate::h265`], behind `Syntax`. No
//! socket, no clock, no thread: time comes in as an argument.

mod access_unit;
mod annex_b;
mod assembler;
mod bits;
mod depacketize;
mod endings;
mod gate;
pub mod limits;
mod packetize;
mod parameter_sets;
mod pictures;
mod syntax;

pub use access_unit::{AccessUnit, Kind};
pub use annex_b::annex_b;
pub use assembler::{Assembler, Packet};
pub(crate) use bits::Bits;
pub use gate::{DropReason, Output, Stats};
pub use packetize::packetize;
pub(crate) use parameter_sets::{ParameterSet, Received, Sps, decode_sprop, encode_sprop};
pub use parameter_sets::{ParameterSets, StreamInfo};
pub use syntax::{Codec, Syntax};
pub(crate) use syntax::{Fragment, Opening, Payload, SliceHead, Unit};
