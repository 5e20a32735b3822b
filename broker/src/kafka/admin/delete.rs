//! DeleteTopics: topics to delete, each by its name or by its id.

use super::call::{Refusal, refusal, repeated, topic_name};
use crate::kafka::dispatch::Dispatch;
use crate::service::AdminError;
use crate::types::TopicId;
use crate::wire::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic, DoomedTopic, ErrorCode};

impl Dispatch {
    pub(super) async fn delete_topics(&self, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
        let deadline = self.deadline(request.timeout_ms);
        // By whatever each is named: the same topic may stand there by its name and by its id.
        let image = self.service.image();
        let named = |topic: &DoomedTopic| {
            let by_id =
                topic.topic_id.and_then(|id| image.topic_by_id(id)).map(|topic| topic.name.to_string());
            (topic.name.clone().or(by_id), topic.topic_id.filter(|_| topic.name.is_none()))
        };
        let names = repeated(request.topics.iter().filter_map(|topic| named(topic).0));
        let ids = repeated(request.topics.iter().filter_map(|topic| named(topic).1));
        let one = |topic: DoomedTopic| {
            let (name, id) = named(&topic);
            let is_twice = name.as_ref().is_some_and(|name| names.contains(name))
                || id.as_ref().is_some_and(|id| ids.contains(id));
            async move {
                if is_twice {
                    let text = "the request names this topic more than once".to_owned();
                    return not_deleted(topic, (ErrorCode::InvalidRequest, text));
                }
                self.delete(topic, deadline).await
            }
        };
        DeleteTopicsResponse { topics: self.each(request.topics, one).await }
    }

    async fn delete(&self, topic: DoomedTopic, deadline: std::time::Instant) -> DeletedTopic {
        match (&topic.name, topic.topic_id) {
            (Some(_), Some(_)) => {
                let text = "name a topic by its name or by its id, not by both".to_owned();
                not_deleted(topic, (ErrorCode::InvalidRequest, text))
            }
            (None, None) => {
                let text = "a topic is named neither by its name nor by its id".to_owned();
                not_deleted(topic, (ErrorCode::InvalidRequest, text))
            }
            (Some(name), None) => {
                // A name that cannot be is the name of no topic.
                let name = match topic_name(name) {
                    Ok(name) => name,
                    Err((_, text)) => {
                        return not_deleted(topic, (ErrorCode::UnknownTopicOrPartition, text));
                    }
                };
                let id = self.service.image().topic(&name).map(|topic| topic.id);
                match self.in_time(deadline, self.service.delete_topic(&name)).await {
                    Ok(()) => deleted(Some(name.to_string()), id),
                    Err(refusal) => not_deleted(topic, refusal),
                }
            }
            (None, Some(id)) => {
                let change = async {
                    match self.service.delete_topic_by_id(id).await {
                        Ok(name) => Ok(Ok(name)),
                        Err(None) => Ok(Err((ErrorCode::UnknownTopicId, "no topic has this id".to_owned()))),
                        Err(Some(error)) => Ok::<_, AdminError>(Err(refusal(&error))),
                    }
                };
                match self.in_time(deadline, change).await.and_then(|outcome| outcome) {
                    Ok(name) => deleted(Some(name.to_string()), Some(id)),
                    Err(refusal) => not_deleted(topic, refusal),
                }
            }
        }
    }
}

fn deleted(name: Option<String>, topic_id: Option<TopicId>) -> DeletedTopic {
    DeletedTopic { name, topic_id, error: ErrorCode::None, error_message: None }
}

fn not_deleted(topic: DoomedTopic, (error, text): Refusal) -> DeletedTopic {
    DeletedTopic { name: topic.name, topic_id: topic.topic_id, error, error_message: Some(text) }
}
