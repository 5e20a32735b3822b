//! Compacting a log's segments into new files beside it, without the log's lock.
//!
//! A job is made under the lock and owns all that it needs: which segments, how far, and what each producer wrote last.
//! It reads the keys of the dirty part once, and then writes the segments anew, a group at a time, under names ending in
//! `.cleaned`, which mean nothing until [`super::swap`] puts them in place. What is to stay is decided in
//! [`super::compaction`].
//!
//! *Invariant:* memory is one chunk, one batch and the map, whose size a setting bounds.
//! *Invariant:* when a segment is handed over, it is durable, and ends where those that it stands for end.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;

use super::compaction::{Dirtiness, Verdict, goes_along};
use super::disk::{Disk, DiskFile, Durable};
use super::offset_map::OffsetMap;
use super::retention::SegmentFacts;
use super::segment::Segment;
use super::walk::{Halt, Walk};
use super::{CompactionOptions, StorageError};
use crate::record::{BatchHeader, Filtered, emptied_batch, filter_batch, visit_records};
use crate::types::Offset;

/// Ending of files that are being written; whatever has it when a log is opened goes.
pub(super) const CLEANED: &str = ".cleaned";
/// What a compressed batch may inflate to.
const INFLATED_BYTES_MAX: usize = 256 << 20;
/// So much is gathered before it is written.
const CHUNK: usize = 1 << 20;
/// So much is written before it is fsynced, so that no flood of it stands before anyone else's fsync.
const SYNC_EVERY_BYTES: u64 = 4 << 20;
/// Fewer bytes of log hold no key on average; a map that turns out too small covers less of the log.
const BYTES_PER_KEY: u64 = 24;

/// Tells what was read and written, in bytes; waits if that is too fast; says whether to go on.
pub type Pace<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// It was told to stop, or the log has changed so that its work is of no use.
    #[error("it was stopped")]
    Stopped,
    /// What the files said.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A closed segment to be read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) facts: SegmentFacts,
    pub(super) path: PathBuf,
    pub(super) touched_ms: i64,
}

/// One run over one log.
#[derive(Debug)]
pub struct CompactionJob {
    pub(super) disk: Disk,
    pub(super) dir: Arc<Path>,
    pub(super) generation: u64,
    /// All closed segments below the end of the dirty part; those that were taken are gone from it.
    pub(super) sources: VecDeque<Source>,
    pub(super) dirty: Dirtiness,
    pub(super) options: CompactionOptions,
    pub(super) segment_bytes_max: u64,
    pub(super) index_interval: u64,
    pub(super) now_ms: i64,
    /// One past the last offset of each producer.
    pub(super) producers: HashMap<i64, Offset>,
    pub(super) map_bytes_max: usize,
}

/// The last offset of each key in the dirty part of a log.
#[derive(Debug)]
pub struct Keys(OffsetMap);

impl Keys {
    /// One past the last offset that the run covers; less than was dirty if memory was too small for all of it.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.0.end()
    }
}

/// A segment that was written anew, and what it stands for.
#[derive(Debug)]
pub struct Rewritten {
    pub(super) disk: Disk,
    pub(super) segment: Segment,
    pub(super) generation: u64,
    /// Base and size of the segments that it stands for.
    pub(super) sources: Vec<(Offset, u64)>,
}

impl Rewritten {
    /// How large the segments were that this one stands for.
    #[must_use]
    pub fn bytes_before(&self) -> u64 {
        self.sources.iter().map(|(_, bytes)| bytes).sum()
    }

    /// How large it is.
    #[must_use]
    pub fn bytes_after(&self) -> u64 {
        self.segment.bytes
    }

    /// Removes its files: it is not wanted any more.
    pub fn discard(self) {
        discard(&self.disk, &self.segment);
    }
}

/// What stays under the name at worst goes when the log is opened.
fn discard(disk: &Disk, segment: &Segment) {
    for path in segment.paths() {
        if let Err(error) = disk.remove(path) {
            tracing::debug!(%error, "what compaction wrote stays until the log is opened");
        }
    }
}

impl CompactionJob {
    /// What the job is about to clean.
    #[must_use]
    pub fn dirtiness(&self) -> Dirtiness {
        self.dirty
    }

