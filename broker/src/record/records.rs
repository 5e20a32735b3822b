//! The records of a batch, decoded one by one.
//!
//! It reads batches that lie in a log, so it allows what compaction leaves: offsets with gaps.

use std::borrow::Cow;

use bytes::Bytes;

use super::compression::decompress;
use super::framing::{RECORD_LEN_MIN, RawRecord, read_header, read_record};
use super::header::HEADER_LEN;
use super::varint::{Cursor, Reason};
use super::{BatchHeader, BatchLimits, RecordError};
use crate::types::Offset;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub offset: Offset,
    /// When it was made, or appended.
    pub timestamp_ms: i64,
    /// What it is about, if anything.
    pub key: Option<Bytes>,
    /// What it says; none is a tombstone.
    pub value: Option<Bytes>,
    /// Named values beside it, in the producer's order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Decodes all records of the batch at the start of `batch`; slices of it where it is not compressed.
///
/// # Errors
/// The first thing found wrong; the CRC is not computed again.
pub fn records(batch: &Bytes, limits: &BatchLimits) -> Result<Vec<Record>, RecordError> {
    let header = BatchHeader::read(batch)?;
    let needed = header.total_len();
    let Some(packed) = batch.get(HEADER_LEN..needed) else {
        return Err(RecordError::Truncated { needed, have: batch.len() });
    };
    let body = match decompress(header.compression()?, packed, limits.inflated_bytes_max)? {
        Cow::Borrowed(same) => batch.slice_ref(same),
        Cow::Owned(inflated) => Bytes::from(inflated),
    };
    let count = usize::try_from(header.record_count).unwrap_or(0);
    let mut records = Vec::with_capacity(count.min(body.len() / RECORD_LEN_MIN));
    let mut cursor = Cursor::new(&body);
    let mut least_delta = 0;
    for index in 0..count {
        let raw = read_record(&mut cursor).map_err(|reason| RecordError::BadRecord { index, reason })?;
        if raw.offset_delta < least_delta || raw.offset_delta > header.last_offset_delta {
            let reason = "its offset delta does not follow the one before, or is beyond the batch's last";
            return Err(RecordError::BadRecord { index, reason });
        }
        least_delta = raw.offset_delta.saturating_add(1);
        let record =
            decode(&header, &body, raw).map_err(|reason| RecordError::BadRecord { index, reason })?;
        records.push(record);
    }
    if cursor.remaining() == 0 {
        Ok(records)
    } else {
        Err(RecordError::BadCount {
            record_count: header.record_count,
            last_offset_delta: header.last_offset_delta,
            found: header.record_count,
        })
    }
}

fn decode(header: &BatchHeader, body: &Bytes, mut raw: RawRecord<'_>) -> Result<Record, Reason> {
    let timestamp_ms = if header.uses_log_append_time() {
        header.max_timestamp_ms
    } else {
        header.base_timestamp_ms.wrapping_add(raw.timestamp_delta)
    };
    // A header takes two bytes or more, so a count that lies reserves no more than the record's own size.
    let mut headers = Vec::with_capacity(raw.header_count.min(raw.headers.remaining() / 2));
    for _ in 0..raw.header_count {
        let (name, value) = read_header(&mut raw.headers)?;
        headers.push((String::from_utf8_lossy(name).into_owned(), value.map(|value| body.slice_ref(value))));
    }
    raw.check_end()?;
    Ok(Record {
        offset: header.base_offset.plus(i64::from(raw.offset_delta)),
        timestamp_ms,
        key: raw.key.map(|key| body.slice_ref(key)),
        value: raw.value.map(|value| body.slice_ref(value)),
        headers,
    })
}
