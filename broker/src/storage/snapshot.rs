//! The table of producers as Kafka writes it to `<offset>.snapshot`. Pure.
//!
//! ```text
//! version i16 = 1 | crc u32 (CRC-32C of what follows) | count i32 | count entries of
//!   producer id i64 | epoch i16 | last sequence i32 | last offset i64 | offset delta i32 | timestamp i64
//!   | coordinator epoch i32 = -1 | first offset of the open transaction i64 = -1
//! ```
//!
//! The timestamp is when the batch was appended, by which a producer expires; Kafka's own files say the greatest timestamp
//! of its records there.
//!
//! Kafka writes a producer's last batch only. We write up to five entries for one producer, oldest first: a reader that
//! keeps the last entry per producer, as Kafka does, reads the same as from its own file.

use bytes::{Buf, BufMut};

use super::producers::{Producers, SequencedBatch, base_sequence};
use crate::types::Offset;

const VERSION: i16 = 1;
const HEAD_LEN: usize = 2 + 4;
const ENTRY_LEN: usize = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

/// The bytes of a snapshot.
pub(super) fn encode(producers: &Producers) -> Vec<u8> {
    let all = producers.sorted();
    let count: usize = all.iter().map(|(_, producer)| producer.batches.len()).sum();
    let mut body = Vec::with_capacity(4 + count * ENTRY_LEN);
    body.put_i32(i32::try_from(count).expect("the table of producers is bounded"));
    for (id, producer) in all {
        for batch in &producer.batches {
            let last_offset = batch.end_offset.plus(-1);
            body.put_i64(id);
            body.put_i16(producer.epoch);
            body.put_i32(batch.last_sequence);
            body.put_i64(last_offset.0);
            body.put_i32(i32::try_from(last_offset.since(batch.base_offset)).unwrap_or(i32::MAX));
            body.put_i64(batch.appended_ms);
            body.put_i32(-1);
            body.put_i64(-1);
        }
    }
    let mut file = Vec::with_capacity(HEAD_LEN + body.len());
    file.put_i16(VERSION);
    file.put_u32(crc32c::crc32c(&body));
    file.extend_from_slice(&body);
    file
}

/// Reads a snapshot; `None` if it is torn, damaged, or of another version.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Producers> {
    if bytes.len() < HEAD_LEN + 4 || bytes.get_i16() != VERSION || bytes.get_u32() != crc32c::crc32c(bytes) {
        return None;
    }
    let count = usize::try_from(bytes.get_i32()).ok()?;
    if bytes.len() != count.checked_mul(ENTRY_LEN)? {
        return None;
    }
    let mut producers = Producers::default();
    for _ in 0..count {
        let id = bytes.get_i64();
        let epoch = bytes.get_i16();
        let last_sequence = bytes.get_i32();
        let last_offset = Offset(bytes.get_i64());
        let offset_delta = bytes.get_i32();
        let appended_ms = bytes.get_i64();
        bytes.advance(12);
        producers.insert(
            id,
            epoch,
            SequencedBatch {
                base_sequence: base_sequence(id, last_sequence, offset_delta),
                last_sequence,
                base_offset: last_offset.plus(-i64::from(offset_delta)),
                end_offset: last_offset.next(),
                appended_ms,
            },
        );
    }
    Some(producers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_sequence: i32, count: i32, base_offset: i64) -> SequencedBatch {
        SequencedBatch {
            base_sequence,
            last_sequence: base_sequence + count - 1,
            base_offset: Offset(base_offset),
            end_offset: Offset(base_offset + i64::from(count)),
            appended_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn a_snapshot_is_laid_out_as_in_kafka() {
        let mut producers = Producers::default();
        producers.insert(0x0102, 3, batch(10, 5, 1_000));
        let file = encode(&producers);
        assert_eq!(file.len(), HEAD_LEN + 4 + ENTRY_LEN);
        assert_eq!(file[..2], [0, 1]);
        assert_eq!(file[2..6], crc32c::crc32c(&file[6..]).to_be_bytes());
        assert_eq!(file[6..10], [0, 0, 0, 1]);
        assert_eq!(file[10..18], [0, 0, 0, 0, 0, 0, 1, 2], "producer id");
        assert_eq!(file[18..20], [0, 3], "epoch");
        assert_eq!(file[20..24], [0, 0, 0, 14], "last sequence");
        assert_eq!(file[24..32], 1_004_i64.to_be_bytes(), "last offset");
        assert_eq!(file[32..36], [0, 0, 0, 4], "offset delta");
        assert_eq!(file[36..44], 1_700_000_000_000_i64.to_be_bytes(), "timestamp");
        assert_eq!(file[44..], [0xff; 12], "no transactions");
    }

    #[test]
    fn all_remembered_batches_come_back() {
        let mut producers = Producers::default();
        for n in 0..4 {
            producers.insert(9, 2, batch(n * 3, 3, i64::from(n) * 10));
        }
        producers.insert(8, 0, batch(0, 1, 200));
        assert_eq!(decode(&encode(&producers)), Some(producers));
        assert_eq!(decode(&encode(&Producers::default())), Some(Producers::default()));
    }

    #[test]
    fn every_torn_or_flipped_snapshot_is_refused() {
        let mut producers = Producers::default();
        producers.insert(9, 2, batch(0, 3, 10));
        let file = encode(&producers);
        for len in 0..file.len() {
            assert_eq!(decode(&file[..len]), None, "cut to {len}");
        }
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 0x40;
            assert_eq!(decode(&bad), None, "flipped at {at}");
        }
    }
}
