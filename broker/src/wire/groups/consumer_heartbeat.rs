//! ConsumerGroupHeartbeat: the one call of members whose assignment the coordinator makes (KIP-848).

use kafka_wire::consumer_group_heartbeat_request::TopicPartitions as AskedPartitions;
use kafka_wire::consumer_group_heartbeat_response::{Assignment, TopicPartitions as GivenPartitions};

use super::{MemberNote, into_texts, maybe_text, text, texts};
use crate::types::TopicId;
use crate::wire::topic_ids::{from_codec_id, into_codec_id};
use crate::wire::{ErrorCode, WireError};

/// A member joins, stays or leaves. What is `None` is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The member; in version 0 empty the first time.
    pub member_id: String,
    /// Its epoch: 0 joins, -1 leaves, -2 leaves for a while.
    pub member_epoch: i32,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// Where it stands.
    pub rack: Option<String>,
    /// How long it may take to give up partitions.
    pub rebalance_timeout_ms: Option<i32>,
    /// What it reads.
    pub topics: Option<Vec<String>>,
    /// What it reads, by pattern; from version 1 on.
    pub topics_regex: Option<String>,
    /// Who assigns.
    pub assignor: Option<String>,
    /// What it holds.
    pub owned: Option<Vec<TopicPartitions>>,
    /// What only another broker can know of the member; between brokers only.
    pub note: Option<MemberNote>,
}

/// Partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeatResponse {
    /// Why it is not a member, if so.
    pub error: ErrorCode,
    /// The error in words.
    pub error_message: Option<String>,
    /// Its name.
    pub member_id: Option<String>,
    /// Its epoch.
    pub member_epoch: i32,
    /// When to heartbeat again.
    pub heartbeat_interval_ms: i32,
    /// What is assigned to it; `None` if nothing new is to be told.
    pub assignment: Option<Vec<TopicPartitions>>,
}

impl ConsumerGroupHeartbeatRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::ConsumerGroupHeartbeatRequest, WireError> {
        let owned = |owned: TopicPartitions| {
            let mut into = AskedPartitions::default();
            into.topic_id = into_codec_id(Some(owned.topic_id));
            into.partitions = owned.partitions;
            into
        };
        let mut message = kafka_wire::ConsumerGroupHeartbeatRequest::default();
        message.group_id = self.group_id.into();
        message.member_id = self.member_id.into();
        message.member_epoch = self.member_epoch;
        message.instance_id = self.instance_id.map(Into::into);
        message.rack_id = self.rack.map(Into::into);
        message.rebalance_timeout_ms = self.rebalance_timeout_ms.unwrap_or(-1);
        message.subscribed_topic_names = self.topics.map(into_texts);
        message.subscribed_topic_regex = self.topics_regex.map(Into::into);
        message.server_assignor = self.assignor.map(Into::into);
        message.topic_partitions = self.owned.map(|all| all.into_iter().map(owned).collect());
        if let Some(note) = self.note {
            message.unknown_tagged_fields = note.into_fields()?;
        }
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::ConsumerGroupHeartbeatRequest,
        _: i16,
    ) -> Result<Self, WireError> {
        let owned = |owned: AskedPartitions| partitions(owned.topic_id, owned.partitions);
        Ok(Self {
            group_id: text(message.group_id),
            member_id: text(message.member_id),
            member_epoch: message.member_epoch,
            instance_id: maybe_text(message.instance_id),
            rack: maybe_text(message.rack_id),
            rebalance_timeout_ms: Some(message.rebalance_timeout_ms).filter(|ms| *ms >= 0),
            topics: message.subscribed_topic_names.map(texts),
            topics_regex: maybe_text(message.subscribed_topic_regex),
            assignor: maybe_text(message.server_assignor),
            owned: message.topic_partitions.map(|all| all.into_iter().map(owned).collect()),
            note: MemberNote::from_fields(&message.unknown_tagged_fields)?,
        })
    }
}

impl ConsumerGroupHeartbeatResponse {
    /// A refusal.
    #[must_use]
    pub fn refused(error: ErrorCode, message: String) -> Self {
        Self {
            error,
            error_message: Some(message),
            member_id: None,
            member_epoch: 0,
            heartbeat_interval_ms: 0,
            assignment: None,
        }
    }

    pub(super) fn into_codec(self, _: i16) -> kafka_wire::ConsumerGroupHeartbeatResponse {
        let given = |given: TopicPartitions| {
            let mut into = GivenPartitions::default();
            into.topic_id = into_codec_id(Some(given.topic_id));
            into.partitions = given.partitions;
            into
        };
        let assignment = |all: Vec<TopicPartitions>| {
            let mut into = Assignment::default();
            into.topic_partitions = all.into_iter().map(given).collect();
            into
        };
        let mut message = kafka_wire::ConsumerGroupHeartbeatResponse::default();
        message.error_code = self.error.code();
        message.error_message = self.error_message.map(Into::into);
        message.member_id = self.member_id.map(Into::into);
        message.member_epoch = self.member_epoch;
        message.heartbeat_interval_ms = self.heartbeat_interval_ms;
        message.assignment = self.assignment.map(assignment);
        message
    }

    pub(super) fn from_codec(message: kafka_wire::ConsumerGroupHeartbeatResponse) -> Self {
        let given = |given: GivenPartitions| partitions(given.topic_id, given.partitions);
        let assignment = |all: Assignment| all.topic_partitions.into_iter().map(given).collect();
        Self {
            error: message.error_code.into(),
            error_message: maybe_text(message.error_message),
            member_id: maybe_text(message.member_id),
            member_epoch: message.member_epoch,
            heartbeat_interval_ms: message.heartbeat_interval_ms,
            assignment: message.assignment.map(assignment),
        }
    }
}

/// An id of zeros, which is none, stays what it is: no topic has it.
fn partitions(topic_id: kafka_wire_core::Uuid, partitions: Vec<i32>) -> TopicPartitions {
    let nil = TopicId(uuid::Uuid::nil());
    TopicPartitions { topic_id: from_codec_id(topic_id).unwrap_or(nil), partitions }
}
