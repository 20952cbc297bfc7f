//! Instead of `stdio`, in a program that nobody speaks with.

use std::io;
#[cfg(feature = "record")]
use std::path::Path;
use std::time::Instant;

use super::error::ServerError;
use super::server::Server;
use crate::engine::source::{Health, SourceId};
#[cfg(feature = "room")]
use crate::room::Event;

/// There is nobody.
pub enum Pipes {}

impl Pipes {
    /// There is nobody.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is none.
    ///
    /// # Errors
    /// Never.
    pub fn first_line(&mut self) -> io::Result<Option<String>> {
        match *self {}
    }
}

/// There is nobody.
pub(super) struct Stdio;

impl Server {
    pub(super) fn add_stdio(&mut self, _: Instant, pipes: Pipes) -> Result<(), ServerError> {
        match pipes {}
    }

    pub(super) fn tell_ready(&mut self, _: Instant) {}

    pub(super) fn flush_stdio(&mut self) {}

    pub(super) fn has_untold(&self) -> bool {
        false
    }

    pub(super) fn stdio_outcome(&self) -> Result<(), ServerError> {
        Ok(())
    }

    pub(super) fn handle_stdin(&mut self, _: Instant) -> bool {
        false
    }

    pub(super) fn handle_stats_timeout(&mut self, _: Instant) {}

    pub(super) fn tell_connected(&mut self, _: Instant, _: SourceId) {}

    pub(super) fn note_media(&mut self, _: Instant, _: SourceId, _: bool) {}

    pub(super) fn tell_health(&mut self, _: Instant, _: SourceId, _: &Health) {}

    #[cfg(feature = "room")]
    pub(super) fn tell_room_event(&mut self, _: Instant, _: &str, _: &Event) {}

    #[cfg(feature = "record")]
    pub(super) fn tell_index(&mut self, _: Instant, _: &str, _: &Path, _: &str) {}

    #[cfg(feature = "record")]
    pub(super) fn tell_gap(&mut self, _: Instant, _: String, _: u64) {}

    #[cfg(all(feature = "record", feature = "room"))]
    pub(super) fn how_recorded(
        &self,
        _: &str,
        configured: Option<config::Record>,
    ) -> Option<config::Record> {
        configured
    }

    #[cfg(feature = "record")]
    pub(super) fn is_paused(&self, _: &str) -> bool {
        false
    }
}
