//! One partition's log: its segments in order, and what is known about the batches in them.
//!
//! The verbs have files of their own: [`super::append`], [`super::read`], [`super::truncate`], [`super::expire`],
//! [`super::recovery`]. It knows no replica and no high watermark; whoever owns it serialises all calls.
//!
//! *Invariant:* there is at least one segment, and the last one is the one that is written to.
//! *Invariant:* `start <= durable end <= end`, and `start` is not below the first segment's base.
//! *Invariant:* once poisoned, nothing is written until the log is opened again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoints::Checkpoints;
use super::disk::{Disk, Durable};
use super::epochs::Epochs;
use super::flush::{Durability, FlushJob, Unflushed};
use super::producers::{Producers, SequenceCheck};
use super::segment::{Segment, file_name};
use super::trash::Trash;
use super::{LogOptions, StorageError, snapshot};
use crate::record::BatchHeader;
use crate::types::{LeaderEpoch, Offset, TopicId, TopicPartition};

/// Snapshots of producers that belong to no segment's beginning, of which so many are kept: recovery needs one at or
/// below the recovery point, which may lag behind the newest.
const LOOSE_SNAPSHOTS_KEPT: usize = 3;

/// The log of one partition. It has exactly one owner, who serialises all calls.
#[derive(Debug)]
pub struct Log {
    pub(super) tp: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) dir: Arc<Path>,
    pub(super) options: LogOptions,
    pub(super) disk: Disk,
    pub(super) trash: Trash,
    pub(super) checkpoints: Checkpoints,
    pub(super) durability: Arc<Durability>,
    pub(super) segments: Vec<Segment>,
    pub(super) start: Offset,
    pub(super) epochs: Epochs,
    /// Rises with every change of `epochs`; the file is behind if it holds a lower one.
    pub(super) epochs_version: u64,
    pub(super) producers: Producers,
    /// Offsets at which a snapshot of the producers is on disk.
    pub(super) snapshots: BTreeSet<Offset>,
    /// Segments that were closed before all of them was durable, oldest first.
    pub(super) unflushed: Vec<Unflushed>,
    pub(super) bytes_since_save: u64,
    /// The headers of the batches being appended; kept for its memory.
    pub(super) scratch: Vec<BatchHeader>,
    pub(super) poisoned: Option<String>,
}

