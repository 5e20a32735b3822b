//! Any bytes as record batches, from a producer, from a leader, and on their way through compaction; and how the bytes of a
//! fuzzer are taken apart. Tests only.

use bytes::{Bytes, BytesMut};

use super::{
    BatchHeader, BatchLimits, Filtered, emptied_batch, filter_batch, records, stamp_leader, validate_batch,
    validate_replica_batches, visit_records,
};
use crate::types::{LeaderEpoch, Offset};

const LIMITS: BatchLimits =
    BatchLimits { batch_bytes_max: 1 << 20, inflated_bytes_max: 4 << 20, record_count_max: 10_000 };

/// Reads `data` as batches.
///
/// # Panics
/// If what was found sound is not: its records cannot be read, its count is wrong, or compaction spoils it.
pub fn batches(mut data: &[u8]) {
    let form = take_byte(&mut data);
    let mut bytes = data.to_vec();
    if form & 1 == 1 {
        reseal(&mut bytes);
    }
    let bytes = Bytes::from(bytes);
    if let Ok(headers) = validate_replica_batches(&bytes, Offset::ZERO) {
        let whole: usize = headers.iter().map(BatchHeader::total_len).sum();
        assert_eq!(whole, bytes.len(), "a run of whole batches");
        let mut end = Offset::ZERO;
        for header in headers {
            assert!(header.base_offset >= end && header.last_offset() >= header.base_offset, "{header:?}");
            end = header.next_offset();
        }
    }
    // Light look-ups on what was never checked: read or refused.
    let _ = records(&bytes, &LIMITS);
    if validate_batch(&bytes, &LIMITS).is_ok() {
        // A leader gives it its place before anybody else reads it.
        let mut placed = BytesMut::from(&bytes[..]);
        stamp_leader(&mut placed, Offset::ZERO, LeaderEpoch(1));
        sound(&placed.freeze(), form);
    }
}

fn sound(batch: &Bytes, form: u8) {
    let header = BatchHeader::read(batch).expect("it was read before");
    let read = records(batch, &LIMITS).expect("the records of a valid batch are read");
    assert_eq!(i32::try_from(read.len()).ok(), Some(header.record_count));
    let mut seen = 0;
    let all = visit_records(batch, LIMITS.inflated_bytes_max, |_| {
        seen += 1;
        true
    });
    assert!(matches!(all, Ok(true)) && seen == read.len(), "{all:?}");
    let keep = |offset: Offset| (offset.0 + i64::from(form >> 1)) % 2 == 0;
    let filtered = filter_batch(batch, LIMITS.inflated_bytes_max, 7, |record| keep(record.offset));
    let kept = read.iter().filter(|record| keep(record.offset)).count();
    match filtered.expect("a valid batch is filtered") {
        Filtered::Whole => assert_eq!(kept, read.len()),
        Filtered::Nothing => assert_eq!(kept, 0),
        Filtered::Rebuilt(rebuilt) => is_sound_copy(rebuilt, kept),
    }
    is_sound_copy(emptied_batch(&header, batch), 0);
}

/// What compaction writes must pass for a replica's batch, and be readable.
fn is_sound_copy(batch: BytesMut, count: usize) {
    let batch = batch.freeze();
    let checked = validate_replica_batches(&batch, Offset(i64::MIN));
    assert!(checked.is_ok(), "what compaction leaves: {checked:?}");
    assert_eq!(records(&batch, &LIMITS).map(|records| records.len()), Ok(count));
}

/// The next byte, or zero.
pub(crate) fn take_byte(data: &mut &[u8]) -> u8 {
    data.split_off_first().copied().unwrap_or(0)
}

/// The next part: two bytes say how long it is, the rest is cut short where the data ends.
pub(crate) fn take_part<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let len = usize::from(u16::from_le_bytes([take_byte(data), take_byte(data)]));
    data.split_off(..len.min(data.len())).unwrap_or_default()
}

/// Puts right the lengths and checksums of the batches in `bytes`, as far as they can be followed.
pub(crate) fn reseal(bytes: &mut [u8]) {
    const LENGTH_AT: usize = 8;
    const CRC_AT: usize = 17;
    const CHECKED_FROM: usize = 21;
    let mut at = 0;
    while bytes.len() - at >= 61 {
        let said =
            i32::from_be_bytes(bytes[at + LENGTH_AT..at + LENGTH_AT + 4].try_into().unwrap_or_default());
        let left = bytes.len() - at;
        let len = usize::try_from(said).map_or(left, |said| said.saturating_add(12)).clamp(61, left);
        let body = i32::try_from(len - 12).unwrap_or(i32::MAX);
        bytes[at + LENGTH_AT..at + LENGTH_AT + 4].copy_from_slice(&body.to_be_bytes());
        bytes[at + 16] = 2; // the magic of a batch
        let crc = crc32c::crc32c(&bytes[at + CHECKED_FROM..at + len]);
        bytes[at + CRC_AT..at + CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        at += len;
    }
}
