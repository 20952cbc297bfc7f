//! One WebSocket (RFC 6455) and the control session on it.

use std::io;
use std::time::Instant;

use mio::net::TcpStream;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

use crate::control;
use crate::engine::viewer::ViewerId;
use crate::limits;

/// Bytes read from the socket at a time, twice of which stay with each client: messages are small
/// but for offers.
const READ_BUFFER_BYTES: usize = 1024;

/// What [`Socket::read`] found.
pub(super) enum Read {
    /// A message, which the session has.
    Message {
        /// Its length.
        bytes: usize,
    },
    /// Nothing more at present.
    Nothing,
}

/// The socket.
pub(super) struct Socket {
    /// The control session.
    pub session: control::Session,
    /// The viewer that the session has opened.
    pub viewer: Option<ViewerId>,
    web_socket: WebSocket<TcpStream>,
    heard_at: Instant,
    ping_at: Instant,
    is_over: bool,
}

impl Socket {
    /// Goes on with a connection whose handshake has been answered. `rest` are bytes that
    /// came behind the handshake.
    pub fn new(now: Instant, stream: TcpStream, rest: Vec<u8>, session: control::Session) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(limits::WEBSOCKET_UNSENT_MAX_BYTES)
            .max_message_size(Some(control::limits::MESSAGE_MAX_BYTES))
            .max_frame_size(Some(control::limits::MESSAGE_MAX_BYTES));
        Self {
            session,
            viewer: None,
            web_socket: WebSocket::from_partially_read(stream, rest, Role::Server, Some(config)),
            heard_at: now,
            ping_at: now + limits::WEBSOCKET_PING_INTERVAL,
            is_over: false,
        }
    }

    /// For deregistration.
    pub fn stream_mut(&mut self) -> &mut TcpStream {
        self.web_socket.get_mut()
    }

    /// Whether the connection has ended.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Hands the next message to the session. The session's outputs must be taken before the
    /// next call: an answer belongs to the offer that asked for it.
    pub fn read(&mut self, now: Instant, known: &dyn Fn(&str) -> bool) -> Read {
        match self.web_socket.read() {
            Ok(message) => {
                self.heard_at = now;
                match &message {
                    Message::Text(text) => self.session.handle_text(now, text, known),
                    Message::Binary(_) => self.session.handle_binary(now),
                    _ => {}
                }
                return Read::Message { bytes: message.len() };
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(Error::Capacity(error)) => {
                log::info!("WebSocket: {error}");
                self.session.handle_oversize(now);
            }
            Err(error) => {
                log::debug!("WebSocket: {error}");
                self.is_over = true;
            }
        }
        self.flush(); // what waited for the socket, pongs, close replies
        Read::Nothing
    }

    /// Sends a text message.
    pub fn send(&mut self, text: String) {
        self.finish(Message::text(text));
    }

    /// Closes in order: the other end's reply ends the connection.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        if let Err(error) = self.web_socket.close(Some(frame)) {
            log::debug!("WebSocket: {error}");
        }
        self.flush();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        if now >= self.heard_at + limits::WEBSOCKET_SILENCE {
            log::info!("WebSocket: silent, closed");
            self.is_over = true;
        } else if now >= self.ping_at {
            self.ping_at = now + limits::WEBSOCKET_PING_INTERVAL;
            self.finish(Message::Ping(Bytes::new()));
        }
    }

    /// When [`Socket::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Instant {
        let silence = self.heard_at + limits::WEBSOCKET_SILENCE;
        let own = self.ping_at.min(silence);
        self.session.poll_timeout().map_or(own, |session| session.min(own))
    }

    fn finish(&mut self, message: Message) {
        match self.web_socket.write(message) {
            Ok(()) => self.flush(),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                // A reader that is too slow, or a socket that is closing.
                log::debug!("WebSocket: {error}");
                self.is_over = true;
            }
        }
    }

    fn flush(&mut self) {
        match self.web_socket.flush() {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                log::debug!("WebSocket: {error}");
                self.is_over = true;
            }
        }
    }
}
