//! ListOffsets: the ends of a log, and offsets by time.

use kafka_wire::{list_offsets_request as request, list_offsets_response as response};

use super::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, Offset};

/// In place of a follower: asks about the copy of the broker that is asked, whoever leads.
pub const DEBUGGING_REPLICA: BrokerId = BrokerId(-2);

/// Asks for offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// The follower that asks, or [`DEBUGGING_REPLICA`]; `None` for a consumer.
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

impl ListOffsetsRequest {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::ListOffsetsRequest {
        let mut message = kafka_wire::ListOffsetsRequest::default();
        message.replica_id = self.replica.map_or(-1, |id| id.0);
        message.topics = self.topics.into_iter().map(asked_into_codec).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::ListOffsetsRequest) -> Self {
        let partition = |asked: request::ListOffsetsPartition| ListOffsetsPartition {
            index: asked.partition_index,
            current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
            timestamp_ms: asked.timestamp,
        };
        let topic = |asked: request::ListOffsetsTopic| ListOffsetsTopic {
            name: asked.name.into_string(),
            partitions: asked.partitions.into_iter().map(partition).collect(),
        };
        Self {
            replica: Some(BrokerId(message.replica_id)).filter(|id| id.0 >= 0 || *id == DEBUGGING_REPLICA),
            topics: message.topics.into_iter().map(topic).collect(),
        }
    }
}

impl ListOffsetsResponse {
    /// In the codec's words; the leader epoch is told from version 4 on.
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::ListOffsetsResponse {
        let mut message = kafka_wire::ListOffsetsResponse::default();
        message.topics = self.topics.into_iter().map(|topic| listed_into_codec(topic, version)).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::ListOffsetsResponse) -> Self {
        let partition = |listed: response::ListOffsetsPartitionResponse| ListedPartition {
            index: listed.partition_index,
            error: listed.error_code.into(),
            timestamp_ms: listed.timestamp,
            offset: Offset(listed.offset),
            leader_epoch: LeaderEpoch(listed.leader_epoch),
        };
        let topic = |listed: response::ListOffsetsTopicResponse| ListedTopic {
            name: listed.name.into_string(),
            partitions: listed.partitions.into_iter().map(partition).collect(),
        };
        Self { topics: message.topics.into_iter().map(topic).collect() }
    }
}

fn asked_into_codec(topic: ListOffsetsTopic) -> request::ListOffsetsTopic {
    let mut asked = request::ListOffsetsTopic::default();
    asked.name = topic.name.into();
    for partition in topic.partitions {
        let mut into = request::ListOffsetsPartition::default();
        into.partition_index = partition.index;
        into.current_leader_epoch = partition.current_leader_epoch.0;
        into.timestamp = partition.timestamp_ms;
        asked.partitions.push(into);
    }
    asked
}

fn listed_into_codec(topic: ListedTopic, version: i16) -> response::ListOffsetsTopicResponse {
    let mut listed = response::ListOffsetsTopicResponse::default();
    listed.name = topic.name.into();
    for partition in topic.partitions {
        let mut into = response::ListOffsetsPartitionResponse::default();
        into.partition_index = partition.index;
        into.error_code = partition.error.code();
        into.timestamp = partition.timestamp_ms;
        into.offset = partition.offset.0;
        if version >= 4 {
            into.leader_epoch = partition.leader_epoch.0;
        }
        listed.partitions.push(into);
    }
    listed
}
