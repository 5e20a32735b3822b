//! Reading a log again after it was not closed cleanly, and putting right what is found.
//!
//! What to believe is decided here, what to do about segments in [`super::segment`].

use super::disk::Durable;
use super::epochs::Epochs;
use super::segment::{Gait, Rescan};
use super::walk::Walk;
use super::{Log, StorageError};
use crate::record::BatchHeader;
use crate::types::{LeaderEpoch, Offset};

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) scanned_bytes: u64,
    pub(super) truncated_bytes: u64,
    /// What was wrong, if anything was cut.
    pub(super) cut: Option<String>,
    /// The base offset and the epoch of the first batch.
    first: Option<(Offset, LeaderEpoch)>,
    epochs: Epochs,
    /// A batch that the table of epochs in its file does not know the epoch of.
    contradicts: bool,
}

impl Scan {
    fn visit(&mut self, batch: &BatchHeader, table: &Epochs) {
        self.contradicts |= table.epoch_at(batch.base_offset) != Some(batch.leader_epoch);
        self.first.get_or_insert((batch.base_offset, batch.leader_epoch));
        self.epochs.assign(batch.leader_epoch, batch.base_offset);
        self.scanned_bytes += batch.total_len() as u64;
    }
}

impl Log {
    /// Takes the log at its word: reads the headers behind the last index entry, and the tables beside the batches.
    /// Whether all of that fits together; if not, nothing is lost, and the log must be recovered.
    pub(super) fn resume(&mut self, log_start: Offset) -> Result<bool, StorageError> {
        let interval = self.index_interval();
        let active = self.segments.last_mut().expect("there is always a segment");
        let listed = active.bytes;
        let anchor =
            active.offsets.last(&self.disk).map_err(|error| active.failed("read an index of", error))?;
        let mut last_epoch = None;
        let visit = |batch: &BatchHeader| last_epoch = Some(batch.leader_epoch);
        let rescan = active.rescan(&self.disk, anchor, Gait::Resume, interval, visit)?;
        // The table says nothing of batches that all lie below the log's start.
        let fits =
            last_epoch.is_none_or(|epoch| epoch == self.epochs.last()) || log_start >= self.end_offset();
        if !matches!(rescan, Rescan::Whole) || !fits {
            self.active_mut().bytes = listed;
            return Ok(false);
        }
        let end = self.end_offset();
        let (from, producers) = self.snapshot_or_nothing(end)?;
        self.producers = producers;
        if from < end {
            self.replay_producers(from)?;
        }
        self.durability.set_end(end);
        Ok(true)
    }

    /// Reads all from the last snapshot of the producers at or below the recovery point on, from `suspect` on at the
    /// latest, and cuts at the first batch that is not sound.
    pub(super) fn recover(
        &mut self,
        recovery_point: Offset,
        suspect: Option<Offset>,
    ) -> Result<Scan, StorageError> {
        let (from, producers) = self.snapshot_or_nothing(recovery_point)?;
        self.producers = producers;
        let first = self.segment_of(suspect.map_or(from, |suspect| suspect.min(from)));
        let mut scan = Scan::default();
        let mut at = first;
        loop {
            let from_entry = suspect.is_none() && at == first;
            let sound = self.scan_segment(at, from, from_entry, &mut scan)?;
            let Some(next_base) = self.segments.get(at + 1).map(|next| next.base) else { break };
            let segment = &mut self.segments[at];
            let gap = segment.end < next_base && (next_base > recovery_point || segment.bytes == 0);
            if !sound || gap || segment.end > next_base {
                let (end, dropped) =
                    (segment.end, self.segments[at + 1..].iter().map(|s| s.bytes).sum::<u64>());
                scan.truncated_bytes += dropped;
                scan.cut.get_or_insert_with(|| format!("the next segment after {end} begins at {next_base}"));
                self.throw_tail(at + 1)?;
                break;
            }
            segment.end = next_base;
            segment.push_newest();
            segment.save_indexes(&self.disk, Durable::Yes);
            at += 1;
        }
        let end = self.end_offset();
        self.believe_epochs(&scan, end)?;
        let later: Vec<Offset> = self.snapshots.range(end.next()..).copied().collect();
        self.drop_snapshots(&later);
        if end > recovery_point || scan.cut.is_some() {
            self.sync_from(first)?;
        }
        self.checkpoints.lower_recovery_point(&self.tp, end)?;
        self.durability.set_end(end);
        let active = self.segments.last_mut().expect("there is always a segment");
        active.save_indexes(&self.disk, Durable::No);
        self.take_snapshot();
        Ok(scan)
    }

    fn snapshot_or_nothing(
        &mut self,
        offset: Offset,
    ) -> Result<(Offset, super::producers::Producers), StorageError> {
        let base = self.segments[0].base;
        let found = self.read_snapshot(offset)?.filter(|(at, _)| *at >= base);
        Ok(found.unwrap_or_else(|| (base, Default::default())))
    }

