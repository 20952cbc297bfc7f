//! Why there is no server.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a server could not start, or had to stop.
#[derive(Debug)]
pub enum ServerError {
    /// The HTTP address can't be had.
    Listen(SocketAddr, io::Error),
    /// The UDP address of the media can't be had.
    Media(SocketAddr, io::Error),
    /// The address of the RTSP server can't be had.
    Rtsp(SocketAddr, io::Error),
    /// A stream's address is no RTSP URL.
    Stream(String, String),
    /// A stream can't be published.
    Publish(String, String),
    /// A stream can't be recorded.
    #[cfg(feature = "record")]
    Record(String, String),
    /// A room can't be entered.
    Room(String, String),
    /// Who has started us does not read what we say.
    #[cfg(feature = "stdio")]
    Unread,
    /// The system refused something that the loop can't do without.
    System(&'static str, io::Error),
    /// The crypto library failed.
    Identity,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "can't listen on {address}: {error}"),
            Self::Media(address, error) => {
                write!(f, "can't use UDP {address} (webrtc.listen): {error}")
            }
            Self::Rtsp(address, error) => {
                write!(f, "can't listen on {address} (rtsp.listen): {error}")
            }
            Self::Stream(name, why) => write!(f, "streams.{name}: {why}"),
            Self::Publish(name, why) => write!(f, "publish.{name}: {why}"),
            #[cfg(feature = "record")]
            Self::Record(name, why) => write!(f, "record.{name}: {why}"),
            Self::Room(name, why) => write!(f, "rooms.{name}: {why}"),
            #[cfg(feature = "stdio")]
            Self::Unread => f.write_str("nobody reads standard output: more waits than may"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::Identity => f.write_str("the crypto library could not make a certificate"),
        }
    }
}

impl std::error::Error for ServerError {}