    /// Reads the keys of the dirty part, as far as memory reaches.
    ///
    /// # Errors
    /// [`CompactionError::Stopped`] if `pace` says so.
    pub fn read_keys(&self, pace: &mut Pace<'_>) -> Result<Keys, CompactionError> {
        let keys = usize::try_from(self.dirty.dirty_bytes / BYTES_PER_KEY).unwrap_or(usize::MAX);
        let mut map = OffsetMap::new(keys, self.map_bytes_max);
        for source in self.sources.iter().filter(|source| source.facts.end > self.dirty.from) {
            if !self.read_keys_of(source, &mut map, pace)? {
                return Ok(Keys(map));
            }
        }
        map.reach(self.dirty.to);
        Ok(Keys(map))
    }

    /// Whether the map held all keys.
    fn read_keys_of(
        &self,
        source: &Source,
        map: &mut OffsetMap,
        pace: &mut Pace<'_>,
    ) -> Result<bool, CompactionError> {
        let file = self.open(source)?;
        let mut walk = Walk::verified(&file, 0, source.facts.bytes);
        while let Some((position, header)) = walk.next().map_err(|halt| halted(source, halt))? {
            if !pace(header.total_len() as u64, 0) {
                return Err(CompactionError::Stopped);
            }
            if header.next_offset() <= self.dirty.from || header.is_control() {
                continue;
            }
            let batch = walk.batch(position, &header).map_err(|halt| halted(source, halt))?;
            let all = visit_records(batch, INFLATED_BYTES_MAX, |record| match record.key {
                Some(key) if record.offset >= self.dirty.from => map.put(key, record.offset),
                _ => true,
            });
            if !all.map_err(StorageError::from)? {
                return Ok(false);
            }
            map.reach(header.next_offset());
        }
        Ok(true)
    }

    /// Writes the next group of segments anew; `None` after the last. Groups that would not change are passed over.
    ///
    /// # Errors
    /// [`CompactionError::Stopped`] if `pace` says so. Then, and after a failure, nothing is left of it.
    pub fn rewrite_next(
        &mut self,
        keys: &Keys,
        pace: &mut Pace<'_>,
    ) -> Result<Option<Rewritten>, CompactionError> {
        loop {
            let Some(first) = self.next_source(keys, |_| true) else { return Ok(None) };
            let base = first.facts.base;
            let segment = Segment::create_as(&self.disk, &self.dir, base, CLEANED, first.touched_ms)?;
            let mut writer = Writer::new(self, segment);
            let mut group = vec![first];
            let written = self.rewrite_group(&mut group, keys, &mut writer, pace);
            let (segment, changed) = (writer.segment, writer.changed);
            if let Err(error) = written {
                discard(&self.disk, &segment);
                return Err(error);
            }
            let sources = group.iter().map(|source| (source.facts.base, source.facts.bytes)).collect();
            let rewritten =
                Rewritten { disk: self.disk.clone(), segment, generation: self.generation, sources };
            if changed || group.len() > 1 {
                return Ok(Some(rewritten));
            }
            rewritten.discard();
        }
    }

    /// Takes the next segment, if it is below the end of the run and `fits`.
    fn next_source(&mut self, keys: &Keys, fits: impl FnOnce(&Source) -> bool) -> Option<Source> {
        let next = self.sources.front()?;
        if next.facts.base < keys.end() && fits(next) { self.sources.pop_front() } else { None }
    }

    /// Writes the segment in `group` anew, and behind it as many more as fit; they join the group.
    fn rewrite_group(
        &mut self,
        group: &mut Vec<Source>,
        keys: &Keys,
        writer: &mut Writer,
        pace: &mut Pace<'_>,
    ) -> Result<(), CompactionError> {
        let bytes_max = self.segment_bytes_max;
        loop {
            let last = group.last().expect("it began with one");
            self.rewrite(last, keys, writer, pace)?;
            let (base, bytes) = (group[0].facts.base, writer.total());
            let next = self.next_source(keys, |next| goes_along(base, bytes, &next.facts, bytes_max));
            let Some(next) = next else {
                let last = group.last().expect("it began with one");
                return Ok(writer.close(last.facts.end, last.touched_ms)?);
            };
            group.push(next);
        }
    }

    fn rewrite(
        &self,
        source: &Source,
        keys: &Keys,
        writer: &mut Writer,
        pace: &mut Pace<'_>,
    ) -> Result<(), CompactionError> {
        let file = self.open(source)?;
        let mut walk = Walk::verified(&file, 0, source.facts.bytes);
        while let Some((position, header)) = walk.next().map_err(|halt| halted(source, halt))? {
            let batch = walk.batch(position, &header).map_err(|halt| halted(source, halt))?;
            let before = writer.total();
            self.rewrite_batch(&header, batch, keys, writer)?;
            if !pace(header.total_len() as u64, writer.total() - before) {
                return Err(CompactionError::Stopped);
            }
        }
        Ok(())
    }

