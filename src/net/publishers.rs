//! Streams that are handed on by WHIP: each a viewer of one slot whose peer connection we offer.
//!
//! A publisher has a UDP socket of its own: a media server with one port tells its peers apart
//! by their addresses, so two publishers to it must not have the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use config::IceTransportPolicy;
use mio::Interest;

use super::error::ServerError;
use super::link::{Context, Incoming, Link, register};
use super::random::{fill_random, random_u64};
use super::resolver::Resolved;
use super::server::Server;
use super::sockets::interfaces;
use super::tls::Connector;
use super::udp::MediaSocket;
use super::viewers::{Audience, OwnSocket};
use super::{Endpoint, Timer};
use crate::engine::codec::VideoCodec;
use crate::engine::source::{Health, SourceId};
use crate::engine::viewer::ViewerId;
use crate::http_client::Url;
use crate::intake::Intake;
use crate::limits;
use crate::peer::{EndReason, Entropy, Ice, Offering, Peer, PeerOptions};
use crate::whip::{Client, Output, Status};

/// One stream at one endpoint.
pub(super) struct Publisher {
    pub client: Client,
    /// What is published.
    pub source: SourceId,
    /// Whose slot it is: another one for each session, so that its numbers begin anew.
    pub viewer: ViewerId,
    link: Link,
    connector: Connector,
}

impl Publisher {
    /// The socket is ready. True while there may be more to read.
    fn handle_ready(&mut self, now: Instant, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            match self.link.receive(buffer, context) {
                Ok(Incoming::Up) => self.client.handle_connected(),
                Ok(Incoming::Data { bytes, .. }) => {
                    self.client.handle_data(now, bytes);
                    budget = budget.saturating_sub(bytes.len());
                }
                Ok(Incoming::Nothing) => return false,
                Ok(Incoming::Closed) => {
                    self.client.handle_closed(now, "closed by the server");
                    return false;
                }
                Err(reason) => {
                    self.client.handle_closed(now, &reason);
                    return false;
                }
            }
            // What the client wants may be another connection: its end is not this one's.
            if budget == 0 || self.client.has_output() {
                return true;
            }
        }
    }

    fn connect(
        &mut self,
        now: Instant,
        address: (&str, u16),
        tls: bool,
        context: &mut Context<'_>,
    ) {
        let connector = tls.then_some(&self.connector);
        if let Err(reason) = self.link.connect(address, connector, context) {
            self.client.handle_closed(now, &reason);
        }
    }

    fn send(&mut self, now: Instant, bytes: &[u8]) {
        if let Err(reason) = self.link.send(bytes) {
            self.client.handle_closed(now, &reason);
        }
    }
}

impl Server {
    /// Starts what the configuration wants published.
    pub(super) fn add_publishers(&mut self, now: Instant) -> Result<(), ServerError> {
        for publish in self.config.publish.clone() {
            let bad = |why: &str| ServerError::Publish(publish.stream.clone(), why.to_owned());
            let endpoint =
                Url::parse(publish.url.expose()).ok_or_else(|| bad("no HTTP address"))?;
            let source = self.hub.find(&publish.stream).ok_or_else(|| bad("no such stream"))?;
            let key = self.publishers.len();
            let viewer = self.insert_viewer(
                now,
                None,
                Audience::Publisher(key),
                &[Some(publish.stream.clone())],
            );
            let connector = Connector::new(&self.authorities, config::Tls::Verify);
            if endpoint.is_tls() {
                connector.prepare();
            }
            let mut client = Client::new(endpoint, publish.token.clone(), random_u64());
            client.start();
            let link = Link::new(Endpoint::Publisher(key), limits::PUBLISHER_UNSENT_MAX_BYTES);
            self.publishers.push(Publisher { client, source, viewer, link, connector });
            self.dirty.publishers.insert(key);
        }
        Ok(())
    }

