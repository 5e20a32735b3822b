//! Fetch: records out, to consumers and to the replicas of other brokers.
//!
//! There are no fetch sessions: every answer says session 0, and so clients name all their partitions each time.

use std::time::Duration;

use bytes::Bytes;

use super::dispatch::Dispatch;
use super::errors::fetch_code;
use super::handler::{Caller, Outcome};
use crate::service::{Admitted, FetchError, FetchMany, FetchOne, FetchedOne, PartitionKey, Reader};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    ErrorCode, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, FetchedTopic,
    Response,
};

/// How long a consumer is kept waiting for nothing when too much is being read at once.
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(100);

impl Dispatch {
    pub(super) async fn fetch(&self, caller: Caller, request: FetchRequest) -> Outcome {
        // Epochs 0 and -1 name all partitions; others refer to a session, of which there is none.
        if request.session_epoch > 0 {
            let response = FetchResponse { error: ErrorCode::FetchSessionIdNotFound, topics: Vec::new() };
            return Outcome::Answer(Response::Fetch(response), None);
        }
        let reader = request.replica.map_or(Reader::Consumer, Reader::Replica);
        let mut partitions = Vec::new();
        let asked: Vec<Vec<Option<usize>>> =
            request.topics.iter().map(|topic| read_topic(topic, &mut partitions)).collect();
        let fetch = FetchMany {
            reader,
            partitions,
            wait: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
            min_bytes: size(request.min_bytes),
            max_bytes: size(request.max_bytes),
        };
        let mut answers = self.service.fetch_many(fetch).await;
        let admitted = if reader == Reader::Consumer { self.admit(&mut answers).await } else { None };
        if caller.link.is_none() {
            be_patient(&mut answers).await;
        }
        let mut answers: Vec<Option<FetchedOne>> = answers.into_iter().map(Some).collect();
        let topics = request.topics.into_iter().zip(asked).map(|(topic, asked)| {
            let partitions = topic.partitions.iter().zip(asked);
            let answered = partitions.map(|(partition, at)| match at.and_then(|at| answers[at].take()) {
                Some(answer) => answered(partition.index, answer),
                None => unknown(partition.index),
            });
            FetchedTopic { partitions: answered.collect(), name: topic.name, topic_id: topic.topic_id }
        });
        let response = FetchResponse { error: ErrorCode::None, topics: topics.collect() };
        Outcome::Answer(Response::Fetch(response), admitted)
    }

    /// Takes what was read out of the budget of answers; if that is used up, nothing is sent this time.
    async fn admit(&self, answers: &mut [FetchedOne]) -> Option<Admitted> {
        let bytes = answers.iter().flat_map(|answer| &answer.batches).map(Bytes::len).sum();
        if let Ok(admitted) = self.service.reads().admit(bytes) {
            return Some(admitted);
        }
        self.service.metrics().rejected_overload.inc();
        answers.iter_mut().for_each(|answer| answer.batches.clear());
        tokio::time::sleep(PAUSE_WHEN_FULL).await;
        None
    }
}

/// Kafka's clients know no "too many readers wait": they get nothing for now, after a pause, and ask again.
async fn be_patient(answers: &mut [FetchedOne]) {
    let mut full = false;
    for answer in answers {
        full |= answer.error.take_if(|error| *error == FetchError::Overloaded).is_some();
    }
    if full {
        tokio::time::sleep(PAUSE_WHEN_FULL).await;
    }
}

/// Adds the topic's partitions to `reads`: where each one is there, if it can be read at all.
fn read_topic(topic: &FetchTopic, reads: &mut Vec<FetchOne>) -> Vec<Option<usize>> {
    let name = topic.name.as_deref().and_then(|name| TopicName::new(name).ok());
    let key = |index| match (topic.topic_id, &name) {
        (Some(id), _) => Some(PartitionKey::Id(id, index)),
        (None, Some(name)) => Some(PartitionKey::Name(TopicPartition::new(name.clone(), index))),
        (None, None) => None,
    };
    let places = topic.partitions.iter().map(|partition| {
        let key = key(PartitionIndex(partition.index))?;
        reads.push(read(key, partition));
        Some(reads.len() - 1)
    });
    places.collect()
}

fn read(key: PartitionKey, partition: &FetchPartition) -> FetchOne {
    FetchOne {
        key,
        from: partition.fetch_offset,
        leader_epoch: partition.current_leader_epoch,
        last_fetched_epoch: partition.last_fetched_epoch,
        log_start: partition.log_start_offset,
        max_bytes: size(partition.max_bytes),
    }
}

fn answered(index: i32, answer: FetchedOne) -> FetchedPartition {
    FetchedPartition {
        index,
        error: answer.error.as_ref().map_or(ErrorCode::None, fetch_code),
        high_watermark: answer.high_watermark,
        log_start_offset: answer.log_start,
        diverging: answer.diverging,
        leader: answer.leader,
        records: answer.batches,
    }
}

fn unknown(index: i32) -> FetchedPartition {
    FetchedPartition {
        index,
        error: ErrorCode::UnknownTopicOrPartition,
        high_watermark: Offset::NONE,
        log_start_offset: Offset::NONE,
        diverging: None,
        leader: None,
        records: Vec::new(),
    }
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
