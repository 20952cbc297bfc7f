//! One camera's sockets, driven by its `rtsp::client::Client`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Interest, Token};
use quinn_udp::{UdpSockRef, UdpSocketState};
use rtsp::client::{Client, Output, TrackId, UdpPort};

use super::Endpoint;
use super::inbox::Inbox;
use super::link::{Context, Link, register, release};
use super::resolver::Resolved;
use super::tcp::ReadOutcome;
use crate::engine::source::SourceId;
use crate::intake::{Intake, News};
use crate::limits;

/// Tries to find a pair of free ports, even and odd (RFC 3550 section 11).
const PORT_PAIR_TRIES: usize = 32;

/// One camera.
pub(super) struct Camera {
    pub source: SourceId,
    pub intake: Intake,
    client: Client,
    link: Link,
    udp: Vec<UdpPair>,
}

struct UdpPair {
    track: TrackId,
    rtp: UdpPortSocket,
    rtcp: UdpPortSocket,
}

/// One of our ports for a track.
struct UdpPortSocket {
    udp: UdpSocket,
    state: UdpSocketState,
    token: Token,
}

impl UdpPortSocket {
    fn register(
        mut udp: UdpSocket,
        endpoint: Endpoint,
        context: &mut Context<'_>,
    ) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&udp))?;
        let token = register(context, &mut udp, endpoint, Interest::READABLE)?;
        Ok(Self { udp, state, token })
    }
}

impl Camera {
    pub fn new(source: SourceId, client: Client) -> Self {
        let link = Link::new(Endpoint::Camera(source), limits::CAMERA_UNSENT_MAX_BYTES);
        Self { source, intake: Intake::default(), client, link, udp: Vec::new() }
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
    pub fn handle_resolved(&mut self, now: Instant, resolved: Resolved, context: &mut Context<'_>) {
        if let Err(reason) = self.link.handle_resolved(resolved, context) {
            self.client.handle_connect_failed(now, &reason);
        }
    }

    /// The TCP socket is ready. True while there may be more to read.
    pub fn handle_tcp(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> bool {
        match self.link.finish_dialling(context) {
            Ok(false) => {}
            Ok(true) => {
                if let Some(ip) = self.link.peer_ip() {
                    self.client.set_peer_address(ip);
                }
                self.client.handle_connected(now);
            }
            Err(reason) => {
                self.client.handle_connect_failed(now, &reason);
                return false;
            }
        }
        let Some(tcp) = self.link.tcp() else { return false };
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
    pub fn handle_udp(&mut self, now: Instant, port: UdpPort, inbox: &mut Inbox) -> bool {
        let Some(pair) = self.udp.iter().find(|pair| pair.track == port.track) else {
            return false;
        };
        let socket = if port.rtcp { &pair.rtcp } else { &pair.rtp };
        let client = &mut self.client;
        for _ in 0..limits::UDP_BUDGET_BATCHES {
            let outcome = inbox.receive(&socket.udp, &socket.state, |received| {
                client.handle_datagram(now, port, received.from, received.data);
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

    fn connect(&mut self, now: Instant, host: &str, port: u16, context: &mut Context<'_>) {
        self.disconnect(context);
        if let Err(reason) = self.link.connect(host, port, context) {
            self.client.handle_connect_failed(now, &reason);
        }
    }

    fn send(&mut self, now: Instant, bytes: &[u8], context: &mut Context<'_>) {
        let Some(tcp) = self.link.tcp() else { return };
        if let Err(error) = tcp.send(bytes) {
            self.lose(now, &error.to_string(), context);
        }
    }

    fn lose(&mut self, now: Instant, reason: &str, context: &mut Context<'_>) {
        self.disconnect(context);
        self.client.handle_closed(now, reason);
    }

    fn disconnect(&mut self, context: &mut Context<'_>) {
        self.link.close(context);
        for mut pair in self.udp.drain(..) {
            release(context, pair.rtp.token, &mut pair.rtp.udp);
            release(context, pair.rtcp.token, &mut pair.rtcp.udp);
        }
    }

    fn bind_udp(&mut self, now: Instant, track: TrackId, context: &mut Context<'_>) {
        let any = match self.link.peer_ip() {
            Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let endpoint = |rtcp| Endpoint::CameraUdp(self.source, UdpPort { track, rtcp });
        let bound = bind_pair(any).and_then(|(rtp, rtcp)| {
            let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
            let rtp = UdpPortSocket::register(rtp, endpoint(false), context)?;
            let rtcp = UdpPortSocket::register(rtcp, endpoint(true), context)?;
            self.udp.push(UdpPair { track, rtp, rtcp });
            Ok(ports)
        });
        match bound {
            Ok((rtp, rtcp)) => self.client.handle_udp_bound(now, track, rtp, rtcp),
            Err(error) => self.client.handle_udp_failed(now, track, &error.to_string()),
        }
    }

    fn send_datagram(&self, udp: UdpPort, port: u16, data: &[u8]) {
        let pair = self.udp.iter().find(|pair| pair.track == udp.track);
        let (Some(pair), Some(ip)) = (pair, self.link.peer_ip()) else { return };
        let socket = if udp.rtcp { &pair.rtcp } else { &pair.rtp };
        if let Err(error) = socket.udp.send_to(data, SocketAddr::new(ip, port)) {
            log::debug!("camera UDP: {error}");
        }
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
