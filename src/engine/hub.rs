//! The matrix itself: every source, every viewer, and the crosspoints between them.
//!
//! One machine for the whole engine: inputs are `handle_*` and the viewer's commands, outputs
//! are polled until there is none, and there is one next deadline. Iteration is over ordered
//! collections only, so the same inputs give the same outputs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::{Egress, Frame};
use super::pacer::Pacer;
use super::slot::{Slot, Wish};
use super::source::{Demand, Health, Source, SourceId, SourceOptions};
use super::status::{SlotStatus, Status};
use super::viewer::{SlotKey, Viewer, ViewerId};

/// A viewer's wish for a keyframe is served from the cache at most this often.
const MIN_REPAIR_INTERVAL: Duration = Duration::from_millis(500);

/// How the hub behaves.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// How a slot comes by the first picture of a source.
    pub policy: SwitchPolicy,
    /// What one viewer may be sent at once, faster than live.
    pub burst_bytes: u32,
    /// What one viewer may be sent beyond that, faster than live.
    pub burst_bytes_per_second: u64,
    /// Bytes that all caches may hold together.
    pub gop_total_max_bytes: usize,
}

/// How a slot comes by the first picture of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchPolicy {
    /// From the cache, where that is quicker than to wait.
    Replay,
    /// By waiting for the camera's next IDR; the baseline that replay is measured against.
    WaitForIdr,
}

/// What the hub wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this on a slot.
    Frame(SlotKey, Egress),
    /// A slot's status changed, or was asked for.
    Status(SlotKey, SlotStatus),
    /// Connect a camera.
    Start(SourceId),
    /// Disconnect a camera.
    Stop(SourceId),
    /// Ask a camera for an IDR.
    RequestKeyframe(SourceId),
}

/// The matrix.
#[derive(Debug)]
pub struct Hub {
    options: HubOptions,
    sources: Vec<Source>,
    viewers: BTreeMap<ViewerId, Viewer>,
    replaying: BTreeSet<ViewerId>,
    cached_bytes: usize,
    outputs: VecDeque<Output>,
}

impl Hub {
    /// An empty matrix.
    #[must_use]
    pub fn new(options: HubOptions) -> Self {
        Self {
            options,
            sources: Vec::new(),
            viewers: BTreeMap::new(),
            replaying: BTreeSet::new(),
            cached_bytes: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Adds an input. A warm one is started at once.
    pub fn add_source(&mut self, now: Instant, name: String, options: SourceOptions) -> SourceId {
        let id = SourceId(self.sources.len());
        self.sources.push(Source::new(name, options));
        self.follow_demand(now, id);
        id
    }

    /// The source of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SourceId> {
        self.sources.iter().position(|source| source.name == name).map(SourceId)
    }

    /// One source.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0)
    }

    /// All sources, in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.sources.iter().enumerate().map(|(index, source)| (SourceId(index), source))
    }

    /// Number of viewers.
    #[must_use]
    pub fn viewer_count(&self) -> usize {
        self.viewers.len()
    }

    /// Bytes that all caches hold.
    #[must_use]
    pub fn cached_bytes(&self) -> usize {
        self.cached_bytes
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Hub::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sources = self.sources.iter().filter_map(Source::poll_timeout);
        let replays = self
            .replaying
            .iter()
            .filter_map(|id| self.viewers.get(id))
            .map(|viewer| viewer.pacer.opens_at());
        sources.chain(replays).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<ViewerId> = self.replaying.iter().copied().collect();
        for id in due {
            self.release(now, id);
        }
        for index in 0..self.sources.len() {
            self.follow_demand(now, SourceId(index));
            self.ask_camera(now, SourceId(index));
        }
    }
}

