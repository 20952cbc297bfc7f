//! What a slot tells its viewer. One spelling for the wire, the log and the metrics.

/// The state of one slot, as a client of the wire protocol sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The slot exists, its stream was not looked at yet.
    Pending,
    /// A picture of the wanted stream is awaited.
    Buffering,
    /// The first decodable picture of the stream has been handed to the transport.
    Active,
    /// The viewer paused the slot; nothing is sent and its source is released.
    Paused,
    /// The stream's camera can't be reached at present; it is retried.
    Offline,
    /// The stream can't be shown; `SlotStatus::error` says why.
    Error,
    /// The slot shows no stream.
    Inactive,
}

impl Status {
    /// The spelling on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Buffering => "buffering",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Offline => "offline",
            Self::Error => "error",
            Self::Inactive => "inactive",
        }
    }
}

/// A slot's status with the stream that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStatus {
    /// The stream that was asked for, where `stream` is shown in its place because this viewer
    /// can't decode it.
    pub instead_of: Option<String>,
    /// The resolved name of the stream (`camera1-360p`), empty for an inactive slot.
    pub stream: String,
    /// The state.
    pub status: Status,
    /// Why, for `error` and `offline`.
    pub error: Option<String>,
}
