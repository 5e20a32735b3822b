//! CreateTopics: topics to make, by counts or with their replicas chosen by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Refusal, repeated, topic_name};
use super::describe::source_of;
use crate::cluster::{Topic, TopicSpec};
use crate::kafka::dispatch::Dispatch;
use crate::types::BrokerId;
use crate::wire::{
    CreateTopicsRequest, CreateTopicsResponse, ErrorCode, NewTopic, NewTopicConfig, NewTopicResult,
};

/// What stands for a count that is left to the default.
const DEFAULT: i32 = -1;

impl Dispatch {
    pub(super) async fn create_topics(&self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let deadline = self.deadline(request.timeout_ms);
        let twice = repeated(request.topics.iter().map(|topic| topic.name.clone()));
        let mut told = BTreeSet::new();
        let mut wanted = request.topics;
        // What is named twice is refused once.
        wanted.retain(|topic| !twice.contains(&topic.name) || told.insert(topic.name.clone()));
        let twice = &twice;
        let one = |topic: NewTopic| async move {
            let name = topic.name.clone();
            let created = async {
                if twice.contains(&topic.name) {
                    let text = "the request names this topic more than once".to_owned();
                    return Err((ErrorCode::InvalidRequest, text));
                }
                let spec = self.spec_of(topic)?;
                let change = self.service.create_new_topic(spec, request.validate_only);
                self.in_time(deadline, change).await
            };
            match created.await {
                Ok(topic) => self.created(name, &topic),
                Err(refusal) => not_created(name, refusal),
            }
        };
        CreateTopicsResponse { topics: self.each(wanted, one).await }
    }

    fn spec_of(&self, topic: NewTopic) -> Result<TopicSpec, Refusal> {
        let name = topic_name(&topic.name)?;
        // What is there already is told before anything else is judged, as by Kafka.
        if self.service.image().topic(&name).is_some() {
            return Err((ErrorCode::TopicAlreadyExists, format!("topic '{name}' already exists")));
        }
        let count = |count: i32, code: ErrorCode, what: &str| match count {
            DEFAULT => Ok(None),
            count if count > 0 => Ok(Some(count)),
            count => {
                Err((code, format!("the {what} must be larger than 0, or -1 for the default, not {count}")))
            }
        };
        let assignment = assignment_of(&topic)?;
        let partitions = count(topic.partitions, ErrorCode::InvalidPartitions, "number of partitions")?;
        let copies = i32::from(topic.replication_factor);
        let replication_factor = count(copies, ErrorCode::InvalidReplicationFactor, "replication factor")?;
        let mut config = BTreeMap::new();
        for (name, value) in topic.configs {
            let Some(value) = value else {
                return Err((ErrorCode::InvalidConfig, format!("setting '{name}' has no value")));
            };
            config.insert(name, value);
        }
        Ok(TopicSpec { name, partitions, replication_factor, assignment, config })
    }

    fn created(&self, name: String, topic: &Topic) -> NewTopicResult {
        let copies = topic.assignment.first().map_or(0, Vec::len);
        let configs = self.service.settings_of(&topic.config).into_iter().map(|view| NewTopicConfig {
            name: view.name,
            value: view.value,
            read_only: view.read_only,
            source: source_of(view.source),
        });
        NewTopicResult {
            name,
            topic_id: Some(topic.id),
            error: ErrorCode::None,
            error_message: None,
            partitions: topic.partition_count(),
            replication_factor: i16::try_from(copies).unwrap_or(i16::MAX),
            configs: configs.collect(),
        }
    }
}

/// The replicas that were chosen by hand, by partition.
fn assignment_of(topic: &NewTopic) -> Result<Option<Vec<Vec<BrokerId>>>, Refusal> {
    if topic.assignments.is_empty() {
        return Ok(None);
    }
    for (given, what) in [
        (i32::from(topic.replication_factor), "replication factor"),
        (topic.partitions, "number of partitions"),
    ] {
        if given != DEFAULT {
            let text = format!("replicas are chosen by hand, so the {what} must be -1, not {given}");
            return Err((ErrorCode::InvalidRequest, text));
        }
    }
    let wrong = |text: String| Err((ErrorCode::InvalidReplicaAssignment, text));
    let mut sorted: Vec<&(i32, Vec<i32>)> = topic.assignments.iter().collect();
    sorted.sort_by_key(|(index, _)| *index);
    for (place, (index, _)) in sorted.iter().enumerate() {
        if place > 0 && sorted[place - 1].0 == *index {
            return wrong(format!("the replicas of partition {index} are given more than once"));
        }
        if usize::try_from(*index) != Ok(place) {
            return wrong("partitions must be numbered from 0 without gaps".to_owned());
        }
    }
    let replicas = |(_, replicas): &(i32, Vec<i32>)| replicas.iter().copied().map(BrokerId).collect();
    Ok(Some(sorted.into_iter().map(replicas).collect()))
}

fn not_created(name: String, (error, text): Refusal) -> NewTopicResult {
    NewTopicResult {
        name,
        topic_id: None,
        error,
        error_message: Some(text),
        partitions: DEFAULT,
        replication_factor: -1,
        configs: Vec::new(),
    }
}
