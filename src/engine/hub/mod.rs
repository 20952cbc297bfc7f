//! The matrix itself: every source, every viewer, and the crosspoints between them.
//!
//! One machine for the whole engine: inputs are `handle_*` and the viewer's commands, outputs
//! are polled until there is none, and there is one next deadline. Iteration is over ordered
//! collections only, so the same inputs give the same outputs.

mod audio;
mod fitting;
mod inputs;
mod outputs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::frame::{AudioEgress, Egress};
use super::keyframe::Method;
use super::source::{Source, SourceId, SourceOptions};
use super::status::SlotStatus;
use super::tail_probe::TailProbes;
use super::viewer::{SlotKey, Viewer, ViewerId};
use super::vitals::Vitals;

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
    /// Send this packet without payload on a slot, so that its receiver misses what was lost
    /// before it.
    Probe(SlotKey, Egress),
    /// Send this audio on a slot.
    Audio(SlotKey, AudioEgress),
    /// A slot's status changed, or was asked for.
    Status(SlotKey, SlotStatus),
    /// Connect a camera.
    Start(SourceId),
    /// Disconnect a camera.
    Stop(SourceId),
    /// Ask a camera for an IDR, in this way.
    RequestKeyframe(SourceId, Method),
}

/// The matrix.
#[derive(Debug)]
pub struct Hub {
    options: HubOptions,
    sources: Vec<Source>,
    viewers: BTreeMap<ViewerId, Viewer>,
    replaying: BTreeSet<ViewerId>,
    probes: TailProbes,
    waiting_audio: audio::Waiting,
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
            probes: TailProbes::default(),
            waiting_audio: audio::Waiting::default(),
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

    /// Gives a source that nobody watches another name: what it was is over.
    pub fn rename_source(&mut self, id: SourceId, name: String) {
        if let Some(source) = self.sources.get_mut(id.0) {
            source.name = name;
            source.vitals = Vitals::default();
        }
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
        let others = [self.probes.next_at(), self.waiting_audio.next_at()];
        sources.chain(replays).chain(others.into_iter().flatten()).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<ViewerId> = self.replaying.iter().copied().collect();
        for id in due {
            self.release(now, id);
        }
        self.probe(now);
        self.release_audio(now);
        for index in 0..self.sources.len() {
            self.follow_demand(now, SourceId(index));
            self.follow_vitals(now, SourceId(index));
            self.ask_camera(now, SourceId(index));
        }
    }
}
