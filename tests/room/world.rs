//! A whole room in virtual time: publishers and a watcher, each a machine, a server, and peer
//! connections of which only the ends are played.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crosspoint::room::{
    DataEvent, Event, Flavour, Output, Password, PeerEvent, PeerKey, Role, Room, RoomOptions,
};

use super::room_server::Server;

/// Who is in the room, by number; the watcher is 0.
pub type Person = usize;
/// One end of a peer connection: whose, in which of its lives, and its key there.
type End = (Life, PeerKey);
type Life = (Person, usize);

enum Happening {
    SocketOpen(u64),
    ToServer(u64, String),
    ToClient(u64, String),
    Peer(End, PeerEvent),
    Data(End, Option<String>),
}

/// A machine and its WebSocket.
pub struct Seat {
    pub room: Room,
    connection: Option<u64>,
    is_open: bool,
    /// Whether the server is to be had.
    pub is_online: bool,
}

pub struct World {
    pub now: Instant,
    flavour: Flavour,
    server: Server,
    seats: BTreeMap<Person, Seat>,
    queue: BTreeMap<(Instant, u64), Happening>,
    count: u64,
    random: u64,
    lives: BTreeMap<Person, usize>,
    links: BTreeMap<End, End>,
    /// Ends whose media arrive, at the watcher.
    connected: BTreeSet<End>,
    /// The watcher's peers: stream and session.
    pub watched: BTreeMap<PeerKey, (String, String)>,
    pub accepted: usize,
    sessions: BTreeSet<(String, String)>,
    pub events: Vec<Event>,
    next_media: Instant,
}

