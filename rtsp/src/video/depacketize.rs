//! RTP payloads to NAL units (RFC 6184 5.6 to 5.8, RFC 7798 4.4), undoing what cameras do wrong
//! there.

use std::marker::PhantomData;

use super::annex_b::annex_b;
use super::gate::DropReason;
use super::limits::{KEPT_FRAGMENT_BYTES, MAX_ACCESS_UNIT_BYTES};
use super::syntax::{Fragment, Payload, Syntax};

/// What a payload holds, in order: a NAL unit, never empty, or why a part of it is unusable.
pub(super) type Found<'a> = Result<&'a [u8], DropReason>;

/// Holds the NAL unit whose fragments are coming in.
#[derive(Debug, Default)]
pub(super) struct Depacketizer<S> {
    fragments: Vec<u8>,
    open: bool,
    repaired: u64,
    syntax: PhantomData<S>,
}

impl<S: Syntax> Depacketizer<S> {
    /// Whether a fragmented NAL unit is incomplete.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// What has come of the incomplete NAL unit, its header at least.
    pub(super) fn open_unit(&self) -> Option<&[u8]> {
        self.open.then_some(&*self.fragments)
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
        let payload = match S::payload(payload) {
            Payload::Fragment(fragment) => return self.fragment(&fragment, found),
            Payload::Empty => {
                self.repaired += 1;
                return;
            }
            payload => payload,
        };
        if self.open {
            self.abandon();
            found(Err(DropReason::Incomplete));
        }
        match payload {
            Payload::Units(unit) => self.units(unit, found),
            Payload::Aggregate(rest) => self.aggregate(rest, found),
            Payload::Unsupported => found(Err(DropReason::Unsupported)),
            Payload::Malformed => found(Err(DropReason::Malformed)),
            Payload::Fragment(_) | Payload::Empty | Payload::Reserved => self.repaired += 1,
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

    /// RFC 6184 5.7.1, RFC 7798 4.4.2. Sizes of zero and a single last byte are padding.
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

    /// RFC 6184 5.8, RFC 7798 4.4.3. The type in the FU header counts at the start only.
    fn fragment(&mut self, fragment: &Fragment<'_>, found: &mut impl FnMut(Found<'_>)) {
        let Fragment { start, end, is_odd, header, body } = *fragment;
        if body.is_empty() || (start && end) || is_odd {
            self.repaired += 1;
        }
        if start {
            if self.open {
                found(Err(DropReason::Incomplete));
            }
            self.abandon();
            self.open = true;
            let header = header.get(..S::HEADER_BYTES).unwrap_or_default();
            self.fragments.extend_from_slice(header);
        } else if !self.open {
            if !body.is_empty() {
                found(Err(DropReason::Incomplete));
            }
            return;
        }
        if self.fragments.len() + body.len() > MAX_ACCESS_UNIT_BYTES {
            self.abandon();
            found(Err(DropReason::TooLarge));
            return;
        }
        self.fragments.extend_from_slice(body);
        if end {
            let unit = std::mem::take(&mut self.fragments);
            self.units(&unit, found);
            self.fragments = unit;
            self.abandon();
        }
    }
}
