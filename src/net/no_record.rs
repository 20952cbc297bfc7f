//! A build that records nothing.

use std::sync::Arc;
use std::time::Instant;

use mio::Waker;

use super::error::ServerError;
use super::server::Server;
use crate::engine::frame::{AudioFrame, Frame};
use crate::engine::source::SourceId;

/// There are none.
pub(super) struct Recordings;

impl Recordings {
    pub fn new(_waker: Arc<Waker>) -> Self {
        Self
    }
}

impl Server {
    pub(super) fn add_recordings(&mut self, _now: Instant) -> Result<(), ServerError> {
        Ok(())
    }

    pub(super) fn end_recordings(&mut self, _now: Instant) {}

    pub(super) fn is_recording(&self) -> bool {
        false
    }

    pub(super) fn record_frame(&mut self, _now: Instant, _key: usize, _frame: &Arc<Frame>) {}

    pub(super) fn record_audio(&mut self, _now: Instant, _source: SourceId, _frame: &AudioFrame) {}

    pub(super) fn record_rotation(&mut self, _now: Instant, _source: SourceId, _degrees: u16) {}

    pub(super) fn record_gap(&mut self, _now: Instant, _source: SourceId) {}

    pub(super) fn record_end(&mut self, _now: Instant, _source: SourceId) {}

    pub(super) fn handle_recording_timeout(&mut self, _now: Instant, _key: usize) {}

    pub(super) fn take_disk_reports(&mut self, _now: Instant) {}
}
