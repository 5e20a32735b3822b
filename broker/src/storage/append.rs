//! Appending: one write per append, and a new segment when the old one is full or old.
//!
//! *Invariant:* an append is there whole or not at all: what a full disk left of it is cut off again, and if that cannot
//! be done the log is poisoned.
//! *Invariant:* nothing is fsynced here; see [`super::flush`].

use bytes::{Bytes, BytesMut};

use super::disk::Durable;
use super::flush::Unflushed;
use super::segment::{SPAN_MAX, Segment};
use super::{Log, StorageError};
use crate::record::{BatchHeader, RecordError, stamp_leader, stamp_log_append_time};
use crate::types::{LeaderEpoch, Offset};

/// After so many bytes the indexes and a snapshot of the producers are saved, which bounds memory and recovery.
const SAVE_EVERY_BYTES: u64 = 64 << 20;

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

impl Log {
    /// Appends one or more validated batches as their leader: stamps offsets and epoch, rolls, writes.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`] and [`StorageError::TooManyOpenFiles`] leave the log as it was; other failures of a
    /// write poison it.
    pub fn append_as_leader(
        &mut self,
        mut batches: BytesMut,
        epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<AppendInfo, StorageError> {
        self.writable()?;
        self.check_epoch(epoch, self.epochs.last())?;
        let stamp_time = self.options.timestamp_type_log_append;
        let mut headers = std::mem::take(&mut self.scratch);
        headers.clear();
        let mut next = self.end_offset();
        let mut rest: &mut [u8] = &mut batches;
        while !rest.is_empty() {
            let mut header = BatchHeader::read(rest)?;
            let len = header.total_len();
            if len > rest.len() {
                return Err(RecordError::Truncated { needed: len, have: rest.len() }.into());
            }
            let (batch, others) = rest.split_at_mut(len);
            stamp_leader(batch, next, epoch);
            if stamp_time {
                stamp_log_append_time(batch, now_ms);
                header.max_timestamp_ms = now_ms;
            }
            (header.base_offset, header.leader_epoch) = (next, epoch);
            next = header.next_offset();
            headers.push(header);
            rest = others;
        }
        let info =
            AppendInfo { append_time_ms: if stamp_time { now_ms } else { -1 }, ..self.info(&batches, next) };
        let written = self.write(&batches, &headers, now_ms);
        self.scratch = headers;
        written.map(|()| info)
    }

    /// Appends batches exactly as the leader holds them. The caller has validated them, CRCs and all, without holding the
    /// log; here only their headers are read again. They must not begin below the log's end; a gap is legal.
    ///
    /// # Errors
    /// As [`Log::append_as_leader`], and [`StorageError::Record`] for bytes that are no whole batches in order.
    pub fn append_as_follower(&mut self, batches: &Bytes, now_ms: i64) -> Result<AppendInfo, StorageError> {
        self.writable()?;
        let mut headers = std::mem::take(&mut self.scratch);
        headers.clear();
        let (mut next, mut epoch) = (self.end_offset(), self.epochs.last());
        let mut rest: &[u8] = batches;
        while !rest.is_empty() {
            let header = BatchHeader::read(rest)?;
            let len = header.total_len();
            if len > rest.len() {
                return Err(RecordError::Truncated { needed: len, have: rest.len() }.into());
            }
            if header.base_offset < next || header.last_offset_delta < 0 {
                let (base_offset, expected) = (header.base_offset.0, next.0);
                return Err(RecordError::BadOffset { base_offset, expected }.into());
            }
            self.check_epoch(header.leader_epoch, epoch)?;
            (next, epoch) = (header.next_offset(), header.leader_epoch);
            headers.push(header);
            rest = &rest[len..];
        }
        let base_offset = headers.first().map_or(next, |first| first.base_offset);
        let info = AppendInfo { base_offset, ..self.info(batches, next) };
        let written = self.write(batches, &headers, now_ms);
        self.scratch = headers;
        written.map(|()| info)
    }

    /// Epochs rise along a log. A lower one means that metadata went back in time, or a leader that is none.
    fn check_epoch(&self, epoch: LeaderEpoch, last: LeaderEpoch) -> Result<(), StorageError> {
        if epoch >= last {
            return Ok(());
        }
        let what = format!("leader epoch {epoch} would follow leader epoch {last}");
        Err(StorageError::Corrupt { what, path: self.dir.to_path_buf() })
    }

    fn info(&self, batches: &[u8], end_offset: Offset) -> AppendInfo {
        let base_offset = self.end_offset();
        AppendInfo { base_offset, end_offset, append_time_ms: -1, bytes: batches.len() as u64 }
    }

    /// Writes stamped batches, as far as they fit into one segment at a time.
    fn write(
        &mut self,
        mut bytes: &[u8],
        mut headers: &[BatchHeader],
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let before = self.end_offset();
        while let Some(first) = headers.first() {
            let (count, len) = self.first_run(headers);
            let (run, later) = headers.split_at(count);
            let (run_bytes, later_bytes) = bytes.split_at(len);
            let written = self.make_room(first.base_offset, run, len as u64, now_ms);
            if let Err(error) = written.and_then(|()| self.write_run(run_bytes, run, now_ms)) {
                return Err(self.undo(before, error));
            }
            (headers, bytes) = (later, later_bytes);
        }
        if self.bytes_since_save >= SAVE_EVERY_BYTES {
            self.save_sides();
        }
        Ok(())
    }

    /// How many batches, and of how many bytes, go into one segment: all, unless that would not hold them.
    fn first_run(&self, headers: &[BatchHeader]) -> (usize, usize) {
        let bytes_max = usize::try_from(self.options.segment_bytes_max).unwrap_or(usize::MAX);
        let mut len = 0;
        for (count, header) in headers.iter().enumerate() {
            let longer = len + header.total_len();
            let spans = header.last_offset().since(headers[0].base_offset) <= SPAN_MAX;
            if count > 0 && (longer > bytes_max || !spans) {
                return (count, len);
            }
            len = longer;
        }
        (headers.len(), len)
    }

    /// Rolls if the active segment is full, too old, or its base too far back for what comes.
    fn make_room(
        &mut self,
        base: Offset,
        run: &[BatchHeader],
        len: u64,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let last = run.last().map_or(base, BatchHeader::last_offset);
        let newest_ms = run.iter().map(|batch| batch.max_timestamp_ms).max().unwrap_or(-1);
        let active = self.active();
        let full = active.bytes > 0 && active.bytes + len > self.options.segment_bytes_max;
        let waited_ms = match active.first_ms.filter(|first| *first >= 0) {
            Some(first_ms) => newest_ms.saturating_sub(first_ms),
            None => now_ms.saturating_sub(active.touched_ms),
        };
        let old = active.bytes > 0 && waited_ms > self.options.segment_ms_max;
        if !full && !old && active.has_span_for(last, len) {
            return Ok(());
        }
        // Segments follow each other without a gap, so that recovery sees when the end of one is missing.
        let end = active.end;
        self.roll(if last.since(end) <= SPAN_MAX { end } else { base }, now_ms)
    }

    /// Closes the active segment and begins a new one at `base`.
    pub(super) fn roll(&mut self, base: Offset, now_ms: i64) -> Result<(), StorageError> {
        debug_assert!(self.active().bytes > 0 || self.active().base < base, "an empty segment is not rolled");
        let new = Segment::create(&self.disk, &self.dir, base, now_ms)?;
        self.durability.name_made();
        if self.active().bytes == 0 {
            let empty = self.segments.pop().expect("there is always a segment");
            self.segments.push(new);
            return self.throw(&empty);
        }
        let old = self.segments.last_mut().expect("there is always a segment");
        old.push_newest();
        old.save_indexes(&self.disk, Durable::No);
        let end = std::mem::replace(&mut old.end, base);
        let [_, offsets, times] = old.paths().map(std::path::Path::to_path_buf);
        if let Some(file) = old.unpin()
            && end > self.durable_end()
        {
            self.unflushed.push(Unflushed { end, file, indexes: [offsets, times] });
        }
        self.segments.push(new);
        self.bytes_since_save = 0;
        self.producers.expire(now_ms, self.options.producer_id_expiration_ms);
        self.take_snapshot();
        Ok(())
    }

    fn write_run(&mut self, bytes: &[u8], run: &[BatchHeader], now_ms: i64) -> Result<(), StorageError> {
        let interval = self.index_interval();
        let active = self.segments.last_mut().expect("there is always a segment");
        let position = active.bytes;
        let file = active.pinned(&self.disk)?;
        if let Err(error) = file.write_all_at(bytes, position) {
            let cut = file.set_len(position);
            let error = active.failed("write", error);
            if let Err(cut) = cut {
                self.poison(format!("{error}, and what was written of it cannot be cut: {cut}"));
            } else if !matches!(error, StorageError::DiskFull { .. }) {
                self.poison(error.to_string());
            }
            return Err(error);
        }
        active.appended(run, interval);
        active.written_ms = now_ms;
        self.bytes_since_save += bytes.len() as u64;
        for batch in run {
            if self.epochs.assign(batch.leader_epoch, batch.base_offset) {
                self.epochs_version += 1;
            }
            self.producers.replay(batch, now_ms);
        }
        Ok(())
    }

    /// Takes back what an append wrote to earlier segments before it failed.
    fn undo(&mut self, before: Offset, error: StorageError) -> StorageError {
        if self.poisoned.is_none()
            && self.end_offset() > before
            && let Err(cut) = self.truncate_to(before)
        {
            self.poison(format!("{error}, and what was written of it cannot be cut: {cut}"));
        }
        error
    }

    fn save_sides(&mut self) {
        let active = self.segments.last_mut().expect("there is always a segment");
        active.save_indexes(&self.disk, Durable::No);
        self.take_snapshot();
        self.bytes_since_save = 0;
    }
}
