//! NAL units to access units: where one ends and the next begins (H.264 7.4.1.2.3, 7.4.1.2.4,
//! H.265 7.4.2.4.4), and what a loss means for it.

use std::marker::PhantomData;
use std::time::Instant;

use super::access_unit::{Kind, Picture};
use super::assembler::Packet;
use super::depacketize::Found;
use super::endings::{End, Endings};
use super::gate::{DropReason, Gate, Reach};
use super::parameter_sets::{InForce, ParameterSets, Received};
use super::syntax::{Opening, SliceHead, Syntax, Unit};

/// An access unit while it comes in.
#[derive(Debug)]
struct Current {
    timestamp: u32,
    received_at: Instant,
    picture: Picture,
    /// For an IDR the sets it brings into force.
    sets: Option<InForce>,
    damage: Option<(Reach, DropReason)>,
    /// Packets are missing between the access unit before and the first slice.
    loss_before: bool,
}

impl Current {
    fn new(now: Instant, timestamp: u32, loss_before: bool) -> Self {
        let picture = Picture::default();
        Self { timestamp, received_at: now, picture, sets: None, damage: None, loss_before }
    }

    /// Whether a part of its picture has come, usable or not.
    fn has_picture(&self) -> bool {
        self.picture.slices() > 0 || self.damage.is_some()
    }

    /// The first reason counts, the furthest reach too.
    fn damage(&mut self, reason: DropReason, reach: Reach) {
        self.damage = match self.damage {
            Some((old_reach, old_reason)) if old_reach >= reach => Some((old_reach, old_reason)),
            _ => Some((reach, reason)),
        };
        self.picture.forget();
    }
}

/// Everything about the track except the incomplete NAL unit.
#[derive(Debug, Default)]
pub(super) struct Pictures<S> {
    current: Option<Current>,
    received: Received,
    in_force: Option<InForce>,
    endings: Endings,
    pub(super) gate: Gate,
    /// What came or went missing since the last slice.
    since_slice: SinceSlice,
    /// As far as known every IDR comes with its parameter sets.
    idr_brings_sets: bool,
    syntax: PhantomData<S>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct SinceSlice {
    loss: bool,
    sets: bool,
}

impl<S: Syntax> Pictures<S> {
    pub(super) fn insert_sprop(&mut self, sets: &ParameterSets) {
        for unit in sets.units() {
            self.received.insert::<S>(unit);
        }
    }

    /// Packets before this one are missing; `open` is the NAL unit whose fragments were coming.
    pub(super) fn loss(&mut self, packet: &Packet<'_>, open: Option<&[u8]>) {
        // Until it is proven that nothing but one picture is missing. Parameter sets from before
        // the gap may belong to a picture inside it.
        self.since_slice = SinceSlice { loss: true, sets: false };
        let Some(current) = &mut self.current else {
            return;
        };
        if !current.has_picture() && open.is_none() {
            current.loss_before = true;
            return;
        }
        let open = open.and_then(|unit| S::kind(unit, &self.received));
        let kind = current.picture.kind().or(open);
        // Both sides of the gap are in one picture, and nothing is predicted from that one. A
        // camera that gives all pictures one timestamp proves nothing by it.
        let only_disposable = !current.loss_before
            && kind == Some(Kind::Disposable)
            && packet.timestamp == current.timestamp
            && self.endings.last_timestamp() != Some(current.timestamp)
            && continues_picture::<S>(packet.payload);
        let reach = if only_disposable { Reach::Single } else { Reach::UntilIdr };
        self.since_slice.loss = !only_disposable;
        current.damage(DropReason::Loss, reach);
    }

    /// Whether the packet ends the access unit before it, as far as that shows without its slices.
    pub(super) fn ends_at(&self, packet: &Packet<'_>, unit_open: bool) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        if packet.timestamp == current.timestamp {
            let fragmented = Opening::Slice { starts_picture: true, is_fragment: true };
            let is_next = S::opening(packet.payload) == fragmented && !self.is_interlaced();
            return current.picture.slices() > 0 && is_next;
        }
        if !(current.has_picture() || unit_open) {
            return false;
        }
        // Some cameras count the timestamp up within a picture.
        let continues_unit = || matches!(S::opening(packet.payload), Opening::InsideUnit { .. });
        let continues = unit_open && continues_unit()
            || current.picture.slices() > 0 && continues_picture::<S>(packet.payload);
        packet.lost_before || !continues
    }

