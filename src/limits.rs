//! Every bound of the program that is not a setting, with its unit and why.

use std::time::Duration;

/// Payload bytes of one RTP packet to a browser: 1280 (the least IPv6 MTU) less IP, UDP,
/// RTP header with extensions and the SRTP tag.
pub const RTP_PAYLOAD_MAX_BYTES: usize = 1_150;

/// Payload bytes of a packet that is passed on as a publisher packetized it: browsers send 1200
/// with their headers, others what Ethernet takes.
pub const RTP_PASSED_ON_MAX_BYTES: usize = 1_400;

/// Bytes of one SDP offer: Chromium offers 5 KB per video m-line.
pub const SDP_MAX_BYTES: usize = 384 * 1024;

/// m-lines of one SDP offer: video and audio of the most slots that can be configured, and data.
pub const SDP_MAX_MEDIA: usize = 129;

/// Candidates of one description, and as many again by signalling, that ICE is told of: each is
/// compared with all others and paired with ours. Browsers have one or two for each of their
/// addresses and relays.
pub const REMOTE_CANDIDATES_MAX: usize = 64;

/// Slots of one viewer, the most that can be configured.
pub const SLOTS_MAX: usize = 64;

/// How long a sent packet can be asked for again (RFC 4588): several round trips of any network
/// that pictures can be watched over. A receiver that has waited this long asks for a picture
/// instead. The frames themselves are shared by all viewers.
pub const RESEND_MAX_AGE: Duration = Duration::from_secs(1);

/// Receivers of one peer whose clocks are answered: browsers have one for all of their streams.
pub const REFERENCE_TIMES_MAX: usize = 16;

/// Viewers' addresses that are remembered: a viewer has one, for a moment two.
pub const PEER_ADDRESSES_MAX: usize = 4_096;

const _: () = assert!(2 * SLOTS_MAX < SDP_MAX_MEDIA);

/// Send and receive buffer of the media socket, as far as the system allows: a burst of all
/// slots of some viewers must fit.
pub const UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one train of datagrams that the kernel is given to cut up (UDP GSO).
pub const GSO_MAX_BYTES: usize = 60_000;

/// Names that wait to be resolved: at most one a camera or publisher is under way.
pub const RESOLVER_QUEUE_MAX: usize = 256;

/// Jobs that wait for the disk's thread, and reports of it.
#[cfg(feature = "record")]
pub const DISK_QUEUE_MAX: usize = 1024;

/// Bytes that wait for the disk's thread: a disk may take some seconds for 100 Mbit/s.
#[cfg(feature = "record")]
pub const DISK_WAITING_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Bytes read from one connection before the others have their turn.
pub const READ_BUDGET_BYTES: usize = 256 * 1024;

/// Batches of datagrams read before the others have their turn.
pub const UDP_BUDGET_BATCHES: usize = 64;

/// Unsent bytes to a camera: only requests and reports go there.
pub const CAMERA_UNSENT_MAX_BYTES: usize = 64 * 1024;

/// Unsent bytes to a WHIP server: one offer.
pub const PUBLISHER_UNSENT_MAX_BYTES: usize = 64 * 1024;

/// How long the end of the program waits for WHIP servers to be told of it.
pub const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How long a second session with a camera may last, opening included.
pub const SECOND_SESSION_MAX: Duration = Duration::from_secs(5);

/// How long after it the end of the first session is laid to it.
pub const SECOND_SESSION_BLAME: Duration = Duration::from_secs(2);

/// Unsent bytes to a TURN server over TCP: what all its viewers are sent at once on a switch.
pub const RELAY_UNSENT_MAX_BYTES: usize = 2 * 1024 * 1024;

/// TCP connections of viewers' media at a time: a browser makes one to each of our addresses.
pub const ICE_TCP_CONNECTIONS_MAX: usize = 512;

/// Unsent bytes on one of them: twice what a viewer is sent at once, faster than live.
pub const ICE_TCP_UNSENT_MAX_BYTES: usize = 1024 * 1024;

/// Unread bytes on one that was not accepted by a peer yet: ICE checks have about a hundred.
pub const ICE_TCP_CHECK_MAX_BYTES: usize = 2 * 1024;

/// One that no check has come by in this time is closed...
pub const ICE_TCP_CHECK_WITHIN: Duration = Duration::from_secs(10);

