//! The one UDP socket of all peers: batches in, batches out.
//!
//! Sending costs more than encrypting, so datagrams of one size to one address leave in one
//! system call where the kernel can cut them up itself (UDP GSO). What the socket won't take
//! is dropped: a full queue is loss like any other, and NACK repairs it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{Transmit as Batch, UdpSockRef, UdpSocketState};

use super::inbox::{Inbox, Received};
use crate::limits;
use crate::peer::{Datagram, Path, Transmit};

/// Tries to find a pair of free ports.
const PORT_PAIR_TRIES: usize = 32;

/// Sockets of an even port and the next, for RTP and RTCP (RFC 3550 section 11).
pub fn bind_pair(ip: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..PORT_PAIR_TRIES {
        let rtp = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind(SocketAddr::new(ip, port + 1))
        {
            return Ok((rtp, rtcp));
        }
    }
    Err(io::Error::other("no free pair of UDP ports"))
}

/// The socket.
pub struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Where datagrams are taken to have been sent, if not to one of these: behind a NAT
    /// the address that viewers know is not the one that they arrive at.
    candidates: Vec<SocketAddr>,
    train: Train,
    /// Datagrams that the socket did not take.
    pub dropped: u64,
    /// Datagrams sent.
    pub sent: u64,
}

/// Datagrams of one size to one address.
#[derive(Default)]
struct Train {
    /// Overwritten by each train and never cut: it would be cleared each time.
    buffer: Vec<u8>,
    bytes: usize,
    segment_bytes: usize,
    count: usize,
    destination: Option<SocketAddr>,
    source: Option<IpAddr>,
}

impl MediaSocket {
    /// Binds the socket. `candidates` are the addresses that viewers are told.
    pub fn bind(local: SocketAddr) -> io::Result<Self> {
        Self::of(UdpSocket::bind(local)?)
    }

    fn of(socket: UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for result in [
            state.set_send_buffer_size(UdpSockRef::from(&socket), limits::UDP_BUFFER_BYTES),
            state.set_recv_buffer_size(UdpSockRef::from(&socket), limits::UDP_BUFFER_BYTES),
        ] {
            if let Err(error) = result {
                log::debug!("UDP buffer size: {error}");
            }
        }
        Ok(Self {
            socket,
            state,
            local,
            candidates: Vec::new(),
            train: Train::default(),
            dropped: 0,
            sent: 0,
        })
    }

    /// Two sockets of one address, for RTP and RTCP.
    pub fn bind_pair(ip: IpAddr) -> io::Result<(Self, Self)> {
        let (rtp, rtcp) = bind_pair(ip)?;
        Ok((Self::of(rtp)?, Self::of(rtcp)?))
    }

    /// The bound address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What viewers are told; the first of them stands for any other local address.
    pub fn set_candidates(&mut self, candidates: Vec<SocketAddr>) {
        self.candidates = candidates;
    }

    /// What viewers are told.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }

