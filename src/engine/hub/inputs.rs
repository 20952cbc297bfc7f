//! The inputs' side of the matrix: what cameras send, and what is asked of them.

use std::sync::Arc;
use std::time::Instant;

use super::{Hub, Output};
use crate::engine::frame::Frame;
use crate::engine::keyframe::{Method, Refusal};
use crate::engine::slot::Slot;
use crate::engine::source::{Demand, Health, Source, SourceId};
use crate::engine::viewer::SlotKey;

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
            source.vitals.handle_end();
        }
        let is_unfit = matches!(
            self.source(id).map(|source| &source.health),
            Some(Health::Unsupported { .. })
        );
        for key in self.subscribers(id) {
            let shows = self.slot(key).and_then(Slot::bound).map(|bound| bound.source);
            match is_unfit && shows == Some(id) {
                true => self.reconsider(now, key),
                false => self.handle_failure(now, key, id),
            }
        }
    }

    /// The source is connected and begins to send: a picture is to be expected of it.
    pub fn handle_media(&mut self, now: Instant, id: SourceId) {
        if let Some(source) = self.sources.get_mut(id.0).filter(|source| source.is_running()) {
            source.vitals.handle_media(now);
        }
    }

    /// The source's next frame, in decoding order. After a gap the first one is a key.
    pub fn handle_frame(&mut self, now: Instant, id: SourceId, frame: &Arc<Frame>) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if !source.is_running() || matches!(source.health, Health::Unsupported { .. }) {
            return;
        }
        if source.codec != Some(frame.codec) {
            self.handle_codec(now, id, frame.codec);
        }
        let Some(source) = self.sources.get_mut(id.0) else { return };
        let before = source.cache.bytes();
        source.cache.push(frame);
        let after = source.cache.bytes();
        source.vitals.handle_frame(now, frame.key);
        if frame.key {
            source.keyframe.handle_key(now);
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
        source.keyframe.handle_gap();
        source.vitals.handle_gap();
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
        self.probes.follow(now, key, slot);
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

    pub(super) fn handle_failure(&mut self, now: Instant, key: SlotKey, id: SourceId) {
        let Some(slot) = self.slot_mut(key) else { return };
        slot.handle_interruption(id);
        self.report(key);
        // A failed switch leaves the old camera running, if that can go on.
        let is_fit = |shown: &SourceId| *shown != id && self.misfit(key, *shown).is_none();
        let goes_on = self.slot(key).and_then(Slot::showing).is_some_and(|shown| is_fit(&shown));
        let Some(slot) = self.slot_mut(key).filter(|_| goes_on) else { return };
        if slot.wanted() == Some(id) {
            slot.give_up();
            self.rebind(now, key, Some(id));
            self.report(key);
        }
    }

    pub(super) fn drop_cache(&mut self, id: SourceId) {
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

    pub(super) fn subscribers(&self, id: SourceId) -> Vec<SlotKey> {
        self.source(id).map(|source| source.subscribers.clone()).unwrap_or_default()
    }

    pub(super) fn follow_demand(&mut self, now: Instant, id: SourceId) {
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

    pub(super) fn ask_camera(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if let Some(method) = source.keyframe.poll(now) {
            source.vitals.handle_keyframe_request();
            self.outputs.push_back(Output::RequestKeyframe(id, method));
        }
    }

    /// A source that is watched and whose pictures have stopped is asked for a keyframe: perhaps
    /// only the last one was lost.
    pub(super) fn follow_vitals(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if source.vitals.poll_stall(now) && !source.subscribers.is_empty() {
            source.keyframe.handle_gap();
            source.keyframe.want();
        }
    }

    /// A publisher's own session has asked it for a keyframe.
    pub fn note_keyframe_request(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.vitals.handle_keyframe_request();
        }
    }

    /// The camera may be asked for a keyframe in one more way.
    pub fn allow_keyframe_method(&mut self, id: SourceId, method: Method) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.keyframe.allow(method);
        }
    }

    /// The camera did not take a request for a keyframe.
    pub fn handle_keyframe_refusal(
        &mut self,
        now: Instant,
        id: SourceId,
        method: Method,
        refusal: Refusal,
    ) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.keyframe.handle_refusal(now, method, refusal);
        }
    }
}
