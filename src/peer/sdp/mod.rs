//! Session descriptions of WebRTC (RFC 8866, RFC 8829): offers that are read and their answers
//! written, and the other way round.
//!
//! All m-lines share one transport (BUNDLE, RFC 9143), RTP and RTCP one port (RFC 5761).

mod error;
mod format;
mod read;
mod sections;
mod write;

pub use self::error::OfferError;
pub use self::format::{FEEDBACK, Format};
#[cfg(feature = "receive")]
pub use self::read::Extension;
pub use self::read::{Description, Kind, Section, Senders};
pub use self::write::{
    Content, DataChannels, Direction, Line, SentStream, Session, Transport, write,
};

/// How protocols of encrypted media with feedback end (RFC 5764 section 8).
const MEDIA_PROTOCOL: &str = "/TLS/RTP/SAVPF";
/// The format of data channels (RFC 8841 section 4.3).
const DATA_CHANNELS: &str = "webrtc-datachannel";

/// RFC 8285 section 6.
const MIXED_EXTENSIONS: &str = "a=extmap-allow-mixed";

/// Who begins with DTLS (RFC 8842 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Whoever is told to: what an offer has.
    ActPass,
    /// The one who says so.
    Active,
    /// The other one.
    Passive,
}

impl Setup {
    fn read(text: &str) -> Option<Self> {
        [Self::ActPass, Self::Active, Self::Passive].into_iter().find(|it| it.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}
