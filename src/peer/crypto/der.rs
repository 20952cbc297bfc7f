//! The little of DER (X.690) that certificates need here: elements of at most 65535 bytes.

pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub const UTF8_STRING: u8 = 0x0c;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// What stands in front of everything else under a tag of its own.
pub const EXPLICIT_0: u8 = 0xa0;

/// One element (X.690 section 8.1) of these parts.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut element = match (high, low) {
        (0, 0..=127) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    element.extend(content);
    element
}

/// Elements that are read one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, if it has this tag.
    pub fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, rest) = split(self.0)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// The same, to be read on.
    pub fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }
}

/// The first element's tag and content, and what follows it. Lengths are in their shortest form.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length).checked_sub(0x80)? + 0x80, rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)).checked_sub(0x100)? + 0x100, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(element(4, &[&[7; 3]]), [4, 3, 7, 7, 7]);
        assert_eq!(element(4, &[&[0; 128]]).get(..3), Some([4, 0x81, 128].as_slice()));
        assert_eq!(element(4, &[&[0; 300]]).get(..4), Some([4, 0x82, 1, 44].as_slice()));
    }

    #[test]
    fn lengths_in_a_longer_form_are_no_der() {
        for bytes in [&[4, 0x81, 1, 9][..], &[4, 0x82, 0, 1, 9], &[4, 0x83, 0, 0, 1, 9], &[4, 0x80]]
        {
            assert_eq!(Reader(bytes).take(4), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_nothing_behind_it(
            content in proptest::collection::vec(any::<u8>(), 0..700),
            behind in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let written = [element(SEQUENCE, &[&content]), behind.clone()].concat();
            let mut reader = Reader(&written);
            prop_assert_eq!(reader.take(SET), None);
            prop_assert_eq!(reader.take(SEQUENCE), Some(&content[..]));
            prop_assert_eq!(reader.0, &behind[..]);
            let whole = written.len() - behind.len();
            for end in 0..whole {
                prop_assert_eq!(Reader(&written[..end]).take(SEQUENCE), None);
            }
        }
    }
}
