//! Relays: the connections to TURN servers, and the datagrams that go through them.
//!
//! One allocation on each server serves all peers, viewers or others: it is there before the first
//! of them asks, costs a request every 25 s, and tells peers apart by their addresses. Each server
//! has a socket of its own, so that a machine whose media port is for itself alone can be relayed.
//! What a room's service lists is for peers of rooms alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use config::RelayTransport;
use mio::{Interest, Token};
use turn::{Client, Options, Output, Status};

use super::inbox::Inbox;
use super::link::{Context, Incoming, Link, register, release};
use super::random::fill_random;
use super::relay_list::Fetcher;
use super::resolver::{Asker, Resolved};
use super::server::Server;
use super::tls::{Authorities, Connector, Tls};
use super::udp::MediaSocket;
use super::viewers::Audience;
use super::{Endpoint, RelayKey, Timer};
use crate::engine::viewer::ViewerId;
use crate::http::{Metric, MetricKind};
use crate::limits;
use crate::peer::{Datagram, Transmit};

/// All relays.
#[derive(Default)]
pub(super) struct Relays {
    all: Vec<Relay>,
    /// What goes out by them at the end of the turn.
    outbox: Vec<Transmit>,
    /// Relayed bytes to peers, and from them.
    sent_bytes: u64,
    received_bytes: u64,
    /// Datagrams that a connection did not take.
    dropped: u64,
    /// What lists further servers.
    pub fetchers: Vec<Fetcher>,
}

/// Whom a relay is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every peer.
    All,
    /// Peers of rooms.
    Rooms,
}

/// One TURN server, and the way there.
struct Relay {
    server: config::Relay,
    scope: Scope,
    /// The list that it is from; none for one of the configuration.
    list: Option<usize>,
    client: Client,
    connector: Connector,
    /// The way by TCP, through TLS or not.
    link: Link,
    /// The way by UDP.
    udp: Option<Udp>,
    /// Tells answers of the resolver apart from those to questions given up.
    question: u32,
    /// How many attempts there were: of several addresses each has its turn.
    attempts: usize,
    endpoint: Endpoint,
}

struct Udp {
    socket: MediaSocket,
    token: Token,
    server: SocketAddr,
}

impl Relays {
    /// The addresses that they have for everybody.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let for_all = self.all.iter().filter(|relay| relay.scope == Scope::All);
        for_all.filter_map(|relay| relay.client.relayed()).collect()
    }

    /// Those that they have for peers of rooms.
    #[cfg(feature = "room")]
    pub fn addresses_for_rooms(&self) -> Vec<SocketAddr> {
        self.all.iter().filter_map(|relay| relay.client.relayed()).collect()
    }

    /// What there is to tell of them, if there are any.
    pub fn metrics(&self) -> Vec<Metric> {
        let up = |relay: &Relay| Metric {
            name: "crosspoint_relay_up",
            help: "1 while the TURN server has an address for us.",
            kind: MetricKind::Gauge,
            labels: vec![("relay", relay.server.to_string())],
            value: f64::from(u8::from(relay.client.relayed().is_some())),
        };
        let mut metrics: Vec<Metric> = self.all.iter().map(up).collect();
        let totals = [
            ("crosspoint_relay_sent_bytes_total", "Bytes sent by relays.", self.sent_bytes),
            ("crosspoint_relay_received_bytes_total", "Bytes from relays.", self.received_bytes),
            ("crosspoint_relay_dropped_total", "Datagrams that no relay took.", self.dropped),
        ];
        for (name, help, value) in totals.into_iter().filter(|_| !self.all.is_empty()) {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
            let value = value as f64;
            metrics.push(Metric { name, help, kind: MetricKind::Counter, labels: vec![], value });
        }
        metrics
    }

    /// Whether this is the address of a relay.
    pub fn have(&self, source: SocketAddr) -> bool {
        self.all.iter().any(|relay| relay.client.relayed() == Some(source))
    }

    /// Takes a datagram that leaves by a relay; gives back any other.
    pub fn claim(&mut self, datagram: Transmit) -> Option<Transmit> {
        if !self.have(datagram.source) {
            return Some(datagram);
        }
        self.outbox.push(datagram);
        None
    }

    /// Sends what was claimed; false if there was nothing.
    fn send(&mut self, now: Instant) -> bool {
        let mut outbox = std::mem::take(&mut self.outbox);
        let any = !outbox.is_empty();
        for datagram in outbox.drain(..) {
            let from = Some(datagram.source);
            if let Some(relay) = self.all.iter_mut().find(|relay| relay.client.relayed() == from) {
                self.sent_bytes += datagram.contents.len() as u64;
                self.dropped += relay.send(now, datagram.destination, &datagram.contents);
            }
        }
        self.outbox = outbox; // keeps its memory for the next turn
        any
    }

    fn flush(&mut self) {
        for udp in self.all.iter_mut().filter_map(|relay| relay.udp.as_mut()) {
            udp.socket.flush();
        }
    }
}

