//! OffsetForLeaderEpoch: where the records of an epoch end.

use super::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, Offset};

/// Asks for the ends of epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochRequest {
    /// The follower that asks; `None` for a consumer.
    pub replica: Option<BrokerId>,
    /// In which topics.
    pub topics: Vec<EpochTopic>,
}

/// The epochs asked for in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<EpochPartition>,
}

/// The epoch asked for in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochPartition {
    /// The partition.
    pub index: i32,
    /// The reign that the asker knows; `NONE` if it does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch whose end is wanted.
    pub leader_epoch: LeaderEpoch,
}

/// Ends of epochs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// Per topic.
    pub topics: Vec<EpochEndTopic>,
}

/// Ends of epochs in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEndTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<EpochEndPartition>,
}

/// The end of an epoch in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEndPartition {
    /// The partition.
    pub index: i32,
    /// Why there is none, if so.
    pub error: ErrorCode,
    /// The epoch asked for, or the greatest below it that has records.
    pub leader_epoch: LeaderEpoch,
    /// Its end.
    pub end_offset: Offset,
}
