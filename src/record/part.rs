//! One file while it is written: samples on its own timeline, in fragments.

use std::time::{Duration, Instant};

use super::container::Container;
use super::format::{AudioFormat, Tracks};
use super::fragment::{Fragment, Timed, VIDEO_HZ};
use super::limits;
use super::matroska::Matroska;
use super::merge::Sound;
use super::mp4::Mp4;

/// Between two pictures at least, in ticks: pictures that came at once were taken at once, for all
/// we know, and Matroska counts milliseconds.
const STEP: u64 = VIDEO_HZ as u64 / 1000;
/// Of the only picture of a file, in ticks.
const LONE_PICTURE: u32 = VIDEO_HZ / 25;

/// One file.
#[derive(Debug)]
pub(super) struct Part {
    pub tracks: Tracks,
    pub counts: Counts,
    /// When what is first in it was taken.
    pub epoch: Instant,
    writer: Writer,
    fragment: Fragment,
    /// When the fragment's first sample came, and when that was taken.
    fragment_began: Option<(Instant, Instant)>,
    /// A picture whose duration is not known yet.
    pending: Option<Timed>,
    last_duration: u32,
    /// Whether a picture is in the file, or in the fragment.
    has_pictures: bool,
    /// Before which no picture can begin, in ticks.
    next_picture: u64,
    /// Where the newest packet of sound ends, and how long it is.
    next_sound: Option<(u64, u64)>,
    hls: Option<Cuts>,
    /// Until when it is known to go on.
    end: Instant,
}

/// What went into a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pictures.
    pub frames: u64,
    /// Packets of sound.
    pub packets: u64,
    /// Places where pictures or sound are missing.
    pub gaps: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Where a file is cut into segments of HLS, in time from its beginning.
#[derive(Debug, Default)]
struct Cuts {
    /// Where the newest segment begins.
    began: Duration,
    count: u32,
    /// A cut that the next write makes true.
    due: Option<Duration>,
}

/// The head of a box that players pass over, whole or not.
pub type Veil = [u8; 8];

/// What keeps players from a fragment that is only partly there, if anything must: a `moof` that
/// the file ends in makes some of them, ffmpeg among them, refuse the whole file.
pub(super) fn veil(container: Container, fragment: &[u8]) -> Option<Veil> {
    let [a, b, c, d] = u32::try_from(fragment.len()).ok()?.to_be_bytes();
    (container == Container::Mp4).then_some([a, b, c, d, b'f', b'r', b'e', b'e'])
}

#[derive(Debug)]
enum Writer {
    Mp4(Mp4),
    Matroska(Matroska),
}

impl Part {
    /// A file of these tracks that begins at `epoch`, which is `unix` since 1970, and its first
    /// bytes. `None` if it can't be written.
    pub fn new(
        container: Container,
        tracks: Tracks,
        epoch: Instant,
        unix: Duration,
    ) -> Option<(Self, Vec<u8>)> {
        let (writer, header) = match container {
            Container::Mp4 => match Mp4::header(&tracks) {
                Ok(header) => (Writer::Mp4(Mp4::default()), header),
                Err(error) => {
                    log::error!("an MP4 header could not be written: {error}");
                    return None;
                }
            },
            Container::WebM | Container::Matroska => {
                let (writer, header) = Matroska::new(container, &tracks, unix);
                (Writer::Matroska(writer), header)
            }
        };
        let counts = Counts { bytes: header.len() as u64, ..Counts::default() };
        let part = Self {
            tracks,
            counts,
            epoch,
            writer,
            fragment: Fragment::default(),
            fragment_began: None,
            pending: None,
            last_duration: LONE_PICTURE,
            has_pictures: false,
            next_picture: 0,
            next_sound: None,
            hls: None,
            end: epoch,
        };
        Some((part, header))
    }

    /// Has it cut into segments of HLS: each begins with a key picture and a fragment.
    pub fn cut_for_hls(&mut self) {
        self.hls = Some(Cuts::default());
    }

