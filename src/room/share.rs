//! One WebSocket for many: each stream of a room is watched by a worker, an ordinary
//! [`Room`] in a process of its own, and all of them speak by the WebSocket that is here. The
//! room is entered once. What comes is passed on by whose it is, unopened; what a worker says is
//! sent as it is, but for its join, which is answered from what is known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use serde_json::json;

use super::clear::Clear;
use super::crypto::{Secret, salt_of};
use super::limits;
use super::machine::Room;
use super::message::{To, Writing, text};
use super::options::{Flavour, Role, RoomOptions};
use super::output::{Event, Output};

/// One worker, ours to name; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkerKey(pub u64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareOutput {
    /// Open the WebSocket.
    Connect,
    /// Close it; nothing has to be told of it.
    Disconnect,
    /// Send this text on it.
    Send(String),
    /// Begin a worker for a stream.
    Begin {
        /// The worker.
        worker: WorkerKey,
        /// The stream's name, as people type it.
        stream: String,
    },
    /// End a worker for good.
    End {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker's WebSocket is open; it speaks there under this id.
    Open {
        /// Whose.
        worker: WorkerKey,
        /// For servers where clients name themselves.
        id: String,
    },
    /// It is closed.
    Close {
        /// Whose.
        worker: WorkerKey,
    },
    /// It has brought a text.
    Text {
        /// Whose.
        worker: WorkerKey,
        /// As it came.
        text: String,
    },
    /// Something to be told to people.
    Event(Event),
}

/// A room that is shared.
#[derive(Debug)]
pub struct Share {
    room: Room,
    secret: Secret,
    /// Streams by their ids on the wire, where not all are wanted.
    wanted: Option<BTreeSet<String>>,
    streams: BTreeMap<String, Shared>,
    /// Whose a session is: by its publisher's id and its own.
    sessions: BTreeMap<(String, String), String>,
    /// Candidates whose publisher's stream is not known yet.
    early: VecDeque<(Instant, String, String)>,
    last_worker: u64,
    outputs: VecDeque<ShareOutput>,
}

/// A stream and its worker.
#[derive(Debug)]
struct Shared {
    worker: WorkerKey,
    /// Who publishes it.
    owner: Option<String>,
    /// The worker wants its WebSocket open.
    is_wished: bool,
    /// The worker's WebSocket is open.
    is_open: bool,
    /// Media flow.
    is_flowing: bool,
    /// Since when it is neither there nor flows.
    away_since: Option<Instant>,
    /// What came for it before its WebSocket was open, offers first.
    held: VecDeque<String>,
    has_offer: bool,
}

impl Share {
    /// A room that is entered at once; `seed` is random.
    #[must_use]
    pub fn new(now: Instant, options: RoomOptions, seed: [u8; 32]) -> Self {
        let secret = Secret::new(&options.password, salt_of(&options.page_host));
        let wanted = match &options.role {
            Role::View(name) => Some(BTreeSet::from([secret.stream_id(name)])),
            Role::Watch(names) => Some(names.iter().map(|name| secret.stream_id(name)).collect()),
            Role::WatchAll | Role::Publish(_) | Role::Attend => None,
        };
        let viewed = match &options.role {
            // Asked for whether it is there or not.
            Role::View(name) if options.room.is_none() => Some(secret.stream_id(name)),
            _ => None,
        };
        let mut share = Self {
            room: Room::new(now, RoomOptions { role: Role::Attend, ..options }, seed),
            secret,
            wanted,
            streams: BTreeMap::new(),
            sessions: BTreeMap::new(),
            early: VecDeque::new(),
            last_worker: 0,
            outputs: VecDeque::new(),
        };
        if let Some(stream) = viewed {
            share.shared(&stream);
        }
        share.drain();
        share
    }

