//! Metadata: the newest image in Kafka's words, and topics created by being asked for.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::{info, warn};

use super::dispatch::Dispatch;
use super::errors::creation_code;
use crate::cluster::{Image, Topic, TopicSpec};
use crate::types::{BrokerId, LeaderEpoch, PartitionRecord, TopicId, TopicName};
use crate::wire::{
    ErrorCode, MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic,
    MetadataTopicRequest,
};

/// How long an answer waits for a topic that it creates; after that the client is told to ask again.
const CREATION_WAIT: Duration = Duration::from_secs(3);

/// A topic that was asked for, as far as it is known.
enum Asked {
    Named(TopicName),
    Id(TopicId),
    Refused(MetadataTopicRequest, ErrorCode),
}

impl Dispatch {
    pub(super) async fn metadata(&self, request: MetadataRequest) -> MetadataResponse {
        let Some(asked) = request.topics else {
            let image = self.service.image();
            let topics = image.topics.values().map(|topic| describe(&image, topic)).collect();
            return response(&image, topics);
        };
        let mut asked: Vec<Asked> = asked.into_iter().map(read).collect();
        if request.allow_auto_create && self.auto_create_topics {
            self.create_missing(&mut asked).await;
        }
        let image = self.service.image();
        let topics = asked.into_iter().map(|asked| look_up(&image, asked)).collect();
        response(&image, topics)
    }

    /// Creates the topics that are not there; those that could not be created are refused.
    async fn create_missing(&self, asked: &mut [Asked]) {
        let image = self.service.image();
        let missing = asked.iter_mut().filter_map(|asked| match asked {
            Asked::Named(name) if !name.is_internal() && image.topic(name).is_none() => {
                let name = name.clone();
                Some(async move {
                    if let Err(error) = self.create(&name).await {
                        let request =
                            MetadataTopicRequest { name: Some(name.as_str().to_owned()), topic_id: None };
                        *asked = Asked::Refused(request, error);
                    }
                })
            }
            _ => None,
        });
        join_all(missing).await;
    }

    async fn create(&self, name: &TopicName) -> Result<(), ErrorCode> {
        let Ok(_place) = self.creations.try_acquire() else { return Err(ErrorCode::LeaderNotAvailable) };
        let spec = TopicSpec {
            name: name.clone(),
            partitions: None,
            replication_factor: None,
            assignment: None,
            config: std::collections::BTreeMap::new(),
        };
        match tokio::time::timeout(CREATION_WAIT, self.service.create_topic(spec)).await {
            Ok(Ok(_)) => {
                info!(topic = %name, "a topic was created by being asked for at the Kafka port");
                Ok(())
            }
            Ok(Err(error)) => {
                warn!(topic = %name, %error, "a topic could not be created by being asked for");
                Err(creation_code(&error))
            }
            Err(_) => Err(ErrorCode::LeaderNotAvailable),
        }
    }
}

fn read(asked: MetadataTopicRequest) -> Asked {
    match (&asked.name, asked.topic_id) {
        (Some(name), _) => match TopicName::new(name) {
            Ok(name) => Asked::Named(name),
            Err(_) => Asked::Refused(asked, ErrorCode::InvalidTopic),
        },
        (None, Some(id)) => Asked::Id(id),
        (None, None) => Asked::Refused(asked, ErrorCode::InvalidRequest),
    }
}

fn look_up(image: &Image, asked: Asked) -> MetadataTopic {
    match asked {
        Asked::Named(name) => match image.topic(&name) {
            Some(topic) => describe(image, topic),
            None => unknown(Some(name.as_str().to_owned()), None, ErrorCode::UnknownTopicOrPartition),
        },
        Asked::Id(id) => match image.topic_by_id(id) {
            Some(topic) => describe(image, topic),
            None => unknown(None, Some(id), ErrorCode::UnknownTopicId),
        },
        Asked::Refused(request, error) => unknown(request.name, request.topic_id, error),
    }
}

