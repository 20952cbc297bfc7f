//! The RTSP server: readers, each a viewer of one slot, and publishers (see [`super::pushes`]).
//!
//! All clients share one pair of UDP sockets: datagrams are told apart by where they come from
//! (see [`super::rtsp_ports`]).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use config::Login;
use mio::net::TcpListener;
use mio::{Interest, Token};
use rtsp::server::{
    AudioPacket, Description, Frame, Lockout, Options, Output, Refusal, Session, describe,
    describe_plain,
};
use rtsp::url::Credentials;
use slab::Slab;

use super::pushes::Pusher;
use super::random::random_u64;
use super::rtsp_ports::RtspPorts;
use super::server::Server;
use super::tcp::{ReadOutcome, TcpConnection};
use super::udp::MediaSocket;
use super::viewers::Audience;
use super::wall_clock::WallClock;
use super::{Door, Endpoint, Timer, table};
use crate::engine::codec::VideoCodec;
use crate::engine::frame::{AudioEgress, Egress};
use crate::engine::source::{Health, SourceId};
use crate::engine::viewer::{SlotKey, ViewerId};
use crate::intake::Intake;
use crate::limits;

/// The server's sockets and clients.
pub(super) struct Restream {
    public: Option<Public>,
    /// Where our own programs come in.
    programs: Option<TcpListener>,
    clock: WallClock,
    lockout: Lockout,
    clients: Slab<Client>,
    ports: RtspPorts,
}

/// What readers and publishers reach.
struct Public {
    listener: TcpListener,
    rtp: MediaSocket,
    rtcp: MediaSocket,
    options: Options,
}

/// One connection.
pub(super) struct Client {
    tcp: TcpConnection,
    token: Token,
    ip: IpAddr,
    door: Door,
    /// The source of the program that it is of.
    program: Option<SourceId>,
    session: Session,
    /// Where its datagrams come from, as [`Restream::ports`] knows them.
    ports: Vec<u16>,
    watched: Option<Watched>,
    /// The stream that it pushes, or is about to.
    pushed: Option<SourceId>,
}

/// What a reader has asked for.
#[derive(Clone, Copy)]
struct Watched {
    viewer: ViewerId,
    source: SourceId,
    /// It waits for the description.
    describing: bool,
}

impl Restream {
    /// A server that nobody reaches yet.
    pub fn new(clock: WallClock) -> Self {
        let (lockout, clients, ports) = (Lockout::default(), Slab::new(), RtspPorts::default());
        Self { public: None, programs: None, clock, lockout, clients, ports }
    }

    /// Binds the listener and the UDP sockets.
    pub fn open(&mut self, config: &config::Rtsp) -> io::Result<()> {
        let listener = TcpListener::bind(config.listen)?;
        let (rtp, rtcp) = MediaSocket::bind_pair(config.listen.ip())?;
        let udp_ports = Some((rtp.local_addr().port(), rtcp.local_addr().port()));
        let credentials = config
            .login
            .clone()
            .map(|Login { username, password }| Credentials { username, password });
        log::info!("RTSP on {}", listener.local_addr()?);
        let options = Options { credentials, udp_ports, accepts_push: true };
        self.public = Some(Public { listener, rtp, rtcp, options });
        Ok(())
    }

    /// Binds the listener of our own programs.
    pub fn open_for_programs(&mut self, listen: SocketAddr) -> io::Result<()> {
        self.programs = Some(TcpListener::bind(listen)?);
        Ok(())
    }

    /// Where our own programs connect to.
    pub fn programs_address(&self) -> Option<SocketAddr> {
        self.programs.as_ref()?.local_addr().ok()
    }

    /// For registration with the poll.
    pub fn sources(&mut self) -> Vec<(&mut dyn mio::event::Source, Endpoint)> {
        let mut all: Vec<(&mut dyn mio::event::Source, Endpoint)> = Vec::new();
        if let Some(public) = &mut self.public {
            all.push((&mut public.listener, Endpoint::RtspListener(Door::Public)));
            all.push((public.rtp.source(), Endpoint::RtspMedia { rtcp: false }));
            all.push((public.rtcp.source(), Endpoint::RtspMedia { rtcp: true }));
        }
        if let Some(listener) = &mut self.programs {
            all.push((listener, Endpoint::RtspListener(Door::Programs)));
        }
        all
    }

