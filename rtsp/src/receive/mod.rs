//! What receives video and the audio beside it needs, whether a camera was asked for them or a
//! publisher brings them: which sections of a description they are, and packets in, access units,
//! packets of audio and reports out.

mod assembler;
pub(crate) mod audio_track;
pub(crate) mod choose;
pub(crate) mod choose_audio;
mod source;
pub(crate) mod track;

use std::time::Instant;

use crate::client::{Event, Quirk, Stats};

/// Where a track puts what it has to tell.
pub(crate) trait Listener {
    /// Takes something to know.
    fn event(&mut self, event: Event);

    /// The counters.
    fn stats(&mut self) -> &mut Stats;

    /// Notes a departure from the standards.
    fn quirk(&mut self, quirk: Quirk) {
        self.stats().quirks.insert(quirk);
    }
}

/// The earliest of deadlines that may not exist.
pub(crate) fn earliest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

/// Whether a deadline exists and has come.
pub(crate) fn due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
