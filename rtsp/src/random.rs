//! Numbers that only have to differ: jitter, SSRCs, client nonces. Seeded, so that a run can be
//! repeated. Nothing secret depends on them.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        let bytes = self.next_u64().to_be_bytes();
        let [a, b, c, d, ..] = bytes;
        u32::from_be_bytes([a, b, c, d])
    }

    /// A number from 0 to `most`, both included. The bias is below 2^-32 for `most` below 2^32.
    pub fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => self.next_u64() % count,
            None => self.next_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [random.next_u64(), random.next_u64()]
        };
        assert_eq!(draw(0), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn up_to_stays_in_its_range_and_reaches_both_ends() {
        let mut random = Random::new(7);
        let mut seen = [0; 4];
        for _ in 0..200 {
            seen[usize::try_from(random.up_to(3)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
        assert_eq!(random.up_to(0), 0);
        random.up_to(u64::MAX);
    }
}