/// ...and one that was silent for this long: browsers ask for consent every few seconds.
pub const ICE_TCP_IDLE: Duration = Duration::from_secs(60);

/// Receive buffer of a camera's RTP socket, as far as the system allows: an IDR picture
/// arrives at the speed of the wire.
pub const CAMERA_UDP_BUFFER_BYTES: usize = 1024 * 1024;

/// HTTP and WebSocket connections at a time.
pub const CONNECTIONS_MAX: usize = 512;

/// Unsent bytes to an HTTP client: the largest file of the page fits several times.
pub const HTTP_UNSENT_MAX_BYTES: usize = 512 * 1024;

/// Unsent bytes to a room's server: an offer and its candidates fit several times.
pub const ROOM_UNSENT_MAX_BYTES: usize = 256 * 1024;

/// Messages of a room's server that are taken before the others have their turn.
pub const ROOM_MESSAGES_BUDGET: usize = 64;

/// Streams of one room that there are sources for, those that have left included.
pub const ROOM_SOURCES_MAX: usize = 128;

/// Unsent bytes on a WebSocket: an answer for the most slots fits several times.
pub const WEBSOCKET_UNSENT_MAX_BYTES: usize = 1024 * 1024;

/// Bytes of a program's standard error that are read before the others have their turn.
pub const PROGRAM_ERRORS_BUDGET_BYTES: usize = 16 * 1024;

/// Connections of our own programs to the RTSP server at a time: each has two at most.
pub const PROGRAM_CLIENTS_MAX: usize = 128;

/// How much faster than live the kept pictures are sent over UDP to a reader that comes; a
/// picture of 1080p takes a software decoder 5 to 10 ms.
pub const RTSP_UDP_SPEED: u64 = 3;

/// At least this many bytes a second, for streams whose beginning says little of them.
pub const RTSP_UDP_MIN_PACE: u64 = 250_000;

/// Bytes sent over UDP at once, the first picture excepted, which leaves whole.
pub const RTSP_UDP_BURST_BYTES: u32 = 32 * 1024;

/// Unsent bytes to a client of an RTSP server of ours: what its session lets wait, which leaves
/// out frames first, and a reply.
pub const RTSP_CLIENT_UNSENT_MAX_BYTES: usize = rtsp::server::limits::MAX_QUEUED_BYTES + 64 * 1024;

/// From one whole request to the next, the first one included; then the connection is closed.
pub const HTTP_IDLE: Duration = Duration::from_secs(30);

/// A WebSocket is pinged this often.
pub const WEBSOCKET_PING_INTERVAL: Duration = Duration::from_secs(10);

/// A WebSocket that was silent for this long, pings unanswered, is closed.
pub const WEBSOCKET_SILENCE: Duration = Duration::from_secs(25);

const _: () = assert!(GSO_MAX_BYTES < 65_507);
const _: () = assert!(WEBSOCKET_UNSENT_MAX_BYTES > SDP_MAX_BYTES);

/// Bytes that one viewer is sent at once, faster than live: larger bursts overrun a browser's
/// socket buffer (measured: none lost below 0.9 MB, most of them above).
pub const BURST_UNPACED_BYTES: u32 = 500_000;

/// ICE candidates of one answer.
pub const CANDIDATES_MAX: usize = 16;

/// Tracks that one peer may send us.
pub const RECEIVED_TRACKS_MAX: usize = 8;

/// Streams of RTP that one peer sends us, counting those of resends: two for each track, and what
/// takes the place of some.
pub const RECEIVED_STREAMS_MAX: usize = 4 * RECEIVED_TRACKS_MAX;

/// Packets of a stream that are asked for again: more of them are more than a large picture.
pub const MISSING_MAX: usize = 256;

/// How often each of them is.
pub const MISSING_ASKED_MAX: u8 = 6;

/// Packets whose arrivals wait to be told of: what one datagram of feedback takes.
pub const ARRIVALS_MAX: usize = 400;

/// Packets, reports and messages of a peer that wait to be looked at: several turns of the loop.
pub const RECEIVED_MAX: usize = 16 * 1024;

/// Bytes of one message on a data channel: an offer of a browser with some tracks.
pub const CHANNEL_MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// Bytes of messages that wait to be looked at.
pub const CHANNEL_MESSAGES_MAX_BYTES: usize = 1024 * 1024;

/// Data channels of one peer that are listened to.
pub const CHANNELS_MAX: usize = 16;