    /// Opens an access unit for the packet, or keeps the one that is open.
    pub(super) fn begin(&mut self, now: Instant, packet: &Packet<'_>, unit_open: bool) {
        let Packet { timestamp, lost_before, .. } = *packet;
        let current = self.current.get_or_insert_with(|| Current::new(now, timestamp, lost_before));
        if current.timestamp != timestamp && !current.has_picture() && !unit_open {
            // What came before the slices does not fix the timestamp: some cameras give their
            // parameter sets another one.
            current.timestamp = timestamp;
            current.received_at = now;
        }
    }

    /// A NAL unit of the packet, or damage.
    pub(super) fn found(&mut self, now: Instant, packet: &Packet<'_>, found: Found<'_>) {
        let unit = match found {
            Ok(unit) => unit,
            Err(reason) => return self.damage(reason),
        };
        match S::unit(unit, &self.received) {
            Unit::Slice(head) => self.slice(now, packet, unit, &head),
            Unit::Stub => self.gate.stats.repaired += 1,
            Unit::Malformed => self.damage(DropReason::Malformed),
            Unit::Unsupported => self.damage(DropReason::Unsupported),
            Unit::ParameterSet if self.received.insert::<S>(unit) => {
                self.since_slice.sets = true;
                self.idr_brings_sets = true;
            }
            Unit::Delimiter if self.has_picture() => {
                self.finish(End::NextPicture);
                self.begin_next(now, packet);
            }
            _ => {}
        }
    }

    fn has_picture(&self) -> bool {
        self.current.as_ref().is_some_and(Current::has_picture)
    }

    /// Opens another access unit within the same packet: nothing is missing before it.
    fn begin_next(&mut self, now: Instant, packet: &Packet<'_>) {
        self.current = Some(Current::new(now, packet.timestamp, false));
    }

    fn damage(&mut self, reason: DropReason) {
        if let Some(current) = &mut self.current {
            // What is missing after a loss has been accounted for.
            if current.damage.is_some() && reason == DropReason::Incomplete {
                return;
            }
            let reason = if current.loss_before { DropReason::Loss } else { reason };
            current.damage(reason, Reach::UntilIdr);
        }
    }

    fn slice(&mut self, now: Instant, packet: &Packet<'_>, unit: &[u8], head: &SliceHead) {
        if self.begins_picture(packet.timestamp, head) {
            self.finish(End::NextPicture);
        }
        let current =
            self.current.get_or_insert_with(|| Current::new(now, packet.timestamp, false));
        if !current.has_picture() {
            self.first_slice(packet.timestamp, head);
        }
        let since = std::mem::take(&mut self.since_slice);
        let Some(current) = &mut self.current else {
            return;
        };
        let known = current.sets.as_ref().or(self.in_force.as_ref());
        let is_idr = current.picture.kind().unwrap_or(head.kind) == Kind::Idr;
        if is_idr && since == SinceSlice::default() && current.picture.slices() == 0 {
            self.idr_brings_sets = false;
        }
        if current.damage.is_some() || !(is_idr || self.gate.is_open()) {
            current.picture.note(head);
        } else if !known.is_some_and(|known| known.has_pps(head.pps_id)) {
            current.picture.note(head);
            current.damage(DropReason::NoParameterSets, Reach::UntilIdr);
        } else if current.picture.push(unit, head).is_err() {
            current.damage(DropReason::TooLarge, Reach::UntilIdr);
        }
    }

