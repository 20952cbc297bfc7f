//! Where one message ends and the next begins in a stream (RFC 8656 sections 12.5 and 12.6):
//! STUN messages and channel data, which tell their lengths in the same place.

use super::stun::HEADER_BYTES;

/// Bytes before the data of a channel.
pub const CHANNEL_HEADER_BYTES: usize = 4;
/// The numbers that channels may have (RFC 8656 section 12).
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole STUN message.
    Stun(&'a [u8]),
    /// Data of a channel.
    Channel(u16, &'a [u8]),
}

impl<'a> Frame<'a> {
    /// Reads a datagram.
    pub fn of_datagram(bytes: &'a [u8]) -> Option<Self> {
        let [first, second, high, low] = *bytes.first_chunk::<4>()?;
        let number = u16::from_be_bytes([first, second]);
        if !CHANNELS.contains(&number) {
            return (first < 4).then_some(Self::Stun(bytes));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let end = CHANNEL_HEADER_BYTES + length;
        Some(Self::Channel(number, bytes.get(CHANNEL_HEADER_BYTES..end)?))
    }
}

/// Collects a stream.
#[derive(Debug, Default)]
pub struct Stream {
    bytes: Vec<u8>,
    /// What was given out of them.
    taken: usize,
}

impl Stream {
    /// More has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, which [`Frame::of_datagram`] reads.
    ///
    /// # Errors
    /// What stands there is neither; there is no going on.
    pub fn next(&mut self) -> Result<Option<&[u8]>, NotTurn> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some([first, second, high, low]) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let whole = if CHANNELS.contains(&u16::from_be_bytes([*first, *second])) {
            CHANNEL_HEADER_BYTES + length.next_multiple_of(4)
        } else if *first < 4 && length.is_multiple_of(4) {
            HEADER_BYTES + length
        } else {
            return Err(NotTurn);
        };
        let Some(message) = rest.get(..whole) else { return Ok(None) };
        self.taken += whole;
        Ok(Some(message))
    }
}

/// The bytes are no messages of a TURN server.
#[derive(Debug, PartialEq, Eq)]
pub struct NotTurn;

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: [u8; 12] = [0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];

    #[test]
    fn a_stream_is_cut_where_its_messages_end_however_it_comes() {
        let stun = super::super::stun::Builder::new(
            super::super::stun::Class::Indication,
            super::super::stun::Method::Data,
            [7; 12],
        );
        let stun = stun.attribute(0x13, &[9; 6]).finish();
        let whole = [&CHANNEL[..], &stun, &CHANNEL].concat();
        for step in 1..whole.len() {
            let mut stream = Stream::default();
            let mut found = Vec::new();
            for piece in whole.chunks(step) {
                stream.push(piece);
                while let Some(message) = stream.next().unwrap() {
                    found.push(message.to_vec());
                }
            }
            assert_eq!(found, [&CHANNEL[..], &stun, &CHANNEL]);
            assert_eq!(
                Frame::of_datagram(&found[0]),
                Some(Frame::Channel(0x4000, &[1, 2, 3, 4, 5]))
            );
            assert_eq!(Frame::of_datagram(&found[1]), Some(Frame::Stun(&stun)));
        }
    }

    #[test]
    fn anything_else_ends_the_stream() {
        // A TLS alert, and what no message begins with.
        for bytes in [&[0x15, 3, 1, 0, 2, 2, 70][..], &[0x50, 0, 0, 0], &[0xff; 4], &[0, 1, 0, 3]] {
            let mut stream = Stream::default();
            stream.push(bytes);
            assert_eq!(stream.next(), Err(NotTurn));
        }
    }

    #[test]
    fn a_datagram_shorter_than_it_says_is_none() {
        assert_eq!(Frame::of_datagram(&[0x40, 0, 0, 9, 1]), None);
        assert_eq!(Frame::of_datagram(&[0x80; 20]), None);
        assert_eq!(Frame::of_datagram(&[0]), None);
    }
}
