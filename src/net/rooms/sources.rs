//! The sources that a room's streams feed. They are made when a stream is first seen and stay when
//! it leaves: who watches one goes on when it comes back.

use std::time::Instant;

use rtsp::client::Stats;

use super::Rooms;
use super::names::source_name;
use crate::engine::gop::GopLimits;
use crate::engine::keyframe::Method;
use crate::engine::source::{Health, SourceId, SourceOptions};
use crate::engine::viewer::ViewerId;
use crate::intake::{Intake, News};
use crate::limits;
use crate::net::server::Server;

/// Why a stream of a room has no picture.
pub(super) const AWAY: &str = "this stream is not in the room";

/// One video of one stream.
pub(super) struct RoomSource {
    pub intake: Intake,
    /// The peer that feeds it at present.
    pub by: Option<ViewerId>,
    /// The recording of what that peer sends.
    #[cfg(feature = "record")]
    pub recording: Option<usize>,
    pub room: usize,
    /// Its name in the room.
    pub stream: String,
    /// Which video of the stream, from 0.
    pub track: usize,
    /// The configuration names it: it is kept for its stream.
    pub is_configured: bool,
}

impl Rooms {
    /// What feeds a source, if a room does.
    pub fn intake(&self, id: SourceId) -> Option<&Intake> {
        self.sources.get(&id).map(|source| &source.intake)
    }

    /// Counters of what feeds a source; none while nobody does.
    pub fn stats(&self, id: SourceId) -> Option<Stats> {
        let guest = self.guests.get(&self.sources.get(&id)?.by?)?;
        guest.feed(id).map(|feed| feed.stats())
    }

    pub(super) fn find(&self, room: usize, stream: &str, track: usize) -> Option<SourceId> {
        let is_it = |source: &RoomSource| {
            source.room == room && source.stream == stream && source.track == track
        };
        self.sources.iter().find(|(_, source)| is_it(source)).map(|(id, _)| *id)
    }
}

impl Server {
    /// The source of a room's stream, made if there is none. None where there are too many.
    pub(super) fn room_source(
        &mut self,
        now: Instant,
        room: usize,
        stream: &str,
        track: usize,
    ) -> Option<SourceId> {
        if let Some(id) = self.rooms.find(room, stream, track) {
            return Some(id);
        }
        let room_name = &self.rooms.all.get(room)?.name;
        let name = source_name(room_name, stream, track);
        if self.hub.find(&name).is_some() {
            // Of another stream that was given this name on purpose.
            log::warn!("room {room_name}: there is a stream {name} already");
            return None;
        }
        let count = self.rooms.sources.values().filter(|source| source.room == room).count();
        let id = if count < limits::ROOM_SOURCES_MAX {
            let id = self.hub.add_source(now, name, self.room_source_options());
            self.hub.handle_health(now, id, Health::Offline { reason: AWAY.to_owned() });
            id
        } else {
            let Some(id) = self.unused_room_source(room) else {
                log::warn!("room {room_name}: too many streams");
                return None;
            };
            self.hub.rename_source(id, name);
            id
        };
        let (intake, by, stream) = (Intake::default(), None, stream.to_owned());
        let is_configured = false;
        let source = RoomSource {
            intake,
            by,
            #[cfg(feature = "record")]
            recording: None,
            room,
            stream,
            track,
            is_configured,
        };
        self.rooms.sources.insert(id, source);
        Some(id)
    }

    fn room_source_options(&self) -> SourceOptions {
        SourceOptions {
            // A publisher sends whether anybody watches or not: the cache may as well be kept.
            warm: true,
            linger: self.config.linger,
            gop: GopLimits {
                max_frames: self.config.limits.gop_max_frames,
                max_bytes: self.config.limits.gop_max_bytes,
            },
            keyframe: vec![Method::Rtcp],
        }
    }

    /// Pages make up a name each time they are opened: those that are gone, that nobody watches
    /// and that the configuration does not name make room for others.
    fn unused_room_source(&self, room: usize) -> Option<SourceId> {
        let link = self.rooms.all.get(room)?;
        let is_unused = |id: SourceId, source: &RoomSource| {
            source.room == room
                && source.by.is_none()
                && !link.present.contains(&source.stream)
                && !source.is_configured
                && self.hub.source(id).is_some_and(|source| source.subscribers.is_empty())
        };
        let mut sources = self.rooms.sources.iter();
        sources.find(|(id, source)| is_unused(**id, source)).map(|(id, _)| *id)
    }

    /// A peer begins to feed a source: what it sends goes to files of its own, so that one that
    /// comes back begins anew and whoever recycles the name does not.
    #[cfg_attr(not(feature = "record"), expect(unused_variables, reason = "for files alone"))]
    pub(super) fn claim_room_source(&mut self, now: Instant, id: SourceId, by: ViewerId) {
        let Some(source) = self.rooms.sources.get_mut(&id) else { return };
        source.by = Some(by);
        #[cfg(feature = "record")]
        {
            if let Some(recording) = source.recording.take() {
                self.end_recording(now, recording);
            }
            self.record_room_source(now, id);
        }
    }

    /// Begins to record what feeds a source, if that is wanted.
    #[cfg(feature = "record")]
    pub(in crate::net) fn record_room_source(&mut self, now: Instant, id: SourceId) {
        let source = self.rooms.sources.get(&id).filter(|source| source.by.is_some());
        let room = source.and_then(|source| self.rooms.all.get(source.room));
        let (Some(room), Some(source)) = (room, self.hub.source(id)) else { return };
        let stream = source.name.clone();
        let record = self.how_recorded(&stream, room.record.clone());
        let Some(record) = record.map(|record| config::Record { stream, ..record }) else { return };
        let begun = self.begin_recording(now, id, &record);
        if let Err(why) = &begun {
            log::warn!("recording: {why}");
        }
        if let Some(source) = self.rooms.sources.get_mut(&id) {
            source.recording = begun.ok();
        }
    }

    /// A stream is there; its peer comes soon.
    pub(super) fn announce_room_source(&mut self, now: Instant, room: usize, stream: &str) {
        let Some(id) = self.room_source(now, room, stream, 0) else { return };
        if self.rooms.sources.get(&id).is_some_and(|source| source.by.is_none()) {
            self.take_news(now, id, vec![News::Health(Health::Connecting)]);
        }
    }

    /// A stream is not there any more.
    pub(super) fn leave_room_source(&mut self, now: Instant, room: usize, stream: &str) {
        let Some(id) = self.rooms.find(room, stream, 0) else { return };
        self.free_room_source(now, id, None, AWAY);
    }

    /// This peer, or nobody, has fed a source that nobody feeds now.
    pub(super) fn free_room_source(
        &mut self,
        now: Instant,
        id: SourceId,
        by: Option<ViewerId>,
        reason: &str,
    ) {
        let Some(source) = self.rooms.sources.get_mut(&id) else { return };
        if source.by != by {
            return; // another has taken its place
        }
        source.by = None;
        #[cfg(feature = "record")]
        if let Some(recording) = source.recording.take() {
            self.end_recording(now, recording);
        }
        let Some(source) = self.rooms.sources.get_mut(&id) else { return };
        let mut news = Vec::new();
        source.intake.handle_end(reason, &mut news);
        self.take_news(now, id, news);
    }
}