impl Relay {
    fn new(
        key: usize,
        server: config::Relay,
        (scope, list): (Scope, Option<usize>),
        authorities: &Authorities,
    ) -> Self {
        let endpoint = Endpoint::Relay(RelayKey::Server(key));
        let connector = Connector::new(authorities, server.tls);
        if server.transport == RelayTransport::Tls {
            connector.prepare();
        }
        let mut seed = [0; 32];
        fill_random(&mut seed);
        let client = Client::new(Options {
            username: server.username.clone(),
            credential: server.credential.clone(),
            is_stream: server.transport != RelayTransport::Udp,
            seed,
        });
        let link = Link::new(endpoint, limits::RELAY_UNSENT_MAX_BYTES);
        let (udp, question, attempts) = (None, 0, 0);
        Self { server, scope, list, client, connector, link, udp, question, attempts, endpoint }
    }

    /// Begins a connection in place of any other. An error is final.
    fn connect(
        &mut self,
        now: Instant,
        alternate: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        self.disconnect(context);
        let (host, port) = (self.server.host.as_str(), self.server.port);
        let literal = host.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, port));
        match (self.server.transport, alternate) {
            (RelayTransport::Udp, alternate) => {
                if let Some(address) = alternate.or(literal) {
                    return self.open(now, address, context);
                }
                self.question = self.question.wrapping_add(1);
                let asker = Asker { endpoint: self.endpoint, question: self.question };
                match context.resolver.ask(asker, host, port) {
                    true => Ok(()),
                    false => Err("too many names to resolve".to_owned()),
                }
            }
            (transport, Some(address)) => {
                // The other server still has to be called what this one is (RFC 8489 section 10).
                let is_tls = transport == RelayTransport::Tls;
                let tls = is_tls.then(|| Tls::new(&self.connector, host)).transpose()?;
                self.link.connect_to(address, tls, context)
            }
            (transport, None) => {
                let is_tls = transport == RelayTransport::Tls;
                let connector = is_tls.then_some(&self.connector);
                self.link.connect((host, port), connector, context)
            }
        }
    }

    /// The way by UDP is there as soon as it has a socket.
    fn open(
        &mut self,
        now: Instant,
        server: SocketAddr,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let failed = |error: std::io::Error| format!("UDP: {error}");
        let mut socket = MediaSocket::bind(SocketAddr::new(any, 0)).map_err(failed)?;
        let token = register(context, socket.source(), self.endpoint, Interest::READABLE);
        let token = token.map_err(failed)?;
        self.udp = Some(Udp { socket, token, server });
        self.client.handle_connected(now);
        Ok(())
    }

    fn handle_resolved(
        &mut self,
        now: Instant,
        resolved: Resolved,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        if self.server.transport != RelayTransport::Udp {
            return self.link.handle_resolved(resolved, context);
        }
        if resolved.asker.question != self.question || self.udp.is_some() {
            return Ok(());
        }
        let addresses = resolved.result?;
        let turn = self.attempts.checked_rem(addresses.len()).unwrap_or_default();
        self.attempts = self.attempts.wrapping_add(1);
        let address = addresses.get(turn).ok_or("no address")?;
        self.open(now, *address, context)
    }

    fn disconnect(&mut self, context: &mut Context<'_>) {
        self.question = self.question.wrapping_add(1);
        self.link.close(context);
        if let Some(mut udp) = self.udp.take() {
            udp.socket.flush(); // the goodbye may be in it
            release(context, udp.token, udp.socket.source());
        }
    }

    /// The socket is ready. Appends what peers have sent; true while there may be more to read.
    fn handle_ready(
        &mut self,
        now: Instant,
        (inbox, buffer): (&mut Inbox, &mut [u8]),
        context: &mut Context<'_>,
        delivered: &mut Vec<(SocketAddr, Vec<u8>)>,
    ) -> bool {
        let (client, link) = (&mut self.client, &mut self.link);
        let mut deliver = |peer, data: &[u8]| delivered.push((peer, data.to_vec()));
        if let Some(udp) = &mut self.udp {
            for _ in 0..limits::UDP_BUDGET_BATCHES {
                let server = udp.server;
                let more = udp.socket.receive(inbox, |datagram| {
                    if datagram.from == server {
                        client.handle_data(now, datagram.data, &mut deliver);
                    }
                });
                if !more {
                    return false;
                }
            }
            return true;
        }
        let mut budget = limits::READ_BUDGET_BYTES;
        while budget > 0 {
            let closed = match link.receive(buffer, context) {
                Ok(Incoming::Up) => {
                    client.handle_connected(now);
                    continue;
                }
                Ok(Incoming::Data { bytes, .. }) => {
                    client.handle_data(now, bytes, &mut deliver);
                    budget = budget.saturating_sub(bytes.len());
                    continue;
                }
                Ok(Incoming::Nothing) => return false,
                Ok(Incoming::Closed) => "closed by the server".to_owned(),
                Err(reason) => reason,
            };
            client.handle_disconnected(now, &closed);
            return false;
        }
        true
    }

    /// Sends a datagram to a peer; how many were not taken.
    fn send(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) -> u64 {
        let (link, udp) = (&mut self.link, &mut self.udp);
        let mut outcome = Ok(true);
        self.client.send(now, peer, datagram, &mut |bytes| {
            outcome = transmit(link, udp.as_mut(), bytes);
        });
        match outcome {
            Ok(is_taken) => u64::from(!is_taken),
            Err(reason) => {
                self.client.handle_disconnected(now, &reason);
                1
            }
        }
    }
}

