//! Which offset holds the last record of each key, in bounded memory. Pure.
//!
//! Not the keys are kept but 128 bits of a hash of each, and an offset: 24 bytes, in an open table that is filled to nine
//! tenths. Two keys that hashed alike would pass for one, and one of them would be lost; so the hash is keyed anew for
//! every map, and whoever chooses keys cannot choose two that collide.
//!
//! *Invariant:* nothing is allocated after the map was made.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::types::Offset;

/// Bytes that one key takes.
pub(super) const ENTRY_BYTES: usize = size_of::<Slot>();
/// The least number of places, so that every map holds some keys.
const SLOTS_MIN: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: [u64; 2],
    offset: Offset,
}

const EMPTY: Slot = Slot { hash: [0; 2], offset: Offset(-1) };

/// The map of one run.
#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    used: usize,
    used_max: usize,
    hashers: [RandomState; 2],
    /// One past the last offset that the map knows about.
    end: Offset,
}

impl OffsetMap {
    /// A map for up to `keys` keys, within `bytes_max`.
    pub(super) fn new(keys: usize, bytes_max: usize) -> Self {
        let wanted = keys.saturating_add(keys / 8 + 1);
        let slots = wanted.min(bytes_max / ENTRY_BYTES).max(SLOTS_MIN);
        Self {
            slots: vec![EMPTY; slots],
            used: 0,
            used_max: slots * 9 / 10,
            hashers: [RandomState::new(), RandomState::new()],
            end: Offset(-1),
        }
    }

    /// Notes that the record at `offset` has this key. `false`: the map is full, and knows nothing of this offset.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let (at, hash) = self.find(key);
        let slot = &mut self.slots[at];
        if slot.offset < Offset::ZERO {
            if self.used == self.used_max {
                return false;
            }
            self.used += 1;
        }
        *slot = Slot { hash, offset };
        self.reach(offset.next());
        true
    }

    /// All records below `end` have been seen.
    pub(super) fn reach(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// One past the last offset that the map knows about.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// The offset of the key's last record.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        let (at, _) = self.find(key);
        Some(self.slots[at].offset).filter(|offset| *offset >= Offset::ZERO)
    }

    /// Where the key is, or would be.
    fn find(&self, key: &[u8]) -> (usize, [u64; 2]) {
        let hash = [0, 1].map(|n: usize| {
            let mut hasher = self.hashers[n].build_hasher();
            hasher.write(key);
            hasher.finish()
        });
        let len = self.slots.len();
        // The remainder is smaller than a length that is a `usize`.
        let mut at = (hash[0] % len as u64) as usize;
        loop {
            let slot = &self.slots[at];
            if slot.offset < Offset::ZERO || slot.hash == hash {
                return (at, hash);
            }
            at = if at + 1 == len { 0 } else { at + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_of_each_key_is_found() {
        let mut map = OffsetMap::new(1_000, usize::MAX);
        for offset in 0..3_000_i64 {
            assert!(map.put(&(offset % 1_000).to_be_bytes(), Offset(offset)));
        }
        for key in 0..1_000_i64 {
            assert_eq!(map.get(&key.to_be_bytes()), Some(Offset(2_000 + key)));
        }
        assert_eq!((map.get(b"unknown"), map.end()), (None, Offset(3_000)));
    }

    #[test]
    fn a_full_map_refuses_new_keys_and_takes_known_ones() {
        let mut map = OffsetMap::new(usize::MAX / 2, 100 * ENTRY_BYTES);
        let held = (0..1_000_i64).take_while(|key| map.put(&key.to_be_bytes(), Offset(*key))).count();
        assert_eq!((held, map.end()), (90, Offset(90)));
        assert!(map.put(&5_i64.to_be_bytes(), Offset(2_000)));
        assert_eq!(map.get(&5_i64.to_be_bytes()), Some(Offset(2_000)));
        assert_eq!(map.get(&90_i64.to_be_bytes()), None);
    }

    #[test]
    fn the_smallest_map_holds_a_key() {
        assert!(OffsetMap::new(0, 0).put(b"key", Offset(7)));
    }
}
