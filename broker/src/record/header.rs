//! The 61 bytes at the head of a batch: reading them, splitting batches, patching what a leader patches.
//!
//! It does not look at records; a header that reads well may head a damaged batch.

use super::{Compression, RecordError};
use crate::types::{LeaderEpoch, Offset};

/// Length of the header.
pub const HEADER_LEN: usize = 61;

/// The least that a batch can have: a header and no records.
pub const MIN_BATCH_LEN: usize = HEADER_LEN;

/// Marks producer ids whose sequence counts requests and not records (the exactly-once produce of plain HTTP).
pub const REQUEST_SEQUENCED: i64 = 1 << 62;

/// Bytes before those that the batch length counts: base offset and batch length.
pub(super) const LENGTH_OVERHEAD: usize = 12;
const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
/// Where the bytes begin that the CRC covers.
pub(super) const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

pub(super) const MAGIC: i8 = 2;
pub(super) const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
pub(super) const DELETE_HORIZON: i16 = 0x40;

/// The header of one batch, every field as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// As on the wire: bytes after the length field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// Format; 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Compression and flags.
    pub attributes: i16,
    /// Offset of the last record, from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from.
    pub base_timestamp_ms: i64,
    /// The greatest timestamp, or the time of appending.
    pub max_timestamp_ms: i64,
    /// Producer id; -1 without one.
    pub producer_id: i64,
    /// Producer epoch; -1 without one.
    pub producer_epoch: i16,
    /// Sequence of the first record; -1 without one.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the rest of the batch need not be there.
    ///
    /// # Errors
    /// `BadMagic`, also for older formats, which are shorter but have the magic byte in the same place; `Truncated` with
    /// fewer than 61 bytes; `BadLength` for a batch smaller than its header.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let Some(head) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(match bytes.get(MAGIC_AT).copied().map(u8::cast_signed) {
                Some(magic) if magic != MAGIC => RecordError::BadMagic(magic),
                _ => RecordError::Truncated { needed: HEADER_LEN, have: bytes.len() },
            });
        };
        let header = Self {
            base_offset: Offset(i64::from_be_bytes(field(head, 0))),
            batch_length: i32::from_be_bytes(field(head, 8)),
            leader_epoch: LeaderEpoch(i32::from_be_bytes(field(head, LEADER_EPOCH_AT))),
            magic: i8::from_be_bytes(field(head, MAGIC_AT)),
            crc: u32::from_be_bytes(field(head, CRC_AT)),
            attributes: i16::from_be_bytes(field(head, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp_ms: i64::from_be_bytes(field(head, 27)),
            max_timestamp_ms: i64::from_be_bytes(field(head, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            record_count: i32::from_be_bytes(field(head, 57)),
        };
        if header.magic != MAGIC {
            return Err(RecordError::BadMagic(header.magic));
        }
        let least = MIN_BATCH_LEN - LENGTH_OVERHEAD;
        if usize::try_from(header.batch_length).is_ok_and(|length| length >= least) {
            Ok(header)
        } else {
            Err(RecordError::BadLength(header.batch_length))
        }
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn total_len(&self) -> usize {
        LENGTH_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// Offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// `UnknownCompression` for a codec that does not exist.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        Compression::from_code(self.attributes & CODEC_MASK)
    }

    /// Whether the batch holds marks of transactions and not a user's records.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether every record's time is the time of appending.
    #[must_use]
    pub fn uses_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// From when on the tombstones in the batch may go, once compaction has said so; the base timestamp then.
    #[must_use]
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp_ms)
    }

    /// Whether an idempotent producer sent the batch.
    #[must_use]
    pub fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// Whether the producer counts requests and not records: its id has the bit of [`REQUEST_SEQUENCED`].
    #[must_use]
    pub fn is_request_sequenced(&self) -> bool {
        self.has_producer() && self.producer_id & REQUEST_SEQUENCED != 0
    }

    /// How many sequence numbers the batch takes: one per record that it was sent with, however many of them compaction
    /// has left, or one in all if it is request-sequenced.
    #[must_use]
    pub fn sequence_span(&self) -> i32 {
        if self.is_request_sequenced() { 1 } else { self.last_offset_delta.saturating_add(1) }
    }

    /// The last sequence number that the batch takes; wraps to zero after the greatest `i32`, as in Kafka.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        let last =
            (i64::from(self.base_sequence) + i64::from(self.sequence_span()) - 1) & i64::from(i32::MAX);
        i32::try_from(last).expect("masked to 31 bits")
    }
}

/// Splits the first whole batch off `bytes`: its header and its bytes. `None` if fewer bytes than one batch remain.
///
/// # Errors
/// `BadMagic` or `BadLength` as soon as a header is there.
#[inline]
pub fn next_batch(bytes: &[u8]) -> Result<Option<(BatchHeader, &[u8])>, RecordError> {
    if bytes.len() < HEADER_LEN {
        return Ok(None);
    }
    let header = BatchHeader::read(bytes)?;
    Ok(bytes.get(..header.total_len()).map(|batch| (header, batch)))
}

/// Patches base offset and leader epoch in place; both lie outside the CRC. `batch` begins with a whole header.
pub fn stamp_leader(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    assert!(batch.len() >= HEADER_LEN, "only a validated batch is stamped, not {} bytes", batch.len());
    batch[..8].copy_from_slice(&base_offset.0.to_be_bytes());
    batch[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.0.to_be_bytes());
}

/// Makes `timestamp_ms` the time of all records and computes the CRC anew. `batch` is exactly one whole batch.
pub fn stamp_log_append_time(batch: &mut [u8], timestamp_ms: i64) {
    assert!(batch.len() >= HEADER_LEN, "only a validated batch is stamped, not {} bytes", batch.len());
    let [_, low] = LOG_APPEND_TIME.to_be_bytes();
    batch[ATTRIBUTES_AT + 1] |= low;
    stamp_max_timestamp(batch, timestamp_ms);
}

/// Patches the max timestamp, which some clients get wrong, and computes the CRC anew. `batch` is exactly one whole
/// batch.
pub fn stamp_max_timestamp(batch: &mut [u8], timestamp_ms: i64) {
    assert!(batch.len() >= HEADER_LEN, "only a validated batch is stamped, not {} bytes", batch.len());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&timestamp_ms.to_be_bytes());
    seal(batch);
}

/// Computes the CRC of a whole batch anew.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

/// The `N` bytes of a field.
#[inline]
fn field<const N: usize>(head: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    head[at..at + N].try_into().expect("every field lies inside the header")
}