/// Sends to the server; whether it was taken. What a stream does not take is lost as on the way.
fn transmit(link: &mut Link, udp: Option<&mut Udp>, bytes: &[u8]) -> Result<bool, String> {
    if let Some(udp) = udp {
        udp.socket.send_to(udp.server, bytes);
        return Ok(true);
    }
    if link.unsent_bytes() + 2 * bytes.len() > limits::RELAY_UNSENT_MAX_BYTES {
        return Ok(false);
    }
    link.send(bytes).map(|()| true)
}

impl Server {
    /// Begins what the configuration wants.
    pub(super) fn start_relays(&mut self, now: Instant) {
        let servers = self.config.webrtc.relays.iter().enumerate();
        let new = |(key, server): (usize, &config::Relay)| {
            let mut relay = Relay::new(key, server.clone(), (Scope::All, None), &self.authorities);
            relay.client.start(now);
            relay
        };
        self.relays.all = servers.map(new).collect();
        let for_all = self.config.webrtc.relays_from.iter().map(|url| (url, Scope::All));
        let of_rooms = self.config.rooms.iter().filter_map(|room| room.relays_from.as_ref());
        let mut lists: Vec<(&config::SecretUrl, Scope)> = for_all.collect();
        for url in of_rooms {
            if !lists.iter().any(|(known, _)| *known == url) {
                lists.push((url, Scope::Rooms));
            }
        }
        let fetch = |(key, (url, scope)): (usize, (&config::SecretUrl, Scope))| {
            Fetcher::new(now, (key, scope), url.expose(), &self.authorities)
        };
        self.relays.fetchers = lists.into_iter().enumerate().filter_map(fetch).collect();
        let webrtc = &self.config.webrtc;
        self.peer_options.ice.is_full = !webrtc.relays.is_empty() || webrtc.relays_from.is_some();
    }

