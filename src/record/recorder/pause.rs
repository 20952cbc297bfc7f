//! A recording that is told to write nothing for a while.

use std::time::Instant;

use super::Recorder;
use crate::record::segment::Reason;

impl Recorder {
    /// Ends the file; what comes from here on is not written.
    pub fn pause(&mut self, now: Instant) {
        if !self.is_paused {
            // The source is there, and says only once how its pictures are turned.
            let (rotation, audio) = (self.rotation, self.audio.clone());
            self.end(now, Reason::Pause);
            (self.rotation, self.audio) = (rotation, audio);
            self.is_paused = true;
        }
    }

    /// Goes on, with a key picture that comes after this.
    pub fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_paused) {
            self.next_reason = Reason::Resume;
            self.want_key(now);
        }
    }
}
