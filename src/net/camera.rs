//! One camera's sockets, driven by its `rtsp::client::Client`.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};
use rtsp::client::{Client, Output, TrackId, UdpPort};
use slab::Slab;

use super::Endpoint;
use super::resolver::Resolver;
use super::tcp::{ReadOutcome, TcpConnection};
use crate::engine::source::SourceId;
use crate::intake::{Intake, News};
use crate::limits;

/// Tries to find a pair of free ports, even and odd (RFC 3550 section 11).
const PORT_PAIR_TRIES: usize = 32;

/// What the camera needs of the loop.
pub(super) struct Context<'a> {
    pub registry: &'a Registry,
    pub endpoints: &'a mut Slab<Endpoint>,
    pub resolver: &'a Resolver,
}

/// One camera.
pub(super) struct Camera {
    pub source: SourceId,
    pub intake: Intake,
    client: Client,
    link: Link,
    udp: Vec<UdpPair>,
    /// Tells answers of the resolver apart from those to questions given up.
    question: u32,
}

enum Link {
    None,
    Resolving,
    Dialling { tcp: TcpConnection, token: Token, others: VecDeque<SocketAddr> },
    Up { tcp: TcpConnection, token: Token },
}

struct UdpPair {
    track: TrackId,
    rtp: (UdpSocket, Token),
    rtcp: (UdpSocket, Token),
}

impl Camera {
    pub fn new(source: SourceId, client: Client) -> Self {
        let (intake, udp) = (Intake::default(), Vec::new());
        Self { source, intake, client, link: Link::None, udp, question: 0 }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn start(&mut self, now: Instant) {
        self.client.start(now);
    }

    pub fn stop(&mut self, now: Instant) {
        self.client.stop(now);
    }

    pub fn request_keyframe(&mut self, now: Instant) {
        self.client.request_keyframe(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    /// Does what the client wants done, and passes on what it tells.
    pub fn pump(&mut self, now: Instant, context: &mut Context<'_>, news: &mut Vec<News>) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect { host, port } => self.connect(now, &host, port, context),
                Output::Disconnect => self.disconnect(context),
                Output::Send(bytes) => self.send(now, &bytes, context),
                Output::BindUdp { track } => self.bind_udp(now, track, context),
                Output::SendDatagram { udp, port, data } => self.send_datagram(udp, port, &data),
                Output::Event(event) => self.intake.handle_event(event, news),
            }
        }
    }

    /// The resolver's answer to this camera's question.
    pub fn handle_resolved(
        &mut self,
        now: Instant,
        question: u32,
        result: Result<Vec<SocketAddr>, String>,
        context: &mut Context<'_>,
    ) {
        if question != self.question || !matches!(self.link, Link::Resolving) {
            return;
        }
        match result {
            Ok(addresses) => self.dial(now, addresses.into(), "no address", context),
            Err(reason) => self.client.handle_connect_failed(now, &reason),
        }
    }

    /// The TCP socket is ready. True while there may be more to read.
    pub fn handle_tcp(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> bool {
        if matches!(self.link, Link::Dialling { .. }) && !self.finish_dialling(now, context) {
            return false;
        }
        let Link::Up { tcp, .. } = &mut self.link else { return false };
        if let Err(error) = tcp.flush() {
            self.lose(now, &error.to_string(), context);
            return false;
        }
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            match tcp.read(buffer) {
                Ok(ReadOutcome::Data(count)) => {
                    self.client.handle_data(now, buffer.get(..count).unwrap_or_default());
                    budget = budget.saturating_sub(count);
                    if budget == 0 {
                        return true;
                    }
                    // A second call only to hear that there is nothing costs more than the
                    // parsing of what there was.
                    if count < buffer.len() {
                        return false;
                    }
                }
                Ok(ReadOutcome::WouldBlock) => return false,
                Ok(ReadOutcome::Closed) => {
                    self.lose(now, "closed by the camera", context);
                    return false;
                }
                Err(error) => {
                    self.lose(now, &error.to_string(), context);
                    return false;
                }
            }
        }
    }

    /// A UDP socket is readable. True while there may be more to read.
    pub fn handle_udp(&mut self, now: Instant, port: UdpPort, buffer: &mut [u8]) -> bool {
        let Some(pair) = self.udp.iter().find(|pair| pair.track == port.track) else {
            return false;
        };
        let (socket, _) = if port.rtcp { &pair.rtcp } else { &pair.rtp };
        let mut budget = limits::READ_BUDGET_BYTES;
        while budget > 0 {
            match socket.recv_from(buffer) {
                Ok((count, from)) => {
                    let data = buffer.get(..count).unwrap_or_default();
                    self.client.handle_datagram(now, port, from, data);
                    budget = budget.saturating_sub(count.max(1));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // ICMP answers to what was sent before the camera listened.
                Err(error) => log::debug!("camera UDP: {error}"),
            }
        }
        true
    }

    fn connect(&mut self, now: Instant, host: &str, port: u16, context: &mut Context<'_>) {
        self.disconnect(context);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return self.dial(now, [SocketAddr::new(ip, port)].into(), "", context);
        }
        self.question = self.question.wrapping_add(1);
        let id = question_id(self.source, self.question);
        if context.resolver.ask(id, host, port) {
            self.link = Link::Resolving;
        } else {
            self.client.handle_connect_failed(now, "too many names to resolve");
        }
    }

    /// Dials the first address that can be dialled.
    fn dial(
        &mut self,
        now: Instant,
        mut addresses: VecDeque<SocketAddr>,
        reason: &str,
        context: &mut Context<'_>,
    ) {
        let mut reason = reason.to_owned();
        while let Some(address) = addresses.pop_front() {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    let mut tcp = TcpConnection::new(stream, limits::CAMERA_UNSENT_MAX_BYTES);
                    let endpoint = Endpoint::Camera(self.source);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    match register(context, tcp.stream_mut(), endpoint, interest) {
                        Ok(token) => {
                            self.link = Link::Dialling { tcp, token, others: addresses };
                            return;
                        }
                        Err(error) => reason = error.to_string(),
                    }
                }
                Err(error) => reason = error.to_string(),
            }
        }
        self.link = Link::None;
        self.client.handle_connect_failed(now, &reason);
    }

    /// Whether the connection is up now.
    fn finish_dialling(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Link::Dialling { mut tcp, token, others } =
            std::mem::replace(&mut self.link, Link::None)
        else {
            return false;
        };
        let failure = match tcp.stream_mut().take_error() {
            Ok(failure) => failure,
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            release(context, token, tcp.stream_mut());
            self.dial(now, others, &error.to_string(), context);
            return false;
        }
        match tcp.stream_mut().peer_addr() {
            Ok(address) => {
                self.client.set_peer_address(address.ip());
                self.link = Link::Up { tcp, token };
                self.client.handle_connected(now);
                true
            }
            Err(_) => {
                // Neither up nor failed: the event was early.
                self.link = Link::Dialling { tcp, token, others };
                false
            }
        }
    }

    fn send(&mut self, now: Instant, bytes: &[u8], context: &mut Context<'_>) {
        let Link::Up { tcp, .. } = &mut self.link else { return };
        if let Err(error) = tcp.send(bytes) {
            self.lose(now, &error.to_string(), context);
        }
    }

    fn lose(&mut self, now: Instant, reason: &str, context: &mut Context<'_>) {
        self.disconnect(context);
        self.client.handle_closed(now, reason);
    }

    fn disconnect(&mut self, context: &mut Context<'_>) {
        match std::mem::replace(&mut self.link, Link::None) {
            Link::Dialling { mut tcp, token, .. } | Link::Up { mut tcp, token } => {
                release(context, token, tcp.stream_mut());
            }
            Link::None | Link::Resolving => {}
        }
        for mut pair in self.udp.drain(..) {
            release(context, pair.rtp.1, &mut pair.rtp.0);
            release(context, pair.rtcp.1, &mut pair.rtcp.0);
        }
    }

    fn bind_udp(&mut self, now: Instant, track: TrackId, context: &mut Context<'_>) {
        let any = match self.camera_ip() {
            Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let bound = bind_pair(any).and_then(|(mut rtp, mut rtcp)| {
            let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
            let source = self.source;
            let endpoint = |rtcp| Endpoint::CameraUdp(source, UdpPort { track, rtcp });
            let tokens = (
                register(context, &mut rtp, endpoint(false), Interest::READABLE)?,
                register(context, &mut rtcp, endpoint(true), Interest::READABLE)?,
            );
            self.udp.push(UdpPair { track, rtp: (rtp, tokens.0), rtcp: (rtcp, tokens.1) });
            Ok(ports)
        });
        match bound {
            Ok((rtp, rtcp)) => self.client.handle_udp_bound(now, track, rtp, rtcp),
            Err(error) => self.client.handle_udp_failed(now, track, &error.to_string()),
        }
    }

    fn send_datagram(&self, udp: UdpPort, port: u16, data: &[u8]) {
        let pair = self.udp.iter().find(|pair| pair.track == udp.track);
        let (Some(pair), Some(ip)) = (pair, self.camera_ip()) else { return };
        let (socket, _) = if udp.rtcp { &pair.rtcp } else { &pair.rtp };
        if let Err(error) = socket.send_to(data, SocketAddr::new(ip, port)) {
            log::debug!("camera UDP: {error}");
        }
    }

    fn camera_ip(&self) -> Option<IpAddr> {
        let Link::Up { tcp, .. } = &self.link else { return None };
        tcp.peer_ip()
    }
}

