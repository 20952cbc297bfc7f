//! What frames of VP8 and VP9 are told apart by, and refer to each other by: the numbers in the
//! descriptor in front of each payload (RFC 7741 section 4.2, RFC 9628 section 4.2).
//!
//! A receiver takes a gap in them for lost frames, and a step back for late ones. So each slot has
//! numbers of its own, and writes them where they differ from those of the source: into a copy,
//! since the payloads belong to all slots. That costs nothing where a slot shows one source and
//! leaves out nothing of it, nor does it with codecs that are without such numbers.

use std::borrow::Cow;

use super::codec::VideoCodec;

/// Bits of the first octet: VP8's X; VP9's I, L and F.
const EXTENDED: u8 = 0x80;
const HAS_ID: u8 = 0x80;
const HAS_LAYERS: u8 = 0x20;
const IS_FLEXIBLE: u8 = 0x10;
/// Bits of VP8's second octet: I, L and T.
const HAS_BASE_INDEX: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
/// The bit of a picture id that says that it is one of 15 bits.
const LONG_ID: u8 = 0x80;
const ID_MASK: u16 = 0x7fff;
/// Where `TL0PICIDX` stands behind a picture id of 15 bits, in both descriptors.
const BASE_INDEX_AT: usize = 4;

/// A frame's place among those of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureNumbers {
    /// `PictureID`, 15 bits: counts frames.
    pub id: u16,
    /// `TL0PICIDX`, where the stream has temporal layers.
    pub base: Option<BaseIndex>,
}

/// `TL0PICIDX`: counts the frames of the lowest temporal layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseIndex {
    /// The newest one's number, modulo 256.
    pub index: u8,
    /// Whether this frame is one of them.
    pub is_counted: bool,
}

/// The numbers of one slot.
#[derive(Debug, Default)]
pub struct Numbering {
    newest: Option<PictureNumbers>,
}

impl Numbering {
    /// The next frame's numbers, of which these are its own: the first frame keeps them.
    pub fn next(&mut self, own: PictureNumbers) -> PictureNumbers {
        let Some(before) = self.newest else {
            self.newest = Some(own);
            return own;
        };
        let index = before.base.map(|base| base.index);
        let base = own.base.map(|base| {
            let index = index.map(|index| index.wrapping_add(u8::from(base.is_counted)));
            BaseIndex { index: index.unwrap_or(base.index), ..base }
        });
        let next = PictureNumbers { id: before.id.wrapping_add(1) & ID_MASK, base };
        self.newest = Some(PictureNumbers { base: base.or(before.base), ..next });
        next
    }
}

impl PictureNumbers {
    /// What a payload says; `None` where that is nothing, or an id of 7 bits.
    #[must_use]
    pub fn of(codec: VideoCodec, payload: &[u8]) -> Option<Self> {
        if !cfg!(feature = "receive") {
            return None; // nobody sends such a codec
        }
        let at = id_at(codec, payload)?;
        let bytes: [u8; 2] = payload.get(at..at + 2)?.try_into().ok()?;
        let base = base_index(codec, payload);
        Some(Self { id: u16::from_be_bytes(bytes) & ID_MASK, base })
    }

    /// Writes these numbers into a payload that has some.
    pub fn put_into(self, codec: VideoCodec, payload: &mut [u8]) {
        let Some(at) = id_at(codec, payload) else { return };
        let has_base = base_index(codec, payload).is_some();
        if let Some(id) = payload.get_mut(at..at + 2) {
            id.copy_from_slice(&(self.id | u16::from(LONG_ID) << 8).to_be_bytes());
        }
        if let Some(base) = self.base.filter(|_| has_base)
            && let Some(index) = payload.get_mut(BASE_INDEX_AT)
        {
            *index = base.index;
        }
    }
}

