//! What a program may cost, and how long it may take.

use std::time::Duration;

/// From its start until it pushes: a camera that it reads is connected first.
pub const START_MAX: Duration = Duration::from_secs(30);
/// From SIGTERM to SIGKILL.
pub const END_MAX: Duration = Duration::from_secs(2);
/// The wait after a first failure, doubled by each further one.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long a program has to push for its next failure to be a first one.
pub const STABLE: Duration = Duration::from_secs(10);
/// Most of a line of standard error that is kept, in bytes.
pub const LINE_MAX_BYTES: usize = 512;
/// Most lines that are logged in one [`LINES_PERIOD`].
pub const LINES_MAX: u32 = 10;
/// How long such a period lasts.
pub const LINES_PERIOD: Duration = Duration::from_secs(10);
