//! The cache of one source: its newest group of pictures, from the last IDR on.
//!
//! What is in it can always be decoded from its first frame on. A loss inside it empties it
//! until the next IDR, and so does reaching one of its bounds: an older picture with a hole
//! behind it would be worse than none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::Frame;

/// Bounds of one cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GopLimits {
    /// Most frames, the IDR included.
    pub max_frames: usize,
    /// Most payload bytes.
    pub max_bytes: usize,
}

/// The newest group of pictures of a source.
#[derive(Debug)]
pub struct GopCache {
    limits: GopLimits,
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    last_key_at: Option<Instant>,
    period: Option<Duration>,
}

impl GopCache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: GopLimits) -> Self {
        Self { limits, frames: VecDeque::new(), bytes: 0, last_key_at: None, period: None }
    }

    /// Takes the source's next frame.
    pub fn push(&mut self, frame: &Arc<Frame>) {
        if frame.key {
            self.clear();
            self.period =
                self.last_key_at.map(|last| frame.captured_at.saturating_duration_since(last));
            self.last_key_at = Some(frame.captured_at);
        } else if self.frames.is_empty() {
            return;
        }
        let fits = self.frames.len() < self.limits.max_frames
            && self.bytes + frame.bytes() <= self.limits.max_bytes;
        if fits {
            self.bytes += frame.bytes();
            self.frames.push_back(Arc::clone(frame));
        } else {
            self.clear();
        }
    }

    /// Empties the cache until the next IDR: frames were lost, or memory is needed.
    pub fn clear(&mut self) {
        // Not only the length: a source at rest should not keep what its longest GOP took.
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    /// Forgets everything, the observed GOP period too: the camera was disconnected.
    pub fn reset(&mut self) {
        self.clear();
        self.last_key_at = None;
        self.period = None;
    }

    /// The frames from the IDR on; empty where there is no valid group.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Arc<Frame>> {
        self.frames.iter()
    }

    /// Whether a picture can be shown from it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Payload bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Time between the last two IDRs, once two were seen.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        self.period
    }

    /// How long until the next IDR, if the camera keeps its period.
    #[must_use]
    pub fn until_next_key(&self, now: Instant) -> Option<Duration> {
        let age = now.saturating_duration_since(self.last_key_at?);
        Some(self.period?.saturating_sub(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::VideoCodec;
    use crate::engine::frame::Payloads;

    const LIMITS: GopLimits = GopLimits { max_frames: 4, max_bytes: 1000 };

    fn frame(key: bool, bytes: usize) -> Arc<Frame> {
        let payloads = Payloads::from_iter([vec![0; bytes]]);
        Arc::new(Frame::new(VideoCodec::H264, key, false, Instant::now(), payloads))
    }

    fn lengths(cache: &GopCache) -> Vec<usize> {
        cache.frames().map(|frame| frame.bytes()).collect()
    }

    #[test]
    fn it_starts_at_an_idr() {
        let mut cache = GopCache::new(LIMITS);
        cache.push(&frame(false, 1));
        assert!(!cache.is_valid());
        cache.push(&frame(true, 2));
        cache.push(&frame(false, 3));
        assert_eq!(lengths(&cache), [2, 3]);
    }

    #[test]
    fn the_next_idr_replaces_it() {
        let mut cache = GopCache::new(LIMITS);
        for (key, bytes) in [(true, 2), (false, 3), (true, 4), (false, 5)] {
            cache.push(&frame(key, bytes));
        }
        assert_eq!(lengths(&cache), [4, 5]);
        assert_eq!(cache.bytes(), 9);
    }

    #[test]
    fn a_cache_with_a_hole_shows_nothing_until_the_next_idr() {
        let mut cache = GopCache::new(LIMITS);
        cache.push(&frame(true, 2));
        cache.clear();
        cache.push(&frame(false, 3));
        assert!(!cache.is_valid());
        cache.push(&frame(true, 4));
        assert_eq!(lengths(&cache), [4]);
    }

    #[test]
    fn more_frames_or_bytes_than_the_limits_empty_it() {
        let mut cache = GopCache::new(LIMITS);
        cache.push(&frame(true, 1));
        for _ in 0..4 {
            cache.push(&frame(false, 1));
        }
        assert!(!cache.is_valid());
        cache.push(&frame(true, 600));
        cache.push(&frame(false, 401));
        assert!(!cache.is_valid());
        assert_eq!(cache.bytes(), 0);
        cache.push(&frame(true, 1001));
        assert!(!cache.is_valid());
    }

    #[test]
    fn the_next_idr_is_predicted_from_the_last_two() {
        let start = Instant::now();
        let nothing = Payloads::default;
        let key = |at| Arc::new(Frame::new(VideoCodec::H264, true, false, at, nothing()));
        let mut cache = GopCache::new(LIMITS);
        cache.push(&key(start));
        assert_eq!(cache.until_next_key(start), None);
        let second = start + Duration::from_secs(4);
        cache.push(&key(second));
        let now = second + Duration::from_secs(1);
        assert_eq!(cache.until_next_key(now), Some(Duration::from_secs(3)));
        assert_eq!(cache.until_next_key(now + Duration::from_secs(9)), Some(Duration::ZERO));
    }
}
