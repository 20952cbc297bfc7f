//! Every cap of the configuration, with its unit and why.

use std::time::Duration;

/// Longest accepted file in bytes: a thousand cameras fit several times over.
pub const FILE_MAX_BYTES: usize = 512 * 1024;
/// Deepest accepted nesting; the schema itself needs five levels.
pub const DEPTH_MAX: usize = 16;
/// Most nodes after aliases are followed: what stops an alias bomb.
pub const NODES_MAX: u32 = 100_000;
/// Longest scalar in bytes after substitution.
pub const SCALAR_MAX_BYTES: usize = 8 * 1024;
/// Most problems reported at once; each costs one pass over the file for its line.
pub const PROBLEMS_MAX: usize = 50;

/// Most streams.
pub const STREAMS_MAX: usize = 1024;
/// Longest stream name in characters.
pub const STREAM_NAME_MAX_CHARS: usize = 64;
/// Most addresses of one stream, tried in order.
pub const URLS_PER_STREAM_MAX: usize = 8;
/// Longest camera address in bytes.
pub const URL_MAX_BYTES: usize = 2048;
/// Longest command of `exec:` in bytes.
pub const COMMAND_MAX_BYTES: usize = 4096;
/// Most words of a command.
pub const COMMAND_MAX_WORDS: usize = 256;
/// Most addresses that streams are published to, of all streams together: each has a socket.
pub const PUBLISH_MAX: usize = 256;
/// Longest bearer token in bytes: a JSON web token with some claims fits.
pub const TOKEN_MAX_BYTES: usize = 4096;
/// Most rooms: each has a connection.
pub const ROOMS_MAX: usize = 32;
/// Longest `rtsp.username`, `rtsp.password` and password of a room in bytes.
pub const LOGIN_MAX_BYTES: usize = 256;
/// Most addresses of `webrtc.relays`: each has a connection and is a candidate of every viewer.
pub const RELAYS_MAX: usize = 4;
/// Most entries of `rooms.*.streams`, `api.origin`, `webrtc.candidates` and `webrtc.ice_servers`.
pub const LIST_MAX: usize = 32;

/// Most slots of one viewer that may be configured.
pub const SLOTS_MAX: usize = 64;
/// Longest `linger`.
pub const LINGER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Largest playout delay in milliseconds: the header extension has 12 bits of 10 ms.
pub const PLAYOUT_DELAY_MAX_MS: u16 = 40_950;
/// Smallest and largest GOP cache of one source in bytes.
pub const GOP_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=256 * 1024 * 1024;
/// Smallest and largest sum of all GOP caches in bytes.
pub const GOP_TOTAL_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;
/// Fewest and most frames in one GOP cache.
pub const GOP_FRAMES: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Fewest and most viewers.
pub const VIEWERS: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Fewest and most readers and publishers of the RTSP server.
pub const READERS: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Fewest and most packets kept per slot for retransmission; a power of two is not needed.
pub const RESEND_PACKETS: std::ops::RangeInclusive<u64> = 64..=16_384;
/// Slowest and fastest burst of a cached GOP in megabits per second.
pub const BURST_MBPS: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Longest path of a recording in bytes, its placeholders empty.
pub const RECORD_PATH_MAX_BYTES: usize = 1024;
/// Shortest and longest part of a recording.
pub const RECORD_SEGMENT: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// Smallest and largest part of a recording in bytes.
pub const RECORD_SIZE_BYTES: std::ops::RangeInclusive<u64> = 1024 * 1024..=u64::MAX;
