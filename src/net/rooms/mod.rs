//! Rooms in the loop: each a WebSocket and a [`room::Room`](crate::room::Room), and the peers that
//! it names. A publisher of a room is a peer of no slots, as one of WHIP is; what it sends feeds
//! sources that are made when they are first seen. A stream of ours that is published into a room
//! is a room of its own, whose peers are viewers.

#[cfg(feature = "stdio")]
mod by_stdio;
mod guests;
mod members;
pub(super) mod names;
pub(super) mod socket;
mod sources;
mod status;
mod viewers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use self::guests::Guest;
use self::members::Member;
use self::socket::{Closed, Received, Socket};
use self::sources::RoomSource;
use self::viewers::Published;
use super::error::ServerError;
use super::link::Context;
use super::random::fill_random;
use super::resolver::Resolved;
use super::server::Server;
use super::viewers::Audience;
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
    members: BTreeMap<ViewerId, Member>,
    /// Those of them that send.
    guests: BTreeMap<ViewerId, Guest>,
    sources: BTreeMap<SourceId, RoomSource>,
}

/// One room.
struct RoomLink {
    name: String,
    machine: Room,
    /// None where it is that of the program which has started us.
    socket: Option<Socket>,
    peers: BTreeMap<PeerKey, ViewerId>,
    /// What publishers may send, what is wanted most first.
    codecs: Vec<Codec>,
    /// What we publish there; then nothing is watched.
    published: Option<Published>,
    /// How its streams are recorded, if they are.
    #[cfg(feature = "record")]
    record: Option<config::Record>,
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
    /// Enters what the configuration names: once to watch, and once for each stream of ours.
    pub(super) fn add_rooms(&mut self, now: Instant) -> Result<(), ServerError> {
        let rooms = self.config.rooms.clone();
        let publish = self.config.room_publish.clone();
        for room in rooms.iter().filter(|room| room.watch) {
            let own = publish.iter().filter(|publish| publish.room == room.name);
            let except = own.map(|publish| publish.name.clone()).collect();
            let options = RoomOptions { except, ..options(room) };
            let secret = Secret::new(&options.password, salt_of(&options.page_host));
            let key = self.add_room(now, room, options, None)?;
            // Who asks for these before they are there is told so, not that there are none.
            for stream in &room.streams {
                let name = secret.stream_name(&secret.stream_id(stream)).to_owned();
                let id = self.room_source(now, key, &name, 0);
                if let Some(source) = id.and_then(|id| self.rooms.sources.get_mut(&id)) {
                    source.is_configured = true;
                }
            }
        }
        for config::RoomPublish { stream, room, name } in publish {
            let bad = |why: &str| ServerError::Publish(stream.clone(), why.to_owned());
            let room =
                rooms.iter().find(|it| it.name == room).ok_or_else(|| bad("no such room"))?;
            let source = self.hub.find(&stream).ok_or_else(|| bad("no such stream"))?;
            // Its camera stays connected, so that whoever comes has a picture at once.
            self.insert_viewer(now, None, Audience::RoomViewer, &[Some(stream.clone())]);
            let options = RoomOptions { role: Role::Publish(name), ..options(room) };
            let published = Published { source, stream, waiting: BTreeSet::new() };
            self.add_room(now, room, options, Some(published))?;
        }
        Ok(())
    }

