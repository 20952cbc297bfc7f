//! Rooms in the loop: each a WebSocket and a [`room::Room`](crate::room::Room), and the peers that
//! it names. A publisher of a room is a peer of no slots, as one of WHIP is; what it sends feeds
//! sources that are made when they are first seen.

mod guests;
mod names;
mod socket;
mod sources;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use self::guests::Guest;
use self::socket::{Closed, Received, Socket};
use self::sources::RoomSource;
use super::error::ServerError;
use super::link::Context;
use super::random::fill_random;
use super::resolver::Resolved;
use super::server::Server;
use super::{Endpoint, Timer};
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;
use crate::intake::publisher::Codec;
use crate::limits;
use crate::room::crypto::{Secret, salt_of};
use crate::room::{Event, Flavour, Output, Password, PeerKey, Role, Room, RoomOptions};

/// All rooms, and what comes from them.
#[derive(Default)]
pub(super) struct Rooms {
    all: Vec<RoomLink>,
    guests: BTreeMap<ViewerId, Guest>,
    sources: BTreeMap<SourceId, RoomSource>,
}

/// One room.
struct RoomLink {
    name: String,
    machine: Room,
    socket: Socket,
    peers: BTreeMap<PeerKey, ViewerId>,
    /// What publishers may send, what is wanted most first.
    codecs: Vec<Codec>,
    /// Streams that the room says are there.
    present: BTreeSet<String>,
    /// Times that we came in.
    joins: u64,
    /// Why we are not in, if we are not.
    trouble: Option<String>,
    /// The server's newest words.
    notice: Option<String>,
}

impl Server {
    /// Enters what the configuration names.
    pub(super) fn add_rooms(&mut self, now: Instant) -> Result<(), ServerError> {
        for (key, room) in self.config.rooms.clone().into_iter().enumerate() {
            let endpoint = Endpoint::Room(key);
            let socket = Socket::new(now, room.server.expose(), endpoint, &self.authorities);
            let bad = || ServerError::Room(room.name.clone(), "no WebSocket address".to_owned());
            let socket = socket.ok_or_else(bad)?;
            let options = options(&room, socket.host());
            let secret = Secret::new(&options.password, salt_of(&options.page_host));
            let mut seed = [0; 32];
            fill_random(&mut seed);
            self.rooms.all.push(RoomLink {
                name: room.name.clone(),
                machine: Room::new(now, options, seed),
                socket,
                peers: BTreeMap::new(),
                codecs: codecs(&room),
                present: BTreeSet::new(),
                joins: 0,
                trouble: None,
                notice: None,
            });
            // Who asks for these before they are there is told so, not that there are none.
            for stream in &room.streams {
                let name = secret.stream_name(&secret.stream_id(stream)).to_owned();
                self.room_source(now, key, &name, 0);
            }
            self.dirty.rooms.insert(key);
        }
        Ok(())
    }