impl World {
    pub fn new(flavour: Flavour, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            flavour,
            server: Server::new(flavour),
            seats: BTreeMap::new(),
            queue: BTreeMap::new(),
            count: 0,
            random: seed,
            lives: BTreeMap::new(),
            links: BTreeMap::new(),
            connected: BTreeSet::new(),
            watched: BTreeMap::new(),
            accepted: 0,
            sessions: BTreeSet::new(),
            events: Vec::new(),
            next_media: now,
        }
    }

    /// A number below `most`.
    pub fn random(&mut self, most: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) % most
    }

    pub fn enter(&mut self, person: Person, role: Role) {
        // Half of them find out by themselves.
        let flavour = Some(self.flavour).filter(|_| person.is_multiple_of(2));
        let room = Some("studio".to_owned());
        let password = Password::Given("secret".to_owned());
        let options = RoomOptions { room, password, flavour, role, ..RoomOptions::default() };
        self.count += 1;
        *self.lives.entry(person).or_default() += 1;
        let mut seed = [u8::try_from(person).unwrap(); 32];
        seed[..8].copy_from_slice(&(self.random ^ self.count).to_be_bytes());
        let room = Room::new(self.now, options, seed);
        let seat = Seat { room, connection: None, is_open: false, is_online: true };
        self.seats.insert(person, seat);
        self.drain(person);
    }

    /// Leaves without a word to anybody: a crash.
    pub fn vanish(&mut self, person: Person) {
        self.close_socket(person);
        self.seats.remove(&person);
        let life = self.life(person);
        let ends: Vec<End> = self.links.keys().filter(|(who, _)| *who == life).copied().collect();
        ends.into_iter().for_each(|end| self.cut(end));
    }

    fn life(&self, person: Person) -> Life {
        (person, self.lives[&person])
    }

    /// Leaves as one should.
    pub fn leave(&mut self, person: Person) {
        if let Some(seat) = self.seats.get_mut(&person) {
            seat.room.stop();
            self.drain(person);
            self.vanish(person);
        }
    }

    pub fn drop_socket(&mut self, person: Person) {
        if self.close_socket(person) {
            let now = self.now;
            self.seats.get_mut(&person).unwrap().room.handle_socket_closed(now, Some(1006));
            self.drain(person);
        }
    }

    pub fn seat(&mut self, person: Person) -> &mut Seat {
        self.seats.get_mut(&person).unwrap()
    }

    pub fn is_here(&self, person: Person) -> bool {
        self.seats.contains_key(&person)
    }

    /// Streams whose media reach the watcher.
    pub fn flowing(&self) -> BTreeSet<String> {
        let flows = |peer: &PeerKey| self.connected.contains(&(self.life(0), *peer));
        self.watched.iter().filter(|(peer, _)| flows(peer)).map(|(_, it)| it.0.clone()).collect()
    }

    /// Streams that the watcher was told to be there.
    pub fn announced(&self) -> BTreeSet<String> {
        let mut there = BTreeSet::new();
        for event in &self.events {
            match event {
                Event::StreamAnnounced { stream } => there.insert(stream.clone()),
                Event::StreamGone { stream } => there.remove(stream),
                _ => false,
            };
        }
        there
    }

    fn close_socket(&mut self, person: Person) -> bool {
        let Some(seat) = self.seats.get_mut(&person) else { return false };
        let Some(connection) = seat.connection.take() else { return false };
        seat.is_open = false;
        self.server.close(connection);
        true
    }

    fn later(&mut self, happening: Happening) {
        let latency = Duration::from_millis(1 + self.random(40));
        self.at(self.now + latency, happening);
    }

    /// What comes from one place stays in its order.
    fn at(&mut self, at: Instant, happening: Happening) {
        let latest = self.queue.keys().next_back().map_or(at, |(latest, _)| *latest);
        let at = if latest < self.now + Duration::from_millis(60) { at.max(latest) } else { at };
        self.count += 1;
        self.queue.insert((at, self.count), happening);
    }

    pub fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let queued = self.queue.keys().next().map(|(at, _)| *at);
            let timers = self.seats.values().filter_map(|seat| seat.room.poll_timeout()).min();
            let next =
                queued.into_iter().chain(timers).chain([self.next_media, end]).min().unwrap();
            self.now = next.max(self.now);
            if self.next_media <= self.now {
                self.next_media = self.now + Duration::from_millis(500);
                let now = self.now;
                for ((person, _), peer) in self.connected.clone() {
                    if let Some(seat) = self.seats.get_mut(&person).filter(|_| person == 0) {
                        seat.room.handle_peer(now, peer, PeerEvent::Media);
                    }
                }
            }
            while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now) {
                let happening = entry.remove();
                self.happen(happening);
            }
            for person in self.seats.keys().copied().collect::<Vec<_>>() {
                let now = self.now;
                self.seat(person).room.handle_timeout(now);
                self.drain(person);
            }
        }
    }

    fn person_of(&self, connection: u64) -> Option<Person> {
        let is_its = |seat: &Seat| seat.connection == Some(connection);
        self.seats.iter().find(|(_, seat)| is_its(seat)).map(|(person, _)| *person)
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::SocketOpen(connection) => {
                let Some(person) = self.person_of(connection) else { return };
                let seat = self.seat(person);
                if !seat.is_online {
                    seat.connection = None;
                    seat.room.handle_socket_closed(now, None);
                } else {
                    seat.is_open = true;
                    seat.room.handle_socket_open(now);
                    self.server.open(connection);
                }
                self.drain(person);
            }
            Happening::ToServer(connection, text) => {
                self.server.text(connection, &text);
                while let Some((to, text)) = self.server.poll_output() {
                    self.later(Happening::ToClient(to, text));
                }
            }
            Happening::ToClient(connection, text) => {
                let Some(person) = self.person_of(connection) else { return };
                self.seat(person).room.handle_socket_text(now, &text);
                self.drain(person);
            }
            Happening::Peer(end, event) => {
                if event == PeerEvent::Connected {
                    let Some(other) = self.links.get(&end) else { return };
                    if !self.links.contains_key(other) {
                        return;
                    }
                    self.connected.insert(end);
                }
                let (life, peer) = end;
                let person = life.0;
                if self.life(person) != life || !self.is_here(person) {
                    return;
                }
                if event == PeerEvent::Ended {
                    self.links.remove(&end);
                    self.watched.retain(|key, _| person != 0 || *key != peer);
                }
                self.seat(person).room.handle_peer(now, peer, event);
                self.drain(person);
            }
            Happening::Data((life, peer), text) => {
                let person = life.0;
                if self.life(person) != life || !self.is_here(person) {
                    return;
                }
                let event = text.as_deref().map_or(DataEvent::Open, DataEvent::Text);
                self.seat(person).room.handle_data_channel(now, peer, event);
                self.drain(person);
            }
        }
    }

    /// One end is gone: the other notices by silence.
    fn cut(&mut self, end: End) {
        self.connected.remove(&end);
        let Some(other) = self.links.remove(&end) else { return };
        self.connected.remove(&other);
        let lost = self.now + Duration::from_secs(5);
        self.at(lost, Happening::Peer(other, PeerEvent::Disconnected));
        self.at(lost + Duration::from_secs(10), Happening::Peer(other, PeerEvent::Ended));
    }

    fn drain(&mut self, person: Person) {
        let now = self.now;
        while let Some(output) = self.seats.get_mut(&person).and_then(|s| s.room.poll_output()) {
            let connection = self.seats[&person].connection;
            match output {
                Output::Connect => {
                    self.count += 1;
                    let connection = self.count;
                    self.seat(person).connection = Some(connection);
                    self.later(Happening::SocketOpen(connection));
                }
                Output::Disconnect => {
                    self.close_socket(person);
                }
                Output::Send(text) => {
                    assert!(self.seats[&person].is_open, "sent on a closed WebSocket: {text}");
                    self.later(Happening::ToServer(connection.unwrap(), text));
                }
                Output::MakeOffer { peer } => {
                    let sdp = format!("offer {person} {} {}", self.lives[&person], peer.0);
                    self.seat(person).room.handle_peer(now, peer, PeerEvent::Description(sdp));
                }
                Output::Accept { peer, stream, session, sdp } => {
                    let is_alive = |(other, _): &(String, String)| *other == stream;
                    assert!(!self.watched.values().any(is_alive), "two peers of {stream}");
                    let is_new = self.sessions.insert((stream.clone(), session.clone()));
                    assert!(is_new, "{stream} {session} came twice");
                    self.watched.insert(peer, (stream, session));
                    self.accepted += 1;
                    self.links.insert((self.life(person), peer), end_of(&sdp));
                    let sdp = format!("answer {person} {} {}", self.lives[&person], peer.0);
                    self.seat(person).room.handle_peer(now, peer, PeerEvent::Description(sdp));
                }
                Output::Offer { .. } => panic!("nobody offers again here"),
                Output::Answer { peer, sdp } => {
                    let (own, other) = ((self.life(person), peer), end_of(&sdp));
                    self.links.insert(own, other);
                    for end in [own, other] {
                        let up = now + Duration::from_millis(100);
                        self.at(up, Happening::Peer(end, PeerEvent::Connected));
                        self.at(up, Happening::Data(end, None));
                    }
                }
                Output::SendData { peer, text } => {
                    if let Some(other) = self.links.get(&(self.life(person), peer)).copied() {
                        self.later(Happening::Data(other, Some(text)));
                    }
                }
                Output::Close { peer } => {
                    self.watched.retain(|key, _| person != 0 || *key != peer);
                    self.cut((self.life(person), peer));
                }
                Output::Event(event) if person == 0 => self.events.push(event),
                _ => {}
            }
        }
    }
}

/// Whose description it is.
fn end_of(sdp: &str) -> End {
    let numbers: Vec<usize> = sdp.split(' ').skip(1).map(|word| word.parse().unwrap()).collect();
    ((numbers[0], numbers[1]), PeerKey(numbers[2] as u64))
}
