//! Streams that are pushed to the RTSP server, by programs of ours too: sources that no camera is
//! asked for.

use std::time::Instant;

use rtsp::client::Stats;
use rtsp::server::Refusal;

use super::server::Server;
use crate::engine::source::{Health, SourceId, SourceOptions};
use crate::intake::Intake;

/// Why such a stream has no picture most of the time.
const NOBODY: &str = "nobody pushes this stream";

/// One such source.
#[derive(Default)]
pub(super) struct Push {
    pub intake: Intake,
    /// The RTSP client that pushes it.
    client: Option<usize>,
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
        key: usize,
        id: SourceId,
    ) -> Result<SourceId, Refusal> {
        let push = self.pushes.get(&id).ok_or(Refusal::NotPushable)?;
        if let Some(other) = push.client.filter(|other| *other != key) {
            if !self.is_publisher_quiet(now, other) {
                return Err(Refusal::Taken);
            }
            self.close_rtsp_client(now, other);
        }
        if let Some(push) = self.pushes.get_mut(&id) {
            push.client = Some(key);
        }
        Ok(id)
    }

    /// What a publisher's session has to tell.
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
        let key = self.pushes.get(&id)?.client?;
        self.restream.as_ref()?.session(key)?.push_stats().cloned()
    }

    /// The publisher is gone.
    pub(super) fn end_push(&mut self, now: Instant, id: SourceId) {
        let Some(push) = self.pushes.get_mut(&id) else { return };
        push.client = None;
        if self.programs.has(id) {
            return self.handle_program_silence(now, id);
        }
        let mut news = Vec::new();
        push.intake.handle_end(NOBODY, &mut news);
        self.take_news(now, id, news);
    }

    /// Asks whoever pushes a stream for a keyframe.
    pub(super) fn ask_publisher(&mut self, now: Instant, id: SourceId) {
        let Some(key) = self.pushes.get(&id).and_then(|push| push.client) else { return };
        let Some(restream) = &mut self.restream else { return };
        if let Some(session) = restream.session_mut(key) {
            session.request_keyframe(now);
            self.dirty.rtsp_clients.insert(key);
        }
    }
}
