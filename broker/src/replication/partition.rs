//! One replica of one partition.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::error::{AppendError, ReadError};
use super::waiters::{WakeAt, WakeHandle};
use crate::storage::LogSlice;
use crate::types::{
    BrokerId, Incarnation, LeaderEpoch, Offset, PartitionRecord, TopicId, TopicPartition,
};
use crate::wire;

/// Whose word a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: answered once appended.
    None,
    /// The leader's: under `flush=ack` once it is durable there.
    Leader,
    /// Everybody's in the ISR: committed.
    All,
}

/// What to append.
#[derive(Debug)]
pub struct Append {
    /// One or more validated batches, back to back. More than one only without a producer id.
    pub batch: BytesMut,
    /// Whose word to wait for.
    pub acks: Acks,
    /// Until when to wait.
    pub deadline: Instant,
    /// Append only if the log ends exactly here.
    pub expected_offset: Option<Offset>,
    /// Append only in this epoch.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Where an append landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// One past the last record.
    pub end_offset: Offset,
    /// The time stamped on the batches; -1 if they keep their own.
    pub append_time_ms: i64,
    /// Whether the records were there already, from an earlier try of the same producer.
    pub duplicate: bool,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign in which it happened.
    pub leader_epoch: LeaderEpoch,
}

/// What a replica does for its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Takes appends and serves.
    Leader,
    /// Pulls from a leader.
    Follower,
    /// Holds its files and waits: no leader is known, or no copy belongs here any more.
    Idle,
}

/// One follower as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// The broker.
    pub broker: BrokerId,
    /// How far it holds the log; `None` if it has not fetched in this epoch.
    pub log_end: Option<Offset>,
    /// For how long it has not been caught up.
    pub lag_ms: u64,
    /// Whether it is in the ISR.
    pub in_sync: bool,
}

/// One replica at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// What it does.
    pub role: RoleKind,
    /// Who leads.
    pub leader: Option<Incarnation>,
    /// The reign.
    pub leader_epoch: LeaderEpoch,
    /// The first offset kept.
    pub log_start: Offset,
    /// One past the last record known to be committed.
    pub high_watermark: Offset,
    /// One past the last record.
    pub log_end: Offset,
    /// One past the last record that an fsync has covered.
    pub durable_end: Offset,
    /// The size of the segments.
    pub size_bytes: u64,
    /// The followers, on the leader.
    pub followers: Vec<FollowerStatus>,
    /// Why the log refuses writes, if it does.
    pub poisoned: Option<String>,
}

/// What a consumer may read.
#[derive(Clone, Debug)]
pub struct ReadView {
    /// The batches, to be read without any lock. Empty at the end.
    pub slice: LogSlice,
    /// One past the last record that may be read.
    pub high_watermark: Offset,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign that serves.
    pub leader_epoch: LeaderEpoch,
}

/// What a follower is answered.
#[derive(Clone, Debug)]
pub struct ReplicaRead {
    /// Why there is nothing, if so.
    pub error: wire::ErrorCode,
    /// The epoch and end at which the follower's log parts from this one.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// The batches, to be read without any lock; `None` with an error or a divergence.
    pub slice: Option<LogSlice>,
    /// One past the last committed record.
    pub high_watermark: Offset,
    /// The first offset kept.
    pub log_start: Offset,
    /// Who leads now, said with errors about leadership.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
}

/// One replica of one partition: its log, its role, and the newest record that it has converged to.
#[derive(Debug)]
pub struct Partition {
    tp: TopicPartition,
    topic_id: TopicId,
}

impl Partition {
    /// Which partition.
    #[must_use]
    pub fn tp(&self) -> &TopicPartition {
        &self.tp
    }

    /// Of which topic, by identity.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The newest record that this replica has converged to.
    #[must_use]
    pub fn record(&self) -> PartitionRecord {
        unimplemented!("replication: partition")
    }

    /// The replica as it is now.
    #[must_use]
    pub fn status(&self) -> PartitionStatus {
        unimplemented!("replication: partition")
    }

    /// Appends as leader and waits for the asked word. Dropping the call stops the wait, not the append.
    ///
    /// # Errors
    /// [`AppendError::written`] says whether the records may be stored.
    pub async fn append(self: &Arc<Self>, _append: Append) -> Result<Appended, AppendError> {
        unimplemented!("replication: append")
    }

    /// Finds what a consumer may read from `from`. With `epoch`, only if that is the current reign.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn read(
        &self,
        _from: Offset,
        _max_bytes: usize,
        _epoch: Option<LeaderEpoch>,
    ) -> Result<ReadView, ReadError> {
        unimplemented!("replication: read")
    }

    /// Answers a follower's fetch and notes how far it is (rules 5, 7 and 8 of DESIGN 4).
    #[must_use]
    pub fn replica_fetch(
        self: &Arc<Self>,
        _from: Incarnation,
        _request: &wire::FetchPartition,
        _now: Instant,
    ) -> ReplicaRead {
        unimplemented!("replication: read")
    }

    /// The end that clients may be told: the high watermark, once it has reached this epoch's start.
    ///
    /// # Errors
    /// [`ReadError::OffsetNotAvailable`] before that.
    pub fn end_offset_for_clients(&self) -> Result<Offset, ReadError> {
        unimplemented!("replication: read")
    }

    /// The first committed record at or after `timestamp_ms`: offset and timestamp.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub async fn offset_for_timestamp(
        self: &Arc<Self>,
        _timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>, ReadError> {
        unimplemented!("replication: read")
    }

    /// The record with the greatest timestamp: offset and timestamp.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, i64)>, ReadError> {
        unimplemented!("replication: read")
    }

    /// The largest epoch at or below `asked` and its end (OffsetForLeaderEpoch), if `current_epoch`, when given, is this
    /// reign.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn epoch_end(
        &self,
        _asked: LeaderEpoch,
        _current_epoch: Option<LeaderEpoch>,
    ) -> Result<(LeaderEpoch, Offset), ReadError> {
        unimplemented!("replication: read")
    }

    /// Hangs a long poll's bell here. Rings at once if there is something to say already. `false`: too many wait, and the
    /// bell does not hang here.
    pub fn subscribe(self: &Arc<Self>, _wake: &WakeHandle, _at: WakeAt) -> bool {
        unimplemented!("replication: waiters")
    }

    /// Moves the log start to `before` (DeleteRecords), at most to the high watermark; returns the new log start.
    ///
    /// # Errors
    /// Why this replica may not do it.
    pub async fn delete_records(self: &Arc<Self>, _before: Offset) -> Result<Offset, ReadError> {
        unimplemented!("replication: retention")
    }
}
