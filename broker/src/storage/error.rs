//! What can go wrong with files, with what the caller needs to act.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::record::RecordError;
use crate::types::Offset;

/// A refusal or failure of the storage engine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// The offset asked for is not in the log.
    #[error("offset {asked} is out of range: the log holds {start} to {end}")]
    OffsetOutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// Where the log starts.
        start: Offset,
        /// One past the last record.
        end: Offset,
    },
    /// The disk is full. Nothing of the append remains; the log goes on as soon as there is room.
    #[error("the disk is full at {}: free some space; writes go on by themselves then", .path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// The process has no file descriptor left.
    #[error(
        "too many open files: raise the limit (ulimit -n) or lower the number of partitions on this broker"
    )]
    TooManyOpenFiles,
    /// An earlier write or fsync failed, so what the disk holds is unknown until the log is opened again.
    #[error("the log is closed for writing since {reason}; it is checked when the broker starts again")]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// Bytes on disk, or bytes to be appended, that are no whole batches.
    #[error("{what} in {}", .path.display())]
    Corrupt {
        /// What is wrong.
        what: String,
        /// Where.
        path: PathBuf,
    },
    /// Batches that are not well formed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Another process holds the data directory.
    #[error("{} is in use by {holder}: stop it, or give this broker another data directory", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, as far as it is known.
        holder: String,
    },
    /// The data directory belongs to another broker or another cluster.
    #[error("{} belongs to {found}, not to {expected}: give the right --data-dir, or empty it if its data may go", .path.display())]
    Mismatch {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asked.
        expected: String,
    },
    /// The operating system refused.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: String,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl StorageError {
    /// Whether a file was not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether it is for want of room or of descriptors, which may come back.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::TooManyOpenFiles)
    }

    /// Sorts an error of the operating system: a full disk and a lack of descriptors are known by name.
    pub(crate) fn io(what: &str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path: path.to_path_buf() }
            }
            _ if is_out_of_descriptors(&source) => Self::TooManyOpenFiles,
            _ => Self::Io { what: what.to_string(), path: path.to_path_buf(), source: Arc::new(source) },
        }
    }
}

/// Whether the process or the system has no descriptor left.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = rustix::io::Errno::from_io_error(error);
    code == Some(rustix::io::Errno::MFILE) || code == Some(rustix::io::Errno::NFILE)
}
