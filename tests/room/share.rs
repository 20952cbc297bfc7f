//! One WebSocket for many: each stream of a room has a worker of its own, and none hears more
//! than it has to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crosspoint::room::limits::{WORKER_AWAY_MAX, WORKERS_MAX};
use crosspoint::room::{
    Event, Flavour, Output, Password, PeerEvent, PeerKey, Role, Room, RoomOptions, Share,
    ShareOutput, WorkerKey,
};
use serde_json::{Value, json};

use super::room_server::Server;

const SHARE: u64 = 0;

/// A share with its workers, publishers, and a server between them.
struct House {
    now: Instant,
    flavour: Flavour,
    server: Server,
    share: Share,
    /// The share does not do anything yet.
    is_late: bool,
    workers: BTreeMap<WorkerKey, Worker>,
    publishers: BTreeMap<u64, Room>,
    /// What was offered to which worker.
    accepted: Vec<(WorkerKey, String, String)>,
    /// Publishers whose offer was answered.
    answered: BTreeSet<u64>,
    /// WebSockets of the share.
    opened: usize,
    sent: Vec<String>,
    events: Vec<Event>,
}

struct Worker {
    stream: String,
    /// None while its process is not there.
    room: Option<Room>,
}

fn options(flavour: Flavour, role: Role) -> RoomOptions {
    let password = Password::Given("secret".to_owned());
    let (room, flavour) = (Some("studio".to_owned()), Some(flavour));
    RoomOptions { room, password, flavour, role, ..RoomOptions::default() }
}

