//! Fetch: records out, to consumers and to replicas.

use bytes::Bytes;

use super::ErrorCode;
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset, TopicId};

/// Asks for records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The follower that asks; `None` for a consumer.
    pub replica: Option<Incarnation>,
    /// How long to wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// The least to answer with before the wait is over.
    pub min_bytes: i32,
    /// The most to answer with, but always a batch.
    pub max_bytes: i32,
    /// An incremental fetch session; 0 is none.
    pub session_id: i32,
    /// Its epoch; -1 is no session.
    pub session_epoch: i32,
    /// From where.
    pub topics: Vec<FetchTopic>,
}

/// The partitions wanted of one topic, named (to version 12) or by id (from version 13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    /// The topic's name.
    pub name: Option<String>,
    /// The topic's id.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// Where to read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub index: i32,
    /// The reign that the asker knows; `NONE` if it does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// From where.
    pub fetch_offset: Offset,
    /// The epoch of the last record that the asker has; `NONE` if it does not say.
    pub last_fetched_epoch: LeaderEpoch,
    /// Where the follower's log starts; `NONE` for a consumer.
    pub log_start_offset: Offset,
    /// The most of this partition.
    pub max_bytes: i32,
}

/// Records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// Per topic.
    pub topics: Vec<FetchedTopic>,
}

/// Records of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic's name.
    pub name: Option<String>,
    /// The topic's id.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// Records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The partition.
    pub index: i32,
    /// Why there are none, if so.
    pub error: ErrorCode,
    /// Up to where consumers may read.
    pub high_watermark: Offset,
    /// Where the log starts.
    pub log_start_offset: Offset,
    /// The epoch and end at which the follower's log parts from the leader's.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Who leads now, told with `NotLeaderOrFollower` and `FencedLeaderEpoch`.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
    /// Whole record batches, in chunks that are sent one after the other.
    pub records: Vec<Bytes>,
}
