//! One segment: a file of batches, its two indexes, and what is known about its end.
//!
//! It does not know what it is part of: rolling, truncating and expiring are decided by the log. Finding things in it is
//! in [`super::seek`]. The indexes are hints; the file of batches is the truth.
//!
//! *Invariant:* `bytes` is the length of the file as far as it holds whole batches, and `end` the offset after them.
//! *Invariant:* no position and no offset from the base exceeds `i32::MAX`, as Kafka's formats ask.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StorageError;
use super::disk::{Disk, DiskFile, Durable};
use super::index::{OffsetEntry, TimeEntry};
use super::sorted_file::SortedFile;
use super::walk::{Halt, Walk};
use crate::record::{BatchHeader, RecordError};
use crate::types::Offset;

/// The largest position in a segment, and the largest distance of an offset from its base.
pub(super) const SPAN_MAX: i64 = i32::MAX as i64;
/// How many places where an append began are remembered.
const BOUNDARIES_MAX: usize = 256;
/// What Kafka's time index starts from: no timestamp at all.
const NO_TIMESTAMP: i64 = -1;

/// A place where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The base offset of the batch; at the end of the file, the end offset.
    pub(super) base: Offset,
    pub(super) position: u64,
}

/// The greatest timestamp of a segment, and the last offset of the first batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newest {
    pub(super) timestamp_ms: i64,
    pub(super) offset: Offset,
}

/// One segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    /// One past the last record; of a closed segment, the base of the next.
    pub(super) end: Offset,
    pub(super) bytes: u64,
    pub(super) offsets: SortedFile<OffsetEntry>,
    pub(super) times: SortedFile<TimeEntry>,
    /// The greatest timestamp of the first batch, which rolling by time counts from.
    pub(super) first_ms: Option<i64>,
    /// When the file was made, or last written as its directory tells.
    pub(super) touched_ms: i64,
    /// When the last append came, or as the directory tells: no batch in it came later.
    pub(super) written_ms: i64,
    /// Where the latest appends began, in order.
    pub(super) boundaries: VecDeque<Place>,
    path: PathBuf,
    /// Held open while the segment is written to.
    file: Option<Arc<DiskFile>>,
    bytes_since_entry: u64,
    last_time_ms: i64,
    newest: Option<Newest>,
    /// Whether `newest` is known; of a closed segment it is looked up when it is asked for.
    newest_known: bool,
}

/// How much a rescan believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gait {
    /// Headers and both indexes, as a clean shutdown left them.
    Resume,
    /// Headers, and the indexes up to the anchor.
    Recut,
    /// Nothing without its CRC, and the indexes up to the anchor.
    Verify,
}

/// What a rescan came to.
#[derive(Debug)]
pub(super) enum Rescan {
    Whole,
    /// A torn or damaged batch begins at this position.
    BadAt(u64, RecordError),
    /// The index entry that the scan began at does not fit the file.
    WrongAnchor,
}

/// `<base offset, 20 digits><suffix>`.
pub(super) fn file_name(base: Offset, suffix: &str) -> String {
    format!("{:020}{suffix}", base.0)
}

/// The names of a segment's files, with an ending: its two indexes, and the log.
fn names(dir: &Path, base: Offset, ending: &str) -> [PathBuf; 3] {
    [".index", ".timeindex", ".log"].map(|suffix| dir.join(file_name(base, suffix) + ending))
}

impl Segment {
    /// A segment as its directory lists it: how long its file is, and its two indexes as far as they
    /// exist.
    pub(super) fn listed(
        dir: &Path,
        base: Offset,
        bytes: u64,
        index_bytes: (Option<u64>, Option<u64>),
        touched_ms: i64,
    ) -> Self {
        let named = |suffix: &str| dir.join(file_name(base, suffix));
        Self {
            base,
            end: base,
            bytes,
            offsets: SortedFile::new(named(".index"), index_bytes.0),
            times: SortedFile::new(named(".timeindex"), index_bytes.1),
            first_ms: None,
            touched_ms,
            written_ms: touched_ms,
            boundaries: VecDeque::new(),
            path: named(".log"),
            file: None,
            bytes_since_entry: 0,
            last_time_ms: NO_TIMESTAMP,
            newest: None,
            newest_known: false,
        }
    }

