//! ICE over TCP, passive (RFC 6544), for viewers whose network lets no UDP through: connections
//! to the media port's number, on which datagrams stand behind their lengths (RFC 4571).
//!
//! A connection is nobody's until a peer has accepted a check that came by it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpListener;
use mio::{Interest, Token};
use slab::Slab;

use super::server::Server;
use super::tcp::{ReadOutcome, TcpConnection};
use super::{Endpoint, Timer, table};
use crate::engine::viewer::ViewerId;
use crate::http::{Metric, MetricKind};
use crate::limits;
use crate::peer::{Datagram, EndReason, Protocol, Route, Transmit};

/// The listener and its connections.
#[derive(Default)]
pub(super) struct IceTcp {
    listener: Option<TcpListener>,
    connections: Slab<Connection>,
    by_remote: BTreeMap<SocketAddr, usize>,
    /// Datagrams that a connection did not take.
    dropped: u64,
}

struct Connection {
    tcp: TcpConnection,
    token: Token,
    remote: SocketAddr,
    /// The candidate that it was made to.
    local: SocketAddr,
    viewer: Option<ViewerId>,
    inbox: Vec<u8>,
    idle_at: Instant,
}

/// What a connection has given.
enum Step {
    Datagrams(Vec<Vec<u8>>),
    Nothing,
    Over,
}

impl IceTcp {
    /// Listens at the address of the media socket. That the port is another program's is no
    /// reason not to start: UDP is there.
    pub fn open(at: SocketAddr) -> Self {
        let listener = match TcpListener::bind(at) {
            Ok(listener) => Some(listener),
            Err(error) => {
                log::warn!("no ICE over TCP: can't listen on TCP {at}: {error}");
                None
            }
        };
        Self { listener, ..Self::default() }
    }

    /// For registration with the poll.
    pub fn listener(&mut self) -> Option<&mut TcpListener> {
        self.listener.as_mut()
    }

    /// Whether connections are taken.
    pub fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    /// What there is to tell.
    pub fn metrics(&self) -> Vec<Metric> {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
        let (connections, dropped) = (self.connections.len() as f64, self.dropped as f64);
        let metric = |name, help, kind, value| Metric { name, help, kind, labels: vec![], value };
        vec![
            metric(
                "crosspoint_ice_tcp_connections",
                "TCP connections for media.",
                MetricKind::Gauge,
                connections,
            ),
            metric(
                "crosspoint_ice_tcp_dropped_total",
                "Datagrams that none of them took.",
                MetricKind::Counter,
                dropped,
            ),
        ]
    }

    /// Takes a datagram that leaves by a connection; gives back any other.
    pub fn claim(&mut self, datagram: Transmit) -> Option<Transmit> {
        if datagram.proto != Protocol::Tcp {
            return Some(datagram);
        }
        let key = self.by_remote.get(&datagram.destination);
        let connection = key.and_then(|key| self.connections.get_mut(*key));
        let is_taken = connection.is_some_and(|connection| connection.send(&datagram.contents));
        self.dropped += u64::from(!is_taken);
        None
    }
}

impl Connection {
    /// Sends a datagram, unless too much waits: media that is late is worth less than none.
    fn send(&mut self, datagram: &[u8]) -> bool {
        let Ok(length) = u16::try_from(datagram.len()) else { return false };
        if self.tcp.unsent_bytes() + datagram.len() + 2 > limits::ICE_TCP_UNSENT_MAX_BYTES {
            return false;
        }
        let frame = [&length.to_be_bytes(), datagram].concat();
        self.tcp.send(&frame).is_ok() // its error is met when it is read
    }

    fn read(&mut self, buffer: &mut [u8]) -> Step {
        if self.tcp.flush().is_err() {
            return Step::Over;
        }
        match self.tcp.read(buffer) {
            Ok(ReadOutcome::Data(count)) => {
                self.inbox.extend_from_slice(buffer.get(..count).unwrap_or_default());
                let datagrams = cut(&mut self.inbox);
                // Who may send nothing but checks yet has no reason for anything longer.
                let is_patient =
                    self.viewer.is_some() || self.inbox.len() < limits::ICE_TCP_CHECK_MAX_BYTES;
                if is_patient { Step::Datagrams(datagrams) } else { Step::Over }
            }
            Ok(ReadOutcome::WouldBlock) => Step::Nothing,
            Ok(ReadOutcome::Closed) | Err(_) => Step::Over,
        }
    }
}

/// Takes the whole datagrams out of a stream.
fn cut(stream: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut taken = 0;
    while let Some(rest) = stream.get(taken..)
        && let Some((length, rest)) = rest.split_first_chunk::<2>()
        && let Some(datagram) = rest.get(..usize::from(u16::from_be_bytes(*length)))
    {
        datagrams.push(datagram.to_vec());
        taken += 2 + datagram.len();
    }
    stream.drain(..taken);
    datagrams
}

