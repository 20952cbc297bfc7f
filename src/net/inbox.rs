//! Datagrams of one UDP socket, read in batches.
//!
//! A system call costs more than what most datagrams hold. One call takes several of them
//! (`recvmmsg`), and each of its buffers may hold a whole train that the kernel has joined
//! (UDP GRO). The buffers are shared by all sockets of the loop, which reads one at a time.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};

/// Receive buffers; pages of those that no batch has reached take no memory, and those that one
/// has reached stay.
const BUFFERS: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };
/// The largest train of datagrams.
const BUFFER_BYTES: usize = 64 * 1024;

/// Receive buffers for any socket.
pub(super) struct Inbox {
    buffers: Vec<u8>,
}

/// A datagram.
pub(super) struct Received<'a> {
    pub from: SocketAddr,
    /// The local address that it was sent to, where the system tells.
    pub to: Option<IpAddr>,
    pub data: &'a [u8],
}

impl Inbox {
    pub fn new() -> Self {
        Self { buffers: vec![0; BUFFERS * BUFFER_BYTES] }
    }

    /// Receives a batch. False when there is nothing left: readiness will be reported anew.
    ///
    /// # Errors
    /// What the socket says, mostly of datagrams sent before to where nobody listens (ICMP);
    /// there may be more to read behind it.
    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        state: &UdpSocketState,
        mut handle: impl FnMut(Received<'_>),
    ) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let received = {
            let mut chunks = self.buffers.chunks_mut(BUFFER_BYTES);
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            state.recv(UdpSockRef::from(socket), &mut slices, &mut metas)
        };
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, buffer) in metas.iter().zip(self.buffers.chunks(BUFFER_BYTES)).take(count) {
            // A socket of both families sees IPv4 as mapped into IPv6 (RFC 4291 2.5.5.2).
            let from = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let to = meta.dst_ip.map(|ip| ip.to_canonical());
            let train = buffer.get(..meta.len).unwrap_or_default();
            for data in train.chunks(meta.stride.max(1)) {
                handle(Received { from, to, data });
            }
        }
        // The system call stops where it would block.
        Ok(count == BUFFERS)
    }
}
