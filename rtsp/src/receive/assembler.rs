//! The assembler of a track, whatever its codec.

use std::time::Instant;

use crate::h264;
#[cfg(feature = "h265")]
use crate::h265;
use crate::video::{Codec, Output, Packet, ParameterSets};

/// One of them.
#[derive(Debug)]
pub(super) enum Assembler {
    H264(h264::Assembler),
    #[cfg(feature = "h265")]
    H265(h265::Assembler),
}

/// The same of whichever it is.
macro_rules! each {
    ($self:expr, $assembler:ident => $act:expr) => {
        match $self {
            Assembler::H264($assembler) => $act,
            #[cfg(feature = "h265")]
            Assembler::H265($assembler) => $act,
        }
    };
}

impl Assembler {
    /// `sets` are the parameter sets of the description.
    pub(super) fn new(codec: Codec, sets: Option<ParameterSets>) -> Self {
        match codec {
            #[cfg(feature = "h265")]
            Codec::H265 => Self::H265(h265::Assembler::new(sets)),
            _ => Self::H264(h264::Assembler::new(sets)),
        }
    }

    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) {
        each!(self, assembler => assembler.handle_packet(now, packet));
    }

    pub(super) fn handle_discontinuity(&mut self) {
        each!(self, assembler => assembler.handle_discontinuity());
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        each!(self, assembler => assembler.handle_timeout(now));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        each!(self, assembler => assembler.poll_timeout())
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        each!(self, assembler => assembler.poll_output())
    }
}
