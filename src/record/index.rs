//! The index: one line of JSON for each file that was begun, ended or could not be written.
//!
//! A file that was begun and never ended is one that the program did not live to end.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::container::Container;
use super::format::Tracks;
use super::hls;
use super::part::Counts;
use super::segment::Reason;
use crate::date;

/// What the index tells of one file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub recording: String,
    /// Below the directory of the recording, once it is known.
    pub path: Option<String>,
    pub container: Container,
    /// There is a playlist beside it.
    pub has_playlist: bool,
    pub tracks: Tracks,
    /// When its first sample was taken, since 1970.
    pub began: Duration,
    pub reason: Reason,
    /// Once it is complete.
    pub end: Option<End>,
}

/// How a file ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub duration: Duration,
    pub counts: Counts,
    pub reason: Reason,
}

impl Entry {
    /// Its playlist, below the same directory.
    pub fn playlist(&self) -> Option<String> {
        self.path.as_deref().filter(|_| self.has_playlist).map(playlist_of)
    }

    /// The line about its beginning.
    pub fn opened(&self) -> String {
        let video = self.tracks.video.as_ref().map(|video| {
            json!({
                "codec": video.codec().name(), "width": video.width, "height": video.height,
                "rotation": self.tracks.rotation.degrees(),
            })
        });
        let audio = self.tracks.audio.as_ref().map(|audio| json!({ "codec": audio.name() }));
        self.line(
            "opened",
            &json!({
                "began": time(self.began),
                "reason": self.reason.as_str(),
                "container": self.container.extension(),
                "playlist": self.playlist(),
                "video": video,
                "audio": audio,
            }),
        )
    }

    /// The line about its end; none where it has not ended.
    pub fn closed(&self) -> Option<String> {
        let End { duration, counts, reason } = self.end?;
        Some(self.line(
            "closed",
            &json!({
                "began": time(self.began),
                "ended": time(self.began + duration),
                "duration_ms": ms(duration),
                "frames": counts.frames,
                "audio_packets": counts.packets,
                "gaps": counts.gaps,
                "bytes": counts.bytes,
                "reason": reason.as_str(),
            }),
        ))
    }

    /// The line about its failure, and what went in before.
    pub fn failed(&self, error: &str, end: Option<End>) -> String {
        let Some(End { duration, counts, .. }) = end.filter(|_| self.path.is_some()) else {
            return self.line("failed", &json!({ "error": error }));
        };
        let more = json!({
            "error": error,
            "duration_ms": ms(duration),
            "frames": counts.frames,
            "audio_packets": counts.packets,
            "gaps": counts.gaps,
            "bytes": counts.bytes,
        });
        self.line("failed", &more)
    }

    fn line(&self, event: &str, more: &Value) -> String {
        let mut line = json!({
            "event": event,
            "recording": self.recording,
            "file": self.path,
        });
        if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
            line.extend(more.clone());
        }
        // JSON escapes what would end the line.
        format!("{line}\n")
    }
}

/// `2026-11-21T20:15:03.120Z`.
pub(super) fn time(unix: Duration) -> String {
    let seconds = date::format_iso(unix.as_secs());
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), unix.subsec_millis())
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The playlist of a file, beside it.
#[must_use]
pub fn playlist_of(path: &str) -> String {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    format!("{stem}.{}", hls::EXTENSION)
}

/// A file of a recording, as a line of the index names it: not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Below the directory of the recording.
    pub path: String,
    /// There is a playlist beside it.
    pub has_playlist: bool,
}

/// What a line tells of files of this recording: one that was begun, or nothing.
#[must_use]
pub fn opened_file(line: &str, recording: &str) -> Option<Listed> {
    let value: Value = serde_json::from_str(line).ok()?;
    let is = |key: &str, expected: &str| value.get(key).and_then(Value::as_str) == Some(expected);
    let of_ours = is("event", "opened") && is("recording", recording);
    let path = of_ours.then(|| value.get("file")?.as_str().map(str::to_owned))??;
    Some(Listed { path, has_playlist: value.get("playlist").is_some_and(Value::is_string) })
}

/// The files of an index whose playlists nobody has ended, whichever recording's they are: not to
/// be trusted.
#[must_use]
pub fn abandoned(index: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for line in index.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        match (text("event"), text("file"), text("playlist")) {
            (Some("opened"), Some(file), Some(_)) => drop(files.insert(file.to_owned())),
            (Some("opened"), ..) => {}
            (_, Some(file), _) => drop(files.remove(file)),
            _ => {}
        }
    }
    files
}
