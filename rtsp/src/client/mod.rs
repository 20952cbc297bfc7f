//! A session with one camera: RTSP client (RFC 2326) as a state machine.
//!
//! Nothing in here may open a socket, resolve a name, read a clock or sleep. The caller owns the
//! connection: it passes in what happened and what time it is, and then does what
//! [`poll_output`](Client::poll_output) asks for, until there is nothing more. One deadline at a
//! time: [`poll_timeout`](Client::poll_timeout).

mod audio;
mod backoff;
mod error;
mod handshake;
mod keepalive;
mod options;
mod output;
mod playing;
mod renewal;
mod requests;
mod session;
mod told;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub use error::Error;
pub use options::{Backoff, KeepAlive, Options, Timeouts, Transport};
pub use output::{
    Carrier, Choice, Event, Group, Output, Quirk, Stats, TrackId, TrackInfo, UdpPort,
};

use crate::auth::{AuthError, Authenticator};
use crate::interleaved::{Item, Parser};
use crate::random::Random;
use crate::receive::Listener as _;
use crate::tunnel::{Tunnel, TunnelError};
use crate::url::{Scheme, Url};
use backoff::Retry;
use keepalive::Ladder;
use requests::Purpose;
use session::Session;
use told::Told;

/// One camera.
#[derive(Debug)]
pub struct Client {
    options: Options,
    random: Random,
    told: Told,
    phase: Phase,
    /// Between `start` and `stop`.
    wanted: bool,
    /// No dialling before, so that stopping and starting does not defeat the back-off.
    not_before: Option<Instant>,
    retry: Retry,
    /// Where to connect: the configured address, or where that redirects.
    url: Url,
    redirects: u32,
    auth: Authenticator,
    /// What carries the media at this attempt, and whether it has been changed at this attempt.
    carrier: Carrier,
    carrier_changed: bool,
    /// What carried media before.
    proven: Option<Carrier>,
    /// Which of the camera's addresses is tried: 0 is `options.url`.
    address: usize,
    /// What the last attempt ended with, until there is media again.
    last_error: Option<Error>,
    /// Learned: which keep-alive works, and how track URLs are made.
    keep_alive: Ladder,
    resolve_control: bool,
    /// The last attempt asked for audio, and no video came: this one does not.
    audio_barred: bool,
    last_keyframe_request: Option<Instant>,
    is_axis: bool,
    /// Address of the other end of the connection.
    peer: Option<IpAddr>,
    parser: Parser,
    /// Counts connections: what is left of a read belongs to none but its own.
    connection: u64,
    session: Option<Session>,
}

/// Where the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not wanted.
    Idle,
    /// Staying away after a failure.
    Waiting { until: Instant },
    /// Waiting for the dialler.
    Connecting { deadline: Instant },
    /// There is a connection, and a `Session` about it.
    Active,
    /// Not wanted any more, TEARDOWN is out.
    Closing { deadline: Instant },
}