/// The number of a camera's question to the resolver.
fn question_id(source: SourceId, question: u32) -> u64 {
    (source.0 as u64) << 32 | u64::from(question)
}

/// Whose question this was, and which.
pub(super) fn question_of(id: u64) -> Option<(SourceId, u32)> {
    let source = usize::try_from(id >> 32).ok()?;
    let question = u32::try_from(id & u64::from(u32::MAX)).ok()?;
    Some((SourceId(source), question))
}

fn register(
    context: &mut Context<'_>,
    source: &mut impl mio::event::Source,
    endpoint: Endpoint,
    interest: Interest,
) -> io::Result<Token> {
    let token = Token(context.endpoints.insert(endpoint));
    let registered = context.registry.register(source, token, interest);
    if registered.is_err() {
        context.endpoints.try_remove(token.0);
    }
    registered.map(|()| token)
}

fn release(context: &mut Context<'_>, token: Token, source: &mut impl mio::event::Source) {
    context.endpoints.try_remove(token.0);
    if let Err(error) = context.registry.deregister(source) {
        log::debug!("deregister: {error}");
    }
}

fn bind_pair(ip: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..PORT_PAIR_TRIES {
        let rtp = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind(SocketAddr::new(ip, port + 1))
        {
            let size = limits::CAMERA_UDP_BUFFER_BYTES;
            if let Err(error) = socket2::SockRef::from(&rtp).set_recv_buffer_size(size) {
                log::debug!("camera UDP buffer: {error}");
            }
            return Ok((rtp, rtcp));
        }
    }
    Err(io::Error::other("no free pair of UDP ports"))
}
