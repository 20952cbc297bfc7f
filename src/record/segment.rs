//! When a new part begins.

use std::fmt;
use std::time::Duration;

use super::format::Tracks;

/// How long and large a part becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segments {
    /// From its first picture to the key picture that begins the next one, at least.
    pub max_duration: Option<Duration>,
    /// Bytes, at most one group of pictures more.
    pub max_bytes: Option<u64>,
}

/// Why a part begins, and the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The recording begins.
    Start,
    /// The part was long enough.
    Duration,
    /// The part was large enough.
    Bytes,
    /// Its playlist has as many segments as it may.
    Playlist,
    /// Pictures of another size, shape or profile follow.
    Picture,
    /// Another codec follows.
    Codec,
    /// Sound begins, or comes in another codec.
    Audio,
    /// Pictures are turned otherwise.
    Rotation,
    /// The source was gone and has come back.
    Rejoin,
    /// The part could not be written.
    Failure,
    /// The recording is paused.
    Pause,
    /// It goes on.
    Resume,
    /// The recording ends.
    Stop,
    /// The source is gone.
    End,
}

impl Reason {
    /// The spelling in the index and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Playlist => "playlist",
            Self::Picture => "picture",
            Self::Codec => "codec",
            Self::Audio => "audio",
            Self::Rotation => "rotation",
            Self::Rejoin => "rejoin",
            Self::Failure => "failure",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::End => "end",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Segments {
    /// Why a part of this length and size has had enough, if it has.
    #[must_use]
    pub fn due(&self, duration: Duration, bytes: u64) -> Option<Reason> {
        if self.max_duration.is_some_and(|max| duration >= max) {
            return Some(Reason::Duration);
        }
        self.max_bytes.is_some_and(|max| bytes >= max).then_some(Reason::Bytes)
    }
}

/// What keeps a file of `tracks` from taking `next`, if anything does.
#[must_use]
pub fn break_between(tracks: &Tracks, next: &Tracks) -> Option<Reason> {
    match (&tracks.video, &next.video) {
        (Some(video), Some(coming)) if video.codec() != coming.codec() => {
            return Some(Reason::Codec);
        }
        (Some(video), Some(coming)) if !video.takes(coming) => return Some(Reason::Picture),
        (None, Some(_)) => return Some(Reason::Codec),
        _ => {}
    }
    if tracks.rotation != next.rotation {
        return Some(Reason::Rotation);
    }
    // Sound that ends leaves its track empty: it may come back.
    (next.audio.is_some() && tracks.audio != next.audio).then_some(Reason::Audio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::format::{AudioFormat, Rotation, Setup, VideoFormat};

    fn vp8(width: u32, height: u32) -> Tracks {
        let video = Some(VideoFormat { width, height, setup: Setup::Vp8 });
        Tracks { video, ..Tracks::default() }
    }

    #[test]
    fn a_part_ends_by_whichever_bound_comes_first() {
        let second = Duration::from_secs(1);
        let segments = Segments { max_duration: Some(second * 10), max_bytes: Some(1000) };
        assert_eq!(segments.due(second * 9, 999), None);
        assert_eq!(segments.due(second * 10, 0), Some(Reason::Duration));
        assert_eq!(segments.due(second, 1000), Some(Reason::Bytes));
        assert_eq!(Segments::default().due(second * 1_000_000, u64::MAX), None);
    }

    #[test]
    fn a_scaled_picture_stays_in_its_file_and_a_turned_one_does_not() {
        assert_eq!(break_between(&vp8(640, 360), &vp8(320, 180)), None);
        assert_eq!(break_between(&vp8(640, 360), &vp8(360, 640)), Some(Reason::Picture));
        let turned = Tracks { rotation: Rotation::Quarter, ..vp8(640, 360) };
        assert_eq!(break_between(&vp8(640, 360), &turned), Some(Reason::Rotation));
    }

    #[test]
    fn sound_that_ends_leaves_its_track_and_other_sound_needs_one() {
        let with = |audio| Tracks { audio, ..vp8(4, 2) };
        let (opus, g711) = (with(Some(AudioFormat::Opus)), with(Some(AudioFormat::Pcma)));
        assert_eq!(break_between(&opus, &with(None)), None);
        assert_eq!(break_between(&with(None), &opus), Some(Reason::Audio));
        assert_eq!(break_between(&opus, &g711), Some(Reason::Audio));
    }

    #[test]
    fn another_codec_is_another_file() {
        let setup = Setup::Vp9 { profile: 0, bit_depth: 8, chroma_subsampling: 1 };
        let video = Some(VideoFormat { width: 640, height: 360, setup });
        let vp9 = Tracks { video, ..Tracks::default() };
        assert_eq!(break_between(&vp8(640, 360), &vp9), Some(Reason::Codec));
        assert_eq!(break_between(&Tracks::default(), &vp9), Some(Reason::Codec));
    }
}
