//! The client against a server that is a machine of these tests, in virtual time.

use proptest::prelude::*;

use super::*;

const RELAYED: &str = "203.0.113.9:50000";
const REALM: &str = "example.org";

/// What a server does with requests.
struct Server {
    key: Key,
    nonce: Vec<u8>,
    /// Error codes that the next requests of a method get instead.
    refusals: Vec<(Method, u16)>,
    /// What was asked for, in order.
    asked: Vec<(Method, Option<SocketAddr>)>,
    is_deaf: bool,
}

impl Server {
    fn new() -> Self {
        let key = Key::new("me", REALM, "secret");
        let (refusals, asked) = (Vec::new(), Vec::new());
        Self { key, nonce: b"first".to_vec(), refusals, asked, is_deaf: false }
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let request = Message::parse(bytes).expect("a message");
        if self.is_deaf || request.class != Class::Request {
            return None;
        }
        let new = |class| Builder::new(class, request.method, request.transaction);
        let error = |code: u16| {
            let [hundreds, rest] = [code / 100, code % 100].map(|n| u8::try_from(n).unwrap());
            new(Class::Error).attribute(kind::ERROR_CODE, &[0, 0, hundreds, rest])
        };
        let challenge = |code| {
            let message = error(code).attribute(kind::REALM, REALM.as_bytes());
            Some(message.attribute(kind::NONCE, &self.nonce).finish())
        };
        if request.is_signed_by(&self.key) != Some(true) {
            return challenge(401);
        }
        if request.attribute(kind::NONCE) != Some(&self.nonce) {
            return challenge(438);
        }
        self.asked.push((request.method, request.address(kind::XOR_PEER_ADDRESS)));
        if let Some(at) = self.refusals.iter().position(|(one, _)| *one == request.method) {
            let (_, code) = self.refusals.remove(at);
            let alternate = [0, 1, 0x0d, 0x96, 192, 0, 2, 7];
            return Some(error(code).attribute(kind::ALTERNATE_SERVER, &alternate).sign(&self.key));
        }
        let success = match request.method {
            Method::Allocate => new(Class::Success)
                .address(kind::XOR_RELAYED_ADDRESS, RELAYED.parse().unwrap())
                .number(kind::LIFETIME, 600),
            _ => new(Class::Success).number(kind::LIFETIME, 600),
        };
        Some(success.sign(&self.key))
    }
}

/// A client, its server, and what lies between.
struct World {
    now: Instant,
    client: Client,
    server: Server,
    /// Outputs but those that are carried to the server.
    seen: Vec<Output>,
    delivered: Vec<(SocketAddr, Vec<u8>)>,
    sent: Vec<Vec<u8>>,
    is_down: bool,
}

impl World {
    fn new(is_stream: bool) -> Self {
        Self::with("secret", is_stream)
    }

    fn with(credential: &str, is_stream: bool) -> Self {
        let now = Instant::now();
        let (username, credential) = ("me".to_owned(), credential.to_owned());
        let options = Options { username, credential, is_stream, seed: [5; 32] };
        let mut client = Client::new(options);
        client.start(now);
        let (server, seen) = (Server::new(), Vec::new());
        let (delivered, sent) = (Vec::new(), Vec::new());
        Self { now, client, server, seen, delivered, sent, is_down: false }
    }

    fn allocated(is_stream: bool) -> Self {
        let mut world = Self::new(is_stream);
        world.settle();
        assert_eq!(world.client.relayed(), Some(relayed()), "{:?}", world.seen);
        world.seen.clear();
        world.server.asked.clear();
        world
    }

