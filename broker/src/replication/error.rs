//! What appends, reads and role changes can be refused with, and whether anything was written.

use crate::record::RecordError;
use crate::storage::StorageError;
use crate::types::{Incarnation, LeaderEpoch, Offset, PartitionEpoch, TopicPartition};

/// Whether the records of a failed append are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Certainly not: it may be sent again, here or elsewhere.
    No,
    /// Nobody can say yet.
    Maybe,
    /// They are.
    Yes,
}

/// Why an append failed. The variants that carry a `base_offset` happened after the append, and so may be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// This broker does not lead the partition.
    #[error("this broker does not lead the partition in epoch {epoch}; ask {leader:?}")]
    NotLeader {
        /// Who leads, as far as this broker knows.
        leader: Option<Incarnation>,
        /// The newest epoch known here.
        epoch: LeaderEpoch,
    },
    /// The caller names an epoch that has ended.
    #[error("leader epoch {asked} has ended; the current one is {current}")]
    FencedEpoch {
        /// The caller's.
        asked: LeaderEpoch,
        /// The one here.
        current: LeaderEpoch,
    },
    /// The caller names an epoch that this broker has not heard of.
    #[error("leader epoch {asked} is not known here yet; the current one is {current}")]
    UnknownEpoch {
        /// The caller's.
        asked: LeaderEpoch,
        /// The one here.
        current: LeaderEpoch,
    },
    /// Too few replicas are in sync for `acks=all`.
    #[error("only {isr} replicas are in sync and {min_isr} are required; wait for one to come back")]
    NotEnoughReplicas {
        /// How many are in sync.
        isr: u32,
        /// How many must be.
        min_isr: u32,
    },
    /// The log does not end where the caller expected.
    #[error("the log ends at {actual}, not where the caller expected")]
    UnexpectedOffset {
        /// Where it ends.
        actual: Offset,
    },
    /// A sequence number is missing before this one.
    #[error("sequence {got} came where {expected} was expected")]
    OutOfOrderSequence {
        /// The next sequence number of this producer.
        expected: i32,
        /// The batch's.
        got: i32,
    },
    /// A newer life of this producer has written.
    #[error("the producer has been replaced: its epoch is now {current_epoch}")]
    FencedProducer {
        /// The newer life's epoch.
        current_epoch: i16,
    },
    /// A new producer epoch must begin with sequence 0.
    #[error("a new producer epoch must begin with sequence 0")]
    NewEpochNotZero,
    /// The bytes are no batches that may be appended.
    #[error(transparent)]
    Invalid(#[from] RecordError),
    /// The disk is full.
    #[error("the disk is full: free some space; writes go on by themselves then")]
    DiskFull,
    /// The log refuses writes.
    #[error("the log refuses writes: {reason}")]
    Storage {
        /// Why.
        reason: String,
    },
    /// Too many appends wait for their acknowledgement.
    #[error("{waiters_max} requests wait already; try again later")]
    Overloaded {
        /// The bound that was reached.
        waiters_max: usize,
    },
    /// The followers, or the coordination store with them, have been silent for so long that this broker may no longer
    /// be the leader.
    #[error("the followers have been silent for {quiet_ms} ms, so this broker may no longer be the leader")]
    FollowersQuiet {
        /// For how long.
        quiet_ms: u64,
    },
    /// The deadline passed before enough replicas held the records.
    #[error("the records are appended at {base_offset}, but were not acknowledged in time")]
    TimedOut {
        /// Where they are, if they stay.
        base_offset: Offset,
    },
    /// Another leader took over before enough replicas held the records.
    #[error("the leadership was lost after the records were appended at {base_offset}")]
    LeadershipLost {
        /// Where they are, if they stay.
        base_offset: Offset,
    },
    /// The deadline passed while too few replicas were in sync.
    #[error(
        "the records are appended at {base_offset}, but only {isr} of {min_isr} required replicas are in sync"
    )]
    NotEnoughReplicasAfterAppend {
        /// Where they are, if they stay.
        base_offset: Offset,
        /// How many are in sync.
        isr: u32,
        /// How many must be.
        min_isr: u32,
    },
    /// The records could not be made durable here.
    #[error("the records are appended at {base_offset}, but could not be made durable: {reason}")]
    FlushFailed {
        /// Where they are, if they stay.
        base_offset: Offset,
        /// What the disk said.
        reason: String,
    },
}

