//! Streams of ours that are published into rooms: whoever views one there is a viewer of one slot,
//! to whom we offer.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::RoomLink;
use super::members::{Seat, entropy};
use crate::engine::source::SourceId;
use crate::engine::viewer::SlotKey;
use crate::intake::Intake;
use crate::net::server::Server;
use crate::net::viewers::Audience;
use crate::peer::{Offering, Peer};
use crate::room::data::LABEL;
use crate::room::{PeerEvent, PeerKey};

/// A stream of ours in a room.
pub(super) struct Published {
    pub source: SourceId,
    /// What it is called here.
    pub stream: String,
    /// Viewers whose offer waits until it is known what the camera sends.
    pub waiting: BTreeSet<PeerKey>,
}

impl Server {
    /// Somebody in a room wants to view our stream.
    pub(super) fn offer_to_room(&mut self, now: Instant, seat: Seat) {
        let room = self.rooms.all.get_mut(seat.0);
        let Some(published) = room.and_then(|room| room.published.as_mut()) else { return };
        let (source, stream) = (published.source, published.stream.clone());
        let profile = match self.intake(source).and_then(Intake::profile) {
            Some(profile) => profile,
            None => {
                let room = self.rooms.all.get_mut(seat.0);
                if let Some(published) = room.and_then(|room| room.published.as_mut()) {
                    published.waiting.insert(seat.1);
                }
                return;
            }
        };
        let (options, identity) = (&self.room_peer_options(), &self.identity);
        let audio = self.audio_to_offer(source);
        let offering = Offering { video: profile, audio: &audio, channel: Some(LABEL) };
        let offered = catch_unwind(AssertUnwindSafe(|| {
            Peer::offer(now, options, identity, entropy(), &offering)
        }));
        match offered {
            Ok(Ok((peer, offer))) => {
                let id = self.insert_viewer(now, None, Audience::RoomViewer, &[Some(stream)]);
                self.seat_member(id, seat);
                self.connect_member(id, peer, &offer);
                self.tell_room(now, seat, PeerEvent::Description(offer));
            }
            Ok(Err(error)) => {
                log::warn!("room: no offer of {stream}: {error}");
                self.tell_room(now, seat, PeerEvent::Ended);
            }
            Err(_) => self.tell_room(now, seat, PeerEvent::Ended),
        }
    }

    /// A camera sends: those who wait for it in rooms can be offered what it sends.
    pub(in crate::net) fn offer_to_waiting(&mut self, now: Instant, id: SourceId) {
        if self.intake(id).and_then(Intake::profile).is_none() {
            return;
        }
        let mut seats = Vec::new();
        for (key, room) in self.rooms.all.iter_mut().enumerate() {
            let published = room.published.as_mut().filter(|published| published.source == id);
            let waiting = published.map(|published| std::mem::take(&mut published.waiting));
            seats.extend(waiting.into_iter().flatten().map(|peer| (key, peer)));
        }
        seats.into_iter().for_each(|seat| self.offer_to_room(now, seat));
    }

    /// A stream is something else than was offered: whoever still wants it asks again.
    pub(in crate::net) fn close_room_viewers(&mut self, now: Instant, id: SourceId) {
        let shows = |room: &&RoomLink| room.published.as_ref().is_some_and(|it| it.source == id);
        let rooms = self.rooms.all.iter().filter(shows);
        let viewers: Vec<_> = rooms.flat_map(|room| room.peers.values().copied()).collect();
        viewers.into_iter().for_each(|viewer| self.remove_viewer(now, viewer));
    }

    /// The viewer's answer.
    pub(super) fn take_room_answer(&mut self, now: Instant, seat: Seat, sdp: &str) {
        let Some(id) = self.member(seat) else { return };
        let mut accepted = Ok(<(String, String)>::default());
        let is_sound = self.with_member(seat, |peer, sink| {
            let before = peer.ufrag().to_owned();
            let answer = peer.accept_answer(now, sdp, sink);
            accepted = answer.map(|()| (before, peer.ufrag().to_owned()));
        });
        match &accepted {
            Ok((before, ufrag)) if before != ufrag => self.demux.rename(before, ufrag, id),
            Ok(_) => self.begin_offered_audio(now, id),
            Err(_) => {}
        }
        if let Err(error) = &accepted {
            log::warn!("room: a viewer's answer can't be used: {error}");
        }
        if accepted.is_err() || !is_sound {
            self.close_member(now, seat);
        }
    }

    /// What of it a viewer wants to be sent.
    pub(super) fn take_room_wishes(&mut self, now: Instant, seat: Seat, audio: bool, video: bool) {
        let Some(id) = self.member(seat) else { return };
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let has_audio = viewer.peer.as_ref().is_some_and(|peer| !peer.audio_codecs(0).is_empty());
        viewer.audio = if audio && has_audio { vec![0] } else { Vec::new() };
        if std::mem::replace(&mut viewer.is_blind, !video) && video {
            self.refresh_room_viewer(now, seat);
        }
    }

    /// A viewer wants ICE to begin anew.
    pub(super) fn restart_room_viewer(&mut self, now: Instant, seat: Seat) {
        let mut offered = None;
        self.with_member(seat, |peer, _| offered = peer.offer_restart(entropy()).ok());
        if let Some(offer) = offered {
            self.tell_room(now, seat, PeerEvent::Description(offer));
        }
    }

    /// A viewer wants a key frame.
    pub(super) fn refresh_room_viewer(&mut self, now: Instant, seat: Seat) {
        if let Some(viewer) = self.member(seat) {
            self.hub.handle_picture_loss(now, SlotKey { viewer, position: 0 });
        }
    }

    /// The room is done with a peer.
    pub(super) fn close_member(&mut self, now: Instant, seat: Seat) {
        let room = self.rooms.all.get_mut(seat.0);
        if let Some(published) = room.and_then(|room| room.published.as_mut()) {
            published.waiting.remove(&seat.1);
        }
        if let Some(id) = self.member(seat) {
            self.remove_viewer(now, id);
        }
    }
}