/// The inputs' side.
impl Hub {
    /// News of a source's camera.
    pub fn handle_health(&mut self, now: Instant, id: SourceId, health: Health) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if !source.is_running() || source.health == health {
            return;
        }
        source.health = health;
        if source.health.failure().is_none() {
            return; // its slots follow when its first frame comes
        }
        self.drop_cache(id);
        if let Some(source) = self.sources.get_mut(id.0) {
            source.cache.reset();
            source.keyframe.reset();
        }
        for key in self.subscribers(id) {
            self.handle_failure(now, key, id);
        }
    }

    /// The source's next frame, in decoding order. After a gap the first one is a key.
    pub fn handle_frame(&mut self, now: Instant, id: SourceId, frame: &Arc<Frame>) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if !source.is_running() || matches!(source.health, Health::Unsupported { .. }) {
            return;
        }
        let before = source.cache.bytes();
        source.cache.push(frame);
        let after = source.cache.bytes();
        if frame.key {
            source.keyframe.handle_key();
        }
        self.cached_bytes = self.cached_bytes - before + after;
        self.bound_caches(id);
        for key in self.subscribers(id) {
            self.forward(now, key, id, frame);
        }
    }

    /// Frames of the source were lost; nothing follows before its next IDR.
    pub fn handle_gap(&mut self, now: Instant, id: SourceId) {
        self.drop_cache(id);
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if !source.subscribers.is_empty() {
            source.keyframe.want();
            self.ask_camera(now, id);
        }
    }

    fn forward(&mut self, now: Instant, key: SlotKey, id: SourceId, frame: &Arc<Frame>) {
        let Some(viewer) = self.viewers.get_mut(&key.viewer).filter(|v| v.connected) else {
            return;
        };
        let Some(slot) = viewer.slots.get_mut(key.position) else { return };
        let (had_picture, was_showing) = (slot.has_picture(), slot.showing());
        let Some(egress) = slot.handle_frame(now, id, frame) else {
            return self.bound_replay(now, key, id);
        };
        let showing = slot.showing();
        self.outputs.push_back(Output::Frame(key, egress));
        if was_showing != showing {
            self.rebind(now, key, was_showing);
        }
        if !had_picture || was_showing != showing {
            self.report(key);
        }
    }

    /// A replay that falls behind its source is given up once more waits than a cache may
    /// hold: the viewer's link is too thin for it, and the next IDR is not far.
    fn bound_replay(&mut self, now: Instant, key: SlotKey, id: SourceId) {
        let Some(max_bytes) = self.source(id).map(Source::gop_max_bytes) else { return };
        let Some(slot) = self.slot_mut(key) else { return };
        if slot.replay_bytes() > max_bytes {
            slot.handle_interruption(id);
            self.report(key);
            self.want_key(now, id);
        }
    }

    fn handle_failure(&mut self, now: Instant, key: SlotKey, id: SourceId) {
        let Some(slot) = self.slot_mut(key) else { return };
        slot.handle_interruption(id);
        self.report(key);
        // A failed switch leaves the old camera running.
        let Some(slot) = self.slot_mut(key) else { return };
        if slot.wanted() == Some(id) && slot.showing().is_some_and(|shown| shown != id) {
            slot.give_up();
            self.rebind(now, key, Some(id));
            self.report(key);
        }
    }

    fn drop_cache(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(id.0) {
            self.cached_bytes -= source.cache.bytes();
            source.cache.clear();
        }
    }

    /// Keeps all caches together within their bound: those that nobody watches go first,
    /// those that nobody watched for longest before the others.
    fn bound_caches(&mut self, newest: SourceId) {
        while self.cached_bytes > self.options.gop_total_max_bytes {
            let victim = self
                .sources()
                .filter(|(_, source)| source.subscribers.is_empty() && source.cache.is_valid())
                .min_by_key(|(_, source)| source.watched_at)
                .map_or(newest, |(id, _)| id);
            self.drop_cache(victim);
            if victim == newest {
                return;
            }
        }
    }

    fn subscribers(&self, id: SourceId) -> Vec<SlotKey> {
        self.source(id).map(|source| source.subscribers.clone()).unwrap_or_default()
    }

    fn follow_demand(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        let cached = source.cache.bytes();
        match source.poll_demand(now) {
            Some(Demand::Start) => self.outputs.push_back(Output::Start(id)),
            Some(Demand::Stop) => {
                self.cached_bytes -= cached;
                self.outputs.push_back(Output::Stop(id));
            }
            None => {}
        }
    }

    fn ask_camera(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if source.keyframe.poll(now) {
            self.outputs.push_back(Output::RequestKeyframe(id));
        }
    }
}