    /// Whether we are in.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.room.is_joined()
    }

    /// Which kind of server it is, once that is known.
    #[must_use]
    pub fn flavour(&self) -> Option<Flavour> {
        self.room.flavour
    }

    /// Leaves for good.
    pub fn stop(&mut self) {
        self.room.stop();
        self.drain();
        self.shut();
    }

    /// The WebSocket is open.
    pub fn handle_socket_open(&mut self, now: Instant) {
        self.room.handle_socket_open(now);
        self.drain();
    }

    /// The WebSocket could not be opened, or is closed with this code, if it has one.
    pub fn handle_socket_closed(&mut self, now: Instant, code: Option<u16>) {
        self.room.handle_socket_closed(now, code);
        self.drain();
        self.shut();
    }

    /// A text of the WebSocket.
    pub fn handle_socket_text(&mut self, now: Instant, text: &str) {
        let Some(clear) = Clear::parse(text) else { return };
        // Joins, and what the server says to us.
        self.room.handle_socket_text(now, text);
        if self.room.is_open() {
            self.route(now, clear, text);
        }
        self.drain();
    }

    /// A worker wants its WebSocket opened, or closed.
    pub fn handle_worker_wish(&mut self, worker: WorkerKey, is_wished: bool) {
        let Some((_, shared)) = self.of_worker(worker) else { return };
        shared.is_wished = is_wished;
        shared.is_open &= is_wished;
        self.open_wished();
    }

    /// A worker has this to send.
    pub fn handle_worker_text(&mut self, worker: WorkerKey, text: String) {
        let Some((id, shared)) = self.of_worker(worker) else { return };
        let (Some(clear), true) = (Clear::parse(&text), shared.is_open) else { return };
        match clear.request.as_deref() {
            Some("joinroom") => return self.welcome(&id),
            Some("play") if clear.stream.as_deref() == Some(&id) => {}
            None => {
                if let Some(session) = clear.uuid.zip(clear.session) {
                    self.note_session(session, &id);
                }
            }
            // It has nobody to speak for but its stream.
            Some(_) => return,
        }
        if self.room.is_open() {
            self.outputs.push_back(ShareOutput::Send(text));
        }
    }

    /// Media of a worker's stream flow, or do no more.
    pub fn handle_worker_media(&mut self, now: Instant, worker: WorkerKey, is_flowing: bool) {
        let Some((_, shared)) = self.of_worker(worker) else { return };
        shared.is_flowing = is_flowing;
        shared.away_since = if is_flowing { None } else { shared.away_since.or(Some(now)) };
    }

    /// A worker has ended by itself. Its publisher is told, as it can't say so any more: without
    /// a word the next one would not be offered anything before the connection times out.
    pub fn handle_worker_lost(&mut self, worker: WorkerKey) {
        let Some((id, shared)) = self.of_worker(worker) else { return };
        (shared.is_wished, shared.is_open, shared.is_flowing) = (false, false, false);
        shared.held.clear();
        shared.has_offer = false;
        for (uuid, session) in self.forget_sessions(&id) {
            let bye = Writing::bye(To { uuid: &uuid, session: &session });
            let text = self.room.named(bye).to_text();
            if self.room.is_open() {
                self.outputs.push_back(ShareOutput::Send(text));
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.room.handle_timeout(now);
        self.drain();
        while self.early.front().is_some_and(|(at, ..)| now >= *at + limits::EARLY_MAX_AGE) {
            self.early.pop_front();
        }
        let is_over = |shared: &Shared| shared.over_at().is_some_and(|at| at <= now);
        let over = self.streams.iter().filter(|(_, shared)| is_over(shared));
        for id in over.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.end(&id);
        }
    }

    /// When [`Share::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let over = self.streams.values().filter_map(Shared::over_at);
        over.chain(self.room.poll_timeout()).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ShareOutput> {
        self.outputs.pop_front()
    }

    fn of_worker(&mut self, worker: WorkerKey) -> Option<(String, &mut Shared)> {
        let mut streams = self.streams.iter_mut();
        let found = streams.find(|(_, shared)| shared.worker == worker);
        found.map(|(id, shared)| (id.clone(), shared))
    }

    /// Does what the room wants done.
    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Connect => self.outputs.push_back(ShareOutput::Connect),
                Output::Disconnect => {
                    self.outputs.push_back(ShareOutput::Disconnect);
                    self.shut();
                }
                Output::Send(text) => self.outputs.push_back(ShareOutput::Send(text)),
                Output::Event(event) => {
                    let is_joined = event == Event::Joined;
                    self.outputs.push_back(ShareOutput::Event(event));
                    if is_joined {
                        self.open_wished();
                    }
                }
                // It asks for nothing, so there are no peers.
                _ => {}
            }
        }
    }

    /// The WebSocket is gone, and with it that of every worker. Media flow on.
    fn shut(&mut self) {
        for shared in self.streams.values_mut() {
            shared.is_wished = false;
            shared.held.clear();
            shared.has_offer = false;
            if std::mem::take(&mut shared.is_open) {
                let worker = shared.worker;
                self.outputs.push_back(ShareOutput::Close { worker });
            }
        }
        self.early.clear();
    }

    fn open_wished(&mut self) {
        if !self.room.is_joined() {
            return;
        }
        let mut alone = Vec::new();
        for (stream, shared) in &mut self.streams {
            if shared.is_wished && !shared.is_open {
                shared.is_open = true;
                let (worker, id) = (shared.worker, self.room.own_id.clone());
                self.outputs.push_back(ShareOutput::Open { worker, id });
                alone.push(stream.clone());
            }
        }
        if self.room.room_id.is_none() {
            // There is no join to be answered.
            alone.iter().for_each(|stream| self.release(stream));
        }
    }

    /// Answers a worker's join: with what the server would say of its stream.
    fn welcome(&mut self, id: &str) {
        let Some(shared) = self.streams.get(id) else { return };
        let (worker, owner) = (shared.worker, shared.owner.as_deref());
        let told = if !self.room.is_custom() {
            let list: Vec<_> =
                owner.map(|owner| json!({ "UUID": owner, "streamID": id })).into_iter().collect();
            Some(text(&json!({ "request": "listing", "list": list })))
        } else {
            // Who has offered already would not do so again.
            owner.filter(|_| !shared.has_offer).map(|owner| {
                let seed = Writing::request("seed", id);
                seed.from(owner, self.room.room_id.as_deref()).to_text()
            })
        };
        if let Some(text) = told {
            self.outputs.push_back(ShareOutput::Text { worker, text });
        }
        self.release(id);
    }

    /// Passes on what was held for a stream.
    fn release(&mut self, id: &str) {
        let Some(shared) = self.streams.get_mut(id) else { return };
        shared.has_offer = false;
        let worker = shared.worker;
        let held = shared.held.drain(..).map(|text| ShareOutput::Text { worker, text });
        self.outputs.extend(held);
    }

    fn route(&mut self, now: Instant, clear: Clear, text: &str) {
        let Some(sender) = self.sender(&clear) else { return };
        match clear.request.as_deref() {
            Some("listing" | "transferred") => self.listed(now, &clear.listed),
            Some("videoaddedtoroom" | "seed" | "joinroom") => {
                if let Some(id) = clear.stream
                    && self.appeared(&id, &sender)
                {
                    self.deliver(&id, text, false);
                }
            }
            // For publishers, or for us.
            Some("someonejoined" | "offerSDP" | "play" | "alert" | "warn" | "error") => {}
            _ if matches!(clear.kind.as_deref(), Some("disconnect" | "leave")) => {
                for id in self.owned_by(&sender) {
                    self.deliver(&id, text, false);
                    self.went(now, &id);
                }
            }
            _ => self.route_peer(now, &sender, clear, text),
        }
    }

    /// Whose message it is; none where it is not for us.
    fn sender(&self, clear: &Clear) -> Option<String> {
        let is_left = matches!(clear.kind.as_deref(), Some("disconnect" | "leave"));
        let is_of_server = matches!(clear.request.as_deref(), Some("listing" | "transferred"));
        let Clear { uuid, from, room, .. } = clear;
        if is_of_server {
            return Some(String::new());
        }
        if is_left {
            return uuid.clone().or_else(|| from.clone());
        }
        if !self.room.is_custom() {
            return uuid.clone();
        }
        let own_id = self.room.own_id.as_str();
        let is_for_us = uuid.as_deref().is_none_or(|uuid| uuid == own_id);
        let is_here = room.is_none() || *room == self.room.room_id;
        from.clone().filter(|from| is_for_us && is_here && from != own_id)
    }

    /// A peer's message: an offer, candidates, a goodbye.
    fn route_peer(&mut self, now: Instant, sender: &str, clear: Clear, text: &str) {
        let session = clear.session.map(|session| (sender.to_owned(), session));
        let known = session.as_ref().and_then(|session| self.sessions.get(session)).cloned();
        if let Some(id) = known {
            return self.deliver(&id, text, clear.has_description);
        }
        if clear.has_description {
            let Some(id) = clear.stream.filter(|_| !clear.is_scene) else { return };
            let owner = self.streams.get(&id).and_then(|shared| shared.owner.as_deref());
            if owner.is_some_and(|owner| owner != sender) || !self.appeared(&id, sender) {
                return; // of another's stream, or of one that nobody wants
            }
            if let Some(session) = session {
                self.note_session(session, &id);
            }
            self.deliver(&id, text, true);
            let (own, others) = std::mem::take(&mut self.early)
                .into_iter()
                .partition::<VecDeque<_>, _>(|(_, uuid, _)| uuid == sender);
            self.early = others;
            own.iter().for_each(|(.., text)| self.deliver(&id, text, false));
            return;
        }
        let owned = self.owned_by(sender);
        if owned.is_empty() && clear.has_candidates {
            if self.early.len() >= limits::EARLY_CANDIDATES_MAX {
                self.early.pop_front();
            }
            self.early.push_back((now, sender.to_owned(), text.to_owned()));
        }
        owned.iter().for_each(|id| self.deliver(id, text, false));
    }

    fn owned_by(&self, uuid: &str) -> Vec<String> {
        let is_its = |shared: &Shared| shared.owner.as_deref() == Some(uuid);
        let owned = self.streams.iter().filter(|(_, shared)| is_its(shared));
        owned.map(|(id, _)| id.clone()).collect()
    }

    fn listed(&mut self, now: Instant, listed: &[(String, String)]) {
        let is_listed = |id: &String| listed.iter().any(|(_, stream)| stream == id);
        let gone = self.streams.keys().filter(|id| !is_listed(id)).cloned();
        gone.collect::<Vec<_>>().iter().for_each(|id| self.went(now, id));
        for (uuid, stream) in listed {
            if self.appeared(stream, uuid)
                && self.streams.get(stream).is_some_and(|shared| shared.is_open)
            {
                self.welcome(stream);
            }
        }
    }

    /// A stream's publisher is not there any more, as far as the server knows.
    fn went(&mut self, now: Instant, id: &str) {
        let Some(shared) = self.streams.get_mut(id) else { return };
        shared.owner = None;
        if !shared.is_flowing {
            shared.away_since = shared.away_since.or(Some(now));
        }
    }

    /// Notes that a stream is there, and whose it is. False where it is not wanted.
    fn appeared(&mut self, id: &str, uuid: &str) -> bool {
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(id)) {
            return false;
        }
        let Some(shared) = self.shared(id) else { return false };
        shared.owner = Some(uuid.to_owned());
        shared.away_since = None;
        true
    }

    /// The stream's entry; made, and a worker with it, where there is none and one more may be.
    fn shared(&mut self, id: &str) -> Option<&mut Shared> {
        if !self.streams.contains_key(id) {
            if self.streams.len() >= limits::WORKERS_MAX {
                let mut away = self.streams.iter().filter(|(_, shared)| !shared.is_flowing);
                let away = away.find(|(_, shared)| shared.away_since.is_some())?.0.clone();
                self.end(&away);
            }
            self.last_worker += 1;
            let worker = WorkerKey(self.last_worker);
            let shared = Shared {
                worker,
                owner: None,
                is_wished: false,
                is_open: false,
                is_flowing: false,
                away_since: None,
                held: VecDeque::new(),
                has_offer: false,
            };
            self.streams.insert(id.to_owned(), shared);
            let stream = self.secret.stream_name(id).to_owned();
            self.outputs.push_back(ShareOutput::Begin { worker, stream });
        }
        self.streams.get_mut(id)
    }

    fn end(&mut self, id: &str) {
        self.forget_sessions(id);
        if let Some(Shared { worker, .. }) = self.streams.remove(id) {
            self.outputs.push_back(ShareOutput::End { worker });
        }
    }

    fn deliver(&mut self, id: &str, text: &str, is_offer: bool) {
        let Some(shared) = self.streams.get_mut(id) else { return };
        let text = text.to_owned();
        if shared.is_open {
            let worker = shared.worker;
            self.outputs.push_back(ShareOutput::Text { worker, text });
        } else if shared.held.len() < limits::HELD_MESSAGES_MAX {
            shared.has_offer |= is_offer;
            shared.held.push_back(text);
        }
    }

    fn note_session(&mut self, session: (String, String), id: &str) {
        if self.sessions.len() >= limits::SHARED_SESSIONS_MAX
            && !self.sessions.contains_key(&session)
        {
            self.sessions.pop_first();
        }
        self.sessions.insert(session, id.to_owned());
    }

    fn forget_sessions(&mut self, id: &str) -> Vec<(String, String)> {
        let own = self.sessions.iter().filter(|(_, stream)| *stream == id);
        let own: Vec<_> = own.map(|(session, _)| session.clone()).collect();
        self.sessions.retain(|_, stream| stream != id);
        own
    }
}

impl Shared {
    fn over_at(&self) -> Option<Instant> {
        let since = self.away_since.filter(|_| !self.is_flowing)?;
        Some(since + limits::WORKER_AWAY_MAX)
    }
}
