//! The event loop: the only place that knows mio, sockets and the clock.
//!
//! One thread. Each turn drains what is readable within a budget, steps the machines until
//! none has an output left, and flushes. Readiness is edge-triggered: whatever stops reading
//! before the socket is empty puts itself on the list of those to go on with.

mod camera;
mod camera_calls;
mod camera_udp;
#[cfg(feature = "tls")]
mod certificate;
mod channel;
mod clients;
#[cfg(feature = "demo")]
mod demo;
mod echoes;
mod error;
#[cfg(feature = "receive")]
mod feeds;
#[cfg(not(feature = "receive"))]
#[path = "no_feeds.rs"]
mod feeds;
mod inbox;
mod link;
pub mod probe;
mod programs;
mod publishers;
mod pushes;
mod random;
mod resolver;
mod restream;
#[cfg(feature = "room")]
mod rooms;
#[cfg(not(feature = "room"))]
#[path = "no_rooms.rs"]
mod rooms;
mod server;
mod snapshot;
mod sockets;
mod tcp;
mod timers;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod udp;
mod viewers;
mod wall_clock;
mod websocket;

use rtsp::client::UdpPort;

use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;

pub use self::error::ServerError;
pub use self::server::{Server, ServerOptions};

/// What a readiness token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint {
    /// Another thread has an answer.
    Waker,
    /// SIGINT or SIGTERM.
    Signals,
    /// The HTTP listener.
    HttpListener,
    /// The one UDP socket of all peers.
    Media,
    /// An HTTP or WebSocket connection, by its key.
    Client(usize),
    /// A camera's TCP connection.
    Camera(SourceId),
    /// The second TCP connection of a camera behind an HTTP tunnel.
    CameraPost(SourceId),
    /// The connection to a camera's web server.
    CameraCalls(SourceId),
    /// One of a camera's UDP sockets.
    CameraUdp(SourceId, UdpPort),
    /// A publisher's HTTP connection, by its key.
    Publisher(usize),
    /// A publisher's UDP socket.
    PublisherMedia(usize),
    /// A listener of the RTSP server.
    RtspListener(Door),
    /// One of the RTSP server's two UDP sockets.
    RtspMedia { rtcp: bool },
    /// A reader's or publisher's RTSP connection, by its key.
    RtspClient(usize),
    /// A room's WebSocket, by the room's number.
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    Room(usize),
    /// The standard error of a source's program.
    ProgramErrors(SourceId),
    /// The built-in cameras' RTSP listener.
    #[cfg(feature = "demo")]
    DemoListener,
    /// A reader of a built-in camera, by its key.
    #[cfg(feature = "demo")]
    DemoReader(usize),
}

/// Where clients of the RTSP server come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    /// Readers and publishers, at the configured address.
    Public,
    /// Our own programs, from this machine and under secret paths.
    Programs,
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Hub,
    Camera(SourceId),
    CameraCalls(SourceId),
    Viewer(ViewerId),
    Client(usize),
    Publisher(usize),
    RtspClient(usize),
    Program(SourceId),
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    Room(usize),
    /// The end of the program has waited long enough.
    Goodbye,
    #[cfg(feature = "demo")]
    Demo,
    #[cfg(feature = "demo")]
    DemoReader(usize),
}
