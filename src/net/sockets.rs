//! What the server listens on: bound, registered, and under its addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use config::{Config, IceTransportPolicy, Source, Stream};
use mio::net::TcpListener;
use mio::{Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;

use super::Endpoint;
use super::error::ServerError;
use super::ice_tcp::IceTcp;
use super::resolver::Resolver;
use super::restream::Restream;
use super::server::ServerOptions;
use super::udp::MediaSocket;
use super::wall_clock::WallClock;
use crate::limits;
use crate::peer::{Ice, PeerOptions};

/// Everything that needs the system's consent.
pub(super) struct Sockets {
    pub poll: Poll,
    pub endpoints: Slab<Endpoint>,
    pub resolver: Resolver,
    /// Other threads wake the loop with it.
    pub waker: Arc<Waker>,
    pub listener: TcpListener,
    pub media: MediaSocket,
    pub ice_tcp: IceTcp,
    pub restream: Option<Restream>,
    /// Where programs push to, if there are any.
    pub programs: Option<SocketAddr>,
    pub signals: Signals,
    pub clock: WallClock,
    #[cfg(feature = "demo")]
    pub demo: Option<super::demo::Demo>,
}

impl Sockets {
    /// Opens all of it. The built-in cameras, if wanted, join the configured streams.
    pub fn open(
        config: &mut Config,
        options: ServerOptions,
        now: Instant,
        unix_now: SystemTime,
    ) -> Result<Self, ServerError> {
        let system = |what| move |error| ServerError::System(what, error);
        let poll = Poll::new().map_err(system("epoll"))?;
        let mut endpoints = Slab::new();
        let waker = Waker::new(poll.registry(), Token(endpoints.insert(Endpoint::Waker)))
            .map_err(system("eventfd"))?;
        let waker = Arc::new(waker);
        let resolver = Resolver::start(Arc::clone(&waker)).map_err(system("resolver thread"))?;
        let address = config.api.listen;
        let mut listener =
            TcpListener::bind(address).map_err(|error| ServerError::Listen(address, error))?;
        let mut media = MediaSocket::bind(config.webrtc.listen)
            .map_err(|error| ServerError::Media(config.webrtc.listen, error))?;
        media.set_candidates(candidates(config, media.local_addr()));
        let mut ice_tcp = match config.webrtc.tcp {
            true => IceTcp::open(media.local_addr()),
            false => IceTcp::default(),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGCHLD]).map_err(system("signals"))?;
        let mut register = |source: &mut dyn mio::event::Source, endpoint| {
            let token = Token(endpoints.insert(endpoint));
            poll.registry().register(source, token, Interest::READABLE)
        };
        register(&mut listener, Endpoint::HttpListener).map_err(system("epoll"))?;
        register(media.source(), Endpoint::Media).map_err(system("epoll"))?;
        if let Some(listener) = ice_tcp.listener() {
            register(listener, Endpoint::IceTcpListener).map_err(system("epoll"))?;
        }
        register(&mut signals, Endpoint::Signals).map_err(system("epoll"))?;
        let clock = WallClock::new(now, unix_now);
        let mut restream = restream(config, clock)?;
        for (source, endpoint) in restream.iter_mut().flat_map(Restream::sources) {
            register(source, endpoint).map_err(system("epoll"))?;
        }
        #[cfg(feature = "demo")]
        let demo = if options.demo {
            let mut demo = super::demo::Demo::start(clock).map_err(system("built-in cameras"))?;
            config.streams.extend(demo.streams());
            register(demo.listener_mut(), Endpoint::DemoListener).map_err(system("epoll"))?;
            Some(demo)
        } else {
            None
        };
        #[cfg(not(feature = "demo"))]
        let _ = options;
        Ok(Self {
            resolver,
            waker,
            listener,
            media,
            ice_tcp,
            programs: restream.as_ref().and_then(Restream::programs_address),
            restream,
            signals,
            #[cfg(feature = "demo")]
            demo,
            clock,
            poll,
            endpoints,
        })
    }
}

impl Sockets {
    /// What all peers have in common.
    pub fn peer_options(&self, config: &Config) -> PeerOptions {
        let is_relay_only = config.webrtc.ice_transport_policy == IceTransportPolicy::Relay;
        let candidates = if is_relay_only { &[] } else { self.media.candidates() };
        let tcp = if self.ice_tcp.is_open() { candidates } else { &[] };
        PeerOptions {
            candidates: candidates.to_vec(),
            resend_packets: config.limits.resend_packets,
            playout_delay: config.webrtc.playout_delay.map(|delay| {
                let ms = |ms: u16| Duration::from_millis(u64::from(ms));
                (ms(delay.min_ms), ms(delay.max_ms))
            }),
            ice: Ice { tcp: tcp.to_vec(), ..Ice::default() },
            clock: self.clock.for_peers(),
        }
    }
}

/// The RTSP server, where readers and publishers, or programs, are to have one.
fn restream(config: &Config, clock: WallClock) -> Result<Option<Restream>, ServerError> {
    let mut restream = Restream::new(clock);
    if let Some(rtsp) = &config.rtsp {
        restream.open(rtsp).map_err(|error| ServerError::Rtsp(rtsp.listen, error))?;
    }
    let is_program = |stream: &Stream| match &stream.source {
        Source::Program(program) => !program.prints,
        Source::Camera(_) | Source::Pushed => false,
    };
    if config.streams.iter().any(is_program) {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let system = |error| ServerError::System("listener of programs", error);
        restream.open_for_programs(listen).map_err(system)?;
    } else if config.rtsp.is_none() {
        return Ok(None);
    }
    Ok(Some(restream))
}

/// Addresses that viewers are told: those of the configuration first.
fn candidates(config: &Config, local: SocketAddr) -> Vec<SocketAddr> {
    let configured = config
        .webrtc
        .candidates
        .iter()
        .map(|candidate| SocketAddr::new(candidate.ip, candidate.port.unwrap_or(local.port())));
    let mut candidates: Vec<SocketAddr> = configured.collect();
    if local.ip().is_unspecified() {
        candidates.extend(interfaces(local));
    } else {
        candidates.push(local);
    }
    candidates.truncate(limits::CANDIDATES_MAX);
    candidates
}

/// The addresses of all interfaces, with the socket's port.
pub(super) fn interfaces(local: SocketAddr) -> Vec<SocketAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        // fe80::/10 needs a zone, which a candidate can't carry.
        IpAddr::V6(ip) => local.is_ipv6() && !ip.is_unicast_link_local(),
    };
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => {
            let mut ips: Vec<IpAddr> =
                interfaces.iter().map(if_addrs::Interface::ip).filter(usable).collect();
            ips.sort_by_key(IpAddr::is_loopback);
            ips.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect()
        }
        Err(error) => {
            log::warn!("can't list network interfaces: {error}; set webrtc.candidates");
            Vec::new()
        }
    }
}
