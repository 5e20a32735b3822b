//! One data directory: whose it is, who runs in it, and the logs that it holds.
//!
//! *Invariant:* one process at a time; the lock is held as long as this lives.
//! *Invariant:* a partition's directory says which topic it belongs to before it holds a record, and what the checkpoints
//! say about a name is forgotten before another topic of that name comes.

use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use uuid::Uuid;

use super::checkpoints::{CheckpointEntry, Checkpoints};
use super::disk::Disk;
use super::lock::DirLock;
use super::recovery::{Opening, RecoveryReport};
use super::trash::Trash;
use super::{Log, LogOptions, StorageError, identity};
use crate::types::{BrokerEpoch, BrokerId, DirectoryId, Offset, TopicId, TopicPartition};

/// Ending of a directory that is to be deleted, as in Kafka.
const TO_DELETE: &str = "-delete";
/// Ending of a directory that nobody knows to be a topic's; an operator decides.
const STRAY: &str = "-stray";
const FILE_NAME_BYTES_MAX: usize = 255;

/// A data directory that this process holds the lock of.
#[derive(Debug)]
pub struct DataDir {
    id: DirectoryId,
    path: PathBuf,
    disk: Disk,
    checkpoints: Checkpoints,
    trash: Trash,
    clean_from: Option<BrokerEpoch>,
    last_incarnation: Mutex<Option<BrokerEpoch>>,
    _lock: DirLock,
}

impl DataDir {
    /// Opens or creates the directory, takes its lock, and reads and deletes the clean mark.
    ///
    /// # Errors
    /// [`StorageError::Locked`] and [`StorageError::Mismatch`] say what to do.
    pub fn open(path: &Path, broker: BrokerId, cluster_id: &str) -> Result<Self, StorageError> {
        Self::open_on(Disk::beneath(path)?, path, broker, cluster_id)
    }

    pub(super) fn open_on(
        disk: Disk,
        path: &Path,
        broker: BrokerId,
        cluster_id: &str,
    ) -> Result<Self, StorageError> {
        disk.create_dir_all(path)?;
        let lock = DirLock::take(path)?;
        let id = identity::directory_id(&disk, path, broker, cluster_id)?;
        let checkpoints = Checkpoints::load(&disk, path)?;
        let last_incarnation = Mutex::new(identity::read_incarnation(&disk, path)?);
        let trash = Trash::new(disk.clone());
        for entry in disk.list(path)?.into_iter().filter(|entry| entry.is_dir) {
            if entry.name.ends_with(TO_DELETE) {
                trash.add(path.join(entry.name), 0);
            }
        }
        let clean_from = identity::take_clean_mark(&disk, path)?;
        let path = path.to_path_buf();
        Ok(Self { id, path, disk, checkpoints, trash, clean_from, last_incarnation, _lock: lock })
    }

    /// Lets every fsync fail, for the tests of those who stand on this.
    #[cfg(test)]
    pub(crate) fn fail_syncs(&self, fail: bool) {
        self.disk.medium.faults.fail_syncs(fail);
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
        self.clean_from
    }

    /// Which life of the broker ran here last.
    #[must_use]
    pub fn last_incarnation(&self) -> Option<BrokerEpoch> {
        *self.last_incarnation.lock()
    }

    /// Notes, durably, which life of the broker runs here now. To be called before serving.
    ///
    /// # Errors
    /// What the disk said.
    pub fn record_incarnation(&self, epoch: BrokerEpoch) -> Result<(), StorageError> {
        identity::write_incarnation(&self.disk, &self.path, epoch)?;
        *self.last_incarnation.lock() = Some(epoch);
        Ok(())
    }

    /// Says, durably, that this life closed all its logs. The last thing that a process does here.
    ///
    /// # Errors
    /// What the disk said.
    pub fn mark_clean(&self, epoch: BrokerEpoch) -> Result<(), StorageError> {
        identity::write_clean_mark(&self.disk, &self.path, epoch)
    }

    /// Writes and fsyncs one small file: does the disk answer?
    ///
    /// # Errors
    /// What the disk said. That it is full is an answer too.
    pub fn probe(&self) -> io::Result<()> {
        identity::probe(&self.disk, &self.path)
    }

