//! Audio on its way through the matrix: to the slots that show its source, at its time.
//!
//! Nothing is kept for later viewers and nothing is sent faster than live. A camera's audio is
//! often there before its video, which takes longer to encode; it waits here until it is as late
//! as that, so that both leave together.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::{Hub, Output};
use crate::engine::codec::AudioCodec;
use crate::engine::frame::AudioFrame;
use crate::engine::slot_audio::SlotAudio;
use crate::engine::source::SourceId;
use crate::engine::viewer::SlotKey;

/// Packets of one source that may wait: more than a second of 20 ms each.
const WAITING_MAX: usize = 64;

/// Audio that was taken, by its source's clock, later than now.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_source: BTreeMap<SourceId, VecDeque<AudioFrame>>,
}

impl Waiting {
    pub fn next_at(&self) -> Option<Instant> {
        self.by_source.values().filter_map(|frames| Some(frames.front()?.captured_at)).min()
    }

    /// Takes a packet; the first that is to leave now, if one is.
    fn push(&mut self, now: Instant, id: SourceId, frame: AudioFrame) -> Option<AudioFrame> {
        let frames = self.by_source.entry(id).or_default();
        frames.push_back(frame);
        if frames.len() > WAITING_MAX { frames.pop_front() } else { self.pop(now, id) }
    }

    fn pop(&mut self, now: Instant, id: SourceId) -> Option<AudioFrame> {
        let frames = self.by_source.get_mut(&id)?;
        let is_due = frames.front().is_some_and(|frame| frame.captured_at <= now);
        let due = if is_due { frames.pop_front() } else { None };
        if frames.is_empty() {
            self.by_source.remove(&id);
        }
        due
    }
}

impl Hub {
    /// The receiver of a slot takes audio of these codecs, from now on. `seed` is random.
    pub fn accept_audio(&mut self, now: Instant, key: SlotKey, codecs: Vec<AudioCodec>, seed: u64) {
        if let Some(slot) = self.slot_mut(key) {
            slot.audio = Some(SlotAudio::new(now, codecs, seed));
        }
    }

    /// The source's next packet of audio, in order.
    pub fn handle_audio(&mut self, now: Instant, id: SourceId, frame: AudioFrame) {
        let Some(source) = self.source(id) else { return };
        let has_audio = |key: &SlotKey| self.slot(*key).is_some_and(|slot| slot.audio.is_some());
        if !source.subscribers.iter().any(has_audio) {
            return;
        }
        if let Some(frame) = self.waiting_audio.push(now, id, frame) {
            self.forward_audio(now, id, &frame);
        }
    }

    /// Sends the packets whose time has come.
    pub(super) fn release_audio(&mut self, now: Instant) {
        let ids: Vec<SourceId> = self.waiting_audio.by_source.keys().copied().collect();
        for id in ids {
            while let Some(frame) = self.waiting_audio.pop(now, id) {
                self.forward_audio(now, id, &frame);
            }
        }
    }

    fn forward_audio(&mut self, now: Instant, id: SourceId, frame: &AudioFrame) {
        for key in self.subscribers(id) {
            let viewer = self.viewers.get_mut(&key.viewer).filter(|viewer| viewer.connected);
            let slot = viewer.and_then(|viewer| viewer.slots.get_mut(key.position));
            if let Some(egress) = slot.and_then(|slot| slot.handle_audio(now, id, frame)) {
                self.outputs.push_back(Output::Audio(key, egress));
            }
        }
    }

    /// The codec of the audio that belongs to what a slot shows: sent, or left out because the
    /// receiver does not take it. `None` where there is no audio.
    #[must_use]
    pub fn audio(&self, key: SlotKey) -> Option<Result<AudioCodec, AudioCodec>> {
        let slot = self.slot(key)?;
        let (source, codec) = slot.audio.as_ref()?.newest()?;
        (slot.showing() == Some(source)).then_some(codec)
    }
}
