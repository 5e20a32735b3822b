//! Putting a compacted segment in the place of those that it stands for, so that a crash leaves the old or the new.
//!
//! ```text
//! 1  under the lock     the new files, durable as `.cleaned`, are renamed to `.swap`, the log last; readers see it now
//! 2  without            the directory is fsynced: from here on the new segment is the truth
//! 3  without            the old files go to the trash, and the directory is fsynced
//! 4  under the lock     `.swap` is renamed to the last names, the log last
//! 5  without            the directory is fsynced
//! ```
//!
//! Opening a log finds at most one state in between: a `.swap` log is as good as in place, so what it covers goes and it
//! gets its name; a `.swap` index without its log was not decided, and goes.
//!
//! The caller lets nobody cut or close the log between 1 and 5. Retention may take the new segment away meanwhile.
//!
//! *Invariant:* the lock is held over renames only.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::compaction::{Dirtiness, dirtiness, dirty_from};
use super::disk::Disk;
use super::rewrite::{CLEANED, CompactionJob, Rewritten, Source};
use super::segment::{Segment, file_name};
use super::trash::Trash;
use super::walk::Walk;
use super::{Log, StorageError};
use crate::types::Offset;

/// Ending of a compacted segment that is decided, but not yet under its last name.
pub(super) const SWAP: &str = ".swap";
/// What a segment's files end in; the log comes last.
const SUFFIXES: [&str; 3] = [".index", ".timeindex", ".log"];

/// A swap under way.
#[derive(Debug)]
pub struct Swap {
    disk: Disk,
    dir: Arc<Path>,
    trash: Trash,
    delay_ms: u64,
    base: Offset,
    old: Vec<Segment>,
}

impl Swap {
    /// Steps 2 and 3: makes the new segment the truth, and throws the old ones away.
    ///
    /// # Errors
    /// What the disk said. Then the log must be poisoned: which segments a crash would leave is not known.
    pub fn settle(&self) -> Result<(), StorageError> {
        self.disk.sync_dir(&self.dir)?;
        for segment in &self.old {
            for path in segment.paths() {
                self.trash.throw(path, self.delay_ms)?;
            }
        }
        self.disk.sync_dir(&self.dir)
    }

    /// Step 5.
    ///
    /// # Errors
    /// As [`Swap::settle`].
    pub fn close(&self) -> Result<(), StorageError> {
        self.disk.sync_dir(&self.dir)
    }
}

impl Log {
    /// How much waits for compaction below `upper`; `None` if this log is not compacted, or refuses writes.
    ///
    /// # Errors
    /// What the disk said.
    pub fn dirtiness(&mut self, upper: Offset, now_ms: i64) -> Result<Option<Dirtiness>, StorageError> {
        let Some(options) = self.options.compaction.clone().filter(|_| self.poisoned.is_none()) else {
            return Ok(None);
        };
        let facts = self.facts()?;
        let from = dirty_from(&facts, self.start, self.checkpoints.cleaned_to(&self.tp));
        let at = self.segment_of(from);
        let is_closed = at + 1 < self.segments.len();
        let oldest_ms = if options.lag_ms_max < i64::MAX && is_closed {
            self.segments[at].oldest_ms(&self.disk)?
        } else {
            None
        };
        Ok(Some(dirtiness(&facts, from, upper.min(self.durable_end()), oldest_ms, now_ms, &options)))
    }

    /// A job that compacts the log up to `upper`; `None` if there is nothing to clean.
    ///
    /// # Errors
    /// What the disk said.
    pub fn compaction_job(
        &mut self,
        upper: Offset,
        map_bytes_max: usize,
        now_ms: i64,
    ) -> Result<Option<CompactionJob>, StorageError> {
        self.writable()?;
        let dirty = self.dirtiness(upper, now_ms)?.filter(|dirty| dirty.dirty_bytes > 0);
        let (Some(dirty), Some(options)) = (dirty, self.options.compaction.clone()) else { return Ok(None) };
        let facts = self.facts()?;
        let sources = self.segments.iter().zip(facts).take_while(|(_, facts)| facts.end <= dirty.to);
        let sources = sources.map(|(segment, facts)| Source {
            facts,
            path: segment.path().to_path_buf(),
            touched_ms: segment.touched_ms,
        });
        Ok(Some(CompactionJob {
            disk: self.disk.clone(),
            dir: Arc::clone(&self.dir),
            generation: self.durability.generation(),
            sources: sources.collect(),
            dirty,
            options,
            segment_bytes_max: self.options.segment_bytes_max,
            index_interval: self.index_interval(),
            now_ms,
            producers: self.producers.last_ends(dirty.to),
            map_bytes_max,
        }))
    }

    /// Step 1: puts a compacted segment in place for readers. `None`, and nothing has changed, if the log has changed so
    /// that it does not fit any more.
    ///
    /// # Errors
    /// What the disk said; nothing has changed then.
    pub fn swap_in(&mut self, mut rewritten: Rewritten) -> Result<Option<Swap>, StorageError> {
        self.writable()?;
        let Some(first) = self.place_of(&rewritten) else {
            rewritten.discard();
            return Ok(None);
        };
        if let Err(error) = rewritten.segment.rename(&self.disk, &self.dir, SWAP) {
            rewritten.discard();
            return Err(error);
        }
        let base = rewritten.segment.base;
        let range = first..first + rewritten.sources.len();
        let old = self.segments.splice(range, [rewritten.segment]).collect();
        Ok(Some(Swap {
            disk: self.disk.clone(),
            dir: Arc::clone(&self.dir),
            trash: self.trash.clone(),
            delay_ms: self.options.file_delete_delay_ms,
            base,
            old,
        }))
    }

