//! ListOffsets and OffsetForLeaderEpoch: the ends of a log, offsets by time, the ends of epochs.

use futures_util::future::join_all;

use super::dispatch::Dispatch;
use super::errors::fetch_code;
use crate::service::{FetchError, FoundOffset, OffsetQuery};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    DEBUGGING_REPLICA, EpochEndPartition, EpochEndTopic, EpochPartition, ErrorCode, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListedPartition, ListedTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

impl Dispatch {
    pub(super) async fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let partitions = if request.replica == Some(DEBUGGING_REPLICA) {
                topic.partitions.iter().map(|partition| self.end_here(&topic.name, partition)).collect()
            } else {
                join_all(topic.partitions.iter().map(|partition| self.list_one(&topic.name, partition))).await
            };
            topics.push(ListedTopic { partitions, name: topic.name });
        }
        ListOffsetsResponse { topics }
    }

    /// The end of the log here, whoever leads.
    fn end_here(&self, topic: &str, asked: &ListOffsetsPartition) -> ListedPartition {
        let end = partition(topic, asked.index).and_then(|tp| self.service.replica_end(&tp));
        let error = match end {
            _ if asked.timestamp_ms != -1 => ErrorCode::InvalidRequest,
            None => ErrorCode::UnknownTopicOrPartition,
            Some(_) => ErrorCode::None,
        };
        let offset = end.filter(|_| error.is_none()).unwrap_or(Offset::NONE);
        ListedPartition {
            index: asked.index,
            error,
            timestamp_ms: -1,
            offset,
            leader_epoch: LeaderEpoch::NONE,
        }
    }

    async fn list_one(&self, topic: &str, asked: &ListOffsetsPartition) -> ListedPartition {
        let found = match (partition(topic, asked.index), query(asked.timestamp_ms)) {
            (None, _) => Err(ErrorCode::UnknownTopicOrPartition),
            (_, None) => Err(ErrorCode::InvalidRequest),
            (Some(tp), Some(query)) => {
                let epoch = known(asked.current_leader_epoch);
                let found = self.service.offset(&tp, query, epoch, false).await;
                found.map_err(|error| fetch_code(&error))
            }
        };
        let nothing = FoundOffset { offset: Offset::NONE, timestamp_ms: -1, leader_epoch: LeaderEpoch::NONE };
        let error = found.err().unwrap_or_default();
        let found = found.unwrap_or(nothing);
        ListedPartition {
            index: asked.index,
            error,
            timestamp_ms: found.timestamp_ms,
            offset: found.offset,
            leader_epoch: found.leader_epoch,
        }
    }

    pub(super) fn epoch_ends(&self, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions =
                topic.partitions.iter().map(|asked| self.epoch_end(&topic.name, asked)).collect();
            EpochEndTopic { partitions, name: topic.name }
        });
        OffsetForLeaderEpochResponse { topics: topics.collect() }
    }

    fn epoch_end(&self, topic: &str, asked: &EpochPartition) -> EpochEndPartition {
        let unknown = || FetchError::Replica(ErrorCode::UnknownTopicOrPartition);
        let end = partition(topic, asked.index).ok_or_else(unknown).and_then(|tp| {
            self.service.epoch_end(&tp, asked.leader_epoch, known(asked.current_leader_epoch))
        });
        let (leader_epoch, end_offset) =
            end.as_ref().map_or((LeaderEpoch::NONE, Offset::NONE), |end| (end.epoch, end.end));
        let error = end.as_ref().err().map_or(ErrorCode::None, fetch_code);
        EpochEndPartition { index: asked.index, error, leader_epoch, end_offset }
    }
}

fn partition(topic: &str, index: i32) -> Option<TopicPartition> {
    Some(TopicPartition::new(TopicName::new(topic).ok()?, PartitionIndex(index)))
}

fn query(timestamp_ms: i64) -> Option<OffsetQuery> {
    match timestamp_ms {
        -1 => Some(OffsetQuery::Latest),
        -2 => Some(OffsetQuery::Earliest),
        -3 => Some(OffsetQuery::MaxTimestamp),
        0.. => Some(OffsetQuery::Timestamp(timestamp_ms)),
        _ => None,
    }
}

fn known(epoch: LeaderEpoch) -> Option<LeaderEpoch> {
    (epoch != LeaderEpoch::NONE).then_some(epoch)
}
