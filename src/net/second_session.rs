//! A second session with a camera, for a moment: most cameras begin each session with an IDR, and
//! all sessions of a stream are fed by one encoder, so the first one gets it as well.
//!
//! Nothing of what comes in it is used: its clock and its sequence are others, and it may be of
//! another encoder after all, which is then seen by the first one's IDR not coming. Cameras have
//! few sessions to give: where one is refused, or costs the first one, none is asked for again
//! for an hour.

use std::time::Instant;

use rtsp::client::Event;

use super::camera::{Camera, Endpoints};
use super::link::Context;
use super::tls::Authorities;
use crate::engine::source::SourceId;
use crate::limits;

/// One camera's second session.
pub(super) struct SecondSession {
    /// Of the stream, for the log.
    name: String,
    camera: Camera,
    /// While it is open: when it is given up.
    until: Option<Instant>,
    is_playing: bool,
    ended_at: Option<Instant>,
}

impl SecondSession {
    /// That of a stream's camera, at rest, if the configuration allows one.
    pub fn of(
        source: SourceId,
        stream: &config::Stream,
        authorities: &Authorities,
        endpoints: Endpoints,
    ) -> Result<Option<Box<Self>>, String> {
        if stream.keyframe != config::Keyframe::Session {
            return Ok(None);
        }
        let mut stream = stream.clone();
        // To have joined a group twice asks nothing of the camera.
        if stream.transport == config::Transport::Multicast {
            stream.transport = config::Transport::Auto;
        }
        let camera = Camera::with_endpoints(source, &stream, authorities, endpoints)?;
        let (name, until, is_playing, ended_at) = (stream.name, None, false, None);
        Ok(Some(Box::new(Self { name, camera, until, is_playing, ended_at })))
    }

    /// What connects for it.
    pub fn camera(&mut self) -> &mut Camera {
        &mut self.camera
    }

    /// Opens it with this one of the camera's addresses, unless it is open.
    pub fn open(&mut self, now: Instant, address: usize) {
        if self.until.is_none() {
            self.until = Some(now + limits::SECOND_SESSION_MAX);
            self.is_playing = false;
            self.camera.start_at(now, address);
        }
    }

    /// Ends it, if it is open.
    pub fn close(&mut self, now: Instant) {
        if self.until.take().is_some() {
            self.ended_at = Some(now);
            self.camera.stop(now);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.camera.handle_timeout(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.camera.poll_timeout().into_iter().chain(self.until).min()
    }

    /// Does what has to be done; whether the camera did not take it.
    #[must_use]
    pub fn pump(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut refused = None;
        if self.until.is_some_and(|until| until <= now) {
            self.close(now);
            refused = (!self.is_playing).then(|| "not open in time".to_owned());
        }
        while let Some(event) = self.camera.poll_event(now, context) {
            match event {
                Event::Playing => self.is_playing = true,
                // The first is an IDR: there is nothing more to wait for.
                Event::AccessUnit(_) => self.close(now),
                Event::Offline { error, .. } if self.until.is_some() => {
                    self.close(now);
                    refused = Some(error.to_string());
                }
                Event::Unsupported { codec } if self.until.is_some() => {
                    self.close(now);
                    refused = Some(format!("it has {codec}"));
                }
                _ => {}
            }
        }
        if let Some(reason) = &refused {
            log::warn!("source {}: no second session: {reason}", self.name);
        }
        refused.is_some()
    }

    /// The first session has failed; whether this one is to blame.
    #[must_use]
    pub fn take_blame(&mut self, now: Instant) -> bool {
        let is_recent = |at: Instant| now < at + limits::SECOND_SESSION_BLAME;
        let is_to_blame = self.until.is_some() || self.ended_at.is_some_and(is_recent);
        self.close(now);
        self.ended_at = None;
        if is_to_blame {
            log::warn!("source {}: a second session cost the first one", self.name);
        }
        is_to_blame
    }
}
