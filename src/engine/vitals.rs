//! How a source does: how long ago something came of it, what was missing, and whether its pictures
//! have stopped.

use std::time::{Duration, Instant};

/// Pictures that stop for this long are asked for...
const STALL: Duration = Duration::from_secs(3);
/// ...but for those of a camera that always takes longer: so many times as long as between the two
/// before.
const STALL_SPACINGS: u32 = 3;

/// The vital signs of one source.
#[derive(Debug, Default)]
pub struct Vitals {
    gaps: u64,
    keyframe_requests: u64,
    frame_at: Option<Instant>,
    key_at: Option<Instant>,
    /// Between the newest two pictures of this session.
    spacing: Duration,
    /// When the newest picture of this session came.
    pictured_at: Option<Instant>,
    /// Since when the next picture is waited for; none where nothing is to be expected.
    waits_since: Option<Instant>,
    is_stalled: bool,
}

impl Vitals {
    /// Times that pictures were lost.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Requests for a key frame that were sent to it, in whichever way.
    #[must_use]
    pub fn keyframe_requests(&self) -> u64 {
        self.keyframe_requests
    }

    /// How long ago its newest frame came that can be decoded.
    #[must_use]
    pub fn frame_age(&self, now: Instant) -> Option<Duration> {
        self.frame_at.map(|at| now.saturating_duration_since(at))
    }

    /// The same of its newest key frame.
    #[must_use]
    pub fn keyframe_age(&self, now: Instant) -> Option<Duration> {
        self.key_at.map(|at| now.saturating_duration_since(at))
    }

    /// It is connected and begins to send: a picture is to be expected.
    pub fn handle_media(&mut self, now: Instant) {
        (self.spacing, self.pictured_at) = (Duration::ZERO, None);
        self.wait(now);
    }

    /// A frame that can be decoded has come.
    pub fn handle_frame(&mut self, now: Instant, key: bool) {
        if let Some(before) = self.pictured_at.replace(now) {
            self.spacing = now.saturating_duration_since(before);
        }
        self.frame_at = Some(now);
        if key {
            self.key_at = Some(now);
        }
        self.wait(now);
    }

    /// Frames were lost.
    pub fn handle_gap(&mut self) {
        self.gaps += 1;
    }

    /// It was asked for a key frame.
    pub fn handle_keyframe_request(&mut self) {
        self.keyframe_requests += 1;
    }

    /// It is gone: nothing is to be expected of it.
    pub fn handle_end(&mut self) {
        (self.spacing, self.pictured_at, self.waits_since) = (Duration::ZERO, None, None);
        self.is_stalled = false;
    }

    /// Whether its pictures have stopped; true once, until there is another one.
    pub fn poll_stall(&mut self, now: Instant) -> bool {
        let is_stalled = self.poll_timeout().is_some_and(|at| now >= at);
        self.is_stalled |= is_stalled;
        is_stalled
    }

    /// When to call [`Vitals::poll_stall`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let since = self.waits_since.filter(|_| !self.is_stalled)?;
        Some(since + STALL.max(self.spacing * STALL_SPACINGS))
    }

    fn wait(&mut self, now: Instant) {
        self.waits_since = Some(now);
        self.is_stalled = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pictures_that_stop_are_noticed_once() {
        let (mut vitals, start) = (Vitals::default(), Instant::now());
        assert_eq!(vitals.poll_timeout(), None);
        vitals.handle_frame(start, true);
        assert!(!vitals.poll_stall(start + SECOND * 2));
        assert!(vitals.poll_stall(start + STALL));
        assert!(!vitals.poll_stall(start + STALL * 2));
        assert_eq!(vitals.poll_timeout(), None);
        vitals.handle_frame(start + STALL * 2, false);
        assert!(vitals.poll_timeout().is_some());
    }

    #[test]
    fn a_session_that_begins_without_a_picture_is_stalled_too() {
        let (mut vitals, start) = (Vitals::default(), Instant::now());
        vitals.handle_media(start);
        assert!(vitals.poll_stall(start + STALL));
        vitals.handle_end();
        assert_eq!(vitals.poll_timeout(), None);
    }

    #[test]
    fn a_camera_of_a_picture_every_two_seconds_is_left_alone() {
        let (mut vitals, mut now) = (Vitals::default(), Instant::now());
        for _ in 0..10 {
            vitals.handle_frame(now, true);
            now += SECOND * 2;
        }
        assert!(!vitals.poll_stall(now + SECOND * 3));
        assert!(vitals.poll_stall(now + SECOND * 4));
    }

    #[test]
    fn ages_count_from_what_came_last() {
        let (mut vitals, start) = (Vitals::default(), Instant::now());
        assert_eq!((vitals.frame_age(start), vitals.keyframe_age(start)), (None, None));
        vitals.handle_frame(start, true);
        vitals.handle_frame(start + SECOND, false);
        let now = start + SECOND * 3;
        assert_eq!(vitals.frame_age(now), Some(SECOND * 2));
        assert_eq!(vitals.keyframe_age(now), Some(SECOND * 3));
    }
}
