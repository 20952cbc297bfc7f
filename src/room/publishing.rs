//! The viewers of the stream that is published: one peer each, to which we offer.

use std::time::Instant;

use super::data::{self, Data};
use super::early::Owner;
use super::limits;
use super::machine::{Room, Way};
use super::message::{Kind, To, Writing};
use super::output::{Output, PeerEvent, PeerKey};

/// Random letters and digits of a session, after those that all of ours begin with.
const SESSION_CHARS: usize = 5;

/// A peer that views us.
#[derive(Debug)]
pub(super) struct Viewer {
    uuid: String,
    session: String,
    made_at: Instant,
    /// Whether an offer of ours waits for its answer.
    is_offered: bool,
    was_answered: bool,
    is_connected: bool,
    pub is_channel_open: bool,
    restarted_at: Option<Instant>,
    deadline: Option<Instant>,
}

impl Room {
    /// Somebody wants our stream.
    pub(super) fn invite(&mut self, now: Instant, uuid: String) {
        if self.published().is_none() {
            return;
        }
        let known = self.viewers.iter().find(|(_, viewer)| viewer.uuid == uuid);
        if let Some((peer, viewer)) = known {
            // Pages ask more than once.
            if viewer.is_connected || now < viewer.made_at + limits::REOFFER_AFTER {
                return;
            }
            let peer = *peer;
            self.dismiss(peer);
        }
        if self.viewers.len() >= limits::VIEWERS_MAX {
            return;
        }
        let peer = self.new_key();
        let session = format!("{}{}", self.load_id, self.chance.id(SESSION_CHARS));
        let viewer = Viewer {
            uuid,
            session,
            made_at: now,
            is_offered: false,
            was_answered: false,
            is_connected: false,
            is_channel_open: false,
            restarted_at: None,
            deadline: Some(now + limits::SETUP_TIMEOUT),
        };
        self.viewers.insert(peer, viewer);
        self.push(Output::MakeOffer { peer });
    }

    fn dismiss(&mut self, peer: PeerKey) {
        if self.viewers.contains_key(&peer) {
            self.hang_up(peer);
            self.viewers.remove(&peer);
        }
    }

    /// A goodbye on the WebSocket.
    pub(super) fn viewer_left(&mut self, uuid: &str, session: Option<&str>) {
        let is_it = |viewer: &Viewer| {
            viewer.uuid == uuid && session.is_none_or(|session| session == viewer.session)
        };
        let left = self.viewers.iter().filter(|(_, viewer)| is_it(viewer));
        let left: Vec<PeerKey> = left.map(|(peer, _)| *peer).collect();
        left.into_iter().for_each(|peer| self.dismiss(peer));
    }

    /// An answer by WebSocket. One that does not name the session is not for our offer.
    pub(super) fn answered(&mut self, now: Instant, uuid: &str, session: &str, sdp: String) {
        let is_it = |viewer: &Viewer| viewer.uuid == uuid && viewer.session == session;
        let found = self.viewers.iter().find(|(_, viewer)| is_it(viewer));
        if let Some(peer) = found.map(|(peer, _)| *peer) {
            self.take_answer(now, peer, sdp);
        }
    }

    fn take_answer(&mut self, now: Instant, peer: PeerKey, sdp: String) {
        let Some(viewer) = self.viewers.get_mut(&peer) else { return };
        if !std::mem::take(&mut viewer.is_offered) {
            return;
        }
        viewer.was_answered = true;
        let (uuid, session) = (viewer.uuid.clone(), viewer.session.clone());
        self.push(Output::Answer { peer, sdp });
        let early = self.early.take(now, &Owner { uuid, session, is_offerer: false });
        self.add_candidates(peer, early);
    }

    /// The viewer of this session, if it has answered: before, it has no use for candidates.
    pub(super) fn answered_viewer(&self, uuid: &str, session: &str) -> Option<PeerKey> {
        let is_it = |viewer: &Viewer| {
            viewer.uuid == uuid && viewer.session == session && viewer.was_answered
        };
        self.viewers.iter().find(|(_, viewer)| is_it(viewer)).map(|(peer, _)| *peer)
    }

