//! Produce: batches in, offsets out.

use bytes::Bytes;

use super::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, Offset};

/// The tagged field in which brokers tell each other more than Kafka's protocol says.
pub const PRIVATE_TAG: u32 = 10_000;

/// Asks to append records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// Whether a transactional id was given.
    pub transactional: bool,
    /// -1 all in-sync replicas, 1 the leader, 0 no answer at all.
    pub acks: i16,
    /// How long the broker may wait for replicas.
    pub timeout_ms: i32,
    /// Where to.
    pub topics: Vec<ProduceTopic>,
}

/// The records for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// The records for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// The partition.
    pub index: i32,
    /// Record batches, not yet looked at.
    pub records: Option<Bytes>,
    /// Append only if the log ends here; between brokers only.
    pub expected_offset: Option<Offset>,
}

/// What became of a produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceResponse {
    /// Per topic.
    pub topics: Vec<ProducedTopic>,
}

/// What became of the records for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ProducedPartition>,
}

/// What became of the records for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedPartition {
    /// The partition.
    pub index: i32,
    /// Why they were not appended, if so.
    pub error: ErrorCode,
    /// Offset of the first record; -1 with an error.
    pub base_offset: Offset,
    /// When they were appended; -1 if the producer's times stand.
    pub log_append_time_ms: i64,
    /// The first offset of the log.
    pub log_start_offset: Offset,
    /// The error in words.
    pub error_message: Option<String>,
    /// Who leads now, told with `NotLeaderOrFollower` and `FencedLeaderEpoch`.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
    /// More, between brokers only.
    pub detail: Option<ProduceDetail>,
}

/// What a broker that forwarded a produce needs to know beyond Kafka's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceDetail {
    /// The batch had been appended before; the offsets are those of then.
    pub duplicate: bool,
    /// Whether it was written: 0 no, 1 maybe, 2 yes.
    pub written: i8,
    /// Where the log ends.
    pub log_end_offset: Offset,
    /// The sequence that was expected; -1 if that was not the matter.
    pub expected_sequence: i32,
    /// The producer epoch that is known; -1 if that was not the matter.
    pub producer_epoch: i16,
    /// The epoch of the leader that answered.
    pub leader_epoch: LeaderEpoch,
}
