//! One camera's sockets, driven by its `rtsp::client::Client`.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use rtsp::client::{Client, Event, KeepAlive, Options, Output, TrackId, Transport, UdpPort};
use rtsp::tunnel::Tunnel;
use rtsp::url::Url;

use super::Endpoint;
use super::camera_udp::{Bound, UdpPair, bind_pair, join};
use super::channel::{Channel, Failure};
use super::inbox::Inbox;
use super::link::{Context, Incoming};
use super::random::random_u64;
use super::resolver::Resolved;
use super::second_session::SecondSession;
use super::tls::{Authorities, Connector};
use crate::engine::keyframe::Method;
use crate::engine::keyframe::Refusal;
use crate::engine::source::SourceId;
use crate::intake::{Intake, News};
use crate::limits;

/// One camera.
pub(super) struct Camera {
    pub source: SourceId,
    pub intake: Intake,
    client: Client,
    /// How the server behind each of the camera's addresses is checked.
    connectors: Vec<Connector>,
    channel: Channel,
    udp: Vec<(TrackId, UdpPair)>,
    udp_endpoint: fn(SourceId, UdpPort) -> Endpoint,
    /// Where it may be asked for keyframes by one.
    second: Option<Box<SecondSession>>,
    /// The second session did harm.
    is_second_refused: bool,
}

/// What a camera's sockets are reported as: the first connection, a second one, UDP.
pub(super) type Endpoints = (Endpoint, Endpoint, fn(SourceId, UdpPort) -> Endpoint);

impl Camera {
    /// The camera of a stream, at rest. An error is what is wrong with its addresses.
    pub fn new(
        source: SourceId,
        stream: &config::Stream,
        authorities: &Authorities,
    ) -> Result<Self, String> {
        let (main, post) = (Endpoint::Camera(source), Endpoint::CameraPost(source));
        let endpoints: Endpoints = (main, post, Endpoint::CameraUdp);
        let mut camera = Self::with_endpoints(source, stream, authorities, endpoints)?;
        let (main, post) = (Endpoint::SecondSession(source), Endpoint::SecondSessionPost(source));
        let endpoints: Endpoints = (main, post, Endpoint::SecondSessionUdp);
        camera.second = SecondSession::of(source, stream, authorities, endpoints)?;
        Ok(camera)
    }

