//! RTP payloads to NAL units (RFC 6184 5.6 to 5.8), undoing what cameras do wrong there.

use super::annex_b::annex_b;
use super::gate::DropReason;
use super::limits::{KEPT_FRAGMENT_BYTES, MAX_ACCESS_UNIT_BYTES};
use super::nal::{FU_A, IDR_SLICE, NalHeader, SLICE, STAP_A};

/// What a payload holds, in order: a NAL unit, never empty, or why a part of it is unusable.
pub(super) type Found<'a> = Result<&'a [u8], DropReason>;

/// FU header bits (RFC 6184 5.8).
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Holds the NAL unit whose fragments are coming in.
#[derive(Debug, Default)]
pub(super) struct Depacketizer {
    fragments: Vec<u8>,
    open: bool,
    repaired: u64,
}

impl Depacketizer {
    /// Whether a fragmented NAL unit is incomplete.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The header of the incomplete NAL unit.
    pub(super) fn open_header(&self) -> Option<NalHeader> {
        NalHeader::of(&self.fragments).filter(|_| self.open)
    }

    /// Gives the incomplete NAL unit up.
    pub(super) fn abandon(&mut self) {
        self.open = false;
        self.fragments.clear();
        self.fragments.shrink_to(KEPT_FRAGMENT_BYTES);
    }

    /// How many payloads needed repair since the last call.
    pub(super) fn take_repaired(&mut self) -> u64 {
        std::mem::take(&mut self.repaired)
    }

    /// Takes a payload apart.
    pub(super) fn payload(&mut self, payload: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let Some(header) = NalHeader::of(payload) else {
            self.repaired += 1;
            return;
        };
        if header.unit_type == FU_A && !header.forbidden {
            self.fragment(payload, found);
            return;
        }
        if self.open {
            self.abandon();
            found(Err(DropReason::Incomplete));
        }
        match header.unit_type {
            _ if header.forbidden => found(Err(DropReason::Malformed)),
            // A start code has two zero bytes first, which would be unit type 0.
            0..=23 => self.units(payload, found),
            STAP_A => self.aggregate(payload.get(1..).unwrap_or_default(), found),
            25..=29 => found(Err(DropReason::Unsupported)),
            _ => self.repaired += 1,
        }
    }

    /// A NAL unit, or several with start codes between them.
    fn units(&mut self, unit: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let mut bytes = 0;
        for unit in annex_b(unit) {
            bytes += unit.len();
            found(Ok(unit));
        }
        if bytes < unit.len() {
            self.repaired += 1;
        }
    }

    /// RFC 6184 5.7.1. Sizes of zero and a single last byte are padding.
    fn aggregate(&mut self, mut rest: &[u8], found: &mut impl FnMut(Found<'_>)) {
        while let Some((size, after)) = rest.split_first_chunk() {
            let Some((unit, after)) = after.split_at_checked(u16::from_be_bytes(*size).into())
            else {
                found(Err(DropReason::Malformed));
                return;
            };
            self.units(unit, found);
            rest = after;
        }
    }

    /// RFC 6184 5.8. The type in the FU header counts at the start only, the reserved bit never.
    fn fragment(&mut self, payload: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let Some((&[first, fu_header], fragment)) = payload.split_first_chunk() else {
            self.repaired += 1;
            return;
        };
        let (start, end) = (fu_header & FU_START != 0, fu_header & FU_END != 0);
        if fragment.is_empty() || (start && end) || (fu_header & 0x20 != 0) {
            self.repaired += 1;
        }
        if start {
            if self.open {
                found(Err(DropReason::Incomplete));
            }
            self.abandon();
            self.open = true;
            self.fragments.push((first & 0xe0) | (fu_header & 0x1f));
        } else if !self.open {
            if !fragment.is_empty() {
                found(Err(DropReason::Incomplete));
            }
            return;
        }
        if self.fragments.len() + fragment.len() > MAX_ACCESS_UNIT_BYTES {
            self.abandon();
            found(Err(DropReason::TooLarge));
            return;
        }
        self.fragments.extend_from_slice(fragment);
        if end {
            let unit = std::mem::take(&mut self.fragments);
            self.units(&unit, found);
            self.fragments = unit;
            self.abandon();
        }
    }
}

/// Whether the payload is a fragment that does not begin a NAL unit.
pub(super) fn continues_unit(payload: &[u8]) -> bool {
    matches!(payload, [first, fu_header, ..]
        if first & 0x1f == FU_A && fu_header & FU_START == 0)
}

/// Whether the payload begins inside a picture: in a slice, or with one that is not its first.
pub(super) fn continues_picture(payload: &[u8]) -> bool {
    let is_slice = |byte: &u8| matches!(byte & 0x1f, SLICE | IDR_SLICE);
    match payload {
        // first_mb_in_slice is 0 if its Exp-Golomb code begins with 1.
        [first, fu_header, rest @ ..] if first & 0x1f == FU_A => {
            let later = rest.first().is_some_and(|byte| byte & 0x80 == 0);
            is_slice(fu_header) && (fu_header & FU_START == 0 || later)
        }
        [first, second, ..] => is_slice(first) && second & 0x80 == 0,
        _ => false,
    }
}

/// Whether the payload is the first fragment of the first slice of a picture.
pub(super) fn begins_fragmented_picture(payload: &[u8]) -> bool {
    matches!(payload, [first, fu_header, slice, ..]
        if first & 0x1f == FU_A
            && fu_header & FU_START != 0
            && matches!(fu_header & 0x1f, SLICE | IDR_SLICE)
            && slice & 0x80 != 0)
}