    /// Where the segments lie that this one stands for, if they are still as they were.
    fn place_of(&self, rewritten: &Rewritten) -> Option<usize> {
        let first =
            self.segments.binary_search_by_key(&rewritten.segment.base, |segment| segment.base).ok()?;
        let sources = &rewritten.sources;
        // The active segment is never among them.
        let here = self.segments[..self.segments.len() - 1].get(first..first + sources.len())?;
        let same = here.iter().map(|segment| (segment.base, segment.bytes)).eq(sources.iter().copied());
        (same && rewritten.generation == self.durability.generation()).then_some(first)
    }

    /// Step 4: gives the new segment its last name.
    ///
    /// # Errors
    /// What the disk said; then the log must be poisoned.
    pub fn finish_swap(&mut self, swap: &Swap) -> Result<(), StorageError> {
        // Retention may have taken it away.
        if let Ok(at) = self.segments.binary_search_by_key(&swap.base, |segment| segment.base) {
            self.segments[at].rename(&self.disk, &self.dir, "")?;
        }
        Ok(())
    }

    /// Says how far the log is clean, to be written without its lock.
    #[must_use]
    pub fn cleaned_mark(&self, to: Offset) -> CleanedMark {
        CleanedMark { checkpoints: self.checkpoints.clone(), tp: self.tp.clone(), to }
    }
}

/// How far a log is clean, to be written without its lock.
#[derive(Debug)]
pub struct CleanedMark {
    checkpoints: super::checkpoints::Checkpoints,
    tp: crate::types::TopicPartition,
    to: Offset,
}

impl CleanedMark {
    /// Writes it.
    ///
    /// # Errors
    /// What the disk said; more is cleaned again then.
    pub fn write(self) -> Result<(), StorageError> {
        self.checkpoints.set_cleaned_to(&self.tp, self.to)
    }
}

/// Brings a log's directory to one state after a crash: finishes what was decided, removes what was not. Returns whether
/// anything was there.
pub(super) fn finish_swaps(disk: &Disk, dir: &Path) -> Result<bool, StorageError> {
    let mut names: HashMap<String, u64> = HashMap::new();
    for entry in disk.list(dir)? {
        names.insert(entry.name, entry.bytes);
    }
    let decided: Vec<Offset> = names.keys().filter_map(|name| base_of(name, ".log.swap")).collect();
    let undecided = |name: &&String| {
        let of_swap = SUFFIXES.iter().find_map(|suffix| base_of(name, &format!("{suffix}{SWAP}")));
        name.ends_with(CLEANED) || of_swap.is_some_and(|base| !decided.contains(&base))
    };
    let mut touched = false;
    for name in names.keys().filter(undecided) {
        disk.remove(&dir.join(name))?;
        touched = true;
    }
    for base in decided {
        finish_swap(disk, dir, base, &names)?;
        touched = true;
    }
    Ok(touched)
}

/// The offset in a name with this suffix.
fn base_of(name: &str, suffix: &str) -> Option<Offset> {
    name.strip_suffix(suffix)?.parse().ok().filter(|base| *base >= 0).map(Offset)
}

fn finish_swap(
    disk: &Disk,
    dir: &Path,
    base: Offset,
    names: &HashMap<String, u64>,
) -> Result<(), StorageError> {
    let path = |suffix: &str, ending: &str| dir.join(file_name(base, &format!("{suffix}{ending}")));
    let swap = path(".log", SWAP);
    let bytes = names.get(&file_name(base, ".log.swap")).copied().unwrap_or(0);
    let file = disk.open(&swap).map_err(|error| StorageError::io("open", &swap, error))?;
    let mut walk = Walk::verified(&file, 0, bytes);
    let mut end = base;
    let is_sound = loop {
        match walk.next() {
            Ok(Some((_, batch))) => end = batch.next_offset(),
            Ok(None) => break true,
            Err(super::walk::Halt::Bad(..)) => break false,
            Err(super::walk::Halt::Io(error)) => return Err(StorageError::io("read", &swap, error)),
        }
    };
    if !is_sound && names.contains_key(&file_name(base, ".log")) {
        // It was fsynced before it was decided, so a disk that lies is at work; what it stands for is still there.
        tracing::error!(file = %swap.display(), "a compacted segment is damaged; keeping the old ones");
        return SUFFIXES.iter().try_for_each(|suffix| disk.remove(&path(suffix, SWAP)));
    }
    tracing::info!(file = %swap.display(), %end, "finishing a swap of compacted segments");
    for name in names.keys() {
        let covered = SUFFIXES.iter().find_map(|suffix| base_of(name, suffix));
        if covered.is_some_and(|old| old >= base && old < end) {
            // Of the new segment's indexes none may have its last name yet; they are rebuilt then.
            disk.remove(&dir.join(name))?;
        }
    }
    disk.sync_dir(dir)?;
    for suffix in
        SUFFIXES.iter().filter(|suffix| names.contains_key(&file_name(base, &format!("{suffix}{SWAP}"))))
    {
        disk.rename(&path(suffix, SWAP), &path(suffix, ""))?;
    }
    disk.sync_dir(dir)
}
