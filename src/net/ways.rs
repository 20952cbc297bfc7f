//! The ways that a peer's datagrams leave by: a relay, a TCP connection, or a UDP socket.

use super::ice_tcp::IceTcp;
use super::relays::Relays;
use super::udp::MediaSocket;
use crate::engine::viewer::ViewerId;
use crate::peer::{Demux, Path, Protocol, Transmit, Transmitter, is_stun};

/// What all peers share, for one of them, and its socket.
pub(super) struct Ways<'a> {
    pub id: ViewerId,
    pub relays: &'a mut Relays,
    pub ice_tcp: &'a mut IceTcp,
    pub demux: &'a mut Demux<ViewerId>,
    /// Whether peers send checks of their own, whose answers have to find them.
    pub is_full: bool,
    pub socket: &'a mut MediaSocket,
}

impl Transmitter for Ways<'_> {
    fn send(&mut self, datagram: Transmit) {
        if self.is_full && is_stun(&datagram.contents) {
            self.demux.expect(datagram.destination, self.id);
        }
        let datagram = self.ice_tcp.claim(datagram);
        if let Some(datagram) = datagram.and_then(|datagram| self.relays.claim(datagram)) {
            self.socket.send(&datagram);
        }
    }

    fn send_in_place(&mut self, path: &Path, bytes: usize, write: &mut dyn FnMut(&mut [u8])) {
        if path.protocol == Protocol::Udp && !self.relays.have(path.source) {
            return self.socket.send_in_place(path, bytes, write);
        }
        let mut contents = vec![0; bytes];
        write(&mut contents);
        self.send(path.datagram(contents));
    }
}
