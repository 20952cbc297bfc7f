//! Instead of `feeds`, in a program that nobody publishes to over WebRTC.

use std::time::Instant;

use rtsp::client::Stats;

use super::server::Server;
use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;
use crate::http::Response;
use crate::http::whip::Publishing;

impl Server {
    pub(super) fn publishing(&self, name: &str) -> Publishing {
        self.hub.find(name).map_or(Publishing::NoStream, |_| Publishing::Nobody)
    }

    pub(super) fn start_whip(&mut self, _: Instant, _: &str, _: &str) -> Response {
        Response::error(403, "this program takes no streams over WebRTC")
    }

    pub(super) fn pump_feed(&mut self, _: Instant, _: ViewerId) -> Option<Instant> {
        None
    }

    pub(super) fn ask_feed(&mut self, _: ViewerId) {}

    pub(super) fn is_feed_quiet(&self, _: Instant, _: ViewerId) -> bool {
        true
    }

    pub(super) fn feed_stats(&self, _: ViewerId) -> Option<Stats> {
        None
    }

    pub(super) fn end_feed(&mut self, _: Instant, _: ViewerId, _: SourceId) {}
}
