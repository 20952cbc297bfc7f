//! What a loop waits for: readiness, or its next deadline.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use slab::Slab;

use super::Endpoint;
use super::error::ServerError;
use super::timers::Timers;

/// Waits until something is ready or due: when that was, and what is to be read, those that
/// stopped reading before they were empty included. With such there is no wait.
pub(super) fn wait<K: Ord + Copy>(
    poll: &mut Poll,
    events: &mut Events,
    timers: &Timers<K>,
    endpoints: &Slab<Endpoint>,
    unfinished: &mut BTreeSet<Endpoint>,
) -> Result<(Instant, BTreeSet<Endpoint>), ServerError> {
    let timeout = if unfinished.is_empty() {
        let now = Instant::now();
        timers.next().map(|at| at.saturating_duration_since(now))
    } else {
        Some(Duration::ZERO)
    };
    match poll.poll(events, timeout) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(error) => return Err(ServerError::System("epoll", error)),
    }
    let mut ready = std::mem::take(unfinished);
    ready.extend(events.iter().filter_map(|event| endpoints.get(event.token().0)));
    Ok((Instant::now(), ready))
}
