//! The WebSocket to a room's signalling server (RFC 6455), over a link that may encrypt.

use std::io::{self, Read, Write};
use std::time::Instant;

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

use crate::http_client::{Upgrade, UpgradeError, Url};
use crate::limits;
use crate::net::Endpoint;
use crate::net::link::{Context, Incoming, Link};
use crate::net::random::fill_random;
use crate::net::resolver::Resolved;
use crate::net::tls::{Authorities, Connector};
use crate::room::limits::MESSAGE_MAX_BYTES;

/// One connection at a time, or the attempt.
pub(in crate::net) struct Socket {
    url: Url,
    connector: Connector,
    link: Link,
    state: State,
    heard_at: Instant,
    ping_at: Instant,
}

enum State {
    /// There is no WebSocket, perhaps a connection that is to carry one.
    None,
    /// It was asked for, and this much of an answer has come.
    Asked(Upgrade, Vec<u8>),
    Open(Box<WebSocket<Pipe>>),
}

/// What has come.
pub(in crate::net) enum Received {
    /// The WebSocket is open.
    Open,
    /// A message.
    Text(String),
    /// Nothing now.
    Nothing,
    /// Something of no interest; there may be more.
    Other,
}

/// Why a WebSocket is over.
pub(in crate::net) struct Closed {
    /// The server's close code (RFC 6455 section 7.4), if it gave one.
    pub code: Option<u16>,
    /// Why, for people; without the address.
    pub reason: String,
}

/// What stands between frames and the link.
#[derive(Default)]
struct Pipe {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.incoming.as_slice().read(buffer)?;
        self.incoming.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket {
    /// No connection; `endpoint` is what its readiness will be reported as. None where the
    /// address is no `ws:` or `wss:` URL.
    pub fn new(
        now: Instant,
        address: &str,
        endpoint: Endpoint,
        authorities: &Authorities,
    ) -> Option<Self> {
        let url = Url::parse(&address.strip_prefix("ws").map(|rest| format!("http{rest}"))?)?;
        let connector = Connector::new(authorities, config::Tls::Verify);
        if url.is_tls() {
            connector.prepare();
        }
        Some(Self {
            url,
            connector,
            link: Link::new(endpoint, limits::ROOM_UNSENT_MAX_BYTES),
            state: State::None,
            heard_at: now,
            ping_at: now,
        })
    }

    /// Host of the server.
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Begins a connection in place of any other.
    pub fn connect(&mut self, context: &mut Context<'_>) -> Result<(), Closed> {
        self.state = State::None;
        let connector = self.url.is_tls().then_some(&self.connector);
        let address = (self.url.host(), self.url.port());
        Ok(self.link.connect(address, connector, context)?)
    }

    /// The resolver's answer.
    pub fn handle_resolved(
        &mut self,
        resolved: Resolved,
        context: &mut Context<'_>,
    ) -> Result<(), Closed> {
        Ok(self.link.handle_resolved(resolved, context)?)
    }

    /// The next thing that has come. An error is final.
    pub fn receive(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> Result<Received, Closed> {
        let received = self.read_message(now)?;
        if !matches!(received, Received::Nothing) {
            return Ok(received);
        }
        match self.link.receive(buffer, context)? {
            Incoming::Nothing => Ok(Received::Nothing),
            Incoming::Closed => Err(Closed::from("closed by the server".to_owned())),
            Incoming::Up => {
                let mut nonce = [0; 16];
                fill_random(&mut nonce);
                let upgrade = Upgrade::new(nonce);
                self.link.send(&upgrade.request(&self.url))?;
                self.state = State::Asked(upgrade, Vec::new());
                Ok(Received::Other)
            }
            Incoming::Data { bytes, .. } => match std::mem::replace(&mut self.state, State::None) {
                State::None => Ok(Received::Other),
                State::Asked(upgrade, mut answer) => {
                    answer.extend_from_slice(bytes);
                    self.go_on(now, upgrade, answer)
                }
                State::Open(mut socket) => {
                    socket.get_mut().incoming.extend_from_slice(bytes);
                    self.state = State::Open(socket);
                    Ok(Received::Other)
                }
            },
        }
    }

    fn go_on(
        &mut self,
        now: Instant,
        upgrade: Upgrade,
        answer: Vec<u8>,
    ) -> Result<Received, Closed> {
        let Some(length) = upgrade.parse(&answer)? else {
            self.state = State::Asked(upgrade, answer);
            return Ok(Received::Other);
        };
        let behind = answer.get(length..).unwrap_or_default().to_vec();
        let (pipe, config) = (Pipe::default(), Some(config()));
        let socket = WebSocket::from_partially_read(pipe, behind, Role::Client, config);
        self.heard_at = now;
        self.ping_at = now + limits::WEBSOCKET_PING_INTERVAL;
        self.state = State::Open(Box::new(socket));
        Ok(Received::Open)
    }

    /// The next whole message of those bytes that have come.
    fn read_message(&mut self, now: Instant) -> Result<Received, Closed> {
        let State::Open(socket) = &mut self.state else { return Ok(Received::Nothing) };
        let received = match socket.read() {
            Ok(Message::Text(text)) => Received::Text(text.as_str().to_owned()),
            Ok(Message::Close(frame)) => {
                let code = frame.map(|frame| u16::from(frame.code));
                return Err(Closed { code, reason: "closed by the server".to_owned() });
            }
            Ok(_) => Received::Other,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Received::Nothing);
            }
            Err(error) => return Err(Closed::from(error)),
        };
        self.heard_at = now;
        self.flush()?; // pongs
        Ok(received)
    }

