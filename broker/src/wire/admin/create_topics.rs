//! CreateTopics: topics to make. What was made is told in full from version 5 on, by its id from version 7 on.

use kafka_wire::create_topics_request as request;
use kafka_wire::create_topics_response as response;

use super::{ConfigSource, maybe_text, text};
use crate::types::TopicId;
use crate::wire::topic_ids::{from_codec_id, into_codec_id};
use crate::wire::{ErrorCode, WireError};

/// Topics to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopicsRequest {
    /// Which.
    pub topics: Vec<NewTopic>,
    /// How long the answer may wait.
    pub timeout_ms: i32,
    /// Only to say whether it could be done.
    pub validate_only: bool,
}

/// A topic to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the default, and with assignments.
    pub partitions: i32,
    /// How many copies of each; -1 for the default, and with assignments.
    pub replication_factor: i16,
    /// Partitions with their replicas, if chosen by hand.
    pub assignments: Vec<(i32, Vec<i32>)>,
    /// Its settings.
    pub configs: Vec<(String, Option<String>)>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopicsResponse {
    /// In the order of the request.
    pub topics: Vec<NewTopicResult>,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopicResult {
    /// Its name.
    pub name: String,
    /// Its id, if it was made.
    pub topic_id: Option<TopicId>,
    /// Why it was not made, if so.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
    /// How many partitions it has; -1 with an error.
    pub partitions: i32,
    /// How many copies of each; -1 with an error.
    pub replication_factor: i16,
    /// Its settings as they apply.
    pub configs: Vec<NewTopicConfig>,
}

/// A setting of a new topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopicConfig {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<String>,
    /// Whether it can never be changed.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
}

impl CreateTopicsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::CreateTopicsRequest, WireError> {
        let mut message = kafka_wire::CreateTopicsRequest::default();
        message.topics = self.topics.into_iter().map(NewTopic::into_codec).collect();
        message.timeout_ms = self.timeout_ms;
        message.validate_only = self.validate_only;
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::CreateTopicsRequest, _: i16) -> Result<Self, WireError> {
        let topics = message.topics.into_iter().map(NewTopic::from_codec).collect();
        Ok(Self { topics, timeout_ms: message.timeout_ms, validate_only: message.validate_only })
    }
}

impl NewTopic {
    fn into_codec(self) -> request::CreatableTopic {
        let assignment = |(index, replicas): (i32, Vec<i32>)| {
            let mut into = request::CreatableReplicaAssignment::default();
            into.partition_index = index;
            into.broker_ids = replicas;
            into
        };
        let config = |(name, value): (String, Option<String>)| {
            let mut into = request::CreatableTopicConfig::default();
            into.name = name.into();
            into.value = value.map(Into::into);
            into
        };
        let mut into = request::CreatableTopic::default();
        into.name = self.name.into();
        into.num_partitions = self.partitions;
        into.replication_factor = self.replication_factor;
        into.assignments = self.assignments.into_iter().map(assignment).collect();
        into.configs = self.configs.into_iter().map(config).collect();
        into
    }

    fn from_codec(topic: request::CreatableTopic) -> Self {
        let assignments = topic.assignments.into_iter();
        Self {
            name: text(topic.name),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            assignments: assignments.map(|one| (one.partition_index, one.broker_ids)).collect(),
            configs: topic.configs.into_iter().map(|one| (text(one.name), maybe_text(one.value))).collect(),
        }
    }
}

impl CreateTopicsResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::CreateTopicsResponse {
        let mut message = kafka_wire::CreateTopicsResponse::default();
        message.topics = self.topics.into_iter().map(|topic| topic.into_codec(version)).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::CreateTopicsResponse) -> Self {
        Self { topics: message.topics.into_iter().map(NewTopicResult::from_codec).collect() }
    }
}

impl NewTopicResult {
    fn into_codec(self, version: i16) -> response::CreatableTopicResult {
        let config = |config: NewTopicConfig| {
            let mut into = response::CreatableTopicConfigs::default();
            into.name = config.name.into();
            into.value = config.value.map(Into::into);
            into.read_only = config.read_only;
            into.config_source = config.source.code();
            into
        };
        let mut into = response::CreatableTopicResult::default();
        into.name = self.name.into();
        into.error_code = self.error.code();
        into.error_message = self.error_message.map(Into::into);
        if version >= 5 {
            into.num_partitions = self.partitions;
            into.replication_factor = self.replication_factor;
            into.configs = Some(self.configs.into_iter().map(config).collect());
        }
        if version >= 7 {
            into.topic_id = into_codec_id(self.topic_id);
        }
        into
    }

    fn from_codec(topic: response::CreatableTopicResult) -> Self {
        let config = |config: response::CreatableTopicConfigs| NewTopicConfig {
            name: text(config.name),
            value: maybe_text(config.value),
            read_only: config.read_only,
            source: ConfigSource::from_code(config.config_source),
        };
        Self {
            name: text(topic.name),
            topic_id: from_codec_id(topic.topic_id),
            error: topic.error_code.into(),
            error_message: maybe_text(topic.error_message),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            configs: topic.configs.unwrap_or_default().into_iter().map(config).collect(),
        }
    }
}
