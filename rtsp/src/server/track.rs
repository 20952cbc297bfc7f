//! The tracks of a reader's session.

/// RTP payload type of the video track.
pub const PAYLOAD_TYPE: u8 = 96;
/// RTP payload type of audio that has no static one.
pub(super) const AUDIO_PAYLOAD_TYPE: u8 = 97;

/// What a reader can set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    Video,
    Audio,
}

impl Track {
    /// Its `a=control`.
    pub(super) fn control(self) -> &'static str {
        match self {
            Self::Video => "trackID=0",
            Self::Audio => "trackID=1",
        }
    }

    /// The track that a path ends in, and the path of its stream. Of a stream alone it is the
    /// video.
    pub(super) fn split(path: &str) -> (&str, Self) {
        let of = |track: Self| {
            let stream = path.strip_suffix(track.control())?;
            stream.ends_with('/').then_some((stream, track))
        };
        of(Self::Audio).or_else(|| of(Self::Video)).unwrap_or((path, Self::Video))
    }

    /// The interleaved channel of its RTP where the reader leaves that to us.
    pub(super) fn first_channel(self) -> u8 {
        match self {
            Self::Video => 0,
            Self::Audio => 2,
        }
    }
}
