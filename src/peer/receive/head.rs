//! The header of a packet that came (RFC 3550 section 5.1), read in front of what is encrypted.

/// Of the fixed part.
const FIXED_BYTES: usize = 12;
const WORD: usize = 4;
/// The profile of extensions whose elements have a header of one byte (RFC 8285 section 4.2),
const ONE_BYTE_ELEMENTS: u16 = 0xbede;
/// and of those with two (section 4.3), with four bits of anything.
const TWO_BYTE_ELEMENTS: u16 = 0x1000;
/// The number behind which nothing is to be read, of one byte.
const STOP: u8 = 15;

/// What stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    pub payload_type: u8,
    pub is_marked: bool,
    pub sequence_number: u16,
    pub rtp_timestamp: u32,
    pub ssrc: u32,
    /// Whether the payload ends with padding, which is encrypted along with it.
    pub is_padded: bool,
    /// Its length, with sources and extensions.
    pub bytes: usize,
    elements: &'a [u8],
    has_two_byte_elements: bool,
}

impl<'a> Head<'a> {
    /// Reads it; none if it promises more than there is.
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        const VERSION: u8 = 0xc0;
        const VERSION_2: u8 = 0x80;
        const PADDED: u8 = 0x20;
        const EXTENDED: u8 = 0x10;
        let (fixed, rest) = packet.split_first_chunk::<FIXED_BYTES>()?;
        let [first, second, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3] = *fixed;
        if first & VERSION != VERSION_2 {
            return None;
        }
        let sources = WORD * usize::from(first & 0x0f);
        let mut bytes = FIXED_BYTES + sources;
        let (mut elements, mut has_two_byte_elements): (&[u8], bool) = (&[], false);
        let rest = rest.get(sources..)?;
        if first & EXTENDED != 0 {
            let ([p0, p1, l0, l1], rest) = rest.split_first_chunk::<WORD>()?;
            let length = WORD * usize::from(u16::from_be_bytes([*l0, *l1]));
            let extension = rest.get(..length)?;
            bytes += WORD + length;
            let profile = u16::from_be_bytes([*p0, *p1]);
            has_two_byte_elements = profile & 0xfff0 == TWO_BYTE_ELEMENTS;
            if profile == ONE_BYTE_ELEMENTS || has_two_byte_elements {
                elements = extension;
            }
        }
        Some(Self {
            payload_type: second & 0x7f,
            is_marked: second & 0x80 != 0,
            sequence_number: u16::from_be_bytes([n0, n1]),
            rtp_timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            is_padded: first & PADDED != 0,
            bytes,
            elements,
            has_two_byte_elements,
        })
    }

    /// What an extension's element of this number holds.
    pub fn element(&self, number: u8) -> Option<&'a [u8]> {
        let mut rest = self.elements;
        while let Some((&first, behind)) = rest.split_first() {
            if first == 0 {
                rest = behind; // padding
                continue;
            }
            let (id, length, behind) = if self.has_two_byte_elements {
                let (length, behind) = behind.split_first()?;
                (first, usize::from(*length), behind)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, behind)
            };
            if id == STOP && !self.has_two_byte_elements {
                return None;
            }
            let (data, next) = behind.split_at_checked(length)?;
            if id == number {
                return Some(data);
            }
            rest = next;
        }
        None
    }
}

/// A payload without its padding, whose last byte tells how much there is; none if that is more
/// than there is.
pub fn without_padding(payload: &[u8], is_padded: bool) -> Option<&[u8]> {
    if !is_padded {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding)?).filter(|_| padding > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_found_behind_padding_and_sources_and_none_behind_the_end() {
        let mut packet = vec![0xb1, 0xe0, 0x01, 0x02, 0, 0, 0, 3, 0, 0, 0, 4, 9, 9, 9, 9];
        packet.extend([0xbe, 0xde, 0, 3, 0x10, b'v', 0, 0, 0x31, 1, 2, 0xf0, 0x40, 7, 0, 0, 5]);
        let head = Head::read(&packet).unwrap();
        let fixed = (head.payload_type, head.is_marked, head.sequence_number, head.ssrc);
        assert_eq!(fixed, (96, true, 0x0102, 4));
        assert!(head.is_padded && head.rtp_timestamp == 3 && head.bytes == 32);
        assert_eq!(head.element(1), Some(&b"v"[..]));
        assert_eq!(head.element(3), Some(&[1, 2][..]));
        assert_eq!([head.element(4), head.element(2)], [None, None]);
        for end in 0..32 {
            assert_eq!(Head::read(&packet[..end]), None, "{end}");
        }
        packet[16] = 0x11; // of no profile that is known
        assert_eq!(Head::read(&packet).unwrap().element(1), None);
    }

    #[test]
    fn elements_may_have_headers_of_two_bytes() {
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0x10, 0x07, 0, 3];
        packet.extend([15, 0, 0, 3, 1, b'v', 200, 2, 8, 9, 4, 200]);
        let head = Head::read(&packet).unwrap();
        assert_eq!(head.element(15), Some(&[][..]));
        assert_eq!(head.element(3), Some(&b"v"[..]));
        assert_eq!(head.element(200), Some(&[8, 9][..]));
        assert_eq!(head.element(4), None, "it is longer than there is");
    }

    #[test]
    fn padding_is_taken_off_by_its_last_byte() {
        assert_eq!(without_padding(&[1, 2, 2], true), Some(&[1][..]));
        assert_eq!(without_padding(&[1, 2, 3], true), Some(&[][..]));
        assert_eq!(without_padding(&[1, 2, 3], false), Some(&[1, 2, 3][..]));
        for bad in [&[][..], &[1, 2, 4], &[1, 0]] {
            assert_eq!(without_padding(bad, true), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut packet in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = packet.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            if let Some(head) = Head::read(&packet) {
                prop_assert!(head.bytes <= packet.len());
                for number in 0..=255 {
                    let _ = head.element(number);
                }
            }
        }
    }
}
