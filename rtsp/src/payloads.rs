//! What one picture is sent as: RTP payloads, one behind the other in one piece of memory.

use std::fmt;
use std::ops::Range;

/// RTP payloads in the order in which they are sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payloads {
    bytes: Vec<u8>,
    /// Where each one ends.
    ends: Vec<usize>,
}

impl Payloads {
    /// None yet, with room for so many bytes of so many payloads.
    #[must_use]
    pub fn with_capacity(bytes: usize, payloads: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(payloads) }
    }

    /// Adds one.
    pub fn push(&mut self, payload: &[u8]) {
        self.push_parts([payload]);
    }

    /// Adds one that consists of these parts.
    pub fn push_parts<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) {
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// Gives back the room that was not needed.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
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
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..*self.ends.get(index)?)
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
        for &end in &self.ends {
            change(self.bytes.get_mut(start..end).unwrap_or_default());
            start = end;
        }
    }

    fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |&end| std::mem::replace(&mut start, end)..end)
    }
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
        let mut all = Payloads::with_capacity(9, 2);
        all.push_parts(PARTS);
        all.push(b"xyz");
        all.for_each_mut(|payload| payload.reverse());
        assert_eq!(all.iter().collect::<Vec<_>>(), [b"fedcba".as_slice(), b"zyx"]);
    }
}
