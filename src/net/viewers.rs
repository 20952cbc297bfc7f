//! Viewers' peer connections, between the media socket and the matrix.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::server::{Server, fill_random};
use super::udp::MediaSocket;
use super::{Timer, server::random_u64};
use crate::control::Answer;
use crate::engine::frame::Egress;
use crate::engine::status::{SlotStatus, Status};
use crate::engine::viewer::{SlotKey, ViewerId};
use crate::limits;
use crate::peer::{EndReason, Entropy, Event, Peer, Route};

/// One viewer.
pub(super) struct ViewerLink {
    /// Its connection, once an offer was answered.
    pub peer: Option<Peer>,
    /// Its WebSocket, while it has one.
    pub client: Option<usize>,
    /// Its name at the WHEP endpoint: 128 random bits, the only right to end it.
    pub whep_id: Option<String>,
    slots: usize,
}

impl ViewerLink {
    /// Queues a frame for the end of the turn.
    pub fn queue(&mut self, position: usize, egress: Egress) {
        if let Some(peer) = &mut self.peer {
            peer.queue(position, egress);
        }
    }
}

impl Server {
    /// A viewer with one slot for each stream, `None` for one that does not exist. None when
    /// there are too many viewers.
    pub(super) fn add_viewer(
        &mut self,
        now: Instant,
        client: Option<usize>,
        streams: &[Option<String>],
    ) -> Option<ViewerId> {
        if self.viewers.len() >= self.config.limits.viewers_max {
            return None;
        }
        let id = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        let slots = streams.len();
        self.viewers.insert(id, ViewerLink { peer: None, client, whep_id: None, slots });
        let sources: Vec<_> = streams
            .iter()
            .map(|name| name.as_deref().and_then(|name| self.hub.find(name)))
            .map(|source| (source, random_u64()))
            .collect();
        self.hub.add_viewer(now, id, sources.into_iter());
        Some(id)
    }

