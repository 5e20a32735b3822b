//! DeleteRecords: the start of a log moved up.

use kafka_wire::{delete_records_request as request, delete_records_response as response};

use super::ErrorCode;
use crate::types::Offset;

/// Asks for records to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecordsRequest {
    /// Of which topics.
    pub topics: Vec<DeleteRecordsTopic>,
    /// How long to wait for the replicas to follow.
    pub timeout_ms: i32,
}

/// What is to be deleted of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecordsTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<DeleteRecordsPartition>,
}

/// What is to be deleted of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteRecordsPartition {
    /// The partition.
    pub index: i32,
    /// The first offset to keep; -1 stands for the high watermark.
    pub offset: Offset,
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRecordsResponse {
    /// Per topic.
    pub topics: Vec<DeletedRecordsTopic>,
}

/// What was deleted of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRecordsTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<DeletedRecords>,
}

/// What was deleted of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedRecords {
    /// The partition.
    pub index: i32,
    /// Below this no replica in sync keeps anything; -1 with an error.
    pub low_watermark: Offset,
    /// Why nothing was deleted, or why that is not sure.
    pub error: ErrorCode,
}

impl DeleteRecordsRequest {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::DeleteRecordsRequest {
        let mut message = kafka_wire::DeleteRecordsRequest::default();
        message.timeout_ms = self.timeout_ms;
        for topic in self.topics {
            let mut into = request::DeleteRecordsTopic::default();
            into.name = topic.name.into();
            for partition in topic.partitions {
                let mut asked = request::DeleteRecordsPartition::default();
                (asked.partition_index, asked.offset) = (partition.index, partition.offset.0);
                into.partitions.push(asked);
            }
            message.topics.push(into);
        }
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::DeleteRecordsRequest) -> Self {
        let partition = |asked: request::DeleteRecordsPartition| DeleteRecordsPartition {
            index: asked.partition_index,
            offset: Offset(asked.offset),
        };
        let topic = |asked: request::DeleteRecordsTopic| DeleteRecordsTopic {
            name: asked.name.into_string(),
            partitions: asked.partitions.into_iter().map(partition).collect(),
        };
        Self { topics: message.topics.into_iter().map(topic).collect(), timeout_ms: message.timeout_ms }
    }
}

impl DeleteRecordsResponse {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::DeleteRecordsResponse {
        let mut message = kafka_wire::DeleteRecordsResponse::default();
        for topic in self.topics {
            let mut into = response::DeleteRecordsTopicResult::default();
            into.name = topic.name.into();
            for deleted in topic.partitions {
                let mut told = response::DeleteRecordsPartitionResult::default();
                told.partition_index = deleted.index;
                told.low_watermark = deleted.low_watermark.0;
                told.error_code = deleted.error.code();
                into.partitions.push(told);
            }
            message.topics.push(into);
        }
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::DeleteRecordsResponse) -> Self {
        let partition = |told: response::DeleteRecordsPartitionResult| DeletedRecords {
            index: told.partition_index,
            low_watermark: Offset(told.low_watermark),
            error: told.error_code.into(),
        };
        let topic = |told: response::DeleteRecordsTopicResult| DeletedRecordsTopic {
            name: told.name.into_string(),
            partitions: told.partitions.into_iter().map(partition).collect(),
        };
        Self { topics: message.topics.into_iter().map(topic).collect() }
    }
}
