//! The outputs' side of the matrix: what viewers ask for, and what they are sent.

use std::time::{Duration, Instant};

use super::{Hub, Output, SwitchPolicy};
use crate::engine::pacer::Pacer;
use crate::engine::slot::{Bound, Slot, Wish};
use crate::engine::source::{Health, Source, SourceId};
use crate::engine::status::{SlotStatus, Status};
use crate::engine::viewer::{SlotKey, Viewer, ViewerId};

/// A viewer's wish for a keyframe is served from the cache at most this often.
const MIN_REPAIR_INTERVAL: Duration = Duration::from_millis(500);

impl Hub {
    /// Adds a viewer with these slots, `None` for a stream that does not exist. Its cameras
    /// are started now; pictures follow once it is connected. One random seed a slot.
    pub fn add_viewer(
        &mut self,
        now: Instant,
        id: ViewerId,
        slots: impl Iterator<Item = (Option<SourceId>, u64)>,
    ) {
        self.remove_viewer(now, id);
        let slots = slots.map(|(source, seed)| Slot::new(now, source, seed)).collect();
        let options = &self.options;
        let pacer = Pacer::new(now, options.burst_bytes, options.burst_bytes_per_second);
        let viewer = Viewer::new(slots, pacer);
        let count = viewer.slots.len();
        self.viewers.insert(id, viewer);
        for position in 0..count {
            let key = SlotKey { viewer: id, position };
            self.rebind(now, key, None);
            self.report(key);
        }
    }