impl Client {
    /// A client that does nothing until [`start`](Self::start). `seed` feeds the jitter, client
    /// nonces and SSRCs; two clients should not share it.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let url = options.url.clone();
        let auth = Authenticator::new(url.credentials().cloned(), random.next_u64());
        let carrier = first_carrier(options.transport);
        let keep_alive = Ladder::new(options.keep_alive);
        Self {
            options,
            random,
            told: Told::default(),
            phase: Phase::Idle,
            wanted: false,
            not_before: None,
            retry: Retry::default(),
            url,
            redirects: 0,
            auth,
            carrier,
            carrier_changed: false,
            proven: None,
            address: 0,
            last_error: None,
            keep_alive,
            resolve_control: false,
            audio_barred: false,
            last_keyframe_request: None,
            is_axis: false,
            peer: None,
            parser: Parser::new(),
            connection: 0,
            session: None,
        }
    }

    /// The stream is wanted: connect, and reconnect for ever.
    pub fn start(&mut self, now: Instant) {
        self.wanted = true;
        if self.phase == Phase::Idle {
            match self.not_before.filter(|until| *until > now) {
                Some(until) => {
                    self.phase = Phase::Waiting { until };
                    // Whoever wants it now must not wait to hear that it is away.
                    if let Some(error) = self.last_error.clone() {
                        self.told.event(Event::Offline { error, retry_in: until - now });
                    }
                }
                None => self.dial(now),
            }
        }
    }

    /// The stream is not wanted any more: end the session in order, within
    /// [`Timeouts::teardown`].
    pub fn stop(&mut self, now: Instant) {
        self.wanted = false;
        match self.phase {
            Phase::Idle | Phase::Closing { .. } => {}
            Phase::Waiting { .. } => self.phase = Phase::Idle,
            Phase::Connecting { .. } => self.hang_up(),
            Phase::Active => {
                self.credit_media();
                if self.send_teardown(now) {
                    self.phase = Phase::Closing { deadline: now + self.options.timeouts.teardown };
                } else {
                    self.hang_up();
                }
            }
        }
    }

    /// The connection asked for by [`Output::Connect`] exists. `set_peer_address` goes before it.
    pub fn handle_connected(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Connecting { .. }) {
            self.phase = Phase::Active;
            self.connection += 1;
            self.parser = Parser::new();
            self.session = Some(Session::new(&self.options.user_agent, &self.url));
            let uri = self.url.request_uri();
            self.request(now, Purpose::Step, "OPTIONS", &uri, Vec::new());
        }
    }

    /// The address the connection leads to. Datagrams from elsewhere are ignored.
    pub fn set_peer_address(&mut self, address: IpAddr) {
        self.peer = Some(address);
    }

    /// The connection could not be made.
    pub fn handle_connect_failed(&mut self, now: Instant, reason: &str) {
        if matches!(self.phase, Phase::Connecting { .. }) {
            self.fail(now, Error::Connect { reason: excerpt(reason) });
        }
    }

    /// The HTTP tunnel could not be opened, or was refused later on.
    pub fn handle_tunnel_failed(&mut self, now: Instant, error: &TunnelError) {
        match error {
            TunnelError::Auth(error) if matches!(self.phase, Phase::Connecting { .. }) => {
                self.fail(now, unauthorized(*error));
            }
            error => self.handle_closed(now, &error.to_string()),
        }
    }

    /// The connection ended without [`Output::Disconnect`].
    pub fn handle_closed(&mut self, now: Instant, reason: &str) {
        match self.phase {
            Phase::Idle | Phase::Waiting { .. } => {}
            Phase::Connecting { .. } => self.handle_connect_failed(now, reason),
            Phase::Closing { .. } => self.finish_closing(now),
            Phase::Active => {
                self.blame_renewal(now);
                let session = self.session.as_mut();
                let unanswered = session.and_then(|s| s.requests.take_unanswered_keep_alive());
                if let Some(method) = unanswered {
                    self.keep_alive_failed(method);
                }
                let session = self.session.as_ref();
                let awaiting = session.and_then(|s| s.requests.awaited()).map(|sent| sent.method);
                self.fail(now, Error::Closed { reason: excerpt(reason), awaiting });
            }
        }
    }

    /// Bytes from the connection, cut anyhow.
    pub fn handle_data(&mut self, now: Instant, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Active | Phase::Closing { .. }) {
            return;
        }
        let connection = self.connection;
        let mut parser = std::mem::take(&mut self.parser);
        parser.push(bytes);
        while self.connection == connection {
            if let Some((channels, payload_types)) = self.take_expectation() {
                parser.expect(&channels, &payload_types);
            }
            match parser.next() {
                Ok(Some(item)) => self.handle_item(now, item),
                Ok(None) => break,
                Err(error) => self.fail(now, Error::Framing(error)),
            }
        }
        if self.connection == connection {
            self.parser = parser;
        }
    }

    fn handle_item(&mut self, now: Instant, item: Item<'_>) {
        match item {
            Item::Response(response) => self.handle_response(now, &response),
            Item::Request(request) => self.handle_request(&request),
            Item::Interleaved { .. } if self.phase != Phase::Active => {}
            Item::Interleaved { channel, data } => self.handle_frame(now, channel, data),
            Item::Resync { .. } => self.handle_resync(now),
        }
    }

    /// A datagram on one of the sockets of [`Output::BindUdp`].
    pub fn handle_datagram(&mut self, now: Instant, udp: UdpPort, source: SocketAddr, data: &[u8]) {
        if self.phase == Phase::Active {
            self.handle_udp_data(now, udp, source, data);
        }
    }

    /// The sockets of [`Output::BindUdp`] or [`Output::JoinMulticast`] are bound to these ports.
    pub fn handle_udp_bound(
        &mut self,
        now: Instant,
        track: TrackId,
        rtp_port: u16,
        rtcp_port: u16,
    ) {
        if self.phase == Phase::Active {
            self.bound(now, track, (rtp_port, rtcp_port));
        }
    }

    /// The sockets of [`Output::BindUdp`] or [`Output::JoinMulticast`] can not be had.
    pub fn handle_udp_failed(&mut self, now: Instant, _track: TrackId, reason: &str) {
        if self.phase == Phase::Active {
            self.unbound(now, reason);
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Early calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Idle => {}
            Phase::Waiting { until } if until <= now => self.dial(now),
            Phase::Connecting { deadline } if deadline <= now => {
                self.fail(now, Error::ConnectTimeout);
            }
            Phase::Closing { deadline } if deadline <= now => self.finish_closing(now),
            Phase::Active => self.handle_session_timeout(now),
            _ => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle => None,
            Phase::Waiting { until } => Some(until),
            Phase::Connecting { deadline } | Phase::Closing { deadline } => Some(deadline),
            Phase::Active => self.session.as_ref()?.poll_timeout(&self.options.timeouts),
        }
    }

    /// The next thing to do, until none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.told.outputs.pop_front()
    }

    /// Asks the camera for an IDR now, by RTCP. At most one request a second goes out; returns
    /// whether this one did.
    pub fn request_keyframe(&mut self, now: Instant) -> bool {
        self.phase == Phase::Active && self.send_keyframe_request(now)
    }

    /// Which of the camera's addresses there is a session with, or the beginning of one: 0 is
    /// [`Options::url`].
    #[must_use]
    pub fn address(&self) -> Option<usize> {
        (self.phase == Phase::Active).then_some(self.address)
    }

    /// At rest: begins with this one of the camera's addresses.
    pub fn turn_to(&mut self, address: usize) {
        if self.phase == Phase::Idle {
            self.go_to(address);
        }
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.told.stats.clone()
    }

    fn dial(&mut self, now: Instant) {
        self.phase = Phase::Connecting { deadline: now + self.options.timeouts.connect };
        if self.is_confined() {
            self.carrier = Carrier::Tcp;
        }
        let (host, port) = (self.url.host().to_owned(), self.url.port());
        let scheme = self.url.scheme();
        let agent = &self.options.user_agent;
        let tunnel = scheme
            .is_tunnel()
            .then(|| Box::new(Tunnel::new(&self.url, agent, self.random.next_u64())));
        let (tls, address) = (scheme.is_tls(), self.address);
        self.told.push(Output::Connect { host, port, tls, tunnel, address });
    }

    /// Whether media has to stay in the connection: datagrams would leave what encrypts it, or
    /// not come through what made the tunnel necessary.
    fn is_confined(&self) -> bool {
        self.url.scheme() != Scheme::Rtsp
    }

    /// Ends connection and session at once. What is in the middle of being read is forgotten.
    fn hang_up(&mut self) {
        self.connection += 1;
        self.session = None;
        self.peer = None;
        self.told.stats.transport = None;
        self.phase = Phase::Idle;
        self.told.push(Output::Disconnect);
    }

    fn finish_closing(&mut self, now: Instant) {
        self.hang_up();
        if self.wanted {
            self.dial(now);
        }
    }

    /// Ends the attempt or the session and stays away for a while.
    fn fail(&mut self, now: Instant, error: Error) {
        if matches!(self.phase, Phase::Closing { .. }) {
            return self.finish_closing(now);
        }
        let had_media = self.credit_media();
        let is_to_be_repeated = !had_media && self.blame_audio(&error);
        self.audio_barred = is_to_be_repeated;
        if !matches!(error, Error::Closed { .. } | Error::Framing(_)) {
            self.send_teardown(now);
        }
        self.hang_up();
        self.told.stats.failures += 1;
        if is_to_be_repeated {
            return self.dial(now);
        }
        // Another address may have what this one only seemed to.
        let is_served = had_media && error != Error::NoPicture;
        let next = if is_served { 0 } else { self.address + 1 };
        let is_round_over = is_served || next > self.options.alternatives.len();
        self.go_to(if is_round_over { 0 } else { next });
        self.carrier_changed = false;
        self.carrier = self.proven.unwrap_or(first_carrier(self.options.transport));
        if !is_round_over && self.wanted {
            return self.dial(now);
        }
        let retry_in = self.stay_away(&error);
        self.not_before = Some(now + retry_in);
        if self.wanted {
            self.phase = Phase::Waiting { until: now + retry_in };
        }
        if error != Error::NothingPlayable {
            self.last_error = Some(error.clone());
            self.told.event(Event::Offline { error, retry_in });
        }
    }

    fn stay_away(&mut self, error: &Error) -> Duration {
        let backoff = self.options.backoff;
        match error {
            Error::CredentialsMissing
            | Error::CredentialsRefused
            | Error::AuthenticationUnsupported => {
                self.renew_authenticator(self.home().credentials().cloned());
                backoff.refused
            }
            Error::NothingPlayable => backoff.unsupported,
            _ => self.retry.next(&backoff, &mut self.random),
        }
    }

    /// Turns to one of the camera's addresses, from wherever a redirection had led.
    fn go_to(&mut self, address: usize) {
        let elsewhere = self.redirects > 0 || address != self.address;
        self.redirects = 0;
        self.address = address;
        self.url = self.home().clone();
        if elsewhere {
            self.renew_authenticator(self.url.credentials().cloned());
        }
    }

    /// The configured address that is being tried.
    fn home(&self) -> &Url {
        let alternative = self.address.checked_sub(1);
        alternative
            .and_then(|index| self.options.alternatives.get(index))
            .unwrap_or(&self.options.url)
    }

    /// After a failure that another carrier may cure: tries that at once, if it may.
    fn change_carrier(&mut self, now: Instant, error: Error) {
        let is_fixed = matches!(self.options.transport, Transport::Tcp | Transport::Multicast);
        if self.carrier_changed || is_fixed || self.is_confined() {
            self.proven = None;
            return self.fail(now, error);
        }
        self.send_teardown(now);
        self.hang_up();
        self.carrier_changed = true;
        self.carrier = match self.carrier {
            Carrier::Tcp => Carrier::Udp,
            Carrier::Udp | Carrier::Multicast => Carrier::Tcp,
        };
        self.told.quirk(Quirk::TransportChanged);
        self.dial(now);
    }

    fn renew_authenticator(&mut self, credentials: Option<crate::url::Credentials>) {
        self.auth = Authenticator::new(credentials, self.random.next_u64());
    }

    /// A session with enough pictures makes the next failure the first again. Whether there was
    /// any media.
    fn credit_media(&mut self) -> bool {
        let Some(track) = self.session.as_ref().and_then(|session| session.track.as_ref()) else {
            return false;
        };
        if track.heard().is_none() {
            return false;
        }
        self.proven = Some(self.carrier);
        self.last_error = None;
        let is_long = |(first, last): (Instant, Instant)| {
            last.saturating_duration_since(first) >= self.options.backoff.reset_after
        };
        if track.pictured().is_some_and(is_long) {
            self.retry.reset();
        }
        true
    }

    /// Sends TEARDOWN if there is something to tear down; whether it did.
    fn send_teardown(&mut self, now: Instant) -> bool {
        let Some(session) = &self.session else { return false };
        if session.requests.session.is_none() {
            return false;
        }
        let uri = session.base.request_uri();
        self.request(now, Purpose::Step, "TEARDOWN", &uri, Vec::new());
        true
    }

    fn request(
        &mut self,
        now: Instant,
        purpose: Purpose,
        method: &'static str,
        uri: &str,
        headers: Vec<(&'static str, String)>,
    ) {
        if let Some(session) = &mut self.session {
            let bytes = session.requests.send(now, &mut self.auth, purpose, method, uri, headers);
            self.told.push(Output::Send(bytes));
        }
    }

    /// Whether another method is used from now on.
    fn keep_alive_failed(&mut self, method: &str) -> bool {
        let changed = self.keep_alive.failed(method);
        if changed {
            self.told.quirk(Quirk::KeepAliveChanged);
        }
        changed
    }
}

fn first_carrier(transport: Transport) -> Carrier {
    match transport {
        Transport::Udp => Carrier::Udp,
        Transport::Multicast => Carrier::Multicast,
        Transport::Tcp | Transport::Auto => Carrier::Tcp,
    }
}

/// Why the camera is offline where no credentials help.
fn unauthorized(error: AuthError) -> Error {
    match error {
        AuthError::NoCredentials => Error::CredentialsMissing,
        AuthError::Refused => Error::CredentialsRefused,
        AuthError::Unsupported => Error::AuthenticationUnsupported,
    }
}

/// What a peer or the system said, short enough to be shown and without control characters.
fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}
