//! A state in 64 bits, by which the search knows whether it has been there.
//!
//! Ten million states collide with a probability of three in a million; a collision hides a state and invents nothing.

use std::hash::{Hash, Hasher};

/// Folds each number in by a multiplication of 64 by 64 bits, of which both halves count.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint(u64);

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;

impl Fingerprint {
    /// A print to fold values into.
    pub(super) fn begin() -> Self {
        Self(SEED)
    }

    /// Of one value.
    pub(super) fn of(value: &impl Hash) -> u64 {
        let mut hasher = Self(SEED);
        value.hash(&mut hasher);
        hasher.finish()
    }

    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(FACTOR));
        self.0 = (product as u64) ^ ((product >> 64) as u64).rotate_left(29) ^ SEED;
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        let mut last = self.clone();
        last.fold(FACTOR);
        last.fold(SEED);
        last.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.fold(u64::from_le_bytes(word));
        }
        self.fold(bytes.len() as u64);
    }

    fn write_u8(&mut self, word: u8) {
        self.fold(u64::from(word));
    }

    fn write_i32(&mut self, word: i32) {
        self.fold(u64::from(word.cast_unsigned()));
    }

    fn write_u32(&mut self, word: u32) {
        self.fold(u64::from(word));
    }

    fn write_i64(&mut self, word: i64) {
        self.fold(word.cast_unsigned());
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.fold(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.fold(word.cast_unsigned() as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn small_numbers_in_any_order_have_prints_of_their_own() {
        let mut prints = HashSet::new();
        for a in 0..100_i64 {
            for b in 0..100_i32 {
                for c in 0..100_u8 {
                    prints.insert(Fingerprint::of(&(a, b, c)));
                }
            }
        }
        assert_eq!(prints.len(), 1_000_000);
    }
}
