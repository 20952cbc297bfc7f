//! Cameras' own ways to be asked for a keyframe, over HTTP: one request, authenticated where the
//! camera wants that, on a connection of its own.
//!
//! May not contain: sockets, clocks, threads, files or randomness. Bytes and time come in, what is
//! to be done comes out.

pub mod limits;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use rtsp::auth::Authenticator;
use rtsp::message::Headers;
use rtsp::url::Credentials;

use crate::http_client::{self, Response, Url};

/// Whose way it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Hikvision's ISAPI: `PUT .../requestKeyFrame`.
    Isapi,
    /// Hanwha's SUNAPI: `GET ...setsynchronizationpoint`, whose failures are a `200` with `NG`.
    Sunapi,
}

impl Api {
    fn method(self) -> &'static str {
        match self {
            Self::Isapi => "PUT",
            Self::Sunapi => "GET",
        }
    }

    /// Where the first channel's main stream is asked for a keyframe.
    fn usual_target(self) -> &'static str {
        match self {
            Self::Isapi => "/ISAPI/Streaming/channels/101/requestKeyFrame",
            Self::Sunapi => {
                "/stw-cgi/media.cgi?msubmenu=setsynchronizationpoint&action=control&Channel=0"
            }
        }
    }
}

/// What the caller wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection, in place of any other.
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
    /// The call is over.
    Done(Outcome),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The camera has taken the request.
    Taken,
    /// It does not know it: 403, 404, 405, 501 or `NG`.
    Unsupported,
    /// It refused the credentials, or there are none.
    Unauthorized,
    /// Something else, without a secret.
    Failed(String),
}

/// Asks one camera.
pub struct Caller {
    api: Api,
    url: Url,
    auth: Authenticator,
    call: Option<Call>,
    outputs: VecDeque<Output>,
}

/// A request under way.
struct Call {
    inbox: Vec<u8>,
    /// It carried an `Authorization`.
    authorized: bool,
    attempts: u32,
    give_up_at: Instant,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Caller {
    /// A caller at rest. An address without a path means the usual one. `seed` feeds the client
    /// nonces.
    #[must_use]
    pub fn new(api: Api, url: Url, credentials: Option<Credentials>, seed: u64) -> Self {
        let url =
            if url.target() == "/" { url.resolve(api.usual_target()).unwrap_or(url) } else { url };
        let auth = Authenticator::new(credentials, seed);
        Self { api, url, auth, call: None, outputs: VecDeque::new() }
    }

    /// The address, for the log.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin()
    }

    /// Asks for a keyframe, unless a call is under way.
    pub fn ask(&mut self, now: Instant) {
        if self.call.is_none() {
            let give_up_at = now + limits::CALL_TIMEOUT;
            let (inbox, authorized, attempts) = (Vec::new(), false, 0);
            self.call = Some(Call { inbox, authorized, attempts, give_up_at });
            self.connect();
        }
    }

    /// Nobody wants to know any more.
    pub fn cancel(&mut self) {
        if self.call.take().is_some() {
            self.outputs.push_back(Output::Disconnect);
        }
    }

    /// The connection is up, TLS included if it was asked for.
    pub fn handle_connected(&mut self) {
        let Some(call) = &mut self.call else { return };
        let method = self.api.method();
        let authorization = self.auth.authorization(method, self.url.target());
        call.authorized = authorization.is_some();
        let headers: Vec<_> =
            authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        // Some cameras wait for the body of a PUT unless they are told that it is empty.
        let length = ("Content-Length", "0");
        let headers = if method == "PUT" { [&headers[..], &[length]].concat() } else { headers };
        self.outputs
            .push_back(Output::Send(http_client::request(method, &self.url, &headers, None)));
    }

    /// Bytes from the connection.
    pub fn handle_data(&mut self, bytes: &[u8]) {
        let Some(call) = &mut self.call else { return };
        call.inbox.extend_from_slice(bytes);
        match http_client::parse(&call.inbox, false) {
            Ok(None) => {}
            Ok(Some(response)) => self.handle_response(&response),
            Err(error) => self.finish(Outcome::Failed(error.to_string())),
        }
    }

    /// The connection could not be opened, or is closed.
    pub fn handle_closed(&mut self, reason: &str) {
        let Some(call) = &self.call else { return };
        match http_client::parse(&call.inbox, true) {
            Ok(Some(response)) => self.handle_response(&response),
            _ => self.finish(Outcome::Failed(reason.to_owned())),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.finish(Outcome::Failed("no answer in time".to_owned()));
        }
    }

    /// When [`Caller::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.call.as_ref().map(|call| call.give_up_at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`Caller::poll_output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    fn connect(&mut self) {
        let Some(call) = &mut self.call else { return };
        call.inbox.clear();
        call.attempts += 1;
        let (host, port, tls) = (self.url.host().to_owned(), self.url.port(), self.url.is_tls());
        self.outputs.push_back(Output::Connect { host, port, tls });
    }

    fn handle_response(&mut self, response: &Response) {
        let status = response.status;
        let says_no = self.api == Api::Sunapi && response.body.trim_start().starts_with("NG");
        match status {
            401 => return self.handle_unauthorized(response),
            200..=299 if says_no => self.finish(Outcome::Unsupported),
            200..=299 => self.finish(Outcome::Taken),
            403 | 404 | 405 | 501 => self.finish(Outcome::Unsupported),
            _ => self.finish(Outcome::Failed(format!("HTTP {status}"))),
        }
        self.auth.handle_accepted(&Headers::new());
    }

    fn handle_unauthorized(&mut self, response: &Response) {
        let Some(call) = &self.call else { return };
        let mut headers = Headers::new();
        for challenge in &response.challenges {
            headers.push("WWW-Authenticate", challenge);
        }
        let answered = self.auth.handle_unauthorized(&headers, call.authorized);
        if answered.is_ok() && call.attempts < limits::ATTEMPTS_MAX {
            self.connect();
        } else {
            self.finish(Outcome::Unauthorized);
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.call = None;
        self.outputs.extend([Output::Disconnect, Output::Done(outcome)]);
    }
}
