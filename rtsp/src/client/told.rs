//! Where everything inside the client puts what it has to say.

use std::collections::VecDeque;
use std::time::Instant;

use super::output::{Event, Output, Quirk, Stats};

/// Outputs in order, and counters.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) outputs: VecDeque<Output>,
    pub(super) stats: Stats,
}

impl Told {
    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(super) fn quirk(&mut self, quirk: Quirk) {
        self.stats.quirks.insert(quirk);
    }
}

/// The earliest of deadlines that may not exist.
pub(super) fn earliest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

/// Whether a deadline exists and has come.
pub(super) fn due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
