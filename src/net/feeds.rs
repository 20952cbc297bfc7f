//! Streams that are published to us over WebRTC (WHIP, RFC 9725): each a peer of no slots, from
//! which a source's packets come.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rtsp::client::Stats;
use rtsp::server::Refusal;
use rtsp::server::limits::PUSH_QUIET;

use super::pushes::Pusher;
use super::random::{fill_random, random_name};
use super::server::Server;
use super::viewers::Audience;
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;
use crate::http::Response;
use crate::http::response::whep_created;
use crate::http::whip::Publishing;
use crate::intake::publisher::{Codec, Publisher, Stall};
use crate::intake::{Intake, News};
use crate::peer::receive::{Received, Wanted};
use crate::peer::{Entropy, Peer};

/// First what every output of a stream can take, then what most can: publishers send the first
/// that they have. We are reached at addresses that we know, so they may check them alone.
const WANTED: Wanted<'_> = Wanted {
    codecs: &[
        Codec::Video(VideoCodec::H264),
        Codec::Video(VideoCodec::Vp8),
        Codec::Video(VideoCodec::Vp9),
        Codec::Video(VideoCodec::Av1),
        Codec::Audio(AudioCodec::Opus),
    ],
    video_tracks: 1,
    audio_tracks: 1,
    ice_lite: true,
};

/// All publishers, by their peers.
pub(super) type Feeds = BTreeMap<ViewerId, Feed>;

/// One publisher.
#[derive(Default)]
pub(super) struct Feed {
    publisher: Publisher,
    /// The numbers of its tracks.
    video: Option<usize>,
    audio: Option<usize>,
    heard_at: Option<Instant>,
    stats: Stats,
}

impl Feed {
    /// Takes its video from this track.
    pub fn show(&mut self, track: usize) {
        self.video = Some(track);
    }

    /// Takes its sound from this track.
    pub fn listen_to(&mut self, track: usize) {
        self.audio = Some(track);
    }

    /// The number of its video's track.
    pub fn video(&self) -> Option<usize> {
        self.video
    }

    /// Whether a track is one of its.
    pub fn takes(&self, track: usize) -> bool {
        [self.video, self.audio].contains(&Some(track))
    }

    /// Counters of its video.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Takes what has come by one of its tracks; news in order.
    pub fn handle(
        &mut self,
        now: Instant,
        received: Received,
        intake: &mut Intake,
        news: &mut Vec<News>,
    ) {
        match received {
            Received::Packet(track, packet) if self.takes(track) => {
                self.heard_at = Some(now);
                if Some(track) == self.video {
                    self.stats.handle_packet(now, packet.payload.len());
                }
                self.publisher.handle_packet(now, packet, intake, news);
            }
            Received::Report(track, report) if Some(track) == self.video => {
                self.publisher.handle_video_report(report);
            }
            Received::Report(track, report) if Some(track) == self.audio => {
                self.publisher.handle_audio_report(report);
            }
            _ => {}
        }
    }

    /// Time has passed; which track to ask for a key frame, if one.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        intake: &mut Intake,
        news: &mut Vec<News>,
    ) -> Option<usize> {
        self.publisher.handle_timeout(now, intake, news);
        self.stats.lost = self.publisher.lost();
        self.video.filter(|_| self.publisher.poll_keyframe_request(now))
    }

    /// Why its publisher is to connect anew, told once.
    pub fn poll_stall(&mut self, now: Instant) -> Option<Stall> {
        self.publisher.poll_stall(now)
    }

    /// When [`Feed::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.publisher.poll_timeout()
    }
}

impl Server {
    /// Who may publish a stream. Without a token of its own it is open to whom the RTSP server
    /// is open: a password there is not to be gone round.
    pub(super) fn publishing(&self, name: &str) -> Publishing {
        let Some(id) = self.hub.find(name) else { return Publishing::NoStream };
        if !self.pushes.contains_key(&id) || self.programs.has(id) {
            return Publishing::Nobody;
        }
        if let Some(token) = self.config.stream(name).and_then(|stream| stream.token.clone()) {
            return Publishing::Bearer(token);
        }
        match self.config.rtsp.as_ref().and_then(|rtsp| rtsp.login.as_ref()) {
            Some(_) => Publishing::NoToken,
            None => Publishing::Everybody,
        }
    }

