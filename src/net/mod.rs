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
mod codecs;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "record")]
mod disk;
mod echoes;
mod error;
#[cfg(feature = "receive")]
mod feeds;
#[cfg(not(feature = "receive"))]
#[path = "no_feeds.rs"]
mod feeds;
mod health;
#[cfg(feature = "ice-tcp")]
mod ice_tcp;
#[cfg(not(feature = "ice-tcp"))]
#[path = "no_ice_tcp.rs"]
mod ice_tcp;
mod inbox;
mod link;
#[cfg(feature = "record")]
mod playlists;
pub mod probe;
#[cfg(feature = "keyframe-ways")]
mod probe_keyframes;
#[cfg(not(feature = "keyframe-ways"))]
#[path = "no_probe_keyframes.rs"]
mod probe_keyframes;
mod process_group;
mod programs;
mod publishers;
mod pushes;
mod random;
mod readiness;
#[cfg(feature = "record")]
mod recordings;
#[cfg(not(feature = "record"))]
#[path = "no_record.rs"]
mod recordings;
#[cfg(feature = "turn")]
mod relay_list;
#[cfg(feature = "turn")]
mod relays;
#[cfg(not(feature = "turn"))]
#[path = "no_relays.rs"]
mod relays;
mod resolver;
mod restream;
#[cfg(feature = "room")]
mod rooms;
#[cfg(not(feature = "room"))]
#[path = "no_rooms.rs"]
mod rooms;
mod rtsp_ports;
#[cfg(feature = "keyframe-ways")]
mod second_session;
#[cfg(not(feature = "keyframe-ways"))]
#[path = "no_second_session.rs"]
mod second_session;
mod server;
mod snapshot;
mod sockets;
mod sources;
#[cfg(feature = "stdio")]
mod stdio;
#[cfg(not(feature = "stdio"))]
#[path = "no_stdio.rs"]
mod stdio;
#[cfg(feature = "stdio")]
mod supervisor;
mod table;
mod tcp;
mod timers;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
#[cfg(feature = "tls")]
mod tls_provider;
mod udp;
mod viewers;
mod wall_clock;
mod ways;
mod websocket;

use rtsp::client::UdpPort;

use crate::engine::source::SourceId;
use crate::engine::viewer::ViewerId;

pub use self::error::ServerError;
pub use self::server::{Server, ServerOptions};
pub use self::stdio::Pipes;
#[cfg(feature = "stdio")]
pub use self::supervisor::Supervisor;

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
    /// The three of a second session with a camera.
    SecondSession(SourceId),
    SecondSessionPost(SourceId),
    SecondSessionUdp(SourceId, UdpPort),
    /// A publisher's HTTP connection, by its key.
    Publisher(usize),
    /// A publisher's UDP socket.
    PublisherMedia(usize),
    /// The listener of ICE over TCP.
    IceTcpListener,
    /// A connection of ICE over TCP, by its key.
    #[cfg_attr(not(feature = "ice-tcp"), expect(dead_code, reason = "there are none"))]
    IceTcp(usize),
    /// A connection for the sake of relays.
    #[cfg_attr(not(feature = "turn"), expect(dead_code, reason = "there are none"))]
    Relay(RelayKey),
    /// A listener of the RTSP server.
    RtspListener(Door),
    /// One of the RTSP server's two UDP sockets.
    RtspMedia {
        rtcp: bool,
    },
    /// A reader's or publisher's RTSP connection, by its key.
    RtspClient(usize),
    /// A room's WebSocket, by the room's number.
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    Room(usize),
    /// What the program that has started us says.
    #[cfg_attr(not(feature = "stdio"), expect(dead_code, reason = "nobody speaks with us"))]
    Stdin,
    /// It is told more.
    #[cfg_attr(not(feature = "stdio"), expect(dead_code, reason = "nobody speaks with us"))]
    Stdout,
    /// What a worker says, by its key.
    #[cfg(feature = "stdio")]
    WorkerOutput(usize),
    /// A worker is told more, by its key.
    #[cfg(feature = "stdio")]
    WorkerInput(usize),
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

/// Whom relays are had from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(feature = "turn"), expect(dead_code, reason = "there are none"))]
enum RelayKey {
    /// A TURN server.
    Server(usize),
    /// A list of such servers.
    List(usize),
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
    #[cfg_attr(not(feature = "ice-tcp"), expect(dead_code, reason = "there are none"))]
    IceTcp(usize),
    #[cfg_attr(not(feature = "turn"), expect(dead_code, reason = "there are none"))]
    Relay(RelayKey),
    RtspClient(usize),
    Program(SourceId),
    #[cfg_attr(not(feature = "record"), expect(dead_code, reason = "nothing is recorded"))]
    Recording(usize),
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there are none"))]
    Room(usize),
    /// Statistics are told.
    #[cfg_attr(not(feature = "stdio"), expect(dead_code, reason = "nobody speaks with us"))]
    Stats,
    /// The end of the program has waited long enough.
    Goodbye,
    #[cfg(feature = "demo")]
    Demo,
    #[cfg(feature = "demo")]
    DemoReader(usize),
}