/// A payload with room for the numbers of slots: with a picture id of 15 bits, this one if it has
/// none yet, which senders are free to leave out. `None` where it breaks its format.
#[must_use]
pub fn with_picture_id(codec: VideoCodec, payload: &[u8], id: u16) -> Option<Cow<'_, [u8]>> {
    if !matches!(codec, VideoCodec::Vp8 | VideoCodec::Vp9) || id_at(codec, payload).is_some() {
        return Some(payload.into());
    }
    let (&first, rest) = payload.split_first()?;
    let [high, low] = (id & ID_MASK).to_be_bytes();
    let (flags, behind) = match codec {
        VideoCodec::Vp8 if first & EXTENDED != 0 => {
            let (&flags, rest) = rest.split_first()?;
            (Some(flags), rest.get(usize::from(flags & HAS_ID != 0)..)?)
        }
        VideoCodec::Vp8 => (Some(0), rest),
        _ => (None, rest.get(usize::from(first & HAS_ID != 0)..)?),
    };
    // In VP8 the first octet's highest bit says that a second one follows, in VP9 that an id does.
    let mut long = vec![first | EXTENDED];
    long.extend(flags.map(|flags| flags | HAS_ID));
    long.extend([high | LONG_ID, low]);
    long.extend_from_slice(behind);
    Some(long.into())
}

/// Where a picture id of 15 bits stands.
fn id_at(codec: VideoCodec, payload: &[u8]) -> Option<usize> {
    let flags_at = match codec {
        VideoCodec::Vp8 if payload.first()? & EXTENDED != 0 => 1,
        VideoCodec::Vp9 => 0,
        _ => return None,
    };
    let id_at = flags_at + 1;
    let has_id = payload.get(flags_at)? & HAS_ID != 0;
    (has_id && payload.get(id_at)? & LONG_ID != 0 && payload.len() > id_at + 1).then_some(id_at)
}

/// `TL0PICIDX` behind a picture id of 15 bits.
fn base_index(codec: VideoCodec, payload: &[u8]) -> Option<BaseIndex> {
    let (has_index, layer) = match codec {
        VideoCodec::Vp8 => {
            let flags = payload.get(1)?;
            let layer = if flags & HAS_LAYER != 0 { payload.get(5)? >> 6 } else { 0 };
            (flags & HAS_BASE_INDEX != 0, layer)
        }
        _ => {
            let first = payload.first()?;
            let has_index = first & HAS_LAYERS != 0 && first & IS_FLEXIBLE == 0;
            (has_index, if has_index { payload.get(3)? >> 5 } else { 0 })
        }
    };
    let index = *payload.get(BASE_INDEX_AT).filter(|_| has_index)?;
    Some(BaseIndex { index, is_counted: layer == 0 })
}

#[cfg(all(test, feature = "receive"))]
mod tests {
    use VideoCodec::{Av1, H264, Vp8, Vp9};
    use proptest::prelude::*;

    use super::*;

    fn numbers(id: u16, base: Option<(u8, bool)>) -> PictureNumbers {
        let base = base.map(|(index, is_counted)| BaseIndex { index, is_counted });
        PictureNumbers { id, base }
    }

    fn put(codec: VideoCodec, payload: &[u8], numbers: PictureNumbers) -> Vec<u8> {
        let mut payload = payload.to_vec();
        numbers.put_into(codec, &mut payload);
        payload
    }

    #[test]
    fn numbers_are_read_and_written_where_they_stand() {
        let new = numbers(0x1234, Some((0x77, true)));
        for (codec, before, read, after) in [
            (
                Vp8,
                &[0x90, 0x80, 0x81, 0x02, 9][..],
                numbers(0x102, None),
                &[0x90, 0x80, 0x92, 0x34, 9][..],
            ),
            (
                Vp8,
                &[0x90, 0xe0, 0x81, 0x02, 7, 0x40, 9],
                numbers(0x102, Some((7, false))),
                &[0x90, 0xe0, 0x92, 0x34, 0x77, 0x40, 9],
            ),
            (
                Vp8,
                &[0x80, 0xf0, 0x81, 0x02, 7, 0x23, 9],
                numbers(0x102, Some((7, true))),
                &[0x80, 0xf0, 0x92, 0x34, 0x77, 0x23, 9],
            ),
            (Vp9, &[0x8a, 0x81, 0x02, 9], numbers(0x102, None), &[0x8a, 0x92, 0x34, 9]),
            (
                Vp9,
                &[0xac, 0x81, 0x02, 0x20, 7, 9],
                numbers(0x102, Some((7, false))),
                &[0xac, 0x92, 0x34, 0x20, 0x77, 9],
            ),
            // In flexible mode there is none.
            (Vp9, &[0xbc, 0x81, 0x02, 0x20, 9], numbers(0x102, None), &[0xbc, 0x92, 0x34, 0x20, 9]),
        ] {
            assert_eq!(PictureNumbers::of(codec, before), Some(read), "{before:x?}");
            assert_eq!(put(codec, before, new), after, "{before:x?}");
        }
    }

