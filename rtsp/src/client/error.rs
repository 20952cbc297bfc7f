//! Why a camera is offline, so that a person knows what to look at.

use std::fmt;

use crate::interleaved::FramingError;
use crate::url::UrlError;

/// Why a session ended or never began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The host could not be reached; the dialler's own words.
    Connect {
        /// What the dialler said.
        reason: String,
    },
    /// The dialler did not answer in time.
    ConnectTimeout,
    /// The camera or the network closed the connection.
    Closed {
        /// What the connection's owner said.
        reason: String,
        /// Method of the request that was not answered, none while playing.
        awaiting: Option<&'static str>,
    },
    /// A request was not answered in time.
    RequestTimeout {
        /// Method of the request.
        method: &'static str,
    },
    /// The bytes of the connection make no RTSP.
    Framing(FramingError),
    /// The stream was lost and found again too often.
    Resyncs,
    /// The camera refused a request.
    Status {
        /// Method of the request.
        method: &'static str,
        /// Status code of the reply.
        status: u16,
        /// Reason phrase of the reply, at most 128 characters.
        reason: String,
    },
    /// The camera wants credentials and the URL has none.
    CredentialsMissing,
    /// The camera refused the credentials of the URL.
    CredentialsRefused,
    /// The camera offers no way of authentication we know.
    AuthenticationUnsupported,
    /// The camera redirects where we can not follow.
    Redirect(UrlError),
    /// The camera redirects again and again, or without saying where.
    RedirectLoop,
    /// A reply lacks what the session can not do without.
    BadReply {
        /// Method of the request.
        method: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// The description offers no video we can play.
    NothingPlayable,
    /// No packet of the video track for too long.
    NoMedia,
    /// Packets of the video track, but for too long no picture that can be decoded.
    NoPicture,
    /// No packet on UDP after PLAY; interleaved transport comes next.
    NoDatagrams,
    /// The camera does neither interleaved nor UDP transport, or not the one allowed.
    TransportRefused,
    /// No UDP ports could be bound here.
    UdpUnavailable,
    /// The camera's multicast group can not be received.
    Multicast {
        /// What is wrong with it, or what the system said.
        reason: String,
    },
    /// The camera ended the session.
    EndedByCamera,
}

impl Error {
    /// A stable word for counters.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Closed { .. } => "closed",
            Self::RequestTimeout { .. } => "request_timeout",
            Self::Framing(_) => "framing",
            Self::Resyncs => "resyncs",
            Self::Status { .. } => "status",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsRefused => "credentials_refused",
            Self::AuthenticationUnsupported => "authentication_unsupported",
            Self::Redirect(_) => "redirect",
            Self::RedirectLoop => "redirect_loop",
            Self::BadReply { .. } => "bad_reply",
            Self::NothingPlayable => "nothing_playable",
            Self::NoMedia => "no_media",
            Self::NoPicture => "no_picture",
            Self::NoDatagrams => "no_datagrams",
            Self::TransportRefused => "transport_refused",
            Self::UdpUnavailable => "udp_unavailable",
            Self::Multicast { .. } => "multicast",
            Self::EndedByCamera => "ended_by_camera",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { reason } => write!(f, "cannot connect: {reason}"),
            Self::ConnectTimeout => f.write_str("no connection in time"),
            Self::Closed { reason, awaiting: None } => write!(f, "connection closed: {reason}"),
            Self::Closed { reason, awaiting: Some(method) } => {
                write!(f, "connection closed instead of a reply to {method}: {reason}")
            }
            Self::RequestTimeout { method } => write!(f, "no reply to {method}"),
            Self::Framing(error) => write!(f, "bad stream: {error}"),
            Self::Resyncs => f.write_str("bad stream: lost too often"),
            Self::Status { method, status, reason } => {
                write!(f, "{method} refused: {status} {reason}")
            }
            Self::CredentialsMissing => f.write_str("the camera wants user name and password"),
            Self::CredentialsRefused => f.write_str("the camera refuses user name or password"),
            Self::AuthenticationUnsupported => f.write_str("unknown way of authentication"),
            Self::Redirect(error) => write!(f, "redirected to an unusable address: {error}"),
            Self::RedirectLoop => f.write_str("redirected in circles"),
            Self::BadReply { method, missing } => write!(f, "reply to {method} lacks {missing}"),
            Self::NothingPlayable => f.write_str("the camera offers no video we can play"),
            Self::NoMedia => f.write_str("no media from the camera"),
            Self::NoPicture => f.write_str("no picture from the camera that can be decoded"),
            Self::NoDatagrams => f.write_str("no media by UDP (a firewall?)"),
            Self::TransportRefused => f.write_str("the camera refuses the transport"),
            Self::UdpUnavailable => f.write_str("no UDP ports available here"),
            Self::Multicast { reason } => write!(f, "cannot receive multicast: {reason}"),
            Self::EndedByCamera => f.write_str("the camera ended the session"),
        }
    }
}

impl std::error::Error for Error {}
