//! OffsetFetch: kept offsets to read. Before version 8 of one group; later of several, and members may say who they are.

use kafka_wire::offset_fetch_request as request;
use kafka_wire::offset_fetch_response as response;

use super::{maybe_text, text};
use crate::types::{LeaderEpoch, Offset};
use crate::wire::{ErrorCode, WireError};

/// From this version on it is about several groups.
const SEVERAL_SINCE: i16 = 8;

/// Offsets to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// Of which groups.
    pub groups: Vec<OffsetFetchGroup>,
    /// Whether offsets that a transaction is about to change are to be waited for.
    pub require_stable: bool,
}

/// Offsets of one group to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchGroup {
    /// The group.
    pub group_id: String,
    /// The member that asks; from version 9 on.
    pub member_id: Option<String>,
    /// Its epoch; -1 for none.
    pub member_epoch: i32,
    /// Of which topics; `None` is all.
    pub topics: Option<Vec<OffsetFetchTopic>>,
}

/// Offsets of one topic to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

/// Kept offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// In the order of the request.
    pub groups: Vec<FetchedGroup>,
}

/// Kept offsets of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedGroup {
    /// The group; empty in answers before version 8.
    pub group_id: String,
    /// Why there are none, if so. Version 1 has no place for it but at each partition that is listed.
    pub error: ErrorCode,
    /// Per topic.
    pub topics: Vec<FetchedOffsetTopic>,
}

/// Kept offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffsetTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<FetchedOffset>,
}

/// One kept offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The partition.
    pub index: i32,
    /// The next offset to read; -1 if none is kept.
    pub offset: Offset,
    /// The epoch of the last record read; not told before version 5.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: Option<String>,
    /// Why it is not told, if so.
    pub error: ErrorCode,
}

impl OffsetFetchRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::OffsetFetchRequest, WireError> {
        let topic = |topic: OffsetFetchTopic| {
            let mut into = request::OffsetFetchRequestTopics::default();
            into.name = topic.name.into();
            into.partition_indexes = topic.partitions;
            into
        };
        let group = |group: OffsetFetchGroup| {
            let mut into = request::OffsetFetchRequestGroup::default();
            into.group_id = group.group_id.into();
            into.member_id = group.member_id.map(Into::into);
            into.member_epoch = group.member_epoch;
            into.topics = group.topics.map(|topics| topics.into_iter().map(topic).collect());
            into
        };
        let mut message = kafka_wire::OffsetFetchRequest::default();
        message.groups = self.groups.into_iter().map(group).collect();
        message.require_stable = self.require_stable;
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::OffsetFetchRequest,
        version: i16,
    ) -> Result<Self, WireError> {
        let require_stable = message.require_stable;
        if version < SEVERAL_SINCE {
            let topic = |topic: request::OffsetFetchRequestTopic| OffsetFetchTopic {
                name: text(topic.name),
                partitions: topic.partition_indexes,
            };
            let only = OffsetFetchGroup {
                group_id: text(message.group_id),
                member_id: None,
                member_epoch: -1,
                topics: message.topics.map(|topics| topics.into_iter().map(topic).collect()),
            };
            return Ok(Self { groups: vec![only], require_stable });
        }
        let topic = |topic: request::OffsetFetchRequestTopics| OffsetFetchTopic {
            name: text(topic.name),
            partitions: topic.partition_indexes,
        };
        let group = |group: request::OffsetFetchRequestGroup| OffsetFetchGroup {
            group_id: text(group.group_id),
            member_id: maybe_text(group.member_id),
            member_epoch: group.member_epoch,
            topics: group.topics.map(|topics| topics.into_iter().map(topic).collect()),
        };
        Ok(Self { groups: message.groups.into_iter().map(group).collect(), require_stable })
    }
}

