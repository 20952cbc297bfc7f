//! One outgoing connection at a time, through TLS or not: a name is resolved, its addresses are
//! dialled one after the other, and the first that takes the connection is kept.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::Endpoint;
use super::resolver::{Asker, Resolved, Resolver};
use super::tcp::{ReadOutcome, TcpConnection};
use super::tls::{Connector, Tls};

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
    /// What goes over the connection is encrypted by this.
    tls: Option<Tls>,
    /// That it is up has been said.
    is_up: bool,
    /// What TLS has decrypted; `is_kept` while it has not been given out.
    plain: Vec<u8>,
    is_kept: bool,
    /// Tells answers of the resolver apart from those to questions given up.
    question: u32,
}

enum State {
    None,
    Resolving,
    Dialling { tcp: TcpConnection, token: Token, others: VecDeque<SocketAddr> },
    Up { tcp: TcpConnection, token: Token },
}

/// What has come by a connection.
pub(super) enum Incoming<'a> {
    /// It is up, TLS included.
    Up,
    /// Bytes. If `is_last`, there were no more; the other end's closing may still stand behind
    /// them, if it had come already.
    Data { bytes: &'a [u8], is_last: bool },
    /// Nothing now.
    Nothing,
    /// The other end has closed it.
    Closed,
}

impl Link {
    /// No connection; `endpoint` is what its readiness will be reported as.
    pub fn new(endpoint: Endpoint, unsent_max_bytes: usize) -> Self {
        let (tls, plain) = (None, Vec::new());
        let (state, is_up, is_kept, question) = (State::None, false, false, 0);
        Self { endpoint, unsent_max_bytes, state, tls, is_up, plain, is_kept, question }
    }

    /// Begins a connection in place of any other, through TLS where there is a connector. An error
    /// is final.
    pub fn connect(
        &mut self,
        (host, port): (&str, u16),
        connector: Option<&Connector>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let tls = connector.map(|connector| Tls::new(connector, host)).transpose()?;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return self.connect_to(SocketAddr::new(ip, port), tls, context);
        }
        self.close(context);
        self.tls = tls;
        self.question = self.question.wrapping_add(1);
        let asker = Asker { endpoint: self.endpoint, question: self.question };
        if !context.resolver.ask(asker, host, port) {
            return Err("too many names to resolve".to_owned());
        }
        self.state = State::Resolving;
        Ok(())
    }

    /// Begins a connection to this very address in place of any other. An error is final.
    pub fn connect_to(
        &mut self,
        address: SocketAddr,
        tls: Option<Tls>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        self.close(context);
        self.tls = tls;
        self.dial([address].into(), "", context)
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

    /// The next thing that has come. An error is final.
    pub fn receive<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
        context: &mut Context<'_>,
    ) -> Result<Incoming<'a>, String> {
        if self.finish_dialling(context)? {
            self.is_up = self.tls.is_none();
            self.flush_tls()?;
            if self.is_up {
                return Ok(Incoming::Up);
            }
        }
        if std::mem::take(&mut self.is_kept) {
            return Ok(Incoming::Data { bytes: &self.plain, is_last: false });
        }
        loop {
            let State::Up { tcp, .. } = &mut self.state else { return Ok(Incoming::Nothing) };
            tcp.flush().map_err(|error| error.to_string())?;
            let count = match tcp.read(buffer).map_err(|error| error.to_string())? {
                ReadOutcome::Data(count) => count,
                ReadOutcome::WouldBlock => return Ok(Incoming::Nothing),
                ReadOutcome::Closed => return Ok(Incoming::Closed),
            };
            let is_last = count < buffer.len();
            let Some(tls) = &mut self.tls else {
                return Ok(Incoming::Data {
                    bytes: buffer.get(..count).unwrap_or_default(),
                    is_last,
                });
            };
            self.plain.clear();
            let received = tls.receive(buffer.get(..count).unwrap_or_default(), &mut self.plain);
            let is_up = tls.is_up();
            // If TLS was not content, this is the alert that says so.
            received.and(self.flush_tls())?;
            if is_up && !std::mem::replace(&mut self.is_up, true) {
                self.is_kept = !self.plain.is_empty();
                return Ok(Incoming::Up);
            }
            if !self.plain.is_empty() {
                return Ok(Incoming::Data { bytes: &self.plain, is_last });
            }
        }
    }

    /// Sends while the connection is up.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let State::Up { tcp, .. } = &mut self.state else { return Ok(()) };
        let Some(tls) = &mut self.tls else {
            return tcp.send(bytes).map_err(|error| error.to_string());
        };
        tls.send(bytes)?;
        self.flush_tls()
    }

    /// Bytes that wait to be sent.
    #[cfg(feature = "turn")]
    pub fn unsent_bytes(&self) -> usize {
        match &self.state {
            State::Up { tcp, .. } => tcp.unsent_bytes(),
            _ => 0,
        }
    }

    fn flush_tls(&mut self) -> Result<(), String> {
        let (Some(tls), State::Up { tcp, .. }) = (&mut self.tls, &mut self.state) else {
            return Ok(());
        };
        tcp.send(&tls.take_outgoing()).map_err(|error| error.to_string())
    }

    /// The socket is ready: whether TCP has just come up. An error is final.
    fn finish_dialling(&mut self, context: &mut Context<'_>) -> Result<bool, String> {
        if !matches!(self.state, State::Dialling { .. }) {
            return Ok(false); // every reading asks this
        }
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
        let is_up = tcp.addresses().is_some();
        self.state = match is_up {
            true => State::Up { tcp, token },
            // Neither up nor failed: the event was early.
            false => State::Dialling { tcp, token, others },
        };
        Ok(is_up)
    }

    /// Our end's address and the other's, while there is a connection.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.state {
            State::Up { tcp, .. } => tcp.addresses(),
            _ => None,
        }
    }

    /// Ends the connection, or the attempt.
    pub fn close(&mut self, context: &mut Context<'_>) {
        (self.tls, self.is_up, self.is_kept) = (None, false, false);
        self.plain = Vec::new();
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
