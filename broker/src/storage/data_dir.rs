//! One data directory: whose it is, who runs in it, and the logs that it holds.

use std::io;
use std::path::Path;

use super::{Log, LogOptions, RecoveryReport, StorageError};
use crate::types::{BrokerEpoch, BrokerId, DirectoryId, Offset, TopicId, TopicPartition};

/// What the checkpoints say about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// The partition.
    pub tp: TopicPartition,
    /// All below this is durable; recovery need not look there.
    pub recovery_point: Offset,
    /// The first offset that may be read.
    pub log_start: Offset,
    /// What was known to be committed.
    pub high_watermark: Offset,
}

/// A data directory that this process holds the lock of.
#[derive(Debug)]
pub struct DataDir {
    id: DirectoryId,
    path: std::path::PathBuf,
}

impl DataDir {
    /// Opens or creates the directory, takes its lock, and reads and deletes the clean mark.
    ///
    /// # Errors
    /// [`StorageError::Locked`] and [`StorageError::Mismatch`] say what to do.
    pub fn open(_path: &Path, _broker: BrokerId, _cluster_id: &str) -> Result<Self, StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// The identity of this directory.
    #[must_use]
    pub fn id(&self) -> DirectoryId {
        self.id
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which life of the broker shut down cleanly here, if the last one did.
    #[must_use]
    pub fn clean_from(&self) -> Option<BrokerEpoch> {
        unimplemented!("storage: data_dir")
    }

    /// Which life of the broker ran here last.
    #[must_use]
    pub fn last_incarnation(&self) -> Option<BrokerEpoch> {
        unimplemented!("storage: data_dir")
    }

    /// Notes, durably, which life of the broker runs here now. To be called before serving.
    ///
    /// # Errors
    /// What the disk said.
    pub fn record_incarnation(&self, _epoch: BrokerEpoch) -> Result<(), StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// Says, durably, that this life closed all its logs. The last thing that a process does here.
    ///
    /// # Errors
    /// What the disk said.
    pub fn mark_clean(&self, _epoch: BrokerEpoch) -> Result<(), StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// Writes and fsyncs one small file: does the disk answer?
    ///
    /// # Errors
    /// What the disk said.
    pub fn probe(&self) -> io::Result<()> {
        unimplemented!("storage: data_dir")
    }

    /// The partitions whose directories are here.
    ///
    /// # Errors
    /// What the disk said.
    pub fn partitions(&self) -> Result<Vec<TopicPartition>, StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// Opens a log, creating or recovering it. A directory of another topic of that name is moved aside and deleted.
    ///
    /// # Errors
    /// What the disk said.
    pub fn open_log(
        &self,
        _tp: &TopicPartition,
        _topic_id: TopicId,
        _options: LogOptions,
        _now_ms: i64,
    ) -> Result<(Log, RecoveryReport), StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// Which topic the directory of this partition belongs to, if there is one.
    #[must_use]
    pub fn existing_topic_id(&self, _tp: &TopicPartition) -> Option<TopicId> {
        unimplemented!("storage: data_dir")
    }

    /// Deletes a partition's directory if it belongs to this topic: renamed first, then removed.
    ///
    /// # Errors
    /// What the disk said.
    pub fn delete_log(&self, _tp: &TopicPartition, _topic_id: TopicId) -> Result<(), StorageError> {
        unimplemented!("storage: data_dir")
    }

    /// Writes the recovery-point, log-start-offset and replication-offset checkpoints.
    ///
    /// # Errors
    /// What the disk said.
    pub fn write_checkpoints(&self, _entries: &[CheckpointEntry]) -> Result<(), StorageError> {
        unimplemented!("storage: checkpoints")
    }

    /// The high watermark that the checkpoint held when the directory was opened.
    #[must_use]
    pub fn high_watermark(&self, _tp: &TopicPartition) -> Option<Offset> {
        unimplemented!("storage: checkpoints")
    }
}
