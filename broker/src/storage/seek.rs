//! Finding batches in a segment: by offset, by timestamp, and a run of them that fits.
//!
//! The tail is found in memory: where appends began is remembered. Elsewhere an index entry gives a place at or before,
//! and a few headers are read from there. An entry that does not fit the file is passed over for a walk from the start.

use std::sync::Arc;

use super::StorageError;
use super::disk::{Disk, DiskFile};
use super::index::OffsetEntry;
use super::segment::{Place, Segment};
use super::slice::LogSlice;
use super::walk::{Halt, Walk};
use crate::record::BatchHeader;
use crate::types::Offset;

/// How close to the end of the active segment bytes are most likely still in the page cache.
const RECENT_BYTES: u64 = 8 << 20;

impl Segment {
    /// The first batch that ends beyond `offset`: the one that holds it, or the next. `None` beyond the last.
    pub(super) fn locate(&self, disk: &Disk, offset: Offset) -> Result<Option<Place>, StorageError> {
        if let Ok(at) = self.boundaries.binary_search_by_key(&offset, |place| place.base) {
            return Ok(Some(self.boundaries[at]));
        }
        if offset >= self.end {
            return Ok(None);
        }
        let file = self.file(disk)?;
        let found = self.find(disk, &file, offset, |batch| batch.last_offset() >= offset)?;
        Ok(found.map(|(position, batch)| Place { base: batch.base_offset, position }))
    }

    /// The first batch from around `near` on that satisfies `wanted`; it must not lie before the one that holds `near`.
    fn find(
        &self,
        disk: &Disk,
        file: &DiskFile,
        near: Offset,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, StorageError> {
        let relative = near.since(self.base);
        let floor = self.offsets.floor(disk, |entry| i64::from(entry.relative) <= relative);
        let floor = floor.map_err(|error| self.failed("read an index of", error))?;
        match self.walk_from(file, floor, &wanted) {
            Err(Halt::Bad(..)) if floor.is_some() => {
                tracing::warn!(segment = %self.path().display(), "the index does not fit the log; reading without it");
                self.walk_from(file, None, &wanted)
            }
            other => other,
        }
        .map_err(|halt| match halt {
            Halt::Io(error) => self.failed("read", error),
            Halt::Bad(at, error) => self.corrupt(at, &error),
        })
    }

    fn walk_from(
        &self,
        file: &DiskFile,
        floor: Option<OffsetEntry>,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, Halt> {
        let start = floor.map_or(0, |entry| u64::from(entry.position));
        if floor.is_some() && start >= self.bytes {
            return Err(Halt::misplaced(start));
        }
        let mut walk = Walk::headers(file, start, self.bytes);
        while let Some((position, batch)) = walk.next()? {
            let expected = floor.filter(|_| position == start).map(|entry| i64::from(entry.relative));
            if expected.is_some_and(|relative| batch.last_offset() != self.base.plus(relative)) {
                return Err(Halt::misplaced(start));
            }
            if wanted(&batch) {
                return Ok(Some((position, batch)));
            }
        }
        Ok(None)
    }

    /// Whole batches from the one that holds `from`, all below `upper`, of at most `bytes_max` but at least one.
    /// `None` if no batch from `from` on lies below `upper` here.
    pub(super) fn slice(
        &self,
        disk: &Disk,
        from: Offset,
        upper: Offset,
        bytes_max: usize,
    ) -> Result<Option<LogSlice>, StorageError> {
        let Some(start) = self.locate(disk, from)? else { return Ok(None) };
        let end = Place { base: self.end, position: self.bytes };
        let stop = if upper >= self.end { end } else { self.locate(disk, upper)?.unwrap_or(end) };
        if stop.position <= start.position {
            return Ok(None);
        }
        let file = self.file(disk)?;
        let limit = start.position + bytes_max as u64;
        let stop = if stop.position <= limit { stop } else { self.last_stop(disk, &file, start, limit)? };
        let recent = self.bytes - start.position <= RECENT_BYTES;
        let len = usize::try_from(stop.position - start.position).unwrap_or(usize::MAX);
        // A gap may reach over the bound; what comes after it is no reader's business yet.
        Ok(Some(LogSlice::new(file, start, len, stop.base.min(upper), recent)))
    }

    /// The last place up to `limit` where a batch begins, after `start`; after the first batch at the earliest.
    fn last_stop(
        &self,
        disk: &Disk,
        file: &Arc<DiskFile>,
        start: Place,
        limit: u64,
    ) -> Result<Place, StorageError> {
        let remembered = self.boundaries.partition_point(|place| place.position <= limit);
        if let Some(place) = remembered.checked_sub(1).map(|at| self.boundaries[at])
            && place.position > start.position
        {
            return Ok(place);
        }
        let indexed = self.offsets.floor(disk, |entry| u64::from(entry.position) <= limit);
        let indexed = indexed.map_err(|error| self.failed("read an index of", error))?;
        if let Some(entry) = indexed.filter(|entry| u64::from(entry.position) > start.position)
            && let Ok(Some((position, batch))) = self.walk_from(file, Some(entry), |_| true)
        {
            return Ok(Place { base: batch.base_offset, position });
        }
        let mut walk = Walk::headers(file, start.position, self.bytes);
        let mut stop = start;
        while let Some((position, batch)) = walk.next().map_err(|halt| self.halted(halt))? {
            let end = position + batch.total_len() as u64;
            if end > limit && stop.position > start.position {
                break;
            }
            stop = Place { base: batch.next_offset(), position: end };
            if end >= limit {
                break;
            }
        }
        Ok(stop)
    }

    /// The first batch at or after `from` whose greatest timestamp is `timestamp_ms` or more.
    pub(super) fn batch_at_time(
        &self,
        disk: &Disk,
        timestamp_ms: i64,
        from: Offset,
    ) -> Result<Option<(u64, BatchHeader)>, StorageError> {
        if self.bytes == 0 {
            return Ok(None);
        }
        let earlier = self.times.floor(disk, |entry| entry.timestamp_ms < timestamp_ms);
        let earlier = earlier.map_err(|error| self.failed("read an index of", error))?;
        let after = earlier.map_or(self.base, |entry| self.base.plus(i64::from(entry.relative)));
        let file = self.file(disk)?;
        let wanted =
            |batch: &BatchHeader| batch.last_offset() >= from && batch.max_timestamp_ms >= timestamp_ms;
        self.find(disk, &file, after.max(from), wanted)
    }

    pub(super) fn halted(&self, halt: Halt) -> StorageError {
        match halt {
            Halt::Io(error) => self.failed("read", error),
            Halt::Bad(at, error) => self.corrupt(at, &error),
        }
    }
}