    #[test]
    fn what_has_no_numbers_stays_as_it_is() {
        for (codec, payload) in [
            (H264, &[0x90, 0x80, 0x81, 0x02, 9][..]),
            (Av1, &[0x90, 0x80, 0x81, 0x02, 9]),
            (Vp8, &[0x10, 0x80, 0x81, 0x02, 9]),
            (Vp8, &[0x90, 0x80, 0x01, 0x02, 9]),
            (Vp9, &[0x0a, 0x81, 0x02, 9]),
            (Vp8, &[]),
            (Vp9, &[0x8a, 0x81]),
        ] {
            assert_eq!(PictureNumbers::of(codec, payload), None);
            assert_eq!(put(codec, payload, numbers(1, None)), payload);
        }
    }

    #[test]
    fn room_is_made_where_a_sender_left_none() {
        let with = |codec, payload: &[u8]| {
            with_picture_id(codec, payload, 0x1234).map(|long| long.to_vec())
        };
        for (codec, before, after) in [
            (Vp8, &[0x10, 9][..], &[0x90, 0x80, 0x92, 0x34, 9][..]),
            (Vp8, &[0x90, 0x80, 0x05, 9], &[0x90, 0x80, 0x92, 0x34, 9]),
            (Vp8, &[0x90, 0x60, 7, 0x40, 9], &[0x90, 0xe0, 0x92, 0x34, 7, 0x40, 9]),
            (Vp8, &[0x90, 0x80, 0x81, 0x02, 9], &[0x90, 0x80, 0x81, 0x02, 9]),
            (Vp9, &[0x0a, 9], &[0x8a, 0x92, 0x34, 9]),
            (Vp9, &[0x8a, 0x05, 9], &[0x8a, 0x92, 0x34, 9]),
            (Vp9, &[0x8a, 0x81, 0x02, 9], &[0x8a, 0x81, 0x02, 9]),
            (Av1, &[0x10, 9], &[0x10, 9]),
            (H264, &[0x65, 9], &[0x65, 9]),
        ] {
            assert_eq!(with(codec, before).as_deref(), Some(after), "{before:x?}");
        }
        assert_eq!(with(Vp8, &[]), None);
        assert_eq!(with(Vp8, &[0x90]), None);
        assert_eq!(with(Vp8, &[0x90, 0x80]), None);
    }

    #[test]
    fn a_slots_numbers_go_on_over_a_switch_and_what_is_left_out() {
        let mut slot = Numbering::default();
        let mut next = |id, base| {
            let PictureNumbers { id, base } = slot.next(numbers(id, base));
            (id, base.map(|base| base.index))
        };
        assert_eq!(next(0x7ffe, Some((255, true))), (0x7ffe, Some(255)), "as they are");
        assert_eq!(next(0x7fff, Some((255, false))), (0x7fff, Some(255)));
        assert_eq!(next(1, Some((0, true))), (0, Some(0)), "one before was left out");
        assert_eq!(next(700, None), (1, None), "another source, without layers");
        assert_eq!(next(9, Some((40, true))), (2, Some(1)), "a third one");
        assert_eq!(next(10, Some((40, false))), (3, Some(1)));
    }

    proptest! {
        #[test]
        fn whatever_comes_has_the_numbers_that_it_was_given(
            bytes in prop::collection::vec(any::<u8>(), 0..24), id in 0u16..0x8000, index: u8,
        ) {
            for codec in VideoCodec::ALL {
                let Some(long) = with_picture_id(codec, &bytes, id) else { continue };
                prop_assert!(long.len() <= bytes.len() + 3);
                let put = put(codec, &long, numbers(id, Some((index, true))));
                prop_assert_eq!(put.len(), long.len());
                if let Some(read) = PictureNumbers::of(codec, &put) {
                    prop_assert_eq!(read.id, id);
                    prop_assert!(read.base.is_none_or(|base| base.index == index));
                }
            }
        }
    }
}
