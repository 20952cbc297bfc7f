//! Where everything inside the client puts what it has to say.

use std::collections::VecDeque;

use super::output::{Event, Output, Stats};
use crate::receive::Listener;

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
}

impl Listener for Told {
    fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    fn stats(&mut self) -> &mut Stats {
        &mut self.stats
    }
}
