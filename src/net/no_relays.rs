//! What stands for `relays` in builds without the feature `turn`.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Instant;

use super::RelayKey;
use super::resolver::Resolved;
use super::server::Server;
use crate::http::Metric;
use crate::peer::Transmit;

/// None.
#[derive(Default)]
pub(super) struct Relays(());

impl Relays {
    /// There is nothing to tell.
    pub fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// No address.
    #[cfg(feature = "room")]
    pub fn addresses_for_rooms(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// No address is one's.
    pub fn have(&self, _: SocketAddr) -> bool {
        false
    }

    /// Gives every datagram back.
    pub fn claim(&mut self, datagram: Transmit) -> Option<Transmit> {
        Some(datagram)
    }
}

impl Server {
    pub(super) fn start_relays(&mut self, _: Instant) {
        if !self.config.webrtc.relays.is_empty() || self.config.webrtc.relays_from.is_some() {
            log::warn!("webrtc.relays needs a build with the feature turn");
        }
    }

    pub(super) fn handle_relay(&mut self, _: Instant, _: RelayKey) -> bool {
        false
    }

    pub(super) fn handle_relay_resolved(&mut self, _: Instant, _: RelayKey, _: Resolved) {}

    pub(super) fn handle_relay_timeout(&mut self, _: Instant, _: RelayKey) {}

    pub(super) fn permit(&mut self, _: Instant, _: IpAddr) {}

    pub(super) fn pump_relays(&mut self, _: Instant) -> bool {
        false
    }

    pub(super) fn stop_relays(&mut self, _: Instant) {}
}
