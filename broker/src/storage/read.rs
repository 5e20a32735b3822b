//! Finding what to read: by offset and by time.

use super::slice::LogSlice;
use super::{Log, StorageError};
use crate::record::{BatchHeader, BatchLimits, records};
use crate::types::Offset;

/// What a compressed batch may inflate to while a timestamp is looked for in it.
const INFLATED_BYTES_MAX: usize = 256 << 20;

impl Log {
    /// Finds whole batches from the one that holds `from` up to `upper`, at most `max_bytes` but at least one batch.
    /// Nothing is read but a few headers; usually, at the tail, not even those.
    ///
    /// # Errors
    /// [`StorageError::OffsetOutOfRange`] if `from` is below the start or beyond the end.
    pub fn slice(&self, from: Offset, upper: Offset, max_bytes: usize) -> Result<LogSlice, StorageError> {
        let end = self.end_offset();
        if from < self.start || from > end {
            return Err(StorageError::OffsetOutOfRange { asked: from, start: self.start, end });
        }
        let upper = upper.min(end);
        if from >= upper {
            return Ok(LogSlice::empty(from));
        }
        let first = self.segment_of(from);
        for segment in self.segments[first..].iter().take_while(|segment| segment.base < upper) {
            if let Some(slice) = segment.slice(&self.disk, from, upper, max_bytes)? {
                return Ok(slice);
            }
        }
        Ok(LogSlice::empty(from))
    }

    /// The index of the segment that holds `offset`, or would.
    pub(super) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// The first record at or after `timestamp_ms` and below `upper`: its offset and its time.
    ///
    /// # Errors
    /// What the disk said.
    pub fn find_timestamp(
        &self,
        timestamp_ms: i64,
        upper: Offset,
    ) -> Result<Option<(Offset, i64)>, StorageError> {
        let upper = upper.min(self.end_offset());
        for segment in self.segments[self.segment_of(self.start)..].iter().filter(|segment| segment.bytes > 0)
        {
            if segment.base >= upper {
                break;
            }
            let newest = segment.newest(&self.disk).map_err(|error| segment.failed("read", error))?;
            if newest.is_none_or(|newest| newest.timestamp_ms < timestamp_ms) {
                continue;
            }
            let mut from = self.start.max(segment.base);
            while let Some((position, batch)) = segment.batch_at_time(&self.disk, timestamp_ms, from)? {
                if batch.base_offset >= upper {
                    return Ok(None);
                }
                let len = batch.total_len();
                let file = segment.file(&self.disk)?;
                let bytes = file.read_vec(position, len).map_err(|error| segment.failed("read", error))?;
                if let Some(found) = self.first_at_time(&batch, bytes, timestamp_ms)? {
                    return Ok(Some(found).filter(|(offset, _)| *offset < upper));
                }
                from = batch.next_offset();
            }
        }
        Ok(None)
    }

    fn first_at_time(
        &self,
        batch: &BatchHeader,
        bytes: Vec<u8>,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>, StorageError> {
        if batch.record_count == 0 {
            return Ok(None);
        }
        if batch.uses_log_append_time() {
            return Ok(Some((batch.base_offset.max(self.start), batch.max_timestamp_ms)));
        }
        let limits = BatchLimits {
            batch_bytes_max: bytes.len(),
            inflated_bytes_max: INFLATED_BYTES_MAX,
            record_count_max: usize::try_from(batch.record_count).unwrap_or(0),
        };
        let records = records(&bytes.into(), &limits)?;
        let wanted = |record: &crate::record::Record| {
            record.timestamp_ms >= timestamp_ms && record.offset >= self.start
        };
        Ok(records.into_iter().find(wanted).map(|record| (record.offset, record.timestamp_ms)))
    }

    /// The greatest timestamp in the log, and the last offset of the batch that holds it.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<(Offset, i64)> {
        let newest = self.segments.iter().filter_map(|segment| segment.newest(&self.disk).ok().flatten());
        let newest =
            newest.reduce(|best, next| if next.timestamp_ms > best.timestamp_ms { next } else { best });
        newest.map(|newest| (newest.offset, newest.timestamp_ms))
    }
}
