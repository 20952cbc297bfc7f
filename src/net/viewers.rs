//! Viewers' peer connections, between the media socket and the matrix.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use mio::Token;

use super::Timer;
use super::random::{fill_random, random_u64};
use super::server::Server;
use super::udp::MediaSocket;
use super::ways::Ways;
use crate::control::Answer;
use crate::engine::codec::AudioCodec;
use crate::engine::frame::{AudioEgress, AudioFrame, Egress};
use crate::engine::source::SourceId;
use crate::engine::status::{SlotStatus, Status};
use crate::engine::viewer::{SlotKey, ViewerId};
use crate::intake::Intake;
use crate::limits;
use crate::peer::{Datagram, EndReason, Entropy, Event, Peer, Route, Sink};

/// Whether this build carries audio.
const HAS_AUDIO: bool = cfg!(feature = "audio");

/// A datagram that is looked at when all have been read.
struct Kept {
    arrived_at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    data: Vec<u8>,
}

impl Kept {
    fn of(datagram: &Datagram<'_>) -> Self {
        let Datagram { arrived_at, from, to, data, .. } = *datagram;
        Self { arrived_at, from, to, data: data.to_vec() }
    }

    fn datagram(&self) -> Datagram<'_> {
        Datagram::udp(self.arrived_at, self.from, self.to, &self.data)
    }
}

/// One viewer.
pub(super) struct ViewerLink {
    /// Its connection, once an offer was answered.
    pub peer: Option<Peer>,
    /// Its WebSocket, while it has one.
    pub client: Option<usize>,
    /// Its name at the WHEP endpoint: 128 random bits, the only right to end it.
    pub whep_id: Option<String>,
    /// Whom its slots are for.
    pub audience: Audience,
    /// What its media goes through, if not through the socket of all.
    pub own_socket: Option<OwnSocket>,
    /// Positions of the slots that take audio.
    pub audio: Vec<usize>,
    /// It wants no pictures at present.
    pub is_blind: bool,
    slots: usize,
}

/// Whom a viewer's slots are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A browser, or whoever speaks WebRTC to us.
    Browser,
    /// A publisher, by its key.
    Publisher(usize),
    /// A reader of our RTSP server, by its key.
    RtspReader(usize),
    /// Nobody: it has none, but brings the pictures of this source (`net/feeds`).
    #[cfg_attr(not(feature = "receive"), expect(dead_code, reason = "there are none"))]
    Feed(SourceId),
    /// A recording, by its key.
    #[cfg_attr(not(feature = "record"), expect(dead_code, reason = "nothing is recorded"))]
    Recording(usize),
    /// Nobody: it is a publisher of a room (`net/rooms`).
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    Guest,
    /// A viewer in a room that a stream of ours is published into.
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    RoomViewer,
}

/// A UDP socket of one peer.
pub(super) struct OwnSocket {
    pub socket: MediaSocket,
    pub token: Token,
}

