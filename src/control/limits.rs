//! Every cap of the control side, with its unit and why.

use std::time::Duration;

/// Longest accepted message in bytes: an offer of 64 m-lines is below 100 KiB.
pub const MESSAGE_MAX_BYTES: usize = 256 * 1024;
/// Longest `request_id` that is echoed, in bytes; a longer one is treated as absent.
pub const REQUEST_ID_MAX_BYTES: usize = 256;
/// Longest stream name with its quality in bytes: no configured one is longer, so a longer
/// one is unknown and is only echoed up to here.
pub const STREAM_NAME_MAX_BYTES: usize = 512;
/// Most entries of an `init` that are looked at: one more than can be configured is too many.
pub const SLOTS_READ_MAX: usize = 65;
/// Longest ICE candidate in bytes; a longer one is ignored.
pub const CANDIDATE_MAX_BYTES: usize = 512;
/// Most candidates of the viewer that wait for its offer; later ones are ignored. Also the
/// most of ours that are sent behind an answer.
pub const CANDIDATES_MAX: usize = 64;
/// Most failures of switches that wait for the connection to be told.
pub const HELD_FAILURES_MAX: usize = 64;
/// Most outputs nobody fetched; a session beyond this is closed.
pub const OUTPUTS_MAX: usize = 1024;
/// After this long without a picture a switch says `buffering`. The clients give up after 5 s.
pub const BUFFERING_AFTER: Duration = Duration::from_secs(4);
/// A viewer that asked for slots and makes no offer within this time is released: it holds
/// cameras. The clients give up after 10 s.
pub const OFFER_WITHIN: Duration = Duration::from_secs(30);

// What one input can cause at most must fit: on connecting, all failures and all slots.
const _: () = assert!(CANDIDATES_MAX + HELD_FAILURES_MAX + 2 * SLOTS_READ_MAX < OUTPUTS_MAX);
