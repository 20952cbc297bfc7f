//! Datagrams in batches, each with the time at which the kernel had it.
//!
//! With that time the load generator's own delays are no part of what it measures. UDP GRO
//! stays off: browsers don't use it, and with it the kernel would spare the sender work.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::{AsFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn};
use nix::sys::socket::{recvmmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

/// Datagrams taken in one system call.
const DATAGRAMS: usize = 32;
const DATAGRAM_MAX_BYTES: usize = 2_048;
/// As browsers ask for.
const RECEIVE_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// Room for one batch.
pub struct Batch {
    buffers: Vec<[u8; DATAGRAM_MAX_BYTES]>,
    headers: MultiHeaders<SockaddrIn>,
}

/// Makes a socket stamp its datagrams and gives it a browser's buffer.
pub fn prepare(socket: &impl AsFd) -> nix::Result<()> {
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)
}

impl Batch {
    pub fn new() -> Self {
        let headers = MultiHeaders::preallocate(DATAGRAMS, Some(cmsg_space!(TimeSpec)));
        Self { buffers: vec![[0; DATAGRAM_MAX_BYTES]; DATAGRAMS], headers }
    }

    /// Takes a batch off an IPv4 socket; `handle` gets each datagram with its sender and its
    /// arrival in nanoseconds on the wall clock. False when nothing is left.
    pub fn receive(
        &mut self,
        socket: RawFd,
        mut handle: impl FnMut(SocketAddr, u64, &[u8]),
    ) -> Result<bool, Errno> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = match recvmmsg(socket, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(false),
            // ICMP's answer to what was sent before.
            Err(Errno::ECONNREFUSED) => return Ok(true),
            Err(errno) => return Err(errno),
        };
        let mut count = 0;
        for message in received {
            count += 1;
            let arrived_ns = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(time) => {
                    Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
                }
                _ => None,
            });
            if let (Some(from), Some(arrived_ns)) = (message.address, arrived_ns) {
                let from = SocketAddr::V4(from.into());
                message.iovs().for_each(|data| handle(from, arrived_ns, data));
            }
        }
        Ok(count == DATAGRAMS)
    }
}
