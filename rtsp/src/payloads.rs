//! What one picture is sent as: RTP payloads, one behind the other in one piece of memory.

use std::fmt;
use std::mem::{replace, take};
use std::ops::Range;

use bytes::BytesMut;

/// What pictures share, but for larger ones.
const PIECE_BYTES: usize = 64 * 1024;
/// Of an end.
const END_BYTES: usize = size_of::<u32>();

/// Memory for the pictures of one stream, which go in the order in which they came: what they
/// leave behind are whole pieces, that go back to the system, and no holes among everything else.
#[derive(Debug)]
pub struct Memory(BytesMut);

impl Default for Memory {
    fn default() -> Self {
        Self(BytesMut::with_capacity(PIECE_BYTES))
    }
}

impl Memory {
    fn keep(&mut self, bytes: &mut BytesMut) {
        self.0.extend_from_slice(bytes);
        *bytes = self.0.split();
    }
}

/// RTP payloads in the order in which they are sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payloads {
    bytes: BytesMut,
    /// Where each one ends, in the machine's byte order.
    ends: BytesMut,
}

impl Payloads {
    /// None yet, where pictures are kept, with room for so many bytes of so many payloads. Until
    /// [`Payloads::close_in`] gives the rest of the memory back there is none for others.
    pub(crate) fn open_in(memory: &mut Memory, bytes: usize, payloads: usize) -> Self {
        let ends_bytes = payloads * END_BYTES;
        memory.0.reserve(bytes + ends_bytes);
        Self { bytes: take(&mut memory.0), ends: BytesMut::with_capacity(ends_bytes) }
    }

    /// There are no more.
    pub(crate) fn close_in(&mut self, memory: &mut Memory) {
        let bytes = self.bytes.split();
        memory.0 = replace(&mut self.bytes, bytes);
        memory.keep(&mut self.ends);
    }

    /// Adds one. What is over 4 GB in all is left out.
    pub fn push(&mut self, payload: &[u8]) {
        self.push_parts([payload]);
    }

    /// Adds one that consists of these parts.
    pub fn push_parts<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) {
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.ends.extend_from_slice(&end.to_ne_bytes());
    }

    /// Moves to where pictures are kept.
    pub fn settle(&mut self, memory: &mut Memory) {
        memory.keep(&mut self.bytes);
        memory.keep(&mut self.ends);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len() / END_BYTES
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The sum of their lengths.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let ends = self.ends();
        let start = match index.checked_sub(1) {
            Some(before) => end(ends.get(before)?),
            None => 0,
        };
        self.bytes.get(start..end(ends.get(index)?))
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<&[u8]> {
        self.get(0)
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.ranges().map(|range| self.bytes.get(range).unwrap_or_default())
    }

    /// Changes each of them, but for its length.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&mut [u8])) {
        let mut start = 0;
        for stop in self.ends.as_chunks().0.iter().map(end) {
            change(self.bytes.get_mut(start..stop).unwrap_or_default());
            start = stop;
        }
    }

    fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
        let mut start = 0;
        let stops = self.ends().iter().map(end);
        stops.map(move |stop| replace(&mut start, stop)..stop)
    }

    fn ends(&self) -> &[[u8; END_BYTES]] {
        self.ends.as_chunks().0
    }
}

fn end(bytes: &[u8; END_BYTES]) -> usize {
    u32::from_ne_bytes(*bytes) as usize
}

impl fmt::Debug for Payloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Payloads {
    fn from_iter<I: IntoIterator<Item = T>>(payloads: I) -> Self {
        let mut all = Self::default();
        payloads.into_iter().for_each(|payload| all.push(payload.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [&[u8]; 4] = [b"ab", b"", b"c", b"def"];

    #[test]
    fn what_was_put_in_comes_out() {
        let all = Payloads::from_iter(PARTS);
        assert_eq!(all.iter().collect::<Vec<_>>(), PARTS);
        assert_eq!((all.len(), all.bytes(), all.iter().len()), (4, 6, 4));
        for (index, part) in PARTS.into_iter().enumerate() {
            assert_eq!(all.get(index), Some(part));
        }
        assert_eq!((all.first(), all.get(4)), (Some(PARTS[0]), None));
        assert_eq!(Payloads::default().first(), None);
    }

    #[test]
    fn one_may_consist_of_parts_and_each_may_be_changed() {
        let mut memory = Memory::default();
        let mut all = Payloads::open_in(&mut memory, 9, 2);
        all.push_parts(PARTS);
        all.push(b"xyz");
        all.close_in(&mut memory);
        all.for_each_mut(|payload| payload.reverse());
        assert_eq!(all.iter().collect::<Vec<_>>(), [b"fedcba".as_slice(), b"zyx"]);
    }

    #[test]
    fn pictures_that_share_a_piece_of_memory_have_nothing_else_in_common() {
        let mut memory = Memory::default();
        let picture = |number: usize| {
            let byte = u8::try_from(number % 251).unwrap();
            let bytes = if number.is_multiple_of(10) { PIECE_BYTES + number } else { 300 * number };
            Payloads::from_iter([vec![byte; bytes], vec![byte; 9], Vec::new()])
        };
        let settled = |number| {
            let mut picture = picture(number);
            picture.settle(&mut memory);
            picture
        };
        let mut all: Vec<Payloads> = (0..100).map(settled).collect();
        all.drain(30..60);
        all[3].for_each_mut(|payload| payload.fill(0xff));
        for (number, is) in (0..30).chain(60..100).zip(&all) {
            assert_eq!((number == 3, *is == picture(number)), (number == 3, number != 3));
        }
        assert!(all[3].iter().flatten().all(|byte| *byte == 0xff));
    }
}
