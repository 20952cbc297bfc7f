//! What a client wants done and what it has to tell.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use crate::audio::{self, Sound};
use crate::rate::Rate;
use crate::tunnel::Tunnel;
use crate::video::{AccessUnit, DropReason, ParameterSets};

/// Number of a media section in the description, from 0.
pub type TrackId = usize;

/// One of the two UDP ports of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UdpPort {
    /// The track.
    pub track: TrackId,
    /// The RTCP port, else the RTP port.
    pub rtcp: bool,
}

/// Where a server sends by multicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The multicast address.
    pub address: IpAddr,
    /// UDP port for RTP.
    pub rtp_port: u16,
    /// UDP port for RTCP.
    pub rtcp_port: u16,
    /// Routers that what we send to the group may pass, and one: 1 stays in the network.
    pub ttl: u8,
}

/// What the caller has to do, in this order. `Debug` leaves out the bytes: they may hold
/// credentials.
#[derive(Clone)]
pub enum Output {
    /// Dial TCP, go through TLS and open the tunnel where these are wanted, and then answer with
    /// `handle_connected`; or else with `handle_connect_failed` or `handle_tunnel_failed`. An
    /// address that is still being dialled is to be given up: only the latest counts.
    Connect {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// Encrypt the connection, and check whom it leads to.
        tls: bool,
        /// Open this tunnel, whose connections are the one that is meant elsewhere.
        tunnel: Option<Box<Tunnel>>,
        /// Which of the configured addresses led here: 0 is `Options::url`, 1 the first of
        /// `Options::alternatives`.
        address: usize,
    },
    /// Close the TCP connection, after what was given to `Send` has been written as far as it
    /// goes at once, give up dialling, and close all UDP sockets. It is not answered.
    Disconnect,
    /// Bytes for the TCP connection.
    Send(Vec<u8>),
    /// Bind an even UDP port for RTP and the next for RTCP; answer with `handle_udp_bound` or
    /// `handle_udp_failed`.
    BindUdp {
        /// The track they are for.
        track: TrackId,
    },
    /// Join a multicast group on the interface of the TCP connection and bind both its ports;
    /// answer with `handle_udp_bound` or `handle_udp_failed`.
    JoinMulticast {
        /// The track that is sent there.
        track: TrackId,
        /// The group.
        group: Group,
    },
    /// A datagram from one of the sockets of `BindUdp` to the address of the TCP connection, or
    /// from one of `JoinMulticast` to the group.
    SendDatagram {
        /// The socket to send from.
        udp: UdpPort,
        /// The port to send to.
        port: u16,
        /// What to send.
        data: Vec<u8>,
    },
    /// Something to know.
    Event(Event),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { host, port, tls, tunnel, address: _ } => {
                let (tls, tunnel) = (tls.then_some("tls"), tunnel.as_ref().map(|_| "tunnel"));
                write!(f, "Connect({host:?}, {port}, {tls:?}, {tunnel:?})")
            }
            Self::Disconnect => f.write_str("Disconnect"),
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::BindUdp { track } => write!(f, "BindUdp({track})"),
            Self::JoinMulticast { track, group } => write!(f, "JoinMulticast({track}, {group:?})"),
            Self::SendDatagram { udp, port, data } => {
                write!(f, "SendDatagram({udp:?}, {port}, {} bytes)", data.len())
            }
            Self::Event(event) => write!(f, "{event:?}"),
        }
    }
}

/// What a client has to tell, in the order of happening.
#[derive(Clone, Debug)]
pub enum Event {
    /// DESCRIBE was answered.
    Described {
        /// All media sections of the description.
        tracks: Vec<TrackInfo>,
    },
    /// PLAY was answered.
    Playing,
    /// A whole access unit of the video track.
    AccessUnit(AccessUnit),
    /// Access units of the video track are missing from here on.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Whether nothing can be decoded until the next IDR.
        breaks_prediction: bool,
    },
    /// Audio of the track beside the video.
    Audio(Sound),
    /// The described audio is not played, whatever [`Choice`] said of it.
    AudioLeftOut {
        /// Why.
        reason: String,
    },
    /// The camera's clock (RFC 3550 6.4.1). It may be decades off, and may jump.
    SenderReport {
        /// The track it is about.
        track: TrackId,
        /// NTP timestamp: seconds since 1900 in the upper 32 bits, fractions in the lower.
        ntp: u64,
        /// RTP timestamp of the same moment.
        rtp_timestamp: u32,
    },
    /// The camera did not take [`renew_stream`](super::Client::renew_stream).
    RenewalRefused {
        /// It refused the credentials for it, or closed the connection on it.
        harmful: bool,
    },
    /// The session ended, or an attempt failed. The client tries again by itself.
    Offline {
        /// Why.
        error: Error,
        /// When it tries again, from now.
        retry_in: Duration,
    },
    /// The camera offers nothing that can be played. The session ends, and the client looks again
    /// after [`Backoff::unsupported`](super::Backoff::unsupported).
    Unsupported {
        /// Name of the video codec offered (`JPEG`, `MP4V-ES`), or `none`.
        codec: String,
    },
}

