//! The room as a whole: the WebSocket, who we are on it, and what comes in by it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::crypto::{Secret, salt_of};
use super::data::{self, Data};
use super::early::Early;
use super::limits;
use super::message::{self, Kind, Message, Refusal, Seal, Signal, Writing};
use super::options::{Flavour, Role, RoomOptions};
use super::output::{DataEvent, Event, Output, PeerEvent, PeerKey};
use super::publishing::Viewer;
use super::viewing::{Stream, Watched};

/// Letters and digits of our own id where clients name themselves.
const OWN_ID_CHARS: usize = 20;
/// What all our sessions begin with.
const LOAD_ID_CHARS: usize = 5;

/// One room, as a watcher or as a publisher.
#[derive(Debug)]
pub struct Room {
    pub(super) options: RoomOptions,
    pub(super) secret: Secret,
    /// Ids on the wire.
    pub(super) room_id: Option<String>,
    /// Of the stream that is published, or the one that is viewed.
    pub(super) own_stream: Option<String>,
    pub(super) flavour: Option<Flavour>,
    pub(super) own_id: String,
    pub(super) load_id: String,
    pub(super) chance: Chance,
    socket: Socket,
    failures: u32,
    has_seeded: bool,
    is_joined: bool,
    /// Whether a WebSocket was lost on which we were in: then a name that is taken may be by us.
    was_lost: bool,
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) watched: BTreeMap<PeerKey, Watched>,
    pub(super) viewers: BTreeMap<PeerKey, Viewer>,
    pub(super) early: Early,
    last_key: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Socket {
    Stopped,
    BackingOff { until: Instant },
    Connecting { give_up_at: Instant },
    Open { since: Instant },
}

/// The way that a peer's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Socket,
    Data(PeerKey),
}

impl Room {
    /// A room that is entered at once. `seed` is for ids, vectors and jitter: random, and
    /// another one for each room.
    #[must_use]
    pub fn new(now: Instant, options: RoomOptions, seed: [u8; 32]) -> Self {
        let secret = Secret::new(&options.password, salt_of(&options.page_host));
        let mut chance = Chance::new(seed);
        let own_stream = match &options.role {
            Role::View(stream) | Role::Publish(stream) => Some(secret.stream_id(stream)),
            Role::WatchAll | Role::Watch(_) | Role::Attend => None,
        };
        let mut room = Self {
            room_id: options.room.as_deref().map(|room| secret.room_id(room)),
            own_stream,
            flavour: options.flavour,
            own_id: chance.id(OWN_ID_CHARS),
            load_id: chance.id(LOAD_ID_CHARS),
            chance,
            socket: Socket::Stopped,
            failures: 0,
            has_seeded: false,
            is_joined: false,
            was_lost: false,
            streams: BTreeMap::new(),
            watched: BTreeMap::new(),
            viewers: BTreeMap::new(),
            early: Early::default(),
            last_key: 0,
            outputs: VecDeque::new(),
            options,
            secret,
        };
        room.connect(now);
        room
    }

