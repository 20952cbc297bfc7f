//! Ids, initialization vectors and jitter out of one seed.

use sha2::{Digest, Sha256};

/// What ids consist of.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// SHA-256 in counter mode: session ids are what tells a viewer's answer from a stranger's, so
/// they must not be guessed from others.
pub(super) struct Chance {
    seed: [u8; 32],
    count: u64,
}

impl Chance {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    /// The next 16 bytes.
    pub fn bytes(&mut self) -> [u8; 16] {
        self.count = self.count.wrapping_add(1);
        let block: [u8; 32] = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.count.to_be_bytes())
            .finalize()
            .into();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        bytes
    }

    /// An id of `length` letters and digits.
    pub fn id(&mut self, length: usize) -> String {
        let mut id = String::with_capacity(length);
        while id.len() < length {
            // 62 * 4 = 248: what is above would favour the first letters.
            let letters = self.bytes().into_iter().filter(|byte| *byte < 248);
            let letters = letters.filter_map(|byte| ALPHABET.get(usize::from(byte) % 62));
            id.extend(letters.take(length - id.len()).map(|letter| char::from(*letter)));
        }
        id
    }

    /// A number below 2^32.
    pub fn number(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_no_id_comes_twice() {
        let draw = |seed| {
            let mut chance = Chance::new([seed; 32]);
            (0..100).map(|_| chance.id(10)).collect::<Vec<_>>()
        };
        let mut ids = draw(1);
        assert_eq!(ids, draw(1));
        ids.extend(draw(2));
        assert!(
            ids.iter().all(|id| id.len() == 10 && id.chars().all(|c| c.is_ascii_alphanumeric()))
        );
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 200);
    }
}
