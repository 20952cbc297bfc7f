//! What a valid file says, typed. `Default` is what an empty file says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::relay::{IceTransportPolicy, Relay};
use crate::rooms::Room;
use crate::token::Token;
use crate::url::SecretUrl;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `streams`, in the file's order; names are unique.
    pub streams: Vec<Stream>,
    /// `publish`, in the file's order; each names one of `streams`.
    pub publish: Vec<Publish>,
    /// The rooms of `publish`; each names one of `streams` and one of `rooms`.
    pub room_publish: Vec<RoomPublish>,
    /// `rooms`, in the file's order; names are unique.
    pub rooms: Vec<Room>,
    /// `record`: what is recorded, one entry a stream.
    #[cfg(feature = "record")]
    pub record: Vec<crate::record::Record>,
    /// `api`: the HTTP and WebSocket side.
    pub api: Api,
    /// `rtsp`: the RTSP server of all streams; none without the section.
    pub rtsp: Option<Rtsp>,
    /// `webrtc`: the media side.
    pub webrtc: Webrtc,
    /// `multistream`: viewers with several slots.
    pub multistream: Multistream,
    /// `log`.
    pub log: Log,
    /// `linger`: how long a camera stays connected after its last viewer left. Already
    /// applied to each stream without its own.
    pub linger: Duration,
    /// `warm`: connect to cameras nobody watches. Already applied to each stream without
    /// its own.
    pub warm: bool,
    /// `limits`: memory and viewers.
    pub limits: Limits,
    /// `burst_mbps`: the pace in megabits per second (1..=10000) at which one slot's cached
    /// pictures are sent on a switch.
    pub burst_mbps: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams: Vec::new(),
            publish: Vec::new(),
            room_publish: Vec::new(),
            rooms: Vec::new(),
            #[cfg(feature = "record")]
            record: Vec::new(),
            api: Api::default(),
            rtsp: None,
            webrtc: Webrtc::default(),
            multistream: Multistream::default(),
            log: Log::default(),
            linger: Duration::from_secs(20),
            warm: false,
            limits: Limits::default(),
            burst_mbps: 100,
        }
    }
}

impl Config {
    /// The stream of this exact, case-sensitive name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// Whether there is a relay for anybody.
    pub(crate) fn has_relays(&self) -> bool {
        let webrtc = &self.webrtc;
        !webrtc.relays.is_empty()
            || webrtc.relays_from.is_some()
            || self.rooms.iter().any(|room| room.relays_from.is_some())
    }
}

/// One entry of `streams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// 1..=64 characters, without control characters and `/`.
    pub name: String,
    /// Where its pictures come from.
    pub source: Source,
    /// How RTP is carried from the camera.
    pub transport: Transport,
    /// Which request keeps the camera's session alive.
    pub keep_alive: KeepAlive,
    /// How the camera is asked for a keyframe.
    pub keyframe: Keyframe,
    /// What whoever publishes it by WHIP has to show; only for [`Source::Pushed`].
    pub token: Option<Token>,
    /// Whether the camera is kept connected without a viewer.
    pub warm: bool,
    /// How long the camera stays connected after its last viewer left.
    pub linger: Duration,
}

impl Stream {
    /// The addresses of its camera; none for a stream that has none.
    #[must_use]
    pub fn urls(&self) -> &[CameraUrl] {
        match &self.source {
            Source::Camera(urls) => urls,
            Source::Pushed | Source::Program(_) => &[],
        }
    }
}

/// Where the pictures of a stream come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A camera, under 1..=8 addresses that are tried in order.
    Camera(Vec<CameraUrl>),
    /// Whoever pushes them, to `rtsp` or by WHIP.
    Pushed,
    /// A program that is started where somebody watches, and pushes them or says where they are.
    Program(Program),
}

/// What stands in a program's words for the address that it pushes to, and where
/// [`Program::reads`] says so, reads from.
pub const OUTPUT: &str = "{output}";

/// A program (`exec:`, `ffmpeg:`, `echo:`), as it is started, without a shell.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name or path, and its arguments. They may be secret.
    pub words: Vec<String>,
    /// The stream that it reads from us.
    pub reads: Option<String>,
    /// It pushes nothing, but prints the address of a camera (`echo:`).
    pub prints: bool,
}

