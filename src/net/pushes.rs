//! Streams that are pushed to us: to the RTSP server, by programs of ours too, or over WebRTC.
//! Sources that no camera is asked for.

use std::time::Instant;

use rtsp::client::Stats;
use rtsp::server::Refusal;

use super::server::Server;
use crate::engine::source::{Health, SourceId, SourceOptions};
use crate::engine::viewer::ViewerId;
use crate::intake::Intake;

/// Why such a stream has no picture most of the time.
const NOBODY: &str = "nobody pushes this stream";

/// One such source.
#[derive(Default)]
pub(super) struct Push {
    pub intake: Intake,
    /// Who pushes it at present.
    pub by: Option<Pusher>,
}

/// Who pushes a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pusher {
    /// A client of the RTSP server, by its key.
    Rtsp(usize),
    /// A peer.
    #[cfg_attr(not(feature = "receive"), expect(dead_code, reason = "there are none"))]
    Peer(ViewerId),
}

impl Server {
    /// Adds a source that waits for a publisher.
    pub(super) fn add_push(&mut self, now: Instant, name: String, options: SourceOptions) {
        // A publisher sends whether anybody watches or not: the cache may as well be kept.
        let id = self.hub.add_source(now, name, SourceOptions { warm: true, ..options });
        self.pushes.insert(id, Push::default());
        self.hub.handle_health(now, id, Health::Offline { reason: NOBODY.to_owned() });
    }

    /// A publisher wants to push a stream. One whose connection was lost, or whose power, is
    /// replaced as soon as it is quiet; one that sends is not: two that fought for a name would
    /// leave its viewers with neither.
    pub(super) fn begin_push(
        &mut self,
        now: Instant,
        by: Pusher,
        id: SourceId,
    ) -> Result<SourceId, Refusal> {
        let push = self.pushes.get(&id).ok_or(Refusal::NotPushable)?;
        if let Some(other) = push.by.filter(|other| *other != by) {
            let is_quiet = match other {
                Pusher::Rtsp(key) => self.is_publisher_quiet(now, key),
                Pusher::Peer(viewer) => self.is_feed_quiet(now, viewer),
            };
            if !is_quiet {
                return Err(Refusal::Taken);
            }
            match other {
                Pusher::Rtsp(key) => self.close_rtsp_client(now, key),
                Pusher::Peer(viewer) => self.remove_viewer(now, viewer),
            }
        }
        if let Some(push) = self.pushes.get_mut(&id) {
            push.by = Some(by);
        }
        Ok(id)
    }

    /// What an RTSP publisher's session has to tell.
    pub(super) fn take_pushed(&mut self, now: Instant, key: usize, id: SourceId) {
        let Some(push) = self.pushes.get_mut(&id) else { return };
        let Some(restream) = &mut self.restream else { return };
        let Some(session) = restream.session_mut(key) else { return };
        let mut news = Vec::new();
        while let Some(event) = session.poll_event() {
            push.intake.handle_event(event, &mut news);
        }
        self.take_news(now, id, news);
    }

    /// Counters of the present publisher.
    pub(super) fn push_stats(&self, id: SourceId) -> Option<Stats> {
        match self.pushes.get(&id)?.by? {
            Pusher::Rtsp(key) => self.restream.as_ref()?.session(key)?.push_stats().cloned(),
            Pusher::Peer(viewer) => self.feed_stats(viewer),
        }
    }

    /// A publisher is gone.
    pub(super) fn end_push(&mut self, now: Instant, by: Pusher, id: SourceId) {
        let Some(push) = self.pushes.get_mut(&id) else { return };
        if push.by.take_if(|present| *present == by).is_none() {
            return; // it never began, or another has taken its place
        }
        if self.programs.has(id) {
            return self.handle_program_silence(now, id);
        }
        let mut news = Vec::new();
        push.intake.handle_end(NOBODY, &mut news);
        self.take_news(now, id, news);
    }

    /// Asks whoever pushes a stream for a keyframe.
    pub(super) fn ask_publisher(&mut self, now: Instant, id: SourceId) {
        let key = match self.pushes.get(&id).and_then(|push| push.by) {
            Some(Pusher::Rtsp(key)) => key,
            Some(Pusher::Peer(viewer)) => return self.ask_feed(viewer),
            None => return,
        };
        let Some(restream) = &mut self.restream else { return };
        if let Some(session) = restream.session_mut(key) {
            session.request_keyframe(now);
            self.dirty.rtsp_clients.insert(key);
        }
    }
}
