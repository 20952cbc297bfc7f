//! Who can decode what: a slot is shown a stream's alternative where its receiver can't decode the
//! stream itself, and is told why where there is none.

use std::time::Instant;

use super::Hub;
use crate::engine::codec::{VideoCodec, VideoCodecs};
use crate::engine::slot::Bound;
use crate::engine::source::{Health, Source, SourceId};
use crate::engine::viewer::SlotKey;

impl Hub {
    /// Sets what viewers are shown who can't decode a source, the best first.
    pub fn set_alternatives(&mut self, id: SourceId, alternatives: Vec<SourceId>) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.alternatives = alternatives;
        }
    }

    /// What a slot's receiver can decode is known. Without it a slot takes everything, and is
    /// shown what it asked for alone.
    pub fn set_codecs(&mut self, now: Instant, key: SlotKey, codecs: VideoCodecs) {
        if let Some(slot) = self.slot_mut(key) {
            slot.takes = Some(codecs);
            self.reconsider(now, key);
        }
    }

    /// What a source's pictures are coded in is known, or has changed.
    pub fn handle_codec(&mut self, now: Instant, id: SourceId, codec: VideoCodec) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if source.codec.replace(codec) == Some(codec) {
            return;
        }
        for key in self.subscribers(id) {
            self.reconsider(now, key);
        }
    }

    /// Why a slot can't show a source, as far as known.
    pub(super) fn misfit(&self, key: SlotKey, id: SourceId) -> Option<String> {
        let source = self.source(id)?;
        if let Health::Unsupported { reason } = &source.health {
            return Some(reason.clone());
        }
        let (takes, codec) = (self.slot(key)?.takes?, source.codec?);
        (!takes.has(codec))
            .then(|| format!("the camera sends {codec}, this viewer can decode {takes}"))
    }

    /// The source to show to a slot that is asked for this one.
    pub(super) fn resolve(&self, key: SlotKey, asked: SourceId) -> Bound {
        let chooses = self.slot(key).is_some_and(|slot| slot.takes.is_some());
        if !chooses || self.misfit(key, asked).is_none() {
            return asked.into();
        }
        let alternatives = self.source(asked).map_or(&[][..], |source| &source.alternatives);
        let fit = || alternatives.iter().filter(|id| self.misfit(key, **id).is_none());
        let works = |source: &Source| source.health.failure().is_none();
        let working = fit().find(|id| self.source(**id).is_some_and(works));
        Bound { source: *working.or(fit().next()).unwrap_or(&asked), asked }
    }

    /// A slot that can't show what it is meant to is shown an alternative, or told why not.
    pub(super) fn reconsider(&mut self, now: Instant, key: SlotKey) {
        let Some(bound) = self.slot(key).and_then(|slot| slot.bound()) else { return };
        if self.misfit(key, bound.source).is_none() {
            return;
        }
        let other = self.resolve(key, bound.asked);
        if self.misfit(key, other.source).is_some() {
            return self.handle_failure(now, key, bound.source);
        }
        let Some(slot) = self.slot_mut(key) else { return };
        slot.handle_interruption(bound.source);
        slot.await_key(other);
        self.rebind(now, key, Some(bound.source));
        if self.is_connected(key.viewer) {
            self.take(now, key, other.source);
            self.release(now, key.viewer);
        }
        self.report(key);
        if self.source(other.source).is_some_and(|source| source.health.failure().is_some()) {
            self.handle_failure(now, key, other.source);
        }
    }
}