    /// The partitions whose directories are here.
    ///
    /// # Errors
    /// What the disk said.
    pub fn partitions(&self) -> Result<Vec<TopicPartition>, StorageError> {
        let entries = self.disk.list(&self.path)?;
        let names = entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name);
        // A topic may be called `x-delete` or hold a dot; only a directory that says whose it is counts.
        let partitions = names.filter_map(|name| TopicPartition::from_dir_name(&name));
        Ok(partitions.filter(|tp| self.existing_topic_id(tp).is_some()).collect())
    }

    /// Which topic the directory of this partition belongs to, if there is one.
    #[must_use]
    pub fn existing_topic_id(&self, tp: &TopicPartition) -> Option<TopicId> {
        identity::read_topic_id(&self.disk, &self.partition_dir(tp)).ok().flatten()
    }

    fn partition_dir(&self, tp: &TopicPartition) -> PathBuf {
        self.path.join(tp.to_string())
    }

    /// Opens a log, creating or recovering it. A directory of another topic of that name is moved aside and deleted by
    /// [`DataDir::empty_trash`].
    ///
    /// # Errors
    /// What the disk said.
    pub fn open_log(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        options: LogOptions,
        now_ms: i64,
    ) -> Result<(Log, RecoveryReport), StorageError> {
        let dir = self.partition_dir(tp);
        let was_durable = self.checkpoints.recovery_point(tp).is_some_and(|point| point > Offset::ZERO);
        let owner = identity::read_topic_id(&self.disk, &dir)?;
        if owner != Some(topic_id) {
            self.make_way(tp, topic_id, owner, options.file_delete_delay_ms)?;
        }
        let opening = Opening {
            tp,
            topic_id,
            dir: &dir,
            options,
            disk: &self.disk,
            trash: &self.trash,
            checkpoints: &self.checkpoints,
            trusted: self.checkpoints.may_trust(tp, self.clean_from.is_some()),
            now_ms,
        };
        let (log, mut report) = opening.open()?;
        if owner.is_none() && was_durable {
            tracing::warn!(partition = %tp, "the partition's records were gone; starting with an empty log");
            report.lost_durable = true;
        }
        Ok((log, report))
    }

    /// Makes a directory that belongs to this topic where there is another's, or none, or one that does not say.
    fn make_way(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        owner: Option<TopicId>,
        delay_ms: u64,
    ) -> Result<(), StorageError> {
        let dir = self.partition_dir(tp);
        let found = self.disk.read_dir_names(&dir)?;
        if let Some(owner) = owner {
            let aside = self.move_aside(tp, owner, TO_DELETE)?;
            tracing::info!(partition = %tp, %owner, aside = %aside.display(), "deleting a partition of an older topic");
            self.trash.add(aside, delay_ms);
        } else if found.is_some_and(|names| names.iter().any(|name| name.ends_with(".log"))) {
            let aside = self.move_aside(tp, TopicId(Uuid::nil()), STRAY)?;
            tracing::warn!(partition = %tp, aside = %aside.display(), "set aside a log that does not say whose it is");
        } else {
            self.checkpoints.forget(tp)?;
        }
        self.disk.create_dir_all(&dir)?;
        identity::write_topic_id(&self.disk, &dir, topic_id)?;
        self.disk.sync_dir(&self.path)
    }

    /// Gives a partition's directory another name, and forgets what the checkpoints say about it first.
    fn move_aside(&self, tp: &TopicPartition, owner: TopicId, ending: &str) -> Result<PathBuf, StorageError> {
        self.checkpoints.forget(tp)?;
        let unique = if ending == STRAY { Uuid::new_v4() } else { owner.0 };
        let rest = format!("-{}.{}{ending}", tp.partition, unique.simple());
        let topic = tp.topic.as_str();
        let shown = &topic[..topic.len().min(FILE_NAME_BYTES_MAX - rest.len())];
        let aside = self.path.join(format!("{shown}{rest}"));
        self.disk.remove(&aside)?;
        self.disk.rename(&self.partition_dir(tp), &aside)?;
        self.disk.sync_dir(&self.path)?;
        Ok(aside)
    }

    /// Deletes a partition's directory if it belongs to this topic: renamed first, then removed.
    ///
    /// # Errors
    /// What the disk said.
    pub fn delete_log(&self, tp: &TopicPartition, topic_id: TopicId) -> Result<(), StorageError> {
        if identity::read_topic_id(&self.disk, &self.partition_dir(tp))? != Some(topic_id) {
            return Ok(());
        }
        let aside = self.move_aside(tp, topic_id, TO_DELETE)?;
        self.disk.remove(&aside)
    }

    /// Deletes files and directories that were thrown away long enough ago. To be called every now and then, on a
    /// thread that may block. Returns how many went.
    pub fn empty_trash(&self, now_ms: i64) -> usize {
        self.trash.empty(now_ms)
    }

    /// Writes the recovery-point, log-start-offset and replication-offset checkpoints; partitions that are not among
    /// `entries` keep what was said about them.
    ///
    /// # Errors
    /// What the disk said.
    pub fn write_checkpoints(&self, entries: &[CheckpointEntry]) -> Result<(), StorageError> {
        self.checkpoints.write(entries)
    }

    /// The high watermark that the checkpoint holds.
    #[must_use]
    pub fn high_watermark(&self, tp: &TopicPartition) -> Option<Offset> {
        self.checkpoints.high_watermark(tp)
    }
}
