//! Instead of `rooms`, in a program that knows none.

use std::time::Instant;

use rtsp::client::Stats;

use super::error::ServerError;
use super::resolver::Resolved;
use super::server::Server;
use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;
use crate::http::Metric;
use crate::intake::Intake;

/// None.
#[derive(Default)]
pub(super) struct Rooms(());

impl Rooms {
    pub fn intake(&self, _: SourceId) -> Option<&Intake> {
        None
    }

    pub fn stats(&self, _: SourceId) -> Option<Stats> {
        None
    }

    pub fn to_json(&self) -> String {
        "[]".to_owned()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
}

impl Server {
    pub(super) fn add_rooms(&mut self, _: Instant) -> Result<(), ServerError> {
        Ok(()) // the configuration refuses the section
    }

    pub(super) fn handle_room(&mut self, _: Instant, _: usize, _: &mut [u8]) -> bool {
        false
    }

    pub(super) fn handle_room_resolved(&mut self, _: Instant, _: usize, _: Resolved) {}

    pub(super) fn handle_room_timeout(&mut self, _: Instant, _: usize) {}

    pub(super) fn leave_rooms(&mut self, _: Instant) {}

    pub(super) fn pump_room(&mut self, _: Instant, _: usize) {}

    pub(super) fn handle_member_connected(&mut self, _: Instant, _: ViewerId) {}

    pub(super) fn pump_member(&mut self, _: Instant, _: ViewerId) -> Option<Instant> {
        None
    }

    pub(super) fn offer_to_waiting(&mut self, _: Instant, _: SourceId) {}

    pub(super) fn close_room_viewers(&mut self, _: Instant, _: SourceId) {}

    #[cfg(feature = "turn")]
    pub(super) fn tell_candidate(&mut self, _: Instant, _: ViewerId, _: String) {}

    pub(super) fn ask_guest(&mut self, _: SourceId) {}

    pub(super) fn end_member(&mut self, _: Instant, _: ViewerId) {}
}