    /// Gives a viewer another pace of replays than the others have.
    pub fn set_pace(
        &mut self,
        now: Instant,
        id: ViewerId,
        burst_bytes: u32,
        bytes_per_second: u64,
    ) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.pacer = Pacer::new(now, burst_bytes, bytes_per_second);
        }
    }

    /// Removes a viewer; its cameras linger.
    pub fn remove_viewer(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.remove(&id) else { return };
        self.replaying.remove(&id);
        for (position, slot) in viewer.slots.iter().enumerate() {
            let key = SlotKey { viewer: id, position };
            for source in [slot.showing(), slot.wanted()].into_iter().flatten() {
                self.unsubscribe(now, source, key);
            }
        }
    }

    /// The viewer's ICE and DTLS are up: every slot shows what it can.
    pub fn handle_connected(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        if std::mem::replace(&mut viewer.connected, true) {
            return;
        }
        let keys = (0..viewer.slots.len()).map(|position| SlotKey { viewer: id, position });
        let keys: Vec<SlotKey> = keys.collect();
        for key in &keys {
            if let Some(source) = self.slot(*key).and_then(Slot::wanted) {
                self.take(now, *key, source);
            }
        }
        self.release(now, id);
        for key in keys {
            self.report(key);
        }
    }

    /// Puts a source on a slot. The last one asked for wins.
    pub fn switch(&mut self, now: Instant, key: SlotKey, source: SourceId) {
        let bound = self.resolve(key, source);
        let is_fit = self.misfit(key, bound.source).is_none();
        let Some(slot) = self.slot_mut(key) else { return };
        slot.wish = Wish::Play;
        slot.reported = None; // every request is answered, though nothing may change
        let replaced = slot.wanted();
        if slot.showing() == Some(bound.source) && slot.has_picture() && is_fit {
            slot.stay_with(bound);
        } else {
            slot.await_key(bound);
        }
        self.rebind(now, key, replaced);
        let awaited = self.slot(key).and_then(Slot::wanted);
        if awaited.is_some() && self.is_connected(key.viewer) {
            self.take(now, key, bound.source);
            self.release(now, key.viewer);
        }
        self.report(key);
        let fails = self.source(bound.source).is_some_and(|it| it.health.failure().is_some());
        if fails || !is_fit {
            self.handle_failure(now, key, bound.source);
        }
    }

    /// Stops a slot and lets go of its source.
    pub fn pause(&mut self, now: Instant, key: SlotKey) {
        let Some(slot) = self.slot_mut(key) else { return };
        let sources = [slot.showing(), slot.wanted()];
        if let Some(last) = slot.bound() {
            slot.wish = Wish::Pause(last.asked);
        }
        slot.clear();
        slot.reported = None;
        for source in sources.into_iter().flatten() {
            self.unsubscribe(now, source, key);
        }
        self.report(key);
    }

    /// Plays a paused slot again; what it showed before, if no source is named.
    pub fn resume(&mut self, now: Instant, key: SlotKey, source: Option<SourceId>) {
        let Some(slot) = self.slot(key) else { return };
        let last = match slot.wish {
            Wish::Pause(last) => Some(last),
            Wish::Play => slot.bound().map(|bound| bound.asked),
            Wish::Unknown => None,
        };
        if let Some(source) = source.or(last) {
            self.switch(now, key, source);
        } else {
            self.report_again(key);
        }
    }

    /// Reports a slot's present status, changed or not.
    pub fn report_again(&mut self, key: SlotKey) {
        if let Some(slot) = self.slot_mut(key) {
            slot.reported = None;
        }
        self.report(key);
    }

    /// The receiver can't decode what it has (PLI, RFC 4585 section 6.3.1, or FIR): it is
    /// repaired from the cache, and by the camera only where there is none.
    pub fn handle_picture_loss(&mut self, now: Instant, key: SlotKey) {
        let Some(slot) = self.slot_mut(key) else { return };
        let Some(source) = slot.showing() else { return };
        let recent = slot.repaired_at.is_some_and(|at| now < at + MIN_REPAIR_INTERVAL);
        if recent || slot.is_replaying() || !slot.has_picture() {
            return;
        }
        slot.repaired_at = Some(now);
        let replay = self.options.policy == SwitchPolicy::Replay;
        let Some(cache) = self.sources.get_mut(source.0).map(|source| &mut source.cache) else {
            return;
        };
        if replay && cache.is_valid() {
            let frames: Vec<_> = cache.frames().cloned().collect();
            if let Some(slot) = self.slot_mut(key) {
                slot.repair(frames.into_iter());
            }
            self.release(now, key.viewer);
        } else {
            self.want_key(now, source);
        }
    }

    /// The viewer asks for a keyframe of its own accord: the camera is asked.
    pub fn request_keyframe(&mut self, now: Instant, key: SlotKey) {
        let slot = self.slot(key);
        if let Some(source) = slot.and_then(|slot| slot.wanted().or(slot.showing())) {
            self.want_key(now, source);
        }
    }

    pub(super) fn want_key(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if matches!(source.health, Health::Live(_)) {
            source.keyframe.want();
            self.ask_camera(now, id);
        }
    }

    /// Brings the first picture of the source that a slot awaits onto it, the quicker way.
    pub(super) fn take(&mut self, now: Instant, key: SlotKey, id: SourceId) {
        if self.misfit(key, id).is_some() {
            return; // what is awaited is another codec
        }
        let idle = self.slot(key).is_some_and(|slot| slot.showing().is_none());
        let Some(source) = self.source(id) else { return };
        let replay = self.options.policy == SwitchPolicy::Replay
            && source.cache.is_valid()
            && (idle || self.is_replay_worthwhile(now, source));
        if !replay {
            if self.options.policy == SwitchPolicy::Replay {
                self.want_key(now, id);
            }
            return;
        }
        let frames: Vec<_> = source.cache.frames().cloned().collect();
        let Some(slot) = self.slot_mut(key) else { return };
        let was_showing = slot.showing();
        slot.cut_to(id, frames.into_iter());
        self.rebind(now, key, was_showing);
    }

    /// Whether a replay brings live pictures at most a second later than the next IDR: it
    /// shows the new camera at once, while to wait shows the old one until then.
    fn is_replay_worthwhile(&self, now: Instant, source: &Source) -> bool {
        const PATIENCE: Duration = Duration::from_secs(1);
        let Some(wait) = source.cache.until_next_key(now) else { return true };
        let bytes = source.cache.bytes() as u64;
        let sending_ms = bytes * 1000 / self.options.burst_bytes_per_second.max(1);
        let frames = source.cache.frames().len() as u64;
        let decoding_ms = frames * decode_micros(source.pixels()) / 1000;
        Duration::from_millis(sending_ms.max(decoding_ms)) < wait + PATIENCE
    }

    /// Sends what the viewer's budget allows of its replays.
    pub(super) fn release(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let mut first_pictures = Vec::new();
        while let Some(position) = viewer.next_release(now) {
            let Some(slot) = viewer.slots.get_mut(position) else { break };
            let had_picture = slot.has_picture();
            let Some(egress) = slot.release(now) else { break };
            viewer.pacer.spend(egress.frame.bytes());
            let key = SlotKey { viewer: id, position };
            self.outputs.push_back(Output::Frame(key, egress));
            self.probes.follow(now, key, slot);
            if !had_picture {
                first_pictures.push(key);
            }
        }
        if viewer.connected && viewer.is_replaying() {
            self.replaying.insert(id);
        } else {
            self.replaying.remove(&id);
        }
        for key in first_pictures {
            self.report(key);
        }
    }

    /// The receiver of a slot has missed packets lately.
    pub fn handle_loss(&mut self, now: Instant, key: SlotKey) {
        if let Some(slot) = self.slot_mut(key) {
            slot.handle_loss(now);
        }
    }

    /// Sends the tail probes that are due, where no later frame has served.
    pub(super) fn probe(&mut self, now: Instant) {
        while let Some(due) = self.probes.pop_due(now) {
            let Some(slot) = self.slot_mut(due.slot) else { continue };
            if slot.frames_sent() == due.frames_sent
                && let Some(egress) = slot.probe()
            {
                self.outputs.push_back(Output::Probe(due.slot, egress));
            }
        }
    }

    pub(super) fn is_connected(&self, id: ViewerId) -> bool {
        self.viewers.get(&id).is_some_and(|viewer| viewer.connected)
    }

    pub(super) fn slot(&self, key: SlotKey) -> Option<&Slot> {
        self.viewers.get(&key.viewer)?.slots.get(key.position)
    }

    pub(super) fn slot_mut(&mut self, key: SlotKey) -> Option<&mut Slot> {
        self.viewers.get_mut(&key.viewer)?.slots.get_mut(key.position)
    }

    /// Makes the subscriptions agree with the slot after it let go of `released`.
    pub(super) fn rebind(&mut self, now: Instant, key: SlotKey, released: Option<SourceId>) {
        let Some(slot) = self.slot(key) else { return };
        let bound = [slot.showing(), slot.wanted()];
        for id in bound.into_iter().flatten() {
            if let Some(source) = self.sources.get_mut(id.0)
                && !source.subscribers.contains(&key)
            {
                source.subscribers.push(key);
                self.follow_demand(now, id);
            }
        }
        if let Some(id) = released.filter(|id| !bound.contains(&Some(*id))) {
            self.unsubscribe(now, id, key);
        }
    }

    fn unsubscribe(&mut self, now: Instant, id: SourceId, key: SlotKey) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.subscribers.retain(|subscriber| *subscriber != key);
            source.watched_at = Some(now);
            self.follow_demand(now, id);
        }
    }

    pub(super) fn report(&mut self, key: SlotKey) {
        let Some(status) = self.status(key) else { return };
        let Some(slot) = self.slot_mut(key) else { return };
        if slot.reported.as_ref() != Some(&status) {
            slot.reported = Some(status.clone());
            self.outputs.push_back(Output::Status(key, status));
        }
    }

    /// The truth about a slot.
    #[must_use]
    pub fn status(&self, key: SlotKey) -> Option<SlotStatus> {
        let slot = self.slot(key)?;
        let name = |id: SourceId| self.source(id).map(|source| source.name.clone());
        let of = |id: Option<SourceId>, status, error: Option<&str>| SlotStatus {
            instead_of: None,
            stream: id.and_then(name).unwrap_or_default(),
            status,
            error: error.map(str::to_owned),
        };
        match slot.wish {
            Wish::Unknown => return Some(of(None, Status::Error, Some("stream not found"))),
            Wish::Pause(last) => return Some(of(Some(last), Status::Paused, None)),
            Wish::Play => {}
        }
        let Some(Bound { source: id, asked }) = slot.bound() else {
            return Some(of(None, Status::Inactive, None));
        };
        if let Some(reason) = self.misfit(key, id) {
            return Some(of(Some(id), Status::Error, Some(&reason)));
        }
        let of = |id, status, error| SlotStatus {
            instead_of: Some(asked).filter(|asked| Some(*asked) != id).and_then(name),
            ..of(id, status, error)
        };
        Some(match self.source(id).map(|source| &source.health) {
            Some(Health::Offline { reason }) => of(Some(id), Status::Offline, Some(reason)),
            _ if !self.is_connected(key.viewer) => of(Some(id), Status::Pending, None),
            _ if slot.wanted().is_none() && slot.has_picture() => {
                of(Some(id), Status::Active, None)
            }
            _ => of(Some(id), Status::Buffering, None),
        })
    }
}

/// What a software decoder needs for one frame, measured in Chromium: about 1 ms at 360p and
/// 5 ms at 1080p.
fn decode_micros(pixels: Option<u64>) -> u64 {
    const PER_MEGAPIXEL: u64 = 2_200;
    500 + pixels.unwrap_or(921_600) * PER_MEGAPIXEL / 1_000_000
}