    /// Makes a new, empty segment. Its name is not durable before the directory is fsynced.
    pub(super) fn create(disk: &Disk, dir: &Path, base: Offset, now_ms: i64) -> Result<Self, StorageError> {
        Self::create_as(disk, dir, base, "", now_ms)
    }

    /// The same, under names with an ending.
    pub(super) fn create_as(
        disk: &Disk,
        dir: &Path,
        base: Offset,
        ending: &str,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let mut segment = Self::listed(dir, base, 0, (None, None), now_ms);
        let [offsets, times, log] = names(dir, base, ending);
        segment.offsets.set_path(offsets);
        segment.times.set_path(times);
        segment.path = log;
        segment.newest_known = true;
        disk.remove(segment.offsets.path())?;
        disk.remove(segment.times.path())?;
        let file = disk.create(&segment.path).map_err(|error| segment.failed("create", error))?;
        segment.file = Some(file);
        Ok(segment)
    }

    /// Gives its files other names; the log comes last, so that where it is its indexes are.
    pub(super) fn rename(&mut self, disk: &Disk, dir: &Path, ending: &str) -> Result<(), StorageError> {
        let [offsets, times, log] = names(dir, self.base, ending);
        disk.rename_if_there(self.offsets.path(), &offsets)?;
        self.offsets.set_path(offsets);
        disk.rename_if_there(self.times.path(), &times)?;
        self.times.set_path(times);
        disk.rename(&self.path, &log)?;
        self.path = log;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its three files; the indexes need not exist.
    pub(super) fn paths(&self) -> [&Path; 3] {
        [&self.path, self.offsets.path(), self.times.path()]
    }

    pub(super) fn failed(&self, what: &str, error: io::Error) -> StorageError {
        StorageError::io(what, &self.path, error)
    }

    pub(super) fn corrupt(&self, position: u64, what: &dyn std::fmt::Display) -> StorageError {
        StorageError::Corrupt { what: format!("{what}, at byte {position}"), path: self.path.clone() }
    }

    pub(super) fn file(&self, disk: &Disk) -> Result<Arc<DiskFile>, StorageError> {
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => disk.open(&self.path).map_err(|error| self.failed("open", error)),
        }
    }

    /// The file if it is held open; otherwise opens it and holds it, for it is about to be written to.
    pub(super) fn pinned(&mut self, disk: &Disk) -> Result<&Arc<DiskFile>, StorageError> {
        if self.file.is_none() {
            self.file = Some(self.file(disk)?);
        }
        Ok(self.file.as_ref().expect("just set"))
    }

    /// No longer holds the file open; hands it over, if it was.
    pub(super) fn unpin(&mut self) -> Option<Arc<DiskFile>> {
        self.file.take()
    }

    /// Whether `bytes` more, up to offset `last`, can be told by four-byte positions and offsets.
    pub(super) fn has_span_for(&self, last: Offset, bytes: u64) -> bool {
        (0..=SPAN_MAX).contains(&last.since(self.base)) && self.bytes + bytes <= SPAN_MAX as u64
    }

    /// Takes note of batches that one append wrote at the end of the file.
    pub(super) fn appended(&mut self, batches: &[BatchHeader], index_interval: u64) {
        let Some(first) = batches.first() else { return };
        if self.boundaries.len() == BOUNDARIES_MAX {
            self.boundaries.pop_front();
        }
        self.boundaries.push_back(Place { base: first.base_offset, position: self.bytes });
        for batch in batches {
            self.note(batch, index_interval);
        }
    }

