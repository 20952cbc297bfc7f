//! The publishers of rooms: what comes by their peers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::members::{Seat, entropy};
use crate::engine::source::{Health, SourceId};
use crate::engine::viewer::ViewerId;
use crate::intake::News;
use crate::intake::publisher::{Codec, Stall};
use crate::limits;
use crate::net::feeds::Feed;
use crate::net::server::Server;
use crate::net::viewers::Audience;
use crate::peer::Peer;
use crate::peer::receive::{Received, Track, Wanted};
use crate::room::PeerEvent;

/// How often the room is told that media flow; it wants to hear it once a second.
const MEDIA_NEWS: Duration = Duration::from_millis(500);
/// Why a stream that was there has no picture.
const ENDED: &str = "the publisher's connection has ended";

/// One publisher of a room.
pub(super) struct Guest {
    room: usize,
    stream: String,
    /// What each of its videos feeds; its sound goes with the first.
    feeds: Vec<(SourceId, Feed)>,
    media_told_at: Option<Instant>,
}

impl Guest {
    /// What feeds a source.
    pub fn feed(&self, id: SourceId) -> Option<&Feed> {
        self.feeds.iter().find(|(source, _)| *source == id).map(|(_, feed)| feed)
    }

    /// What a track is for.
    fn feed_of(&mut self, track: usize) -> Option<&mut (SourceId, Feed)> {
        self.feeds.iter_mut().find(|(_, feed)| feed.takes(track))
    }
}

impl Server {
    /// Answers a publisher's first offer.
    pub(super) fn accept_guest(&mut self, now: Instant, seat: Seat, stream: &str, sdp: &str) {
        let Some(source) = self.room_source(now, seat.0, stream, 0) else {
            return self.tell_room(now, seat, PeerEvent::Ended);
        };
        let id = self.insert_viewer(now, None, Audience::Guest, &[]);
        self.seat_member(id, seat);
        let feeds = vec![(source, Feed::default())];
        let guest = Guest { room: seat.0, stream: stream.to_owned(), feeds, media_told_at: None };
        self.rooms.guests.insert(id, guest);
        self.claim_room_source(now, source, id);
        self.take_news(now, source, vec![News::Health(Health::Connecting)]);
        match self.make_guest(now, seat.0, sdp) {
            Ok((peer, answer)) => {
                log::info!("room: publisher {} of {stream}", id.0);
                self.connect_member(id, peer, &answer);
                self.tell_room(now, seat, PeerEvent::Description(answer));
            }
            Err(error) => {
                log::warn!("room: the offer of {stream} can't be used: {error}");
                self.remove_viewer(now, id);
            }
        }
    }

