//! The header of an RTP packet (RFC 3550 section 5.1).

/// Of the fixed part.
const FIXED_BYTES: usize = 12;
/// Of an extension with one element that fills a word (RFC 8285 section 4.2).
const EXTENSION_BYTES: usize = 8;
const VERSION_2: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;
/// The profile of one-byte elements, and one word of them.
const ONE_BYTE_ELEMENTS: [u8; 4] = [0xbe, 0xde, 0, 1];

/// What a receiver's packet has of its own.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub payload_type: u8,
    pub is_marked: bool,
    /// Extended by the rollover counter.
    pub sequence_number: u64,
    pub rtp_timestamp: u32,
    pub ssrc: u32,
    /// An element of three bytes with its own header.
    pub extension: Option<[u8; 4]>,
}

impl Header {
    /// Its length.
    pub fn bytes(&self) -> usize {
        FIXED_BYTES + self.extension.map_or(0, |_| EXTENSION_BYTES)
    }

    /// Writes it into a buffer of its length.
    pub fn write(&self, head: &mut [u8]) {
        let [.., number_high, number_low] = self.sequence_number.to_be_bytes();
        let first = VERSION_2 | self.extension.map_or(0, |_| HAS_EXTENSION);
        let second = self.payload_type | if self.is_marked { MARKER } else { 0 };
        let [t0, t1, t2, t3] = self.rtp_timestamp.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let fixed = [first, second, number_high, number_low, t0, t1, t2, t3, s0, s1, s2, s3];
        let extension = self.extension.map(|element| [ONE_BYTE_ELEMENTS, element]);
        let bytes = fixed.into_iter().chain(extension.into_iter().flatten().flatten());
        head.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_rfcs() {
        let header = Header {
            payload_type: 96,
            is_marked: true,
            sequence_number: 0x1_0203,
            rtp_timestamp: 0x0405_0607,
            ssrc: 0x0809_0a0b,
            extension: None,
        };
        let mut head = vec![0; header.bytes()];
        header.write(&mut head);
        assert_eq!(head, [0x80, 0xe0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        let header = Header { is_marked: false, extension: Some([0x52, 0, 1, 2]), ..header };
        let mut head = vec![0; header.bytes()];
        header.write(&mut head);
        assert_eq!(head[..2], [0x90, 0x60]);
        assert_eq!(head[12..], [0xbe, 0xde, 0, 1, 0x52, 0, 1, 2]);
    }
}
