//! What stands for `ice_tcp` in builds without the feature `ice-tcp`.

use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpListener;

use super::server::Server;
use crate::engine::viewer::ViewerId;
use crate::http::Metric;
use crate::peer::Transmit;

/// None.
#[derive(Default)]
pub(super) struct IceTcp(());

impl IceTcp {
    /// Does not listen.
    pub fn open(_: SocketAddr) -> Self {
        Self(())
    }

    /// There is none.
    pub fn listener(&mut self) -> Option<&mut TcpListener> {
        None
    }

    /// It is not.
    pub fn is_open(&self) -> bool {
        false
    }

    /// There is nothing to tell.
    pub fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// Gives every datagram back.
    pub fn claim(&mut self, datagram: Transmit) -> Option<Transmit> {
        Some(datagram)
    }
}

impl Server {
    pub(super) fn accept_ice_tcp(&mut self, _: Instant) -> bool {
        false
    }

    pub(super) fn handle_ice_tcp(&mut self, _: Instant, _: usize) -> bool {
        false
    }

    pub(super) fn handle_ice_tcp_timeout(&mut self, _: usize) {}

    pub(super) fn close_ice_tcp_of(&mut self, _: ViewerId) {}
}
