//! One allocation on one server: made, kept, lost, made again.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};

use super::frames::{CHANNEL_HEADER_BYTES, Frame, NotTurn, Stream};
use super::limits;
use super::peers::{Peers, Way, Wish};
use super::stun::{Builder, Class, Key, Message, Method, TransactionId, kind};

/// UDP, the only transport that relayed media has (RFC 8656 section 18.6).
const UDP: u32 = 17 << 24;

/// What a client is made with.
#[derive(Clone)]
pub struct Options {
    /// The user, as the server knows it.
    pub username: String,
    /// The password.
    pub credential: String,
    /// Whether the server is reached by a stream (TCP or TLS), where nothing gets lost and
    /// messages have no borders, or by datagrams.
    pub is_stream: bool,
    /// Random bytes: nobody may guess which transactions follow (RFC 8489 section 5).
    pub seed: [u8; 32],
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("is_stream", &self.is_stream).finish_non_exhaustive()
    }
}

/// What the owner of a client has to do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect to the server, or to this other one that it has named; then call
    /// [`Client::handle_connected`] or [`Client::handle_disconnected`].
    Connect {
        /// The other server's address.
        alternate: Option<SocketAddr>,
    },
    /// End the connection, or the attempt.
    Disconnect,
    /// Send this to the server.
    Send(Vec<u8>),
    /// Peers reach us at this address from now on.
    Allocated(SocketAddr),
    /// They don't any more.
    Lost(SocketAddr),
    /// [`Client::status`] has changed.
    Status,
}

/// How far a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It connects, or asks for an allocation.
    Connecting,
    /// Peers reach us at this address.
    Allocated(SocketAddr),
    /// It has failed and will try again; why, without credentials.
    Failed(String),
    /// It was stopped.
    Stopped,
}

/// The client of one server.
pub struct Client {
    options: Options,
    phase: Phase,
    status: Status,
    auth: Option<Auth>,
    transactions: Vec<Transaction>,
    transactions_begun: u64,
    peers: Peers,
    stream: Stream,
    alternates: u32,
    failures: u32,
    outputs: VecDeque<Output>,
    /// What is sent to a peer, with what the server has to know.
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Stopped,
    Waiting { until: Instant },
    Connecting { until: Instant },
    Allocating,
    Allocated { relayed: SocketAddr, since: Instant, refresh_at: Instant, sweep_at: Instant },
}

/// What the server wants to be told with each request.
struct Auth {
    realm: String,
    nonce: Vec<u8>,
    key: Key,
}

#[derive(Debug)]
struct Transaction {
    id: TransactionId,
    request: Request,
    message: Vec<u8>,
    sends: u32,
    next_at: Instant,
    /// How often it was begun anew because of its nonce.
    nonces: u32,
    is_signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Allocate,
    Refresh,
    Wish(Wish),
}

