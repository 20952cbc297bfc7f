//! Playlists of HLS on the disk. One is replaced as a whole, so that a player never reads half of
//! it, and only after what it names was written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::record::hls::{END, EXTENSION, Playlist};

/// Behind a playlist's name while its next version is written.
const NEXT: &str = "new";

/// The playlist beside a file that is written.
#[derive(Debug)]
pub(super) struct PlaylistFile {
    playlist: Playlist,
    path: PathBuf,
    has_failed: bool,
}

impl PlaylistFile {
    /// The playlist of this file, whose fragments begin behind so many bytes.
    pub fn new(mut playlist: Playlist, media: &Path, header_bytes: u64) -> Self {
        let name = media.file_name().unwrap_or_default().to_string_lossy();
        playlist.begin(&name, header_bytes);
        Self { playlist, path: path_of(media), has_failed: false }
    }

    /// The file has so many bytes now, and its newest segment ends then.
    pub fn push(&mut self, end: Duration, bytes: u64) {
        if self.playlist.push(end, bytes) {
            self.write(false);
        }
    }

    /// The file gets no more of them.
    pub fn finish(&mut self) {
        if !self.playlist.is_empty() {
            self.write(true);
        }
    }

    /// A version that can't be written is no harm: the next one has all of it.
    fn write(&mut self, is_complete: bool) {
        let outcome = replace(&self.path, &self.playlist.text(is_complete));
        let has_failed = outcome.is_err();
        if let Err(error) = outcome
            && !self.has_failed
        {
            log::warn!("{}: {error}", self.path.display());
        }
        self.has_failed = has_failed;
    }
}

/// Where a file's playlist is.
pub(super) fn path_of(media: &Path) -> PathBuf {
    media.with_extension(EXTENSION)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let next = path.with_extension(format!("{EXTENSION}.{NEXT}"));
    fs::write(&next, text)?;
    fs::rename(next, path)
}

/// Ends the playlist of a file that nobody writes any more: of a process that was killed. Players
/// would wait for its next version.
pub(super) fn end_abandoned(media: &Path) -> io::Result<()> {
    let path = path_of(media);
    // Whoever writes the file has it locked.
    if File::open(media)?.try_lock().is_err() {
        return Ok(());
    }
    let text = fs::read_to_string(&path)?;
    if text.ends_with(END) { Ok(()) } else { replace(&path, &(text + END)) }
}
