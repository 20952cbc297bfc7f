//! Byte streams with start codes (Annex B of H.264 and of H.265): clips, and cameras that leave
//! them in.

use memchr::memmem;

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

/// Where 00 00 01 is. No NAL unit contains it (H.264 7.4.1, H.265 7.4.2), so splitting there is
/// always right.
///
/// Every byte of every camera passes here: the search is the library's vectorized one.
fn find_start_code(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, &[0, 0, 1])
}
