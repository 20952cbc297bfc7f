//! The rooms of a supervisor: each a WebSocket that its streams' workers share.

use std::collections::BTreeMap;
use std::time::Instant;

use super::worker::Worker;
use super::{Supervisor, Task};
use crate::limits;
use crate::net::Endpoint;
use crate::net::error::ServerError;
use crate::net::random::fill_random;
use crate::net::rooms::names::source_name;
use crate::net::rooms::options;
use crate::net::rooms::socket::{Closed, Received, Socket};
use crate::net::stdio::of_room;
use crate::net::tls::Authorities;
use crate::room::{Event, Flavour, RoomOptions, Share, ShareOutput, WorkerKey};
use crate::stdio::for_room;

/// One room.
pub(super) struct SharedRoom {
    room: config::Room,
    pub share: Share,
    socket: Socket,
    /// The workers of its streams.
    workers: BTreeMap<WorkerKey, usize>,
}

impl Supervisor {
    /// Enters what the configuration names.
    pub(super) fn add_rooms(&mut self, now: Instant) -> Result<(), ServerError> {
        let authorities = Authorities::default();
        for room in self.config.rooms.clone() {
            let bad = |why: &str| ServerError::Room(room.name.clone(), why.to_owned());
            if room.record.is_none() || !room.watch {
                continue;
            }
            if room.server.expose() == config::ROOM_BY_STDIO {
                return Err(bad("server: stdio does not go with --isolate"));
            }
            let endpoint = Endpoint::Room(self.rooms.len());
            let socket = Socket::new(now, room.server.expose(), endpoint, &authorities);
            let socket = socket.ok_or_else(|| bad("no WebSocket address"))?;
            let options = options(&room);
            let flavour = options.flavour.or_else(|| Flavour::of_host(socket.host()));
            let mut seed = [0; 32];
            fill_random(&mut seed);
            let share = Share::new(now, RoomOptions { flavour, ..options }, seed);
            self.rooms.push(SharedRoom { room, share, socket, workers: BTreeMap::new() });
        }
        Ok(())
    }

    pub(super) fn take_resolved(&mut self, now: Instant) {
        while let Some(resolved) = self.resolver.poll() {
            let Endpoint::Room(key) = resolved.asker.endpoint else { continue };
            self.with_room(key, |room, context| {
                if let Err(closed) = room.socket.handle_resolved(resolved, context) {
                    room.handle_closed(now, closed, context);
                }
            });
        }
    }

