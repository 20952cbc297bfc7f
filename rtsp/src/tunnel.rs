//! RTSP through HTTP, as QuickTime began it and ONVIF Streaming 5.1.1.4 asks for it: what the
//! server says comes as the endless body of a GET, what the client says goes as the body of a
//! POST, in base64, on a second connection.
//!
//! Only the opening is here: once both connections are there, the bytes of the first are the
//! server's as they are, and those for the second pass [`encode`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::{AuthError, Authenticator};
use crate::interleaved::head_length;
use crate::limits::MAX_TUNNEL_HEAD_BYTES;
use crate::message::{Headers, parse_headers, push_header};
use crate::random::Random;
use crate::url::Url;

/// Length that every client announces for the POST, in bytes, and none keeps to.
const POST_LENGTH_BYTES: &str = "32767";
const MEDIA_TYPE: &str = "application/x-rtsp-tunnelled";

/// The opening of one tunnel.
#[derive(Clone)]
pub struct Tunnel {
    /// Path and query: what both requests are about.
    target: String,
    host: String,
    user_agent: String,
    /// Tells the server which GET and which POST belong together.
    cookie: String,
    auth: Authenticator,
    /// The last GET carried an `Authorization`.
    authorized: bool,
    /// The reply to the GET, as far as it has come.
    reply: Vec<u8>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

/// Where the opening is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More of the reply has to come.
    Incomplete,
    /// The first connection is of no more use: dial it anew, and send [`Tunnel::get`] again, now
    /// with credentials. Servers close a connection whose GET they refused.
    Again,
    /// The GET was accepted: dial the second connection, to the same address, and send
    /// [`Tunnel::post`] there. Its reply need not come, and must not be waited for. What the
    /// first connection says before then answers nothing.
    Accepted,
}

/// Why there is no tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelError {
    /// What answers does not speak HTTP, or says too much.
    NotHttp,
    /// The server refused a request, 404 mostly for want of tunnels at all.
    Status {
        /// `GET` or `POST`.
        method: &'static str,
        /// Status code of the reply.
        status: u16,
    },
    /// The server wants credentials that it does not get.
    Auth(AuthError),
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("no HTTP is spoken there"),
            Self::Status { method, status } => {
                write!(f, "{method} of the HTTP tunnel refused: {status}")
            }
            Self::Auth(_) => f.write_str("the HTTP tunnel wants other credentials"),
        }
    }
}

impl std::error::Error for TunnelError {}

impl Tunnel {
    /// A tunnel to the server of this URL. `seed` feeds the cookie and client nonces.
    #[must_use]
    pub fn new(url: &Url, user_agent: &str, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let cookie = format!("{:016x}", random.next_u64());
        let root = if url.path().starts_with('/') { "" } else { "/" };
        Self {
            target: format!("{root}{}", url.path()),
            host: url.authority(),
            user_agent: user_agent.to_owned(),
            cookie,
            auth: Authenticator::new(url.credentials().cloned(), random.next_u64()),
            authorized: false,
            reply: Vec::new(),
        }
    }

    /// What to say first on a first connection.
    pub fn get(&mut self) -> Vec<u8> {
        self.reply.clear();
        let authorization = self.auth.authorization("GET", &self.target);
        self.authorized = authorization.is_some();
        self.head("GET", authorization, &[("Accept", MEDIA_TYPE)])
    }

    /// What to say first on the second connection.
    pub fn post(&mut self) -> Vec<u8> {
        let authorization = self.auth.authorization("POST", &self.target);
        let headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", POST_LENGTH_BYTES),
            // In the past, so that no proxy keeps the reply.
            ("Expires", "Sun, 9 Jan 1972 00:00:00 GMT"),
        ];
        self.head("POST", authorization, &headers)
    }

    fn head(&self, method: &str, authorization: Option<String>, own: &[(&str, &str)]) -> Vec<u8> {
        let mut out = format!("{method} {} HTTP/1.1\r\n", self.target).into_bytes();
        let common = [
            ("Host", self.host.as_str()),
            ("User-Agent", &self.user_agent),
            ("x-sessioncookie", &self.cookie),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
        ];
        let authorization = authorization.as_deref().map(|value| ("Authorization", value));
        for (name, value) in common.iter().chain(own).copied().chain(authorization) {
            push_header(&mut out, name, value);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// Bytes from the first connection, cut anyhow, until the GET is answered.
    ///
    /// # Errors
    /// When there will be no tunnel.
    pub fn handle_get_data(&mut self, bytes: &[u8]) -> Result<Progress, TunnelError> {
        self.reply.extend_from_slice(bytes);
        let Some((status, headers)) = read_head(&self.reply)? else {
            return Ok(Progress::Incomplete);
        };
        self.reply = Vec::new();
        match status {
            401 => {
                let again = self.auth.handle_unauthorized(&headers, self.authorized);
                again.map(|_| Progress::Again).map_err(TunnelError::Auth)
            }
            // `x-server-ip-address` is not looked at: behind a proxy it names what can not be
            // reached from here.
            200..300 => {
                self.auth.handle_accepted(&headers);
                Ok(Progress::Accepted)
            }
            status => Err(TunnelError::Status { method: "GET", status }),
        }
    }

    /// The first bytes from the second connection, if any come: whether the POST was refused.
    ///
    /// # Errors
    /// When the server says that it was.
    pub fn check_post_reply(bytes: &[u8]) -> Result<(), TunnelError> {
        match status_line(bytes) {
            Some(status) if status >= 300 => Err(TunnelError::Status { method: "POST", status }),
            _ => Ok(()),
        }
    }
}

/// What goes out on the second connection for a message to the server.
#[must_use]
pub fn encode(message: &[u8]) -> Vec<u8> {
    STANDARD.encode(message).into_bytes()
}

/// Status and headers of a reply; none while some are missing.
fn read_head(bytes: &[u8]) -> Result<Option<(u16, Headers)>, TunnelError> {
    let start = bytes.get(..5).unwrap_or(bytes);
    if !b"HTTP/".starts_with(start) {
        return Err(TunnelError::NotHttp);
    }
    let Some(length) = head_length(bytes, 0).filter(|length| *length <= MAX_TUNNEL_HEAD_BYTES)
    else {
        let is_too_long = bytes.len() > MAX_TUNNEL_HEAD_BYTES;
        return if is_too_long { Err(TunnelError::NotHttp) } else { Ok(None) };
    };
    let head = bytes.get(..length).unwrap_or_default();
    let status = status_line(head).ok_or(TunnelError::NotHttp)?;
    let headers = parse_headers(head).map_err(|_| TunnelError::NotHttp)?;
    Ok(Some((status, headers)))
}

/// The status code of `HTTP/1.0 200 OK`.
fn status_line(bytes: &[u8]) -> Option<u16> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let mut words = line.strip_prefix(b"HTTP/")?.split(|byte| byte.is_ascii_whitespace());
    let code = words.by_ref().skip(1).find(|word| !word.is_empty())?;
    std::str::from_utf8(code).ok()?.parse().ok().filter(|code| (100..1000).contains(code))
}

#[cfg(test)]
#[path = "tunnel_tests.rs"]
mod tests;
