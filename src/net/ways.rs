//! The ways that a peer's datagrams leave by: a relay, a TCP connection, or a UDP socket.

use super::ice_tcp::IceTcp;
use super::relays::Relays;
use crate::engine::viewer::ViewerId;
use crate::peer::{Demux, Transmit, is_stun};

/// What all peers share, for one of them.
pub(super) struct Ways<'a> {
    pub id: ViewerId,
    pub relays: &'a mut Relays,
    pub ice_tcp: &'a mut IceTcp,
    pub demux: &'a mut Demux<ViewerId>,
    /// Whether peers send checks of their own, whose answers have to find them.
    pub is_full: bool,
}

impl Ways<'_> {
    /// Gives back what leaves by a UDP socket.
    pub fn claim(&mut self, datagram: Transmit) -> Option<Transmit> {
        if self.is_full && is_stun(&datagram.contents) {
            self.demux.expect(datagram.destination, self.id);
        }
        let datagram = self.ice_tcp.claim(datagram)?;
        self.relays.claim(datagram)
    }
}