    fn rewrite_batch(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        keys: &Keys,
        writer: &mut Writer,
    ) -> Result<(), StorageError> {
        if header.is_control() || header.base_offset >= keys.end() {
            return writer.put(batch);
        }
        let verdict =
            Verdict { end: keys.end(), horizon_ms: header.delete_horizon_ms(), now_ms: self.now_ms };
        let horizon_ms = self.now_ms.saturating_add(self.options.delete_retention_ms);
        let filtered = filter_batch(batch, INFLATED_BYTES_MAX, horizon_ms, |record| {
            verdict.keeps(record.offset, record.key.map(|key| keys.0.get(key)), record.is_tombstone)
        })?;
        let is_last_of_producer =
            header.has_producer() && self.producers.get(&header.producer_id) == Some(&header.next_offset());
        writer.changed |= filtered != Filtered::Whole;
        match filtered {
            Filtered::Whole => writer.put(batch),
            Filtered::Rebuilt(rebuilt) => writer.put(&rebuilt),
            Filtered::Nothing if is_last_of_producer => writer.put(&emptied_batch(header, batch)),
            Filtered::Nothing => {
                writer.dropped = Some(emptied_batch(header, batch));
                Ok(())
            }
        }
    }

    /// A segment that is gone was taken away since the job was made: then all of it is of no use.
    fn open(&self, source: &Source) -> Result<Arc<DiskFile>, CompactionError> {
        self.disk.open(&source.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CompactionError::Stopped,
            _ => StorageError::io("open", &source.path, error).into(),
        })
    }
}

fn halted(source: &Source, halt: Halt) -> StorageError {
    match halt {
        Halt::Io(error) => StorageError::io("read", &source.path, error),
        Halt::Bad(at, error) => {
            StorageError::Corrupt { what: format!("{error}, at byte {at}"), path: source.path.clone() }
        }
    }
}

/// A segment that is being written.
struct Writer {
    disk: Disk,
    segment: Segment,
    index_interval: u64,
    chunk: BytesMut,
    headers: Vec<BatchHeader>,
    unsynced: u64,
    changed: bool,
    /// What is left of the last batch, if nothing was written for it: the segment may end here.
    dropped: Option<BytesMut>,
}

impl Writer {
    fn new(job: &CompactionJob, segment: Segment) -> Self {
        Self {
            disk: job.disk.clone(),
            segment,
            index_interval: job.index_interval,
            chunk: BytesMut::new(),
            headers: Vec::new(),
            unsynced: 0,
            changed: false,
            dropped: None,
        }
    }

    fn total(&self) -> u64 {
        self.segment.bytes + self.chunk.len() as u64
    }

    fn put(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        self.dropped = None;
        let header = BatchHeader::read(batch)?;
        let bytes = (self.chunk.len() + batch.len()) as u64;
        if !self.segment.has_span_for(header.last_offset(), bytes) {
            return Err(self.segment.corrupt(self.total(), &"compacted, it would not fit into one segment"));
        }
        self.chunk.extend_from_slice(batch);
        self.headers.push(header);
        if self.chunk.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StorageError> {
        let position = self.segment.bytes;
        let file = Arc::clone(self.segment.pinned(&self.disk)?);
        file.write_all_at(&self.chunk, position).map_err(|error| self.segment.failed("write", error))?;
        self.segment.appended(&self.headers, self.index_interval);
        self.unsynced += self.chunk.len() as u64;
        self.chunk.clear();
        self.headers.clear();
        if self.unsynced >= SYNC_EVERY_BYTES {
            self.unsynced = 0;
            file.sync().map_err(|error| self.segment.failed("fsync", error))?;
        }
        Ok(())
    }

    /// Makes the segment, which ends at `end`, durable. An index that cannot be is rebuilt when it is missed.
    fn close(&mut self, end: Offset, touched_ms: i64) -> Result<(), StorageError> {
        if let Some(last) = self.dropped.take() {
            self.put(&last)?;
        }
        self.write()?;
        self.segment.touched_ms = touched_ms;
        self.segment.push_newest();
        self.segment.save_indexes(&self.disk, Durable::Yes);
        let file = self.segment.unpin();
        file.map_or(Ok(()), |file| file.sync()).map_err(|error| self.segment.failed("fsync", error))?;
        assert!(self.segment.end <= end, "{} lies beyond {end}", self.segment.end);
        self.segment.end = end;
        self.segment.boundaries.clear();
        Ok(())
    }
}
