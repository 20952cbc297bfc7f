//! Builds that are not published to: no peer sends media, or opens channels.

use std::time::Instant;

use rtsp::rtcp::SenderReport;
use str0m::Event as RtcEvent;

use super::{Datagram, Peer, Sink};

impl Peer {
    pub(super) fn receives(&self) -> bool {
        false
    }

    pub(super) fn reporter(&self) -> Option<u32> {
        None
    }

    pub(super) fn poll_received_reports(&self) -> Option<Instant> {
        None
    }

    pub(super) fn report_received(&mut self, _: Instant, _: &mut Sink<'_>) {}

    pub(super) fn handle_media(&mut self, _: Instant, _: &Datagram<'_>) {}

    pub(super) fn handle_sender_report(&mut self, _: Instant, _: &SenderReport) {}

    pub(super) fn handle_channel(&mut self, _: &RtcEvent) {}
}