    /// Sends a text message, if the WebSocket is open.
    pub fn send(&mut self, text: String) -> Result<(), Closed> {
        self.write(Message::text(text))
    }

    fn write(&mut self, message: Message) -> Result<(), Closed> {
        let State::Open(socket) = &mut self.state else { return Ok(()) };
        socket.send(message).map_err(Closed::from)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Closed> {
        let State::Open(socket) = &mut self.state else { return Ok(()) };
        let bytes = std::mem::take(&mut socket.get_mut().outgoing);
        if bytes.is_empty() { Ok(()) } else { Ok(self.link.send(&bytes)?) }
    }

    /// Time has passed. An error is final.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Closed> {
        if !matches!(self.state, State::Open(_)) {
            return Ok(());
        }
        if now >= self.heard_at + limits::WEBSOCKET_SILENCE {
            return Err(Closed::from("the server is silent".to_owned()));
        }
        if now >= self.ping_at {
            self.ping_at = now + limits::WEBSOCKET_PING_INTERVAL;
            return self.write(Message::Ping(Bytes::new()));
        }
        Ok(())
    }

    /// When [`Socket::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.ping_at.min(self.heard_at + limits::WEBSOCKET_SILENCE);
        matches!(self.state, State::Open(_)).then_some(due)
    }

    /// Ends the connection, or the attempt, with a word to the server.
    pub fn close(&mut self, context: &mut Context<'_>) {
        if let State::Open(socket) = &mut self.state
            && socket.close(None).is_ok()
        {
            let _ = self.flush(); // it is over either way
        }
        self.state = State::None;
        self.link.close(context);
    }
}

impl From<String> for Closed {
    fn from(reason: String) -> Self {
        Self { code: None, reason }
    }
}

impl From<UpgradeError> for Closed {
    fn from(error: UpgradeError) -> Self {
        Self::from(error.to_string())
    }
}

impl From<Error> for Closed {
    fn from(error: Error) -> Self {
        let reason = match &error {
            Error::Capacity(_) => "a message is too long".to_owned(),
            error => format!("no WebSocket: {error}"),
        };
        Self::from(reason)
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::ROOM_UNSENT_MAX_BYTES)
        .max_message_size(Some(MESSAGE_MAX_BYTES))
        .max_frame_size(Some(MESSAGE_MAX_BYTES))
}