    /// The listener behind a door, and what its clients may do.
    fn door(&self, door: Door) -> Option<(&TcpListener, Options)> {
        match (door, &self.public) {
            (Door::Public, public) => {
                public.as_ref().map(|public| (&public.listener, public.options.clone()))
            }
            // The secret path is the password.
            (Door::Programs, _) => {
                let options = Options { accepts_push: true, ..Options::default() };
                self.programs.as_ref().map(|listener| (listener, options))
            }
        }
    }

    /// Everybody who is connected.
    pub fn clients(&self) -> &Slab<Client> {
        &self.clients
    }

    /// A client's session.
    pub fn session(&self, key: usize) -> Option<&Session> {
        self.clients.get(key).map(|client| &client.session)
    }

    /// A client's session. Whoever makes it do something has it pumped.
    pub fn session_mut(&mut self, key: usize) -> Option<&mut Session> {
        self.clients.get_mut(key).map(|client| &mut client.session)
    }

    /// Learns where a client's datagrams come from by now.
    fn follow_ports(&mut self, key: usize) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if !client.session.udp_ports().eq(client.ports.iter().copied()) {
            let after: Vec<u16> = client.session.udp_ports().collect();
            self.ports.replace(key, client.ip, &client.ports, &after);
            client.ports = after;
        }
    }

    /// Sends what is still held back.
    pub fn flush(&mut self) {
        if let Some(public) = &mut self.public {
            public.rtp.flush();
            public.rtcp.flush();
        }
    }
}

impl Server {
    fn rtsp_client(&mut self, key: usize) -> Option<&mut Client> {
        self.restream.as_mut()?.clients.get_mut(key)
    }

