//! The two UDP sockets of a camera's track: ports of our own, or those of a multicast group.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use mio::net::UdpSocket;
use mio::{Interest, Token};
use quinn_udp::{UdpSockRef, UdpSocketState};
use rtsp::client::{Group, UdpPort};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Endpoint;
use super::inbox::Inbox;
use super::link::{Context, register, release};
use super::udp;
use crate::limits;

/// Sockets for RTP and RTCP that are not in the loop yet.
pub(super) type Bound = (UdpSocket, UdpSocket);

/// Sockets for RTP and RTCP, in the loop.
pub(super) struct UdpPair {
    rtp: Port,
    rtcp: Port,
    /// Where to send.
    to: IpAddr,
}

/// One of the sockets.
struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    token: Token,
}

impl Port {
    fn register(
        mut socket: UdpSocket,
        endpoint: Endpoint,
        context: &mut Context<'_>,
    ) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let token = register(context, &mut socket, endpoint, Interest::READABLE)?;
        Ok(Self { socket, state, token })
    }

    fn release(mut self, context: &mut Context<'_>) {
        release(context, self.token, &mut self.socket);
    }
}

impl UdpPair {
    /// Puts the sockets into the loop; `endpoint` is what the readiness of each is reported as.
    pub fn register(
        (rtp, rtcp): Bound,
        to: IpAddr,
        endpoint: impl Fn(bool) -> Endpoint,
        context: &mut Context<'_>,
    ) -> io::Result<Self> {
        let size = limits::CAMERA_UDP_BUFFER_BYTES;
        if let Err(error) = SockRef::from(&rtp).set_recv_buffer_size(size) {
            log::debug!("camera UDP buffer: {error}");
        }
        let rtp = Port::register(rtp, endpoint(false), context)?;
        match Port::register(rtcp, endpoint(true), context) {
            Ok(rtcp) => Ok(Self { rtp, rtcp, to }),
            Err(error) => {
                rtp.release(context);
                Err(error)
            }
        }
    }

    /// Takes the sockets out of the loop.
    pub fn release(self, context: &mut Context<'_>) {
        self.rtp.release(context);
        self.rtcp.release(context);
    }

    /// Ports for RTP and RTCP.
    pub fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.socket.local_addr()?.port(), self.rtcp.socket.local_addr()?.port()))
    }

    /// Receives a batch; `handle` is told who sent each datagram. False when there is nothing
    /// left.
    pub fn receive(
        &self,
        udp: UdpPort,
        inbox: &mut Inbox,
        mut handle: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<bool> {
        let Port { socket, state, .. } = self.port(udp);
        inbox.receive(socket, state, |received| handle(received.from, received.data))
    }

    /// Sends a datagram to this port of the camera or of the group.
    pub fn send(&self, udp: UdpPort, port: u16, data: &[u8]) {
        if let Err(error) = self.port(udp).socket.send_to(data, SocketAddr::new(self.to, port)) {
            log::debug!("camera UDP: {error}");
        }
    }

    fn port(&self, udp: UdpPort) -> &Port {
        if udp.rtcp { &self.rtcp } else { &self.rtp }
    }
}

/// A free pair of ports for a camera that is reached from this address.
pub(super) fn bind_pair(local: IpAddr) -> io::Result<Bound> {
    let any = match local {
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    udp::bind_pair(any)
}

/// The ports of a multicast group, joined on the interface that has this address. Others on this
/// machine may have joined it as well.
pub(super) fn join(group: &Group, local: IpAddr) -> io::Result<Bound> {
    let one = |port| join_port(group.address, port, local, u32::from(group.ttl));
    Ok((one(group.rtp_port)?, one(group.rtcp_port)?))
}

fn join_port(group: IpAddr, port: u16, local: IpAddr, ttl: u32) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(group, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Bound to the group, a socket hears nothing of the port's other groups.
    match (group, local) {
        (IpAddr::V4(group), local) => {
            let interface = match local {
                IpAddr::V4(local) => local,
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
            };
            socket.bind(&address.into())?;
            socket.join_multicast_v4(&group, &interface)?;
            socket.set_multicast_if_v4(&interface)?;
            socket.set_multicast_ttl_v4(ttl)?;
        }
        (IpAddr::V6(group), local) => {
            let interface = interface_index(local);
            socket.bind(&SocketAddrV6::new(group, port, 0, interface).into())?;
            socket.join_multicast_v6(&group, interface)?;
            socket.set_multicast_if_v6(interface)?;
            socket.set_multicast_hops_v6(ttl)?;
        }
    }
    Ok(UdpSocket::from_std(socket.into()))
}

/// Number of the interface that has this address; 0, the system's choice, where none has it.
fn interface_index(local: IpAddr) -> u32 {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found = interfaces.iter().find(|interface| interface.ip() == local);
    found.and_then(|interface| interface.index).unwrap_or(0)
}
