//! Access units to RTP payloads (RFC 6184 5.6 to 5.8).

use std::sync::Arc;

use super::AccessUnit;

/// The RTP payloads of an access unit, each at most `max_payload` bytes (at least 3).
///
/// An IDR begins with its parameter sets. Fragments of one NAL unit have equal sizes except the
/// last, so that the kernel can segment them (UDP GSO). The marker belongs on the last payload.
pub fn packetize(_au: &AccessUnit, _max_payload: usize) -> Vec<Arc<[u8]>> {
    Vec::new()
}
