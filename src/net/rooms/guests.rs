//! The publishers of rooms: what becomes of their peers, and what comes by them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::engine::source::{Health, SourceId};
use crate::engine::viewer::ViewerId;
use crate::intake::News;
use crate::intake::publisher::Codec;
use crate::limits;
use crate::net::feeds::Feed;
use crate::net::random::fill_random;
use crate::net::server::Server;
use crate::net::viewers::Audience;
use crate::peer::receive::{Received, Track, Wanted};
use crate::peer::{Entropy, Peer, Sink};
use crate::room::data::LABEL;
use crate::room::{DataEvent, PeerEvent, PeerKey};

/// How often the room is told that media flow; it wants to hear it once a second.
const MEDIA_NEWS: Duration = Duration::from_millis(500);
/// Why a stream that was there has no picture.
const ENDED: &str = "the publisher's connection has ended";

/// One publisher of a room.
pub(super) struct Guest {
    room: usize,
    peer: PeerKey,
    stream: String,
    /// The number of its data channel.
    channel: Option<usize>,
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
    pub(super) fn accept_guest(
        &mut self,
        now: Instant,
        (key, peer): (usize, PeerKey),
        stream: &str,
        sdp: &str,
    ) {
        let Some(source) = self.room_source(now, key, stream, 0) else {
            return self.tell_room(now, (key, peer), PeerEvent::Ended);
        };
        let id = self.insert_viewer(now, None, Audience::Guest(key), &[]);
        let guest = Guest {
            room: key,
            peer,
            stream: stream.to_owned(),
            channel: None,
            feeds: vec![(source, Feed::default())],
            media_told_at: None,
        };
        self.rooms.guests.insert(id, guest);
        if let Some(source) = self.rooms.sources.get_mut(&source) {
            source.by = Some(id);
        }
        self.take_news(now, source, vec![News::Health(Health::Connecting)]);
        let Some(room) = self.rooms.all.get_mut(key) else { return };
        room.peers.insert(peer, id);
        match self.make_guest(now, key, id, sdp) {
            Ok(answer) => {
                log::info!("room: publisher {} of {stream}", id.0);
                self.tell_room(now, (key, peer), PeerEvent::Description(answer));
            }
            Err(error) => {
                log::warn!("room: the offer of {stream} can't be used: {error}");
                self.remove_viewer(now, id);
            }
        }
    }