    /// Verifies one segment: all of it, or what follows its last index entry below `from`. Whether it is sound to its
    /// end.
    fn scan_segment(
        &mut self,
        at: usize,
        from: Offset,
        from_entry: bool,
        scan: &mut Scan,
    ) -> Result<bool, StorageError> {
        let interval = self.index_interval();
        let Self { segments, producers, disk, epochs, .. } = self;
        let segment = &mut segments[at];
        let (listed, written_ms) = (segment.bytes, segment.written_ms);
        let failed = |error| StorageError::io("read an index of", segment.path(), error);
        let in_order = segment
            .offsets
            .is_in_order(disk)
            .and_then(|offsets| Ok(offsets && segment.times.is_in_order(disk)?));
        let relative = from.since(segment.base);
        let floor = segment.offsets.floor(disk, |entry| i64::from(entry.relative) < relative);
        let mut anchor = floor.map_err(failed)?.filter(|_| from_entry && matches!(in_order, Ok(true)));
        loop {
            let visit = |batch: &BatchHeader| {
                scan.visit(batch, epochs);
                if batch.base_offset >= from {
                    producers.replay(batch, written_ms);
                }
            };
            match segment.rescan(disk, anchor, Gait::Verify, interval, visit)? {
                Rescan::Whole => return Ok(true),
                Rescan::WrongAnchor => anchor = None,
                Rescan::BadAt(position, error) => {
                    let cut = segment.pinned(disk)?.set_len(position);
                    cut.map_err(|error| segment.failed("cut", error))?;
                    scan.truncated_bytes += listed - position;
                    scan.cut = Some(format!("{}, byte {position}: {error}", segment.path().display()));
                    return Ok(false);
                }
            }
        }
    }

    /// Puts the table of epochs together: from its file below what was scanned, if that fits, and from the batches.
    fn believe_epochs(&mut self, scan: &Scan, end: Offset) -> Result<(), StorageError> {
        let from_file = self.epochs.clone();
        // Compaction may have left an epoch without a batch: a table that fits knows more than the batches tell.
        if let Some((base, epoch)) = scan.first.filter(|_| scan.contradicts) {
            self.epochs.truncate_to(base);
            let continues = self.epochs.last() == epoch || from_file.start_of(epoch) == Some(base);
            if base > self.segments[0].base && (!continues || self.epochs.last() > epoch) {
                tracing::warn!(partition = %self.tp, "the leader epoch checkpoint does not fit the log; reading it all");
                self.epochs = self.epochs_below(base)?;
            }
            for (epoch, start) in scan.epochs.entries() {
                self.epochs.assign(*epoch, *start);
            }
        }
        self.epochs.truncate_to(end);
        if self.epochs != from_file {
            self.epochs_version += 1;
            self.save_epochs();
        }
        Ok(())
    }

    fn epochs_below(&self, end: Offset) -> Result<Epochs, StorageError> {
        let mut epochs = Epochs::default();
        for segment in self.segments.iter().take_while(|segment| segment.base < end) {
            let file = segment.file(&self.disk)?;
            let mut walk = Walk::headers(&file, 0, segment.bytes);
            while let Some((_, batch)) = walk.next().map_err(|halt| segment.halted(halt))? {
                if batch.base_offset < end {
                    epochs.assign(batch.leader_epoch, batch.base_offset);
                }
            }
        }
        Ok(epochs)
    }

    /// Makes what is left of the segments from `first` on durable.
    fn sync_from(&self, first: usize) -> Result<(), StorageError> {
        for segment in &self.segments[first..] {
            let file = segment.file(&self.disk)?;
            file.sync().map_err(|error| segment.failed("fsync", error))?;
        }
        self.disk.sync_dir(&self.dir)
    }

    /// Sets the log's start as the checkpoint has it, or as the table of epochs has it: that one is trimmed with every
    /// advance, and the checkpoint may be older. If the log ends below its start, it starts anew there.
    pub(super) fn settle_start(&mut self, checkpointed: Offset) -> Result<(), StorageError> {
        if checkpointed > self.end_offset() {
            return self.drop_all(checkpointed);
        }
        let mut start = checkpointed.max(self.segments[0].base);
        if let Some((_, begin)) = self.epochs.entries().first().filter(|(_, begin)| *begin > start) {
            let segment = &self.segments[self.segment_of(start)];
            let held = segment.locate(&self.disk, start)?;
            start = if held.is_some_and(|place| place.base < *begin) { *begin } else { start };
        }
        self.set_start(start);
        if self.epochs.advance_start(self.start) {
            self.epochs_version += 1;
        }
        Ok(())
    }
}
