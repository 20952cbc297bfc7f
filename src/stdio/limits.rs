//! What a parent, or a worker, may cost.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::room::limits::MESSAGE_MAX_BYTES;

/// One line in bytes: a configuration file of the largest size, with all its quotes escaped.
pub const LINE_MAX_BYTES: usize = 1024 * 1024;
/// Bytes of one `id` of a command.
pub const ID_MAX_BYTES: usize = 64;
/// Bytes of what an error repeats of a bad line.
pub const SHOWN_MAX_BYTES: usize = 64;
/// Unread bytes beyond which statistics are left out...
pub const UNREAD_STATS_MAX_BYTES: usize = 256 * 1024;
/// ...and those beyond which the process ends.
pub const UNREAD_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that are read before others have their turn.
pub const READ_BUDGET_BYTES: usize = 256 * 1024;
/// How often statistics are told, unless a command says otherwise.
pub const STATS_INTERVAL: Duration = Duration::from_secs(5);
/// How often they may be told.
pub const STATS_INTERVAL_MS: RangeInclusive<u64> = 100..=3_600_000;
/// Streams that are remembered as stopped, paused or begun by a command.
pub const MODES_MAX: usize = 512;

/// Workers of one supervisor: each is a process.
pub const WORKERS_MAX: usize = 128;
/// How long a worker may take to end its files before it is killed.
pub const WORKER_END_MAX: Duration = Duration::from_secs(5);
/// How long a supervisor waits for all of them.
pub const WORKERS_END_MAX: Duration = Duration::from_secs(8);

const _: () = assert!(2 * MESSAGE_MAX_BYTES < LINE_MAX_BYTES);
const _: () = assert!(LINE_MAX_BYTES < UNREAD_MAX_BYTES);
