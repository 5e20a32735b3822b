//! Checking batches: fully at the door, lightly where another broker or this disk already vouched for them.
//!
//! The full check is one pass of the CRC and one walk over the records' framing, without allocation unless the records
//! are compressed. What real producers get wrong without harm is let through, as in Kafka: epoch and sequence of a batch
//! without producer id, the base offset, the leader epoch.

use super::compression::decompress;
use super::filter::visit_records;
use super::framing::read_record;
use super::header::{ATTRIBUTES_AT, HEADER_LEN};
use super::varint::Cursor;
use super::{BatchHeader, RecordError, next_batch};
use crate::types::Offset;

/// What one batch may at most be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Bytes of the whole batch as sent.
    pub batch_bytes_max: usize,
    /// Bytes of its records once decompressed.
    pub inflated_bytes_max: usize,
    /// Records in it.
    pub record_count_max: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { batch_bytes_max: 8 << 20, inflated_bytes_max: 64 << 20, record_count_max: 1 << 20 }
    }
}

/// Validates one untrusted batch that fills `bytes` exactly.
///
/// # Errors
/// The first thing found wrong. After [`RecordError::BadMaxTimestamp`] everything else is known to be right, so that
/// the caller may correct it with [`stamp_max_timestamp`](super::stamp_max_timestamp), as Kafka does.
pub fn validate_batch(bytes: &[u8], limits: &BatchLimits) -> Result<BatchHeader, RecordError> {
    if bytes.len() > limits.batch_bytes_max {
        return Err(RecordError::TooLarge { bytes: bytes.len(), limit: limits.batch_bytes_max });
    }
    let header = BatchHeader::read(bytes)?;
    let needed = header.total_len();
    if bytes.len() > needed {
        return Err(RecordError::TrailingBytes { extra: bytes.len() - needed });
    }
    check_crc(bytes, &header)?;
    check_header(&header, limits)?;
    let body = decompress(header.compression()?, &bytes[HEADER_LEN..], limits.inflated_bytes_max)?;
    let greatest = walk(&header, &body)?;
    if greatest == header.max_timestamp_ms {
        Ok(header)
    } else {
        Err(RecordError::BadMaxTimestamp { stored: header.max_timestamp_ms, computed: greatest })
    }
}

/// Light check of a run of batches received from the leader or found on disk: lengths chain, magic, CRC, and base
/// offsets that rise from `expected_base`, with gaps as compaction leaves them. A partial batch at the end is an error.
///
/// # Errors
/// The first thing found wrong.
pub fn validate_replica_batches(
    bytes: &[u8],
    expected_base: Offset,
) -> Result<Vec<BatchHeader>, RecordError> {
    let mut headers = Vec::new();
    let mut rest = bytes;
    let mut expected = expected_base;
    while !rest.is_empty() {
        let Some((header, batch)) = next_batch(rest)? else {
            let needed =
                if rest.len() < HEADER_LEN { HEADER_LEN } else { BatchHeader::read(rest)?.total_len() };
            return Err(RecordError::Truncated { needed, have: rest.len() });
        };
        check_crc(batch, &header)?;
        if header.base_offset < expected || header.base_offset < Offset::ZERO {
            return Err(RecordError::BadOffset { base_offset: header.base_offset.0, expected: expected.0 });
        }
        if header.last_offset_delta < 0 {
            return Err(bad_count(&header, 0));
        }
        expected = header.next_offset();
        headers.push(header);
        rest = &rest[batch.len()..];
    }
    Ok(headers)
}

/// Whether the batch's bytes are those that its CRC was computed of. `batch` may be followed by others.
///
/// # Errors
/// `Truncated` or `CrcMismatch`.
#[inline]
pub fn check_crc(batch: &[u8], header: &BatchHeader) -> Result<(), RecordError> {
    let needed = header.total_len();
    let Some(covered) = batch.get(ATTRIBUTES_AT..needed) else {
        return Err(RecordError::Truncated { needed, have: batch.len() });
    };
    let computed = crc32c::crc32c(covered);
    if computed == header.crc {
        Ok(())
    } else {
        Err(RecordError::CrcMismatch { stored: header.crc, computed })
    }
}

/// Whether every record of a sound batch has a key, as a compacted topic needs: without one nothing can supersede it.
///
/// # Errors
/// [`RecordError::NoKey`] names the first that has none.
pub fn check_keys(batch: &[u8], limits: &BatchLimits) -> Result<(), RecordError> {
    let mut keyed = 0;
    let all = visit_records(batch, limits.inflated_bytes_max, |record| {
        keyed += usize::from(record.key.is_some());
        record.key.is_some()
    })?;
    if all { Ok(()) } else { Err(RecordError::NoKey { index: keyed }) }
}

/// What the header alone can get wrong.
fn check_header(header: &BatchHeader, limits: &BatchLimits) -> Result<(), RecordError> {
    if header.is_control() {
        return Err(RecordError::ControlBatch);
    }
    if header.is_transactional() {
        return Err(RecordError::Transactional);
    }
    if header.uses_log_append_time() {
        return Err(RecordError::LogAppendTime);
    }
    if header.delete_horizon_ms().is_some() {
        return Err(RecordError::DeleteHorizon);
    }
    if header.record_count < 1 || header.last_offset_delta != header.record_count - 1 {
        return Err(bad_count(header, 0));
    }
    let count = usize::try_from(header.record_count).unwrap_or(usize::MAX);
    if count > limits.record_count_max {
        return Err(RecordError::TooManyRecords { count, limit: limits.record_count_max });
    }
    // Several clients without idempotence leave epoch and sequence at 0: only an id gives them a meaning.
    let fits = match header.producer_id {
        -1 => true,
        id => id >= 0 && header.producer_epoch >= 0 && header.base_sequence >= 0,
    };
    if fits {
        Ok(())
    } else {
        Err(RecordError::BadProducer {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        })
    }
}

/// Walks over all records of a batch that is one producer's; gives the greatest timestamp.
fn walk(header: &BatchHeader, body: &[u8]) -> Result<i64, RecordError> {
    let mut cursor = Cursor::new(body);
    let mut greatest = i64::MIN;
    for index in 0..header.record_count {
        if cursor.remaining() == 0 {
            return Err(bad_count(header, index));
        }
        let bad = |reason| RecordError::BadRecord { index: usize::try_from(index).unwrap_or(0), reason };
        let record = read_record(&mut cursor).map_err(bad)?;
        if record.offset_delta != index {
            return Err(bad("its offset delta is not its place in the batch"));
        }
        greatest = greatest.max(header.base_timestamp_ms.wrapping_add(record.timestamp_delta));
        record.check_headers().map_err(bad)?;
    }
    if cursor.remaining() == 0 { Ok(greatest) } else { Err(bad_count(header, header.record_count)) }
}

fn bad_count(header: &BatchHeader, found: i32) -> RecordError {
    RecordError::BadCount {
        record_count: header.record_count,
        last_offset_delta: header.last_offset_delta,
        found,
    }
}
