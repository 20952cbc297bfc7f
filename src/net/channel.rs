//! What an RTSP client takes for its connection: one, through TLS or not, or the two of a tunnel
//! through HTTP.

use rtsp::tunnel::{Progress, Tunnel, TunnelError, encode};

use super::Endpoint;
use super::link::{Context, Incoming, Link};
use super::resolver::Resolved;
use super::tls::{Connector, Tls};

/// A connection, or the attempt.
pub(super) struct Channel {
    /// All of it, but what goes out through a tunnel.
    main: Link,
    /// What goes out through a tunnel.
    post: Link,
    way: Way,
    host: String,
    connector: Option<Connector>,
}

enum Way {
    Direct,
    /// The first connection of a tunnel is being made.
    Get(Box<Tunnel>),
    /// The second one is.
    Post(Box<Tunnel>),
    Tunnel,
}

/// Why a channel is of no more use.
pub(super) enum Failure {
    /// The server does not want this tunnel.
    Tunnel(TunnelError),
    /// Anything else.
    Other(String),
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Self {
        Self::Tunnel(error)
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

impl Channel {
    /// No connection; `main` and `post` are what the readiness of the one and of a second will be
    /// reported as.
    pub fn new(main: Endpoint, post: Endpoint, unsent_max_bytes: usize) -> Self {
        Self {
            main: Link::new(main, unsent_max_bytes),
            post: Link::new(post, unsent_max_bytes),
            way: Way::Direct,
            host: String::new(),
            connector: None,
        }
    }

    /// Begins a connection in place of any other.
    pub fn connect(
        &mut self,
        (host, port): (&str, u16),
        connector: Option<&Connector>,
        tunnel: Option<Box<Tunnel>>,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        self.close(context);
        self.way = tunnel.map_or(Way::Direct, Way::Get);
        self.host = host.to_owned();
        self.connector = connector.cloned();
        Ok(self.main.connect((host, port), connector, context)?)
    }

    fn tls(&self) -> Result<Option<Tls>, String> {
        let connector = self.connector.as_ref();
        connector.map(|connector| Tls::new(connector, &self.host)).transpose()
    }

    /// The resolver's answer.
    pub fn handle_resolved(
        &mut self,
        resolved: Resolved,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        Ok(self.main.handle_resolved(resolved, context)?)
    }

    /// The next thing that has come by the main connection.
    pub fn receive<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
        context: &mut Context<'_>,
    ) -> Result<Incoming<'a>, Failure> {
        if let Way::Direct | Way::Tunnel = self.way {
            return Ok(self.main.receive(buffer, context)?);
        }
        loop {
            let progress = match (self.main.receive(buffer, context)?, &mut self.way) {
                (Incoming::Nothing, _) => return Ok(Incoming::Nothing),
                (Incoming::Closed, _) => return Ok(Incoming::Closed),
                (Incoming::Data { bytes, .. }, Way::Get(tunnel)) => {
                    tunnel.handle_get_data(bytes)?
                }
                // Nothing has been asked yet: this is no answer.
                (Incoming::Data { .. }, _) => Progress::Incomplete,
                (Incoming::Up, Way::Get(tunnel)) => {
                    let request = tunnel.get();
                    self.main.send(&request)?;
                    Progress::Incomplete
                }
                (Incoming::Up, _) => Progress::Incomplete,
            };
            match progress {
                Progress::Incomplete => {}
                Progress::Again => {
                    self.dial_again(context)?;
                    return Ok(Incoming::Nothing);
                }
                Progress::Accepted => self.dial_post(context)?,
            }
        }
    }

    /// The first connection anew, to where it was: a name may lead elsewhere next time.
    fn dial_again(&mut self, context: &mut Context<'_>) -> Result<(), String> {
        let (_, address) = self.main.addresses().ok_or("the connection is gone")?;
        let tls = self.tls()?;
        self.main.connect_to(address, tls, context)
    }

    fn dial_post(&mut self, context: &mut Context<'_>) -> Result<(), String> {
        let (_, address) = self.main.addresses().ok_or("the connection is gone")?;
        if let Way::Get(tunnel) = std::mem::replace(&mut self.way, Way::Direct) {
            self.way = Way::Post(tunnel);
        }
        let tls = self.tls()?;
        self.post.connect_to(address, tls, context)
    }

    /// The next thing that has come by the second connection: `Up` is that of the tunnel.
    pub fn receive_post(
        &mut self,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> Result<Incoming<'static>, Failure> {
        loop {
            match self.post.receive(buffer, context)? {
                Incoming::Nothing => return Ok(Incoming::Nothing),
                Incoming::Closed => return Ok(Incoming::Closed),
                Incoming::Data { bytes, .. } => Tunnel::check_post_reply(bytes)?,
                Incoming::Up => {
                    if let Way::Post(tunnel) = &mut self.way {
                        let request = tunnel.post();
                        self.way = Way::Tunnel;
                        self.post.send(&request)?;
                        return Ok(Incoming::Up);
                    }
                }
            }
        }
    }

    /// Sends while there is a connection.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self.way {
            Way::Direct => self.main.send(bytes),
            Way::Tunnel => self.post.send(&encode(bytes)),
            Way::Get(_) | Way::Post(_) => Ok(()),
        }
    }

    /// Our end's address and the other's, while there is a connection.
    pub fn addresses(&self) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
        self.main.addresses()
    }

    /// Ends the connection, or the attempt.
    pub fn close(&mut self, context: &mut Context<'_>) {
        self.main.close(context);
        self.post.close(context);
        self.way = Way::Direct;
    }
}
