//! One stream's session at one WHIP endpoint, from the offer to the DELETE.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::limits;
use crate::http_client::{self, Body, Response, Url};

/// The media type of offers and answers.
const SDP: &str = "application/sdp";

/// What the client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make a peer connection and give its offer to [`Client::handle_offer`].
    Offer,
    /// Open a connection, in place of any other: [`Client::handle_connected`] or
    /// [`Client::handle_closed`].
    Connect {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Whether to speak TLS on it.
        tls: bool,
    },
    /// Send this on the connection.
    Send(Vec<u8>),
    /// Close the connection.
    Disconnect,
    /// The server's SDP answer for the peer connection.
    Answer(String),
    /// End the peer connection.
    Close,
    /// [`Client::status`] has changed.
    Status,
}

/// What is told of a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It waits for the camera's first picture.
    Waiting,
    /// The session is being set up.
    Connecting,
    /// ICE and DTLS are up, pictures are sent.
    Publishing,
    /// It failed and is tried again; this stands until it is publishing.
    Failed {
        /// Why, without a secret.
        reason: String,
    },
    /// It was stopped.
    Stopped,
}

impl Status {
    /// One word for the log, the API and the metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Publishing => "publishing",
            Self::Failed { .. } => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// Why it does not publish, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}

/// One publisher.
#[derive(Debug)]
pub struct Client {
    endpoint: Url,
    token: Option<String>,
    backoff: Backoff,
    state: State,
    status: Status,
    camera_is_live: bool,
    /// The session's URL, by which it is ended (RFC 9725 section 4.2).
    session: Option<Url>,
    sessions: u64,
    failures: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Stopped,
    /// For the camera.
    Waiting,
    /// For the peer connection's offer.
    Offering,
    /// For the response to the offer.
    Posting(Call, Post),
    /// For ICE and DTLS.
    Joining,
    Publishing {
        since: Instant,
    },
    /// For the response to the DELETE.
    Leaving(Call, Next),
    BackingOff {
        until: Instant,
    },
}

/// A request under way.
#[derive(Debug)]
struct Call {
    url: Url,
    inbox: Vec<u8>,
    give_up_at: Instant,
}

#[derive(Debug)]
struct Post {
    offer: String,
    redirects: u32,
}

/// What comes after a session.
#[derive(Debug, Clone, Copy)]
enum Next {
    Stop,
    RetryAt(Instant),
}

impl Next {
    fn state(self) -> State {
        match self {
            Self::Stop => State::Stopped,
            Self::RetryAt(until) => State::BackingOff { until },
        }
    }
}

impl Client {
    /// A client that was not started. `seed` is for its back-off.
    #[must_use]
    pub fn new(endpoint: Url, token: Option<String>, seed: u64) -> Self {
        Self {
            endpoint,
            token,
            backoff: Backoff::new(seed),
            state: State::Stopped,
            status: Status::Stopped,
            camera_is_live: false,
            session: None,
            sessions: 0,
            failures: 0,
            outputs: VecDeque::new(),
        }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The state, for log and API.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Sessions that came up so far.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Sessions that ended or did not come up so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether there is nothing left to do: it was stopped and has left.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Publishes from now on, whenever there are pictures.
    pub fn start(&mut self) {
        if self.is_stopped() {
            self.prepare();
        }
    }

    /// Ends the session, with a DELETE where there is one.
    pub fn stop(&mut self, now: Instant) {
        match &mut self.state {
            State::Stopped => return,
            State::Leaving(_, next) => *next = Next::Stop,
            _ => {
                self.outputs.push_back(Output::Close);
                self.leave(now, Next::Stop);
            }
        }
        self.tell(Status::Stopped);
    }

    /// Whether the camera sends pictures: an offer names their profile.
    pub fn handle_camera(&mut self, is_live: bool) {
        self.camera_is_live = is_live;
        if is_live && matches!(self.state, State::Waiting) {
            self.prepare();
        }
    }

    /// The peer connection's offer with all candidates in it, or why there is none.
    pub fn handle_offer(&mut self, now: Instant, offer: Result<String, String>) {
        if !matches!(self.state, State::Offering) {
            return;
        }
        match offer {
            Ok(offer) => {
                let call = self.call(now, self.endpoint.clone());
                self.state = State::Posting(call, Post { offer, redirects: 0 });
            }
            Err(reason) => self.fail(now, reason),
        }
    }

    /// The connection is up, TLS included if it was asked for.
    pub fn handle_connected(&mut self) {
        let (call, method, body) = match &self.state {
            State::Posting(call, post) => {
                let body = Body { media_type: SDP, content: &post.offer };
                (call, "POST", Some(body))
            }
            State::Leaving(call, _) => (call, "DELETE", None),
            _ => return,
        };
        let bearer = self.token_for(&call.url).map(|token| format!("Bearer {token}"));
        let authorization = bearer.as_deref().map(|bearer| ("Authorization", bearer));
        let accept = body.is_some().then_some(("Accept", SDP));
        let headers: Vec<_> = authorization.into_iter().chain(accept).collect();
        let request = http_client::request(method, &call.url, &headers, body);
        self.outputs.push_back(Output::Send(request));
    }

    /// Bytes from the connection.
    pub fn handle_data(&mut self, now: Instant, bytes: &[u8]) {
        let (State::Posting(call, _) | State::Leaving(call, _)) = &mut self.state else { return };
        call.inbox.extend_from_slice(bytes);
        let parsed = http_client::parse(&call.inbox, false);
        match parsed {
            Ok(None) => {}
            Ok(Some(response)) => self.handle_response(now, response),
            Err(error) => self.end_call(now, error.to_string()),
        }
    }

    /// The connection could not be opened, or is closed.
    pub fn handle_closed(&mut self, now: Instant, reason: &str) {
        let (State::Posting(call, _) | State::Leaving(call, _)) = &self.state else { return };
        match http_client::parse(&call.inbox, true) {
            Ok(Some(response)) => self.handle_response(now, response),
            _ => self.end_call(now, reason.to_owned()),
        }
    }

    /// ICE and DTLS of the peer connection are up.
    pub fn handle_peer_connected(&mut self, now: Instant) {
        if matches!(self.state, State::Joining) {
            self.state = State::Publishing { since: now };
            self.sessions += 1;
            self.tell(Status::Publishing);
        }
    }

    /// The peer connection is over, or took no answer.
    pub fn handle_peer_ended(&mut self, now: Instant, reason: &str) {
        match self.state {
            State::Publishing { since } if now >= since + limits::STABLE_AFTER => {
                self.backoff.reset();
            }
            State::Publishing { .. } | State::Joining => {}
            _ => return,
        }
        self.fail(now, reason.to_owned());
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        match &self.state {
            State::BackingOff { .. } => self.prepare(),
            State::Posting(..) | State::Leaving(..) => {
                self.end_call(now, "the server did not answer in time".to_owned());
            }
            _ => {}
        }
    }

    /// When [`Client::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Posting(call, _) | State::Leaving(call, _) => Some(call.give_up_at),
            State::BackingOff { until } => Some(*until),
            _ => None,
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`Client::poll_output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    fn prepare(&mut self) {
        if !self.camera_is_live {
            self.state = State::Waiting;
            return self.tell(Status::Waiting);
        }
        self.state = State::Offering;
        if self.status.failure().is_none() {
            self.tell(Status::Connecting);
        }
        self.outputs.push_back(Output::Offer);
    }

    fn handle_response(&mut self, now: Instant, response: Response) {
        match &mut self.state {
            State::Posting(call, post) => {
                let url = call.url.clone();
                if !matches!(response.status, 307 | 308) {
                    return self.handle_answer(now, &url, response);
                }
                let target = response.location.and_then(|location| url.resolve(&location));
                let Some(target) = target else {
                    return self.end_call(now, "a redirection leads nowhere".to_owned());
                };
                if post.redirects >= limits::REDIRECTS_MAX {
                    return self.end_call(now, "too many redirections".to_owned());
                }
                let post =
                    Post { offer: std::mem::take(&mut post.offer), redirects: post.redirects + 1 };
                // The whole way has one deadline.
                let give_up_at = call.give_up_at;
                let call = Call { give_up_at, ..self.call(now, target) };
                self.state = State::Posting(call, post);
            }
            // Whatever it says, there is nothing more to be done about the session.
            State::Leaving(..) => self.end_call(now, String::new()),
            _ => {}
        }
    }

    fn handle_answer(&mut self, now: Instant, url: &Url, response: Response) {
        let Response { status, location, retry_after, body, .. } = response;
        // RFC 9725 section 4.2 says 201; not every server keeps to it.
        let is_answer = status == 201 || status == 200 && body.starts_with("v=0");
        if !is_answer {
            let wait = retry_after.unwrap_or_default().min(limits::RETRY_AFTER_MAX);
            return self.fail_for(now, refusal(status), wait);
        }
        self.outputs.push_back(Output::Disconnect);
        self.session = location.and_then(|location| url.resolve(&location));
        self.state = State::Joining;
        self.outputs.push_back(Output::Answer(body));
    }

    /// The call brought nothing.
    fn end_call(&mut self, now: Instant, reason: String) {
        let State::Leaving(_, next) = self.state else { return self.fail(now, reason) };
        self.outputs.push_back(Output::Disconnect);
        self.state = next.state();
    }

    fn fail(&mut self, now: Instant, reason: String) {
        self.fail_for(now, reason, Duration::ZERO);
    }

    /// Failed, and not to be tried again for at least this long.
    fn fail_for(&mut self, now: Instant, reason: String, at_least: Duration) {
        self.failures += 1;
        self.outputs.push_back(Output::Close);
        let until = now + self.backoff.next().max(at_least);
        self.leave(now, Next::RetryAt(until));
        self.tell(Status::Failed { reason });
    }

    /// Ends the session at the server, if there is one: some take no second while it lasts.
    fn leave(&mut self, now: Instant, next: Next) {
        if let Some(session) = self.session.take() {
            let call = self.call(now, session);
            self.state = State::Leaving(call, next);
            return;
        }
        if matches!(self.state, State::Posting(..)) {
            self.outputs.push_back(Output::Disconnect);
        }
        self.state = next.state();
    }

    fn call(&mut self, now: Instant, url: Url) -> Call {
        let (host, port, tls) = (url.host().to_owned(), url.port(), url.is_tls());
        self.outputs.push_back(Output::Connect { host, port, tls });
        Call { url, inbox: Vec::new(), give_up_at: now + limits::CALL_TIMEOUT }
    }

    fn token_for(&self, url: &Url) -> Option<&str> {
        self.token.as_deref().filter(|_| self.endpoint.trusts(url))
    }

    fn tell(&mut self, status: Status) {
        if self.status != status {
            self.status = status;
            self.outputs.push_back(Output::Status);
        }
    }
}

/// What a refusal means. The server's own words may repeat a secret, so they are left out.
fn refusal(status: u16) -> String {
    let meaning = match status {
        401 | 403 => " (is the token right?)",
        404 => " (is the address right?)",
        400 | 406 | 415 | 422 => " (the offer was not taken)",
        409 => " (is somebody else publishing there?)",
        429 | 503 => " (busy)",
        200..=299 => " (no WHIP endpoint: 201 and an answer were expected)",
        300..=399 => " (only 307 and 308 are followed)",
        _ => "",
    };
    format!("HTTP {status}{meaning}")
}