    fn make_guest(
        &mut self,
        now: Instant,
        key: usize,
        id: ViewerId,
        sdp: &str,
    ) -> Result<String, String> {
        let room = self.rooms.all.get(key).ok_or("no such room")?;
        // We may be behind a NAT, as publishers are: both sides check.
        let wanted = Wanted {
            codecs: &room.codecs,
            video_tracks: limits::RECEIVED_TRACKS_MAX,
            audio_tracks: 1,
            ice_lite: false,
        };
        let mut entropy = [0; 32];
        fill_random(&mut entropy);
        let (options, identity) = (&self.peer_options, &self.identity);
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            Peer::receive(now, options, identity, Entropy(entropy), &wanted, sdp)
        }));
        let (peer, answer) = accepted
            .map_err(|_| "it could not be handled".to_owned())?
            .map_err(|error| error.to_string())?;
        self.demux.insert(peer.ufrag(), id);
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.peer = Some(peer);
        }
        self.dirty.viewers.insert(id);
        Ok(answer.sdp)
    }

    /// Answers a later offer.
    pub(super) fn take_guest_offer(
        &mut self,
        now: Instant,
        (key, peer): (usize, PeerKey),
        sdp: &str,
    ) {
        let Some(id) = self.guest(key, peer) else { return };
        let mut entropy = [0; 32];
        fill_random(&mut entropy);
        let mut answered = Err("it could not be handled".to_owned());
        let is_sound = self.with_peer(id, |peer, sink| {
            let before = peer.ufrag().to_owned();
            let answer = peer.handle_offer(now, Entropy(entropy), sdp, sink);
            let answer = answer.map_err(|error| error.to_string());
            answered = answer.map(|answer| (answer.sdp, before, peer.ufrag().to_owned()));
        });
        self.dirty.viewers.insert(id);
        match answered {
            Ok((answer, before, ufrag)) if is_sound => {
                if before != ufrag {
                    self.demux.rename(&before, &ufrag, id);
                }
                self.tell_room(now, (key, peer), PeerEvent::Description(answer));
            }
            Ok(_) => self.remove_viewer(now, id),
            Err(error) => {
                log::warn!("room: a later offer of publisher {} can't be used: {error}", id.0);
                self.remove_viewer(now, id);
            }
        }
    }

    /// Sends a text on a publisher's data channel.
    pub(super) fn tell_guest(&mut self, now: Instant, (key, peer): (usize, PeerKey), text: &str) {
        let Some(id) = self.guest(key, peer) else { return };
        let channel = self.rooms.guests.get(&id).and_then(|guest| guest.channel);
        let Some(channel) = channel else { return };
        self.with_peer(id, |peer, sink| {
            if !peer.send_text(now, channel, text, sink) {
                log::debug!("room: a message to publisher {} was not taken", id.0);
            }
        });
        self.dirty.viewers.insert(id);
    }

    pub(super) fn with_guest(
        &mut self,
        key: usize,
        peer: PeerKey,
        act: impl FnOnce(&mut Peer, &mut Sink<'_>),
    ) {
        let Some(id) = self.guest(key, peer) else { return };
        self.with_peer(id, act);
        self.dirty.viewers.insert(id);
    }

    fn guest(&self, key: usize, peer: PeerKey) -> Option<ViewerId> {
        self.rooms.all.get(key)?.peers.get(&peer).copied()
    }

    /// Tells a room what became of a peer.
    fn tell_room(&mut self, now: Instant, (key, peer): (usize, PeerKey), event: PeerEvent) {
        self.with_room(key, |room, _| room.machine.handle_peer(now, peer, event));
    }

    /// A peer has connected; if it is a publisher of a room, that wants to know.
    pub(in crate::net) fn handle_guest_connected(&mut self, now: Instant, id: ViewerId) {
        let Some(Guest { room, peer, .. }) = self.rooms.guests.get(&id) else { return };
        let at = (*room, *peer);
        self.tell_room(now, at, PeerEvent::Connected);
    }

    /// Takes what a peer has sent, if it is a publisher of a room; when to look again.
    pub(in crate::net) fn pump_guest(&mut self, now: Instant, id: ViewerId) -> Option<Instant> {
        let guest = self.rooms.guests.get(&id)?;
        let at = (guest.room, guest.peer);
        let peer = self.viewers.get_mut(&id)?.peer.as_mut()?;
        // At most RECEIVED_MAX.
        let received: Vec<Received> = std::iter::from_fn(|| peer.poll_received()).collect();
        for item in received {
            match item {
                Received::Track(track) => self.begin_guest_track(now, id, &track),
                Received::Packet(track, _) | Received::Report(track, _) => {
                    self.feed_guest_source(now, id, track, item);
                }
                Received::ChannelOpen { channel, label } if label == LABEL => {
                    self.rooms.guests.get_mut(&id)?.channel = Some(channel);
                    self.hear_guest(now, at, DataEvent::Open);
                }
                Received::Text { channel, text } if self.is_guest_channel(id, channel) => {
                    self.hear_guest(now, at, DataEvent::Text(&text));
                }
                Received::ChannelClosed { channel } if self.is_guest_channel(id, channel) => {
                    self.rooms.guests.get_mut(&id)?.channel = None;
                    self.hear_guest(now, at, DataEvent::Closed);
                }
                // Other channels carry files.
                Received::ChannelOpen { .. }
                | Received::Text { .. }
                | Received::ChannelClosed { .. } => {}
            }
        }
        self.step_guest_feeds(now, id)
    }

    fn hear_guest(&mut self, now: Instant, (key, peer): (usize, PeerKey), event: DataEvent<'_>) {
        self.with_room(key, |room, _| room.machine.handle_data_channel(now, peer, event));
    }

    fn is_guest_channel(&self, id: ViewerId, channel: usize) -> bool {
        self.rooms.guests.get(&id).is_some_and(|guest| guest.channel == Some(channel))
    }

    /// A publisher may send on one more track.
    fn begin_guest_track(&mut self, now: Instant, id: ViewerId, track: &Track) {
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
                if let Some(source) = self.rooms.sources.get_mut(&source) {
                    source.by = Some(id);
                }
                if let Some(guest) = self.rooms.guests.get_mut(&id) {
                    guest.feeds.push((source, feed));
                }
            }
            None => {}
        }
    }

    fn feed_guest_source(&mut self, now: Instant, id: ViewerId, track: usize, item: Received) {
        let Some(guest) = self.rooms.guests.get_mut(&id) else { return };
        let at = (guest.room, guest.peer);
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
            self.tell_room(now, at, PeerEvent::Media);
        }
    }

    fn step_guest_feeds(&mut self, now: Instant, id: ViewerId) -> Option<Instant> {
        let count = self.rooms.guests.get(&id)?.feeds.len();
        let mut next: Option<Instant> = None;
        for index in 0..count {
            let (source, feed) = self.rooms.guests.get_mut(&id)?.feeds.get_mut(index)?;
            let (source, mut news) = (*source, Vec::new());
            let fed = self.rooms.sources.get_mut(&source).filter(|fed| fed.by == Some(id));
            let Some(fed) = fed else { continue };
            let picture = feed.handle_timeout(now, &mut fed.intake, &mut news);
            next = next.into_iter().chain(feed.poll_timeout()).min();
            if let Some(track) = picture {
                self.with_peer(id, |peer, sink| peer.request_picture(now, track, sink));
            }
            self.take_news(now, source, news);
        }
        next
    }

    /// Asks a publisher for a key frame, if a room's feeds this source.
    pub(in crate::net) fn ask_guest(&mut self, now: Instant, source: SourceId) {
        let Some(id) = self.rooms.sources.get(&source).and_then(|source| source.by) else { return };
        let guest = self.rooms.guests.get(&id);
        let Some(track) = guest.and_then(|guest| guest.feed(source)?.video()) else { return };
        self.with_peer(id, |peer, sink| peer.request_picture(now, track, sink));
        self.dirty.viewers.insert(id);
    }

    /// A peer is gone; if it was a publisher of a room, its sources wait for another.
    pub(in crate::net) fn end_guest(&mut self, now: Instant, id: ViewerId) {
        let Some(guest) = self.rooms.guests.remove(&id) else { return };
        for (source, _) in &guest.feeds {
            self.free_room_source(now, *source, Some(id), ENDED);
        }
        self.with_room(guest.room, |room, _| {
            room.peers.remove(&guest.peer);
            // Whom the room has closed it does not know any more.
            room.machine.handle_peer(now, guest.peer, PeerEvent::Ended);
        });
    }
}
