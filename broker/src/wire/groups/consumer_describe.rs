//! ConsumerGroupDescribe: what groups are now whose assignment the coordinator makes (KIP-848).

use kafka_wire::consumer_group_describe_response as response;

use super::{into_texts, maybe_text, text, texts};
use crate::types::TopicId;
use crate::wire::topic_ids::{from_codec_id, into_codec_id};
use crate::wire::{ErrorCode, WireError};

/// Asks what groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupDescribeRequest {
    /// Which.
    pub groups: Vec<String>,
}

/// What they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupDescribeResponse {
    /// In the order of the request.
    pub groups: Vec<DescribedConsumerGroup>,
}

/// What a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConsumerGroup {
    /// Why it cannot be told, if so.
    pub error: ErrorCode,
    /// The error in words.
    pub error_message: Option<String>,
    /// The group.
    pub group_id: String,
    /// Its state by Kafka's name.
    pub state: String,
    /// The group epoch.
    pub epoch: i32,
    /// The epoch of the newest assignment.
    pub assignment_epoch: i32,
    /// Who assigns.
    pub assignor: String,
    /// Its members.
    pub members: Vec<ConsumerMember>,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its name.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Its epoch.
    pub epoch: i32,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// What it reads.
    pub topics: Vec<String>,
    /// What it reads, by pattern.
    pub topics_regex: Option<String>,
    /// What it has.
    pub assignment: Vec<NamedTopicPartitions>,
    /// What it is to have.
    pub target: Vec<NamedTopicPartitions>,
    /// 0 classic, 1 of this protocol, -1 unknown; not told before version 1.
    pub member_type: i8,
}

/// Partitions of one topic, by id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTopicPartitions {
    /// The topic by identity; `None` if it is not known.
    pub topic_id: Option<TopicId>,
    /// The topic by name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

impl ConsumerGroupDescribeRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::ConsumerGroupDescribeRequest, WireError> {
        let mut message = kafka_wire::ConsumerGroupDescribeRequest::default();
        message.group_ids = into_texts(self.groups);
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::ConsumerGroupDescribeRequest,
        _: i16,
    ) -> Result<Self, WireError> {
        Ok(Self { groups: texts(message.group_ids) })
    }
}

impl ConsumerGroupDescribeResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::ConsumerGroupDescribeResponse {
        let mut message = kafka_wire::ConsumerGroupDescribeResponse::default();
        message.groups = self.groups.into_iter().map(|group| group.into_codec(version)).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::ConsumerGroupDescribeResponse) -> Self {
        Self { groups: message.groups.into_iter().map(DescribedConsumerGroup::from_codec).collect() }
    }
}

impl DescribedConsumerGroup {
    fn into_codec(self, version: i16) -> response::DescribedGroup {
        let mut into = response::DescribedGroup::default();
        into.error_code = self.error.code();
        into.error_message = self.error_message.map(Into::into);
        into.group_id = self.group_id.into();
        into.group_state = self.state.into();
        into.group_epoch = self.epoch;
        into.assignment_epoch = self.assignment_epoch;
        into.assignor_name = self.assignor.into();
        into.members = self.members.into_iter().map(|member| member.into_codec(version)).collect();
        into
    }

    fn from_codec(group: response::DescribedGroup) -> Self {
        Self {
            error: group.error_code.into(),
            error_message: maybe_text(group.error_message),
            group_id: text(group.group_id),
            state: text(group.group_state),
            epoch: group.group_epoch,
            assignment_epoch: group.assignment_epoch,
            assignor: text(group.assignor_name),
            members: group.members.into_iter().map(ConsumerMember::from_codec).collect(),
        }
    }
}

impl ConsumerMember {
    fn into_codec(self, version: i16) -> response::Member {
        let mut into = response::Member::default();
        into.member_id = self.member_id.into();
        into.instance_id = self.instance_id.map(Into::into);
        into.rack_id = self.rack.map(Into::into);
        into.member_epoch = self.epoch;
        into.client_id = self.client_id.into();
        into.client_host = self.client_host.into();
        into.subscribed_topic_names = into_texts(self.topics);
        into.subscribed_topic_regex = self.topics_regex.map(Into::into);
        into.assignment = assignment_into_codec(self.assignment);
        into.target_assignment = assignment_into_codec(self.target);
        into.member_type = if version >= 1 { self.member_type } else { -1 };
        into
    }

    fn from_codec(member: response::Member) -> Self {
        Self {
            member_id: text(member.member_id),
            instance_id: maybe_text(member.instance_id),
            rack: maybe_text(member.rack_id),
            epoch: member.member_epoch,
            client_id: text(member.client_id),
            client_host: text(member.client_host),
            topics: texts(member.subscribed_topic_names),
            topics_regex: maybe_text(member.subscribed_topic_regex),
            assignment: assignment_from_codec(member.assignment),
            target: assignment_from_codec(member.target_assignment),
            member_type: member.member_type,
        }
    }
}

fn assignment_into_codec(topics: Vec<NamedTopicPartitions>) -> response::Assignment {
    let mut assignment = response::Assignment::default();
    for topic in topics {
        let mut into = response::TopicPartitions::default();
        into.topic_id = into_codec_id(topic.topic_id);
        into.topic_name = topic.name.into();
        into.partitions = topic.partitions;
        assignment.topic_partitions.push(into);
    }
    assignment
}

fn assignment_from_codec(assignment: response::Assignment) -> Vec<NamedTopicPartitions> {
    let topic = |topic: response::TopicPartitions| NamedTopicPartitions {
        topic_id: from_codec_id(topic.topic_id),
        name: text(topic.topic_name),
        partitions: topic.partitions,
    };
    assignment.topic_partitions.into_iter().map(topic).collect()
}
