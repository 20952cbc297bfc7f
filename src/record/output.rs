//! What a recorder wants done with the disk, and what can become of that.

use std::time::Duration;

use super::hls::Playlist;
use super::part::Veil;

/// Names a file of one recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// What the recorder wants done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make a file that is not there yet, and write its first bytes.
    Open {
        /// Its name for what follows.
        file: FileId,
        /// Below the template's directory, without extension. If there is such a file already, a
        /// number is put behind it.
        path: String,
        /// Without its dot.
        extension: &'static str,
        /// The first bytes.
        header: Vec<u8>,
        /// The playlist beside it, under the same name, if there is to be one.
        playlist: Option<Box<Playlist>>,
    },
    /// Write a whole fragment at its end.
    Write {
        /// The file.
        file: FileId,
        /// The fragment.
        bytes: Vec<u8>,
        /// What stands in place of its first bytes until all the others are written.
        veil: Option<Veil>,
    },
    /// All that was written and is in no segment of the file's playlist yet is one.
    Segment {
        /// The file.
        file: FileId,
        /// When it ends, from the file's beginning.
        end: Duration,
    },
    /// Bring to the disk what was written.
    Sync {
        /// The file.
        file: FileId,
    },
    /// End it.
    Close {
        /// The file.
        file: FileId,
    },
    /// Write a line at the end of the index.
    Index {
        /// With its line feed.
        line: String,
    },
    /// Ask the source for a key picture.
    RequestKeyframe,
}

/// Why a file can't be written on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no more space, or less than is to be left.
    Full,
    /// It is not written as fast as it would have to be.
    Slow,
    /// The system says something else.
    Other(String),
}

impl Failure {
    /// What is told about it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Full => "the disk is full",
            Self::Slow => "the disk is too slow",
            Self::Other(text) => text,
        }
    }
}
