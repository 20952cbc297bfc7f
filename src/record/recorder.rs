//! One recording: the frames of a source in, files out.
//!
//! Pure: the time comes in, and what is to be done with the disk is polled. A source comes and
//! goes, turns its pictures and loses some of them; the disk may be full or slow. Each of these
//! ends a file at worst, and the next one begins with a key picture.

mod pause;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::container::Container;
use super::format::{AudioFormat, Rotation, Tracks};
use super::hls::{self, Playlist};
use super::index::{End, Entry};
use super::limits;
use super::merge::{Item, Merge, Sound, Video};
use super::output::{Failure, FileId, Output};
use super::part::{self, Counts, Part};
use super::sample::Sampler;
use super::segment::{Reason, Segments, break_between};
use super::template::{Template, Values};
use crate::engine::frame::{AudioFrame, Frame};

/// Files that the disk has not ended yet; with more of them it does not keep up.
const FILES_MAX: usize = 8;

/// How a source is recorded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of what is recorded, for file names and the index.
    pub name: String,
    /// Where files are.
    pub template: Template,
    /// The container; `None` goes by the template's extension, and where it has none by the codec.
    pub container: Option<Container>,
    /// When a new part begins.
    pub segments: Segments,
    /// Whether sound is recorded.
    pub audio: bool,
    /// Whether there is a playlist of HLS beside each file that can have one.
    pub hls: bool,
    /// A moment, and the same one since 1970.
    pub clock: (Instant, Duration),
}

/// What a recording does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for the source's first key picture.
    Waiting,
    /// It writes nothing until it is told to go on.
    Paused,
    /// It records.
    Recording,
    /// The disk is full; it is looked at again.
    Full,
    /// Nothing can be written; it is tried again.
    Failed,
}

impl State {
    /// The spelling in the API and the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Recording => "recording",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}

/// What a recording has done since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files begun.
    pub parts: u64,
    /// What went into all of them.
    pub counts: Counts,
    /// Frames that were not recorded: before the first key picture, behind a loss, or damaged.
    pub dropped: u64,
    /// Files that could not be begun or written on.
    pub failures: u64,
}

/// One recording.
#[derive(Debug)]
pub struct Recorder {
    options: Options,
    merge: Merge,
    sampler: Sampler,
    part: Option<(FileId, Part)>,
    /// What the index tells of files that the disk has not ended.
    files: BTreeMap<FileId, Entry>,
    outputs: VecDeque<Output>,
    next_file: u64,
    next_reason: Reason,
    rotation: Rotation,
    /// That of the newest sound.
    audio: Option<AudioFormat>,
    awaits_key: bool,
    has_seen_video: bool,
    first_sound_at: Option<Instant>,
    key_requested_at: Option<Instant>,
    synced_at: Instant,
    failure: Option<(Failure, Instant)>,
    last_error: Option<String>,
    /// Why the newest file has no playlist, where it should.
    hls_refusal: Option<&'static str>,
    is_paused: bool,
    totals: Totals,
}

impl Recorder {
    /// A recording that waits for its source.
    #[must_use]
    pub fn new(now: Instant, options: Options) -> Self {
        Self {
            merge: Merge::new(options.audio),
            options,
            sampler: Sampler::default(),
            part: None,
            files: BTreeMap::new(),
            outputs: VecDeque::new(),
            next_file: 1,
            next_reason: Reason::Start,
            rotation: Rotation::None,
            audio: None,
            awaits_key: true,
            has_seen_video: false,
            first_sound_at: None,
            key_requested_at: None,
            synced_at: now,
            failure: None,
            last_error: None,
            hls_refusal: None,
            is_paused: false,
            totals: Totals::default(),
        }
    }

    /// How it was set up.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What it does.
    #[must_use]
    pub fn state(&self) -> State {
        match (&self.part, &self.failure) {
            (Some(_), _) => State::Recording,
            (None, _) if self.is_paused => State::Paused,
            (None, Some((Failure::Full, _))) => State::Full,
            (None, Some(_)) => State::Failed,
            (None, None) => State::Waiting,
        }
    }