    /// Takes new connections. True while there may be more.
    pub(super) fn accept_rtsp_clients(&mut self, now: Instant, door: Door) -> bool {
        let Some(restream) = &mut self.restream else { return false };
        loop {
            let Some((listener, options)) = restream.door(door) else { return false };
            let (stream, from) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    log::warn!("RTSP: accept: {error}");
                    return false; // out of descriptors: the next connection tries again
                }
            };
            let ip = from.ip().to_canonical();
            if restream.lockout.is_locked(now, ip) {
                log::debug!("RTSP: {ip} has to wait");
                continue;
            }
            let max = match door {
                Door::Public => self.config.limits.readers_max,
                Door::Programs => limits::PROGRAM_CLIENTS_MAX,
            };
            let others = restream.clients.iter().filter(|(_, client)| client.door == door);
            if others.count() >= max {
                log::warn!("RTSP: more than {max} clients: one refused");
                continue;
            }
            let mut tcp = TcpConnection::new(stream, limits::RTSP_CLIENT_UNSENT_MAX_BYTES);
            let entry = restream.clients.vacant_entry();
            let token = Token(self.endpoints.insert(Endpoint::RtspClient(entry.key())));
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(tcp.stream_mut(), token, interest) {
                log::warn!("RTSP: accept: {error}");
                self.endpoints.try_remove(token.0);
                continue;
            }
            let ntp = restream.clock.ntp(now);
            let session = Session::new(now, ntp, random_u64(), options);
            self.dirty.rtsp_clients.insert(entry.key());
            entry.insert(Client {
                tcp,
                token,
                ip,
                door,
                program: None,
                session,
                ports: Vec::new(),
                watched: None,
                pushed: None,
            });
        }
    }

    /// A connection is ready. True while there may be more to read.
    pub(super) fn handle_rtsp_client(
        &mut self,
        now: Instant,
        key: usize,
        buffer: &mut [u8],
    ) -> bool {
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            let Some(client) = self.rtsp_client(key) else { return false };
            match client.tcp.flush().and_then(|()| client.tcp.read(buffer)) {
                Ok(ReadOutcome::Data(count)) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    client.session.handle_data(now, bytes);
                    self.pump_rtsp_client(now, key);
                    budget = budget.saturating_sub(count);
                    if budget == 0 {
                        return true;
                    }
                }
                Ok(ReadOutcome::WouldBlock) => {
                    self.dirty.rtsp_clients.insert(key);
                    return false;
                }
                Ok(ReadOutcome::Closed) | Err(_) => {
                    self.close_rtsp_client(now, key);
                    return false;
                }
            }
        }
    }

    /// A UDP socket is readable. True while there may be more.
    pub(super) fn receive_rtsp_datagrams(&mut self, now: Instant, rtcp: bool) -> bool {
        let Some(Restream { public: Some(public), clients, ports, .. }) = &mut self.restream else {
            return false;
        };
        let Public { rtp, rtcp: rtcp_socket, .. } = public;
        let socket = if rtcp { rtcp_socket } else { rtp };
        let inbox = &mut self.inbox;
        let dirty = &mut self.dirty.rtsp_clients;
        for _ in 0..limits::UDP_BUDGET_BATCHES {
            let more = socket.receive(inbox, |datagram| {
                let from = datagram.from;
                let Some(key) = ports.find(from) else { return };
                if let Some(client) = clients.get_mut(key) {
                    client.session.handle_datagram(now, from.port(), rtcp, datagram.data);
                    dirty.insert(key);
                }
            });
            if !more {
                return false;
            }
        }
        true
    }

    pub(super) fn handle_rtsp_timeout(&mut self, now: Instant, key: usize) {
        if let Some(client) = self.rtsp_client(key) {
            client.session.handle_timeout(now);
            self.dirty.rtsp_clients.insert(key);
        }
    }

    /// Does what a session wants done.
    pub(super) fn pump_rtsp_client(&mut self, now: Instant, key: usize) {
        while let Some(output) = self.rtsp_client(key).and_then(|c| c.session.poll_output()) {
            let is_over = output == Output::Close;
            if is_over || !self.handle_rtsp_output(now, key, output) {
                return self.close_rtsp_client(now, key);
            }
        }
        if let Some(id) = self.rtsp_client(key).and_then(|client| client.pushed) {
            self.take_pushed(now, key, id);
        }
        self.dirty.rtsp_clients.remove(&key);
        if let Some(restream) = &mut self.restream {
            restream.follow_ports(key);
        }
        let Some(client) = self.rtsp_client(key) else { return };
        client.session.set_unsent_bytes(now, client.tcp.unsent_bytes());
        let timeout = client.session.poll_timeout();
        self.timers.set(Timer::RtspClient(key), timeout);
    }

    /// False if the connection is broken.
    fn handle_rtsp_output(&mut self, now: Instant, key: usize, output: Output) -> bool {
        let Some(restream) = &mut self.restream else { return false };
        let Some(client) = restream.clients.get_mut(key) else { return false };
        let ip = client.ip;
        match output {
            Output::Send(bytes) => return client.tcp.send(&bytes).is_ok(),
            Output::SendDatagram { port, rtcp, data } => {
                let Some(public) = &mut restream.public else { return false };
                let socket = if rtcp { &mut public.rtcp } else { &mut public.rtp };
                socket.send_to(SocketAddr::new(ip, port), &data);
            }
            Output::Describe { name } => self.watch(now, key, &name),
            Output::Play { .. } => {
                let is_udp = client.session.is_over_udp();
                if let Some(Watched { viewer, source, .. }) = client.watched {
                    // Not the path of the request, which may be a program's secret.
                    let name = self.hub.source(source).map_or("", |source| &source.name);
                    log::info!("RTSP: {ip} reads {name}");
                    if is_udp {
                        self.pace_datagrams(now, viewer, source);
                    }
                    self.accept_reader_audio(now, key, viewer, source);
                    self.hub.handle_connected(now, viewer);
                }
            }
            Output::KeyframeRequest => {
                if let Some(Watched { viewer, .. }) = client.watched {
                    self.hub.handle_picture_loss(now, SlotKey { viewer, position: 0 });
                }
            }
            Output::Announce { name } => self.answer_announcement(now, key, &name),
            Output::Record { .. } => {
                if let Some(source) = client.pushed {
                    let name = self.hub.source(source).map_or("", |source| &source.name);
                    log::info!("RTSP: {ip} pushes {name}");
                    self.programs.handle_pushing(now, source);
                }
            }
            Output::RightPassword => restream.lockout.handle_right(ip),
            Output::WrongPassword => {
                log::warn!("RTSP: a wrong name or password from {ip}");
                restream.lockout.handle_wrong(now, ip);
            }
            Output::Close => return false,
        }
        true
    }

    /// Makes a reader a viewer of the stream that it asks for, so that its camera is connected,
    /// and describes it once it sends.
    fn watch(&mut self, now: Instant, key: usize, name: &str) {
        let Some((source, name)) = self.find_to_read(key, name) else {
            if let Some(client) = self.rtsp_client(key) {
                client.session.describe_result(now, Err(Refusal::NotFound));
            }
            return;
        };
        let before = self.rtsp_client(key).and_then(|client| client.watched);
        let viewer = match before {
            Some(watched) if watched.source == source => watched.viewer,
            _ => {
                let audience = Audience::RtspReader(key);
                let viewer = self.insert_viewer(now, None, audience, &[Some(name)]);
                // Only now: a camera that both want must not be let go in between.
                if let Some(watched) = before {
                    self.remove_viewer(now, watched.viewer);
                }
                viewer
            }
        };
        if let Some(client) = self.rtsp_client(key) {
            client.watched = Some(Watched { viewer, source, describing: true });
        }
        self.answer_description(now, key);
    }

    /// A burst over UDP is lost to a reader that decodes what it reads before it reads on, or has
    /// a buffer of the usual 200 kB: kept pictures come little faster than it can decode.
    fn pace_datagrams(&mut self, now: Instant, viewer: ViewerId, id: SourceId) {
        let Some(cache) = self.hub.source(id).map(|source| &source.cache) else { return };
        let first = cache.frames().next().map_or(now, |frame| frame.captured_at);
        let age_ms = now.saturating_duration_since(first).as_millis().max(1);
        let bytes_per_second = cache.bytes() as u128 * 1000 / age_ms;
        let live = u64::try_from(bytes_per_second).unwrap_or(u64::MAX);
        let pace = live.saturating_mul(limits::RTSP_UDP_SPEED).max(limits::RTSP_UDP_MIN_PACE);
        self.hub.set_pace(now, viewer, limits::RTSP_UDP_BURST_BYTES, pace);
    }

    /// Answers a reader that waits for a description, if that can be done now.
    fn answer_description(&mut self, now: Instant, key: usize) {
        let watched = self.rtsp_client(key).and_then(|client| client.watched);
        let Some(Watched { source: id, describing: true, .. }) = watched else { return };
        let Some(source) = self.hub.source(id) else { return };
        let intake = self.intake(id);
        let sets = intake.and_then(Intake::parameter_sets);
        let answer = match (&source.health, sets) {
            (Health::Live(_) | Health::Connecting, Some(sets)) => Ok(describe(&source.name, sets)),
            (Health::Live(_), None) => match source.codec {
                Some(codec @ (VideoCodec::Vp8 | VideoCodec::Vp9)) => {
                    Ok(describe_plain(&source.name, codec.name()))
                }
                // AV1 has a payload format, which readers do not know.
                _ => Err(Refusal::Unsupported),
            },
            (Health::Offline { .. }, _) => Err(Refusal::Unavailable),
            (Health::Unsupported { .. }, _) => Err(Refusal::Unsupported),
            _ => return,
        };
        let audio = intake.and_then(Intake::audio_to_describe);
        let answer: Result<Description, _> = match (answer, audio) {
            (Ok(video), Some(codec)) => Ok(video.with_audio(codec)),
            (answer, _) => answer,
        };
        let Some(client) = self.rtsp_client(key) else { return };
        if let Some(watched) = &mut client.watched {
            watched.describing = false;
        }
        client.session.describe_result(now, answer.as_ref().map_err(|refusal| *refusal));
        self.dirty.rtsp_clients.insert(key);
    }

    /// News of a source, for those who wait for its description.
    pub(super) fn answer_descriptions(&mut self, now: Instant, id: SourceId) {
        let Some(restream) = &self.restream else { return };
        let waits = |client: &Client| {
            client.watched.is_some_and(|watched| watched.describing && watched.source == id)
        };
        let waiting = restream.clients.iter().filter(|(_, client)| waits(client));
        for key in waiting.map(|(key, _)| key).collect::<Vec<_>>() {
            self.answer_description(now, key);
        }
    }

    /// Those to whom a source was described as something else.
    pub(super) fn close_readers(&mut self, now: Instant, id: SourceId) {
        let Some(restream) = &self.restream else { return };
        let reads = |client: &Client| {
            client.watched.is_some_and(|watched| watched.source == id && !watched.describing)
        };
        let readers = restream.clients.iter().filter(|(_, client)| reads(client));
        for key in readers.map(|(key, _)| key).collect::<Vec<_>>() {
            self.close_rtsp_client(now, key);
        }
    }

    /// A reader that has set up audio is sent that of its source.
    fn accept_reader_audio(
        &mut self,
        now: Instant,
        key: usize,
        viewer: ViewerId,
        source: SourceId,
    ) {
        let is_set_up =
            self.rtsp_client(key).is_some_and(|client| client.session.audio().is_some());
        let codec = self.intake(source).and_then(Intake::audio_codec).filter(|_| is_set_up);
        if let Some(codec) = codec {
            let slot = SlotKey { viewer, position: 0 };
            self.hub.accept_audio(now, slot, vec![codec], random_u64());
        }
    }

    /// Audio for a reader.
    pub(super) fn send_audio_to_reader(&mut self, now: Instant, key: usize, egress: &AudioEgress) {
        let Some(client) = self.rtsp_client(key) else { return };
        client.session.set_unsent_bytes(now, client.tcp.unsent_bytes());
        let packet = AudioPacket {
            timestamp: egress.rtp_timestamp,
            presented_at: egress.presented_at,
            is_start: egress.is_start,
            payload: &egress.frame.payload,
        };
        client.session.write_audio(now, &packet);
        self.dirty.rtsp_clients.insert(key);
    }

    /// A frame for a reader.
    pub(super) fn send_to_reader(&mut self, now: Instant, key: usize, egress: &Egress) {
        let Some(client) = self.rtsp_client(key) else { return };
        client.session.set_unsent_bytes(now, client.tcp.unsent_bytes());
        let frame = Frame {
            timestamp: egress.rtp_timestamp,
            presented_at: egress.presented_at,
            is_key: egress.frame.key,
            payloads: &egress.frame.payloads,
        };
        client.session.write_frame(now, &frame);
        self.dirty.rtsp_clients.insert(key);
    }

    /// The source behind a path, and its name.
    fn find_to_read(&mut self, key: usize, path: &str) -> Option<(SourceId, String)> {
        let name = match self.rtsp_client(key)?.door {
            Door::Public => path.to_owned(),
            Door::Programs => {
                let program = self.programs.find(path)?;
                self.rtsp_client(key)?.program = Some(program);
                self.programs.reads(program)?.to_owned()
            }
        };
        Some((self.hub.find(&name)?, name))
    }

    /// The source that may be pushed under a path.
    fn find_to_push(&mut self, key: usize, path: &str) -> Result<SourceId, Refusal> {
        let client = self.restream.as_mut().and_then(|restream| restream.clients.get_mut(key));
        let client = client.ok_or(Refusal::NotFound)?;
        match client.door {
            Door::Public => {
                let id = self.hub.find(path).ok_or(Refusal::NotFound)?;
                Some(id).filter(|id| !self.programs.has(*id)).ok_or(Refusal::NotPushable)
            }
            Door::Programs => {
                client.program = self.programs.find(path);
                client.program.ok_or(Refusal::NotFound)
            }
        }
    }

    /// A program has ended: so have its connections.
    pub(super) fn close_clients_of_program(&mut self, now: Instant, id: SourceId) {
        let Some(restream) = &self.restream else { return };
        let all = restream.clients.iter().filter(|(_, client)| client.program == Some(id));
        for key in all.map(|(key, _)| key).collect::<Vec<_>>() {
            self.close_rtsp_client(now, key);
        }
    }

    fn answer_announcement(&mut self, now: Instant, key: usize, path: &str) {
        let answer =
            self.find_to_push(key, path).and_then(|id| self.begin_push(now, Pusher::Rtsp(key), id));
        let Some(client) = self.rtsp_client(key) else { return };
        client.pushed = answer.ok().or(client.pushed);
        client.session.announce_result(now, answer.map(|_| ()));
    }

    pub(super) fn is_publisher_quiet(&mut self, now: Instant, key: usize) -> bool {
        self.rtsp_client(key).is_none_or(|client| client.session.is_quiet(now))
    }

    pub(super) fn close_rtsp_client(&mut self, now: Instant, key: usize) {
        let Some(restream) = &mut self.restream else { return };
        let Some(mut client) = table::take(&mut restream.clients, key) else { return };
        restream.ports.replace(key, client.ip, &client.ports, &[]);
        self.dirty.rtsp_clients.remove(&key);
        self.timers.set(Timer::RtspClient(key), None);
        table::take(&mut self.endpoints, client.token.0);
        if let Err(error) = self.poll.registry().deregister(client.tcp.stream_mut()) {
            log::debug!("deregister: {error}");
        }
        if let Some(watched) = client.watched {
            self.remove_viewer(now, watched.viewer);
        }
        if let Some(id) = client.pushed {
            self.end_push(now, Pusher::Rtsp(key), id);
        }
    }
}