impl ViewerLink {
    /// Queues a frame for the end of the turn.
    pub fn queue(&mut self, position: usize, egress: Egress) {
        if let Some(peer) = self.peer.as_mut().filter(|_| !self.is_blind) {
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
        if self.viewer_count() >= self.config.limits.viewers_max {
            return None;
        }
        Some(self.insert_viewer(now, client, Audience::Browser, streams))
    }

    /// Viewers at present, publishers, readers and recordings not counted.
    pub(super) fn viewer_count(&self) -> usize {
        self.viewers.values().filter(|viewer| viewer.audience == Audience::Browser).count()
    }

    pub(super) fn insert_viewer(
        &mut self,
        now: Instant,
        client: Option<usize>,
        audience: Audience,
        streams: &[Option<String>],
    ) -> ViewerId {
        let id = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        let viewer = ViewerLink {
            peer: None,
            client,
            whep_id: None,
            audience,
            own_socket: None,
            audio: Vec::new(),
            is_blind: false,
            slots: streams.len(),
        };
        self.viewers.insert(id, viewer);
        let sources: Vec<_> = streams
            .iter()
            .map(|name| name.as_deref().and_then(|name| self.hub.find(name)))
            .map(|source| (source, random_u64()))
            .collect();
        self.hub.add_viewer(now, id, sources.into_iter());
        id
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
            Peer::accept(now, options, identity, Entropy(entropy), sdp, slots, &viewer.audio)
        }));
        let (peer, answer) = accepted
            .map_err(|_| "the offer could not be handled".to_owned())?
            .map_err(|error| error.to_string())?;
        self.demux.remove(id);
        self.demux.insert(peer.ufrag(), id);
        let formats: Vec<_> = (0..slots).map(|position| peer.codecs(position)).collect();
        for position in viewer.audio.iter().filter(|_| HAS_AUDIO) {
            let (key, codecs) =
                (SlotKey { viewer: id, position: *position }, peer.audio_codecs(*position));
            if !codecs.is_empty() {
                self.hub.accept_audio(now, key, codecs, random_u64());
            }
        }
        let old = viewer.peer.replace(peer);
        if old.is_some() {
            self.close_ice_tcp_of(id);
        }
        self.dirty.viewers.insert(id);
        for (position, codecs) in formats.into_iter().enumerate() {
            self.hub.set_codecs(now, SlotKey { viewer: id, position }, codecs);
        }
        Ok(Answer { sdp: answer.sdp, candidates: answer.candidates })
    }

    /// What a stream's sound may be offered in.
    pub(super) fn audio_to_offer(&self, source: SourceId) -> Vec<AudioCodec> {
        let codec = self.intake(source).and_then(Intake::audio_codec);
        codec.filter(|codec| codec.is_for_browsers()).into_iter().collect()
    }

    /// An offer of ours was answered: its slot is heard, if that was taken.
    pub(super) fn begin_offered_audio(&mut self, now: Instant, id: ViewerId) {
        let Some(viewer) = self.viewers.get_mut(&id).filter(|_| HAS_AUDIO) else { return };
        let codecs = viewer.peer.as_ref().map(|peer| peer.audio_codecs(0)).unwrap_or_default();
        if !codecs.is_empty() && viewer.audio.is_empty() {
            viewer.audio = vec![0];
            let key = SlotKey { viewer: id, position: 0 };
            self.hub.accept_audio(now, key, codecs, random_u64());
        }
    }

    /// Audio of a source.
    pub(super) fn take_audio(&mut self, now: Instant, id: SourceId, frame: AudioFrame) {
        if HAS_AUDIO {
            self.record_audio(now, id, &frame);
            self.hub.handle_audio(now, id, frame);
        }
    }

    /// Queues a slot's audio for the end of the turn; a reader's is sent.
    pub(super) fn queue_audio(&mut self, now: Instant, key: SlotKey, egress: AudioEgress) {
        let viewer = self.viewers.get_mut(&key.viewer).filter(|_| HAS_AUDIO);
        let Some(viewer) = viewer else { return };
        if let Audience::RtspReader(reader) = viewer.audience {
            self.send_audio_to_reader(now, reader, &egress);
        } else if viewer.audio.contains(&key.position)
            && let Some(peer) = &mut viewer.peer
        {
            peer.queue_audio(key.position, egress);
            self.dirty.viewers.insert(key.viewer);
        }
    }

    /// What keeps a slot from carrying video, if anything does.
    pub(super) fn slot_error(&self, key: SlotKey) -> Option<SlotStatus> {
        let peer = self.viewers.get(&key.viewer)?.peer.as_ref()?;
        let error = peer.slot_error(key.position)?;
        let stream = self.hub.status(key)?.stream;
        let (status, error) = (Status::Error, Some(error.to_owned()));
        Some(SlotStatus { stream, instead_of: None, status, error })
    }

    /// Ends a viewer; its WebSocket, if any, goes on.
    pub(super) fn remove_viewer(&mut self, now: Instant, id: ViewerId) {
        self.with_peer(id, |peer, sink| peer.close(now, sink));
        let Some(viewer) = self.viewers.remove(&id) else { return };
        if let Some(OwnSocket { mut socket, token }) = viewer.own_socket {
            self.endpoints.try_remove(token.0);
            if let Err(error) = self.poll.registry().deregister(socket.source()) {
                log::debug!("deregister: {error}");
            }
        }
        self.demux.remove(id);
        self.close_ice_tcp_of(id);
        self.timers.set(Timer::Viewer(id), None);
        self.hub.remove_viewer(now, id);
        if let Audience::Feed(source) = viewer.audience {
            self.end_feed(now, id, source);
        }
        self.end_member(now, id);
    }

    /// Takes datagrams. True while there may be more.
    pub(super) fn receive_datagrams(&mut self, now: Instant) -> bool {
        // Answers must not be sent before all have been read: the socket is one.
        let mut datagrams = Vec::new();
        let mut more = true;
        for _ in 0..limits::UDP_BUDGET_BATCHES {
            let keep = |datagram: &Datagram<'_>| datagrams.push(Kept::of(datagram));
            more = self.media.receive(&mut self.inbox, keep);
            if !more {
                break;
            }
        }
        for kept in datagrams {
            self.handle_datagram(now, &kept.datagram());
        }
        more
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let Datagram { from, data, .. } = *datagram;
        let (id, is_new) = match self.demux.route(from, data) {
            Route::Known(id) => (id, false),
            Route::Claimed(id) => (id, true),
            Route::Unknown => return,
        };
        let Some(peer) = self.viewers.get_mut(&id).and_then(|viewer| viewer.peer.as_mut()) else {
            return;
        };
        if is_new {
            if !peer.accepts(now, datagram) {
                return;
            }
            self.demux.learn(from, id);
        }
        self.dirty.viewers.insert(id);
        if !self.with_peer(id, |peer, sink| peer.handle_datagram(now, datagram, sink)) {
            self.lose_viewer(now, id, EndReason::Failed);
        }
    }

    /// Takes datagrams of a publisher's socket. True while there may be more.
    pub(super) fn receive_own_datagrams(&mut self, now: Instant, publisher: usize) -> bool {
        let Some(id) = self.publishers.get(publisher).map(|publisher| publisher.viewer) else {
            return false;
        };
        let viewer = self.viewers.get_mut(&id);
        let Some(own) = viewer.and_then(|viewer| viewer.own_socket.as_mut()) else { return false };
        let mut datagrams = Vec::new();
        let keep = |datagram: &Datagram<'_>| datagrams.push(Kept::of(datagram));
        let more = own.socket.receive(&mut self.inbox, keep);
        self.dirty.viewers.insert(id);
        for kept in datagrams {
            let datagram = &kept.datagram();
            let is_sound = self.with_peer(id, |peer, sink| {
                if peer.accepts(now, datagram) {
                    peer.handle_datagram(now, datagram, sink);
                }
            });
            if !is_sound {
                self.lose_viewer(now, id, EndReason::Failed);
            }
        }
        more
    }

    pub(super) fn handle_viewer_timeout(&mut self, now: Instant, id: ViewerId) {
        self.dirty.viewers.insert(id);
        if !self.with_peer(id, |peer, sink| peer.handle_timeout(now, sink)) {
            self.lose_viewer(now, id, EndReason::Failed);
        }
    }

    /// Lets a viewer's peer, if it has one, do something; false if it panicked. A defect that
    /// one peer can trigger must not end the others.
    pub(super) fn with_peer(
        &mut self,
        id: ViewerId,
        act: impl FnOnce(&mut Peer, &mut Sink<'_>),
    ) -> bool {
        let Some(viewer) = self.viewers.get_mut(&id) else { return true };
        let Some(peer) = &mut viewer.peer else { return true };
        let is_own = viewer.own_socket.is_some();
        let mut ways = Ways {
            id,
            relays: &mut self.relays,
            ice_tcp: &mut self.ice_tcp,
            demux: &mut self.demux,
            is_full: self.peer_options.ice.is_full,
            socket: match &mut viewer.own_socket {
                Some(own) => &mut own.socket,
                None => &mut self.media,
            },
        };
        let is_sound = guard(|| act(peer, &mut ways));
        if is_own {
            ways.socket.flush();
        }
        is_sound
    }

    /// Sends what the matrix has queued for a viewer and takes its events.
    pub(super) fn pump_viewer(&mut self, now: Instant, id: ViewerId) {
        let flush = |peer: &mut Peer, sink: &mut Sink<'_>| {
            if peer.has_queued() {
                peer.flush(now, sink);
            }
        };
        if !self.with_peer(id, flush) {
            return self.lose_viewer(now, id, EndReason::Failed);
        }
        let feed_timeout = self.pump_feed(now, id).or_else(|| self.pump_member(now, id));
        let Some(peer) = self.viewers.get_mut(&id).and_then(|viewer| viewer.peer.as_mut()) else {
            return;
        };
        let mut events = Vec::new();
        while let Some(event) = peer.poll_event() {
            events.push(event);
        }
        let timeout = peer.poll_timeout();
        self.timers.set(Timer::Viewer(id), feed_timeout.into_iter().chain([timeout]).min());
        for event in events {
            self.handle_peer_event(now, id, event);
        }
    }

    fn handle_peer_event(&mut self, now: Instant, id: ViewerId, event: Event) {
        match event {
            Event::Connected => {
                let publisher = self.publisher_of(id);
                if publisher.is_none() {
                    log::info!("{} {}: connected", self.role(id), id.0);
                }
                // The first pictures leave before the session says that they are there.
                self.hub.handle_connected(now, id);
                self.take_hub_outputs(now);
                self.pump_viewer(now, id);
                if let Some(session) = self.session_of(id) {
                    session.handle_connected(now);
                }
                if let Some(key) = publisher {
                    self.handle_publisher_connected(now, key);
                }
                self.handle_member_connected(now, id);
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

    fn publisher_of(&self, id: ViewerId) -> Option<usize> {
        match self.viewers.get(&id)?.audience {
            Audience::Publisher(key) => Some(key),
            _ => None,
        }
    }

    /// What the log calls it.
    fn role(&self, id: ViewerId) -> &'static str {
        match self.viewers.get(&id).map(|viewer| viewer.audience) {
            Some(Audience::Feed(_) | Audience::Guest) => "publisher",
            _ => "viewer",
        }
    }

    pub(super) fn lose_viewer(&mut self, now: Instant, id: ViewerId, reason: EndReason) {
        if let Some(key) = self.publisher_of(id) {
            return self.handle_publisher_lost(now, key, reason);
        }
        log::info!("{} {}: {}", self.role(id), id.0, reason.as_str());
        if let Some(session) = self.session_of(id) {
            session.handle_lost(now);
        }
        self.remove_viewer(now, id);
    }
}

/// Runs what handles one peer; false if it panicked.
fn guard(act: impl FnOnce()) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    if outcome.is_err() {
        log::error!("a peer was dropped after a panic");
    }
    outcome.is_ok()
}
