//! HLS (RFC 8216): a playlist beside a file, whose segments are ranges of that file's bytes.
//!
//! There is no second copy of the media: the initialization section is the head of the fragmented
//! MP4, a segment is what was written between two key pictures. A playlist names only what is in
//! the file already.

use std::fmt::Write;
use std::time::Duration;

use super::container::Container;
use super::format::{AudioFormat, Setup, Tracks};
use super::index::time;
use super::limits::HLS_TARGET_S;

/// What a playlist's name ends in, without the dot.
pub const EXTENSION: &str = "m3u8";

/// The last line of a playlist that gets no more segments.
pub const END: &str = "#EXT-X-ENDLIST\n";

/// Why players of HLS would not take these tracks, if they would not.
#[must_use]
pub fn refusal(container: Container, tracks: &Tracks) -> Option<&'static str> {
    let video = tracks.video.as_ref().map(|video| &video.setup);
    match (video, &tracks.audio) {
        (Some(Setup::Vp8), _) => Some("HLS has no VP8: recorded without a playlist"),
        (_, Some(AudioFormat::Pcmu | AudioFormat::Pcma | AudioFormat::G722)) => {
            Some("HLS has no G.711 or G.722: recorded without a playlist (audio: false has one)")
        }
        _ if container != Container::Mp4 => Some("HLS is MP4: recorded without a playlist"),
        _ => None,
    }
}

/// A playlist that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    /// When the file begins, since 1970.
    began: Duration,
    /// The file's name as a reference relative to the playlist.
    uri: String,
    header_bytes: u64,
    target_s: u64,
    segments: String,
    /// Where the newest segment ends in the file, and when, from the file's beginning.
    end_bytes: u64,
    end: Duration,
}

impl Playlist {
    /// The playlist of a file that begins at this time since 1970.
    #[must_use]
    pub fn new(began: Duration) -> Self {
        Self {
            began,
            uri: String::new(),
            header_bytes: 0,
            target_s: HLS_TARGET_S,
            segments: String::new(),
            end_bytes: 0,
            end: Duration::ZERO,
        }
    }

    /// The file has this name, and so many bytes in front of its first fragment.
    pub fn begin(&mut self, file_name: &str, header_bytes: u64) {
        self.uri = reference(file_name);
        self.header_bytes = header_bytes;
        self.end_bytes = header_bytes;
    }

    /// All that stands in the file up to `bytes` and is no segment yet is one, which ends at `end`
    /// from the file's beginning. Whether there was anything.
    pub fn push(&mut self, end: Duration, bytes: u64) -> bool {
        let began = std::mem::replace(&mut self.end, end);
        let offset = std::mem::replace(&mut self.end_bytes, bytes);
        let length = bytes.saturating_sub(offset);
        if length == 0 {
            return false;
        }
        let duration = end.saturating_sub(began);
        // Rounded, no segment may be longer than what the playlist says in its third line.
        let rounded_s = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
        if rounded_s > self.target_s {
            self.target_s = duration.as_secs() + 1;
        }
        // Each has its date: where the disk was too slow, bytes are missing between two of them.
        let date = time(self.began + began);
        let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
        // Writing into a String can't fail.
        let _ = write!(
            self.segments,
            "#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:{seconds}.{micros:06},\n\
             #EXT-X-BYTERANGE:{length}@{offset}\n{}\n",
            self.uri
        );
        true
    }

    /// What stands in it. One that is complete gets no more segments.
    #[must_use]
    pub fn text(&self, is_complete: bool) -> String {
        let Self { uri, header_bytes, target_s, segments, .. } = self;
        let end = if is_complete { END } else { "" };
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n\
             #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MAP:URI=\"{uri}\",BYTERANGE=\"{header_bytes}@0\"\n{segments}{end}"
        )
    }

    /// Whether it has no segment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

/// A file's name as a relative reference (RFC 3986 section 4.2): what a path segment may not hold
/// is encoded, and the colon, which would make a scheme of what stands in front of it.
fn reference(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist() -> Playlist {
        let mut playlist = Playlist::new(Duration::from_millis(1_800_000_000_120));
        playlist.begin("door (1) ü.mp4", 900);
        playlist
    }

    #[test]
    fn a_playlist_is_ranges_of_one_file() {
        let mut playlist = playlist();
        assert!(playlist.push(Duration::from_millis(2000), 1000));
        assert!(playlist.push(Duration::from_micros(3_066_667), 1500));
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n\
            #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MAP:URI=\"door%20(1)%20%C3%BC.mp4\",BYTERANGE=\"900@0\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.120Z\n#EXTINF:2.000000,\n\
            #EXT-X-BYTERANGE:100@900\ndoor%20(1)%20%C3%BC.mp4\n\
            #EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:02.120Z\n#EXTINF:1.066667,\n\
            #EXT-X-BYTERANGE:500@1000\ndoor%20(1)%20%C3%BC.mp4\n";
        assert_eq!(playlist.text(false), expected);
        assert_eq!(playlist.text(true), format!("{expected}#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn no_segment_is_longer_than_what_the_playlist_says() {
        let mut playlist = playlist();
        let target = |playlist: &Playlist| playlist.text(false).lines().nth(2).map(str::to_owned);
        let expected = |seconds: u64| Some(format!("#EXT-X-TARGETDURATION:{seconds}"));
        playlist.push(Duration::from_millis(6499), 1000);
        assert_eq!(target(&playlist), expected(6));
        // A camera's ten seconds are never quite ten.
        playlist.push(Duration::from_millis(6499 + 10_020), 1100);
        assert_eq!(target(&playlist), expected(11));
        playlist.push(Duration::from_millis(6499 + 10_020 + 11_300), 1200);
        assert_eq!(target(&playlist), expected(11));
    }

    #[test]
    fn what_was_never_written_is_no_segment_and_keeps_its_time() {
        let mut playlist = playlist();
        assert!(!playlist.push(Duration::from_secs(2), 900) && playlist.is_empty());
        assert!(playlist.push(Duration::from_secs(4), 1000));
        let text = playlist.text(false);
        assert!(text.contains("2027-01-15T08:00:02.120Z\n#EXTINF:2.000000,"), "{text}");
    }
}