impl Log {
    /// The first offset that may be read.
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        self.start
    }

    /// One past the last record.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.active().end
    }

    /// One past the last record that an fsync has covered.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        self.durability.end()
    }

    /// The partition that this log belongs to.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.tp
    }

    /// The identity of the topic that this log belongs to.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The leader epoch of the last batch; [`LeaderEpoch::NONE`] if there never was one.
    #[must_use]
    pub fn last_epoch(&self) -> LeaderEpoch {
        self.epochs.last()
    }

    /// How many bytes of batches the log holds.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many segments the log has.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
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

    /// What must be fsynced so that all that is appended is durable. Run it, then call [`Log::flushed`].
    #[must_use]
    pub fn flush_job(&self) -> FlushJob {
        let mut job = FlushJob::new(&self.disk, &self.dir, &self.durability, self.end_offset());
        if job.end > self.durable_end() {
            job.closed.clone_from(&self.unflushed);
            // If this cannot be opened, nothing was appended to it since the log was opened.
            job.active = self.active().file(&self.disk).ok();
        }
        if self.epochs_version > self.durability.epoch_file.version() {
            job.epochs = Some((self.epochs_version, self.epochs.entries().to_vec()));
        }
        job
    }

    /// Whether a segment was closed that is not durable yet. Whatever the flush mode, it should be flushed soon: its file
    /// is held open until then, and recovery would read it again.
    #[must_use]
    pub fn has_unflushed_segments(&self) -> bool {
        !self.unflushed.is_empty()
    }

    /// Notes that a flush job that promised `end` has succeeded. A job that was made before the log was last cut
    /// changes nothing.
    pub fn flushed(&mut self, end: Offset) {
        let durable = self.durable_end().min(end);
        self.unflushed.retain(|segment| segment.end > durable);
    }

    /// Refuses all writes from now on.
    pub fn poison(&mut self, reason: String) {
        tracing::error!(partition = %self.tp, reason, "the log refuses writes until it is opened again");
        self.poisoned.get_or_insert(reason);
    }

    /// Why writes are refused, if they are.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// The largest epoch at or below `asked`, and where it ends here. Total: see DESIGN 4, rule 8.
    #[must_use]
    pub fn epoch_end(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_of(asked, self.end_offset())
    }

    /// Where exactly this epoch starts, if the log holds a batch of it.
    #[must_use]
    pub fn epoch_start(&self, epoch: LeaderEpoch) -> Option<Offset> {
        self.epochs.start_of(epoch)
    }

    /// Whether the producer of this batch may append it: asked by a leader, before it appends.
    #[must_use]
    pub fn check_sequence(&self, header: &BatchHeader, now_ms: i64) -> SequenceCheck {
        self.producers.check(header, now_ms, self.options.producer_id_expiration_ms)
    }

    /// Flushes everything and leaves a snapshot of the producers, so that the next open need not scan.
    ///
    /// # Errors
    /// What the disk said, or why the log was poisoned: then nothing here may be called clean.
    pub fn close(&mut self) -> Result<(), StorageError> {
        self.writable()?;
        self.flush_now()?;
        let at = self.segments.len() - 1;
        self.segments[at].push_newest();
        self.segments[at].save_indexes(&self.disk, Durable::Yes);
        self.take_snapshot();
        self.checkpoints.closed(&self.tp);
        self.poisoned = Some("it was closed".to_string());
        Ok(())
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.last().expect("there is always a segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("there is always a segment")
    }

    pub(super) fn set_start(&mut self, start: Offset) {
        self.start = start;
        self.durability.set_start(start);
    }

    pub(super) fn index_interval(&self) -> u64 {
        u64::from(self.options.index_interval_bytes)
    }

    /// Refuses if the log is poisoned, or an fsync failed and nobody has said so yet.
    pub(super) fn writable(&mut self) -> Result<(), StorageError> {
        if self.poisoned.is_none() && self.durability.has_failed() {
            self.poison("an fsync failed".to_string());
        }
        match &self.poisoned {
            Some(reason) => Err(StorageError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Flushes on this thread; poisons the log if that fails.
    pub(super) fn flush_now(&mut self) -> Result<(), StorageError> {
        let job = self.flush_job();
        if job.is_empty() {
            return Ok(());
        }
        match job.run() {
            Ok(end) => {
                self.flushed(end);
                Ok(())
            }
            Err(error) => {
                self.poison(format!("an fsync failed: {error}"));
                Err(StorageError::io("fsync", &self.dir, error))
            }
        }
    }

    /// Writes the table of epochs. Recovery sees when the file is behind, so a failure is only told.
    pub(super) fn save_epochs(&self) {
        let file = &self.durability.epoch_file;
        if let Err(error) = file.write(&self.disk, self.epochs_version, self.epochs.entries()) {
            tracing::warn!(partition = %self.tp, %error, "cannot save the leader epochs; recovery would read more");
        }
    }

    /// Poisons the log if `result` is an error, for it left the files in a state that nobody knows.
    pub(super) fn poison_on_error<T>(
        &mut self,
        what: &str,
        result: Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Err(error) = &result {
            self.poison(format!("{what} failed: {error}"));
        }
        result
    }

    fn snapshot_path(&self, offset: Offset) -> PathBuf {
        self.dir.join(file_name(offset, ".snapshot"))
    }

    /// Writes the table of producers beside the log, as of the log's end, unless nothing precedes it. It is not fsynced, for it carries a checksum
    /// and can be rebuilt; so a failure is only told.
    pub(super) fn take_snapshot(&mut self) {
        let end = self.end_offset();
        if self.snapshots.contains(&end) || end == self.segments[0].base {
            return;
        }
        let bytes = snapshot::encode(&self.producers);
        if let Err(error) = self.disk.write_whole(&self.snapshot_path(end), &bytes, Durable::No) {
            tracing::warn!(partition = %self.tp, %error, "cannot save the producers; recovery would read more");
            return;
        }
        self.snapshots.insert(end);
        let is_base = |offset: Offset| self.segments.binary_search_by_key(&offset, |s| s.base).is_ok();
        let loose: Vec<Offset> = self.snapshots.iter().copied().filter(|offset| !is_base(*offset)).collect();
        let surplus = loose.len().saturating_sub(LOOSE_SNAPSHOTS_KEPT);
        self.drop_snapshots(&loose[..surplus]);
    }

    /// Removes snapshots; one that cannot be removed is of no harm, for nothing asks for it.
    pub(super) fn drop_snapshots(&mut self, offsets: &[Offset]) {
        for offset in offsets {
            self.snapshots.remove(offset);
            if let Err(error) = self.disk.remove(&self.snapshot_path(*offset)) {
                tracing::debug!(partition = %self.tp, %error, "a snapshot of producers stays");
            }
        }
    }

    /// The latest snapshot at or below `offset` that can be read, and where it stands.
    pub(super) fn read_snapshot(
        &mut self,
        offset: Offset,
    ) -> Result<Option<(Offset, Producers)>, StorageError> {
        while let Some(at) = self.snapshots.range(..=offset).next_back().copied() {
            let bytes = self.disk.read_whole(&self.snapshot_path(at))?;
            if let Some(producers) = bytes.as_deref().and_then(snapshot::decode) {
                return Ok(Some((at, producers)));
            }
            tracing::warn!(partition = %self.tp, offset = %at, "a snapshot of producers is damaged; going without it");
            self.drop_snapshots(&[at]);
        }
        Ok(None)
    }

    /// Throws the segments from index `from` on away, the last one first, so that a crash leaves a whole beginning.
    pub(super) fn throw_tail(&mut self, from: usize) -> Result<(), StorageError> {
        while self.segments.len() > from {
            let segment = self.segments.pop().expect("longer than from");
            self.throw(&segment)?;
        }
        Ok(())
    }

    pub(super) fn throw(&self, segment: &Segment) -> Result<(), StorageError> {
        for path in segment.paths() {
            self.trash.throw(path, self.options.file_delete_delay_ms)?;
        }
        Ok(())
    }
}
