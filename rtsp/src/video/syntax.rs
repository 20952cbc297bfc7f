//! What the assembler and the packetizer have to know of a codec.

use std::fmt;

use super::access_unit::Kind;
use super::parameter_sets::{ParameterSet, Received};

/// A codec of NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// ITU-T H.264, over RTP by RFC 6184.
    H264,
    /// ITU-T H.265, over RTP by RFC 7798.
    H265,
}

impl Codec {
    /// The encoding name of its payload format, as SDP has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        }
    }
}

/// How one codec writes what all have.
pub trait Syntax: fmt::Debug + Default + 'static {
    /// Which one it is.
    const CODEC: Codec;
    /// Bytes of a NAL unit's header, and of an aggregate's.
    const HEADER_BYTES: usize;

    /// What an RTP payload holds.
    fn payload(payload: &[u8]) -> Payload<'_>;

    /// How an RTP payload begins, without taking it apart.
    fn opening(payload: &[u8]) -> Opening;

    /// What a NAL unit is, given the parameter sets that came.
    fn unit(unit: &[u8], sets: &Received) -> Unit;

    /// What depends on the slice that begins with these bytes; `None` if it is no slice.
    fn kind(unit: &[u8], sets: &Received) -> Option<Kind>;

    /// What a parameter set says; `None` if it is unusable, or no parameter set.
    fn parameter_set(unit: &[u8]) -> Option<ParameterSet>;

    /// The header of an aggregate of these units, in its first [`Syntax::HEADER_BYTES`] bytes.
    fn aggregate_header(units: &[&[u8]]) -> [u8; 2];

    /// The headers of a fragment of a unit, one byte more than [`Syntax::HEADER_BYTES`]; `None` if
    /// the unit is shorter than its own.
    fn fragment_header(unit: &[u8], start: bool, end: bool) -> Option<[u8; 3]>;
}

/// What an RTP payload holds.
#[derive(Debug)]
pub enum Payload<'a> {
    /// One NAL unit, or several with start codes between them.
    Units(&'a [u8]),
    /// NAL units, each behind its size in two bytes.
    Aggregate(&'a [u8]),
    /// A part of a NAL unit.
    Fragment(Fragment<'a>),
    /// Nothing, or less than its headers.
    Empty,
    /// A type that nobody uses yet.
    Reserved,
    /// A type that is not supported.
    Unsupported,
    /// A network element found it damaged.
    Malformed,
}

/// A part of a NAL unit.
#[derive(Debug)]
pub struct Fragment<'a> {
    /// Its first part.
    pub start: bool,
    /// Its last part.
    pub end: bool,
    /// It is not quite as the payload format has it.
    pub is_odd: bool,
    /// The unit's header, in its first [`Syntax::HEADER_BYTES`] bytes. It counts at the start only.
    pub header: [u8; 2],
    /// What follows the headers.
    pub body: &'a [u8],
}

/// How an RTP payload begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Inside a NAL unit.
    InsideUnit {
        /// In that of a slice.
        is_slice: bool,
    },
    /// With a slice.
    Slice {
        /// The first of its picture.
        starts_picture: bool,
        /// Only a part of it is in this payload.
        is_fragment: bool,
    },
    /// With something else.
    Other,
}

/// What a NAL unit is.
#[derive(Debug)]
pub enum Unit {
    /// A slice.
    Slice(SliceHead),
    /// The header of a slice alone, before a start code that should not be there.
    Stub,
    /// A parameter set.
    ParameterSet,
    /// It begins an access unit.
    Delimiter,
    /// A part of a picture that is not supported.
    Unsupported,
    /// A network element found it damaged, or it is a slice that ends inside its header.
    Malformed,
    /// Nothing that decoding needs.
    Other,
}

/// The start of a slice, enough to order and sort slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceHead {
    /// What depends on its picture.
    pub kind: Kind,
    /// The first slice of a picture, as long as slices come in order.
    pub starts_picture: bool,
    /// The picture parameter set that it uses.
    pub pps_id: u8,
    /// Predicted from two lists of pictures.
    pub is_b: bool,
    /// Predicted from nothing, as far as known.
    pub is_intra: bool,
    /// Of a picture that is shown before one that was decoded earlier, by its type alone.
    pub is_leading: bool,
}

impl SliceHead {
    /// Whether it cannot belong to the picture of `first`, given that slices come in order.
    pub fn begins_picture(&self, first: Kind) -> bool {
        self.starts_picture || self.kind != first
    }
}