impl AppendError {
    /// Whether the records are stored.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::TimedOut { .. }
            | Self::LeadershipLost { .. }
            | Self::NotEnoughReplicasAfterAppend { .. }
            | Self::FlushFailed { .. } => Written::Maybe,
            _ => Written::No,
        }
    }
}

/// Why a read was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// This broker does not lead the partition.
    #[error("this broker does not lead the partition in epoch {epoch}; ask {leader:?}")]
    NotLeader {
        /// Who leads, as far as this broker knows.
        leader: Option<Incarnation>,
        /// The newest epoch known here.
        epoch: LeaderEpoch,
    },
    /// The caller names an epoch that has ended.
    #[error("leader epoch {asked} has ended; the current one is {current}")]
    FencedEpoch {
        /// The caller's.
        asked: LeaderEpoch,
        /// The one here.
        current: LeaderEpoch,
    },
    /// The caller has seen a newer epoch than this broker: it may be deposed.
    #[error("leader epoch {asked} is not known here yet; the current one is {current}")]
    UnknownEpoch {
        /// The caller's.
        asked: LeaderEpoch,
        /// The one here.
        current: LeaderEpoch,
    },
    /// The offset is below the log start.
    #[error("offset {asked} is below the log start {start}")]
    BelowStart {
        /// The offset asked for.
        asked: Offset,
        /// The first offset kept.
        start: Offset,
    },
    /// The offset is beyond the log end.
    #[error("offset {asked} is beyond the end {end}")]
    BeyondEnd {
        /// The offset asked for.
        asked: Offset,
        /// One past the last record.
        end: Offset,
    },
    /// The leader is new and does not know yet how far the log is committed.
    #[error("the leader is new and does not know yet how far the log is committed; try again")]
    OffsetNotAvailable,
    /// The files refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why records were not deleted everywhere.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeleteError {
    /// Nothing was deleted.
    #[error(transparent)]
    Refused(#[from] ReadError),
    /// Too many wait already; nothing was deleted.
    #[error("too many wait for replicas")]
    Overloaded,
    /// Deleted here, but not every replica in sync has followed in time.
    #[error("the records are deleted on the leader, but not all replicas in sync have followed in time")]
    TimedOut,
    /// Deleted here, and then this replica did not lead any more, or could not.
    #[error("the leader was replaced before all replicas in sync had deleted the records")]
    LeadershipLost,
}

/// Why a partition could not be brought to its record.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplicationError {
    /// The record names a reign older than what the log holds: the coordination store was set back (restored backup).
    #[error(
        "{tp}: the record (version {version}) has leader epoch {record}, but the log holds records of epoch {log}; \
         the coordination store seems to have been set back: raise the leader epochs before this replica is used"
    )]
    EpochBehindLog {
        /// The partition.
        tp: TopicPartition,
        /// The record's version.
        version: PartitionEpoch,
        /// The record's epoch.
        record: LeaderEpoch,
        /// The log's last epoch.
        log: LeaderEpoch,
    },
    /// [`Replicas::start`](super::Replicas::start) has not been called, so this broker has no identity yet.
    #[error("this broker has no incarnation yet")]
    NotStarted,
    /// The replicas are being shut down.
    #[error("the broker is shutting down")]
    ShuttingDown,
    /// The files refused.
    #[error("{tp}: {source}")]
    Storage {
        /// The partition.
        tp: TopicPartition,
        /// What they said.
        source: StorageError,
    },
    /// The data directory cannot be read.
    #[error(transparent)]
    DataDir {
        /// What the files said.
        source: StorageError,
    },
    /// Something could not be closed or written at the end; the data directory must not be marked clean.
    #[error("not everything could be closed; the next start will check the logs")]
    NotClosed,
}
