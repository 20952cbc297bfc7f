//! What sources have to tell, whatever feeds them.

use std::time::Instant;

use super::server::Server;
use crate::engine::keyframe::Method;
use crate::engine::source::SourceId;
use crate::intake::{Intake, News};

impl Server {
    /// What feeds a source, as far as it is known.
    pub(super) fn intake(&self, id: SourceId) -> Option<&Intake> {
        let pulled = self.cameras.get(&id).map(|camera| &camera.intake);
        let pushed = || self.pushes.get(&id).map(|push| &push.intake);
        pulled.or_else(pushed).or_else(|| self.rooms.intake(id))
    }

    /// Counters of what feeds a source; none while nobody pushes it.
    pub(super) fn stats(&self, id: SourceId) -> Option<rtsp::client::Stats> {
        match self.cameras.get(&id) {
            Some(camera) => Some(camera.client().stats()),
            None => self.push_stats(id).or_else(|| self.rooms.stats(id)),
        }
    }

    /// Passes on what a source has to tell.
    pub(super) fn take_news(&mut self, now: Instant, id: SourceId, news: Vec<News>) {
        for item in news {
            match item {
                News::Described => {
                    self.tell_connected(now, id);
                    self.look_at_maker(id);
                    self.answer_descriptions(now, id);
                }
                News::Media => self.hub.handle_media(now, id),
                News::Codec(codec) => self.handle_codec(now, id, codec),
                News::KeyframeRefused(method, refusal) => {
                    self.hub.handle_keyframe_refusal(now, id, method, refusal);
                }
                News::Frame(frame) => {
                    self.note_media(now, id, frame.key);
                    self.hub.handle_frame(now, id, &frame);
                }
                News::Audio(frame) => {
                    self.note_media(now, id, false);
                    self.take_audio(now, id, frame);
                }
                News::Rotated(degrees) => self.record_rotation(now, id, degrees),
                News::Gap => {
                    self.record_gap(now, id);
                    self.hub.handle_gap(now, id);
                }
                News::Health(health) => {
                    if let Some(source) = self.hub.source(id).filter(|s| s.health != health) {
                        match health.failure() {
                            Some(reason) => log::warn!("source {}: {reason}", source.name),
                            None => log::info!("source {}: {}", source.name, health.as_str()),
                        }
                    }
                    self.tell_health(now, id, &health);
                    self.tell_publishers(id, &health);
                    if health.failure().is_some() {
                        self.record_end(now, id);
                    }
                    self.hub.handle_health(now, id, health);
                    self.offer_to_waiting(now, id);
                    self.answer_descriptions(now, id);
                }
            }
        }
    }

    /// A camera of a maker who has a way of his own to ask for keyframes may be asked so.
    fn look_at_maker(&mut self, id: SourceId) {
        let Some(source) = self.hub.source(id) else { return };
        let stream = self.config.stream(&source.name);
        let is_auto = stream.is_some_and(|stream| stream.keyframe == config::Keyframe::Auto);
        if is_auto && self.cameras.get(&id).is_some_and(|camera| camera.client().is_axis()) {
            self.hub.allow_keyframe_method(id, Method::Axis);
        }
    }
}