impl Program {
    /// Its words for this address.
    #[must_use]
    pub fn arguments(&self, address: &str) -> Vec<String> {
        self.words.iter().map(|word| word.replace(OUTPUT, address)).collect()
    }

    /// What may be shown of it: its name.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = self.words.first().map(String::as_str).unwrap_or_default();
        let scheme = if self.prints { "echo" } else { "exec" };
        format!("{scheme}:{}", crate::url::redact_url(name))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.shown()).finish()
    }
}

/// One address of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraUrl {
    /// `rtsp://`, `rtsps://`, `rtsp+http://` or `rtsps+http://`, without options; `http://` or
    /// `https://` for [`Keyframe`].
    pub url: SecretUrl,
    /// What proves that the camera is the one that is meant; without a meaning where the
    /// connection is not encrypted.
    pub tls: Tls,
    /// The camera is asked for its audio as well.
    pub audio: bool,
}

/// How the certificate of a TLS server is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// An authority that this system trusts vouches for the host name (RFC 6125).
    #[default]
    Verify,
    /// Not at all: whoever answers is believed.
    Insecure,
    /// It is this one, by the SHA-256 of its DER encoding, whatever it says.
    Pin([u8; 32]),
}

/// One room of `publish`: a stream is published there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPublish {
    /// The name of the stream.
    pub stream: String,
    /// The name of the entry of `rooms`.
    pub room: String,
    /// What the stream is called in the room.
    pub name: String,
}

/// One address of `publish`: a stream is handed on there by WHIP (RFC 9725).
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    /// The name of the stream.
    pub stream: String,
    /// The WHIP endpoint, `http:` or `https:`. Its path may be a secret as well.
    pub url: SecretUrl,
    /// The bearer token (RFC 6750).
    pub token: Option<String>,
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// How RTP comes from a camera (RFC 2326 section 12.39). Media of an encrypted or tunnelled
/// connection is interleaved in it; UDP and multicast are refused beside such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Interleaved in the RTSP connection first, UDP where the camera refuses that.
    #[default]
    Auto,
    /// Interleaved in the RTSP connection only.
    Tcp,
    /// Over UDP only.
    Udp,
    /// Over UDP to a multicast group only.
    Multicast,
}

/// Which request keeps a camera's session alive (RFC 2326 section 10.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepAlive {
    /// `GET_PARAMETER` where the camera announces it, until it fails once; else `OPTIONS`.
    #[default]
    Auto,
    /// `OPTIONS` only.
    Options,
    /// `GET_PARAMETER` only.
    GetParameter,
}

/// How a camera is asked for a keyframe where one is needed before its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keyframe {
    /// By RTCP; by Axis' way as well where it is one of theirs. What is seen to help is kept to.
    #[default]
    Auto,
    /// Not at all.
    Off,
    /// By PLI and FIR (RFC 4585, RFC 5104) only.
    Rtcp,
    /// By `SET_PARAMETER` with `Renew-Stream: yes` only, whoever made the camera.
    Axis,
    /// By RTCP, and where that is ignored by Hikvision's ISAPI at this `http:` or `https:`
    /// address. Its credentials are those of the stream where it has none.
    Isapi(CameraUrl),
    /// By RTCP, and where that is ignored by Hanwha's SUNAPI, in the same way.
    Sunapi(CameraUrl),
    /// By RTCP, and where that is ignored by ONVIF's `SetSynchronizationPoint` at this address of
    /// the media service, in the same way; `?profile=` names the profile.
    Onvif(CameraUrl),
    /// By RTCP, and where that is ignored by opening a second session for a moment.
    Session,
}

/// `api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The address of the page, the API and the WebSocket.
    pub listen: SocketAddr,
    /// Further origins whose pages may use the API (`https://example.org`), or `*` for all.
    /// The server's own host is always allowed.
    pub origins: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { listen: SocketAddr::new(host, 1984), origins: Vec::new() }
    }
}

/// The TCP port of `rtsp.listen` where it is not given.
pub const RTSP_DEFAULT_PORT: u16 = 8554;

