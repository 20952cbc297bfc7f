//! Byte streams with start codes (H.264 Annex B): clips, and cameras that leave them in.

use memchr::memmem;

use super::nal::{self, NalHeader, SliceHead};

/// The NAL units of a byte stream, without start codes and trailing zeros; never an empty one.
///
/// Bytes before the first start code count as a unit, so a bare NAL unit is its own stream.
pub fn annex_b(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    Units { rest: Some(bytes) }
}

struct Units<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest?;
            let unit = match find_start_code(rest) {
                Some(at) => {
                    self.rest = rest.get(at + 3..);
                    rest.get(..at)?
                }
                None => {
                    self.rest = None;
                    rest
                }
            };
            // trailing_zero_8bits, or the first byte of a four-byte start code.
            let zeros = unit.iter().rev().take_while(|&&byte| byte == 0).count();
            let unit = unit.get(..unit.len() - zeros)?;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

/// Where 00 00 01 is. No NAL unit contains it (H.264 7.4.1), so splitting there is always right.
///
/// Every byte of every camera passes here: the search is the library's vectorized one.
fn find_start_code(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, &[0, 0, 1])
}

/// Groups the NAL units of a byte stream into access units (H.264 7.4.1.2.3), parameter sets
/// included, for [`AccessUnit::from_nals`](super::AccessUnit::from_nals).
pub fn split_access_units(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut access_units = Vec::new();
    let mut current = Vec::new();
    let mut first_slice: Option<NalHeader> = None;
    for unit in annex_b(bytes) {
        let head = SliceHead::parse(unit);
        let begins = first_slice.is_some_and(|first| match &head {
            Some(head) => head.begins_picture(first),
            None => NalHeader::of(unit).is_some_and(precedes_picture),
        });
        if begins {
            access_units.push(std::mem::take(&mut current));
            first_slice = None;
        }
        if let Some(head) = head {
            first_slice.get_or_insert(head.nal);
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