/// One media section of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its number.
    pub track: TrackId,
    /// `video`, `audio`, `application`, ...
    pub kind: String,
    /// Encoding name in upper case (`H264`), empty if the description has none.
    pub codec: String,
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// RTP clock in Hz.
    pub clock_rate_hz: u32,
    /// `a=control` as described, empty if there is none.
    pub control: String,
    /// Whether it is played.
    pub choice: Choice,
    /// The parameter sets that the description of a chosen one has, as far as they can be used.
    pub parameter_sets: Option<Arc<ParameterSets>>,
    /// The codec of chosen audio.
    pub audio: Option<audio::Codec>,
}

/// Whether a track is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that is played.
    Chosen,
    /// The audio that is played beside the video.
    ChosenAudio,
    /// Audio of a codec that browsers do not take.
    UnknownAudio,
    /// Neither video nor audio to be played.
    NotVideo,
    /// Video of a codec nothing here plays.
    UnknownCodec,
    /// Disabled, or not a transport we speak.
    Disabled,
    /// Another track of its kind came first.
    Surplus,
}

impl Choice {
    /// A stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::ChosenAudio => "chosen_audio",
            Self::UnknownAudio => "unknown_audio",
            Self::NotVideo => "not_video",
            Self::UnknownCodec => "unknown_codec",
            Self::Disabled => "disabled",
            Self::Surplus => "surplus",
        }
    }
}

/// Where a camera departs from the standards and the client went along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirk {
    /// A reply had no `CSeq`.
    MissingCseq,
    /// A reply had a `CSeq` that nobody waits for.
    ForeignCseq,
    /// OPTIONS is not implemented.
    NoOptions,
    /// `Content-Base` had to be repaired.
    OddContentBase,
    /// The track URL had to be resolved by RFC 3986 instead of appended.
    ResolvedControl,
    /// The session identifier changed between replies.
    SessionChanged,
    /// The keep-alive method had to be changed.
    KeepAliveChanged,
    /// The reply to SETUP does not say which channels or ports are used.
    TransportUnsaid,
    /// Channels other than those asked for.
    OtherChannels,
    /// Data on a channel nobody asked for.
    UnassignedChannel,
    /// RTCP came on the RTP channel or port.
    RtcpOnRtp,
    /// RTP came before PLAY was answered.
    EarlyRtp,
    /// Packets of a payload type that was not described.
    ForeignPayloadType,
    /// The synchronisation source changed during the session.
    SsrcChanged,
    /// Malformed RTP.
    BadRtp,
    /// Malformed RTCP.
    BadRtcp,
    /// Bytes that are neither message nor frame.
    Garbage,
    /// A new nonce was demanded during the session.
    NonceChanged,
    /// The camera refused UDP or interleaved transport and the other was used.
    TransportChanged,
}

impl Quirk {
    /// A stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingCseq => "missing_cseq",
            Self::ForeignCseq => "foreign_cseq",
            Self::NoOptions => "no_options",
            Self::OddContentBase => "odd_content_base",
            Self::ResolvedControl => "resolved_control",
            Self::SessionChanged => "session_changed",
            Self::KeepAliveChanged => "keep_alive_changed",
            Self::TransportUnsaid => "transport_unsaid",
            Self::OtherChannels => "other_channels",
            Self::UnassignedChannel => "unassigned_channel",
            Self::RtcpOnRtp => "rtcp_on_rtp",
            Self::EarlyRtp => "early_rtp",
            Self::ForeignPayloadType => "foreign_payload_type",
            Self::SsrcChanged => "ssrc_changed",
            Self::BadRtp => "bad_rtp",
            Self::BadRtcp => "bad_rtcp",
            Self::Garbage => "garbage",
            Self::NonceChanged => "nonce_changed",
            Self::TransportChanged => "transport_changed",
        }
    }
}

/// Counters of a client since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets of the video track.
    pub packets: u64,
    /// Bytes of those packets, headers included.
    pub bytes: u64,
    /// When the newest of those packets came.
    pub last_packet_at: Option<Instant>,
    /// How much they were in the last seconds.
    pub rate: Rate,
    /// RTP packets of the audio track.
    pub audio_packets: u64,
    /// RTP packets missing by their sequence numbers.
    pub lost: u64,
    /// RTP packets that came late, twice, malformed, or belong to nothing known.
    pub discarded: u64,
    /// Times the interleaved stream was lost and found again.
    pub resyncs: u64,
    /// Sessions that ended by failure after PLAY, and attempts that failed.
    pub failures: u64,
    /// PLAY answered.
    pub sessions: u64,
    /// Transport of the present session, none before SETUP is answered.
    pub transport: Option<Carrier>,
    /// Departures from the standards met so far.
    pub quirks: BTreeSet<Quirk>,
}

impl Stats {
    /// A packet of the video track has come, of so many bytes.
    pub fn handle_packet(&mut self, now: Instant, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.last_packet_at = Some(now);
        self.rate.push(now, bytes);
    }
}

/// What carries the media of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The RTSP connection (RFC 2326 10.12).
    Tcp,
    /// UDP.
    Udp,
    /// UDP to a multicast group.
    Multicast,
}

impl Carrier {
    /// `tcp`, `udp` or `multicast`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Multicast => "multicast",
        }
    }
}