/// `rtsp`.
#[derive(Clone, PartialEq, Eq)]
pub struct Rtsp {
    /// The address that readers and publishers connect to.
    pub listen: SocketAddr,
    /// Who may read and push; none for everybody.
    pub login: Option<Login>,
}

/// `rtsp.username` and `rtsp.password`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Rtsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtsp").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// The UDP port of `webrtc.listen` where it is not given; the address is then `api`'s.
pub const WEBRTC_DEFAULT_PORT: u16 = 8555;

/// `webrtc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webrtc {
    /// The one UDP address of all peers.
    pub listen: SocketAddr,
    /// Whether the TCP port of that number is theirs as well (RFC 6544).
    pub tcp: bool,
    /// Further addresses to offer as ICE candidates, such as a router's public one.
    pub candidates: Vec<Candidate>,
    /// STUN and TURN servers handed to the page.
    pub ice_servers: Vec<IceServer>,
    /// TURN servers that media is relayed by.
    pub relays: Vec<Relay>,
    /// Where a list of further ones is fetched.
    pub relays_from: Option<SecretUrl>,
    /// Whether media may go in any other way.
    pub ice_transport_policy: IceTransportPolicy,
    /// The playout delay asked from browsers; `None` leaves the choice to them.
    pub playout_delay: Option<PlayoutDelay>,
}

impl Default for Webrtc {
    fn default() -> Self {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            listen: SocketAddr::new(host, WEBRTC_DEFAULT_PORT),
            tcp: true,
            candidates: Vec::new(),
            ice_servers: Vec::new(),
            relays: Vec::new(),
            relays_from: None,
            ice_transport_policy: IceTransportPolicy::All,
            playout_delay: Some(PlayoutDelay { min_ms: 0, max_ms: 0 }),
        }
    }
}

/// An address to offer beside the local ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The address as browsers reach it.
    pub ip: IpAddr,
    /// The port as browsers reach it; `None` is the port of `webrtc.listen`.
    pub port: Option<u16>,
}

/// An entry of `webrtc.ice_servers`, with the fields of the browsers' `RTCIceServer`.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user.
    pub username: Option<String>,
    /// The TURN password.
    pub credential: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username.as_ref().map(|_| "***"))
            .field("credential", &self.credential.as_ref().map(|_| "***"))
            .finish()
    }
}

/// The range sent in the playout-delay RTP header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// Least delay in milliseconds, 0..=40950.
    pub min_ms: u16,
    /// Largest delay in milliseconds, `min_ms`..=40950.
    pub max_ms: u16,
}

/// `multistream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multistream {
    /// Most slots of one viewer, 1..=64.
    pub max_slots: usize,
}

impl Default for Multistream {
    fn default() -> Self {
        Self { max_slots: 9 }
    }
}

/// `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// The shape of a line.
    pub format: LogFormat,
}

/// `log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What keeps the service from its work.
    Error,
    /// What is worth waking someone.
    Warn,
    /// Cameras and viewers coming and going.
    #[default]
    Info,
    /// Decisions.
    Debug,
    /// Packets.
    Trace,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One plain line an event.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

/// `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest GOP cache of one source in bytes, 64 KiB..=256 MiB.
    pub gop_max_bytes: usize,
    /// Largest sum of all GOP caches in bytes, `gop_max_bytes`..=4 GiB.
    pub gop_total_max_bytes: usize,
    /// Most frames in one GOP cache, 1..=10000.
    pub gop_max_frames: usize,
    /// Most viewers over WebRTC at a time, 1..=10000; neither readers nor the media servers of
    /// `publish` count.
    pub viewers_max: usize,
    /// Most connections to the RTSP server at a time, 1..=10000: readers, and those who push.
    /// Our own programs don't count.
    pub readers_max: usize,
    /// Packets kept per slot for retransmission, 64..=16384.
    pub resend_packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gop_max_bytes: 8 * 1024 * 1024,
            gop_total_max_bytes: 64 * 1024 * 1024,
            gop_max_frames: 600,
            viewers_max: 128,
            readers_max: 128,
            resend_packets: 2048,
        }
    }
}
