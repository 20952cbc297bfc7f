//! The path that ICE has chosen (RFC 8445 section 8.1.1), those who take what leaves by it, and
//! what comes.
//!
//! str0m says nowhere which path that is, but sends by it. What it sends when it is asked for a
//! picture shows the path: the request itself goes nowhere.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::{Protocol, Receive, Transmit};

use super::sending::streams;
use super::{Peer, is_stun};

/// Where from and where to media go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// Our candidate's address: that of a relay, if it is relayed.
    pub source: SocketAddr,
    /// The other side's.
    pub destination: SocketAddr,
}

impl Path {
    /// A datagram that leaves by it.
    #[must_use]
    pub fn datagram(&self, contents: Vec<u8>) -> Transmit {
        let Self { protocol: proto, source, destination } = *self;
        Transmit { proto, source, destination, contents: contents.into() }
    }
}

/// What has come for a peer: a datagram, or what was framed as one in a stream (RFC 4571).
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// UDP or TCP.
    pub protocol: Protocol,
    /// When it came, which is before it was read where there was other work.
    pub arrived_at: Instant,
    /// The other side's address.
    pub from: SocketAddr,
    /// Our candidate's address: that of a relay, if it was relayed.
    pub to: SocketAddr,
    /// All of it.
    pub data: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// A datagram of UDP.
    #[must_use]
    pub fn udp(arrived_at: Instant, from: SocketAddr, to: SocketAddr, data: &'a [u8]) -> Self {
        Self { protocol: Protocol::Udp, arrived_at, from, to, data }
    }

    /// What another peer has sent.
    #[cfg(test)]
    pub fn sent(arrived_at: Instant, sent: &'a Transmit) -> Self {
        Self::udp(arrived_at, sent.source, sent.destination, &sent.contents)
    }

    /// As str0m wants it, if it is one of those that are sent to peers.
    pub(super) fn received(&self) -> Option<Receive<'a>> {
        Receive::new(self.protocol, self.from, self.to, self.data).ok()
    }
}

/// Takes the datagrams that a peer wants sent, in order.
pub trait Transmitter {
    /// A datagram that is there.
    fn send(&mut self, datagram: Transmit);

    /// A datagram that is written into the buffer of `bytes` that it is to leave from.
    fn send_in_place(&mut self, path: &Path, bytes: usize, write: &mut dyn FnMut(&mut [u8]));
}

/// Who has no buffer for it takes a datagram of its own.
impl<F: FnMut(Transmit)> Transmitter for F {
    fn send(&mut self, datagram: Transmit) {
        self(datagram);
    }

    fn send_in_place(&mut self, path: &Path, bytes: usize, write: &mut dyn FnMut(&mut [u8])) {
        let mut contents = vec![0; bytes];
        write(&mut contents);
        self(path.datagram(contents));
    }
}

/// Takes the datagrams that a peer wants sent, in order.
pub type Sink<'a> = dyn Transmitter + 'a;

impl Peer {
    /// Notes the path of what str0m sends; whether it is to be sent.
    pub(super) fn observe_path(&mut self, datagram: &Transmit) -> bool {
        if is_stun(&datagram.contents) {
            return true;
        }
        let Transmit { proto, source, destination, .. } = *datagram;
        self.path = Some(Path { protocol: proto, source, destination });
        // Of RTP and RTCP only what we write ourselves.
        !is_rtp_or_rtcp(&datagram.contents)
    }

    /// ICE may have chosen another path: str0m shows it when it is drained.
    pub(super) fn look_for_path(&mut self) {
        let sent = streams(&mut self.tracks, &mut self.audio_tracks).next();
        let ssrc = sent.map(|stream| stream.ssrc).or(self.reporter());
        if let Some(ssrc) = ssrc.filter(|_| self.srtp.is_some()) {
            self.rtc.direct_api().send_pli_feedback(ssrc.into(), ssrc.into());
        }
    }
}

/// Whether a datagram is of RTP or RTCP (RFC 7983 section 7).
pub(super) fn is_rtp_or_rtcp(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| (128..192).contains(byte))
}
