//! OffsetForLeaderEpoch: where the records of an epoch end.

use kafka_wire::{offset_for_leader_epoch_request as request, offset_for_leader_epoch_response as response};

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

/// What stands for a consumer in the replica id of this request, alone among all.
const CONSUMER: i32 = -2;

impl OffsetForLeaderEpochRequest {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::OffsetForLeaderEpochRequest {
        let mut message = kafka_wire::OffsetForLeaderEpochRequest::default();
        message.replica_id = self.replica.map_or(CONSUMER, |id| id.0);
        message.topics = self.topics.into_iter().map(asked_into_codec).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::OffsetForLeaderEpochRequest) -> Self {
        let partition = |asked: request::OffsetForLeaderPartition| EpochPartition {
            index: asked.partition,
            current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
            leader_epoch: LeaderEpoch(asked.leader_epoch),
        };
        let topic = |asked: request::OffsetForLeaderTopic| EpochTopic {
            name: asked.topic.into_string(),
            partitions: asked.partitions.into_iter().map(partition).collect(),
        };
        Self {
            replica: Some(message.replica_id).filter(|id| *id >= 0).map(BrokerId),
            topics: message.topics.into_iter().map(topic).collect(),
        }
    }
}

impl OffsetForLeaderEpochResponse {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::OffsetForLeaderEpochResponse {
        let mut message = kafka_wire::OffsetForLeaderEpochResponse::default();
        message.topics = self.topics.into_iter().map(end_into_codec).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::OffsetForLeaderEpochResponse) -> Self {
        let partition = |end: response::EpochEndOffset| EpochEndPartition {
            index: end.partition,
            error: end.error_code.into(),
            leader_epoch: LeaderEpoch(end.leader_epoch),
            end_offset: Offset(end.end_offset),
        };
        let topic = |ends: response::OffsetForLeaderTopicResult| EpochEndTopic {
            name: ends.topic.into_string(),
            partitions: ends.partitions.into_iter().map(partition).collect(),
        };
        Self { topics: message.topics.into_iter().map(topic).collect() }
    }
}

fn asked_into_codec(topic: EpochTopic) -> request::OffsetForLeaderTopic {
    let mut asked = request::OffsetForLeaderTopic::default();
    asked.topic = topic.name.into();
    for partition in topic.partitions {
        let mut into = request::OffsetForLeaderPartition::default();
        into.partition = partition.index;
        into.current_leader_epoch = partition.current_leader_epoch.0;
        into.leader_epoch = partition.leader_epoch.0;
        asked.partitions.push(into);
    }
    asked
}

fn end_into_codec(topic: EpochEndTopic) -> response::OffsetForLeaderTopicResult {
    let mut ends = response::OffsetForLeaderTopicResult::default();
    ends.topic = topic.name.into();
    for partition in topic.partitions {
        let mut into = response::EpochEndOffset::default();
        into.partition = partition.index;
        into.error_code = partition.error.code();
        into.leader_epoch = partition.leader_epoch.0;
        into.end_offset = partition.end_offset.0;
        ends.partitions.push(into);
    }
    ends
}