fn unknown(name: Option<String>, topic_id: Option<TopicId>, error: ErrorCode) -> MetadataTopic {
    MetadataTopic { error, name, topic_id, is_internal: false, partitions: Vec::new() }
}

fn describe(image: &Image, topic: &Topic) -> MetadataTopic {
    let records = topic.partitions.iter().zip(&topic.assignment).zip(0..);
    MetadataTopic {
        error: ErrorCode::None,
        name: Some(topic.name.as_str().to_owned()),
        topic_id: Some(topic.id),
        is_internal: topic.name.is_internal(),
        partitions: records
            .map(|((record, replicas), index)| partition(image, index, record.as_deref(), replicas))
            .collect(),
    }
}

fn partition(
    image: &Image,
    index: i32,
    record: Option<&PartitionRecord>,
    assigned: &[BrokerId],
) -> MetadataPartition {
    let state = record.map(|record| &record.state);
    let replicas = state.map_or(assigned, |state| &state.replicas).to_vec();
    // Clients look leaders up in the list of brokers, where only live ones stand.
    let leader = state.and_then(|state| state.leader).filter(|leader| image.is_live(*leader));
    MetadataPartition {
        error: if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable },
        index,
        leader: leader.map(|leader| leader.broker),
        leader_epoch: state.map_or(LeaderEpoch::NONE, |state| state.leader_epoch),
        isr: state.map_or_else(Vec::new, |state| state.isr.iter().map(|member| member.broker).collect()),
        offline: replicas.iter().copied().filter(|broker| image.living(*broker).is_none()).collect(),
        replicas,
    }
}

fn response(image: &Image, topics: Vec<MetadataTopic>) -> MetadataResponse {
    let live = image.live_brokers().filter_map(|id| Some((id, image.endpoint(id)?)));
    let brokers = live.map(|(id, registration)| MetadataBroker {
        id,
        host: registration.kafka.host.clone(),
        port: i32::from(registration.kafka.port),
        rack: registration.rack.clone(),
    });
    MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: image.cluster.as_ref().map(|cluster| cluster.id.to_string()),
        controller: image.controller.map(|seat| seat.broker).filter(|id| image.living(*id).is_some()),
        topics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::tests::fixture::{ORDERS, image};

    fn asked(name: &str) -> Asked {
        read(MetadataTopicRequest { name: Some(name.to_owned()), topic_id: None })
    }

    #[test]
    fn only_a_leader_that_lives_in_the_life_of_the_record_is_named() {
        let image = image();
        let topic = look_up(&image, asked("orders"));
        let leaders: Vec<_> =
            topic.partitions.iter().map(|partition| partition.leader.map(|id| id.0)).collect();
        assert_eq!(leaders, [Some(1), None, None, None, Some(3)]);
        for (partition, leader) in topic.partitions.iter().zip(leaders) {
            let expected = if leader.is_some() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
            assert_eq!((partition.error, &partition.offline), (expected, &vec![BrokerId(2)]));
        }
        assert_eq!((topic.topic_id, topic.error), (Some(ORDERS), ErrorCode::None));
    }

    #[test]
    fn brokers_without_a_lease_are_not_listed() {
        let response = response(&image(), Vec::new());
        let ids: Vec<_> = response.brokers.iter().map(|broker| (broker.id.0, broker.host.as_str())).collect();
        assert_eq!(ids, [(1, "host1"), (3, "host3")]);
    }

    #[test]
    fn what_is_not_there_says_so_by_the_name_it_was_asked_by() {
        let image = image();
        let error = |asked| look_up(&image, asked).error;
        assert_eq!(error(asked("nothing")), ErrorCode::UnknownTopicOrPartition);
        assert_eq!(error(asked("..")), ErrorCode::InvalidTopic);
        assert_eq!(error(asked(&"x".repeat(1_000_000))), ErrorCode::InvalidTopic);
        assert_eq!(error(Asked::Id(TopicId(uuid::Uuid::from_u128(8)))), ErrorCode::UnknownTopicId);
        assert_eq!(
            error(read(MetadataTopicRequest { name: None, topic_id: None })),
            ErrorCode::InvalidRequest
        );
    }
}