    /// Whether we are in.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.is_joined
    }

    /// Whether nothing more will be tried.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.socket, Socket::Stopped)
    }

    /// Speaks under this id from here on, where clients name themselves: that of whoever has the
    /// WebSocket.
    pub fn set_id(&mut self, id: &str) {
        id.clone_into(&mut self.own_id);
    }

    /// Peers that were asked for and not closed.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.watched.len() + self.viewers.len()
    }

    /// Leaves for good, with a word to each peer.
    pub fn stop(&mut self) {
        if self.is_stopped() {
            return;
        }
        let keys: Vec<PeerKey> = self.watched.keys().chain(self.viewers.keys()).copied().collect();
        keys.into_iter().for_each(|key| self.hang_up(key));
        self.watched.clear();
        self.viewers.clear();
        self.streams.clear();
        self.early = Early::default();
        self.is_joined = false;
        self.socket = Socket::Stopped;
        self.push(Output::Disconnect);
    }

    /// The WebSocket is open.
    pub fn handle_socket_open(&mut self, now: Instant) {
        if !matches!(self.socket, Socket::Connecting { .. }) {
            return;
        }
        self.socket = Socket::Open { since: now };
        let is_custom = self.is_custom();
        if let Some(room) = &self.room_id {
            let from = is_custom.then_some(self.own_id.as_str());
            let stream = self.published().filter(|_| is_custom);
            let text = message::join(room, stream, from);
            self.push(Output::Send(text));
        }
        match self.options.role {
            Role::Publish(_) if self.room_id.is_none() => self.seed(),
            Role::View(_) => self.play_viewed(now),
            _ => {}
        }
        if is_custom || self.room_id.is_none() {
            // Nobody says so.
            self.joined();
        }
        self.play_again_after_rejoin(now);
    }

    /// The WebSocket could not be opened, or is closed with this code, if it has one.
    pub fn handle_socket_closed(&mut self, now: Instant, code: Option<u16>) {
        let least = match code {
            // Too many connections from one address.
            Some(503) => limits::BUSY_MIN,
            _ => Duration::ZERO,
        };
        match self.socket {
            Socket::Open { since } if now >= since + limits::STABLE_AFTER => self.failures = 0,
            Socket::Open { .. } | Socket::Connecting { .. } => {}
            Socket::Stopped | Socket::BackingOff { .. } => return,
        }
        self.was_lost |= self.is_joined;
        self.back_off(now, least);
    }

    /// A text of the WebSocket.
    pub fn handle_socket_text(&mut self, now: Instant, text: &str) {
        if !matches!(self.socket, Socket::Open { .. }) {
            return;
        }
        let Some(message) = Message::parse(text, &self.secret) else { return };
        self.learn_flavour(&message);
        let Message { uuid, from, room, session, signal, .. } = message;
        let sender = match (self.is_custom(), &signal) {
            (_, Signal::Notice(..)) => String::new(),
            (_, Signal::Left) => uuid.or(from).unwrap_or_default(),
            (false, _) => uuid.unwrap_or_default(),
            (true, _) => {
                let is_for_us = uuid.is_none_or(|uuid| uuid == self.own_id);
                let is_here = room.is_none() || room == self.room_id;
                match from.filter(|from| is_for_us && is_here && *from != self.own_id) {
                    Some(from) => from,
                    None => return,
                }
            }
        };
        self.handle_signal(now, sender, session, signal);
    }

    /// A peer's data channel.
    pub fn handle_data_channel(&mut self, now: Instant, peer: PeerKey, event: DataEvent<'_>) {
        let parsed = match event {
            DataEvent::Text(text) => match Data::parse(text, &self.secret) {
                Some(data) => Some(data),
                None => return,
            },
            DataEvent::Open | DataEvent::Closed => None,
        };
        let is_open = !matches!(event, DataEvent::Closed);
        if self.watched.contains_key(&peer) {
            match parsed {
                Some(data) => self.watched_data(now, peer, data),
                None => self.watched_channel(peer, is_open),
            }
        } else if self.viewers.contains_key(&peer) {
            match parsed {
                Some(data) => self.viewer_data(now, peer, data),
                None => self.viewer_channel(peer, is_open),
            }
        }
    }

    /// What became of a peer. Those that were closed are nobody any more.
    pub fn handle_peer(&mut self, now: Instant, peer: PeerKey, event: PeerEvent) {
        if self.watched.contains_key(&peer) {
            self.watched_peer(now, peer, event);
        } else if self.viewers.contains_key(&peer) {
            self.viewer_peer(now, peer, event);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.socket {
            Socket::BackingOff { until } if until <= now => self.connect(now),
            Socket::Connecting { give_up_at } if give_up_at <= now => {
                self.back_off(now, Duration::ZERO);
            }
            _ => {}
        }
        self.watching_timeout(now);
        self.viewers_timeout(now);
    }

    /// When [`Room::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let socket = match self.socket {
            Socket::BackingOff { until: at } | Socket::Connecting { give_up_at: at } => Some(at),
            Socket::Stopped | Socket::Open { .. } => None,
        };
        socket.into_iter().chain(self.watching_deadline()).chain(self.viewers_deadline()).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`Room::poll_output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    fn handle_signal(
        &mut self,
        now: Instant,
        sender: String,
        session: Option<String>,
        signal: Signal,
    ) {
        if sender.is_empty() && !matches!(signal, Signal::Listing(_) | Signal::Notice(..)) {
            return;
        }
        match signal {
            Signal::Listing(members) => {
                self.joined();
                if self.published().is_some() && !self.has_seeded {
                    self.seed();
                }
                self.listed(now, members);
            }
            Signal::Joined(stream) => {
                if let Some(stream) = stream {
                    self.announced(now, stream, sender.clone());
                }
                if self.is_custom() {
                    // Nobody else will tell the newcomer of us.
                    self.invite(now, sender);
                }
            }
            Signal::Announced(stream) => self.announced(now, stream, sender),
            Signal::Wanted(stream) => {
                if stream.is_none() || stream.as_deref() == self.own_stream.as_deref() {
                    self.invite(now, sender);
                }
            }
            Signal::Description(description) => {
                let Some(session) = session else { return };
                match description.kind {
                    Kind::Offer => self.offered(now, sender, session, description),
                    Kind::Answer => self.answered(now, &sender, &session, description.sdp),
                }
            }
            Signal::Candidates(candidates) => {
                let Some(session) = session else { return };
                self.candidates_came(now, sender, session, candidates);
            }
            Signal::Left => self.owner_left(&sender),
            Signal::Bye => self.owner_hung_up(now, &sender, session.as_deref()),
            Signal::Notice(refusal, words) => self.noticed(now, refusal, words),
            Signal::Other => {}
        }
    }

    fn noticed(&mut self, now: Instant, refusal: Refusal, words: String) {
        match refusal {
            Refusal::Other => self.push(Output::Event(Event::Notice(words))),
            Refusal::Taken if !self.was_lost => {
                self.push(Output::Event(Event::Refused(words)));
                self.stop();
            }
            Refusal::Taken | Refusal::IdTaken | Refusal::Busy => {
                self.push(Output::Event(Event::Notice(words)));
                if refusal == Refusal::IdTaken {
                    self.own_id = self.chance.id(OWN_ID_CHARS);
                }
                self.push(Output::Disconnect);
                let is_busy = refusal == Refusal::Busy;
                self.back_off(now, if is_busy { limits::BUSY_MIN } else { Duration::ZERO });
            }
        }
    }

    fn learn_flavour(&mut self, message: &Message) {
        if self.flavour.is_none() {
            // A description must be somebody's: without a name of its own the server gave it one.
            let is_peers = matches!(message.signal, Signal::Description(_) | Signal::Candidates(_));
            self.flavour = match &message.from {
                _ if message.is_assigning => Some(Flavour::Assigned),
                Some(_) => Some(Flavour::Custom),
                None => is_peers.then_some(Flavour::Assigned),
            };
        }
    }

    /// Unknown servers are spoken to as custom ones: others don't mind the keys they don't know.
    pub(super) fn is_custom(&self) -> bool {
        self.flavour != Some(Flavour::Assigned)
    }

    /// The id of the stream that we publish.
    pub(super) fn published(&self) -> Option<&str> {
        self.own_stream.as_deref().filter(|_| matches!(self.options.role, Role::Publish(_)))
    }

    fn seed(&mut self) {
        let Some(stream) = self.published().map(str::to_owned) else { return };
        self.has_seeded = true;
        self.request("seed", &stream);
    }

    fn joined(&mut self) {
        if !self.is_joined {
            self.is_joined = true;
            self.push(Output::Event(Event::Joined));
        }
    }

    fn connect(&mut self, now: Instant) {
        self.socket = Socket::Connecting { give_up_at: now + limits::CONNECT_TIMEOUT };
        self.push(Output::Connect);
    }

    fn back_off(&mut self, now: Instant, at_least: Duration) {
        if matches!(self.socket, Socket::Connecting { .. }) {
            self.push(Output::Disconnect);
        }
        if std::mem::take(&mut self.is_joined) {
            self.push(Output::Event(Event::Left));
        }
        self.has_seeded = false;
        let wait = self.growing(limits::BACKOFF_MIN, limits::BACKOFF_MAX, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.socket = Socket::BackingOff { until: now + wait.max(at_least) };
    }

    /// A wait that doubles with each failure, up to a quarter longer than it has to be.
    pub(super) fn growing(&mut self, least: Duration, most: Duration, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let wait = least.saturating_mul(factor).min(most);
        wait + wait.mul_f64(f64::from(self.chance.number()) / f64::from(u32::MAX) / 4.0)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.socket, Socket::Open { .. })
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn new_key(&mut self) -> PeerKey {
        self.last_key += 1;
        PeerKey(self.last_key)
    }

    /// Sends `play` or `seed`.
    pub(super) fn request(&mut self, request: &'static str, stream: &str) {
        let writing = Writing::request(request, stream);
        let text = self.named(writing).to_text();
        self.push(Output::Send(text));
    }

    /// Adds who we are, where nobody else does.
    pub(super) fn named<'a>(&'a self, writing: Writing<'a>) -> Writing<'a> {
        if !self.is_custom() {
            return writing;
        }
        writing.from(&self.own_id, self.room_id.as_deref())
    }

    /// Sends a peer's message on its way; it is lost where the WebSocket is the way and gone.
    pub(super) fn send<'w>(&mut self, way: Way, write: impl FnOnce(Seal<'_>) -> Writing<'w>) {
        let vector = self.chance.bytes();
        let writing = write(Seal { secret: &self.secret, vector });
        match way {
            Way::Data(peer) => {
                let text = writing.to_text();
                self.push(Output::SendData { peer, text });
            }
            Way::Socket if self.is_open() => {
                let text = self.named(writing).to_text();
                self.push(Output::Send(text));
            }
            Way::Socket => {}
        }
    }

    /// Ends a peer, with a word where there is a channel for it.
    pub(super) fn hang_up(&mut self, peer: PeerKey) {
        let watched = self.watched.get(&peer).is_some_and(|watched| watched.is_channel_open);
        let viewer = self.viewers.get(&peer).is_some_and(|viewer| viewer.is_channel_open);
        if watched || viewer {
            self.push(Output::SendData { peer, text: data::BYE.to_owned() });
        }
        self.push(Output::Close { peer });
    }
}
