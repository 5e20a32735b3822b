//! The offsets of partitions that other brokers lead: asked of all leaders at once, and left out where none answers.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::{join, join_all};

use super::broker::Service;
use super::describe::PartitionView;
use crate::types::{BrokerId, Offset, TopicName};
use crate::wire::{
    EpochPartition, EpochTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
    OffsetForLeaderEpochRequest, Request, Response,
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// Partition numbers with the offset that their leader told.
type Told = Vec<(i32, Offset)>;

impl Service {
    /// Fills in the offsets of the views that `elsewhere` lists, by the broker that leads.
    pub(super) async fn describe_elsewhere(
        &self,
        topic: &TopicName,
        views: &mut [PartitionView],
        elsewhere: BTreeMap<BrokerId, Vec<usize>>,
        deadline: Instant,
    ) {
        let asked = elsewhere.into_iter().map(|(leader, at)| {
            let mine: Vec<&PartitionView> = at.iter().filter_map(|at| views.get(*at)).collect();
            self.ask_offsets(leader, topic, mine, deadline)
        });
        for (starts, marks, ends) in join_all(asked).await {
            let told = |told: &Told, view: &PartitionView| {
                told.iter().find(|(index, _)| *index == view.partition.0).map(|(_, offset)| *offset)
            };
            for view in views.iter_mut() {
                view.log_start = view.log_start.or_else(|| told(&starts, view));
                view.high_watermark = view.high_watermark.or_else(|| told(&marks, view));
                view.log_end = view.log_end.or_else(|| told(&ends, view));
            }
        }
    }

    async fn ask_offsets(
        &self,
        leader: BrokerId,
        topic: &TopicName,
        views: Vec<&PartitionView>,
        deadline: Instant,
    ) -> (Told, Told, Told) {
        let starts = self.list(leader, list_request(topic, &views, EARLIEST), deadline);
        let marks = self.list(leader, list_request(topic, &views, LATEST), deadline);
        let ends = self.list(leader, end_request(topic, &views), deadline);
        let (starts, (marks, ends)) = join(starts, join(marks, ends)).await;
        (starts, marks, ends)
    }

    async fn list(&self, leader: BrokerId, request: Request, deadline: Instant) -> Told {
        match self.parts.forward.call(leader, request, deadline).await {
            Ok(Response::ListOffsets(response)) => {
                let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
                let answered = partitions.filter(|partition| partition.error.is_none());
                answered.map(|partition| (partition.index, partition.offset)).collect()
            }
            Ok(Response::OffsetForLeaderEpoch(response)) => {
                let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
                let answered = partitions.filter(|partition| partition.error.is_none());
                answered.map(|partition| (partition.index, partition.end_offset)).collect()
            }
            _ => Told::new(),
        }
    }
}

fn list_request(topic: &TopicName, views: &[&PartitionView], timestamp_ms: i64) -> Request {
    let partitions = views.iter().map(|view| ListOffsetsPartition {
        index: view.partition.0,
        current_leader_epoch: view.leader_epoch,
        timestamp_ms,
    });
    let topic = ListOffsetsTopic { name: topic.as_str().to_owned(), partitions: partitions.collect() };
    Request::ListOffsets(ListOffsetsRequest { replica: None, topics: vec![topic] })
}

/// The end of the present epoch is the end of the log.
fn end_request(topic: &TopicName, views: &[&PartitionView]) -> Request {
    let partitions = views.iter().map(|view| EpochPartition {
        index: view.partition.0,
        current_leader_epoch: view.leader_epoch,
        leader_epoch: view.leader_epoch,
    });
    let topic = EpochTopic { name: topic.as_str().to_owned(), partitions: partitions.collect() };
    Request::OffsetForLeaderEpoch(OffsetForLeaderEpochRequest { replica: None, topics: vec![topic] })
}
