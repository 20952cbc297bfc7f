//! Stands for the requests of `crosspoint probe --keyframe` where the feature `keyframe-ways` is
//! off.

use std::time::Instant;

use super::link::Context;
use super::resolver::Resolved;
use super::tls::Authorities;
use super::wall_clock::WallClock;
use crate::engine::keyframe::{Method, Refusal};
use crate::engine::source::SourceId;

/// There are none.
pub(super) enum Asking {}

impl Asking {
    pub fn new(
        _stream: &mut config::Stream,
        _way: &str,
        _authorities: &Authorities,
        _clock: WallClock,
    ) -> Result<Self, String> {
        Err("--keyframe needs a build with the feature keyframe-ways".to_owned())
    }

    pub fn allow_axis(&mut self) {
        match *self {}
    }

    pub fn has_more(&self, _now: Instant) -> bool {
        match *self {}
    }

    pub fn begin(&mut self, _now: Instant) -> Instant {
        match *self {}
    }

    pub fn has_begun(&self) -> bool {
        match *self {}
    }

    pub fn handle_key(&mut self, _now: Instant) {
        match *self {}
    }

    pub fn handle_refusal(&mut self, _now: Instant, _method: Method, _refusal: Refusal) {
        match *self {}
    }

    pub fn handle_ready(
        &mut self,
        _call: SourceId,
        _buffer: &mut [u8],
        _context: &mut Context<'_>,
    ) -> bool {
        match *self {}
    }

    pub fn handle_resolved(
        &mut self,
        _call: SourceId,
        _resolved: Resolved,
        _context: &mut Context<'_>,
    ) {
        match *self {}
    }

    pub fn handle_timeout(&mut self, _now: Instant) {
        match *self {}
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match *self {}
    }

    pub fn poll(&mut self, _now: Instant, _context: &mut Context<'_>) -> Option<Method> {
        match *self {}
    }

    pub fn report(&self) -> Vec<(String, String)> {
        match *self {}
    }
}
