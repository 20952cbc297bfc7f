//! The JSON of `/api/streams`.

/// What is known about one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The configured name.
    pub name: String,
    /// Its addresses, already redacted.
    pub urls: Vec<String>,
    /// The state of its source: `idle`, `connecting`, `active`, `offline`, ...
    pub state: String,
    /// Why, for an offline source; without credentials.
    pub error: Option<String>,
    /// `H264`, once known.
    pub codec: Option<String>,
    /// Picture width in pixels, once known.
    pub width: Option<u32>,
    /// Picture height in pixels, once known.
    pub height: Option<u32>,
    /// The cached group of pictures, if there is one.
    pub gop: Option<GopInfo>,
    /// Who watches.
    pub consumers: Vec<ConsumerInfo>,
}

/// The cached group of pictures of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GopInfo {
    /// Frames since the key picture, that one included.
    pub frames: usize,
    /// Payload bytes held.
    pub bytes: usize,
    /// From its first to its last frame, in milliseconds.
    pub duration_ms: u64,
}

/// One slot of a viewer that shows a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// The viewer, as in the log.
    pub id: u64,
    /// The slot's position.
    pub slot: usize,
    /// `pending`, `active`, ... as in the status messages.
    pub status: String,
}
