//! What one camera's video may cost. Beyond a limit something is dropped and counted, never grown.

use std::time::Duration;

/// Bytes of one access unit. A 4K intra picture at the highest camera bit rates stays below 2 MiB;
/// a stream whose access units never end has to stop somewhere.
pub const MAX_ACCESS_UNIT_BYTES: usize = 8 * 1024 * 1024;

/// NAL units of one access unit. Level 5.2 allows some hundred slices, cameras send under 70.
pub const MAX_NALS: usize = 1024;

/// Bytes of one parameter set. Real ones have 10 to 300; more than this cannot come in one packet.
pub const MAX_PARAMETER_SET_BYTES: usize = 65_535;

/// Bytes of all parameter sets kept for a track, so that 32 + 256 ids cannot hold 18 MB.
pub const MAX_PARAMETER_SETS_BYTES: usize = 256 * 1024;

/// Outputs waiting for `poll_output`. One packet yields one or two; an aggregate of a thousand
/// tiny pictures, or a caller that does not poll, reaches this.
pub const MAX_OUTPUTS: usize = 64;

/// How long the last packet of an access unit without marker may be alone before it is taken as
/// the last one: longer than a burst takes on a LAN, shorter than a frame at 30 fps.
pub const MARKERLESS_FLUSH: Duration = Duration::from_millis(20);

/// Access units in a row that ended without a marker before a camera counts as one that sends none.
pub const MARKERLESS_AFTER: u8 = 3;

/// The largest payload `packetize` makes: sizes in an aggregate have 16 bits (RFC 6184
/// 5.7.1, RFC 7798 4.4.2).
pub const MAX_PAYLOAD_BYTES: usize = 65_535;

/// Bytes of fragment buffer kept between NAL units; a rare larger one is given back.
pub(super) const KEPT_FRAGMENT_BYTES: usize = 512 * 1024;