    /// Answers the viewer's offer.
    pub(super) fn accept_offer(
        &mut self,
        now: Instant,
        id: ViewerId,
        sdp: &str,
    ) -> Result<Answer, String> {
        let viewer = self.viewers.get_mut(&id).ok_or("no such viewer")?;
        let mut entropy = [0; 32];
        fill_random(&mut entropy);
        let (options, identity, slots) = (&self.peer_options, &self.identity, viewer.slots);
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            Peer::accept(now, options, identity, Entropy(entropy), sdp, slots)
        }));
        let (peer, answer) = accepted
            .map_err(|_| "the offer could not be handled".to_owned())?
            .map_err(|error| error.to_string())?;
        if let Some(old) = viewer.peer.take() {
            drop(old);
            self.demux.remove(id);
        }
        self.demux.insert(peer.ufrag(), id);
        viewer.peer = Some(peer);
        self.dirty.viewers.insert(id);
        Ok(Answer { sdp: answer.sdp, candidates: answer.candidates })
    }

    /// What keeps a slot from carrying video, if anything does.
    pub(super) fn slot_error(&self, key: SlotKey) -> Option<SlotStatus> {
        let peer = self.viewers.get(&key.viewer)?.peer.as_ref()?;
        let error = peer.slot_error(key.position)?;
        let stream = self.hub.status(key)?.stream;
        Some(SlotStatus { stream, status: Status::Error, error: Some(error.to_owned()) })
    }

    /// Ends a viewer; its WebSocket, if any, goes on.
    pub(super) fn remove_viewer(&mut self, now: Instant, id: ViewerId) {
        let Some(mut viewer) = self.viewers.remove(&id) else { return };
        if let Some(peer) = &mut viewer.peer {
            let media = &mut self.media;
            guard(|| peer.close(now, &mut |datagram| media.send(&datagram)));
        }
        self.demux.remove(id);
        self.timers.set(Timer::Viewer(id), None);
        self.hub.remove_viewer(now, id);
    }

    /// Takes datagrams. True while there may be more.
    pub(super) fn receive_datagrams(&mut self, now: Instant) -> bool {
        // Answers must not be sent before all have been read: the socket is one.
        let mut inbox = Vec::new();
        let mut more = true;
        for _ in 0..limits::UDP_BUDGET_BATCHES {
            more = self.media.receive(|from, to, data| inbox.push((from, to, data.to_vec())));
            if !more {
                break;
            }
        }
        for (from, to, data) in inbox {
            self.handle_datagram(now, from, to, &data);
        }
        more
    }

    fn handle_datagram(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let (id, is_new) = match self.demux.route(from, data) {
            Route::Known(id) => (id, false),
            Route::Claimed(id) => (id, true),
            Route::Unknown => return,
        };
        let Some(peer) = self.viewers.get_mut(&id).and_then(|viewer| viewer.peer.as_mut()) else {
            return;
        };
        if is_new {
            if !peer.accepts(now, from, to, data) {
                return;
            }
            self.demux.learn(from, id);
        }
        let media = &mut self.media;
        self.dirty.viewers.insert(id);
        if !guard(|| peer.handle_datagram(now, from, to, data, &mut sink(media))) {
            self.lose_viewer(now, id, EndReason::Failed);
        }
    }

    pub(super) fn handle_viewer_timeout(&mut self, now: Instant, id: ViewerId) {
        let Some(peer) = self.viewers.get_mut(&id).and_then(|viewer| viewer.peer.as_mut()) else {
            return;
        };
        let media = &mut self.media;
        self.dirty.viewers.insert(id);
        if !guard(|| peer.handle_timeout(now, &mut sink(media))) {
            self.lose_viewer(now, id, EndReason::Failed);
        }
    }

    /// Sends what the matrix has queued for a viewer and takes its events.
    pub(super) fn pump_viewer(&mut self, now: Instant, id: ViewerId) {
        let Some(peer) = self.viewers.get_mut(&id).and_then(|viewer| viewer.peer.as_mut()) else {
            return;
        };
        let media = &mut self.media;
        if peer.has_queued() && !guard(|| peer.flush(now, &mut sink(media))) {
            return self.lose_viewer(now, id, EndReason::Failed);
        }
        let mut events = Vec::new();
        while let Some(event) = peer.poll_event() {
            events.push(event);
        }
        self.timers.set(Timer::Viewer(id), Some(peer.poll_timeout()));
        for event in events {
            self.handle_peer_event(now, id, event);
        }
    }

    fn handle_peer_event(&mut self, now: Instant, id: ViewerId, event: Event) {
        match event {
            Event::Connected => {
                log::info!("viewer {}: connected", id.0);
                // The first pictures leave before the session says that they are there.
                self.hub.handle_connected(now, id);
                self.take_hub_outputs(now);
                self.pump_viewer(now, id);
                if let Some(session) = self.session_of(id) {
                    session.handle_connected(now);
                }
            }
            Event::PictureLoss { position } => {
                self.hub.handle_picture_loss(now, SlotKey { viewer: id, position });
            }
            Event::Loss { position } => {
                self.hub.handle_loss(now, SlotKey { viewer: id, position });
            }
            Event::Ended(reason) => self.lose_viewer(now, id, reason),
        }
    }

    fn lose_viewer(&mut self, now: Instant, id: ViewerId, reason: EndReason) {
        log::info!("viewer {}: {}", id.0, reason.as_str());
        if let Some(session) = self.session_of(id) {
            session.handle_lost(now);
        }
        self.remove_viewer(now, id);
    }
}

fn sink(media: &mut MediaSocket) -> impl FnMut(crate::peer::Transmit) {
    move |datagram| media.send(&datagram)
}

/// Runs what handles one peer; false if it panicked. A defect that one peer can trigger must
/// not end the others.
fn guard(act: impl FnOnce()) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    if outcome.is_err() {
        log::error!("a peer was dropped after a panic");
    }
    outcome.is_ok()
}
