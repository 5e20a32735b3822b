//! The file `leader-epoch-checkpoint` of one partition, in Kafka's text format.
//!
//! ```text
//! 0                 version
//! 2                 count
//! 3 0               leader epoch, start offset
//! 4 1200
//! ```
//!
//! It is a copy of [`super::epochs::Epochs`]. *Invariant:* an older version of the table never replaces a newer one,
//! whichever thread writes.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::StorageError;
use super::disk::{Disk, Durable};
use super::epochs::Epochs;
use super::text::{format_entries, parse_entries};
use crate::types::{LeaderEpoch, Offset};

const FILE_NAME: &str = "leader-epoch-checkpoint";

/// The file and the version of the table that it holds.
#[derive(Debug)]
pub(super) struct EpochFile {
    path: PathBuf,
    written: Mutex<u64>,
}

impl EpochFile {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join(FILE_NAME), written: Mutex::new(0) }
    }

    /// The table in the file; `None` if there is no file, or none that can be read.
    pub(super) fn read(&self, disk: &Disk) -> Result<Option<Epochs>, StorageError> {
        let Some(bytes) = disk.read_whole(&self.path)? else { return Ok(None) };
        let epochs = parse_entries(&bytes, parse_entry).and_then(Epochs::from_entries);
        if epochs.is_none() {
            tracing::warn!(file = %self.path.display(), "damaged; it is rebuilt from the log");
        }
        Ok(epochs)
    }

    pub(super) fn version(&self) -> u64 {
        *self.written.lock()
    }

    /// Writes a table durably, unless the file holds a newer one.
    pub(super) fn write(
        &self,
        disk: &Disk,
        version: u64,
        entries: &[(LeaderEpoch, Offset)],
    ) -> Result<(), StorageError> {
        let mut written = self.written.lock();
        if version > *written {
            let lines = entries.iter().map(|(epoch, start)| format!("{epoch} {start}"));
            disk.write_whole(&self.path, format_entries(lines).as_bytes(), Durable::Yes)?;
            *written = version;
        }
        Ok(())
    }
}

fn parse_entry(line: &str) -> Option<(LeaderEpoch, Offset)> {
    let (epoch, start) = line.split_once(' ')?;
    Some((LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?)))
}