    /// The same without a second session, under other names.
    pub fn with_endpoints(
        source: SourceId,
        stream: &config::Stream,
        authorities: &Authorities,
        (main, post, udp_endpoint): Endpoints,
    ) -> Result<Self, String> {
        let options = options(stream)?;
        let connectors: Vec<Connector> =
            stream.urls().iter().map(|url| Connector::new(authorities, url.tls)).collect();
        let urls = std::iter::once(&options.url).chain(&options.alternatives);
        for (connector, url) in connectors.iter().zip(urls) {
            if url.scheme().is_tls() {
                connector.prepare();
            }
        }
        Ok(Self {
            source,
            intake: Intake::default(),
            client: Client::new(options, random_u64()),
            connectors,
            channel: Channel::new(main, post, limits::CAMERA_UNSENT_MAX_BYTES),
            udp: Vec::new(),
            udp_endpoint,
            second: None,
            is_second_refused: false,
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn start(&mut self, now: Instant) {
        self.client.start(now);
    }

    /// The same, from this one of its addresses on.
    #[cfg(feature = "keyframe-ways")]
    pub fn start_at(&mut self, now: Instant, address: usize) {
        self.client.turn_to(address);
        self.client.start(now);
    }

    pub fn stop(&mut self, now: Instant) {
        self.client.stop(now);
        if let Some(second) = &mut self.second {
            second.close(now);
        }
    }

    pub fn request_keyframe(&mut self, now: Instant, method: Method) {
        match method {
            Method::Rtcp => self.client.request_keyframe(now),
            Method::Axis => self.client.renew_stream(now),
            // By a call, not in this session.
            Method::Isapi | Method::Sunapi | Method::Onvif => false,
            Method::Session => {
                if let (Some(second), Some(address)) = (&mut self.second, self.client.address()) {
                    second.open(now, address);
                }
                true
            }
        };
    }

    /// What has to be told of its second session.
    pub fn take_refusal(&mut self) -> Option<News> {
        std::mem::take(&mut self.is_second_refused)
            .then_some(News::KeyframeRefused(Method::Session, Refusal::Harmful))
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        if let Some(second) = &mut self.second {
            second.handle_timeout(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let second = self.second.as_ref().and_then(|second| second.poll_timeout());
        self.client.poll_timeout().into_iter().chain(second).min()
    }

    /// Does what the client wants done, up to the next thing that it tells. To be called until
    /// there is none.
    pub fn poll_event(&mut self, now: Instant, context: &mut Context<'_>) -> Option<Event> {
        if let Some(second) = &mut self.second {
            self.is_second_refused |= second.pump(now, context);
        }
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect { host, port, tls, tunnel, address } => {
                    let connector = tls.then(|| self.connectors.get(address).cloned()).flatten();
                    self.connect(now, (&host, port), connector.as_ref(), tunnel, context);
                }
                Output::Disconnect => self.disconnect(context),
                Output::Send(bytes) => {
                    if let Err(reason) = self.channel.send(&bytes) {
                        self.lose(now, reason.into(), context);
                    }
                }
                Output::BindUdp { track } => {
                    self.bind(now, track, |local, peer| Ok((bind_pair(local)?, peer)), context);
                }
                Output::JoinMulticast { track, group } => {
                    let bound = |local, _| Ok((join(&group, local)?, group.address));
                    self.bind(now, track, bound, context);
                }
                Output::SendDatagram { udp, port, data } => {
                    if let Some(pair) = self.pair(udp) {
                        pair.send(udp, port, &data);
                    }
                }
                Output::Event(event) => {
                    if let (Event::Offline { .. }, Some(second)) = (&event, &mut self.second) {
                        self.is_second_refused |= second.take_blame(now);
                    }
                    return Some(event);
                }
            }
        }
        None
    }

    /// The resolver's answer to this camera's question.
    pub fn handle_resolved(&mut self, now: Instant, resolved: Resolved, context: &mut Context<'_>) {
        let of_second = matches!(resolved.asker.endpoint, Endpoint::SecondSession(_));
        if let Some(second) = self.second.as_mut().filter(|_| of_second) {
            return second.camera().handle_resolved(now, resolved, context);
        }
        if let Err(failure) = self.channel.handle_resolved(resolved, context) {
            self.lose(now, failure, context);
        }
    }

    /// One of its TCP sockets is ready. True while there may be more to read.
    pub fn handle_ready(
        &mut self,
        now: Instant,
        endpoint: Endpoint,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> bool {
        match (endpoint, &mut self.second) {
            (Endpoint::SecondSession(_), Some(second)) => {
                second.camera().handle_tcp(now, buffer, context)
            }
            (Endpoint::SecondSessionPost(_), Some(second)) => {
                second.camera().handle_post(now, buffer, context)
            }
            (Endpoint::CameraPost(_), _) => self.handle_post(now, buffer, context),
            _ => self.handle_tcp(now, buffer, context),
        }
    }

    /// The TCP socket is ready. True while there may be more to read.
    fn handle_tcp(&mut self, now: Instant, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            let failure = match self.channel.receive(buffer, context) {
                Ok(Incoming::Up) => {
                    self.handle_connected(now);
                    continue;
                }
                Ok(Incoming::Data { bytes, is_last }) => {
                    self.client.handle_data(now, bytes);
                    budget = budget.saturating_sub(bytes.len());
                    if budget == 0 {
                        return true;
                    }
                    // A second call only to hear that there is nothing costs more than the
                    // parsing of what there was.
                    if is_last {
                        return false;
                    }
                    continue;
                }
                Ok(Incoming::Nothing) => return false,
                Ok(Incoming::Closed) => closed(),
                Err(failure) => failure,
            };
            self.lose(now, failure, context);
            return false;
        }
    }

    /// The socket of a tunnel's second connection is ready. True while there may be more to read.
    fn handle_post(&mut self, now: Instant, buffer: &mut [u8], context: &mut Context<'_>) -> bool {
        let failure = match self.channel.receive_post(buffer, context) {
            Ok(Incoming::Up) => {
                self.handle_connected(now);
                return true;
            }
            Ok(Incoming::Data { .. } | Incoming::Nothing) => return false,
            Ok(Incoming::Closed) => closed(),
            Err(failure) => failure,
        };
        self.lose(now, failure, context);
        false
    }

    fn handle_connected(&mut self, now: Instant) {
        if let Some((_, peer)) = self.channel.addresses() {
            self.client.set_peer_address(peer.ip());
        }
        self.client.handle_connected(now);
    }

    /// One of its UDP sockets is readable. True while there may be more to read.
    pub fn handle_datagrams(
        &mut self,
        now: Instant,
        endpoint: Endpoint,
        inbox: &mut Inbox,
    ) -> bool {
        match (endpoint, &mut self.second) {
            (Endpoint::SecondSessionUdp(_, port), Some(second)) => {
                second.camera().handle_udp(now, port, inbox)
            }
            (Endpoint::CameraUdp(_, port), _) => self.handle_udp(now, port, inbox),
            _ => false,
        }
    }

    fn handle_udp(&mut self, now: Instant, port: UdpPort, inbox: &mut Inbox) -> bool {
        let Self { client, udp, .. } = self;
        let Some((_, pair)) = udp.iter().find(|(track, _)| *track == port.track) else {
            return false;
        };
        for _ in 0..limits::UDP_BUDGET_BATCHES {
            let outcome = pair.receive(port, inbox, |from, data| {
                client.handle_datagram(now, port, from, data);
            });
            match outcome {
                Ok(true) => {}
                Ok(false) => return false,
                // ICMP answers to what was sent before the camera listened.
                Err(error) => log::debug!("camera UDP: {error}"),
            }
        }
        true
    }

    fn pair(&self, udp: UdpPort) -> Option<&UdpPair> {
        self.udp.iter().find(|(track, _)| *track == udp.track).map(|(_, pair)| pair)
    }

    fn connect(
        &mut self,
        now: Instant,
        address: (&str, u16),
        connector: Option<&Connector>,
        tunnel: Option<Box<Tunnel>>,
        context: &mut Context<'_>,
    ) {
        self.disconnect(context);
        if let Err(failure) = self.channel.connect(address, connector, tunnel, context) {
            self.lose(now, failure, context);
        }
    }

    /// Ends the connection, or the attempt.
    fn lose(&mut self, now: Instant, failure: Failure, context: &mut Context<'_>) {
        self.disconnect(context);
        match failure {
            Failure::Tunnel(error) => self.client.handle_tunnel_failed(now, &error),
            Failure::Other(reason) => self.client.handle_closed(now, &reason),
        }
    }

    /// Closes its sockets.
    pub fn disconnect(&mut self, context: &mut Context<'_>) {
        self.channel.close(context);
        for (_, pair) in self.udp.drain(..) {
            pair.release(context);
        }
    }

    /// Makes the sockets of a track. `make` is told our address and the camera's, and tells
    /// where to send.
    fn bind(
        &mut self,
        now: Instant,
        track: TrackId,
        make: impl Fn(IpAddr, IpAddr) -> io::Result<(Bound, IpAddr)>,
        context: &mut Context<'_>,
    ) {
        let Some((local, peer)) = self.channel.addresses() else { return };
        let (source, named) = (self.source, self.udp_endpoint);
        let endpoint = |rtcp| named(source, UdpPort { track, rtcp });
        let made = make(local.ip(), peer.ip()).and_then(|(bound, to)| {
            let pair = UdpPair::register(bound, to, endpoint, context)?;
            let ports = pair.ports();
            self.udp.push((track, pair));
            ports
        });
        match made {
            Ok((rtp, rtcp)) => self.client.handle_udp_bound(now, track, rtp, rtcp),
            Err(error) => self.client.handle_udp_failed(now, track, &error.to_string()),
        }
    }
}

fn closed() -> Failure {
    Failure::Other("closed by the camera".to_owned())
}

/// How a stream's camera may be asked for a keyframe before anything is known of it.
pub(super) fn keyframe_methods(keyframe: &config::Keyframe) -> Vec<Method> {
    match keyframe {
        config::Keyframe::Auto | config::Keyframe::Rtcp => vec![Method::Rtcp],
        config::Keyframe::Axis => vec![Method::Axis],
        config::Keyframe::Isapi(_) => vec![Method::Rtcp, Method::Isapi],
        config::Keyframe::Sunapi(_) => vec![Method::Rtcp, Method::Sunapi],
        config::Keyframe::Onvif(_) => vec![Method::Rtcp, Method::Onvif],
        config::Keyframe::Session => vec![Method::Rtcp, Method::Session],
        config::Keyframe::Off => Vec::new(),
    }
}

/// What the client of a stream's camera is told.
fn options(stream: &config::Stream) -> Result<Options, String> {
    let mut urls = Vec::new();
    for url in stream.urls() {
        let url = Url::parse(url.url.expose()).map_err(|error| error.to_string())?;
        // UniFi's addresses ask for SRTP inside of TLS, for which there are no keys here.
        let plain = url.without_parameter("enableSrtp");
        if plain.is_some() {
            log::info!("source {}: enableSrtp is left out of the address", stream.name);
        }
        urls.push(plain.unwrap_or(url));
    }
    let first = urls.first().cloned().ok_or("no address")?;
    let mut options = Options::new(first);
    options.alternatives = urls.split_off(1);
    options.audio = stream.urls().iter().all(|url| url.audio);
    options.transport = match stream.transport {
        config::Transport::Auto => Transport::Auto,
        config::Transport::Tcp => Transport::Tcp,
        config::Transport::Udp => Transport::Udp,
        config::Transport::Multicast => Transport::Multicast,
    };
    options.keep_alive = match stream.keep_alive {
        config::KeepAlive::Auto => KeepAlive::Auto,
        config::KeepAlive::Options => KeepAlive::Options,
        config::KeepAlive::GetParameter => KeepAlive::GetParameter,
    };
    Ok(options)
}