impl OffsetFetchResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::OffsetFetchResponse {
        let mut message = kafka_wire::OffsetFetchResponse::default();
        if version >= SEVERAL_SINCE {
            message.groups = self.groups.into_iter().map(FetchedGroup::into_codec).collect();
        } else if let Some(only) = self.groups.into_iter().next() {
            let error = only.error;
            message.error_code = if version >= 2 { error.code() } else { 0 };
            let group_error = Some(error).filter(|error| version < 2 && !error.is_none());
            let topics = only.topics.into_iter();
            message.topics = topics.map(|topic| topic.into_codec_of_one(version, group_error)).collect();
        }
        message
    }

    pub(super) fn from_codec(message: kafka_wire::OffsetFetchResponse) -> Self {
        if message.groups.is_empty() {
            let topics = message.topics.into_iter().map(FetchedOffsetTopic::from_codec_of_one).collect();
            let error = message.error_code.into();
            return Self { groups: vec![FetchedGroup { group_id: String::new(), error, topics }] };
        }
        Self { groups: message.groups.into_iter().map(FetchedGroup::from_codec).collect() }
    }
}

impl FetchedGroup {
    fn into_codec(self) -> response::OffsetFetchResponseGroup {
        let partition = |partition: FetchedOffset| {
            let mut into = response::OffsetFetchResponsePartitions::default();
            into.partition_index = partition.index;
            into.committed_offset = partition.offset.0;
            into.committed_leader_epoch = partition.leader_epoch.0;
            into.metadata = partition.metadata.map(Into::into);
            into.error_code = partition.error.code();
            into
        };
        let topic = |topic: FetchedOffsetTopic| {
            let mut into = response::OffsetFetchResponseTopics::default();
            into.name = topic.name.into();
            into.partitions = topic.partitions.into_iter().map(partition).collect();
            into
        };
        let mut into = response::OffsetFetchResponseGroup::default();
        into.group_id = self.group_id.into();
        into.error_code = self.error.code();
        into.topics = self.topics.into_iter().map(topic).collect();
        into
    }

    fn from_codec(group: response::OffsetFetchResponseGroup) -> Self {
        let partition = |partition: response::OffsetFetchResponsePartitions| FetchedOffset {
            index: partition.partition_index,
            offset: Offset(partition.committed_offset),
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: maybe_text(partition.metadata),
            error: partition.error_code.into(),
        };
        let topic = |topic: response::OffsetFetchResponseTopics| FetchedOffsetTopic {
            name: text(topic.name),
            partitions: topic.partitions.into_iter().map(partition).collect(),
        };
        Self {
            group_id: text(group.group_id),
            error: group.error_code.into(),
            topics: group.topics.into_iter().map(topic).collect(),
        }
    }
}

impl FetchedOffsetTopic {
    fn into_codec_of_one(
        self,
        version: i16,
        group_error: Option<ErrorCode>,
    ) -> response::OffsetFetchResponseTopic {
        let partition = |partition: FetchedOffset| {
            let mut into = response::OffsetFetchResponsePartition::default();
            into.partition_index = partition.index;
            into.committed_offset = partition.offset.0;
            into.committed_leader_epoch = if version >= 5 { partition.leader_epoch.0 } else { -1 };
            into.metadata = partition.metadata.map(Into::into);
            into.error_code = group_error.unwrap_or(partition.error).code();
            into
        };
        let mut into = response::OffsetFetchResponseTopic::default();
        into.name = self.name.into();
        into.partitions = self.partitions.into_iter().map(partition).collect();
        into
    }

    fn from_codec_of_one(topic: response::OffsetFetchResponseTopic) -> Self {
        let partition = |partition: response::OffsetFetchResponsePartition| FetchedOffset {
            index: partition.partition_index,
            offset: Offset(partition.committed_offset),
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: maybe_text(partition.metadata),
            error: partition.error_code.into(),
        };
        Self { name: text(topic.name), partitions: topic.partitions.into_iter().map(partition).collect() }
    }
}