    /// Takes a publisher's offer.
    pub(super) fn start_whip(&mut self, now: Instant, dst: &str, sdp: &str) -> Response {
        let Some(source) = self.hub.find(dst) else {
            return Response::error(404, "stream not found");
        };
        let id = self.insert_viewer(now, None, Audience::Feed(source), &[]);
        self.feeds.insert(id, Feed::default());
        let answer = self.accept_feed(now, id, sdp).and_then(|answer| {
            let begun = self.begin_push(now, Pusher::Peer(id), source);
            begun.map(|_| answer).map_err(|refusal| match refusal {
                Refusal::Taken => Response::error(409, "another publisher sends this stream"),
                _ => Response::error(403, "this stream is not published"),
            })
        });
        match answer {
            Ok(answer) => {
                log::info!("WHIP: publisher {} of {dst}", id.0);
                let name = random_name();
                if let Some(viewer) = self.viewers.get_mut(&id) {
                    viewer.whep_id = Some(name.clone());
                }
                whep_created(&name, &answer, false)
            }
            Err(response) => {
                self.remove_viewer(now, id);
                response
            }
        }
    }

    fn accept_feed(&mut self, now: Instant, id: ViewerId, sdp: &str) -> Result<String, Response> {
        let mut entropy = [0; 32];
        fill_random(&mut entropy);
        let (options, identity) = (&self.peer_options, &self.identity);
        let accepted = catch_unwind(AssertUnwindSafe(|| {
            Peer::receive(now, options, identity, Entropy(entropy), &WANTED, sdp)
        }));
        let (mut peer, answer) = accepted
            .map_err(|_| Response::error(400, "the offer could not be handled"))?
            .map_err(|error| Response::error(400, &error.to_string()))?;
        let feed = self.feeds.entry(id).or_default();
        while let Some(received) = peer.poll_received() {
            if let Received::Track(track) = received {
                match track.codecs.first() {
                    Some(Codec::Video(_)) => feed.show(track.number),
                    Some(Codec::Audio(_)) => feed.listen_to(track.number),
                    None => {}
                }
            }
        }
        if feed.video().is_none() {
            let why = "the offer has no video that is sent in H264, VP8, VP9 or AV1";
            return Err(Response::error(406, why));
        }
        self.demux.insert(peer.ufrag(), id);
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.peer = Some(peer);
        }
        self.dirty.viewers.insert(id);
        Ok(answer.sdp)
    }

    /// Takes what a peer has sent, if it is a publisher; when to look again.
    pub(super) fn pump_feed(&mut self, now: Instant, id: ViewerId) -> Option<Instant> {
        let viewer = self.viewers.get_mut(&id)?;
        let Audience::Feed(source) = viewer.audience else { return None };
        let (peer, feed) = (viewer.peer.as_mut()?, self.feeds.get_mut(&id)?);
        let push = self.pushes.get_mut(&source)?;
        if push.by != Some(Pusher::Peer(id)) {
            return None; // another has taken its place
        }
        let mut news = Vec::new();
        while let Some(received) = peer.poll_received() {
            feed.handle(now, received, &mut push.intake, &mut news);
        }
        let asked = feed.handle_timeout(now, &mut push.intake, &mut news);
        let stall = feed.poll_stall(now);
        let next_at = feed.poll_timeout();
        if asked.is_some() {
            self.hub.note_keyframe_request(source);
            self.ask_feed(id);
        }
        self.take_news(now, source, news);
        if let Some(stall) = stall {
            log::warn!("WHIP: publisher {} is disconnected: {}", id.0, stall.as_str());
            self.remove_viewer(now, id);
        }
        next_at
    }

    /// Asks a publisher for a key frame.
    pub(super) fn ask_feed(&mut self, id: ViewerId) {
        let Some(track) = self.feeds.get(&id).and_then(Feed::video) else { return };
        self.with_peer(id, |peer, sink| peer.request_picture(track, sink));
        self.dirty.viewers.insert(id);
    }

    /// Whether a publisher has sent nothing for so long, or not begun, that another may take its
    /// place.
    pub(super) fn is_feed_quiet(&self, now: Instant, id: ViewerId) -> bool {
        let heard_at = self.feeds.get(&id).and_then(|feed| feed.heard_at);
        heard_at.is_none_or(|at| now >= at + PUSH_QUIET)
    }

    /// Counters of a publisher's video.
    pub(super) fn feed_stats(&self, id: ViewerId) -> Option<Stats> {
        self.feeds.get(&id).map(Feed::stats)
    }

    /// A publisher's peer is gone.
    pub(super) fn end_feed(&mut self, now: Instant, id: ViewerId, source: SourceId) {
        self.feeds.remove(&id);
        self.end_push(now, Pusher::Peer(id), source);
    }
}