    /// Uses these servers of a list beside those of the configuration and of others. What has an
    /// allocation keeps it, for somebody may be reached by it.
    pub(super) fn use_relays(
        &mut self,
        now: Instant,
        (list, scope): (usize, Scope),
        servers: Vec<config::Relay>,
    ) {
        let known = self.relays.all.iter().enumerate();
        let of_it = known.filter(|(_, relay)| relay.list == Some(list)).map(|(key, _)| key);
        let new = self.relays.all.len()..;
        let keys: Vec<usize> = of_it.chain(new).take(servers.len()).collect();
        for (key, server) in keys.into_iter().zip(servers) {
            let is_kept =
                |relay: &Relay| relay.server == server || relay.client.relayed().is_some();
            if self.relays.all.get(key).is_some_and(is_kept) {
                continue;
            }
            self.with_relay(key, |relay, context| relay.disconnect(context));
            let mut relay = Relay::new(key, server, (scope, Some(list)), &self.authorities);
            relay.client.start(now);
            match self.relays.all.get_mut(key) {
                Some(old) => *old = relay,
                None => self.relays.all.push(relay),
            }
        }
    }

    fn with_relay<R>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut Relay, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let relay = self.relays.all.get_mut(key)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        Some(act(relay, &mut context))
    }

    /// The connection to a server is ready. True while there may be more to read.
    pub(super) fn handle_relay(&mut self, now: Instant, key: RelayKey) -> bool {
        match key {
            RelayKey::Server(key) => {
                self.with_buffer(|server, buffer| server.read_relay(now, key, buffer))
            }
            RelayKey::List(key) => self.handle_relay_list(now, key),
        }
    }

    fn read_relay(&mut self, now: Instant, key: usize, buffer: &mut [u8]) -> bool {
        let Some(relay) = self.relays.all.get_mut(key) else { return false };
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        let mut delivered = Vec::new();
        let buffers = (&mut self.inbox, buffer);
        let more = relay.handle_ready(now, buffers, &mut context, &mut delivered);
        if let Some(relayed) = relay.client.relayed() {
            for (peer, data) in delivered {
                self.relays.received_bytes += data.len() as u64;
                self.handle_datagram(now, &Datagram::udp(now, peer, relayed, &data));
            }
        }
        more
    }

    pub(super) fn handle_relay_resolved(
        &mut self,
        now: Instant,
        key: RelayKey,
        resolved: Resolved,
    ) {
        match key {
            RelayKey::Server(key) => {
                self.with_relay(key, |relay, context| {
                    if let Err(reason) = relay.handle_resolved(now, resolved, context) {
                        relay.client.handle_disconnected(now, &reason);
                    }
                });
            }
            RelayKey::List(key) => self.handle_relay_list_resolved(now, key, resolved),
        }
    }

    pub(super) fn handle_relay_timeout(&mut self, now: Instant, key: RelayKey) {
        match key {
            RelayKey::Server(key) => {
                self.with_relay(key, |relay, _| relay.client.handle_timeout(now));
            }
            RelayKey::List(key) => self.handle_relay_list_timeout(now, key),
        }
    }

    /// A viewer has called from this address, and its media may come from there too, though it
    /// does not know it: browsers hide their addresses from pages.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) {
        let is_for_it = |relay: &&mut Relay| relay.scope == Scope::All && !ip.is_loopback();
        for relay in self.relays.all.iter_mut().filter(is_for_it) {
            relay.client.permit(now, ip);
        }
    }

    /// Sends what is to be relayed and does what the clients want done; false if that was nothing.
    pub(super) fn pump_relays(&mut self, now: Instant) -> bool {
        let mut any = self.relays.send(now);
        for key in 0..self.relays.fetchers.len() {
            any |= self.pump_relay_list(now, key);
        }
        for key in 0..self.relays.all.len() {
            while let Some(output) =
                self.relays.all.get_mut(key).and_then(|r| r.client.poll_output())
            {
                any = true;
                self.handle_relay_output(now, key, output);
            }
            let timeout = self.relays.all.get(key).and_then(|relay| relay.client.poll_timeout());
            self.timers.set(Timer::Relay(RelayKey::Server(key)), timeout);
        }
        self.relays.flush();
        any
    }

    fn handle_relay_output(&mut self, now: Instant, key: usize, output: Output) {
        match output {
            Output::Connect { alternate } => {
                self.with_relay(key, |relay, context| {
                    if let Err(reason) = relay.connect(now, alternate, context) {
                        relay.client.handle_disconnected(now, &reason);
                    }
                });
            }
            Output::Disconnect => {
                self.with_relay(key, |relay, context| relay.disconnect(context));
            }
            Output::Send(bytes) => {
                self.with_relay(key, |relay, _| {
                    if let Err(reason) = transmit(&mut relay.link, relay.udp.as_mut(), &bytes) {
                        relay.client.handle_disconnected(now, &reason);
                    }
                });
            }
            Output::Allocated(address) => self.add_relayed(now, key, address),
            Output::Lost(address) => self.remove_relayed(now, address),
            Output::Status => self.handle_relay_status(now, key),
        }
    }

    fn handle_relay_status(&mut self, now: Instant, key: usize) {
        let Some(relay) = self.relays.all.get(key) else { return };
        match relay.client.status() {
            Status::Connecting => log::debug!("relay {}: connecting", relay.server),
            Status::Allocated(address) => log::info!("relay {}: {address}", relay.server),
            Status::Failed(reason) => {
                log::warn!("relay {}: {reason}", relay.server);
                if let Some(list) = relay.list {
                    self.hurry_relay_list(now, list);
                }
            }
            Status::Stopped => log::debug!("relay {}: stopped", relay.server),
        }
    }

    fn viewers_of(&self, is_it: impl Fn(Audience) -> bool) -> Vec<ViewerId> {
        let found = self.viewers.iter().filter(|(_, viewer)| is_it(viewer.audience));
        found.map(|(id, _)| *id).collect()
    }

    /// Who is being connected, or is, is told of another way.
    fn add_relayed(&mut self, now: Instant, key: usize, address: SocketAddr) {
        self.peer_options.ice.relayed = self.relays.addresses();
        let is_for_all = self.relays.all.get(key).is_some_and(|relay| relay.scope == Scope::All);
        let is_told = |audience| match audience {
            Audience::Browser => is_for_all,
            Audience::Guest | Audience::RoomViewer => true,
            _ => false,
        };
        for id in self.viewers_of(is_told) {
            let mut line = None;
            self.with_peer(id, |peer, sink| line = peer.add_relayed(now, address, sink));
            self.dirty.viewers.insert(id);
            let Some(line) = line else { continue };
            match self.session_of(id) {
                Some(session) => session.handle_candidates(&[line]),
                None => self.tell_candidate(now, id, line),
            }
        }
    }

    fn remove_relayed(&mut self, now: Instant, address: SocketAddr) {
        self.peer_options.ice.relayed = self.relays.addresses();
        for id in self.viewers_of(|_| true) {
            self.with_peer(id, |peer, sink| peer.remove_relayed(now, address, sink));
            self.dirty.viewers.insert(id);
        }
    }

    /// Gives all allocations back.
    pub(super) fn stop_relays(&mut self, now: Instant) {
        self.relays.all.iter_mut().for_each(|relay| relay.client.stop());
        self.pump_relays(now);
    }
}
