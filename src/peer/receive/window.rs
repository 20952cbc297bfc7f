//! Which packets of a stream came, by numbers that do not wrap (RFC 3711 sections 3.3.1 and
//! 3.3.2): each is taken once, and what is missing is known.

use std::ops::Range;

/// Numbers that are remembered, in words of 64.
const SIZE: u64 = 1024;
const WORDS: usize = 16;
/// Of one round of sequence numbers.
const ROUND: u64 = 1 << 16;

/// The newest 1024 numbers of a stream.
#[derive(Debug, Clone)]
pub struct Window {
    highest: u64,
    /// Which of those up to the highest came, in a ring.
    came: [u64; WORDS],
}

impl Window {
    /// A stream that begins with this number, which came: whoever sends it has just begun to
    /// count, so that the rounds before it are 0.
    pub fn new(first: u16) -> Self {
        let mut window = Self { highest: u64::from(first), came: [0; WORDS] };
        window.mark(window.highest, true);
        window
    }

    /// What a sequence number stands for: the nearest to the highest that came. None in front of
    /// all numbers.
    pub fn number(&self, sequence_number: u16) -> Option<u64> {
        let sequence_number = u64::from(sequence_number);
        let same_round = self.highest - self.highest % ROUND + sequence_number;
        if same_round > self.highest + ROUND / 2 {
            same_round.checked_sub(ROUND)
        } else if same_round + ROUND / 2 < self.highest {
            Some(same_round + ROUND)
        } else {
            Some(same_round)
        }
    }

    /// Whether it did not come before, as far as that is remembered.
    pub fn is_new(&self, number: u64) -> bool {
        number > self.highest || number + SIZE > self.highest && !self.has(number)
    }

    /// Takes a number; which ones were passed over to get there.
    pub fn insert(&mut self, number: u64) -> Range<u64> {
        if number <= self.highest {
            if number + SIZE > self.highest {
                self.mark(number, true);
            }
            return 0..0;
        }
        let passed_over = self.highest + 1..number;
        // What the ring held there is a round of it older.
        for old in passed_over.clone().rev().take(WORDS * 64) {
            self.mark(old, false);
        }
        self.highest = number;
        self.mark(number, true);
        passed_over
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.came.get(word).is_some_and(|word| word & bit != 0)
    }

    fn mark(&mut self, number: u64, came: bool) {
        let (word, bit) = place(number);
        if let Some(word) = self.came.get_mut(word) {
            *word = if came { *word | bit } else { *word & !bit };
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    let index = number % SIZE;
    let word = usize::try_from(index / 64).unwrap_or_default(); // below 16
    (word, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_on_over_the_wrap_and_back() {
        let mut window = Window::new(65_530);
        assert_eq!(window.number(65_529), Some(65_529));
        assert_eq!(window.number(2), Some(65_538));
        assert_eq!(window.insert(65_538), 65_531..65_538);
        assert_eq!(window.number(65_530), Some(65_530));
        assert_eq!(window.number(30_000), Some(95_536));
        // In front of the first there is nothing.
        assert_eq!(Window::new(3).number(65_535), None);
    }

    proptest! {
        /// As a set of all numbers that ever came tells.
        #[test]
        fn each_number_is_new_once(
            first: u16,
            steps in proptest::collection::vec(-1200_i64..1200, 1..400),
        ) {
            let mut window = Window::new(first);
            let mut came = BTreeSet::from([u64::from(first)]);
            let mut highest = u64::from(first);
            for step in steps {
                let Some(number) = highest.checked_add_signed(step) else { continue };
                let is_remembered = number + SIZE > highest;
                let is_new = is_remembered && !came.contains(&number);
                prop_assert_eq!(window.is_new(number), is_new);
                let [.., high, low] = number.to_be_bytes();
                prop_assert_eq!(window.number(u16::from_be_bytes([high, low])), Some(number));
                let passed_over = window.insert(number);
                let expected = if number > highest { highest + 1..number } else { 0..0 };
                prop_assert_eq!(passed_over, expected);
                came.insert(number);
                highest = highest.max(number);
            }
        }
    }
}