    pub(super) fn viewer_channel(&mut self, peer: PeerKey, is_open: bool) {
        let Some(viewer) = self.viewers.get_mut(&peer) else { return };
        let was_open = std::mem::replace(&mut viewer.is_channel_open, is_open);
        if is_open && !was_open {
            let text = data::introduction(&self.options.label);
            self.push(Output::SendData { peer, text });
        }
    }

    pub(super) fn viewer_data(&mut self, now: Instant, peer: PeerKey, data: Data) {
        let Some(viewer) = self.viewers.get(&peer) else { return };
        let is_of_session = data.session.as_deref() == Some(&viewer.session);
        if let Some(it) = data.description.filter(|it| is_of_session && it.kind == Kind::Answer) {
            self.take_answer(now, peer, it.sdp);
        }
        let came = data.candidates.filter(|_| is_of_session);
        if let Some(came) = came.filter(|came| came.is_offerer != Some(true)) {
            self.add_candidates(peer, came.candidates);
        }
        if data.audio.is_some() || data.video.is_some() {
            let (audio, video) = (data.audio.unwrap_or(true), data.video.unwrap_or(true));
            self.push(Output::Wanted { peer, audio, video });
        }
        if data.keyframe {
            self.push(Output::Keyframe { peer });
        }
        if data.ice_restart {
            self.restart_viewer(now, peer);
        }
        if let Some(ping) = data.ping {
            self.push(Output::SendData { peer, text: data::pong(&ping) });
        }
        if data.request_stats {
            self.push(Output::SendData { peer, text: data::NO_STATS.to_owned() });
        }
        if data.bye {
            self.dismiss(peer);
        }
    }

    /// Other programs' viewers ask for this where their path is lost; pages do not.
    fn restart_viewer(&mut self, now: Instant, peer: PeerKey) {
        let Some(viewer) = self.viewers.get_mut(&peer) else { return };
        let opens_at = viewer.restarted_at.map(|at| at + limits::RESTART_SPACING);
        if viewer.was_answered && opens_at.is_none_or(|at| at <= now) {
            viewer.restarted_at = Some(now);
            self.push(Output::RestartIce { peer });
        }
    }

    pub(super) fn viewer_peer(&mut self, now: Instant, peer: PeerKey, event: PeerEvent) {
        let Some(stream) = self.published().map(str::to_owned) else { return };
        let Some(viewer) = self.viewers.get_mut(&peer) else { return };
        let way = if viewer.is_channel_open { Way::Data(peer) } else { Way::Socket };
        let (uuid, session) = (viewer.uuid.clone(), viewer.session.clone());
        let to = To { uuid: &uuid, session: &session };
        match event {
            PeerEvent::Description(sdp) => {
                viewer.is_offered = true;
                // On a data channel pages name the stream as people do.
                let name = match way {
                    Way::Data(_) => self.secret.stream_name(&stream).to_owned(),
                    Way::Socket => stream,
                };
                self.send(way, |seal| Writing::offer(to, &name, &sdp, seal));
            }
            PeerEvent::Candidates(candidates) if !candidates.is_empty() => {
                self.send(way, |seal| Writing::candidates(to, true, &candidates, seal));
            }
            PeerEvent::Connected => {
                viewer.is_connected = true;
                viewer.deadline = None;
            }
            PeerEvent::Disconnected => {
                viewer.is_connected = false;
                viewer.deadline = Some(now + limits::LOST_GRACE);
            }
            PeerEvent::Ended => {
                self.viewers.remove(&peer);
            }
            PeerEvent::Candidates(_) | PeerEvent::Media => {}
        }
    }

    pub(super) fn viewers_timeout(&mut self, now: Instant) {
        let is_late = |viewer: &Viewer| viewer.deadline.is_some_and(|at| at <= now);
        let late = self.viewers.iter().filter(|(_, viewer)| is_late(viewer));
        let late: Vec<PeerKey> = late.map(|(peer, _)| *peer).collect();
        late.into_iter().for_each(|peer| self.dismiss(peer));
    }

    pub(super) fn viewers_deadline(&self) -> Option<Instant> {
        self.viewers.values().filter_map(|viewer| viewer.deadline).min()
    }
}
