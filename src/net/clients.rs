//! HTTP connections and the WebSockets that some of them become.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use mio::{Interest, Token};

use super::random::random_name;
use super::server::Server;
use super::snapshot;
use super::tcp::{ReadOutcome, TcpConnection};
use super::websocket::{Read, Socket};
use super::{Endpoint, Timer, table};
use crate::assets;
use crate::control::{Output, Session, SessionOptions};
use crate::engine::status::SlotStatus;
use crate::engine::viewer::{SlotKey, ViewerId};
use crate::http::{self, Action, Parsed, Request, Response};
use crate::limits;

/// One connection.
pub(super) struct Connection {
    token: Token,
    /// Who calls.
    from: IpAddr,
    protocol: Protocol,
}

enum Protocol {
    Http(Http),
    WebSocket(Box<Socket>),
    /// Between the two, for as long as the stream changes hands.
    Upgrading,
}

struct Http {
    tcp: TcpConnection,
    inbox: Vec<u8>,
    idle_at: Instant,
    /// Nothing more is read; the connection ends when all is sent.
    is_closing: bool,
}

/// What to do with a connection after it was read.
enum Next {
    Keep { more: bool },
    Close,
}

impl Server {
    /// Takes new connections. True while there may be more.
    pub(super) fn accept_clients(&mut self, now: Instant) -> bool {
        loop {
            let (stream, from) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    log::warn!("accept: {error}");
                    return false; // out of descriptors: the next connection tries again
                }
            };
            if self.clients.len() >= limits::CONNECTIONS_MAX {
                log::warn!("more than {} connections: one refused", limits::CONNECTIONS_MAX);
                continue;
            }
            let mut tcp = TcpConnection::new(stream, limits::HTTP_UNSENT_MAX_BYTES);
            let entry = self.clients.vacant_entry();
            let key = entry.key();
            let token = Token(self.endpoints.insert(Endpoint::Client(key)));
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(tcp.stream_mut(), token, interest) {
                log::warn!("accept: {error}");
                self.endpoints.try_remove(token.0);
                continue;
            }
            let idle_at = now + limits::HTTP_IDLE;
            let http = Http { tcp, inbox: Vec::new(), idle_at, is_closing: false };
            let from = from.ip().to_canonical();
            entry.insert(Connection { token, from, protocol: Protocol::Http(http) });
            self.dirty.clients.insert(key);
        }
    }

    /// The connection is ready. True while there may be more to read.
    pub(super) fn handle_client(&mut self, now: Instant, key: usize) -> bool {
        self.dirty.clients.insert(key);
        let Some(connection) = self.clients.get_mut(key) else { return false };
        let next = match &mut connection.protocol {
            Protocol::WebSocket(_) => self.handle_messages(now, key),
            Protocol::Http(_) => self.handle_http(now, key),
            Protocol::Upgrading => Next::Close,
        };
        match next {
            Next::Keep { more } => more,
            Next::Close => {
                self.close_client(now, key);
                false
            }
        }
    }

    fn handle_messages(&mut self, now: Instant, key: usize) -> Next {
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            let hub = &self.hub;
            let Some(connection) = self.clients.get_mut(key) else {
                return Next::Keep { more: false };
            };
            let Protocol::WebSocket(socket) = &mut connection.protocol else {
                return Next::Keep { more: false };
            };
            match socket.read(now, &|name| hub.find(name).is_some()) {
                Read::Message { bytes } if !socket.is_over() => {
                    self.pump_client(now, key);
                    budget = budget.saturating_sub(bytes.max(1));
                    if budget == 0 {
                        return Next::Keep { more: true };
                    }
                }
                _ => return Next::Keep { more: false },
            }
        }
    }

    fn handle_http(&mut self, now: Instant, key: usize) -> Next {
        let mut buffer = [0; 16 * 1024];
        let mut budget = limits::READ_BUDGET_BYTES;
        loop {
            let Some(http) = self.http(key) else { return Next::Keep { more: true } };
            if http.tcp.flush().is_err() || (http.is_closing && http.tcp.unsent_bytes() == 0) {
                return Next::Close;
            }
            match http.tcp.read(&mut buffer) {
                Ok(ReadOutcome::Data(_)) if http.is_closing => {}
                Ok(ReadOutcome::Data(count)) => {
                    http.inbox.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    if let Next::Close = self.handle_requests(now, key) {
                        return Next::Close;
                    }
                    budget = budget.saturating_sub(count);
                    if budget == 0 {
                        return Next::Keep { more: true };
                    }
                }
                Ok(ReadOutcome::WouldBlock) => return Next::Keep { more: false },
                Ok(ReadOutcome::Closed) | Err(_) => return Next::Close,
            }
        }
    }

    /// Answers the whole requests that have come.
    fn handle_requests(&mut self, now: Instant, key: usize) -> Next {
        loop {
            let Some(http) = self.http(key) else { return Next::Keep { more: true } };
            let request = match http::parse(&http.inbox) {
                Ok(Parsed::Incomplete) => return Next::Keep { more: false },
                Ok(Parsed::Complete { request, consumed }) => {
                    http.inbox.drain(..consumed);
                    // Only a whole request counts: who sends a byte now and then is idle.
                    http.idle_at = now + limits::HTTP_IDLE;
                    request
                }
                Err(error) => return self.respond(key, &Response::for_error(error)),
            };
            if let Next::Close = self.handle_request(now, key, &request) {
                return Next::Close;
            }
        }
    }

    fn handle_request(&mut self, now: Instant, key: usize, request: &Request) -> Next {
        let action = {
            let (hub, server) = (&self.hub, &*self);
            let known = |name: &str| hub.find(name).is_some();
            let context = http::Context {
                version: env!("CARGO_PKG_VERSION"),
                demo: self.is_demo,
                assets: assets::ALL,
                origins: &self.config.api.origins,
                loopback_only: self.config.api.listen.ip().is_loopback(),
                ice_servers: &self.config.webrtc.ice_servers,
                max_slots: self.config.multistream.max_slots,
                known: &known,
                publishing: &|name| server.publishing(name),
                streams: &|| snapshot::streams(server, now),
                rooms: &|| server.rooms.to_json(),
                metrics: &|| snapshot::metrics(server, now),
            };
            http::route(request, &context)
        };
        let response = match action {
            Action::Respond(response) => return self.respond(key, &response),
            Action::WebSocket { accept, src } => return self.upgrade(now, key, &accept, src),
            Action::Whip { dst, sdp } => self.start_whip(now, &dst, &sdp),
            Action::Whep { src, sdp, json } => {
                self.permit_client(now, key);
                self.start_whep(now, src, &sdp, json)
            }
            Action::WhepDelete { id } => self.end_whep(now, &id),
        };
        let response = http::response::finish(response, request, &self.config.api.origins);
        self.respond(key, &response)
    }

    fn respond(&mut self, key: usize, response: &Response) -> Next {
        let Some(http) = self.http(key) else { return Next::Close };
        http.is_closing |= !response.keep_alive;
        match http.tcp.send(&response.encode()) {
            Ok(()) if http.is_closing && http.tcp.unsent_bytes() == 0 => Next::Close,
            Ok(()) => Next::Keep { more: false },
            Err(_) => Next::Close,
        }
    }

    fn upgrade(&mut self, now: Instant, key: usize, accept: &str, src: Option<String>) -> Next {
        let Some(http) = self.http(key) else { return Next::Close };
        let sent = http.tcp.send(&http::response::websocket_accepted(accept));
        if sent.is_err() || http.tcp.unsent_bytes() > 0 {
            return Next::Close; // not even the handshake fits: nobody reads
        }
        let options = SessionOptions { max_slots: self.config.multistream.max_slots, src };
        let Some(connection) = self.clients.get_mut(key) else { return Next::Close };
        let Protocol::Http(http) = std::mem::replace(&mut connection.protocol, Protocol::Upgrading)
        else {
            return Next::Close;
        };
        let socket = Socket::new(now, http.tcp.into_stream(), http.inbox, Session::new(options));
        connection.protocol = Protocol::WebSocket(Box::new(socket));
        self.handle_client(now, key); // messages may have come with the handshake
        Next::Keep { more: true }
    }

    fn start_whep(&mut self, now: Instant, src: String, sdp: &str, json: bool) -> Response {
        if self.peer_options.candidates.is_empty() && self.peer_options.ice.relayed.is_empty() {
            // A session can't be told later (RFC 9725 has no such way).
            return Response::error(503, "no relay is there yet");
        }
        let Some(id) = self.add_viewer(now, None, &[Some(src)]) else {
            return Response::error(503, "too many viewers");
        };
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.audio = vec![0];
        }
        match self.accept_offer(now, id, sdp) {
            Ok(answer) => {
                let name = random_name();
                if let Some(viewer) = self.viewers.get_mut(&id) {
                    viewer.whep_id = Some(name.clone());
                }
                http::response::whep_created(&name, &answer.sdp, json)
            }
            Err(error) => {
                self.remove_viewer(now, id);
                Response::error(400, &error)
            }
        }
    }

    fn end_whep(&mut self, now: Instant, name: &str) -> Response {
        let is_it = |viewer: &super::viewers::ViewerLink| viewer.whep_id.as_deref() == Some(name);
        let found = self.viewers.iter().find(|(_, viewer)| is_it(viewer)).map(|(id, _)| *id);
        match found {
            Some(id) => {
                self.remove_viewer(now, id);
                Response::empty(200)
            }
            None => Response::error(404, "no such session"),
        }
    }

    /// Does what the control session wants done.
    pub(super) fn pump_client(&mut self, now: Instant, key: usize) {
        while let Some(output) = self.socket(key).and_then(|socket| socket.session.poll_output()) {
            self.handle_session_output(now, key, output);
        }
        let Some(connection) = self.clients.get(key) else { return };
        let (is_over, timeout) = match &connection.protocol {
            Protocol::Http(http) => (false, http.idle_at),
            Protocol::WebSocket(socket) => (socket.is_over(), socket.poll_timeout()),
            Protocol::Upgrading => (true, now),
        };
        if is_over {
            self.close_client(now, key);
        } else {
            self.timers.set(Timer::Client(key), Some(timeout));
        }
    }

    fn handle_session_output(&mut self, now: Instant, key: usize, output: Output) {
        let viewer = self.socket(key).and_then(|socket| socket.viewer);
        let slot = |position| viewer.map(|viewer| SlotKey { viewer, position });
        match output {
            Output::Send(text) => {
                if let Some(socket) = self.socket(key) {
                    socket.send(text);
                }
            }
            Output::Close { code, reason } => {
                if let Some(socket) = self.socket(key) {
                    socket.close(code, reason);
                }
            }
            Output::Open { slots, audio } => {
                let viewer = self.add_viewer(now, Some(key), &slots);
                if let Some(viewer) = viewer.and_then(|id| self.viewers.get_mut(&id)) {
                    viewer.audio = audio;
                }
                if let Some(socket) = self.socket(key) {
                    socket.viewer = viewer;
                }
            }
            Output::Offer { sdp } => self.answer_offer(now, key, viewer, &sdp),
            Output::RemoteCandidate(candidate) => {
                let Some(id) = viewer else { return };
                self.dirty.viewers.insert(id);
                self.with_peer(id, |peer, sink| {
                    peer.add_remote_candidate(now, &candidate, sink);
                });
            }
            Output::Switch { position, stream } => {
                if let (Some(slot), Some(id)) = (slot(position), self.hub.find(&stream)) {
                    self.hub.switch(now, slot, id);
                }
            }
            Output::Pause { position } => {
                if let Some(slot) = slot(position) {
                    self.hub.pause(now, slot);
                }
            }
            Output::Resume { position, stream } => {
                if let Some(slot) = slot(position) {
                    let source = self.hub.find(&stream);
                    self.hub.resume(now, slot, source);
                }
            }
            Output::Keyframe { position } => {
                let Some(viewer) = viewer else { return };
                let count = self.config.multistream.max_slots;
                for position in position.map_or(0..count, |one| one..one + 1) {
                    self.hub.request_keyframe(now, SlotKey { viewer, position });
                }
            }
            Output::End => {
                if let Some(viewer) = self.socket(key).and_then(|socket| socket.viewer.take()) {
                    self.remove_viewer(now, viewer);
                }
            }
        }
    }

    fn answer_offer(&mut self, now: Instant, key: usize, viewer: Option<ViewerId>, sdp: &str) {
        self.permit_client(now, key);
        let answer = match viewer {
            Some(viewer) => self.accept_offer(now, viewer, sdp),
            None => Err("too many viewers".to_owned()),
        };
        // The answer's list of slots has to know which of them carry no video.
        let positions = 0..self.config.multistream.max_slots;
        let errors: Vec<(usize, SlotStatus)> = viewer
            .into_iter()
            .flat_map(|viewer| positions.clone().map(move |position| SlotKey { viewer, position }))
            .filter_map(|slot| Some((slot.position, self.slot_error(slot)?)))
            .collect();
        let Some(socket) = self.socket(key) else { return };
        for (position, status) in errors {
            socket.session.handle_slot_status(now, position, &status);
        }
        socket.session.handle_answer(now, answer);
    }

    /// Who has called may be reached by a relay from there.
    fn permit_client(&mut self, now: Instant, key: usize) {
        if let Some(from) = self.clients.get(key).map(|connection| connection.from) {
            self.permit(now, from);
        }
    }

    /// A slot's status, for the session that it belongs to.
    pub(super) fn handle_slot_status(&mut self, now: Instant, slot: SlotKey, status: &SlotStatus) {
        let barred = self.slot_error(slot);
        let status = barred.as_ref().unwrap_or(status);
        if let Some(session) = self.session_of(slot.viewer) {
            session.handle_slot_status(now, slot.position, status);
        }
    }

    /// The session of a viewer's WebSocket, which will be pumped.
    pub(super) fn session_of(&mut self, viewer: ViewerId) -> Option<&mut Session> {
        let key = self.viewers.get(&viewer)?.client?;
        self.dirty.clients.insert(key);
        self.socket(key).map(|socket| &mut socket.session)
    }

    pub(super) fn handle_client_timeout(&mut self, now: Instant, key: usize) {
        self.dirty.clients.insert(key);
        match self.clients.get_mut(key).map(|connection| &mut connection.protocol) {
            Some(Protocol::WebSocket(socket)) => socket.handle_timeout(now),
            Some(Protocol::Http(http)) if now >= http.idle_at => self.close_client(now, key),
            _ => {}
        }
    }

    fn close_client(&mut self, now: Instant, key: usize) {
        let Some(mut connection) = table::take(&mut self.clients, key) else { return };
        self.timers.set(Timer::Client(key), None);
        table::take(&mut self.endpoints, connection.token.0);
        let stream = match &mut connection.protocol {
            Protocol::Http(http) => http.tcp.stream_mut(),
            Protocol::WebSocket(socket) => {
                match socket.viewer.take() {
                    Some(viewer) if socket.session.outlives_socket() => {
                        if let Some(viewer) = self.viewers.get_mut(&viewer) {
                            viewer.client = None;
                        }
                    }
                    Some(viewer) => self.remove_viewer(now, viewer),
                    None => {}
                }
                socket.stream_mut()
            }
            Protocol::Upgrading => return, // its stream is closed already
        };
        if let Err(error) = self.poll.registry().deregister(stream) {
            log::debug!("deregister: {error}");
        }
    }

    fn http(&mut self, key: usize) -> Option<&mut Http> {
        match &mut self.clients.get_mut(key)?.protocol {
            Protocol::Http(http) => Some(http),
            _ => None,
        }
    }

    fn socket(&mut self, key: usize) -> Option<&mut Socket> {
        match &mut self.clients.get_mut(key)?.protocol {
            Protocol::WebSocket(socket) => Some(socket),
            _ => None,
        }
    }
}