    fn make_guest(&self, now: Instant, key: usize, sdp: &str) -> Result<(Peer, String), String> {
        let room = self.rooms.all.get(key).ok_or("no such room")?;
        // We may be behind a NAT, as publishers are: both sides check.
        let wanted = Wanted {
            codecs: &room.codecs,
            video_tracks: limits::RECEIVED_TRACKS_MAX,
            audio_tracks: 1,
            ice_lite: false,
        };
        let (options, identity) = (&self.room_peer_options(), &self.identity);
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            Peer::receive(now, options, identity, entropy(), &wanted, sdp)
        }));
        let (peer, answer) = accepted
            .map_err(|_| "it could not be handled".to_owned())?
            .map_err(|error| error.to_string())?;
        Ok((peer, answer.sdp))
    }

    /// Answers a later offer.
    pub(super) fn take_guest_offer(&mut self, now: Instant, seat: Seat, sdp: &str) {
        let Some(id) = self.member(seat) else { return };
        let mut answered = Err("it could not be handled".to_owned());
        let is_sound = self.with_member(seat, |peer, sink| {
            let before = peer.ufrag().to_owned();
            let answer = peer.handle_offer(now, entropy(), sdp, sink);
            let answer = answer.map_err(|error| error.to_string());
            answered = answer.map(|answer| (answer.sdp, before, peer.ufrag().to_owned()));
        });
        match answered {
            Ok((answer, before, ufrag)) if is_sound => {
                if before != ufrag {
                    self.demux.rename(&before, &ufrag, id);
                }
                self.tell_room(now, seat, PeerEvent::Description(answer));
            }
            Ok(_) => self.remove_viewer(now, id),
            Err(error) => {
                log::warn!("room: a later offer of publisher {} can't be used: {error}", id.0);
                self.remove_viewer(now, id);
            }
        }
    }

    /// A publisher may send on one more track.
    pub(super) fn begin_guest_track(&mut self, now: Instant, id: ViewerId, track: &Track) {
        let Some(guest) = self.rooms.guests.get_mut(&id) else { return };
        let Some((_, first)) = guest.feeds.first_mut() else { return };
        match track.codecs.first() {
            Some(Codec::Audio(_)) => first.listen_to(track.number),
            Some(Codec::Video(_)) if first.video().is_none() => first.show(track.number),
            Some(Codec::Video(_)) => {
                let (room, stream, count) = (guest.room, guest.stream.clone(), guest.feeds.len());
                let Some(source) = self.room_source(now, room, &stream, count) else { return };
                let mut feed = Feed::default();
                feed.show(track.number);
                self.claim_room_source(now, source, id);
                if let Some(guest) = self.rooms.guests.get_mut(&id) {
                    guest.feeds.push((source, feed));
                }
            }
            None => {}
        }
    }

    /// Takes what has come by one track.
    pub(super) fn feed_guest_source(
        &mut self,
        now: Instant,
        id: ViewerId,
        seat: Seat,
        track: usize,
        item: Received,
    ) {
        let Some(guest) = self.rooms.guests.get_mut(&id) else { return };
        let is_media = matches!(item, Received::Packet(..));
        let is_news = guest.media_told_at.is_none_or(|told| now >= told + MEDIA_NEWS);
        if is_media && is_news {
            guest.media_told_at = Some(now);
        }
        let Some((source, feed)) = guest.feed_of(track) else { return };
        let (source, mut news) = (*source, Vec::new());
        let Some(fed) = self.rooms.sources.get_mut(&source) else { return };
        if fed.by == Some(id) {
            feed.handle(now, item, &mut fed.intake, &mut news);
            self.take_news(now, source, news);
        }
        if is_media && is_news {
            self.tell_room(now, seat, PeerEvent::Media);
        }
    }

    pub(super) fn step_guest_feeds(&mut self, now: Instant, id: ViewerId) -> Option<Instant> {
        let count = self.rooms.guests.get(&id)?.feeds.len();
        let mut next: Option<Instant> = None;
        for index in 0..count {
            let (source, feed) = self.rooms.guests.get_mut(&id)?.feeds.get_mut(index)?;
            let (source, mut news) = (*source, Vec::new());
            let fed = self.rooms.sources.get_mut(&source).filter(|fed| fed.by == Some(id));
            let Some(fed) = fed else { continue };
            let picture = feed.handle_timeout(now, &mut fed.intake, &mut news);
            // Of a second video, or of one that is switched off, the rest goes on; one that is
            // silent as a whole the room knows itself.
            let is_blind = feed.poll_stall(now) == Some(Stall::NoPicture) && index == 0;
            next = next.into_iter().chain(feed.poll_timeout()).min();
            if let Some(track) = picture {
                self.hub.note_keyframe_request(source);
                self.with_peer(id, |peer, sink| peer.request_picture(track, sink));
            }
            self.take_news(now, source, news);
            if is_blind {
                log::warn!("room: publisher {}: {}", id.0, Stall::NoPicture.as_str());
                self.remove_viewer(now, id);
                return None;
            }
        }
        next
    }

    /// Asks a publisher for a key frame, if a room's feeds this source.
    pub(in crate::net) fn ask_guest(&mut self, source: SourceId) {
        let Some(id) = self.rooms.sources.get(&source).and_then(|source| source.by) else { return };
        let guest = self.rooms.guests.get(&id);
        let Some(track) = guest.and_then(|guest| guest.feed(source)?.video()) else { return };
        self.with_peer(id, |peer, sink| peer.request_picture(track, sink));
        self.dirty.viewers.insert(id);
    }

    /// A peer is connected; if it is a publisher, so are its sources.
    pub(super) fn tell_guest_connected(&mut self, now: Instant, id: ViewerId) {
        let sources = self.rooms.guests.get(&id).into_iter().flat_map(|guest| &guest.feeds);
        for source in sources.map(|(source, _)| *source).collect::<Vec<_>>() {
            self.tell_connected(now, source);
        }
    }

    /// A peer is gone; if it was a publisher, its sources wait for another.
    pub(super) fn end_guest(&mut self, now: Instant, id: ViewerId) {
        let Some(guest) = self.rooms.guests.remove(&id) else { return };
        for (source, _) in &guest.feeds {
            self.free_room_source(now, *source, Some(id), ENDED);
        }
    }
}
