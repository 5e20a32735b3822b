//! Files that are to be deleted a little later, so that unlinking a large file holds up nobody.
//!
//! A file gets a name ending in `.deleted` first, a directory one ending in `-delete`, as in Kafka; whatever has such a
//! name when a log is opened goes too. Readers that are under way hold their file open and lose nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::StorageError;
use super::disk::Disk;

/// Ending of a file that is to be deleted.
pub(super) const DELETED: &str = ".deleted";

/// What is to be deleted in one data directory.
#[derive(Clone, Debug)]
pub(super) struct Trash {
    disk: Disk,
    queue: Arc<Mutex<Vec<Thrown>>>,
}

#[derive(Debug)]
struct Thrown {
    path: PathBuf,
    delay_ms: u64,
    /// Set when the trash is next looked at: whoever throws something away need not know the time.
    due_ms: Option<i64>,
}

impl Trash {
    pub(super) fn new(disk: Disk) -> Self {
        Self { disk, queue: Arc::default() }
    }

    /// Renames a file, if it is there, and remembers to delete it.
    pub(super) fn throw(&self, path: &Path, delay_ms: u64) -> Result<(), StorageError> {
        let mut renamed = path.as_os_str().to_os_string();
        renamed.push(DELETED);
        let renamed = PathBuf::from(renamed);
        match self.disk.rename(path, &renamed) {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.add(renamed, delay_ms);
                Ok(())
            }
        }
    }

    /// Remembers to delete what has its last name already.
    pub(super) fn add(&self, path: PathBuf, delay_ms: u64) {
        self.queue.lock().push(Thrown { path, delay_ms, due_ms: None });
    }

    /// Deletes what is due. Returns how many files and directories went.
    pub(super) fn empty(&self, now_ms: i64) -> usize {
        let due: Vec<PathBuf> = {
            let mut queue = self.queue.lock();
            for thrown in queue.iter_mut() {
                let delay_ms = i64::try_from(thrown.delay_ms).unwrap_or(i64::MAX);
                thrown.due_ms.get_or_insert(now_ms.saturating_add(delay_ms));
            }
            queue
                .extract_if(.., |thrown| thrown.due_ms.is_some_and(|due| due <= now_ms))
                .map(|t| t.path)
                .collect()
        };
        for path in &due {
            if let Err(error) = self.disk.remove(path) {
                tracing::warn!(%error, "cannot delete; it is tried again at the next start");
            }
        }
        due.len()
    }
}
