//! Every cap of the control side, with its unit and why.

use std::time::Duration;

/// Longest accepted message in bytes: an offer of 64 m-lines is below 100 KiB.
pub const MESSAGE_MAX_BYTES: usize = 256 * 1024;
/// Longest `request_id` that is echoed, in bytes; a longer one is treated as absent.
pub const REQUEST_ID_MAX_BYTES: usize = 256;
/// Longest stream name with its quality in bytes: no configured one is longer.
pub const STREAM_NAME_MAX_BYTES: usize = 512;
/// Longest ICE candidate in bytes; a longer one is ignored.
pub const CANDIDATE_MAX_BYTES: usize = 512;
/// Most candidates of the viewer that wait for its offer; later ones are ignored.
pub const CANDIDATES_WAITING_MAX: usize = 64;
/// Most outputs nobody fetched; a session beyond this is closed.
pub const OUTPUTS_MAX: usize = 1024;
/// After this long without a picture a switch or resume says `buffering`. The clients give up
/// after 5 s.
pub const BUFFERING_AFTER: Duration = Duration::from_secs(4);

const _: () = assert!(CANDIDATES_WAITING_MAX + 64 * 8 < OUTPUTS_MAX);
