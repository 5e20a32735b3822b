//! The topic as the cluster tells it to Kafka's clients, and a read of it.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes, BytesMut};
use tidemark::record::{BatchLimits, next_batch, records};
use tidemark::types::{LeaderEpoch, Offset, TopicId};
use tidemark::wire::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, FetchedPartition, MetadataRequest,
    MetadataTopicRequest, Request, Response,
};

use super::super::super::history::Marks;
use super::super::reader::value_in;
use super::super::{Actor, TOPIC};

const FETCH_BYTES_MAX: i32 = 1 << 20;

/// Where the topic's partitions are led, as somebody told.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) id: TopicId,
    leaders: BTreeMap<i32, u32>,
}

impl Topic {
    /// Asks any broker.
    pub(super) async fn ask(actor: &mut Actor) -> Option<Self> {
        let topics = Some(vec![MetadataTopicRequest { name: Some(TOPIC.to_owned()), topic_id: None }]);
        let request = Request::Metadata(MetadataRequest { topics, allow_auto_create: false });
        let broker = actor.any_broker();
        let Ok(Response::Metadata(answer)) = actor.ask(broker, request).await else { return None };
        let told = answer.topics.into_iter().find(|topic| topic.error == ErrorCode::None)?;
        let leader = |broker: i32| u32::try_from(broker).ok();
        let leaders = told.partitions.iter().filter_map(|one| Some((one.index, leader(one.leader?.0)?)));
        Some(Self { id: told.topic_id?, leaders: leaders.collect() })
    }

    pub(super) fn leader(&self, partition: i32) -> Option<u32> {
        self.leaders.get(&partition).copied()
    }

    /// Reads a partition from its leader; noted. The offset to go on from, if it was answered.
    pub(super) async fn read(&self, actor: &mut Actor, partition: i32, from: i64) -> Option<i64> {
        let leader = self.leader(partition)?;
        let Ok(Response::Fetch(answer)) = actor.ask(leader, self.fetch(partition, from)).await else {
            return None;
        };
        let told = answer.topics.into_iter().flat_map(|topic| topic.partitions).next()?;
        if answer.error != ErrorCode::None || told.error != ErrorCode::None {
            return None;
        }
        let found = values_in(&told, from)?;
        let marks = Marks {
            leader_epoch: None,
            high_watermark: Some(told.high_watermark.0),
            log_start: Some(told.log_start_offset.0),
        };
        actor.load.history.read(actor.process, actor.place(partition), from, &found, marks);
        Some(found.last().map_or(from, |(offset, _)| offset + 1))
    }

    fn fetch(&self, partition: i32, from: i64) -> Request {
        let one = FetchPartition {
            index: partition,
            current_leader_epoch: LeaderEpoch::NONE,
            fetch_offset: Offset(from),
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset(-1),
            max_bytes: FETCH_BYTES_MAX,
        };
        let topic =
            FetchTopic { name: Some(TOPIC.to_owned()), topic_id: Some(self.id), partitions: vec![one] };
        Request::Fetch(FetchRequest {
            replica: None,
            max_wait_ms: 300,
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            session_id: 0,
            session_epoch: -1,
            topics: vec![topic],
        })
    }
}

/// The values from `from` on; the last batch may be cut off. `None` if these are no batches.
fn values_in(told: &FetchedPartition, from: i64) -> Option<Vec<(i64, Option<u64>)>> {
    let mut rest: Bytes = told.records.iter().flatten().copied().collect::<BytesMut>().freeze();
    let mut found = Vec::new();
    while let Some((header, _)) = next_batch(&rest).ok()? {
        for record in records(&rest, &BatchLimits::default()).ok()? {
            let text = record.value.as_deref().map(String::from_utf8_lossy);
            if record.offset.0 >= from {
                found.push((record.offset.0, text.and_then(|text| value_in(&text))));
            }
        }
        rest.advance(header.total_len());
    }
    Some(found)
}