impl House {
    fn new(flavour: Flavour) -> Self {
        let now = Instant::now();
        let share = Share::new(now, options(flavour, Role::WatchAll), [1; 32]);
        Self {
            now,
            flavour,
            server: Server::new(flavour),
            share,
            is_late: false,
            workers: BTreeMap::new(),
            publishers: BTreeMap::new(),
            accepted: Vec::new(),
            answered: BTreeSet::new(),
            opened: 0,
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    fn publish(&mut self, number: u64, name: &str) {
        let role = Role::Publish(name.to_owned());
        let room = Room::new(
            self.now,
            options(self.flavour, role),
            [50 + u8::try_from(number).unwrap(); 32],
        );
        self.publishers.insert(number, room);
        self.settle();
    }

    fn begin(&mut self, worker: WorkerKey) {
        let seed = [100 + u8::try_from(worker.0).unwrap(); 32];
        let room = Room::new(self.now, options(self.flavour, Role::WatchAll), seed);
        self.workers.get_mut(&worker).unwrap().room = Some(room);
        self.settle();
    }

    fn begin_all(&mut self) {
        let keys: Vec<WorkerKey> = self.workers.keys().copied().collect();
        keys.into_iter().for_each(|key| self.begin(key));
    }

    fn crash(&mut self, worker: WorkerKey) {
        self.workers.get_mut(&worker).unwrap().room = None;
        self.share.handle_worker_lost(worker);
        self.settle();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(500);
            self.share.handle_timeout(self.now);
            let now = self.now;
            self.workers.values_mut().filter_map(|worker| worker.room.as_mut()).for_each(|room| {
                room.handle_timeout(now);
            });
            self.publishers.values_mut().for_each(|room| room.handle_timeout(now));
            self.settle();
        }
    }

    fn worker_of(&self, stream: &str) -> WorkerKey {
        *self.workers.iter().find(|(_, worker)| worker.stream == stream).unwrap().0
    }

    fn settle(&mut self) {
        let now = self.now;
        loop {
            let mut is_quiet = true;
            while let Some(output) = self.poll_share() {
                is_quiet = false;
                self.handle_share(output);
            }
            for key in self.workers.keys().copied().collect::<Vec<_>>() {
                while let Some(output) = self.poll_worker(key) {
                    is_quiet = false;
                    self.handle_worker(key, output);
                }
            }
            for number in self.publishers.keys().copied().collect::<Vec<_>>() {
                let room = self.publishers.get_mut(&number).unwrap();
                while let Some(output) = room.poll_output() {
                    is_quiet = false;
                    match output {
                        Output::Connect => {
                            self.server.open(number);
                            room.handle_socket_open(now);
                        }
                        Output::Send(text) => self.server.text(number, &text),
                        Output::MakeOffer { peer } => {
                            let sdp = format!("offer of {number}, {}", peer.0);
                            room.handle_peer(now, peer, PeerEvent::Description(sdp));
                        }
                        Output::Answer { .. } => {
                            self.answered.insert(number);
                        }
                        _ => {}
                    }
                }
            }
            while let Some((to, text)) = self.server.poll_output() {
                is_quiet = false;
                match self.publishers.get_mut(&to) {
                    Some(room) => room.handle_socket_text(now, &text),
                    None => self.share.handle_socket_text(now, &text),
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn poll_share(&mut self) -> Option<ShareOutput> {
        if self.is_late { None } else { self.share.poll_output() }
    }

    fn poll_worker(&mut self, key: WorkerKey) -> Option<Output> {
        self.workers.get_mut(&key)?.room.as_mut()?.poll_output()
    }

    fn room(&mut self, worker: WorkerKey) -> Option<&mut Room> {
        self.workers.get_mut(&worker)?.room.as_mut()
    }

    fn handle_share(&mut self, output: ShareOutput) {
        let now = self.now;
        match output {
            ShareOutput::Connect => {
                self.opened += 1;
                self.server.open(SHARE);
                self.share.handle_socket_open(now);
            }
            ShareOutput::Disconnect => self.server.close(SHARE),
            ShareOutput::Send(text) => {
                self.server.text(SHARE, &text);
                self.sent.push(text);
            }
            ShareOutput::Begin { worker, stream } => {
                self.workers.insert(worker, Worker { stream, room: None });
            }
            ShareOutput::End { worker } => drop(self.workers.remove(&worker)),
            ShareOutput::Open { worker, id } => {
                if let Some(room) = self.room(worker) {
                    room.set_id(&id);
                    room.handle_socket_open(now);
                }
            }
            ShareOutput::Close { worker } => {
                if let Some(room) = self.room(worker) {
                    room.handle_socket_closed(now, None);
                }
            }
            ShareOutput::Text { worker, text } => {
                if let Some(room) = self.room(worker) {
                    room.handle_socket_text(now, &text);
                }
            }
            ShareOutput::Event(event) => self.events.push(event),
        }
    }

    fn handle_worker(&mut self, key: WorkerKey, output: Output) {
        match output {
            Output::Connect => self.share.handle_worker_wish(key, true),
            Output::Disconnect => self.share.handle_worker_wish(key, false),
            Output::Send(text) => self.share.handle_worker_text(key, text),
            Output::Accept { peer, stream, sdp, .. } => {
                self.accepted.push((key, stream, sdp));
                let answer = PeerEvent::Description(format!("answer of {}", key.0));
                let room = self.workers.get_mut(&key).unwrap().room.as_mut().unwrap();
                room.handle_peer(self.now, peer, answer);
            }
            _ => {}
        }
    }

    fn requests(&self, request: &str) -> usize {
        let is_it = |text: &&String| {
            serde_json::from_str::<Value>(text).unwrap()["request"].as_str() == Some(request)
        };
        self.sent.iter().filter(is_it).count()
    }
}

fn both(act: impl Fn(Flavour)) {
    [Flavour::Assigned, Flavour::Custom].into_iter().for_each(act);
}

#[test]
fn each_stream_is_offered_to_its_own_worker_and_the_room_is_entered_once() {
    both(|flavour| {
        let mut house = House::new(flavour);
        house.publish(1, "ann");
        house.settle();
        house.publish(2, "bob");
        // Those that are there before their workers, and one that comes later.
        house.begin_all();
        house.publish(3, "eve");
        house.begin(house.worker_of("eve"));
        house.wait(Duration::from_secs(3));
        let mut accepted: Vec<_> = house
            .accepted
            .iter()
            .map(|(key, stream, _)| {
                assert_eq!(house.workers[key].stream, *stream, "{flavour:?}");
                stream.as_str()
            })
            .collect();
        accepted.sort_unstable();
        assert_eq!(accepted, ["ann", "bob", "eve"], "{flavour:?}");
        assert_eq!((house.opened, house.requests("joinroom")), (1, 1), "{flavour:?}");
        assert!(house.events.contains(&Event::Joined));
        assert_eq!(house.answered, [1, 2, 3].into(), "{flavour:?}: the answers found their way");
    });
}

#[test]
fn an_offer_waits_for_its_worker_to_begin() {
    both(|flavour| {
        let mut house = House::new(flavour);
        house.is_late = true;
        house.publish(1, "ann");
        house.is_late = false;
        house.settle();
        house.wait(Duration::from_secs(2));
        assert!(house.accepted.is_empty());
        house.begin_all();
        assert_eq!(house.accepted.len(), 1, "{flavour:?}");
        // Who has offered by itself is not asked.
        let asked = usize::from(flavour == Flavour::Assigned);
        assert_eq!(house.requests("play"), asked, "{flavour:?}");
    });
}

#[test]
fn a_worker_that_crashes_is_offered_its_stream_again_and_the_others_hear_nothing() {
    both(|flavour| {
        let mut house = House::new(flavour);
        house.publish(1, "ann");
        house.publish(2, "bob");
        house.begin_all();
        let before = house.accepted.len();
        assert_eq!(before, 2, "{flavour:?}");
        let bob = house.worker_of("bob");
        house.crash(bob);
        let byes = house.sent.iter().filter(|text| text.contains("\"bye\":true")).count();
        assert_eq!(byes, 1, "{flavour:?}: the publisher is told");
        house.wait(Duration::from_secs(5));
        house.begin(bob);
        house.wait(Duration::from_secs(10));
        let again: Vec<_> = house.accepted[before..].iter().map(|it| it.1.as_str()).collect();
        assert_eq!(again, ["bob"], "{flavour:?}");
    });
}

#[test]
fn a_websocket_that_is_lost_is_opened_once_for_all_and_what_flows_goes_on() {
    both(|flavour| {
        let mut house = House::new(flavour);
        house.publish(1, "ann");
        house.publish(2, "bob");
        house.begin_all();
        for key in [house.worker_of("ann"), house.worker_of("bob")] {
            house.share.handle_worker_media(house.now, key, true);
            let room = house.workers.get_mut(&key).unwrap().room.as_mut().unwrap();
            room.handle_peer(house.now, PeerKey(1), PeerEvent::Connected);
        }
        house.server.close(SHARE);
        house.share.handle_socket_closed(house.now, Some(1006));
        house.settle();
        assert!(!house.share.is_joined());
        for _ in 0..20 {
            house.wait(Duration::from_millis(500));
            for worker in house.workers.values_mut() {
                let room = worker.room.as_mut().unwrap();
                room.handle_peer(house.now, PeerKey(1), PeerEvent::Media);
            }
        }
        assert!(house.share.is_joined());
        assert_eq!((house.opened, house.requests("joinroom")), (2, 2), "{flavour:?}");
        assert!(house.workers.values().all(|it| it.room.as_ref().unwrap().is_joined()));
        assert_eq!(house.accepted.len(), 2, "{flavour:?}");
    });
}

#[test]
fn what_strangers_say_reaches_nobody() {
    let mut house = House::new(Flavour::Custom);
    house.publish(1, "ann");
    house.begin_all();
    let id = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let join = id(&house.sent[0]);
    let (own, room) = (join["from"].clone(), join["roomid"].clone());
    let stream = "annbd2b1a";
    let count = house.accepted.len();
    for strange in [
        json!({"UUID": "else", "from": "x", "roomid": room, "streamID": stream, "session": "s",
               "description": "00", "vector": "00"}),
        json!({"UUID": own, "from": "x", "roomid": "else", "streamID": "new", "session": "s",
               "description": "00", "vector": "00"}),
        json!({"UUID": own, "from": own, "roomid": room, "streamID": "new", "session": "s",
               "description": "00", "vector": "00"}),
        // A scene viewer's.
        json!({"UUID": own, "from": "x", "roomid": room, "streamID": "new", "session": "s",
               "isScene": "0", "description": "00", "vector": "00"}),
    ] {
        house.share.handle_socket_text(house.now, &strange.to_string());
        house.settle();
    }
    for text in ["", "nonsense", "[]", "{\"list\":7}", "{\"request\":\"seed\"}"] {
        house.share.handle_socket_text(house.now, text);
    }
    house.settle();
    assert_eq!((house.workers.len(), house.accepted.len()), (1, count));
}

#[test]
fn workers_are_bounded_and_end_when_their_stream_is_long_gone() {
    let mut house = House::new(Flavour::Custom);
    house.settle();
    let join: Value = serde_json::from_str(&house.sent[0]).unwrap();
    let say = |house: &mut House, mut message: Value| {
        message["roomid"] = join["roomid"].clone();
        house.share.handle_socket_text(house.now, &message.to_string());
        house.settle();
    };
    for number in 0..2 * WORKERS_MAX {
        let from = format!("from{number}");
        let stream = format!("s{number}");
        say(&mut house, json!({"request": "joinroom", "from": from, "streamID": stream}));
    }
    assert_eq!(house.workers.len(), WORKERS_MAX);
    let first = house.worker_of("s0");
    say(&mut house, json!({"type": "disconnect", "from": "from0", "uuid": "from0"}));
    say(&mut house, json!({"request": "joinroom", "from": "late", "streamID": "late"}));
    assert_eq!(house.workers.len(), WORKERS_MAX, "one that has gone makes room");
    assert!(!house.workers.contains_key(&first));
    let second = house.worker_of("s1");
    house.share.handle_worker_media(house.now, second, true);
    let third = house.worker_of("s2");
    for from in ["from1", "from2"] {
        say(&mut house, json!({"type": "disconnect", "from": from, "uuid": from}));
    }
    house.wait(WORKER_AWAY_MAX - Duration::from_secs(1));
    assert!(house.workers.contains_key(&third));
    house.wait(Duration::from_secs(2));
    assert!(!house.workers.contains_key(&third));
    assert!(house.workers.contains_key(&second), "its media flow");
}

#[test]
fn one_stream_that_is_in_no_room_is_asked_for_by_its_worker() {
    let now = Instant::now();
    let view = options(Flavour::Assigned, Role::View("ann".to_owned()));
    let mut share = Share::new(now, RoomOptions { room: None, ..view.clone() }, [1; 32]);
    let mut room = Room::new(now, RoomOptions { room: None, ..view }, [2; 32]);
    let begun: Vec<_> = std::iter::from_fn(|| share.poll_output()).collect();
    let [ShareOutput::Begin { worker, stream }, ShareOutput::Connect] = &begun[..] else {
        panic!("{begun:?}");
    };
    assert_eq!(stream, "ann");
    let worker = *worker;
    share.handle_socket_open(now);
    share.handle_worker_wish(worker, true);
    room.handle_socket_open(now);
    let asked = std::iter::from_fn(|| room.poll_output());
    let asked: Vec<_> = asked.filter(|output| matches!(output, Output::Send(_))).collect();
    let [Output::Send(play)] = &asked[..] else { panic!("{asked:?}") };
    share.handle_worker_text(worker, play.clone());
    let play_id = serde_json::from_str::<Value>(play).unwrap()["streamID"].clone();
    let offer = json!({"UUID": "hers", "streamID": play_id, "session": "s", "description": "00",
                       "vector": "00"});
    share.handle_socket_text(now, &offer.to_string());
    let told: Vec<_> = std::iter::from_fn(|| share.poll_output()).collect();
    assert!(told.contains(&ShareOutput::Send(play.clone())), "{told:?}");
    let text = offer.to_string();
    assert!(told.contains(&ShareOutput::Text { worker, text }), "{told:?}");
}