    /// For registration with the poll.
    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Receives a batch. False when there is nothing left.
    pub fn receive(&mut self, inbox: &mut Inbox, mut handle: impl FnMut(&Datagram<'_>)) -> bool {
        let outcome = inbox.receive(&self.socket, &self.state, |received| {
            let Received { arrived_at, from, to, data } = received;
            handle(&Datagram::udp(arrived_at, from, self.destination(to), data));
        });
        outcome.unwrap_or_else(|error| {
            // ICMP answers to what was sent to a viewer that is gone.
            log::debug!("UDP receive: {error}");
            true
        })
    }

    /// The candidate that stands for a local address.
    pub(super) fn destination(&self, ip: Option<IpAddr>) -> SocketAddr {
        let arrived = SocketAddr::new(ip.unwrap_or(self.local.ip()), self.local.port());
        if self.candidates.contains(&arrived) {
            return arrived;
        }
        let same_family = |candidate: &&SocketAddr| candidate.is_ipv4() == arrived.is_ipv4();
        self.candidates.iter().find(same_family).copied().unwrap_or(arrived)
    }

    /// Sends a datagram, at the latest on [`MediaSocket::flush`].
    pub fn send(&mut self, datagram: &Transmit) {
        let source = self.source_ip(datagram.source.ip());
        self.queue(datagram.destination, source, &datagram.contents);
    }

    /// As [`MediaSocket::send`], a datagram of `bytes` that is written where it is sent from.
    pub fn send_in_place(&mut self, path: &Path, bytes: usize, write: &mut dyn FnMut(&mut [u8])) {
        let source = self.source_ip(path.source.ip());
        self.place(path.destination, source, bytes, write);
    }

    /// As [`MediaSocket::send`], from whichever address leads there.
    pub fn send_to(&mut self, destination: SocketAddr, bytes: &[u8]) {
        self.queue(destination, None, bytes);
    }

    fn queue(&mut self, destination: SocketAddr, source: Option<IpAddr>, bytes: &[u8]) {
        self.place(destination, source, bytes.len(), |place| place.copy_from_slice(bytes));
    }

    /// Adds a datagram to the train, or to the next.
    fn place(
        &mut self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        bytes: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        let joins = self.train.destination == Some(destination)
            && bytes <= self.train.segment_bytes
            && self.train.count < self.state.max_gso_segments()
            && self.train.bytes + bytes <= limits::GSO_MAX_BYTES;
        if !joins {
            self.flush();
            self.train.segment_bytes = bytes;
            self.train.destination = Some(destination);
            self.train.source = source;
        }
        let place = self.train.bytes..self.train.bytes + bytes;
        if self.train.buffer.len() < place.end {
            self.train.buffer.resize(place.end, 0);
        }
        self.train.bytes = place.end;
        write(self.train.buffer.get_mut(place).unwrap_or_default());
        self.train.count += 1;
        if bytes < self.train.segment_bytes {
            self.flush(); // a shorter one can only be the last
        }
    }

    /// The address to send from, where the socket has several.
    fn source_ip(&self, ip: IpAddr) -> Option<IpAddr> {
        self.local.ip().is_unspecified().then_some(ip).filter(|ip| {
            // Behind a NAT the candidate is not an address of ours.
            self.candidates.first().is_none_or(|first| first.ip() != *ip) || ip.is_loopback()
        })
    }

    /// Sends what is still held back.
    pub fn flush(&mut self) {
        let Some(destination) = self.train.destination.take() else { return };
        let destination = match destination {
            SocketAddr::V4(v4) if self.local.is_ipv6() => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            destination => destination,
        };
        let batch = Batch {
            destination,
            ecn: None,
            contents: self.train.buffer.get(..self.train.bytes).unwrap_or_default(),
            segment_size: (self.train.count > 1).then_some(self.train.segment_bytes),
            src_ip: self.train.source,
        };
        let count = self.train.count as u64;
        match self.state.try_send(UdpSockRef::from(&self.socket), &batch) {
            Ok(()) => self.sent += count,
            Err(error) => {
                self.dropped += count;
                log::debug!("UDP send to {destination}: {error}");
            }
        }
        self.train.bytes = 0;
        self.train.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, UdpSocket};

    use str0m::net::Protocol;

    use super::*;

    #[test]
    fn a_socket_of_both_families_speaks_ipv4_by_its_own_addresses() {
        let Ok(mut media) = MediaSocket::bind((Ipv6Addr::UNSPECIFIED, 0).into()) else {
            return; // a machine without IPv6
        };
        let ours: SocketAddr = ([127, 0, 0, 1], media.local_addr().port()).into();
        let other: SocketAddr = ([192, 0, 2, 1], ours.port()).into();
        media.set_candidates(vec![(Ipv6Addr::LOCALHOST, ours.port()).into(), other, ours]);
        let viewer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let theirs = viewer.local_addr().unwrap();
        viewer.send_to(b"ping", ours).unwrap();
        let mut inbox = Inbox::new();
        let mut heard = Vec::new();
        for _ in 0..1000 {
            media.receive(&mut inbox, |datagram| {
                let Datagram { from, to, data, .. } = *datagram;
                heard.push((from, to, data.to_vec()));
            });
            if !heard.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(heard, [(theirs, ours, b"ping".to_vec())]);
        media.send(&Transmit {
            proto: Protocol::Udp,
            source: ours,
            destination: theirs,
            contents: b"pong".to_vec().into(),
        });
        media.flush();
        let mut buffer = [0; 8];
        let (count, from) = viewer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..count], from), (&b"pong"[..], ours));
    }
}
