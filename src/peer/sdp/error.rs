//! Why a description can't be used.

use std::fmt;

use crate::limits;

/// Why an offer can't be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferError {
    /// More bytes than any browser's offer for the slots that are allowed.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// More m-lines than are allowed.
    TooManyMedia {
        /// How many.
        count: usize,
    },
    /// No SDP.
    Malformed(String),
    /// SDP, but nothing to be connected to.
    Refused(String),
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(f, "SDP of {bytes} bytes, at most {} allowed", limits::SDP_MAX_BYTES)
            }
            Self::TooManyMedia { count } => {
                write!(f, "{count} m-lines, at most {} allowed", limits::SDP_MAX_MEDIA)
            }
            Self::Malformed(why) => write!(f, "malformed SDP: {why}"),
            Self::Refused(why) => write!(f, "offer refused: {why}"),
        }
    }
}

impl std::error::Error for OfferError {}
