//! ListOffsets: the ends of a log, and offsets by time.

use super::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, Offset};

/// Asks for offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// The follower that asks; `None` for a consumer.
    pub replica: Option<BrokerId>,
    /// Of which topics.
    pub topics: Vec<ListOffsetsTopic>,
}

/// The offsets wanted of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// The offset wanted of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub index: i32,
    /// The reign that the asker knows; `NONE` if it does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// The first record at or after this time; -1 the end, -2 the start, -3 the record with the greatest time.
    pub timestamp_ms: i64,
}

/// Offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// Per topic.
    pub topics: Vec<ListedTopic>,
}

/// Offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ListedPartition>,
}

/// The offset found in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPartition {
    /// The partition.
    pub index: i32,
    /// Why there is none, if so.
    pub error: ErrorCode,
    /// The record's time; -1 for the ends and if there is none.
    pub timestamp_ms: i64,
    /// The offset; -1 if there is none.
    pub offset: Offset,
    /// The epoch of the record there.
    pub leader_epoch: LeaderEpoch,
}
