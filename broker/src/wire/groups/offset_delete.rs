//! OffsetDelete: kept offsets to forget (KIP-496).

use kafka_wire::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_wire::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};

use super::text;
use super::{OffsetResult, OffsetTopicResult};
use crate::wire::{ErrorCode, WireError};

/// Offsets to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteRequest {
    /// The group.
    pub group_id: String,
    /// Of which topics.
    pub topics: Vec<OffsetDeleteTopic>,
}

/// Offsets of one topic to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteResponse {
    /// Why none is forgotten, if so.
    pub error: ErrorCode,
    /// In the order of the request.
    pub topics: Vec<OffsetTopicResult>,
}

impl OffsetDeleteRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::OffsetDeleteRequest, WireError> {
        let partition = |index: i32| {
            let mut into = OffsetDeleteRequestPartition::default();
            into.partition_index = index;
            into
        };
        let topic = |topic: OffsetDeleteTopic| {
            let mut into = OffsetDeleteRequestTopic::default();
            into.name = topic.name.into();
            into.partitions = topic.partitions.into_iter().map(partition).collect();
            into
        };
        let mut message = kafka_wire::OffsetDeleteRequest::default();
        message.group_id = self.group_id.into();
        message.topics = self.topics.into_iter().map(topic).collect();
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::OffsetDeleteRequest, _: i16) -> Result<Self, WireError> {
        let topic = |topic: OffsetDeleteRequestTopic| OffsetDeleteTopic {
            name: text(topic.name),
            partitions: topic.partitions.into_iter().map(|partition| partition.partition_index).collect(),
        };
        let topics = message.topics.into_iter().map(topic).collect();
        Ok(Self { group_id: text(message.group_id), topics })
    }
}

impl OffsetDeleteResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::OffsetDeleteResponse {
        let partition = |partition: OffsetResult| {
            let mut into = OffsetDeleteResponsePartition::default();
            into.partition_index = partition.index;
            into.error_code = partition.error.code();
            into
        };
        let topic = |topic: OffsetTopicResult| {
            let mut into = OffsetDeleteResponseTopic::default();
            into.name = topic.name.into();
            into.partitions = topic.partitions.into_iter().map(partition).collect();
            into
        };
        let mut message = kafka_wire::OffsetDeleteResponse::default();
        message.error_code = self.error.code();
        message.topics = self.topics.into_iter().map(topic).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::OffsetDeleteResponse) -> Self {
        let partition = |partition: OffsetDeleteResponsePartition| OffsetResult {
            index: partition.partition_index,
            error: partition.error_code.into(),
        };
        let topic = |topic: OffsetDeleteResponseTopic| OffsetTopicResult {
            name: text(topic.name),
            partitions: topic.partitions.into_iter().map(partition).collect(),
        };
        let topics = message.topics.into_iter().map(topic).collect();
        Self { error: message.error_code.into(), topics }
    }
}
