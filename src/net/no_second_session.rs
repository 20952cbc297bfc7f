//! Stands for second sessions with cameras where the feature `keyframe-ways` is off.

use std::time::Instant;

use super::camera::{Camera, Endpoints};
use super::link::Context;
use super::tls::Authorities;
use crate::engine::source::SourceId;

/// There is none.
pub(super) enum SecondSession {}

impl SecondSession {
    pub fn of(
        _source: SourceId,
        stream: &config::Stream,
        _authorities: &Authorities,
        _endpoints: Endpoints,
    ) -> Result<Option<Box<Self>>, String> {
        match stream.keyframe {
            config::Keyframe::Session => {
                Err("keyframe: session needs a build with the feature keyframe-ways".to_owned())
            }
            _ => Ok(None),
        }
    }

    pub fn camera(&mut self) -> &mut Camera {
        match *self {}
    }

    pub fn open(&mut self, _now: Instant, _address: usize) {
        match *self {}
    }

    pub fn close(&mut self, _now: Instant) {
        match *self {}
    }

    pub fn handle_timeout(&mut self, _now: Instant) {
        match *self {}
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match *self {}
    }

    pub fn pump(&mut self, _now: Instant, _context: &mut Context<'_>) -> bool {
        match *self {}
    }

    pub fn take_blame(&mut self, _now: Instant) -> bool {
        match *self {}
    }
}