    /// The newest error, though it may be over.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The file that is written, below the directory, once it is there.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        let (file, _) = self.part.as_ref()?;
        self.files.get(file)?.path.as_deref()
    }

    /// That file's playlist, beside it.
    #[must_use]
    pub fn playlist(&self) -> Option<String> {
        let (file, _) = self.part.as_ref()?;
        self.files.get(file)?.playlist()
    }

    /// Why the newest file has no playlist, where it should have one.
    #[must_use]
    pub fn hls_refusal(&self) -> Option<&'static str> {
        self.hls_refusal
    }

    /// What it has done so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        if let Some((_, part)) = &self.part {
            add(&mut totals.counts, part.counts);
        }
        totals
    }

    /// Bytes that it holds in memory, outputs not counted.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let part = self.part.as_ref().map_or(0, |(_, part)| part.bytes() - part.counts.bytes);
        self.merge.bytes() + usize::try_from(part).unwrap_or(usize::MAX)
    }

    /// Whether it has nothing open, and nothing to say.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.part.is_none() && self.files.is_empty() && self.outputs.is_empty()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Recorder::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stale = self.part.as_ref().and_then(|(_, part)| part.stale_at());
        [self.merge.poll_timeout(), stale].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.drain(now);
        if let Some((file, part)) = &mut self.part
            && part.stale_at().is_some_and(|at| now >= at)
        {
            let (file, bytes) = (*file, part.flush());
            self.write(now, file, bytes);
        }
    }

    /// The source's next picture, in decoding order.
    pub fn handle_frame(&mut self, now: Instant, frame: &Arc<Frame>) {
        if self.is_paused {
            return;
        }
        self.has_seen_video = true;
        self.merge.push_frame(now, frame);
        self.drain(now);
    }

    /// The source's next packet of sound.
    pub fn handle_audio(&mut self, now: Instant, frame: &AudioFrame) {
        let format = AudioFormat::from(frame.codec);
        let data = frame.payload.to_vec();
        self.handle_sound(now, format, frame.captured_at, frame.ticks, data);
    }

    /// The source's next piece of sound in any format that files take: what [`AudioFrame`] has no
    /// word for. `ticks` are of the format's clock.
    pub fn handle_sound(
        &mut self,
        now: Instant,
        format: AudioFormat,
        captured_at: Instant,
        ticks: u32,
        data: Vec<u8>,
    ) {
        if !self.options.audio || data.is_empty() || self.is_paused {
            return;
        }
        self.first_sound_at.get_or_insert(now);
        // Known before its turn comes: the picture that begins a file may stand in front of it.
        if self.audio.as_ref() != Some(&format) {
            self.audio = Some(format.clone());
        }
        self.merge.push_sound(now, Sound { format, captured_at, ticks, data });
        self.drain(now);
    }

    /// Pictures were lost; none follows before the next key picture.
    pub fn handle_gap(&mut self, now: Instant) {
        self.merge.push_mark(now, Video::Gap);
        self.drain(now);
    }

    /// Pictures from here on are turned so.
    pub fn handle_rotation(&mut self, now: Instant, rotation: Rotation) {
        self.merge.push_mark(now, Video::Rotation(rotation));
        self.drain(now);
    }

    /// The source is gone. If it comes back, a new part begins.
    pub fn handle_end(&mut self, now: Instant) {
        self.end(now, Reason::End);
        // A source that was never there does not come back.
        self.next_reason = if self.totals.parts > 0 { Reason::Rejoin } else { Reason::Start };
    }

    /// The recording ends.
    pub fn stop(&mut self, now: Instant) {
        self.end(now, Reason::Stop);
        self.next_reason = Reason::Start;
    }

    fn end(&mut self, now: Instant, reason: Reason) {
        while let Some(item) = self.merge.pop_now() {
            self.take(now, item);
        }
        self.close(now, reason, None);
        self.merge = Merge::new(self.options.audio);
        self.sampler = Sampler::default();
        self.rotation = Rotation::None;
        self.audio = None;
        self.awaits_key = true;
        self.has_seen_video = false;
        self.first_sound_at = None;
    }

    /// The disk has made a file, under this path below the directory.
    pub fn handle_opened(&mut self, file: FileId, path: &str) {
        let Some(entry) = self.files.get_mut(&file) else { return };
        entry.path = Some(path.to_owned());
        let line = entry.opened();
        self.outputs.push_back(Output::Index { line });
    }

    /// The disk has ended a file.
    pub fn handle_closed(&mut self, file: FileId) {
        let line = self.files.remove(&file).and_then(|entry| entry.closed());
        self.outputs.extend(line.map(|line| Output::Index { line }));
    }

    /// The disk can't go on with a file, which it has ended; the next part is tried later.
    pub fn handle_failed(&mut self, now: Instant, file: FileId, failure: Failure) {
        let Some(entry) = self.files.remove(&file) else { return };
        let mut end = entry.end;
        if self.part.as_ref().is_some_and(|(open, _)| *open == file)
            && let Some((_, part)) = self.part.take()
        {
            let (duration, counts) = (part.whole_duration(), part.counts);
            add(&mut self.totals.counts, counts);
            end = Some(End { duration, counts, reason: Reason::Failure });
        }
        let line = entry.failed(failure.text(), end);
        self.outputs.push_back(Output::Index { line });
        let pause = match failure {
            Failure::Full => limits::RETRY_FULL,
            Failure::Slow => Duration::ZERO,
            Failure::Other(_) => limits::RETRY,
        };
        self.totals.failures += 1;
        self.last_error = Some(failure.text().to_owned());
        self.failure = Some((failure, now + pause));
        self.next_reason = Reason::Failure;
        self.awaits_key = true;
    }

    /// The disk did not take a write: what follows in its file begins with a key picture.
    pub fn handle_refused(&mut self, now: Instant, file: FileId) {
        self.last_error = Some(Failure::Slow.text().to_owned());
        if let Some((open, part)) = &mut self.part
            && *open == file
        {
            part.counts.gaps += 1;
            self.awaits_key = true;
            self.want_key(now);
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(item) = self.merge.pop(now) {
            self.take(now, item);
        }
    }

    fn take(&mut self, now: Instant, item: Item) {
        match item {
            Item::Video(Video::Frame(frame)) => self.take_picture(now, &frame),
            Item::Video(Video::Gap) => self.mark_gap(),
            Item::Video(Video::Rotation(rotation)) => {
                if std::mem::replace(&mut self.rotation, rotation) != rotation {
                    self.want_key(now);
                }
            }
            Item::Sound(sound) => self.take_sound(now, sound),
        }
    }

    fn mark_gap(&mut self) {
        if let Some((_, part)) = &mut self.part
            && !self.awaits_key
        {
            part.counts.gaps += 1;
        }
        self.awaits_key = true;
    }

    fn take_picture(&mut self, now: Instant, frame: &Frame) {
        let sample = match self.sampler.sample(frame) {
            Ok(sample) => sample,
            Err(error) => {
                log::debug!("recording {}: a {error} picture", self.options.name);
                self.totals.dropped += 1;
                self.mark_gap();
                return self.want_key(now);
            }
        };
        if let Some(format) = sample.format {
            let next =
                Tracks { video: Some(format), rotation: self.rotation, audio: self.audio.clone() };
            self.follow(now, &next, frame.captured_at);
            self.awaits_key = self.part.is_none();
        }
        if self.awaits_key {
            self.totals.dropped += 1;
            return self.want_key(now);
        }
        let Some((file, part)) = &mut self.part else { return };
        let (file, key) = (*file, frame.key);
        let bytes = part.push_picture(now, frame.captured_at, key, sample.data);
        let at = frame.captured_at;
        let is_due = self.options.segments.due(part.duration(at), part.bytes()).is_some();
        let is_due = is_due || part.wants_cut(at);
        self.write(now, file, bytes);
        if is_due {
            self.want_key(now);
        }
    }

    fn take_sound(&mut self, now: Instant, sound: Sound) {
        let is_alone = self.part.as_ref().is_none_or(|(_, part)| part.tracks.video.is_none());
        let waited = self.first_sound_at.is_some_and(|at| now >= at + limits::SOUND_ALONE);
        if is_alone && !self.has_seen_video && waited {
            let next = Tracks { audio: Some(sound.format.clone()), ..Tracks::default() };
            self.follow(now, &next, sound.captured_at);
        }
        let Some((file, part)) = &mut self.part else { return };
        if part.tracks.audio.as_ref() != Some(&sound.format) {
            return self.want_key(now);
        }
        let (file, bytes) = (*file, part.push_sound(now, sound));
        self.write(now, file, bytes);
    }

    /// Has a part open for these tracks, from this moment on.
    fn follow(&mut self, now: Instant, next: &Tracks, captured_at: Instant) {
        let reason = match &self.part {
            None => Some(self.next_reason),
            Some((_, part)) => break_between(&part.tracks, next)
                .or_else(|| self.options.segments.due(part.duration(captured_at), part.bytes()))
                .or_else(|| part.is_cut_enough().then_some(Reason::Playlist)),
        };
        if let Some(reason) = reason {
            self.close(now, reason, Some(captured_at));
            self.open(now, reason, next.clone(), captured_at);
        }
    }

    fn open(&mut self, now: Instant, reason: Reason, tracks: Tracks, captured_at: Instant) {
        if self.failure.as_ref().is_some_and(|(_, until)| now < *until) {
            return;
        }
        if self.files.len() >= FILES_MAX {
            self.last_error = Some(Failure::Slow.text().to_owned());
            self.failure = Some((Failure::Slow, now + limits::RETRY));
            return;
        }
        let template = &self.options.template;
        let wished = template.extension().and_then(Container::from_extension);
        let for_hls = self.options.hls;
        let container = Container::choose(self.options.container.or(wished), &tracks, for_hls);
        let refusal = hls::refusal(container, &tracks).filter(|_| for_hls);
        let has_playlist = for_hls && refusal.is_none();
        let began = self.unix(captured_at);
        let made = Part::new(container, tracks.clone(), captured_at, began);
        let Some((mut part, header)) = made else { return };
        let playlist = has_playlist.then(|| {
            part.cut_for_hls();
            Box::new(Playlist::new(began))
        });
        if let Some(why) = refusal.filter(|_| self.hls_refusal != refusal) {
            log::warn!("recording {}: {why}", self.options.name);
        }
        self.hls_refusal = refusal;
        self.totals.parts += 1;
        let values =
            Values { stream: &self.options.name, unix_s: began.as_secs(), part: self.totals.parts };
        let file = FileId(self.next_file);
        self.next_file += 1;
        let recording = self.options.name.clone();
        let path = self.options.template.path(&values);
        let entry = Entry {
            recording,
            path: None,
            container,
            has_playlist,
            tracks,
            began,
            reason,
            end: None,
        };
        self.files.insert(file, entry);
        let extension = container.extension();
        self.outputs.push_back(Output::Open { file, path, extension, header, playlist });
        self.part = Some((file, part));
        self.failure = None;
        self.next_reason = Reason::Rejoin;
        self.synced_at = now;
    }

    fn close(&mut self, now: Instant, reason: Reason, until: Option<Instant>) {
        let Some((file, mut part)) = self.part.take() else { return };
        // A rejoined source does not stretch the last picture of what was before.
        let bytes = part.finish(until);
        let cut = part.take_cut();
        self.write(now, file, bytes);
        self.outputs.extend(cut.map(|end| Output::Segment { file, end }));
        let duration = part.whole_duration();
        if let Some(entry) = self.files.get_mut(&file) {
            entry.end = Some(End { duration, counts: part.counts, reason });
        }
        add(&mut self.totals.counts, part.counts);
        self.outputs.push_back(Output::Close { file });
    }

    fn write(&mut self, now: Instant, file: FileId, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        let cut = self.part.as_mut().and_then(|(_, part)| part.take_cut());
        let container = self.files.get(&file).map(|entry| entry.container);
        let veil = container.and_then(|container| part::veil(container, &bytes));
        self.outputs.push_back(Output::Write { file, bytes, veil });
        self.outputs.extend(cut.map(|end| Output::Segment { file, end }));
        if now >= self.synced_at + limits::SYNC_INTERVAL {
            self.synced_at = now;
            self.outputs.push_back(Output::Sync { file });
        }
    }

    /// Asks for a key picture, not too often.
    fn want_key(&mut self, now: Instant) {
        let is_recent = self.key_requested_at.is_some_and(|at| now < at + limits::KEY_INTERVAL);
        let is_paused = self.failure.as_ref().is_some_and(|(_, until)| now < *until);
        if !is_recent && !is_paused {
            self.key_requested_at = Some(now);
            self.outputs.push_back(Output::RequestKeyframe);
        }
    }

    /// A moment since 1970.
    fn unix(&self, at: Instant) -> Duration {
        let (moment, unix) = self.options.clock;
        match at.checked_duration_since(moment) {
            Some(since) => unix + since,
            None => unix.saturating_sub(moment.saturating_duration_since(at)),
        }
    }
}

fn add(sum: &mut Counts, more: Counts) {
    sum.frames += more.frames;
    sum.packets += more.packets;
    sum.gaps += more.gaps;
    sum.bytes += more.bytes;
}