    fn add_room(
        &mut self,
        now: Instant,
        room: &config::Room,
        options: RoomOptions,
        published: Option<Published>,
    ) -> Result<usize, ServerError> {
        let key = self.rooms.all.len();
        let (address, endpoint) = (room.server.expose(), Endpoint::Room(key));
        let bad = |why: &str| ServerError::Room(room.name.clone(), why.to_owned());
        let is_by_stdio = address == config::ROOM_BY_STDIO;
        if is_by_stdio && self.stdio.is_none() {
            return Err(bad("server: stdio goes with --stdio alone"));
        }
        let socket = Socket::new(now, address, endpoint, &self.authorities);
        if socket.is_none() && !is_by_stdio {
            return Err(bad("no WebSocket address"));
        }
        let host = socket.as_ref().map(Socket::host);
        let flavour = options.flavour.or_else(|| match room.flavour {
            config::RoomFlavour::Auto => host.and_then(Flavour::of_host),
            _ => None,
        });
        let mut seed = [0; 32];
        fill_random(&mut seed);
        self.rooms.all.push(RoomLink {
            name: room.name.clone(),
            machine: Room::new(now, RoomOptions { flavour, ..options }, seed),
            socket,
            peers: BTreeMap::new(),
            codecs: codecs(room),
            published,
            #[cfg(feature = "record")]
            record: room.record.clone(),
            present: BTreeSet::new(),
            joins: 0,
            trouble: None,
            notice: None,
        });
        self.dirty.rooms.insert(key);
        Ok(key)
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
                let Some(socket) = &mut room.socket else { return false };
                match socket.receive(now, buffer, context) {
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
            let socket = room.socket.as_mut();
            if let Some(Err(closed)) = socket.map(|it| it.handle_resolved(resolved, context)) {
                room.handle_closed(now, closed, context);
            }
        });
    }

    pub(super) fn handle_room_timeout(&mut self, now: Instant, key: usize) {
        self.with_room(key, |room, context| {
            if let Some(Err(closed)) = room.socket.as_mut().map(|it| it.handle_timeout(now)) {
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
        let socket = room.socket.as_ref().and_then(Socket::poll_timeout);
        let timeouts = [room.machine.poll_timeout(), socket];
        self.timers.set(Timer::Room(key), timeouts.into_iter().flatten().min());
    }

    fn handle_room_output(&mut self, now: Instant, key: usize, output: Output) {
        match output {
            Output::Connect | Output::Disconnect | Output::Send(_) => {
                self.ask_room_socket(now, key, output);
            }
            Output::Accept { peer, stream, sdp, .. } => {
                self.accept_guest(now, (key, peer), &stream, &sdp);
            }
            Output::Offer { peer, sdp } => self.take_guest_offer(now, (key, peer), &sdp),
            Output::AddCandidate { peer, candidate } => {
                self.with_member((key, peer), |peer, sink| {
                    peer.add_remote_candidate(now, &candidate, sink);
                });
            }
            Output::SendData { peer, text } => self.tell_member(now, (key, peer), &text),
            Output::Close { peer } => self.close_member(now, (key, peer)),
            Output::MakeOffer { peer } => self.offer_to_room(now, (key, peer)),
            Output::Answer { peer, sdp } => self.take_room_answer(now, (key, peer), &sdp),
            Output::Keyframe { peer } => self.refresh_room_viewer(now, (key, peer)),
            Output::Wanted { peer, audio, video } => {
                self.take_room_wishes(now, (key, peer), audio, video);
            }
            Output::RestartIce { peer } => self.restart_room_viewer(now, (key, peer)),
            Output::Event(event) => self.handle_room_event(now, key, event),
        }
    }

    fn ask_room_socket(&mut self, now: Instant, key: usize, output: Output) {
        #[cfg(feature = "stdio")]
        if self.rooms.all.get(key).is_some_and(|room| room.socket.is_none()) {
            return self.tell_room_by_stdio(now, key, output);
        }
        self.with_room(key, |room, context| {
            let Some(socket) = &mut room.socket else { return };
            let outcome = match output {
                Output::Connect => socket.connect(context),
                Output::Send(text) => socket.send(text),
                _ => {
                    socket.close(context);
                    Ok(())
                }
            };
            if let Err(closed) = outcome {
                room.handle_closed(now, closed, context);
            }
        });
    }

    fn handle_room_event(&mut self, now: Instant, key: usize, event: Event) {
        if let Some(name) = self.rooms.all.get(key).map(|room| room.name.clone()) {
            self.tell_room_event(now, &name, &event);
        }
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
        if let Some(socket) = &mut self.socket {
            socket.close(context);
        }
        self.machine.handle_socket_closed(now, code);
    }
}

pub(super) fn options(room: &config::Room) -> RoomOptions {
    let flavour = match room.flavour {
        config::RoomFlavour::Auto => None,
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
