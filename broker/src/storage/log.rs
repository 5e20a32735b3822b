//! One partition's log: the segments in order, and what is known about the batches in them.

use bytes::{Bytes, BytesMut};

use super::{FlushJob, LogOptions, LogSlice, StorageError};
use crate::types::{LeaderEpoch, Offset, TopicId};

/// What opening a log found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the process before shut down cleanly, so that nothing was scanned.
    pub clean: bool,
    /// One past the last record.
    pub log_end: Offset,
    /// How many bytes were cut off as torn or corrupt.
    pub truncated_bytes: u64,
    /// How many bytes were read and checked.
    pub scanned_bytes: u64,
    /// Whether records that were once durable are gone: the log ends below its recovery point.
    pub lost_durable: bool,
    /// How long it took.
    pub took_ms: u64,
}

/// Where an append landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// One past the last record.
    pub end_offset: Offset,
    /// The time that the log stamped on the batches; -1 if they keep their own.
    pub append_time_ms: i64,
    /// How many bytes were written.
    pub bytes: u64,
}

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

/// The log of one partition. It has exactly one owner, who serialises all calls.
#[derive(Debug)]
pub struct Log {
    options: LogOptions,
}

impl Log {
    /// The first offset that may be read.
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        unimplemented!("storage: log")
    }

    /// One past the last record.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        unimplemented!("storage: log")
    }

    /// One past the last record that an fsync has covered.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        unimplemented!("storage: log")
    }

    /// The identity of the topic that this log belongs to.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        unimplemented!("storage: log")
    }

    /// The leader epoch of the last batch; [`LeaderEpoch::NONE`] when there is none.
    #[must_use]
    pub fn last_epoch(&self) -> LeaderEpoch {
        unimplemented!("storage: log")
    }

    /// How many bytes of batches the log holds.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        unimplemented!("storage: log")
    }

    /// The settings in force.
    #[must_use]
    pub fn options(&self) -> &LogOptions {
        &self.options
    }

    /// Puts new settings in force.
    pub fn set_options(&mut self, options: LogOptions) {
        self.options = options;
    }

    /// Appends one or more validated batches as their leader: stamps offsets and epoch, rolls, writes.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`] leaves the log as it was; other failures of a write poison it.
    pub fn append_as_leader(
        &mut self,
        _batches: BytesMut,
        _epoch: LeaderEpoch,
        _now_ms: i64,
    ) -> Result<AppendInfo, StorageError> {
        unimplemented!("storage: append")
    }

    /// Appends batches exactly as the leader holds them. They must not begin below the end; a gap is legal.
    ///
    /// # Errors
    /// As [`Log::append_as_leader`], and [`StorageError::Corrupt`] for bytes that are no whole batches in order.
    pub fn append_as_follower(&mut self, _batches: &Bytes, _now_ms: i64) -> Result<AppendInfo, StorageError> {
        unimplemented!("storage: append")
    }

    /// Finds whole batches from the one that holds `from` up to `upper`, at most `max_bytes` but at least one batch.
    ///
    /// # Errors
    /// [`StorageError::OffsetOutOfRange`] if `from` is below the start or beyond the end.
    pub fn slice(&self, _from: Offset, _upper: Offset, _max_bytes: usize) -> Result<LogSlice, StorageError> {
        unimplemented!("storage: slice")
    }

    /// What must be fsynced so that all that is appended is durable. Run it, then call [`Log::flushed`].
    #[must_use]
    pub fn flush_job(&self) -> FlushJob {
        unimplemented!("storage: flush")
    }

    /// Notes that a flush job that promised `end` has succeeded. Ignored as far as the log was truncated meanwhile.
    pub fn flushed(&mut self, _end: Offset) {
        unimplemented!("storage: flush")
    }

    /// Refuses all writes from now on.
    pub fn poison(&mut self, _reason: String) {
        unimplemented!("storage: poison")
    }

    /// Why writes are refused, if they are.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        unimplemented!("storage: poison")
    }

    /// Cuts everything from `end` on, durably.
    ///
    /// # Errors
    /// A failed cut poisons the log.
    pub fn truncate_to(&mut self, _end: Offset) -> Result<(), StorageError> {
        unimplemented!("storage: truncate")
    }

    /// Drops everything and starts anew at `start`, durably.
    ///
    /// # Errors
    /// A failed cut poisons the log.
    pub fn restart_at(&mut self, _start: Offset) -> Result<(), StorageError> {
        unimplemented!("storage: truncate")
    }

    /// The largest epoch at or below `asked`, and where it ends here. Total: see DESIGN 4, rule 8.
    #[must_use]
    pub fn epoch_end(&self, _asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        unimplemented!("storage: epochs")
    }

    /// Where exactly this epoch starts, if the log holds a batch of it.
    #[must_use]
    pub fn epoch_start(&self, _epoch: LeaderEpoch) -> Option<Offset> {
        unimplemented!("storage: epochs")
    }

    /// The first record at or after `timestamp_ms` and below `upper`: its offset and its time.
    ///
    /// # Errors
    /// What the disk said.
    pub fn find_timestamp(
        &self,
        _timestamp_ms: i64,
        _upper: Offset,
    ) -> Result<Option<(Offset, i64)>, StorageError> {
        unimplemented!("storage: timestamps")
    }

    /// The greatest timestamp in the log, and the last offset of the batch that holds it.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<(Offset, i64)> {
        unimplemented!("storage: timestamps")
    }

    /// Moves the log start up to `start`; whole segments below it go.
    ///
    /// # Errors
    /// [`StorageError::OffsetOutOfRange`] beyond the end; what the disk said.
    pub fn advance_start(&mut self, _start: Offset) -> Result<(), StorageError> {
        unimplemented!("storage: retention")
    }

    /// Deletes whole segments below `upper` that are too old or too many. Only a leader decides this.
    ///
    /// # Errors
    /// What the disk said.
    pub fn apply_retention(
        &mut self,
        _now_ms: i64,
        _upper: Offset,
    ) -> Result<Vec<DeletedSegment>, StorageError> {
        unimplemented!("storage: retention")
    }

    /// Flushes everything and leaves a producer snapshot, so that the next open need not scan.
    ///
    /// # Errors
    /// What the disk said.
    pub fn close(&mut self) -> Result<(), StorageError> {
        unimplemented!("storage: close")
    }
}
