//! The index: one line of JSON for each file that was begun, ended or could not be written.
//!
//! A file that was begun and never ended is one that the program did not live to end.

use std::time::Duration;

use serde_json::{Value, json};

use super::container::Container;
use super::format::Tracks;
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
fn time(unix: Duration) -> String {
    let seconds = date::format_iso(unix.as_secs());
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), unix.subsec_millis())
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The file of a line that says that one of this recording was begun; its path is not to be
/// trusted.
#[must_use]
pub fn opened_file(line: &str, recording: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let is = |key: &str, expected: &str| value.get(key).and_then(Value::as_str) == Some(expected);
    let of_ours = is("event", "opened") && is("recording", recording);
    of_ours.then(|| value.get("file")?.as_str().map(str::to_owned))?
}
