//! Moving the log's start: whole segments go, from the oldest on.
//!
//! The rules are in [`super::retention`]. A segment's files are renamed here and deleted later, so that neither appends
//! nor fetches wait for a large file to be unlinked; readers hold their files open.
//!
//! *Invariant:* the start only rises, but for [`Log::truncate_to`] and [`Log::restart_at`].

use super::retention::{Expiry, SegmentFacts, expired};
use super::{Log, LogOptions, StorageError};
use crate::types::Offset;

/// A segment that retention or a new log start took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedSegment {
    /// The offset in its name.
    pub base_offset: Offset,
    /// One past its last record.
    pub end_offset: Offset,
    /// How large it was.
    pub bytes: u64,
    /// Why it went.
    pub reason: &'static str,
}

impl Log {
    /// Moves the log's start up to `start`; whole segments below it go. A `start` below the present one does nothing.
    ///
    /// # Errors
    /// [`StorageError::OffsetOutOfRange`] beyond the end; what the disk said.
    pub fn advance_start(&mut self, start: Offset) -> Result<(), StorageError> {
        self.writable()?;
        let end = self.end_offset();
        if start > end {
            return Err(StorageError::OffsetOutOfRange { asked: start, start: self.start, end });
        }
        if start <= self.start {
            return Ok(());
        }
        self.set_start(start);
        let never = LogOptions { retention_ms: None, retention_bytes: None, ..self.options.clone() };
        self.expire(&never, end, self.active().touched_ms)?;
        self.trim_epochs();
        Ok(())
    }

    /// Deletes whole segments below `upper` that are too old or too many. Only a leader decides this.
    ///
    /// # Errors
    /// What the disk said. What went before stays gone.
    pub fn apply_retention(
        &mut self,
        now_ms: i64,
        upper: Offset,
    ) -> Result<Vec<DeletedSegment>, StorageError> {
        self.writable()?;
        self.producers.expire(now_ms, self.options.producer_id_expiration_ms);
        let options = self.options.clone();
        let deleted = self.expire(&options, upper, now_ms)?;
        self.trim_epochs();
        Ok(deleted)
    }

    fn expire(
        &mut self,
        options: &LogOptions,
        upper: Offset,
        now_ms: i64,
    ) -> Result<Vec<DeletedSegment>, StorageError> {
        let facts = self.facts()?;
        let reasons = expired(&facts, self.start, upper, now_ms, options);
        if !reasons.is_empty() && reasons.len() == self.segments.len() {
            self.roll(self.end_offset(), now_ms)?;
        }
        let mut deleted = Vec::with_capacity(reasons.len());
        for reason in reasons {
            deleted.push(self.drop_head(reason)?);
        }
        if let Some(last) = deleted.last() {
            let (segments, to) = (deleted.len(), last.end_offset);
            tracing::debug!(partition = %self.tp, segments, %to, reason = last.reason, "deleted segments");
        }
        Ok(deleted)
    }

    /// What the rules of retention and compaction look at.
    pub(super) fn facts(&mut self) -> Result<Vec<SegmentFacts>, StorageError> {
        let mut facts = Vec::with_capacity(self.segments.len());
        for segment in &mut self.segments {
            let newest = segment.learn_newest(&self.disk).map_err(|error| segment.failed("read", error))?;
            let newest_ms = newest.map_or(segment.touched_ms, |newest| newest.timestamp_ms);
            facts.push(SegmentFacts {
                base: segment.base,
                end: segment.end,
                bytes: segment.bytes,
                newest_ms,
            });
        }
        Ok(facts)
    }

    fn drop_head(&mut self, reason: Expiry) -> Result<DeletedSegment, StorageError> {
        self.throw(&self.segments[0])?;
        let segment = self.segments.remove(0);
        self.unflushed.retain(|unflushed| unflushed.end > segment.end);
        self.set_start(self.start.max(segment.end));
        let snapshots: Vec<Offset> = self.snapshots.range(..segment.end).copied().collect();
        self.drop_snapshots(&snapshots);
        Ok(DeletedSegment {
            base_offset: segment.base,
            end_offset: segment.end,
            bytes: segment.bytes,
            reason: reason.reason(),
        })
    }

    fn trim_epochs(&mut self) {
        if self.epochs.advance_start(self.start) {
            self.epochs_version += 1;
        }
    }
}