    /// Whether the slice ends the access unit before it.
    fn begins_picture(&self, timestamp: u32, head: &SliceHead) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        let Some(first) = current.picture.kind() else {
            return false;
        };
        // Both fields of a frame may come as one, and the second need not be an IDR.
        let second_field = self.is_interlaced() && timestamp == current.timestamp;
        head.begins_picture(first) && !second_field
    }

    /// Whether the open access unit may be a pair of fields.
    fn is_interlaced(&self) -> bool {
        let sets = self.current.as_ref().and_then(|current| current.sets.as_ref());
        sets.or(self.in_force.as_ref()).is_some_and(|known| known.sets.info.interlaced)
    }

    /// Decides whether the picture that begins with this slice can be decoded.
    fn first_slice(&mut self, timestamp: u32, head: &SliceHead) {
        let Some(current) = &mut self.current else {
            return;
        };
        let lost = current.loss_before;
        let is_idr = head.kind == Kind::Idr;
        if is_idr {
            current.sets = self.received.for_picture::<S>(head.pps_id);
        }
        // The lost packets had the parameter sets of this IDR, and they may have changed.
        let since = self.since_slice;
        let sets_lost = is_idr && since.loss && self.idr_brings_sets && !since.sets;
        let damage = if sets_lost || lost && (!head.starts_picture || !is_idr) {
            Some(DropReason::Loss)
        } else if !head.starts_picture {
            if self.endings.was_early(timestamp) {
                self.gate.stats.repaired += 1;
            }
            Some(DropReason::Incomplete)
        } else if is_idr && current.sets.is_none() {
            Some(DropReason::NoParameterSets)
        } else {
            None
        };
        if let Some(reason) = damage {
            current.damage(reason, Reach::UntilIdr);
        }
    }

    /// The packet is done; its marker may end the access unit.
    pub(super) fn end_of_packet(&mut self, marker: bool, unit_open: bool) {
        if marker && !unit_open && self.has_picture() && self.endings.trust_marker() {
            self.finish(End::Marker);
        }
    }

    /// When the open access unit ends if nothing else comes.
    pub(super) fn flush_at(&self, now: Instant, unit_open: bool) -> Option<Instant> {
        let current = self.current.as_ref().filter(|current| current.damage.is_none())?;
        self.endings.flush_at(now, current.picture.slices()).filter(|_| !unit_open)
    }

    /// Ends the open access unit and sends it on, or drops it.
    pub(super) fn finish(&mut self, end: End) {
        let Some(current) = self.current.take() else {
            return;
        };
        if !current.has_picture() {
            return;
        }
        let whole = current.damage.is_none();
        self.endings.ended(end, current.timestamp, current.picture.slices(), whole);
        let intra = current.picture.is_intra();
        let is_idr = current.picture.kind() == Some(Kind::Idr);
        let passed = if let Some((reach, reason)) = current.damage {
            self.gate.drop_one(reason, reach);
            false
        } else if !is_idr && !self.gate.is_open() {
            self.gate.drop_one(DropReason::WaitingForIdr, Reach::UntilIdr);
            false
        } else {
            let in_force = current.sets.or_else(|| self.in_force.clone());
            let sets = in_force.as_ref().map(|in_force| in_force.sets.clone());
            self.in_force = in_force;
            let (timestamp, received_at) = (current.timestamp, current.received_at);
            let au = current.picture.into_access_unit::<S>(timestamp, received_at, sets);
            au.is_some_and(|au| self.gate.pass(au))
        };
        if !passed && intra && !is_idr {
            self.gate.stats.intra_without_idr += 1;
        }
    }

    /// Nothing that follows continues what came before.
    pub(super) fn discontinuity(&mut self) {
        if let Some(current) = &mut self.current
            && current.has_picture()
        {
            current.damage(DropReason::Discontinuity, Reach::UntilIdr);
        }
        self.finish(End::Discontinuity);
        if self.gate.is_open() {
            self.gate.close(DropReason::Discontinuity);
        }
        self.since_slice = SinceSlice::default();
    }
}

/// Whether the payload begins inside a picture: in a slice, or with one that is not its first.
fn continues_picture<S: Syntax>(payload: &[u8]) -> bool {
    match S::opening(payload) {
        Opening::InsideUnit { is_slice } => is_slice,
        Opening::Slice { starts_picture, .. } => !starts_picture,
        Opening::Other => false,
    }
}
