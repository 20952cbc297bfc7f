//! The streams that are watched, and the peers that they come by: at most one a stream.

use std::collections::VecDeque;
use std::time::Instant;

use super::crypto::digest;
use super::data::{self, Data};
use super::early::Owner;
use super::limits;
use super::machine::{Room, Way};
use super::message::{Candidates, Description, Kind, Member, To, Writing};
use super::options::Role;
use super::output::{Event, Output, PeerEvent, PeerKey};

/// A stream that we want.
#[derive(Debug, Default)]
pub(super) struct Stream {
    name: String,
    /// Who publishes it; changes with each WebSocket where the server assigns ids.
    owner: Option<String>,
    is_present: bool,
    peer: Option<PeerKey>,
    play_at: Option<Instant>,
    played_at: Option<Instant>,
    /// `play` in a row without an offer.
    unanswered: u32,
    /// Peers in a row without media.
    failures: u32,
    held: Option<Held>,
    /// Sessions that are over, or that were refused.
    over: VecDeque<String>,
}

/// An offer that came while media of another session still flowed.
#[derive(Debug)]
struct Held {
    uuid: String,
    session: String,
    sdp: String,
    until: Instant,
}

/// A peer that we view.
#[derive(Debug)]
pub(super) struct Watched {
    /// The stream's id on the wire.
    stream: String,
    uuid: String,
    session: String,
    last_offer: [u8; 32],
    /// By which way our answer goes, while one is due.
    answer_by: Option<Way>,
    next_offer: Option<(String, Way)>,
    pub is_channel_open: bool,
    /// When it is given up if nothing happens.
    deadline: Option<Instant>,
    /// Since when its path is up.
    connected_at: Option<Instant>,
    media_at: Option<Instant>,
    /// Since when they flow.
    media_since: Option<Instant>,
}

impl Watched {
    fn is_live(&self, now: Instant) -> bool {
        self.silent_at().is_some_and(|at| now < at)
    }

    /// From when on its media does not count any more.
    fn silent_at(&self) -> Option<Instant> {
        self.media_at.map(|at| at + limits::MEDIA_SILENCE)
    }

    /// When it is given up: what is awaited does not happen, or its media have stopped.
    fn gives_up_at(&self) -> Option<Instant> {
        let silent = self.media_at.max(self.connected_at.filter(|_| self.media_at.is_some()));
        self.deadline.or(silent.map(|at| at + limits::MEDIA_GONE))
    }

    fn is_setting_up(&self) -> bool {
        self.deadline.is_some() && self.media_at.is_none()
    }
}

impl Room {
    fn wants(&self, id: &str) -> bool {
        if self.options.except.iter().any(|name| self.secret.stream_id(name) == id) {
            return false;
        }
        match &self.options.role {
            Role::WatchAll => true,
            Role::Watch(names) => names.iter().any(|name| self.secret.stream_id(name) == id),
            Role::View(_) => self.own_stream.as_deref() == Some(id),
            Role::Publish(_) | Role::Attend => false,
        }
    }

    /// The stream's entry, if we want it and there is room for it.
    fn entry(&mut self, id: &str) -> Option<&mut Stream> {
        if !self.streams.contains_key(id) {
            if !self.wants(id) {
                return None;
            }
            if self.streams.len() >= limits::STREAMS_MAX {
                let unused = |stream: &Stream| !stream.is_present && stream.peer.is_none();
                let gone = self.streams.iter().find(|(_, stream)| unused(stream));
                let gone = gone.map(|(id, _)| id.clone())?;
                self.streams.remove(&gone);
            }
            let name = self.secret.stream_name(id).to_owned();
            self.streams.insert(id.to_owned(), Stream { name, ..Stream::default() });
        }
        self.streams.get_mut(id)
    }

    fn is_live(&self, now: Instant, stream: &Stream) -> bool {
        let watched = stream.peer.and_then(|peer| self.watched.get(&peer));
        watched.is_some_and(|watched| watched.is_live(now))
    }

