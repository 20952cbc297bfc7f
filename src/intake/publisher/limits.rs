//! Bounds of what a publisher's peer connection brings, and how long its packets wait.

use std::time::Duration;

/// How long a video packet waits for one before it that is missing: a request is sent within
/// 33 ms, so at a round trip of 100 ms a second one still helps.
pub const VIDEO_PATIENCE: Duration = Duration::from_millis(300);

/// The same for audio, which is not sent again: only the network's own disorder.
pub const AUDIO_PATIENCE: Duration = Duration::from_millis(60);

/// Packets of one track that wait for another: what 30 Mbit/s bring in the time.
pub const WAITING_PACKETS_MAX: usize = 1_024;

/// How far ahead of what is awaited a packet's number may be before it is taken for a new
/// beginning (RFC 3550 appendix A.1).
pub const SEQUENCE_JUMP_MAX: u64 = 3_000;

/// Packets in a row from before what is awaited that make a new beginning.
pub const LATE_PACKETS_MAX: u32 = 64;

/// Payload bytes of one frame that is passed on as it came.
pub const FRAME_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Packets of such a frame.
pub const FRAME_PACKETS_MAX: usize = 4_096;

/// Longest time between two key frames. Browsers send one at the start and then on request
/// alone; a viewer is shown everything since the last one, and a reader or a recording begins
/// with one.
pub const KEYFRAME_INTERVAL: Duration = Duration::from_secs(4);

/// Least time between two requests for a key frame.
pub const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// Time without a picture that can be decoded, though packets of video come, after which a
/// publisher is to connect anew. It was asked for a key frame every four seconds until then.
pub const NO_PICTURE: Duration = Duration::from_secs(20);

/// Time without any packet, of sound neither, after which a publisher that has sent video is to
/// connect anew: a page that froze keeps its connection.
pub const GONE: Duration = Duration::from_secs(15);

/// Time without video after which a publisher's stream counts as offline, though the publisher
/// is there.
pub const SILENCE: Duration = Duration::from_secs(5);

/// What is later than this by its sender's clock was not held back: the clock has jumped.
pub const LATE_MAX: Duration = Duration::from_secs(5);

/// So much of a packet's lateness is taken for the sender's clock being slow, at most.
pub const LATE_STEP_MAX: Duration = Duration::from_millis(10);
