//! Datagrams of one UDP socket, read in batches.
//!
//! A system call costs more than what most datagrams hold. One call takes several of them
//! (`recvmmsg`), and each of its buffers may hold a whole train that the kernel has joined
//! (UDP GRO). The buffers are shared by all sockets of the loop, which reads one at a time.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};

use super::wall_clock::WallClock;

/// Receive buffers; pages of those that no batch has reached take no memory, and those that one
/// has reached stay.
const BUFFERS: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };
/// The largest train of datagrams.
const BUFFER_BYTES: usize = 64 * 1024;
/// What has waited for longer was stamped before the clock was set.
const WAITED_MAX: Duration = Duration::from_secs(1);

/// Receive buffers for any socket.
pub(super) struct Inbox {
    buffers: Vec<u8>,
}

/// A datagram.
pub(super) struct Received<'a> {
    /// When the kernel got it, where it tells; else when it was read.
    pub arrived_at: Instant,
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
        let read_at = Instant::now();
        let clock = WallClock::new(read_at, SystemTime::now());
        for (meta, buffer) in metas.iter().zip(self.buffers.chunks(BUFFER_BYTES)).take(count) {
            // A socket of both families sees IPv4 as mapped into IPv6 (RFC 4291 2.5.5.2).
            let from = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let to = meta.dst_ip.map(|ip| ip.to_canonical());
            let arrived_at = arrival(read_at, clock.unix(read_at), meta.timestamp);
            let train = buffer.get(..meta.len).unwrap_or_default();
            for data in train.chunks(meta.stride.max(1)) {
                handle(Received { arrived_at, from, to, data });
            }
        }
        // The system call stops where it would block.
        Ok(count == BUFFERS)
    }
}

/// When that was which the kernel stamped so, on a clock that somebody may set and that said
/// `unix_now` at `now`.
fn arrival(now: Instant, unix_now: Duration, stamp: Option<Duration>) -> Instant {
    let waited = stamp.and_then(|stamp| unix_now.checked_sub(stamp));
    let waited = waited.filter(|waited| *waited <= WAITED_MAX).unwrap_or_default();
    now.checked_sub(waited).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as StdSocket;

    use super::*;

    const WAIT: Duration = Duration::from_millis(20);

    /// When two datagrams came that were sent one after the other and read together.
    fn arrivals(socket: &UdpSocket, state: &UdpSocketState) -> [Instant; 2] {
        let sender = StdSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..2 {
            sender.send_to(b"something", socket.local_addr().unwrap()).unwrap();
            std::thread::sleep(WAIT);
        }
        let mut arrivals = Vec::new();
        let keep = |received: Received<'_>| arrivals.push(received.arrived_at);
        assert!(!Inbox::new().receive(socket, state, keep).unwrap());
        arrivals.try_into().unwrap()
    }

    #[test]
    fn a_datagram_came_when_the_kernel_got_it() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        // Two clocks are read, one after the other.
        let error = WAIT / 4;
        // The kernel begins to stamp some time after the first socket that wants it.
        let is_found = (0..100).any(|_| {
            let sent_at = Instant::now();
            let [first, second] = arrivals(&socket, &state);
            let is_between = first >= sent_at - error && first + WAIT * 2 <= Instant::now();
            is_between && second.saturating_duration_since(first) >= WAIT - error
        });
        assert!(is_found);
    }

    #[test]
    fn a_clock_that_was_set_in_between_tells_nothing() {
        let (now, unix_now) = (Instant::now(), Duration::from_secs(1000));
        let at = |unix_ms| arrival(now, unix_now, Some(Duration::from_millis(unix_ms)));
        assert_eq!(at(999_990), now - Duration::from_millis(10));
        assert_eq!(at(999_000), now - WAITED_MAX);
        assert_eq!([at(998_999), at(1_000_001), arrival(now, unix_now, None)], [now; 3]);
    }
}