    fn with_room<R>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut RoomLink, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let room = self.rooms.all.get_mut(key)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        self.dirty.rooms.insert(key);
        Some(act(room, &mut context))
    }

    /// The connection to a room's server is ready. True while there may be more to read.
    pub(super) fn handle_room(&mut self, now: Instant, key: usize, buffer: &mut [u8]) -> bool {
        let mut budget = limits::ROOM_MESSAGES_BUDGET;
        while budget > 0 {
            budget -= 1;
            let read = self.with_room(key, |room, context| {
                let received = room.socket.receive(now, buffer, context);
                match received {
                    Ok(Received::Open) => room.machine.handle_socket_open(now),
                    Ok(Received::Text(text)) => room.machine.handle_socket_text(now, &text),
                    Ok(Received::Other) => {}
                    Ok(Received::Nothing) => return false,
                    Err(closed) => {
                        room.handle_closed(now, closed, context);
                        return false;
                    }
                }
                true
            });
            if read != Some(true) {
                return false;
            }
            // What the room wants may be the end of this connection.
            self.pump_room(now, key);
        }
        true
    }

    pub(super) fn handle_room_resolved(&mut self, now: Instant, key: usize, resolved: Resolved) {
        self.with_room(key, |room, context| {
            if let Err(closed) = room.socket.handle_resolved(resolved, context) {
                room.handle_closed(now, closed, context);
            }
        });
    }

    pub(super) fn handle_room_timeout(&mut self, now: Instant, key: usize) {
        self.with_room(key, |room, context| {
            if let Err(closed) = room.socket.handle_timeout(now) {
                room.handle_closed(now, closed, context);
            }
            room.machine.handle_timeout(now);
        });
    }

    /// Leaves all rooms, with a word to everybody.
    pub(super) fn leave_rooms(&mut self, now: Instant) {
        for key in 0..self.rooms.all.len() {
            self.with_room(key, |room, _| room.machine.stop());
            self.pump_room(now, key);
        }
    }

    /// Does what a room wants done.
    pub(super) fn pump_room(&mut self, now: Instant, key: usize) {
        while let Some(output) = self.rooms.all.get_mut(key).and_then(|r| r.machine.poll_output()) {
            self.handle_room_output(now, key, output);
        }
        self.dirty.rooms.remove(&key);
        let Some(room) = self.rooms.all.get(key) else { return };
        let timeouts = [room.machine.poll_timeout(), room.socket.poll_timeout()];
        self.timers.set(Timer::Room(key), timeouts.into_iter().flatten().min());
    }

    fn handle_room_output(&mut self, now: Instant, key: usize, output: Output) {
        match output {
            Output::Connect => {
                self.with_room(key, |room, context| {
                    if let Err(closed) = room.socket.connect(context) {
                        room.handle_closed(now, closed, context);
                    }
                });
            }
            Output::Disconnect => {
                self.with_room(key, |room, context| room.socket.close(context));
            }
            Output::Send(text) => {
                self.with_room(key, |room, context| {
                    if let Err(closed) = room.socket.send(text) {
                        room.handle_closed(now, closed, context);
                    }
                });
            }
            Output::Accept { peer, stream, sdp, .. } => {
                self.accept_guest(now, (key, peer), &stream, &sdp);
            }
            Output::Offer { peer, sdp } => self.take_guest_offer(now, (key, peer), &sdp),
            Output::AddCandidate { peer, candidate } => {
                self.with_guest(key, peer, |peer, sink| {
                    peer.add_remote_candidate(now, &candidate, sink);
                });
            }
            Output::SendData { peer, text } => self.tell_guest(now, (key, peer), &text),
            Output::Close { peer } => {
                let id = self.rooms.all.get(key).and_then(|room| room.peers.get(&peer).copied());
                if let Some(id) = id {
                    self.remove_viewer(now, id);
                }
            }
            // We watch, and publish nothing.
            Output::MakeOffer { .. }
            | Output::Answer { .. }
            | Output::Keyframe { .. }
            | Output::Wanted { .. } => {}
            Output::Event(event) => self.handle_room_event(now, key, event),
        }
    }

    fn handle_room_event(&mut self, now: Instant, key: usize, event: Event) {
        let Some(room) = self.rooms.all.get_mut(key) else { return };
        let name = room.name.as_str();
        match event {
            Event::Joined => {
                log::info!("room {name}: joined");
                room.joins += 1;
                room.trouble = None;
            }
            Event::Left => log::info!("room {name}: left"),
            Event::Notice(words) => {
                log::warn!("room {name}: the server says: {words}");
                room.notice = Some(words);
            }
            Event::Refused(words) => {
                log::warn!("room {name}: refused for good: {words}");
                room.trouble = Some(words);
            }
            Event::StreamAnnounced { stream } => {
                room.present.insert(stream.clone());
                self.announce_room_source(now, key, &stream);
            }
            Event::StreamGone { stream } => {
                room.present.remove(&stream);
                self.leave_room_source(now, key, &stream);
            }
        }
    }
}

impl RoomLink {
    /// The WebSocket is over, or could not be had.
    fn handle_closed(&mut self, now: Instant, closed: Closed, context: &mut Context<'_>) {
        let Closed { code, reason } = closed;
        log::warn!("room {}: {reason}", self.name);
        self.trouble = Some(reason);
        self.socket.close(context);
        self.machine.handle_socket_closed(now, code);
    }
}

fn options(room: &config::Room, server: &str) -> RoomOptions {
    let flavour = match room.flavour {
        config::RoomFlavour::Auto => Flavour::of_host(server),
        config::RoomFlavour::Assigned => Some(Flavour::Assigned),
        config::RoomFlavour::Custom => Some(Flavour::Custom),
    };
    let role = match (&room.room, room.streams.as_slice()) {
        (None, [stream, ..]) => Role::View(stream.clone()),
        (_, []) => Role::WatchAll,
        (Some(_), streams) => Role::Watch(streams.iter().cloned().collect()),
    };
    let password = match &room.password {
        config::RoomPassword::Off => Password::Off,
        config::RoomPassword::Public => Password::Public,
        config::RoomPassword::Given(password) => Password::Given(password.clone()),
    };
    RoomOptions {
        room: room.room.clone(),
        password,
        page_host: room.page.clone(),
        flavour,
        role,
        audio: room.audio,
        video: room.video,
        ..RoomOptions::default()
    }
}

fn codecs(room: &config::Room) -> Vec<Codec> {
    let video = room.codecs.iter().map(|codec| {
        Codec::Video(match codec {
            config::RoomCodec::H264 => VideoCodec::H264,
            config::RoomCodec::Vp8 => VideoCodec::Vp8,
            config::RoomCodec::Vp9 => VideoCodec::Vp9,
            config::RoomCodec::Av1 => VideoCodec::Av1,
        })
    });
    video.chain([Codec::Audio(AudioCodec::Opus)]).collect()
}
