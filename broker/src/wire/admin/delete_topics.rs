//! DeleteTopics: topics to delete, by name, or by id from version 6 on.

use kafka_wire::delete_topics_request::DeleteTopicState;
use kafka_wire::delete_topics_response::DeletableTopicResult;

use super::{maybe_text, text};
use crate::types::TopicId;
use crate::wire::topic_ids::{from_codec_id, into_codec_id};
use crate::wire::{ErrorCode, WireError};

/// From this version on topics can be named by their ids.
const ID_SINCE: i16 = 6;

/// Topics to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTopicsRequest {
    /// Which.
    pub topics: Vec<DoomedTopic>,
    /// How long the answer may wait.
    pub timeout_ms: i32,
}

/// A topic to delete, by one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedTopic {
    /// Its name.
    pub name: Option<String>,
    /// Its id.
    pub topic_id: Option<TopicId>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTopicsResponse {
    /// In the order of the request.
    pub topics: Vec<DeletedTopic>,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name, as far as it is known.
    pub name: Option<String>,
    /// Its id, as far as it is known; not told before version 6.
    pub topic_id: Option<TopicId>,
    /// Why it is still there, if so.
    pub error: ErrorCode,
    /// The same in words; not told before version 5.
    pub error_message: Option<String>,
}

impl DeleteTopicsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::DeleteTopicsRequest, WireError> {
        let topic = |topic: DoomedTopic| {
            let mut into = DeleteTopicState::default();
            into.name = topic.name.map(Into::into);
            into.topic_id = into_codec_id(topic.topic_id);
            into
        };
        let mut message = kafka_wire::DeleteTopicsRequest::default();
        message.topics = self.topics.into_iter().map(topic).collect();
        message.timeout_ms = self.timeout_ms;
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::DeleteTopicsRequest,
        version: i16,
    ) -> Result<Self, WireError> {
        let topics = if version >= ID_SINCE {
            let topic = |topic: DeleteTopicState| DoomedTopic {
                name: maybe_text(topic.name),
                topic_id: from_codec_id(topic.topic_id),
            };
            message.topics.into_iter().map(topic).collect()
        } else {
            let named = |name| DoomedTopic { name: Some(text(name)), topic_id: None };
            message.topic_names.into_iter().map(named).collect()
        };
        Ok(Self { topics, timeout_ms: message.timeout_ms })
    }
}

impl DeleteTopicsResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::DeleteTopicsResponse {
        let topic = |topic: DeletedTopic| {
            let mut into = DeletableTopicResult::default();
            into.name = topic.name.map(Into::into);
            if version >= ID_SINCE {
                into.topic_id = into_codec_id(topic.topic_id);
            } else if into.name.is_none() {
                // Nobody asked by an id, so everything has a name.
                into.name = Some(Default::default());
            }
            into.error_code = topic.error.code();
            into.error_message = topic.error_message.filter(|_| version >= 5).map(Into::into);
            into
        };
        let mut message = kafka_wire::DeleteTopicsResponse::default();
        message.responses = self.topics.into_iter().map(topic).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::DeleteTopicsResponse) -> Self {
        let topic = |topic: DeletableTopicResult| DeletedTopic {
            name: maybe_text(topic.name),
            topic_id: from_codec_id(topic.topic_id),
            error: topic.error_code.into(),
            error_message: maybe_text(topic.error_message),
        };
        Self { topics: message.responses.into_iter().map(topic).collect() }
    }
}