    /// Notes that a stream is there, and whose it is.
    fn appeared(&mut self, id: &str, uuid: String) -> bool {
        let Some(stream) = self.entry(id) else { return false };
        stream.owner = Some(uuid.clone());
        let peer = stream.peer;
        if !std::mem::replace(&mut stream.is_present, true) {
            let stream = stream.name.clone();
            self.push(Output::Event(Event::StreamAnnounced { stream }));
        }
        // The same session under its publisher's new id.
        if let Some(watched) = peer.and_then(|peer| self.watched.get_mut(&peer)) {
            watched.uuid = uuid;
        }
        true
    }

    pub(super) fn announced(&mut self, now: Instant, id: String, uuid: String) {
        let before = self.streams.get(&id).and_then(|stream| stream.owner.clone());
        let is_same_owner = before.is_some_and(|owner| owner == uuid);
        if !self.appeared(&id, uuid) {
            return;
        }
        let Some(stream) = self.streams.get(&id) else { return };
        let watched = stream.peer.and_then(|peer| self.watched.get(&peer));
        if is_same_owner && watched.is_some_and(Watched::is_setting_up) {
            return;
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.unanswered = 0;
            let spaced = stream.played_at.map(|at| at + limits::PLAY_SPACING);
            stream.play_at = Some(spaced.map_or(now, |at| at.max(now)));
        }
        self.play_due(now);
    }

    /// Who is in the room after a join: what is not, is gone unless it still flows.
    pub(super) fn listed(&mut self, now: Instant, members: Vec<Member>) {
        let is_listed = |id: &str| members.iter().any(|m| m.stream.as_deref() == Some(id));
        let ids: Vec<String> = self.streams.keys().filter(|id| !is_listed(id)).cloned().collect();
        for id in ids {
            let is_viewed = self.own_stream.as_deref() == Some(id.as_str());
            let is_alive = self.streams.get(&id).is_some_and(|stream| stream.peer.is_some());
            if !is_viewed && !is_alive {
                self.gone(&id);
            }
        }
        for Member { uuid, stream } in members {
            if let Some(stream) = stream {
                self.announced(now, stream, uuid);
            }
        }
    }

    /// Asks for the one stream that is viewed, whether it is there or not.
    pub(super) fn play_viewed(&mut self, now: Instant) {
        let Some(id) = self.own_stream.clone() else { return };
        let is_first = !self.streams.contains_key(&id);
        if let Some(stream) = self.entry(&id).filter(|_| is_first) {
            stream.play_at = Some(now);
        }
        self.play_due(now);
    }