    fn settle(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Send(bytes) => {
                    if let Some(answer) = self.server.answer(&bytes) {
                        self.receive(&answer);
                    }
                    self.sent.push(bytes);
                }
                Output::Connect { .. } => {
                    self.seen.push(output);
                    match self.is_down {
                        false => self.client.handle_connected(self.now),
                        true => self.client.handle_disconnected(self.now, "refused"),
                    }
                }
                output => self.seen.push(output),
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let delivered = &mut self.delivered;
        // A stream is cut anywhere.
        let step = if self.client.options.is_stream { 7 } else { bytes.len().max(1) };
        for piece in bytes.chunks(step) {
            let keep = &mut |peer, data: &[u8]| delivered.push((peer, data.to_vec()));
            self.client.handle_data(self.now, piece, keep);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now || self.client.poll_timeout() == Some(at));
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn send(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        self.client.send(self.now, peer(), datagram, &mut |bytes| sent = bytes.to_vec());
        self.settle();
        sent
    }

    fn methods(&self) -> Vec<Method> {
        self.server.asked.iter().map(|(method, _)| *method).collect()
    }
}

fn relayed() -> SocketAddr {
    RELAYED.parse().unwrap()
}

fn peer() -> SocketAddr {
    "198.51.100.3:4000".parse().unwrap()
}

fn failed(text: &str) -> Status {
    Status::Failed(text.to_owned())
}

#[test]
fn an_allocation_is_made_with_the_credentials_that_the_server_asks_for() {
    for is_stream in [false, true] {
        let mut world = World::new(is_stream);
        world.settle();
        assert_eq!(world.client.status(), &Status::Allocated(relayed()));
        assert_eq!(world.methods(), [Method::Allocate]);
        assert_eq!(world.sent.len(), 2, "one without credentials, one with");
        let connect = Output::Connect { alternate: None };
        let status = || Output::Status;
        assert_eq!(world.seen, [connect, status(), Output::Allocated(relayed()), status()]);
        let shown = format!("{:?} {:?}", world.client, world.client.options);
        assert!(!shown.contains("secret") && !shown.contains("me"), "{shown}");
    }
}

#[test]
fn a_wrong_credential_is_said_and_tried_again_later_and_later() {
    let mut world = World::with("wrong", false);
    world.settle();
    assert_eq!(world.client.status(), &failed("user name or credential is wrong (401)"));
    world.pass(Duration::from_secs(600));
    let attempts = world.seen.iter().filter(|one| matches!(one, Output::Connect { .. })).count();
    assert!((12..=17).contains(&attempts), "{attempts} attempts");
    // The failure is told once: nothing about it changes.
    assert_eq!(world.seen.iter().filter(|one| **one == Output::Status).count(), 2);
}

#[test]
fn a_stale_nonce_is_replaced_and_the_request_made_anew() {
    let mut world = World::allocated(false);
    world.server.nonce = b"second".to_vec();
    world.pass(limits::REFRESH_INTERVAL);
    assert_eq!(world.methods(), [Method::Refresh]);
    world.server.nonce = b"third".to_vec();
    world.send(b"check");
    assert_eq!(world.methods(), [Method::Refresh, Method::CreatePermission]);
    assert_eq!(world.seen, []);
}

#[test]
fn a_nonce_that_is_always_stale_is_a_failure() {
    let mut world = World::allocated(false);
    world.pass(Duration::from_secs(20));
    for count in 0..20_u8 {
        if world.client.relayed().is_none() {
            break;
        }
        // Each challenge names a nonce that is over when it is used.
        world.server.nonce = vec![count];
        if let Some(Output::Send(bytes)) = world.client.poll_output() {
            let answer = world.server.answer(&bytes).unwrap();
            world.server.nonce = vec![count, 1];
            world.receive(&answer);
        } else {
            world.now = world.client.poll_timeout().unwrap();
            world.client.handle_timeout(world.now);
        }
    }
    let status = world.client.status();
    assert_eq!(status, &failed("the server changes its nonce with each request (438)"));
}

#[test]
fn the_allocation_is_refreshed_more_often_than_routers_forget() {
    let mut world = World::allocated(false);
    world.pass(Duration::from_secs(251));
    assert_eq!(world.methods(), [Method::Refresh; 10]);
}

#[test]
fn an_allocation_that_the_server_forgot_is_lost_and_made_anew() {
    let mut world = World::allocated(false);
    world.server.refusals.push((Method::Refresh, 437));
    world.pass(limits::REFRESH_INTERVAL);
    assert_eq!(world.seen[0], Output::Lost(relayed()));
    assert_eq!(world.seen[1], Output::Disconnect);
    assert_eq!(world.client.relayed(), None);
    world.pass(limits::BACKOFF_MIN * 2);
    assert_eq!(world.client.relayed(), Some(relayed()));
}

#[test]
fn a_server_that_falls_silent_is_lost_within_a_minute() {
    for is_stream in [false, true] {
        let mut world = World::allocated(is_stream);
        world.server.is_deaf = true;
        world.pass(Duration::from_secs(45));
        assert_eq!(world.client.relayed(), None);
        assert!(world.seen.contains(&Output::Lost(relayed())));
    }
}

#[test]
fn requests_over_udp_are_repeated_and_over_a_stream_not() {
    for (is_stream, sends) in [(false, 5), (true, 1)] {
        let mut world = World::new(is_stream);
        world.server.is_deaf = true;
        world.settle();
        world.pass(Duration::from_millis(15_600));
        assert_eq!(world.sent.len(), sends);
        assert!(world.sent.iter().all(|bytes| *bytes == world.sent[0]));
        assert_eq!(world.client.status(), &failed("no answer"));
    }
}

#[test]
fn a_server_that_can_not_be_reached_is_a_failure_with_its_reason() {
    let mut world = World::new(true);
    world.is_down = true;
    world.settle();
    assert_eq!(world.client.status(), &failed("refused"));
    world.is_down = false;
    world.pass(limits::BACKOFF_MIN * 2);
    assert_eq!(world.client.status(), &Status::Allocated(relayed()));
}

#[test]
fn another_server_that_is_named_is_asked_and_not_for_ever() {
    let mut world = World::new(false);
    world.server.refusals.push((Method::Allocate, 300));
    world.settle();
    let alternate = "192.0.2.7:3478".parse().ok();
    assert!(world.seen.contains(&Output::Connect { alternate }), "{:?}", world.seen);
    assert_eq!(world.client.relayed(), Some(relayed()));

    let mut world = World::new(false);
    world.server.refusals = vec![(Method::Allocate, 300); 9];
    world.settle();
    assert_eq!(world.client.status(), &failed("the servers name each other (300)"));
}

#[test]
fn quotas_are_told_by_name() {
    for (code, text) in [(486, "all allocations"), (508, "no more addresses"), (403, "may not")] {
        let mut world = World::new(false);
        world.server.refusals.push((Method::Allocate, code));
        world.settle();
        let Status::Failed(reason) = world.client.status() else { panic!("{code}") };
        assert!(reason.contains(text) && reason.contains(&code.to_string()), "{reason}");
    }
}

#[test]
fn the_first_datagram_follows_its_permission_and_many_get_a_channel() {
    for is_stream in [false, true] {
        let mut world = World::allocated(is_stream);
        assert_eq!(world.send(b"check"), b"");
        let permission = (Method::CreatePermission, Some(SocketAddr::new(peer().ip(), 0)));
        assert_eq!(world.server.asked, [permission]);
        let held = Message::parse(world.sent.last().unwrap()).unwrap();
        assert_eq!((held.class, held.method), (Class::Indication, Method::Send));
        assert_eq!(held.address(kind::XOR_PEER_ADDRESS), Some(peer()));
        assert_eq!(held.attribute(kind::DATA), Some(&b"check"[..]));

        let last = (0..=limits::CHANNEL_AFTER).map(|_| world.send(b"media")).last();
        assert_eq!(world.server.asked[1..], [(Method::ChannelBind, Some(peer()))]);
        let padding: &[u8] = if is_stream { &[0; 3] } else { &[] };
        assert_eq!(last.unwrap(), [&[0x40, 0, 0, 5], &b"media"[..], padding].concat());

        world.receive(&[&[0x40, 0, 0, 5], &b"hello"[..], padding].concat());
        assert_eq!(world.delivered, [(peer(), b"hello".to_vec())]);
    }
}

#[test]
fn what_peers_send_without_a_channel_is_delivered() {
    let mut world = World::allocated(false);
    let data = Builder::new(Class::Indication, Method::Data, [9; 12]);
    let data = data.address(kind::XOR_PEER_ADDRESS, peer()).attribute(kind::DATA, b"hi").finish();
    world.receive(&data);
    world.receive(&[0x40, 9, 0, 1, 1]); // nobody's number
    assert_eq!(world.delivered, [(peer(), b"hi".to_vec())]);
}

#[test]
fn nothing_goes_to_a_peer_of_the_other_family() {
    let mut world = World::allocated(false);
    world.client.send(world.now, "[2001:db8::1]:1".parse().unwrap(), b"x", &mut |_| panic!());
    world.client.permit(world.now, "2001:db8::1".parse().unwrap());
    world.settle();
    assert_eq!(world.server.asked, []);
}

#[test]
fn an_address_can_be_permitted_before_anything_is_sent_there() {
    let mut world = World::allocated(false);
    world.client.permit(world.now, peer().ip());
    world.settle();
    assert_eq!(world.methods(), [Method::CreatePermission]);
}

#[test]
fn a_response_of_somebody_else_is_not_believed() {
    let mut world = World::new(false);
    let Some(Output::Connect { .. }) = world.client.poll_output() else { panic!() };
    world.client.handle_connected(world.now);
    let mut request = Vec::new();
    while let Some(output) = world.client.poll_output() {
        if let Output::Send(bytes) = output {
            request = bytes;
        }
    }
    let challenge = world.server.answer(&request).unwrap();
    world.receive(&challenge);
    let Some(Output::Send(request)) = world.client.poll_output() else { panic!() };
    let request = Message::parse(&request).unwrap();
    let (transaction, theirs) = (request.transaction, "192.0.2.66:66".parse().unwrap());
    let forged = |key: Option<&Key>| {
        let message = Builder::new(Class::Success, Method::Allocate, transaction);
        let message = message.address(kind::XOR_RELAYED_ADDRESS, theirs);
        match key {
            Some(key) => message.sign(key),
            None => message.finish(),
        }
    };
    world.receive(&forged(None));
    world.receive(&forged(Some(&Key::new("me", REALM, "guessed"))));
    assert_eq!(world.client.relayed(), None);
    world.receive(&forged(Some(&world.server.key.clone())));
    assert_eq!(world.client.relayed(), Some(theirs));
}

#[test]
fn an_end_gives_the_allocation_back() {
    let mut world = World::allocated(false);
    world.client.stop();
    world.settle();
    assert_eq!(world.methods(), [Method::Refresh]);
    let goodbye = Message::parse(world.sent.last().unwrap()).unwrap();
    assert_eq!(goodbye.number(kind::LIFETIME), Some(0));
    let end = [Output::Lost(relayed()), Output::Disconnect, Output::Status];
    assert_eq!(world.seen, end);
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn a_server_of_another_protocol_is_said_to_be_one() {
    let mut world = World::new(true);
    let Some(Output::Connect { .. }) = world.client.poll_output() else { panic!() };
    world.client.handle_connected(world.now);
    world.receive(&[0x15, 3, 3, 0, 2, 2, 70]); // a TLS alert
    assert_eq!(world.client.status(), &failed("no TURN is spoken there"));
}

proptest! {
    #[test]
    fn no_server_can_do_harm(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
        is_stream: bool,
    ) {
        let mut world = World::allocated(is_stream);
        for piece in pieces {
            world.client.handle_data(world.now, &piece, &mut |_, _| ());
            world.send(&piece);
            world.pass(Duration::from_secs(5));
        }
    }
}
