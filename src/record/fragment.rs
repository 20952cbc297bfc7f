//! What is written at once: a second of samples, of both tracks.

/// Ticks of a picture track in a second.
pub const VIDEO_HZ: u32 = 90_000;

/// One sample of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// When it begins, in ticks of its track since the file's beginning.
    pub ticks: u64,
    /// Until the next one begins, in the same ticks.
    pub duration: u32,
    /// Decoding can begin here.
    pub key: bool,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Samples that are written together, each track's in order.
#[derive(Debug, Default)]
pub struct Fragment {
    /// Of the picture track.
    pub video: Vec<Timed>,
    /// Of the sound track.
    pub audio: Vec<Timed>,
    bytes: usize,
}

impl Fragment {
    /// Adds a picture.
    pub fn push_video(&mut self, sample: Timed) {
        self.bytes += sample.data.len();
        self.video.push(sample);
    }

    /// Adds sound.
    pub fn push_audio(&mut self, sample: Timed) {
        self.bytes += sample.data.len();
        self.audio.push(sample);
    }

    /// Bytes of all samples.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty()
    }
}