impl Client {
    /// A client that does nothing before [`Client::start`].
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            phase: Phase::Stopped,
            status: Status::Stopped,
            auth: None,
            transactions: Vec::new(),
            transactions_begun: 0,
            peers: Peers::default(),
            stream: Stream::default(),
            alternates: 0,
            failures: 0,
            outputs: VecDeque::new(),
            scratch: Vec::new(),
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        self.connect(now, None);
    }

    /// Gives the allocation back and ends.
    pub fn stop(&mut self) {
        if let Phase::Allocated { relayed, .. } = self.phase {
            let id = self.next_transaction();
            let goodbye = Builder::new(Class::Request, Method::Refresh, id);
            let goodbye = self.sign(goodbye.number(kind::LIFETIME, 0));
            self.outputs.push_back(Output::Send(goodbye));
            self.outputs.push_back(Output::Lost(relayed));
        }
        self.clear();
        self.phase = Phase::Stopped;
        self.outputs.push_back(Output::Disconnect);
        self.set_status(Status::Stopped);
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The address at which peers reach us now.
    #[must_use]
    pub fn relayed(&self) -> Option<SocketAddr> {
        match self.phase {
            Phase::Allocated { relayed, .. } => Some(relayed),
            _ => None,
        }
    }

    /// What the owner has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Client::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Stopped => return None,
            Phase::Waiting { until } | Phase::Connecting { until } => Some(until),
            Phase::Allocating => None,
            Phase::Allocated { refresh_at, sweep_at, .. } => Some(refresh_at.min(sweep_at)),
        };
        self.transactions.iter().map(|transaction| transaction.next_at).chain(own).min()
    }

    /// The connection that [`Output::Connect`] has wanted is there.
    pub fn handle_connected(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Connecting { .. }) {
            self.phase = Phase::Allocating;
            self.ask(now, Request::Allocate, 0);
        }
    }

    /// The connection has ended, or can't be had.
    pub fn handle_disconnected(&mut self, now: Instant, reason: &str) {
        if !matches!(self.phase, Phase::Stopped | Phase::Waiting { .. }) {
            self.fail(now, reason.to_owned());
        }
    }

    /// Bytes, or one datagram, of the server. `deliver` gets what peers have sent.
    pub fn handle_data(
        &mut self,
        now: Instant,
        bytes: &[u8],
        deliver: &mut dyn FnMut(SocketAddr, &[u8]),
    ) {
        if !self.options.is_stream {
            return self.handle_message(now, bytes, deliver);
        }
        let mut stream = std::mem::take(&mut self.stream);
        stream.push(bytes);
        loop {
            match stream.next() {
                Ok(Some(message)) => self.handle_message(now, message, deliver),
                Ok(None) => break,
                Err(NotTurn) => return self.fail(now, "no TURN is spoken there".to_owned()),
            }
            if matches!(self.phase, Phase::Waiting { .. } | Phase::Connecting { .. }) {
                return; // what follows is of a connection that is over
            }
        }
        self.stream = stream;
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { until } if until <= now => self.connect(now, None),
            Phase::Connecting { until } if until <= now => {
                self.fail(now, "the server can't be reached".to_owned());
            }
            Phase::Allocated { relayed, since, refresh_at, sweep_at } => {
                let is_due = refresh_at <= now;
                let mut next = (refresh_at, sweep_at);
                if is_due {
                    next.0 = now + limits::REFRESH_INTERVAL;
                }
                if sweep_at <= now {
                    self.peers.sweep(now);
                    next.1 = now + limits::SWEEP_INTERVAL;
                }
                let (refresh_at, sweep_at) = next;
                self.phase = Phase::Allocated { relayed, since, refresh_at, sweep_at };
                if is_due && !self.transactions.iter().any(|one| one.request == Request::Refresh) {
                    self.ask(now, Request::Refresh, 0);
                }
                self.ask_for_wishes(now);
            }
            _ => {}
        }
        self.retransmit(now);
    }

    /// Lets an address through that has to come first.
    pub fn permit(&mut self, now: Instant, ip: IpAddr) {
        if self.relayed().is_some_and(|relayed| relayed.is_ipv4() == ip.is_ipv4()) {
            self.peers.permit(now, ip);
            self.ask_for_wishes(now);
        }
    }

    /// Sends a datagram to a peer from the relayed address; `send` gets what goes to the server.
    /// Nothing is sent to an address whose permission is awaited, but for the first datagrams,
    /// which follow.
    pub fn send(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        datagram: &[u8],
        send: &mut dyn FnMut(&[u8]),
    ) {
        let Some(relayed) = self.relayed() else { return };
        if relayed.is_ipv4() != peer.is_ipv4() {
            return; // RFC 8656 section 11.2: not from one family to the other
        }
        let way = self.peers.way(now, peer, datagram);
        self.ask_for_wishes(now);
        match way {
            Way::Channel(number) => {
                let Ok(length) = u16::try_from(datagram.len()) else { return };
                self.scratch.clear();
                self.scratch.extend(number.to_be_bytes());
                self.scratch.extend(length.to_be_bytes());
                self.scratch.extend_from_slice(datagram);
                if self.options.is_stream {
                    let whole = CHANNEL_HEADER_BYTES + datagram.len().next_multiple_of(4);
                    self.scratch.resize(whole, 0);
                }
                send(&self.scratch);
            }
            Way::Indication => send(&self.indication(peer, datagram)),
            Way::None => {}
        }
    }

    fn indication(&mut self, peer: SocketAddr, datagram: &[u8]) -> Vec<u8> {
        let id = self.next_transaction();
        let message = Builder::new(Class::Indication, Method::Send, id);
        message.address(kind::XOR_PEER_ADDRESS, peer).attribute(kind::DATA, datagram).finish()
    }

    fn handle_message(
        &mut self,
        now: Instant,
        bytes: &[u8],
        deliver: &mut dyn FnMut(SocketAddr, &[u8]),
    ) {
        match Frame::of_datagram(bytes) {
            Some(Frame::Channel(number, data)) => {
                if let Some(peer) = self.peers.peer_of(now, number) {
                    deliver(peer, data);
                }
            }
            Some(Frame::Stun(bytes)) => {
                let Some(message) = Message::parse(bytes) else { return };
                match (message.class, message.method) {
                    (Class::Indication, Method::Data) => {
                        let peer = message.address(kind::XOR_PEER_ADDRESS);
                        if let (Some(peer), Some(data)) = (peer, message.attribute(kind::DATA)) {
                            self.peers.heard(now, peer);
                            deliver(peer, data);
                        }
                    }
                    (Class::Success | Class::Error, _) => self.handle_response(now, message),
                    _ => {}
                }
            }
            None => {}
        }
    }

    fn handle_response(&mut self, now: Instant, message: Message<'_>) {
        let is_it = |one: &Transaction| one.id == message.transaction;
        let Some(at) = self.transactions.iter().position(is_it) else { return };
        let is_signed = match &self.auth {
            Some(auth) => message.is_signed_by(&auth.key),
            None => None,
        };
        let is_success = message.class == Class::Success;
        let must_be_signed = is_success && self.auth.is_some();
        if is_signed == Some(false) || (must_be_signed && is_signed.is_none()) {
            return; // somebody else's: the true one may still come
        }
        let transaction = self.transactions.swap_remove(at);
        if is_success {
            self.handle_success(now, transaction.request, message);
        } else {
            self.handle_error(now, &transaction, message);
        }
        self.ask_for_wishes(now);
    }

    fn handle_success(&mut self, now: Instant, request: Request, message: Message<'_>) {
        match request {
            Request::Allocate => {
                let Some(relayed) = message.address(kind::XOR_RELAYED_ADDRESS) else {
                    return self.fail(now, "the server names no address".to_owned());
                };
                let refresh_at = now + limits::REFRESH_INTERVAL.min(half_life(message));
                let sweep_at = now + limits::SWEEP_INTERVAL;
                self.phase = Phase::Allocated { relayed, since: now, refresh_at, sweep_at };
                self.alternates = 0;
                self.outputs.push_back(Output::Allocated(relayed));
                self.set_status(Status::Allocated(relayed));
            }
            Request::Refresh => {
                if let Phase::Allocated { refresh_at, .. } = &mut self.phase {
                    *refresh_at = (*refresh_at).min(now + half_life(message));
                }
            }
            Request::Wish(wish) => {
                for (peer, datagram) in self.peers.handle_granted(now, wish) {
                    let message = self.indication(peer, &datagram);
                    self.outputs.push_back(Output::Send(message));
                }
            }
        }
    }

    fn handle_error(&mut self, now: Instant, transaction: &Transaction, message: Message<'_>) {
        let code = message.error_code().unwrap_or_default();
        let is_new_nonce = match code {
            401 => !transaction.is_signed,
            438 => transaction.nonces < limits::NONCES_MAX,
            _ => false,
        };
        if is_new_nonce && self.take_nonce(message) {
            return self.ask(now, transaction.request, transaction.nonces + 1);
        }
        match (transaction.request, code) {
            (Request::Allocate, 300) if self.alternates < limits::ALTERNATES_MAX => {
                let Some(alternate) = message.address(kind::ALTERNATE_SERVER) else {
                    return self.fail(now, "the server names another one, without address".into());
                };
                self.alternates += 1;
                self.clear();
                self.outputs.push_back(Output::Disconnect);
                self.connect(now, Some(alternate));
            }
            (Request::Allocate, code) => self.fail(now, refusal(code)),
            (Request::Refresh, 437) | (Request::Wish(_), 437) => {
                self.fail(now, "the server knows nothing of the allocation any more".to_owned());
            }
            (Request::Refresh, code) => self.fail(now, refusal(code)),
            (Request::Wish(wish), code) => {
                log::debug!("TURN: {wish:?} was refused with {code}");
                self.peers.handle_refused(now, wish);
            }
        }
    }

    /// Takes what the next request has to be signed with; false if it is not there.
    fn take_nonce(&mut self, message: Message<'_>) -> bool {
        let known = self.auth.as_ref().map(|auth| auth.realm.as_str());
        let realm = message.text(kind::REALM, limits::REALM_MAX_BYTES).or(known);
        let nonce = message.attribute(kind::NONCE);
        let nonce = nonce.filter(|nonce| nonce.len() <= limits::REALM_MAX_BYTES);
        let (Some(realm), Some(nonce)) = (realm, nonce) else { return false };
        let key = Key::new(&self.options.username, realm, &self.options.credential);
        self.auth = Some(Auth { realm: realm.to_owned(), nonce: nonce.to_vec(), key });
        true
    }

    fn ask_for_wishes(&mut self, now: Instant) {
        while let Some(wish) = self.peers.poll_wish() {
            if self.relayed().is_some() {
                self.ask(now, Request::Wish(wish), 0);
            }
        }
    }

    fn ask(&mut self, now: Instant, request: Request, nonces: u32) {
        let id = self.next_transaction();
        let new = |method| Builder::new(Class::Request, method, id);
        let message = match request {
            Request::Allocate => new(Method::Allocate).number(kind::REQUESTED_TRANSPORT, UDP),
            Request::Refresh => new(Method::Refresh),
            Request::Wish(Wish::Permission(ip)) => new(Method::CreatePermission)
                .address(kind::XOR_PEER_ADDRESS, SocketAddr::new(ip, 0)),
            Request::Wish(Wish::Channel(peer, number)) => new(Method::ChannelBind)
                .number(kind::CHANNEL_NUMBER, u32::from(number) << 16)
                .address(kind::XOR_PEER_ADDRESS, peer),
        };
        let message = self.sign(message);
        self.outputs.push_back(Output::Send(message.clone()));
        let wait = match self.options.is_stream {
            true => limits::STREAM_TIMEOUT,
            false => limits::RETRANSMIT_AFTER,
        };
        let (next_at, is_signed) = (now + wait, self.auth.is_some());
        let transaction =
            Transaction { id, request, message, sends: 1, next_at, nonces, is_signed };
        self.transactions.push(transaction);
    }

    fn sign(&self, message: Builder) -> Vec<u8> {
        let Some(auth) = &self.auth else { return message.finish() };
        message
            .attribute(kind::USERNAME, self.options.username.as_bytes())
            .attribute(kind::REALM, auth.realm.as_bytes())
            .attribute(kind::NONCE, &auth.nonce)
            .sign(&auth.key)
    }

    fn retransmit(&mut self, now: Instant) {
        let sends_max = if self.options.is_stream { 1 } else { limits::SENDS_MAX };
        let mut given_up = Vec::new();
        for transaction in &mut self.transactions {
            if transaction.next_at > now {
                continue;
            }
            if transaction.sends >= sends_max {
                given_up.push((transaction.id, transaction.request));
                continue;
            }
            let wait = limits::RETRANSMIT_AFTER * 2_u32.pow(transaction.sends);
            transaction.sends += 1;
            transaction.next_at = now + wait;
            self.outputs.push_back(Output::Send(transaction.message.clone()));
        }
        self.transactions.retain(|one| given_up.iter().all(|(id, _)| *id != one.id));
        for (_, request) in given_up {
            match request {
                Request::Allocate => return self.fail(now, "no answer".to_owned()),
                Request::Refresh => return self.fail(now, "the server is silent".to_owned()),
                Request::Wish(wish) => self.peers.handle_refused(now, wish),
            }
        }
    }

    fn connect(&mut self, now: Instant, alternate: Option<SocketAddr>) {
        self.phase = Phase::Connecting { until: now + limits::CONNECT_TIMEOUT };
        self.outputs.push_back(Output::Connect { alternate });
        self.set_status(Status::Connecting);
    }

    fn fail(&mut self, now: Instant, reason: String) {
        if let Phase::Allocated { relayed, since, .. } = self.phase {
            self.outputs.push_back(Output::Lost(relayed));
            if now >= since + limits::STABLE_AFTER {
                self.failures = 0;
            }
        }
        self.clear();
        self.alternates = 0;
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = limits::BACKOFF_MIN.saturating_mul(factor).min(limits::BACKOFF_MAX);
        // Up to a quarter more, so that clients of one server do not come back together.
        let [chance, ..] = self.next_transaction();
        let wait = wait + wait / 4 * u32::from(chance) / 256;
        self.phase = Phase::Waiting { until: now + wait };
        self.outputs.push_back(Output::Disconnect);
        self.set_status(Status::Failed(reason));
    }

    /// Forgets everything of a connection.
    fn clear(&mut self) {
        self.transactions.clear();
        self.peers = Peers::default();
        self.stream = Stream::default();
        self.auth = None;
    }

    fn set_status(&mut self, status: Status) {
        // What is tried again behind a failure is no news before it has come to something.
        let is_news = match (&self.status, &status) {
            (Status::Failed(_), Status::Connecting) => false,
            (old, new) => old != new,
        };
        if is_news {
            self.status = status;
            self.outputs.push_back(Output::Status);
        }
    }

    fn next_transaction(&mut self) -> TransactionId {
        self.transactions_begun += 1;
        let mut hash = Sha1::new();
        hash.update(self.options.seed);
        hash.update(self.transactions_begun.to_be_bytes());
        let digest: [u8; 20] = hash.finalize().into();
        digest.first_chunk::<12>().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Half of what the server lets the allocation live.
fn half_life(message: Message<'_>) -> Duration {
    let seconds = message.number(kind::LIFETIME).unwrap_or(600).max(2);
    Duration::from_secs(u64::from(seconds / 2))
}

/// An error code in words (RFC 8489 section 14.8, RFC 8656 section 19).
fn refusal(code: u16) -> String {
    let text = match code {
        300 => "the servers name each other",
        401 => "user name or credential is wrong",
        403 => "this user may not have an allocation",
        437 => "the server has another allocation of this connection",
        438 => "the server changes its nonce with each request",
        440 | 442 => "the server does not relay UDP over IPv4",
        441 => "the credentials are not those of the allocation",
        486 => "this user has all allocations that he may have",
        508 => "the server has no more addresses",
        _ => "the server refuses",
    };
    format!("{text} ({code})")
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
