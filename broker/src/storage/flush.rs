//! Making what was appended durable, on another thread and without the log's lock.
//!
//! A log and its flush jobs share one [`Durability`]. Each cut of the log begins a new generation, and a job of an older
//! generation proves nothing: what it fsynced may have been cut and written anew since.
//!
//! *Invariant:* `end` rises only by a job that began and ended in the same generation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile};
use super::epoch_file::EpochFile;
use crate::rules::{self, Rule};
use crate::types::{LeaderEpoch, Offset};

/// What is durable of one log. Shared by the log, its flush jobs, and the checkpoints.
#[derive(Debug)]
pub(super) struct Durability {
    state: Mutex<State>,
    pub(super) epoch_file: EpochFile,
}

#[derive(Debug)]
struct State {
    generation: u64,
    start: Offset,
    end: Offset,
    failed: bool,
    /// Names made in the directory, and how many of them an fsync of the directory covers.
    names_made: u64,
    names_synced: u64,
}

impl Durability {
    pub(super) fn new(end: Offset, epoch_file: EpochFile) -> Self {
        let state =
            State { generation: 0, start: Offset::ZERO, end, failed: false, names_made: 0, names_synced: 0 };
        Self { state: Mutex::new(state), epoch_file }
    }

    /// One past the last durable record.
    pub(super) fn end(&self) -> Offset {
        self.state.lock().end
    }

    /// Where the log starts, and one past its last durable record.
    pub(super) fn bounds(&self) -> (Offset, Offset) {
        let state = self.state.lock();
        (state.start, state.end)
    }

    /// The log starts here now.
    pub(super) fn set_start(&self, start: Offset) {
        self.state.lock().start = start;
    }

    /// Whether an fsync has failed, so that nobody knows what the disk holds.
    pub(super) fn has_failed(&self) -> bool {
        self.state.lock().failed
    }

    /// The log is about to be cut at `end`, or to start anew there.
    pub(super) fn begin_generation(&self, end: Offset) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.start = state.start.min(end);
        state.end = state.end.min(end);
    }

    /// Rises with every cut.
    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// All of the log up to `end` is known to be durable, by whoever holds the log.
    pub(super) fn set_end(&self, end: Offset) {
        self.state.lock().end = end;
    }

    /// A file was made in the log's directory.
    pub(super) fn name_made(&self) {
        self.state.lock().names_made += 1;
    }
}

/// A segment that was closed before all of it was durable.
#[derive(Clone, Debug)]
pub(super) struct Unflushed {
    pub(super) end: Offset,
    pub(super) file: Arc<DiskFile>,
    pub(super) indexes: [PathBuf; 2],
}

/// The files that must be fsynced so that a log is durable up to an end; made under the log's lock, run without.
#[derive(Debug)]
pub struct FlushJob {
    pub(super) disk: Disk,
    pub(super) dir: Arc<Path>,
    pub(super) durability: Arc<Durability>,
    generation: u64,
    names_made: u64,
    pub(super) end: Offset,
    pub(super) closed: Vec<Unflushed>,
    pub(super) active: Option<Arc<DiskFile>>,
    /// The table of epochs, if its file is behind, and its version.
    pub(super) epochs: Option<(u64, Vec<(LeaderEpoch, Offset)>)>,
}

impl FlushJob {
    pub(super) fn new(disk: &Disk, dir: &Arc<Path>, durability: &Arc<Durability>, end: Offset) -> Self {
        let (generation, names_made) = {
            let state = durability.state.lock();
            (state.generation, state.names_made)
        };
        Self {
            disk: disk.clone(),
            dir: Arc::clone(dir),
            durability: Arc::clone(durability),
            generation,
            names_made,
            end,
            closed: Vec::new(),
            active: None,
            epochs: None,
        }
    }

    /// The end that this job will make durable.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.active.is_none() && self.epochs.is_none()
    }

    /// Fsyncs the files, and the directory if one of them is new.
    ///
    /// # Errors
    /// What fsync said. The log must be poisoned then: a second fsync proves nothing. (It refuses writes by itself too.)
    pub fn run(self) -> Result<Offset, io::Error> {
        if let Err(error) = self.sync() {
            self.durability.state.lock().failed = rules::holds(Rule::FailedFsyncPoisons);
            return Err(error);
        }
        if let Some((version, entries)) = &self.epochs
            && let Err(error) = self.durability.epoch_file.write(&self.disk, *version, entries)
        {
            tracing::warn!(%error, "cannot write the leader epoch checkpoint; recovery would read more of the log");
        }
        let mut state = self.durability.state.lock();
        state.names_synced = state.names_synced.max(self.names_made);
        if state.generation == self.generation && !state.failed {
            state.end = state.end.max(self.end);
        }
        Ok(self.end)
    }

    fn sync(&self) -> io::Result<()> {
        for segment in &self.closed {
            segment.file.sync()?;
            for index in &segment.indexes {
                match self.disk.open(index) {
                    Ok(file) => file.sync()?,
                    // An index without entries has no file; one that cannot be opened is rebuilt when it is missed.
                    Err(error) => tracing::debug!(index = %index.display(), %error, "no index to fsync"),
                }
            }
        }
        if let Some(file) = &self.active {
            file.sync()?;
        }
        if self.durability.state.lock().names_synced < self.names_made {
            self.disk.sync_dir(&self.dir).map_err(io::Error::other)?;
        }
        Ok(())
    }
}