impl Server {
    /// Takes new connections. True while there may be more.
    pub(super) fn accept_ice_tcp(&mut self, now: Instant) -> bool {
        loop {
            let Some(listener) = &self.ice_tcp.listener else { return false };
            let (stream, remote) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    log::warn!("ICE over TCP: {error}");
                    return false;
                }
            };
            if self.ice_tcp.connections.len() >= limits::ICE_TCP_CONNECTIONS_MAX {
                log::debug!("ICE over TCP: {remote} refused: too many connections");
                continue;
            }
            let Ok(local) = stream.local_addr() else { continue };
            let local = self.media.destination(Some(local.ip().to_canonical()));
            let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
            let mut tcp = TcpConnection::new(stream, limits::ICE_TCP_UNSENT_MAX_BYTES);
            let entry = self.ice_tcp.connections.vacant_entry();
            let key = entry.key();
            let token = Token(self.endpoints.insert(Endpoint::IceTcp(key)));
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(tcp.stream_mut(), token, interest) {
                log::warn!("ICE over TCP: {error}");
                self.endpoints.try_remove(token.0);
                continue;
            }
            let idle_at = now + limits::ICE_TCP_CHECK_WITHIN;
            let (viewer, inbox) = (None, Vec::new());
            entry.insert(Connection { tcp, token, remote, local, viewer, inbox, idle_at });
            self.ice_tcp.by_remote.insert(remote, key);
            self.timers.set(Timer::IceTcp(key), Some(idle_at));
        }
    }

    /// A connection is ready. True while there may be more to read.
    pub(super) fn handle_ice_tcp(&mut self, now: Instant, key: usize) -> bool {
        self.with_buffer(|server, buffer| server.read_ice_tcp(now, key, buffer))
    }

    fn read_ice_tcp(&mut self, now: Instant, key: usize, buffer: &mut [u8]) -> bool {
        let mut budget = limits::READ_BUDGET_BYTES;
        while budget > 0 {
            let Some(connection) = self.ice_tcp.connections.get_mut(key) else { return false };
            match connection.read(buffer) {
                Step::Datagrams(datagrams) => {
                    for datagram in datagrams {
                        budget = budget.saturating_sub(datagram.len());
                        if !self.handle_ice_tcp_datagram(now, key, &datagram) {
                            self.close_ice_tcp(key);
                            return false;
                        }
                    }
                    budget = budget.saturating_sub(1);
                }
                Step::Nothing => return false,
                Step::Over => {
                    self.close_ice_tcp(key);
                    return false;
                }
            }
        }
        true
    }

    /// False if the connection has nothing to say to any peer.
    fn handle_ice_tcp_datagram(&mut self, now: Instant, key: usize, data: &[u8]) -> bool {
        let Some(connection) = self.ice_tcp.connections.get_mut(key) else { return false };
        let (remote, local) = (connection.remote, connection.local);
        let (protocol, from, to) = (Protocol::Tcp, remote, local);
        let framed = Datagram { protocol, arrived_at: now, from, to, data };
        let id = match (connection.viewer, self.demux.route(remote, data)) {
            (Some(id), _) => id,
            (None, Route::Known(id) | Route::Claimed(id)) => {
                let peer = self.viewers.get(&id).and_then(|viewer| viewer.peer.as_ref());
                if !peer.is_some_and(|peer| peer.accepts(now, &framed)) {
                    return false;
                }
                connection.viewer = Some(id);
                id
            }
            (None, Route::Unknown) => return false,
        };
        connection.idle_at = now + limits::ICE_TCP_IDLE;
        self.timers.set(Timer::IceTcp(key), Some(connection.idle_at));
        self.dirty.viewers.insert(id);
        let is_sound = self.with_peer(id, |peer, sink| peer.handle_datagram(now, &framed, sink));
        if !is_sound {
            self.lose_viewer(now, id, EndReason::Failed);
        }
        is_sound
    }

    pub(super) fn handle_ice_tcp_timeout(&mut self, key: usize) {
        self.close_ice_tcp(key);
    }

    /// Ends the connections of a viewer that is gone.
    pub(super) fn close_ice_tcp_of(&mut self, id: ViewerId) {
        let connections = self.ice_tcp.connections.iter();
        let keys: Vec<usize> = connections
            .filter(|(_, connection)| connection.viewer == Some(id))
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            self.close_ice_tcp(key);
        }
    }

    fn close_ice_tcp(&mut self, key: usize) {
        let Some(mut connection) = table::take(&mut self.ice_tcp.connections, key) else { return };
        self.timers.set(Timer::IceTcp(key), None);
        self.ice_tcp.by_remote.remove(&connection.remote);
        table::take(&mut self.endpoints, connection.token.0);
        if let Err(error) = self.poll.registry().deregister(connection.tcp.stream_mut()) {
            log::debug!("deregister: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_cut_out_of_a_stream_however_it_comes() {
        let whole = [&[0, 3, 1, 2, 3][..], &[0, 0], &[0, 1, 9]].concat();
        for step in 1..whole.len() {
            let (mut stream, mut found) = (Vec::new(), Vec::new());
            for piece in whole.chunks(step) {
                stream.extend_from_slice(piece);
                found.extend(cut(&mut stream));
            }
            assert_eq!(found, [&[1, 2, 3][..], &[], &[9]]);
            assert!(stream.is_empty());
        }
    }
}
