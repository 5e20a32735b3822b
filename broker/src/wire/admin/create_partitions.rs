//! CreatePartitions: topics that are to have more partitions.

use kafka_wire::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use kafka_wire::create_partitions_response::CreatePartitionsTopicResult;

use super::{maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// Topics that are to have more partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitionsRequest {
    /// Which.
    pub topics: Vec<NewPartitions>,
    /// How long the answer may wait.
    pub timeout_ms: i32,
    /// Only to say whether it could be done.
    pub validate_only: bool,
}

/// How many partitions a topic is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic.
    pub name: String,
    /// How many in all.
    pub count: i32,
    /// The replicas of the new ones, if chosen by hand.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitionsResponse {
    /// In the order of the request.
    pub topics: Vec<CreatedPartitions>,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedPartitions {
    /// The topic.
    pub name: String,
    /// Why it has no more partitions, if so.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
}

impl CreatePartitionsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::CreatePartitionsRequest, WireError> {
        let assignment = |replicas: Vec<i32>| {
            let mut into = CreatePartitionsAssignment::default();
            into.broker_ids = replicas;
            into
        };
        let topic = |topic: NewPartitions| {
            let mut into = CreatePartitionsTopic::default();
            into.name = topic.name.into();
            into.count = topic.count;
            into.assignments = topic.assignments.map(|all| all.into_iter().map(assignment).collect());
            into
        };
        let mut message = kafka_wire::CreatePartitionsRequest::default();
        message.topics = self.topics.into_iter().map(topic).collect();
        message.timeout_ms = self.timeout_ms;
        message.validate_only = self.validate_only;
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::CreatePartitionsRequest,
        _: i16,
    ) -> Result<Self, WireError> {
        let topic = |topic: CreatePartitionsTopic| NewPartitions {
            name: text(topic.name),
            count: topic.count,
            assignments: topic.assignments.map(|all| all.into_iter().map(|one| one.broker_ids).collect()),
        };
        let topics = message.topics.into_iter().map(topic).collect();
        Ok(Self { topics, timeout_ms: message.timeout_ms, validate_only: message.validate_only })
    }
}

impl CreatePartitionsResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::CreatePartitionsResponse {
        let topic = |topic: CreatedPartitions| {
            let mut into = CreatePartitionsTopicResult::default();
            into.name = topic.name.into();
            into.error_code = topic.error.code();
            into.error_message = topic.error_message.map(Into::into);
            into
        };
        let mut message = kafka_wire::CreatePartitionsResponse::default();
        message.results = self.topics.into_iter().map(topic).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::CreatePartitionsResponse) -> Self {
        let topic = |topic: CreatePartitionsTopicResult| CreatedPartitions {
            name: text(topic.name),
            error: topic.error_code.into(),
            error_message: maybe_text(topic.error_message),
        };
        Self { topics: message.results.into_iter().map(topic).collect() }
    }
}