    /// Until when the segment goes that was ended, from the file's beginning: all that was written
    /// and is no segment yet is one.
    pub fn take_cut(&mut self) -> Option<Duration> {
        self.hls.as_mut()?.due.take()
    }

    /// Whether the present segment waits for a key picture, for too long.
    pub fn wants_cut(&self, at: Instant) -> bool {
        let length = |cuts: &Cuts| self.duration(at).saturating_sub(cuts.began);
        self.hls.as_ref().is_some_and(|cuts| length(cuts) >= limits::HLS_KEY_AFTER)
    }

    /// Whether its playlist may have no more segments.
    pub fn is_cut_enough(&self) -> bool {
        self.hls.as_ref().is_some_and(|cuts| cuts.count >= limits::HLS_SEGMENTS_MAX)
    }

    /// Whether a segment ends at this time because something follows that one can begin with.
    fn cut(&mut self, at: Duration, least: Duration) -> bool {
        let Some(cuts) = &mut self.hls else { return false };
        let is_cut = at.saturating_sub(cuts.began) >= least;
        if is_cut {
            cuts.began = at;
            cuts.count += 1;
            cuts.due = Some(at);
        }
        is_cut
    }

    /// How long it is up to `at`.
    pub fn duration(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.epoch)
    }

    /// How long it is.
    pub fn whole_duration(&self) -> Duration {
        self.duration(self.end)
    }

    /// Bytes, those that are not written yet as well.
    pub fn bytes(&self) -> u64 {
        let pending = self.pending.as_ref().map_or(0, |pending| pending.data.len());
        self.counts.bytes + (self.fragment.bytes() + pending) as u64
    }

    /// When what waits is written though nothing more comes.
    pub fn stale_at(&self) -> Option<Instant> {
        self.fragment_began.map(|(came_at, _)| came_at + limits::FRAGMENT_STALE)
    }

    /// Adds a picture. What is to be written, if anything is.
    pub fn push_picture(
        &mut self,
        now: Instant,
        captured_at: Instant,
        key: bool,
        data: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let ticks = ticks(self.duration(captured_at), VIDEO_HZ).max(self.next_picture);
        self.next_picture = ticks + STEP;
        self.end = self.end.max(captured_at);
        self.settle_pending(ticks);
        let begins = Duration::from_nanos(nanos(ticks, VIDEO_HZ));
        let is_cut = key && self.cut(begins, limits::HLS_SEGMENT);
        let is_due = is_cut || self.is_due(captured_at, key);
        let written = if is_due { self.flush() } else { None };
        self.fragment_began.get_or_insert((now, captured_at));
        self.pending = Some(Timed { ticks, duration: 0, key, data });
        self.counts.frames += 1;
        written
    }

    /// Adds sound. What is to be written, if anything is.
    pub fn push_sound(&mut self, now: Instant, sound: Sound) -> Option<Vec<u8>> {
        let hz = self.tracks.audio.as_ref().map_or(1, AudioFormat::clock_hz);
        // What is older than the file belongs to the one before, which is closed.
        let since = sound.captured_at.checked_duration_since(self.epoch)?;
        let mut at = ticks(since, hz);
        let jitter = ticks(limits::SOUND_JITTER, hz);
        if let Some((next, length)) = self.next_sound {
            if at.abs_diff(next) <= jitter {
                at = follow(next, at, length, ticks(limits::SOUND_EXACT, hz));
            } else if at < next {
                return None; // heard already
            } else {
                self.counts.gaps += 1;
            }
            if let Some(last) = self.fragment.audio.last_mut() {
                last.duration = u32::try_from(at.saturating_sub(last.ticks)).unwrap_or(u32::MAX);
            }
        }
        let duration = if sound.ticks == 0 { hz / 50 } else { sound.ticks };
        self.next_sound = Some((at + u64::from(duration), duration.into()));
        let until = Duration::from_nanos(nanos(duration.into(), hz));
        self.end = self.end.max(sound.captured_at + until);
        let begins = Duration::from_nanos(nanos(at, hz));
        let is_alone = self.tracks.video.is_none();
        let is_cut = is_alone && self.cut(begins, limits::HLS_SOUND_SEGMENT);
        let is_due = is_cut || self.is_due(sound.captured_at, false);
        let written = if is_due { self.flush() } else { None };
        self.fragment_began.get_or_insert((now, sound.captured_at));
        self.fragment.push_audio(Timed { ticks: at, duration, key: true, data: sound.data });
        self.counts.packets += 1;
        written
    }

    /// Whether a fragment ends before a sample of this time.
    fn is_due(&self, captured_at: Instant, key: bool) -> bool {
        let Some((_, first)) = self.fragment_began else { return false };
        let length = captured_at.saturating_duration_since(first);
        length >= limits::FRAGMENT
            || self.fragment.bytes() >= limits::FRAGMENT_MAX_BYTES
            || key && length >= limits::FRAGMENT_BEFORE_KEY
    }

    /// What waits, but for a picture whose duration is not known.
    ///
    /// A file's first picture does not wait: players can't tell what pictures a file has before
    /// they have decoded one, and ffmpeg refuses a file that was cut before it. Until the second
    /// one they show the first, whatever its duration is. Only those of HLS make a hole of that,
    /// and their playlist has no segment yet that could be cut.
    pub fn flush(&mut self) -> Option<Vec<u8>> {
        self.fragment_began = None;
        if self.hls.is_none()
            && let Some(first) = self.pending.as_ref().filter(|_| !self.has_pictures)
        {
            self.settle_pending(first.ticks + u64::from(self.last_duration));
        }
        let fragment = std::mem::take(&mut self.fragment);
        if fragment.is_empty() {
            return None;
        }
        let bytes = match &mut self.writer {
            Writer::Matroska(writer) => writer.fragment(&fragment),
            Writer::Mp4(writer) => match writer.fragment(&fragment) {
                Ok(bytes) => bytes,
                Err(error) => {
                    log::error!("an MP4 fragment could not be written: {error}");
                    return None;
                }
            },
        };
        self.counts.bytes += bytes.len() as u64;
        Some(bytes)
    }

    /// All that waits; its last picture stays until `until`.
    pub fn finish(&mut self, until: Option<Instant>) -> Option<Vec<u8>> {
        let end = until.map(|until| ticks(self.duration(until), VIDEO_HZ));
        let usual = self.pending.as_ref().map(|last| last.ticks + u64::from(self.last_duration));
        if let Some(end) = end.or(usual) {
            self.settle_pending(end);
            let length = Duration::from_nanos(nanos(end, VIDEO_HZ));
            self.end = self.end.max(self.epoch + length);
        }
        self.cut(self.whole_duration(), Duration::ZERO);
        self.flush()
    }

    /// The picture that waits ends where the next one begins.
    fn settle_pending(&mut self, next_ticks: u64) {
        let Some(mut pending) = self.pending.take() else { return };
        let duration = next_ticks.saturating_sub(pending.ticks).max(1);
        pending.duration = u32::try_from(duration).unwrap_or(u32::MAX);
        self.last_duration = pending.duration.min(VIDEO_HZ);
        self.has_pictures = true;
        self.fragment.push_video(pending);
    }
}

/// Where sound begins that was taken at `at`, behind a packet of this length that ends at `next`:
/// there, or where that is too far from the pictures of its time, a step nearer.
fn follow(next: u64, at: u64, length: u64, exact: u64) -> u64 {
    let off = at.abs_diff(next).saturating_sub(exact);
    let step = off.div_ceil(limits::SOUND_FOLLOWS).min(length / 4);
    if at < next { next - step } else { next + step }
}

/// A time in the nearest ticks of a clock. Of one file, so that it never wraps.
fn ticks(time: Duration, hz: u32) -> u64 {
    const SECOND_NS: u128 = 1_000_000_000;
    let ticks = (time.as_nanos() * u128::from(hz) + SECOND_NS / 2) / SECOND_NS;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

fn nanos(ticks: u64, hz: u32) -> u64 {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(hz.max(1));
    u64::try_from(nanos).unwrap_or(u64::MAX)
}