    fn with_publisher<R>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut Publisher, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let publisher = self.publishers.get_mut(key)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        self.dirty.publishers.insert(key);
        Some(act(publisher, &mut context))
    }

    /// The connection to an endpoint is ready. True while there may be more to read.
    pub(super) fn handle_publisher(&mut self, now: Instant, key: usize) -> bool {
        let mut buffer = [0; 16 * 1024];
        let act = |publisher: &mut Publisher, context: &mut Context<'_>| {
            publisher.handle_ready(now, &mut buffer, context)
        };
        self.with_publisher(key, act).unwrap_or(false)
    }

    pub(super) fn handle_publisher_resolved(
        &mut self,
        now: Instant,
        key: usize,
        resolved: Resolved,
    ) {
        self.with_publisher(key, |publisher, context| {
            if let Err(reason) = publisher.link.handle_resolved(resolved, context) {
                publisher.client.handle_closed(now, &reason);
            }
        });
    }

    pub(super) fn handle_publisher_timeout(&mut self, now: Instant, key: usize) {
        self.with_publisher(key, |publisher, _| publisher.client.handle_timeout(now));
    }

    pub(super) fn stop_publisher(&mut self, now: Instant, key: usize) {
        self.with_publisher(key, |publisher, _| publisher.client.stop(now));
        self.pump_publisher(now, key);
    }

    /// News of a camera, for those who publish it.
    pub(super) fn tell_publishers(&mut self, id: SourceId, health: &Health) {
        let is_live = matches!(health, Health::Live(_));
        for (key, publisher) in self.publishers.iter_mut().enumerate() {
            if publisher.source == id {
                publisher.client.handle_camera(is_live);
                self.dirty.publishers.insert(key);
            }
        }
    }

    /// A camera's codec has changed: what was offered is not what it sends any more.
    pub(super) fn restart_publishers(&mut self, now: Instant, id: SourceId, codec: VideoCodec) {
        let reason = format!("the camera sends {codec} now");
        for publisher in self.publishers.iter_mut().filter(|it| it.source == id) {
            publisher.client.handle_peer_ended(now, &reason);
        }
        let all = self.publishers.iter().enumerate().filter(|(_, it)| it.source == id);
        self.dirty.publishers.extend(all.map(|(key, _)| key));
    }

    pub(super) fn handle_publisher_connected(&mut self, now: Instant, key: usize) {
        self.with_publisher(key, |publisher, _| publisher.client.handle_peer_connected(now));
    }

    pub(super) fn handle_publisher_lost(&mut self, now: Instant, key: usize, reason: EndReason) {
        let reason = match reason {
            EndReason::ClosedByViewer => "the server has ended the session",
            EndReason::NeverConnected => "no media connection to the server (ICE, DTLS; UDP)",
            EndReason::ConnectionLost => "the media connection was lost",
            EndReason::Failed => "the media connection failed (ICE, DTLS)",
        };
        self.with_publisher(key, |publisher, _| publisher.client.handle_peer_ended(now, reason));
    }

    /// Does what the WHIP client wants done.
    pub(super) fn pump_publisher(&mut self, now: Instant, key: usize) {
        while let Some(output) = self.publishers.get_mut(key).and_then(|p| p.client.poll_output()) {
            match output {
                Output::Offer => {
                    let offer = self.offer(now, key);
                    self.with_publisher(key, |p, _| p.client.handle_offer(now, offer));
                }
                Output::Connect { host, port, tls } => {
                    self.with_publisher(key, |publisher, context| {
                        publisher.connect(now, (&host, port), tls, context);
                    });
                }
                Output::Send(bytes) => {
                    self.with_publisher(key, |publisher, _| publisher.send(now, &bytes));
                }
                Output::Disconnect => {
                    self.with_publisher(key, |publisher, context| publisher.link.close(context));
                }
                Output::Answer(sdp) => self.take_answer(now, key, &sdp),
                Output::Close => self.end_session(now, key),
                Output::Status => self.log_status(key),
            }
        }
        self.dirty.publishers.remove(&key);
        let timeout = self.publishers.get(key).and_then(|p| p.client.poll_timeout());
        self.timers.set(Timer::Publisher(key), timeout);
    }

    fn log_status(&self, key: usize) {
        let Some(publisher) = self.publishers.get(key) else { return };
        let name = self.hub.source(publisher.source).map_or("", |source| &source.name);
        let endpoint = publisher.client.endpoint().origin();
        match publisher.client.status() {
            Status::Failed { reason } => log::warn!("publish {name} to {endpoint}: {reason}"),
            status => log::info!("publish {name} to {endpoint}: {}", status.as_str()),
        }
    }

    /// Makes the peer connection, and its offer.
    fn offer(&mut self, now: Instant, key: usize) -> Result<String, String> {
        let publisher = self.publishers.get(key).ok_or("no such publisher")?;
        let (id, endpoint) = (publisher.viewer, publisher.client.endpoint());
        let profile = self
            .intake(publisher.source)
            .and_then(Intake::profile)
            .ok_or("the profile of the camera's video is not known")?;
        let mut socket = bind(endpoint).map_err(|error| format!("UDP: {error}"))?;
        let is_relay_only = self.config.webrtc.ice_transport_policy == IceTransportPolicy::Relay;
        let candidates = if is_relay_only { &[] } else { socket.candidates() };
        let options = PeerOptions {
            candidates: candidates.to_vec(),
            playout_delay: None,
            ice: Ice { tcp: Vec::new(), ..self.peer_options.ice.clone() },
            ..self.peer_options.clone()
        };
        let mut entropy = [0; 32];
        fill_random(&mut entropy);
        let (identity, audio) = (&self.identity, self.audio_to_offer(publisher.source));
        let offering = Offering { video: profile, audio: &audio, channel: None };
        let offered = catch_unwind(AssertUnwindSafe(|| {
            Peer::offer(now, &options, identity, Entropy(entropy), &offering)
        }));
        let (peer, offer) = offered
            .map_err(|_| "no offer could be made".to_owned())?
            .map_err(|error| error.to_string())?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        let endpoint = Endpoint::PublisherMedia(key);
        let token = register(&mut context, socket.source(), endpoint, Interest::READABLE)
            .map_err(|error| format!("UDP: {error}"))?;
        let viewer = self.viewers.get_mut(&id).ok_or("no such viewer")?;
        // What comes by a relay comes to all peers.
        self.demux.insert(peer.ufrag(), id);
        viewer.peer = Some(peer);
        viewer.own_socket = Some(OwnSocket { socket, token });
        self.dirty.viewers.insert(id);
        Ok(offer)
    }

    fn take_answer(&mut self, now: Instant, key: usize, sdp: &str) {
        let Some(id) = self.publishers.get(key).map(|publisher| publisher.viewer) else { return };
        let mut accepted = Ok(());
        let is_sound = self.with_peer(id, |peer, sink| {
            accepted = peer.accept_answer(now, sdp, sink);
        });
        let failure = match accepted {
            Err(error) => Some(format!("the server's answer can't be used: {error}")),
            Ok(()) if !is_sound => Some("the server's answer can't be used".to_owned()),
            Ok(()) => None,
        };
        self.begin_offered_audio(now, id);
        if let Some(reason) = failure {
            self.with_publisher(key, |p, _| p.client.handle_peer_ended(now, &reason));
        }
    }

    /// Ends the peer connection. The camera stays: the next session comes soon.
    fn end_session(&mut self, now: Instant, key: usize) {
        let Some(publisher) = self.publishers.get(key) else { return };
        let old = publisher.viewer;
        if *publisher.client.status() != Status::Stopped {
            let name = self.hub.source(publisher.source).map(|source| source.name.clone());
            let viewer = self.insert_viewer(now, None, Audience::Publisher(key), &[name]);
            self.with_publisher(key, |publisher, _| publisher.viewer = viewer);
        }
        self.remove_viewer(now, old);
    }
}

/// A socket of every address of this machine; of loopback only where the endpoint is there.
fn bind(endpoint: &Url) -> std::io::Result<MediaSocket> {
    let any = |ip: IpAddr| MediaSocket::bind(SocketAddr::new(ip, 0));
    let mut socket =
        any(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))?;
    let host = endpoint.host();
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let mut candidates = interfaces(socket.local_addr());
    if !is_local {
        candidates.retain(|candidate| !candidate.ip().is_loopback());
    }
    candidates.truncate(limits::CANDIDATES_MAX);
    socket.set_candidates(candidates);
    Ok(socket)
}
