//! Pictures and sound of one source in the order in which they were taken.
//!
//! They come by ways of their own, and one is late by what its packets and its buffers take. Each
//! waits for the other, half a second at most; nothing waits for what has never come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::format::{AudioFormat, Rotation};
use super::limits;
use crate::engine::frame::Frame;

/// Something of the picture track.
#[derive(Debug)]
pub(super) enum Video {
    Frame(Arc<Frame>),
    /// Frames were lost here.
    Gap,
    Rotation(Rotation),
}

/// Something of the sound track.
#[derive(Debug)]
pub(super) struct Sound {
    pub format: AudioFormat,
    pub captured_at: Instant,
    /// In ticks of the format's clock.
    pub ticks: u32,
    pub data: Vec<u8>,
}

/// The next thing in order.
#[derive(Debug)]
pub(super) enum Item {
    Video(Video),
    Sound(Sound),
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    captured_at: Instant,
    arrived_at: Instant,
    bytes: usize,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Merge {
    wants_audio: bool,
    video: VecDeque<Waiting<Video>>,
    audio: VecDeque<Waiting<Sound>>,
    has_audio: bool,
    has_video: bool,
    /// When the first of it came.
    began_at: Option<Instant>,
    newest_video: Option<Instant>,
    bytes: usize,
}

impl Merge {
    /// Nothing waits for sound that is not wanted.
    pub fn new(wants_audio: bool) -> Self {
        Self { wants_audio, ..Self::default() }
    }

    pub fn push_frame(&mut self, now: Instant, frame: &Arc<Frame>) {
        self.has_video = true;
        self.newest_video = Some(frame.captured_at);
        let bytes = frame.bytes();
        self.push_video(now, Video::Frame(Arc::clone(frame)), frame.captured_at, bytes);
    }

    /// Something between the frames before it and those behind it.
    pub fn push_mark(&mut self, now: Instant, mark: Video) {
        let at = self.newest_video.unwrap_or(now);
        self.push_video(now, mark, at, 0);
    }

    fn push_video(&mut self, now: Instant, item: Video, captured_at: Instant, bytes: usize) {
        self.began_at.get_or_insert(now);
        self.bytes += bytes;
        self.video.push_back(Waiting { item, captured_at, arrived_at: now, bytes });
    }

    pub fn push_sound(&mut self, now: Instant, sound: Sound) {
        self.has_audio = true;
        self.began_at.get_or_insert(now);
        let (captured_at, bytes) = (sound.captured_at, sound.data.len());
        self.bytes += bytes;
        self.audio.push_back(Waiting { item: sound, captured_at, arrived_at: now, bytes });
    }

    /// The next thing whose turn has come.
    pub fn pop(&mut self, now: Instant) -> Option<Item> {
        let (is_video, due_at) = self.next()?;
        (now >= due_at || self.is_full()).then(|| self.take(is_video))?
    }

    /// The next thing, whatever might still come before it.
    pub fn pop_now(&mut self) -> Option<Item> {
        let (is_video, _) = self.next()?;
        self.take(is_video)
    }

    /// When [`Merge::pop`] has something by time alone.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next().map(|(_, due_at)| due_at)
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_full(&self) -> bool {
        self.bytes > limits::MERGE_MAX_BYTES
            || self.video.len() + self.audio.len() > limits::MERGE_MAX_FRAMES
    }

    fn take(&mut self, is_video: bool) -> Option<Item> {
        if is_video {
            let waiting = self.video.pop_front()?;
            self.bytes -= waiting.bytes;
            return Some(Item::Video(waiting.item));
        }
        let waiting = self.audio.pop_front()?;
        self.bytes -= waiting.bytes;
        Some(Item::Sound(waiting.item))
    }

    /// Whether the next thing is a picture, and when it may go.
    fn next(&self) -> Option<(bool, Instant)> {
        match (self.video.front(), self.audio.front()) {
            (None, None) => None,
            (Some(video), Some(audio)) => {
                let is_video = video.captured_at <= audio.captured_at;
                Some((is_video, if is_video { video.arrived_at } else { audio.arrived_at }))
            }
            (Some(video), None) => Some((true, self.patience(video.arrived_at, self.has_audio))),
            (None, Some(audio)) => Some((false, self.patience(audio.arrived_at, self.has_video))),
        }
    }

    /// Until when something that arrived then waits for the other track.
    fn patience(&self, arrived_at: Instant, has_other: bool) -> Instant {
        if !self.wants_audio {
            return arrived_at;
        }
        if has_other {
            return arrived_at + limits::MERGE;
        }
        // Nobody knows yet whether there is another one.
        arrived_at.max(self.began_at.unwrap_or(arrived_at) + limits::MERGE_FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::VideoCodec;
    use std::time::Duration;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn frame(at: Instant) -> Arc<Frame> {
        Arc::new(Frame::new(VideoCodec::Vp8, true, false, at, [[0; 10]].into_iter().collect()))
    }

    fn sound(at: Instant) -> Sound {
        Sound { format: AudioFormat::Opus, captured_at: at, ticks: 960, data: vec![0; 5] }
    }

    fn popped(merge: &mut Merge, now: Instant) -> String {
        let mut order = String::new();
        while let Some(item) = merge.pop(now) {
            order.push(if matches!(item, Item::Video(_)) { 'v' } else { 's' });
        }
        order
    }

    #[test]
    fn what_was_taken_first_goes_first_though_it_came_last() {
        let start = Instant::now();
        let mut merge = Merge::new(true);
        merge.push_sound(start + ms(50), sound(start));
        merge.push_sound(start + ms(60), sound(start + ms(20)));
        merge.push_sound(start + ms(70), sound(start + ms(40)));
        merge.push_frame(start + ms(90), &frame(start + ms(10)));
        merge.push_frame(start + ms(95), &frame(start + ms(30)));
        assert_eq!(popped(&mut merge, start + ms(95)), "svsv");
        assert_eq!(merge.poll_timeout(), Some(start + ms(70) + limits::MERGE));
        assert_eq!(popped(&mut merge, start + ms(570)), "s");
        assert_eq!(merge.bytes(), 0);
    }

    #[test]
    fn pictures_wait_once_for_sound_that_never_comes() {
        let start = Instant::now();
        let mut merge = Merge::new(true);
        merge.push_frame(start, &frame(start));
        merge.push_frame(start + ms(40), &frame(start + ms(40)));
        assert_eq!(popped(&mut merge, start + ms(999)), "");
        assert_eq!(popped(&mut merge, start + ms(1000)), "vv");
        merge.push_frame(start + ms(1040), &frame(start + ms(1040)));
        assert_eq!(popped(&mut merge, start + ms(1040)), "v");
    }

    #[test]
    fn without_a_wish_for_sound_nothing_waits() {
        let start = Instant::now();
        let mut merge = Merge::new(false);
        merge.push_frame(start, &frame(start));
        assert_eq!(popped(&mut merge, start), "v");
    }

    #[test]
    fn more_than_the_bound_does_not_wait() {
        let start = Instant::now();
        let mut merge = Merge::new(true);
        for _ in 0..limits::MERGE_MAX_FRAMES + 7 {
            merge.push_frame(start, &frame(start));
        }
        assert_eq!(popped(&mut merge, start).len(), 7);
    }
}