    /// Asks again for what does not flow, once others had the time to offer by themselves.
    pub(super) fn play_again_after_rejoin(&mut self, now: Instant) {
        if self.is_custom() {
            // Nobody tells us who came back under a new name while we were away.
            self.streams.values_mut().for_each(|stream| stream.owner = None);
        }
        let idle: Vec<String> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.play_at.is_none() && stream.peer.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in idle {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.unanswered = 0;
                stream.play_at = Some(now + limits::REJOIN_GRACE);
            }
        }
    }

    fn play_due(&mut self, now: Instant) {
        if !self.is_open() {
            return;
        }
        let is_due = |stream: &Stream| stream.play_at.is_some_and(|at| at <= now);
        let due = self.streams.iter().filter(|(_, stream)| is_due(stream));
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            let Some(stream) = self.streams.get(&id) else { continue };
            let is_live = self.is_live(now, stream);
            let (unanswered, failures) = (stream.unanswered, stream.failures);
            if is_live || unanswered >= limits::PLAYS_MAX {
                let is_gone = !is_live && stream.peer.is_none();
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.play_at = None;
                }
                if is_gone {
                    self.gone(&id);
                }
                continue;
            }
            self.request("play", &id);
            let (least, most) = (limits::PLAY_RETRY_MIN, limits::PLAY_RETRY_MAX);
            let wait = self.growing(least, most, failures.max(unanswered));
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.unanswered += 1;
                stream.played_at = Some(now);
                stream.play_at = Some(now + wait);
            }
        }
    }

    /// Nothing is to be had of it until it is announced again.
    fn gone(&mut self, id: &str) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.play_at = None;
        stream.owner = None;
        stream.held = None;
        if std::mem::take(&mut stream.is_present) {
            let stream = stream.name.clone();
            self.push(Output::Event(Event::StreamGone { stream }));
        }
    }

    /// Its publisher's WebSocket is gone, which says nothing of its media.
    pub(super) fn owner_left(&mut self, uuid: &str) {
        let is_its = |stream: &Stream| stream.owner.as_deref() == Some(uuid);
        let left = self.streams.iter().filter(|(_, stream)| is_its(stream));
        let left: Vec<(String, bool)> =
            left.map(|(id, stream)| (id.clone(), stream.peer.is_some())).collect();
        for (id, is_alive) in left {
            match self.streams.get_mut(&id).filter(|_| is_alive) {
                Some(stream) => stream.play_at = None,
                None => self.gone(&id),
            }
        }
    }

    /// A goodbye on the WebSocket.
    pub(super) fn owner_hung_up(&mut self, now: Instant, uuid: &str, session: Option<&str>) {
        let is_its = |watched: &Watched| {
            watched.uuid == uuid && session.is_none_or(|session| session == watched.session)
        };
        let watched = self.watched.iter().filter(|(_, watched)| is_its(watched));
        let peers: Vec<PeerKey> = watched.map(|(key, _)| *key).collect();
        peers.into_iter().for_each(|peer| self.said_bye(now, peer));
        self.viewer_left(uuid, session);
    }

    /// An offer by WebSocket.
    pub(super) fn offered(
        &mut self,
        now: Instant,
        uuid: String,
        session: String,
        offer: Description,
    ) {
        let is_it = |watched: &Watched| watched.session == session && watched.uuid == uuid;
        let known = self.watched.iter().find(|(_, watched)| is_it(watched)).map(|(key, _)| *key);
        if let Some(peer) = known {
            return self.offered_again(peer, offer.sdp, Way::Socket);
        }
        // Scene viewers have nothing to show.
        let Some(id) = offer.stream.filter(|_| !offer.is_scene) else { return };
        let stream = self.streams.get(&id);
        let is_viewed = self.own_stream.as_deref() == Some(id.as_str());
        let may_come = match stream.and_then(|stream| stream.owner.as_ref()) {
            Some(owner) => *owner == uuid,
            // A custom server says nothing of who was there before us: they offer by themselves.
            // The others remember what we asked for.
            None => is_viewed || self.is_custom() || stream.is_some(),
        };
        // Nor does a session come twice, whoever says that it is his.
        let peer = stream.and_then(|stream| stream.peer).and_then(|peer| self.watched.get(&peer));
        let is_over = peer.is_some_and(|watched| watched.session == session)
            || stream.is_some_and(|stream| stream.over.contains(&session));
        if !may_come || is_over || !self.appeared(&id, uuid.clone()) {
            return;
        }
        let Some(stream) = self.streams.get(&id) else { return };
        let is_live = self.is_live(now, stream);
        let replaced = stream.peer.filter(|_| !is_live);
        let held = Held { uuid, session, sdp: offer.sdp, until: now + limits::HELD_MAX };
        if let Some(peer) = replaced {
            self.forget(peer);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.held = Some(held);
        if !is_live {
            self.accept_held(now, &id);
        }
    }

    fn accept_held(&mut self, now: Instant, id: &str) {
        let peer = self.new_key();
        let Some(stream) = self.streams.get_mut(id) else { return };
        let Some(Held { uuid, session, sdp, .. }) = stream.held.take() else { return };
        stream.peer = Some(peer);
        stream.play_at = None;
        stream.unanswered = 0;
        let name = stream.name.clone();
        let watched = Watched {
            stream: id.to_owned(),
            uuid: uuid.clone(),
            session: session.clone(),
            last_offer: digest(&sdp),
            answer_by: Some(Way::Socket),
            next_offer: None,
            is_channel_open: false,
            deadline: Some(now + limits::SETUP_TIMEOUT),
            connected_at: None,
            media_at: None,
            media_since: None,
        };
        self.watched.insert(peer, watched);
        self.push(Output::Accept { peer, stream: name, session: session.clone(), sdp });
        let owner = Owner { uuid, session, is_offerer: true };
        for candidate in self.early.take(now, &owner) {
            self.push(Output::AddCandidate { peer, candidate });
        }
    }

    fn offered_again(&mut self, peer: PeerKey, sdp: String, way: Way) {
        let Some(watched) = self.watched.get_mut(&peer) else { return };
        let fingerprint = digest(&sdp);
        if watched.last_offer == fingerprint {
            return;
        }
        watched.last_offer = fingerprint;
        if watched.answer_by.is_some() {
            watched.next_offer = Some((sdp, way));
            return;
        }
        watched.answer_by = Some(way);
        self.push(Output::Offer { peer, sdp });
    }

    /// Candidates by WebSocket, for a peer of either kind.
    pub(super) fn candidates_came(
        &mut self,
        now: Instant,
        uuid: String,
        session: String,
        came: Candidates,
    ) {
        let is_publisher = self.published().is_some();
        let is_offerer = came.is_offerer.unwrap_or(!is_publisher);
        let peer = match is_offerer {
            true => {
                let is_it = |w: &Watched| w.session == session && w.uuid == uuid;
                self.watched.iter().find(|(_, watched)| is_it(watched)).map(|(key, _)| *key)
            }
            false => self.answered_viewer(&uuid, &session),
        };
        match peer {
            Some(peer) => self.add_candidates(peer, came.candidates),
            // A side that never comes to anything: nobody's.
            None if is_offerer == is_publisher => {}
            None => {
                self.early.keep(now, Owner { uuid, session, is_offerer }, came.candidates);
            }
        }
    }

    pub(super) fn add_candidates(&mut self, peer: PeerKey, candidates: Vec<String>) {
        for candidate in candidates {
            self.push(Output::AddCandidate { peer, candidate });
        }
    }

    pub(super) fn watched_channel(&mut self, peer: PeerKey, is_open: bool) {
        let Some(watched) = self.watched.get_mut(&peer) else { return };
        let was_open = std::mem::replace(&mut watched.is_channel_open, is_open);
        if is_open && !was_open {
            let options = &self.options;
            let text = data::wishes(options.audio, options.video, &options.label);
            self.push(Output::SendData { peer, text });
        }
    }

    pub(super) fn watched_data(&mut self, now: Instant, peer: PeerKey, data: Data) {
        let Some(watched) = self.watched.get(&peer) else { return };
        let is_of_session = data.session.as_deref().is_none_or(|it| it == watched.session);
        if let Some(offer) = data.description.filter(|it| is_of_session && it.kind == Kind::Offer) {
            self.offered_again(peer, offer.sdp, Way::Data(peer));
        }
        let came = data.candidates.filter(|_| is_of_session);
        if let Some(came) = came.filter(|came| came.is_offerer != Some(false)) {
            self.add_candidates(peer, came.candidates);
        }
        if let Some(ping) = data.ping {
            self.push(Output::SendData { peer, text: data::pong(&ping) });
        }
        if data.bye {
            self.said_bye(now, peer);
        }
    }

    pub(super) fn watched_peer(&mut self, now: Instant, peer: PeerKey, event: PeerEvent) {
        let Some(watched) = self.watched.get_mut(&peer) else { return };
        match event {
            PeerEvent::Description(sdp) => {
                let Some(way) = watched.answer_by.take() else { return };
                let next = watched.next_offer.take();
                let (uuid, session) = (watched.uuid.clone(), watched.session.clone());
                // The channel that the offer came by may be gone.
                let way = if watched.is_channel_open { way } else { Way::Socket };
                if let Some((sdp, way)) = &next {
                    watched.answer_by = Some(*way);
                    watched.last_offer = digest(sdp);
                }
                let to = To { uuid: &uuid, session: &session };
                self.send(way, |seal| Writing::answer(to, &sdp, seal));
                if let Some((sdp, _)) = next {
                    self.push(Output::Offer { peer, sdp });
                }
            }
            PeerEvent::Candidates(candidates) => {
                if candidates.is_empty() {
                    return;
                }
                let way = if watched.is_channel_open { Way::Data(peer) } else { Way::Socket };
                let (uuid, session) = (watched.uuid.clone(), watched.session.clone());
                let to = To { uuid: &uuid, session: &session };
                self.send(way, |seal| Writing::candidates(to, false, &candidates, seal));
            }
            PeerEvent::Connected => {
                watched.deadline = None;
                watched.connected_at = Some(now);
            }
            PeerEvent::Disconnected => watched.deadline = Some(now + limits::LOST_GRACE),
            PeerEvent::Media => {
                watched.media_at = Some(now);
                let since = *watched.media_since.get_or_insert(now);
                let stream = watched.stream.clone();
                if let Some(stream) = self.streams.get_mut(&stream)
                    && now >= since + limits::MEDIA_STABLE
                {
                    stream.failures = 0;
                }
            }
            PeerEvent::Ended => self.lost(now, peer, false),
        }
    }

    fn said_bye(&mut self, now: Instant, peer: PeerKey) {
        let Some(id) = self.forget(peer) else { return };
        match self.streams.get(&id).is_some_and(|stream| stream.held.is_some()) {
            true => self.accept_held(now, &id),
            false => self.gone(&id),
        }
    }

    /// A peer ended without a goodbye: perhaps its stream is still to be had.
    fn lost(&mut self, now: Instant, peer: PeerKey, is_open: bool) {
        let id = if is_open { self.forget(peer) } else { self.forget_closed(peer) };
        let Some(id) = id else { return };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let failures = stream.failures;
        stream.failures = failures.saturating_add(1);
        if stream.held.is_some() {
            return self.accept_held(now, &id);
        }
        let wait = self.growing(limits::PLAY_RETRY_MIN, limits::PLAY_RETRY_MAX, failures);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.unanswered = 0;
            stream.play_at = Some(now + wait);
        }
    }

    /// Ends a peer; which stream's it was.
    fn forget(&mut self, peer: PeerKey) -> Option<String> {
        if self.watched.contains_key(&peer) {
            self.hang_up(peer);
        }
        self.forget_closed(peer)
    }

    fn forget_closed(&mut self, peer: PeerKey) -> Option<String> {
        let Watched { stream: id, session, .. } = self.watched.remove(&peer)?;
        let stream = self.streams.get_mut(&id)?;
        stream.peer = None;
        if stream.over.len() >= limits::SESSIONS_REMEMBERED {
            stream.over.pop_front();
        }
        stream.over.push_back(session);
        Some(id)
    }

    pub(super) fn watching_timeout(&mut self, now: Instant) {
        let is_late = |watched: &Watched| watched.gives_up_at().is_some_and(|at| at <= now);
        let late = self.watched.iter().filter(|(_, watched)| is_late(watched));
        let late: Vec<PeerKey> = late.map(|(peer, _)| *peer).collect();
        late.into_iter().for_each(|peer| self.lost(now, peer, true));
        let held = self.streams.iter().filter(|(_, stream)| stream.held.is_some());
        let held: Vec<(String, bool)> =
            held.map(|(id, stream)| (id.clone(), self.is_live(now, stream))).collect();
        for (id, is_live) in held {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if is_live {
                let is_over = stream.held.as_ref().is_some_and(|held| held.until <= now);
                stream.held.take_if(|_| is_over);
                continue;
            }
            if let Some(peer) = stream.peer {
                self.forget(peer);
            }
            self.accept_held(now, &id);
        }
        self.play_due(now);
    }

    pub(super) fn watching_deadline(&self) -> Option<Instant> {
        let peers = self.watched.values().filter_map(Watched::gives_up_at);
        let plays = self.streams.values().filter_map(|stream| stream.play_at);
        let plays = plays.filter(|_| self.is_open());
        let held = self.streams.values().filter_map(|stream| {
            let until = stream.held.as_ref()?.until;
            let watched = stream.peer.and_then(|peer| self.watched.get(&peer));
            let silent_at = watched.and_then(Watched::silent_at);
            Some(silent_at.map_or(until, |at| at.min(until)))
        });
        peers.chain(plays).chain(held).min()
    }
}