/// The outputs' side.
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
        for position in 0..viewer.slots.len() {
            let key = SlotKey { viewer: id, position };
            if let Some(source) = self.slot(key).and_then(Slot::wanted) {
                self.take(now, key, source);
            }
            self.report(key);
        }
        self.release(now, id);
    }

    /// Puts a source on a slot. The last one asked for wins.
    pub fn switch(&mut self, now: Instant, key: SlotKey, source: SourceId) {
        let Some(slot) = self.slot_mut(key) else { return };
        slot.wish = Wish::Play;
        slot.reported = None; // every request is answered, though nothing may change
        let replaced = slot.wanted();
        if slot.showing() == Some(source) && slot.has_picture() {
            slot.give_up();
        } else {
            slot.await_key(source);
        }
        self.rebind(now, key, replaced);
        let awaited = self.slot(key).and_then(Slot::wanted);
        if awaited.is_some() && self.is_connected(key.viewer) {
            self.take(now, key, source);
            self.release(now, key.viewer);
        }
        self.report(key);
        if self.source(source).is_some_and(|source| source.health.failure().is_some()) {
            self.handle_failure(now, key, source);
        }
    }

    /// Stops a slot and lets go of its source.
    pub fn pause(&mut self, now: Instant, key: SlotKey) {
        let Some(slot) = self.slot_mut(key) else { return };
        let sources = [slot.showing(), slot.wanted()];
        if let Some(last) = slot.wanted().or(slot.showing()) {
            slot.wish = Wish::Pause(last);
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
            Wish::Play => slot.wanted().or(slot.showing()),
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

    fn want_key(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if matches!(source.health, Health::Live(_)) {
            source.keyframe.want();
            self.ask_camera(now, id);
        }
    }

    /// Brings a source's first picture onto a slot, the quicker way.
    fn take(&mut self, now: Instant, key: SlotKey, id: SourceId) {
        let idle = self.slot(key).is_some_and(|slot| slot.showing().is_none());
        let Some(source) = self.source(id) else { return };
        let replay = self.options.policy == SwitchPolicy::Replay
            && source.cache.is_valid()
            && (idle || self.is_replay_worthwhile(now, source));
        if !replay {
            if let Some(slot) = self.slot_mut(key) {
                slot.await_key(id);
            }
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
    fn release(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let mut first_pictures = Vec::new();
        while let Some(position) = viewer.next_release(now) {
            let Some(slot) = viewer.slots.get_mut(position) else { break };
            let had_picture = slot.has_picture();
            let Some(egress) = slot.release(now) else { break };
            viewer.pacer.spend(egress.frame.bytes);
            let key = SlotKey { viewer: id, position };
            self.outputs.push_back(Output::Frame(key, egress));
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

    fn is_connected(&self, id: ViewerId) -> bool {
        self.viewers.get(&id).is_some_and(|viewer| viewer.connected)
    }

    fn slot(&self, key: SlotKey) -> Option<&Slot> {
        self.viewers.get(&key.viewer)?.slots.get(key.position)
    }

    fn slot_mut(&mut self, key: SlotKey) -> Option<&mut Slot> {
        self.viewers.get_mut(&key.viewer)?.slots.get_mut(key.position)
    }

    /// Makes the subscriptions agree with the slot after it let go of `released`.
    fn rebind(&mut self, now: Instant, key: SlotKey, released: Option<SourceId>) {
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

    fn report(&mut self, key: SlotKey) {
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
            stream: id.and_then(name).unwrap_or_default(),
            status,
            error: error.map(str::to_owned),
        };
        match slot.wish {
            Wish::Unknown => return Some(of(None, Status::Error, Some("stream not found"))),
            Wish::Pause(last) => return Some(of(Some(last), Status::Paused, None)),
            Wish::Play => {}
        }
        let Some(id) = slot.wanted().or(slot.showing()) else {
            return Some(of(None, Status::Inactive, None));
        };
        Some(match self.source(id).map(|source| &source.health) {
            Some(Health::Unsupported { reason }) => of(Some(id), Status::Error, Some(reason)),
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
