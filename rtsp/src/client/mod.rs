//! A session with one camera: RTSP client (RFC 2326) as a state machine.
//!
//! Nothing in here may open a socket, resolve a name, read a clock or sleep. The caller owns the
//! connection: it passes in what happened and what time it is, and then does what
//! [`poll_output`](Client::poll_output) asks for, until there is nothing more. One deadline at a
//! time: [`poll_timeout`](Client::poll_timeout).

mod error;
mod options;
mod output;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub use error::Error;
pub use options::{Backoff, Options, Timeouts, Transport};
pub use output::{Carrier, Choice, Event, Output, Quirk, Stats, TrackId, TrackInfo, UdpPort};

/// One camera.
#[derive(Debug)]
pub struct Client {
    options: Options,
    seed: u64,
}

impl Client {
    /// A client that does nothing until [`start`](Self::start). `seed` feeds the jitter, client
    /// nonces and SSRCs; two clients should not share it.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        Self { options, seed }
    }

    /// The stream is wanted: connect, and reconnect for ever.
    pub fn start(&mut self, _now: Instant) {}

    /// The stream is not wanted any more: end the session in order, within
    /// [`Timeouts::teardown`].
    pub fn stop(&mut self, _now: Instant) {}

    /// The connection asked for by [`Output::Connect`] exists. `set_peer_address` goes before it.
    pub fn handle_connected(&mut self, _now: Instant) {}

    /// The address the connection leads to. Datagrams from elsewhere are ignored.
    pub fn set_peer_address(&mut self, _address: IpAddr) {}

    /// The connection could not be made.
    pub fn handle_connect_failed(&mut self, _now: Instant, _reason: &str) {}

    /// The connection ended without [`Output::Disconnect`].
    pub fn handle_closed(&mut self, _now: Instant, _reason: &str) {}

    /// Bytes from the connection, cut anyhow.
    pub fn handle_data(&mut self, _now: Instant, _bytes: &[u8]) {}

    /// A datagram on one of the sockets of [`Output::BindUdp`].
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _udp: UdpPort,
        _source: SocketAddr,
        _data: &[u8],
    ) {
    }

    /// The sockets of [`Output::BindUdp`] are bound to these ports.
    pub fn handle_udp_bound(
        &mut self,
        _now: Instant,
        _track: TrackId,
        _rtp_port: u16,
        _rtcp_port: u16,
    ) {
    }

    /// The sockets of [`Output::BindUdp`] can not be had.
    pub fn handle_udp_failed(&mut self, _now: Instant, _track: TrackId, _reason: &str) {}

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Early calls do no harm.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When to call [`handle_timeout`](Self::handle_timeout), at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing to do, until none.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Asks the camera for an IDR now, by RTCP. At most one request a second goes out; returns
    /// whether this one did.
    pub fn request_keyframe(&mut self, _now: Instant) -> bool {
        let _ = (&self.options, self.seed);
        false
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
