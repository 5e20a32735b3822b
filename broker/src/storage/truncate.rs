//! Cutting the log from its end, when a leader's history says so, or dropping it whole.
//!
//! *Invariant:* when a cut returns, it is durable, with everything that remains.
//! *Invariant:* what is known beside the batches (epochs, producers) is cut with them.

use super::segment::{Place, Segment};
use super::walk::Walk;
use super::{Log, StorageError};
use crate::types::Offset;

impl Log {
    /// Cuts everything from `end` on, durably. The batch that holds `end`, if it does not begin there, goes too; and if
    /// a gap lies there, the log ends before the gap.
    ///
    /// # Errors
    /// A failed cut poisons the log.
    pub fn truncate_to(&mut self, end: Offset) -> Result<(), StorageError> {
        self.writable()?;
        self.cut_at(end)
    }

    /// Cuts off a log that has failed what no fsync has covered, before its files are opened again: the system may show
    /// bytes there that never reached the disk, and a later fsync would call them durable. The log stays poisoned.
    ///
    /// # Errors
    /// What the files said; the next opening can then judge that part by its checksums only.
    pub fn cut_to_durable(&mut self) -> Result<(), StorageError> {
        assert!(self.poisoned.is_some(), "only a log that has failed is cut to what is durable");
        self.cut_at(self.durable_end())
    }

    fn cut_at(&mut self, end: Offset) -> Result<(), StorageError> {
        let from = self.end_offset();
        if end >= from {
            if self.epochs.truncate_to(end) {
                self.epochs_version += 1;
            }
            return Ok(());
        }
        if end <= self.segments[0].base {
            return self.start_anew(end);
        }
        let keep = self.segments.partition_point(|segment| segment.base < end);
        let last = &self.segments[keep - 1];
        let place = last.locate(&self.disk, end)?.unwrap_or(Place { base: end, position: last.bytes });
        self.checkpoints_follow(place.base.min(end))?;
        let cut = self.cut(keep, place);
        self.poison_on_error("cutting the log", cut)?;
        tracing::debug!(partition = %self.tp, %from, to = %self.end_offset(), "cut the log");
        Ok(())
    }

    /// Drops everything and starts anew at `start`, durably.
    ///
    /// # Errors
    /// A failed cut poisons the log.
    pub fn restart_at(&mut self, start: Offset) -> Result<(), StorageError> {
        self.writable()?;
        self.start_anew(start)
    }

    fn start_anew(&mut self, start: Offset) -> Result<(), StorageError> {
        let from = self.end_offset();
        self.checkpoints_follow(start)?;
        let restarted = self.drop_all(start);
        self.poison_on_error("dropping the log", restarted)?;
        tracing::debug!(partition = %self.tp, %from, at = %start, "dropped the log, to start anew");
        Ok(())
    }

    /// Flushes under way prove nothing any more, and after a crash nothing that is written anew may be skipped.
    fn checkpoints_follow(&mut self, end: Offset) -> Result<(), StorageError> {
        self.durability.begin_generation(end);
        self.checkpoints.lower(&self.tp, end)
    }

    /// Keeps the first `keep` segments, the last of them up to `place`. The log ends where its last batch does then.
    fn cut(&mut self, keep: usize, place: Place) -> Result<(), StorageError> {
        self.throw_tail(keep)?;
        let interval = self.index_interval();
        let active = self.segments.last_mut().expect("at least one segment begins below the end");
        self.unflushed.retain(|segment| segment.end <= active.base);
        active.truncate(&self.disk, place, interval)?;
        let end = active.end;
        self.checkpoints.lower(&self.tp, end)?;
        self.set_start(self.start.min(end));
        if self.epochs.truncate_to(end) {
            self.epochs_version += 1;
        }
        self.bytes_since_save = 0;
        self.rewind_producers(end)?;
        self.settle(end)
    }

    pub(super) fn drop_all(&mut self, start: Offset) -> Result<(), StorageError> {
        let stand_in = Segment::listed(&self.dir, start, 0, (None, None), -1);
        let old = std::mem::replace(&mut self.segments, vec![stand_in]);
        for segment in old.iter().rev() {
            self.throw(segment)?;
        }
        self.disk.sync_dir(&self.dir)?;
        self.segments = vec![Segment::create(&self.disk, &self.dir, start, -1)?];
        self.set_start(start);
        self.unflushed.clear();
        self.epochs.clear();
        self.epochs_version += 1;
        self.producers.clear();
        let snapshots: Vec<Offset> = self.snapshots.iter().copied().collect();
        self.drop_snapshots(&snapshots);
        self.bytes_since_save = 0;
        self.settle(start)
    }

    /// Makes all that is left durable.
    fn settle(&mut self, end: Offset) -> Result<(), StorageError> {
        self.disk.sync_dir(&self.dir)?;
        for segment in std::mem::take(&mut self.unflushed) {
            segment.file.sync().map_err(|error| StorageError::io("fsync", &self.dir, error))?;
        }
        self.save_epochs();
        self.durability.set_end(end);
        Ok(())
    }

    /// Brings the table of producers back to what it was at `end`, which is the log's end now.
    fn rewind_producers(&mut self, end: Offset) -> Result<(), StorageError> {
        let later: Vec<Offset> = self.snapshots.range(end.next()..).copied().collect();
        self.drop_snapshots(&later);
        if !self.producers.reach_beyond(end) {
            return Ok(());
        }
        let snapshot = self.read_snapshot(end)?;
        let (from, producers) = snapshot.unwrap_or_else(|| (self.segments[0].base, Default::default()));
        self.producers = producers;
        self.replay_producers(from)
    }

    /// Replays the batches from `from` to the end into the table of producers, by their headers. When each was appended is
    /// not known, but that it was not after its segment was last written to: nobody is forgotten too early.
    pub(super) fn replay_producers(&mut self, from: Offset) -> Result<(), StorageError> {
        let first = self.segment_of(from);
        for segment in &self.segments[first..] {
            let Some(place) = segment.locate(&self.disk, from.max(segment.base))? else { continue };
            let file = segment.file(&self.disk)?;
            let mut walk = Walk::headers(&file, place.position, segment.bytes);
            while let Some((_, batch)) = walk.next().map_err(|halt| segment.halted(halt))? {
                self.producers.replay(&batch, segment.written_ms);
            }
        }
        Ok(())
    }
}