    /// The connection to a room's server is ready. True while there may be more to read.
    pub(super) fn handle_room(&mut self, now: Instant, key: usize) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut budget = limits::ROOM_MESSAGES_BUDGET;
        let mut has_more = true;
        while has_more && budget > 0 {
            budget -= 1;
            let read = self.with_room(key, |room, context| {
                match room.socket.receive(now, &mut buffer, context) {
                    Ok(Received::Open) => room.share.handle_socket_open(now),
                    Ok(Received::Text(text)) => room.share.handle_socket_text(now, &text),
                    Ok(Received::Other) => {}
                    Ok(Received::Nothing) => return false,
                    Err(closed) => {
                        room.handle_closed(now, closed, context);
                        return false;
                    }
                }
                true
            });
            has_more = read == Some(true);
            // What the room wants may be the end of this connection.
            self.pump_room(now, key);
        }
        self.buffer = buffer;
        has_more
    }

    pub(super) fn handle_room_timeout(&mut self, now: Instant, key: usize) {
        self.with_room(key, |room, context| {
            if let Err(closed) = room.socket.handle_timeout(now) {
                room.handle_closed(now, closed, context);
            }
            room.share.handle_timeout(now);
        });
    }

    /// Does what a room wants done; whether there was anything.
    pub(super) fn pump_room(&mut self, now: Instant, key: usize) -> bool {
        let mut any = false;
        while let Some(output) = self.rooms.get_mut(key).and_then(|room| room.share.poll_output()) {
            any = true;
            self.handle_share_output(now, key, output);
        }
        if let Some(room) = self.rooms.get(key) {
            let timeouts = [room.share.poll_timeout(), room.socket.poll_timeout()];
            self.timers.set(Task::Room(key), timeouts.into_iter().flatten().min());
        }
        any
    }

    fn handle_share_output(&mut self, now: Instant, key: usize, output: ShareOutput) {
        let worker_of = |worker: &WorkerKey| self.rooms.get(key)?.workers.get(worker).copied();
        match output {
            ShareOutput::Connect => self.ask_socket(now, key, Socket::connect),
            ShareOutput::Disconnect => self.ask_socket(now, key, |socket, context| {
                socket.close(context);
                Ok(())
            }),
            ShareOutput::Send(text) => self.ask_socket(now, key, |socket, _| socket.send(text)),
            ShareOutput::Begin { worker, stream } => self.begin_worker(now, key, worker, &stream),
            ShareOutput::End { worker } => {
                let found = worker_of(&worker);
                if let Some(room) = self.rooms.get_mut(key) {
                    room.workers.remove(&worker);
                }
                if let Some(found) = found {
                    self.end_worker(now, found);
                }
            }
            ShareOutput::Open { worker, id } => {
                let room = self.name_of(key);
                let line = serde_json::json!({
                    "command": "socket", "room": room, "state": "open", "uuid": id,
                });
                self.tell_worker(now, worker_of(&worker), line.to_string());
            }
            ShareOutput::Close { worker } => {
                let room = self.name_of(key);
                let line =
                    serde_json::json!({ "command": "socket", "room": room, "state": "closed" });
                self.tell_worker(now, worker_of(&worker), line.to_string());
            }
            ShareOutput::Text { worker, text } => {
                let room = self.name_of(key);
                let line = serde_json::json!({ "command": "signal", "room": room, "text": text });
                self.tell_worker(now, worker_of(&worker), line.to_string());
            }
            ShareOutput::Event(event) => self.handle_room_event(now, key, &event),
        }
    }

    fn name_of(&self, key: usize) -> String {
        self.rooms.get(key).map(|room| room.room.name.clone()).unwrap_or_default()
    }

    fn ask_socket(
        &mut self,
        now: Instant,
        key: usize,
        act: impl FnOnce(&mut Socket, &mut super::Context<'_>) -> Result<(), Closed>,
    ) {
        self.with_room(key, |room, context| {
            if let Err(closed) = act(&mut room.socket, context) {
                room.handle_closed(now, closed, context);
            }
        });
    }

    fn handle_room_event(&mut self, now: Instant, key: usize, event: &Event) {
        let name = self.name_of(key);
        match event {
            Event::Joined => log::info!("room {name}: joined"),
            Event::Left => log::info!("room {name}: left"),
            Event::Notice(words) => log::warn!("room {name}: the server says: {words}"),
            Event::Refused(words) => log::warn!("room {name}: refused for good: {words}"),
            Event::StreamAnnounced { .. } | Event::StreamGone { .. } => {}
        }
        if let Some(event) = of_room(&name, event) {
            self.tell(now, &event);
        }
    }

    fn begin_worker(&mut self, now: Instant, key: usize, worker: WorkerKey, stream: &str) {
        let Some(SharedRoom { room, share, .. }) = self.rooms.get(key) else { return };
        let flavour = share.flavour().map(|flavour| match flavour {
            Flavour::Assigned => "assigned",
            Flavour::Custom => "custom",
        });
        let own = for_room(&self.whole, room, flavour);
        let name = source_name(&room.name, stream, 0);
        let number = self.add_worker(now, Worker::new(name, &own, Some((key, worker))));
        if let Some(room) = self.rooms.get_mut(key) {
            room.workers.insert(worker, number);
        }
    }

    pub(super) fn leave_rooms(&mut self, now: Instant) {
        for key in 0..self.rooms.len() {
            self.with_room(key, |room, _| room.share.stop());
            self.pump_room(now, key);
        }
    }
}

impl SharedRoom {
    /// The WebSocket is over, or could not be had.
    fn handle_closed(&mut self, now: Instant, closed: Closed, context: &mut super::Context<'_>) {
        let Closed { code, reason } = closed;
        log::warn!("room {}: {reason}", self.room.name);
        self.socket.close(context);
        self.share.handle_socket_closed(now, code);
    }
}
