//! Which container takes which tracks.

use super::format::{AudioFormat, Setup, Tracks};
use super::hls;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4 (ISO 14496-12).
    Mp4,
    /// The part of Matroska that browsers play.
    WebM,
    /// Matroska (RFC 9559), which takes everything.
    Matroska,
}

impl Container {
    /// What a file's name ends in, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::WebM => "webm",
            Self::Matroska => "mkv",
        }
    }

    /// The container that is meant by the end of a name.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        let all = [Self::Mp4, Self::WebM, Self::Matroska];
        all.into_iter().find(|container| container.extension().eq_ignore_ascii_case(extension))
    }

    /// Whether it can hold these tracks.
    #[must_use]
    pub fn takes(self, tracks: &Tracks) -> bool {
        let video = tracks.video.as_ref().map(|video| &video.setup);
        match self {
            Self::Mp4 => !matches!(tracks.audio, Some(AudioFormat::G722)),
            Self::WebM => {
                matches!(video, None | Some(Setup::Vp8 | Setup::Vp9 { .. } | Setup::Av1(_)))
                    && matches!(tracks.audio, None | Some(AudioFormat::Opus))
            }
            Self::Matroska => true,
        }
    }

    /// The container for these tracks: the one that is wished where it takes them; else the one
    /// that HLS takes them from, or most players.
    #[must_use]
    pub fn choose(wished: Option<Self>, tracks: &Tracks, for_hls: bool) -> Self {
        if wished.is_none() && for_hls && hls::refusal(Self::Mp4, tracks).is_none() {
            return Self::Mp4;
        }
        let best = match tracks.video.as_ref().map(|video| &video.setup) {
            Some(Setup::H264 { .. } | Setup::H265(_) | Setup::Av1(_)) => [Self::Mp4, Self::WebM],
            Some(Setup::Vp8 | Setup::Vp9 { .. }) | None => [Self::WebM, Self::Matroska],
        };
        // G.711 without pictures is nothing that players expect in MP4.
        let best = match tracks.audio {
            Some(AudioFormat::Aac { .. }) if tracks.video.is_none() => [Self::Mp4, Self::Mp4],
            _ => best,
        };
        let order = match wished {
            Some(wished) => vec![wished],
            None => best.to_vec(),
        };
        order.into_iter().find(|container| container.takes(tracks)).unwrap_or(Self::Matroska)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::format::VideoFormat;

    fn tracks(setup: Option<Setup>, audio: Option<AudioFormat>) -> Tracks {
        let video = setup.map(|setup| VideoFormat { width: 4, height: 2, setup });
        Tracks { video, audio, ..Tracks::default() }
    }

    fn h264() -> Setup {
        Setup::H264 { sps: vec![vec![0; 4]], pps: vec![vec![0]] }
    }

    #[test]
    fn each_codec_goes_where_players_expect_it() {
        let chosen = |setup, audio| Container::choose(None, &tracks(setup, audio), false);
        assert_eq!(chosen(Some(h264()), Some(AudioFormat::Opus)), Container::Mp4);
        assert_eq!(chosen(Some(h264()), Some(AudioFormat::Pcma)), Container::Mp4);
        assert_eq!(chosen(Some(h264()), Some(AudioFormat::G722)), Container::Matroska);
        assert_eq!(chosen(Some(Setup::Vp8), Some(AudioFormat::Opus)), Container::WebM);
        assert_eq!(chosen(Some(Setup::Vp8), Some(AudioFormat::Pcmu)), Container::Matroska);
        assert_eq!(chosen(None, Some(AudioFormat::Opus)), Container::WebM);
        assert_eq!(chosen(None, Some(AudioFormat::Pcmu)), Container::Matroska);
    }

    #[test]
    fn with_hls_all_is_mp4_that_hls_takes() {
        let chosen = |setup, audio| Container::choose(None, &tracks(setup, audio), true);
        let vp9 = Setup::Vp9 { profile: 0, bit_depth: 8, chroma_subsampling: 1 };
        assert_eq!(chosen(Some(vp9), Some(AudioFormat::Opus)), Container::Mp4);
        assert_eq!(chosen(None, Some(AudioFormat::Opus)), Container::Mp4);
        assert_eq!(chosen(Some(Setup::Vp8), Some(AudioFormat::Opus)), Container::WebM);
    }

    #[test]
    fn a_wish_counts_where_it_can_be_fulfilled() {
        let chosen =
            |wish, setup, audio| Container::choose(Some(wish), &tracks(setup, audio), false);
        assert_eq!(chosen(Container::Mp4, Some(Setup::Vp8), None), Container::Mp4);
        assert_eq!(chosen(Container::Matroska, Some(h264()), None), Container::Matroska);
        assert_eq!(chosen(Container::WebM, Some(h264()), None), Container::Matroska);
        let g722 = Some(AudioFormat::G722);
        assert_eq!(chosen(Container::Mp4, Some(h264()), g722), Container::Matroska);
    }
}
