//! The peers of rooms, whichever way their media go: between the room, which names them, and their
//! connections.

use std::time::Instant;

use crate::engine::viewer::ViewerId;
use crate::net::random::fill_random;
use crate::net::server::Server;
use crate::peer::receive::Received;
use crate::peer::{Entropy, Peer, PeerOptions, Sink};
use crate::room::data::LABEL;
use crate::room::{Candidate, DataEvent, PeerEvent, PeerKey};

/// A peer as its room names it: the room's number, and the room's key.
pub(super) type Seat = (usize, PeerKey);

/// One peer.
pub(super) struct Member {
    seat: Seat,
    /// The number of its data channel.
    channel: Option<usize>,
    /// What its first m-line is called; whatever candidates it has are of that one, too.
    mid: String,
}

pub(super) fn entropy() -> Entropy {
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    Entropy(bytes)
}

impl Server {
    /// Notes whose a peer is.
    pub(super) fn seat_member(&mut self, id: ViewerId, seat: Seat) {
        self.rooms.members.insert(id, Member { seat, channel: None, mid: String::new() });
        if let Some(room) = self.rooms.all.get_mut(seat.0) {
            room.peers.insert(seat.1, id);
        }
    }

    /// What peers of rooms have in common.
    pub(super) fn room_peer_options(&self) -> PeerOptions {
        let mut options = self.peer_options.clone();
        options.ice.relayed = self.relays.addresses_for_rooms();
        options
    }

    /// The peer has its connection, by this description of ours.
    pub(super) fn connect_member(&mut self, id: ViewerId, peer: Peer, sdp: &str) {
        self.demux.insert(peer.ufrag(), id);
        if let Some(member) = self.rooms.members.get_mut(&id) {
            let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:"));
            member.mid = mid.unwrap_or_default().to_owned();
        }
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.peer = Some(peer);
        }
        self.dirty.viewers.insert(id);
    }

    pub(super) fn member(&self, (room, peer): Seat) -> Option<ViewerId> {
        self.rooms.all.get(room)?.peers.get(&peer).copied()
    }

    pub(super) fn with_member(
        &mut self,
        seat: Seat,
        act: impl FnOnce(&mut Peer, &mut Sink<'_>),
    ) -> bool {
        let Some(id) = self.member(seat) else { return true };
        self.dirty.viewers.insert(id);
        self.with_peer(id, act)
    }

    /// Sends a text on a peer's data channel.
    pub(super) fn tell_member(&mut self, now: Instant, seat: Seat, text: &str) {
        let channel = self.member(seat).and_then(|id| self.rooms.members.get(&id)?.channel);
        let Some(channel) = channel else { return };
        self.with_member(seat, |peer, sink| {
            if !peer.send_text(now, channel, text, sink) {
                log::debug!("room: a message was not taken");
            }
        });
    }

    /// Tells a room what became of a peer.
    pub(super) fn tell_room(&mut self, now: Instant, (room, peer): Seat, event: PeerEvent) {
        self.with_room(room, |room, _| room.machine.handle_peer(now, peer, event));
    }

    /// Tells a peer, if it is a room's, of another way to us.
    #[cfg_attr(not(feature = "turn"), expect(dead_code, reason = "there are no relays"))]
    pub(in crate::net) fn tell_candidate(&mut self, now: Instant, id: ViewerId, line: String) {
        let Some(member) = self.rooms.members.get(&id) else { return };
        let (seat, sdp_mid) = (member.seat, member.mid.clone());
        let peer = self.viewers.get(&id).and_then(|viewer| viewer.peer.as_ref());
        let Some(username_fragment) = peer.map(|peer| peer.ufrag().to_owned()) else { return };
        let candidate = line.strip_prefix("a=").unwrap_or(&line).to_owned();
        let candidate = Candidate { candidate, sdp_mid, sdp_m_line_index: 0, username_fragment };
        self.tell_room(now, seat, PeerEvent::Candidates(vec![candidate]));
    }

    /// A peer has connected; if it is a room's, that wants to know.
    pub(in crate::net) fn handle_member_connected(&mut self, now: Instant, id: ViewerId) {
        if let Some(seat) = self.rooms.members.get(&id).map(|member| member.seat) {
            self.tell_room(now, seat, PeerEvent::Connected);
            self.tell_guest_connected(now, id);
        }
    }

    /// Takes what a peer has sent, if it is a room's; when to look again.
    pub(in crate::net) fn pump_member(&mut self, now: Instant, id: ViewerId) -> Option<Instant> {
        let seat = self.rooms.members.get(&id)?.seat;
        let peer = self.viewers.get_mut(&id)?.peer.as_mut()?;
        // At most RECEIVED_MAX.
        let received: Vec<Received> = std::iter::from_fn(|| peer.poll_received()).collect();
        for item in received {
            match item {
                Received::Track(track) => self.begin_guest_track(now, id, &track),
                Received::Packet(track, _) | Received::Report(track, _) => {
                    self.feed_guest_source(now, id, seat, track, item);
                }
                Received::ChannelOpen { channel, label } if label == LABEL => {
                    self.rooms.members.get_mut(&id)?.channel = Some(channel);
                    self.hear_member(now, seat, DataEvent::Open);
                }
                Received::Text { channel, text } if self.is_its_channel(id, channel) => {
                    self.hear_member(now, seat, DataEvent::Text(&text));
                }
                Received::ChannelClosed { channel } if self.is_its_channel(id, channel) => {
                    self.rooms.members.get_mut(&id)?.channel = None;
                    self.hear_member(now, seat, DataEvent::Closed);
                }
                // Other channels carry files.
                Received::ChannelOpen { .. }
                | Received::Text { .. }
                | Received::ChannelClosed { .. } => {}
            }
        }
        self.step_guest_feeds(now, id)
    }

    fn hear_member(&mut self, now: Instant, (room, peer): Seat, event: DataEvent<'_>) {
        self.with_room(room, |room, _| room.machine.handle_data_channel(now, peer, event));
    }

    fn is_its_channel(&self, id: ViewerId, channel: usize) -> bool {
        self.rooms.members.get(&id).is_some_and(|member| member.channel == Some(channel))
    }

    /// A peer is gone; a room that has not closed it wants to know.
    pub(in crate::net) fn end_member(&mut self, now: Instant, id: ViewerId) {
        let Some(Member { seat: (room, peer), .. }) = self.rooms.members.remove(&id) else {
            return;
        };
        self.end_guest(now, id);
        self.with_room(room, |room, _| {
            room.peers.remove(&peer);
            // Whom the room has closed it does not know any more.
            room.machine.handle_peer(now, peer, PeerEvent::Ended);
        });
    }
}