    /// Takes note of one batch at the end of the file.
    fn note(&mut self, batch: &BatchHeader, index_interval: u64) {
        if self.bytes == 0 {
            self.first_ms = Some(batch.max_timestamp_ms);
        }
        let newest_ms = self.newest.map_or(NO_TIMESTAMP, |newest| newest.timestamp_ms);
        if batch.max_timestamp_ms > newest_ms {
            let offset = batch.last_offset();
            self.newest = Some(Newest { timestamp_ms: batch.max_timestamp_ms, offset });
        }
        if self.bytes_since_entry > index_interval {
            let position = u32::try_from(self.bytes).expect("a segment is rolled before its span ends");
            self.offsets.push(OffsetEntry { relative: self.relative(batch.last_offset()), position });
            self.push_newest();
            self.bytes_since_entry = 0;
        }
        let len = batch.total_len() as u64;
        self.bytes_since_entry += len;
        self.bytes += len;
        self.end = batch.next_offset();
    }

    /// Puts the greatest timestamp into the time index, if it is not there yet.
    pub(super) fn push_newest(&mut self) {
        if let Some(newest) = self.newest.filter(|newest| newest.timestamp_ms > self.last_time_ms) {
            let relative = self.relative(newest.offset);
            self.times.push(TimeEntry { timestamp_ms: newest.timestamp_ms, relative });
            self.last_time_ms = newest.timestamp_ms;
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.since(self.base)).expect("a segment is rolled before its span ends")
    }

    /// The greatest timestamp in the segment; `None` if its records have none.
    pub(super) fn newest(&self, disk: &Disk) -> io::Result<Option<Newest>> {
        if self.newest_known {
            return Ok(self.newest);
        }
        let last = self.times.last(disk)?;
        Ok(last.map(|entry| Newest {
            timestamp_ms: entry.timestamp_ms,
            offset: self.base.plus(i64::from(entry.relative)),
        }))
    }

    /// The same, remembering what was found.
    pub(super) fn learn_newest(&mut self, disk: &Disk) -> io::Result<Option<Newest>> {
        self.newest = self.newest(disk)?;
        self.newest_known = true;
        Ok(self.newest)
    }

    /// Writes the indexes' newest entries to their files. They can be rebuilt, so a failure is only told.
    pub(super) fn save_indexes(&mut self, disk: &Disk, durable: Durable) {
        let saved = self.offsets.save(disk, durable).and_then(|()| self.times.save(disk, durable));
        if let Err(error) = saved {
            tracing::warn!(segment = %self.path.display(), %error, "cannot save an index; it stays in memory");
        }
    }

    /// Walks the file from `anchor`, or from its beginning, up to its listed length, and learns its end anew: offset,
    /// length, timestamps, index entries. `visit` sees every batch.
    pub(super) fn rescan(
        &mut self,
        disk: &Disk,
        anchor: Option<OffsetEntry>,
        gait: Gait,
        index_interval: u64,
        mut visit: impl FnMut(&BatchHeader),
    ) -> Result<Rescan, StorageError> {
        let file = self.file(disk)?;
        let limit = self.bytes;
        let start = anchor.map_or(0, |entry| u64::from(entry.position));
        if anchor.is_some() && start >= limit {
            return Ok(Rescan::WrongAnchor);
        }
        if gait != Gait::Resume {
            self.cut_indexes(disk, anchor).map_err(|error| self.failed("cut an index of", error))?;
        }
        self.newest_known = false;
        self.learn_newest(disk).map_err(|error| self.failed("read an index of", error))?;
        self.last_time_ms = self.newest.map_or(NO_TIMESTAMP, |newest| newest.timestamp_ms);
        (self.bytes, self.end, self.bytes_since_entry) = (start, self.base, 0);
        let mut walk = match gait {
            Gait::Verify => Walk::verified(&file, start, limit),
            Gait::Resume | Gait::Recut => Walk::headers(&file, start, limit),
        };
        loop {
            let (position, batch) = match walk.next() {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(Halt::Io(error)) => return Err(self.failed("read", error)),
                Err(Halt::Bad(at, _)) if at == start && anchor.is_some() => {
                    return Ok(self.wrong_anchor(limit));
                }
                Err(Halt::Bad(at, error)) => return Ok(Rescan::BadAt(at, error)),
            };
            if let Some(entry) = anchor.filter(|_| position == start) {
                if batch.last_offset() != self.base.plus(i64::from(entry.relative)) {
                    return Ok(self.wrong_anchor(limit));
                }
            } else if batch.base_offset < self.end || !self.has_span_for(batch.last_offset(), 0) {
                let (base_offset, expected) = (batch.base_offset.0, self.end.0);
                return Ok(Rescan::BadAt(position, RecordError::BadOffset { base_offset, expected }));
            }
            visit(&batch);
            self.note(&batch, index_interval);
        }
        self.learn_first(&file)?;
        Ok(Rescan::Whole)
    }

