//! One outgoing TCP connection at a time: a name is resolved, its addresses are dialled one
//! after the other, and the first that takes the connection is kept.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::Endpoint;
use super::resolver::{Asker, Resolved, Resolver};
use super::tcp::TcpConnection;

/// What a connection needs of the loop.
pub(super) struct Context<'a> {
    pub registry: &'a Registry,
    pub endpoints: &'a mut Slab<Endpoint>,
    pub resolver: &'a Resolver,
}

/// The connection, or the attempt.
pub(super) struct Link {
    endpoint: Endpoint,
    unsent_max_bytes: usize,
    state: State,
    /// Tells answers of the resolver apart from those to questions given up.
    question: u32,
}

enum State {
    None,
    Resolving,
    Dialling { tcp: TcpConnection, token: Token, others: VecDeque<SocketAddr> },
    Up { tcp: TcpConnection, token: Token },
}

impl Link {
    /// No connection; `endpoint` is what its readiness will be reported as.
    pub fn new(endpoint: Endpoint, unsent_max_bytes: usize) -> Self {
        Self { endpoint, unsent_max_bytes, state: State::None, question: 0 }
    }

    /// Begins a connection in place of any other. An error is final.
    pub fn connect(
        &mut self,
        host: &str,
        port: u16,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        self.close(context);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return self.dial([SocketAddr::new(ip, port)].into(), "", context);
        }
        self.question = self.question.wrapping_add(1);
        let asker = Asker { endpoint: self.endpoint, question: self.question };
        if !context.resolver.ask(asker, host, port) {
            return Err("too many names to resolve".to_owned());
        }
        self.state = State::Resolving;
        Ok(())
    }

    /// The resolver's answer. An error is final.
    pub fn handle_resolved(
        &mut self,
        resolved: Resolved,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        if resolved.asker.question != self.question || !matches!(self.state, State::Resolving) {
            return Ok(());
        }
        self.state = State::None;
        self.dial(resolved.result?.into(), "no address", context)
    }

    /// Dials the first address that can be dialled.
    fn dial(
        &mut self,
        mut addresses: VecDeque<SocketAddr>,
        reason: &str,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let mut reason = reason.to_owned();
        while let Some(address) = addresses.pop_front() {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    let mut tcp = TcpConnection::new(stream, self.unsent_max_bytes);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    match register(context, tcp.stream_mut(), self.endpoint, interest) {
                        Ok(token) => {
                            self.state = State::Dialling { tcp, token, others: addresses };
                            return Ok(());
                        }
                        Err(error) => reason = error.to_string(),
                    }
                }
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }

    /// The socket is ready: whether the connection has just come up. An error is final.
    pub fn finish_dialling(&mut self, context: &mut Context<'_>) -> Result<bool, String> {
        let (mut tcp, token, others) = match std::mem::replace(&mut self.state, State::None) {
            State::Dialling { tcp, token, others } => (tcp, token, others),
            state => {
                self.state = state;
                return Ok(false);
            }
        };
        let failure = match tcp.stream_mut().take_error() {
            Ok(failure) => failure,
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            release(context, token, tcp.stream_mut());
            self.dial(others, &error.to_string(), context)?;
            return Ok(false);
        }
        let is_up = tcp.peer_ip().is_some();
        self.state = match is_up {
            true => State::Up { tcp, token },
            // Neither up nor failed: the event was early.
            false => State::Dialling { tcp, token, others },
        };
        Ok(is_up)
    }

    /// The connection, while it is up.
    pub fn tcp(&mut self) -> Option<&mut TcpConnection> {
        match &mut self.state {
            State::Up { tcp, .. } => Some(tcp),
            _ => None,
        }
    }

    /// The other end's address, while the connection is up.
    pub fn peer_ip(&self) -> Option<IpAddr> {
        match &self.state {
            State::Up { tcp, .. } => tcp.peer_ip(),
            _ => None,
        }
    }

    /// Ends the connection, or the attempt.
    pub fn close(&mut self, context: &mut Context<'_>) {
        match std::mem::replace(&mut self.state, State::None) {
            State::Dialling { mut tcp, token, .. } | State::Up { mut tcp, token } => {
                release(context, token, tcp.stream_mut());
            }
            State::None | State::Resolving => {}
        }
    }
}

/// Has a socket's readiness reported as this endpoint.
pub(super) fn register(
    context: &mut Context<'_>,
    source: &mut impl mio::event::Source,
    endpoint: Endpoint,
    interest: Interest,
) -> io::Result<Token> {
    let token = Token(context.endpoints.insert(endpoint));
    let registered = context.registry.register(source, token, interest);
    if registered.is_err() {
        context.endpoints.try_remove(token.0);
    }
    registered.map(|()| token)
}

/// Ends what [`register`] began.
pub(super) fn release(
    context: &mut Context<'_>,
    token: Token,
    source: &mut impl mio::event::Source,
) {
    context.endpoints.try_remove(token.0);
    if let Err(error) = context.registry.deregister(source) {
        log::debug!("deregister: {error}");
    }
}
