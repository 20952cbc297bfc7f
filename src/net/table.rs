//! Tables that are as large as what is in them asks for, and not as they ever were: room that is
//! kept also keeps what the allocator has put beside it.

use slab::Slab;

/// Of how many places one must be taken.
const PLACES_MAX: usize = 4;
/// So many are kept in any case.
const PLACES_KEPT: usize = 16;

/// Takes an entry out.
pub(super) fn take<T>(table: &mut Slab<T>, key: usize) -> Option<T> {
    let taken = table.try_remove(key);
    if table.capacity() > PLACES_KEPT.max(table.len() * PLACES_MAX) {
        table.shrink_to_fit(); // up to the last one that is taken
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_many_is_given_back_when_they_are_gone() {
        let mut table: Slab<u32> = (0..1000).map(|entry| (entry, 7)).collect();
        for key in (1..1000).rev() {
            assert_eq!(take(&mut table, key), Some(7));
        }
        assert!(table.capacity() <= PLACES_KEPT, "{}", table.capacity());
        assert_eq!((take(&mut table, 1), table.get(0)), (None, Some(&7)));
        assert_eq!(table.insert(8), 1);
    }
}
