//! OffsetCommit: offsets to keep.

use kafka_wire::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_wire::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};

use super::{maybe_text, text};
use crate::types::{LeaderEpoch, Offset};
use crate::wire::{ErrorCode, WireError};

/// Offsets to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: String,
    /// The member's generation, or its epoch; negative from those who are no members.
    pub epoch: i32,
    /// The member; empty from those who are none.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// How long to keep them; only told in versions 2 to 4.
    pub retention_ms: Option<i64>,
    /// Of which topics.
    pub topics: Vec<CommitTopic>,
}

/// Offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<CommitPartition>,
}

/// One offset to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    /// The partition.
    pub index: i32,
    /// The next offset to read.
    pub offset: Offset,
    /// The epoch of the last record read; not told before version 6.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: Option<String>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// In the order of the request.
    pub topics: Vec<OffsetTopicResult>,
}

/// What became of the offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetTopicResult {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<OffsetResult>,
}

/// What became of one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetResult {
    /// The partition.
    pub index: i32,
    /// What hindered it, if anything.
    pub error: ErrorCode,
}

impl OffsetCommitRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::OffsetCommitRequest, WireError> {
        let partition = |partition: CommitPartition| {
            let mut into = OffsetCommitRequestPartition::default();
            into.partition_index = partition.index;
            into.committed_offset = partition.offset.0;
            into.committed_leader_epoch = partition.leader_epoch.0;
            into.committed_metadata = partition.metadata.map(Into::into);
            into
        };
        let topic = |topic: CommitTopic| {
            let mut into = OffsetCommitRequestTopic::default();
            into.name = topic.name.into();
            into.partitions = topic.partitions.into_iter().map(partition).collect();
            into
        };
        let mut message = kafka_wire::OffsetCommitRequest::default();
        message.group_id = self.group_id.into();
        message.generation_id_or_member_epoch = self.epoch;
        message.member_id = self.member_id.into();
        message.group_instance_id = self.instance_id.map(Into::into);
        message.topics = self.topics.into_iter().map(topic).collect();
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::OffsetCommitRequest, _: i16) -> Result<Self, WireError> {
        let partition = |partition: OffsetCommitRequestPartition| CommitPartition {
            index: partition.partition_index,
            offset: Offset(partition.committed_offset),
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: maybe_text(partition.committed_metadata),
        };
        let topic = |topic: OffsetCommitRequestTopic| CommitTopic {
            name: text(topic.name),
            partitions: topic.partitions.into_iter().map(partition).collect(),
        };
        Ok(Self {
            group_id: text(message.group_id),
            epoch: message.generation_id_or_member_epoch,
            member_id: text(message.member_id),
            instance_id: maybe_text(message.group_instance_id),
            retention_ms: Some(message.retention_time_ms).filter(|ms| *ms >= 0),
            topics: message.topics.into_iter().map(topic).collect(),
        })
    }
}

impl OffsetCommitResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::OffsetCommitResponse {
        let partition = |partition: OffsetResult| {
            let mut into = OffsetCommitResponsePartition::default();
            into.partition_index = partition.index;
            into.error_code = partition.error.code();
            into
        };
        let topic = |topic: OffsetTopicResult| {
            let mut into = OffsetCommitResponseTopic::default();
            into.name = topic.name.into();
            into.partitions = topic.partitions.into_iter().map(partition).collect();
            into
        };
        let mut message = kafka_wire::OffsetCommitResponse::default();
        message.topics = self.topics.into_iter().map(topic).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::OffsetCommitResponse) -> Self {
        let partition = |partition: OffsetCommitResponsePartition| OffsetResult {
            index: partition.partition_index,
            error: partition.error_code.into(),
        };
        let topic = |topic: OffsetCommitResponseTopic| OffsetTopicResult {
            name: text(topic.name),
            partitions: topic.partitions.into_iter().map(partition).collect(),
        };
        Self { topics: message.topics.into_iter().map(topic).collect() }
    }
}
