//! Byte streams to access units (H.264 7.4.1.2.3): clips.

use super::nal::{self, NalHeader, slice_head};
use crate::video::{Kind, annex_b};

/// Groups the NAL units of a byte stream into access units (H.264 7.4.1.2.3), parameter sets
/// included, for [`AccessUnit::from_nals`](crate::video::AccessUnit::from_nals).
pub fn split_access_units(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut access_units = Vec::new();
    let mut current = Vec::new();
    let mut first_slice: Option<Kind> = None;
    for unit in annex_b(bytes) {
        let head = slice_head(unit);
        let begins = first_slice.is_some_and(|first| match &head {
            Some(head) => head.begins_picture(first),
            None => NalHeader::of(unit).is_some_and(precedes_picture),
        });
        if begins {
            access_units.push(std::mem::take(&mut current));
            first_slice = None;
        }
        if let Some(head) = head {
            first_slice.get_or_insert(head.kind);
        }
        current.push(unit);
    }
    if !current.is_empty() {
        access_units.push(current);
    }
    access_units
}

/// Whether the unit can only come before the slices of its access unit (H.264 7.4.1.2.3).
fn precedes_picture(header: NalHeader) -> bool {
    matches!(header.unit_type, nal::SEI..=nal::ACCESS_UNIT_DELIMITER | 14..=18)
}