    fn wrong_anchor(&mut self, limit: u64) -> Rescan {
        self.bytes = limit;
        Rescan::WrongAnchor
    }

    /// The greatest timestamp of its first batch; `None` if it is empty, or its records have no time.
    pub(super) fn oldest_ms(&mut self, disk: &Disk) -> Result<Option<i64>, StorageError> {
        let file = self.file(disk)?;
        self.learn_first(&file)?;
        Ok(self.first_ms.filter(|first_ms| *first_ms >= 0))
    }

    /// Reads the first batch's time, which the walk may not have passed.
    fn learn_first(&mut self, file: &DiskFile) -> Result<(), StorageError> {
        if self.first_ms.is_none() && self.bytes > 0 {
            match Walk::headers(file, 0, self.bytes).next() {
                Ok(first) => self.first_ms = first.map(|(_, batch)| batch.max_timestamp_ms),
                Err(Halt::Io(error)) => return Err(self.failed("read", error)),
                Err(Halt::Bad(at, error)) => return Err(self.corrupt(at, &error)),
            }
        }
        Ok(())
    }

    fn cut_indexes(&mut self, disk: &Disk, anchor: Option<OffsetEntry>) -> io::Result<()> {
        let keep = |entry: &OffsetEntry| anchor.is_some_and(|anchor| entry.position <= anchor.position);
        let entries = self.offsets.count_before(disk, keep)?;
        if entries < self.offsets.len() {
            self.offsets.truncate(disk, entries)?;
        }
        let keep = |entry: &TimeEntry| anchor.is_some_and(|anchor| entry.relative <= anchor.relative);
        let entries = self.times.count_before(disk, keep)?;
        if entries < self.times.len() {
            self.times.truncate(disk, entries)?;
        }
        Ok(())
    }

    /// Cuts the file at `place`, durably, and everything known about what lay beyond.
    pub(super) fn truncate(
        &mut self,
        disk: &Disk,
        place: Place,
        index_interval: u64,
    ) -> Result<(), StorageError> {
        let cut = |file: &DiskFile| file.set_len(place.position).and_then(|()| file.sync());
        let file = Arc::clone(self.pinned(disk)?);
        cut(&file).map_err(|error| self.failed("cut", error))?;
        self.bytes = place.position;
        self.boundaries.retain(|boundary| boundary.position < place.position);
        if place.position == 0 {
            self.first_ms = None;
        }
        let anchor = self.offsets.floor(disk, |entry| u64::from(entry.position) < place.position);
        let anchor = anchor.map_err(|error| self.failed("read an index of", error))?;
        let rescan = match self.rescan(disk, anchor, Gait::Recut, index_interval, |_| ())? {
            Rescan::WrongAnchor => self.rescan(disk, None, Gait::Verify, index_interval, |_| ())?,
            other => other,
        };
        match rescan {
            Rescan::Whole => Ok(()),
            Rescan::BadAt(at, error) => Err(self.corrupt(at, &error)),
            Rescan::WrongAnchor => unreachable!("there was no anchor"),
        }
    }
}
