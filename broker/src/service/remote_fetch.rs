//! Fetch and offsets at another broker, in the words of the Kafka port, and its answer in ours.

use std::time::Instant;

use bytes::Bytes;

use super::broker::Service;
use super::errors::FetchError;
use super::fetch::{FetchFrom, Fetched, Reading, tail};
use super::forward::ForwardError;
use super::offsets::{FoundOffset, OffsetQuery};
use crate::record::next_batch;
use crate::types::{Incarnation, LeaderEpoch, Offset, TopicId, TopicPartition};
use crate::wire::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, FetchedPartition, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsTopic, Request, Response,
};

/// Kafka's way to say "no fetch session".
const NO_SESSION: (i32, i32) = (0, -1);

impl Service {
    /// Asks the broker that leads, as long as it leads.
    pub(super) async fn ask(
        &self,
        tp: &TopicPartition,
        leader: Incarnation,
        request: Request,
        deadline: Instant,
    ) -> Result<Response, FetchError> {
        self.parts.metrics.forwards.inc();
        let answer = tokio::select! {
            biased;
            answer = self.parts.forward.call(leader.broker, request, deadline) => answer,
            () = self.deposed(tp, leader) => Err(ForwardError::Unknown("it lost the leadership".to_owned())),
        };
        answer.map_err(|error| {
            self.parts.metrics.forward_errors.inc();
            FetchError::NoLeader { tp: tp.clone(), reason: format!("broker {leader}: {error}") }
        })
    }

    /// Reads at the broker that leads.
    pub(super) async fn fetch_there(
        &self,
        reading: &mut Reading,
        leader: Incarnation,
        epoch: LeaderEpoch,
        topic_id: TopicId,
    ) -> Result<Fetched, FetchError> {
        if let Some(asked) = reading.fetch.leader_epoch.filter(|seen| *seen > epoch) {
            return Err(FetchError::UnknownEpoch { asked, current: epoch });
        }
        let from = self.resolve_there(reading, leader, epoch).await?;
        reading.from = FetchFrom::Offset(from);
        let wait = reading.wait_until.saturating_duration_since(self.parts.clock.now());
        let seat =
            if wait.is_zero() { None } else { Some(self.seats.sit().map_err(|_| FetchError::Overloaded)?) };
        let max_bytes = reading.fetch.max_bytes.min(self.parts.options.fetch_bytes_max);
        let partition = FetchPartition {
            index: reading.fetch.tp.partition.0,
            current_leader_epoch: epoch,
            fetch_offset: from,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::NONE,
            max_bytes: int(max_bytes),
        };
        let topic = FetchTopic {
            name: Some(reading.fetch.tp.topic.as_str().to_owned()),
            topic_id: Some(topic_id),
            partitions: vec![partition],
        };
        let request = FetchRequest {
            replica: None,
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: int(reading.fetch.min_bytes.clamp(1, max_bytes.max(1))),
            max_bytes: int(max_bytes),
            session_id: NO_SESSION.0,
            session_epoch: NO_SESSION.1,
            topics: vec![topic],
        };
        let answer = self.ask(&reading.fetch.tp, leader, Request::Fetch(request), reading.deadline).await?;
        drop(seat);
        let Response::Fetch(mut response) = answer else { return Err(nonsense(&reading.fetch.tp)) };
        let partition = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
        let answered = match partition {
            Some(partition) if partition.index == reading.fetch.tp.partition.0 => partition,
            _ if !response.error.is_none() => {
                return Err(refusal(&reading.fetch.tp, response.error, from, None));
            }
            _ => return Err(nonsense(&reading.fetch.tp)),
        };
        self.fetched_there(reading, from, leader, epoch, answered)
    }

    fn fetched_there(
        &self,
        reading: &Reading,
        from: Offset,
        leader: Incarnation,
        epoch: LeaderEpoch,
        answered: FetchedPartition,
    ) -> Result<Fetched, FetchError> {
        if !answered.error.is_none() {
            return Err(refusal(&reading.fetch.tp, answered.error, from, Some(&answered)));
        }
        let batches: Vec<Bytes> = answered.records.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let next_offset = batches.last().map_or(Ok(from), |last| end_of(last))?;
        let admitted =
            self.reads.admit(batches.iter().map(Bytes::len).sum()).map_err(|_| FetchError::Overloaded)?;
        Ok(Fetched {
            batches,
            from,
            next_offset,
            high_watermark: answered.high_watermark,
            log_start: answered.log_start_offset,
            leader_epoch: epoch,
            leader: leader.broker,
            admitted: Some(admitted),
        })
    }

    async fn resolve_there(
        &self,
        reading: &Reading,
        leader: Incarnation,
        epoch: LeaderEpoch,
    ) -> Result<Offset, FetchError> {
        let ask =
            async |query| self.offset_there(&reading.fetch.tp, query, leader, epoch, reading.deadline).await;
        Ok(match reading.from {
            FetchFrom::Offset(offset) => offset,
            FetchFrom::Earliest => ask(OffsetQuery::Earliest).await?.offset,
            FetchFrom::Latest => ask(OffsetQuery::Latest).await?.offset,
            FetchFrom::Timestamp(timestamp_ms) => {
                let found = ask(OffsetQuery::Timestamp(timestamp_ms)).await?.offset;
                if found == Offset::NONE { ask(OffsetQuery::Latest).await?.offset } else { found }
            }
            FetchFrom::Tail(count) => {
                let start = ask(OffsetQuery::Earliest).await?.offset;
                tail(start, ask(OffsetQuery::Latest).await?.offset, count)
            }
        })
    }

    /// Answers `query` at the broker that leads.
    pub(super) async fn offset_there(
        &self,
        tp: &TopicPartition,
        query: OffsetQuery,
        leader: Incarnation,
        epoch: LeaderEpoch,
        deadline: Instant,
    ) -> Result<FoundOffset, FetchError> {
        let partition = ListOffsetsPartition {
            index: tp.partition.0,
            current_leader_epoch: epoch,
            timestamp_ms: query.in_wire_terms(),
        };
        let topic = ListOffsetsTopic { name: tp.topic.as_str().to_owned(), partitions: vec![partition] };
        let request = Request::ListOffsets(ListOffsetsRequest { replica: None, topics: vec![topic] });
        let Response::ListOffsets(mut response) = self.ask(tp, leader, request, deadline).await? else {
            return Err(nonsense(tp));
        };
        let partition = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
        let answered = partition.filter(|partition| partition.index == tp.partition.0);
        let answered = answered.ok_or_else(|| nonsense(tp))?;
        if !answered.error.is_none() {
            return Err(refusal(tp, answered.error, Offset::NONE, None));
        }
        Ok(FoundOffset { offset: answered.offset, timestamp_ms: answered.timestamp_ms, leader_epoch: epoch })
    }
}

fn int(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

fn nonsense(tp: &TopicPartition) -> FetchError {
    FetchError::NoLeader { tp: tp.clone(), reason: "its leader answered another request".to_owned() }
}

/// One past the last record of whole batches.
fn end_of(batches: &[u8]) -> Result<Offset, FetchError> {
    let torn = |reason: String| FetchError::Storage { reason };
    let (mut rest, mut end) = (batches, None);
    while let Some((header, batch)) = next_batch(rest).map_err(|error| torn(error.to_string()))? {
        end = Some(header.next_offset());
        rest = &rest[batch.len()..];
    }
    end.filter(|_| rest.is_empty()).ok_or_else(|| torn("the leader sent half a batch".to_owned()))
}

/// What the leader's refusal means.
fn refusal(
    tp: &TopicPartition,
    error: ErrorCode,
    asked: Offset,
    answered: Option<&FetchedPartition>,
) -> FetchError {
    use ErrorCode as C;
    let (start, end) = answered.map_or((Offset::NONE, Offset::NONE), |answered| {
        (answered.log_start_offset, answered.high_watermark)
    });
    match error {
        C::OffsetOutOfRange if asked < start => FetchError::BelowStart { asked, start },
        C::OffsetOutOfRange => FetchError::BeyondEnd { asked, end },
        C::NotLeaderOrFollower | C::FencedLeaderEpoch | C::UnknownLeaderEpoch => {
            let epoch =
                answered.and_then(|answered| answered.leader).map_or(LeaderEpoch::NONE, |(_, epoch)| epoch);
            FetchError::NotLeader { leader: None, epoch }
        }
        C::OffsetNotAvailable => FetchError::OffsetNotAvailable,
        C::UnknownTopicOrPartition
        | C::UnknownTopicId
        | C::InconsistentTopicId
        | C::LeaderNotAvailable
        | C::ReplicaNotAvailable => {
            FetchError::NoLeader { tp: tp.clone(), reason: "its leader has not opened it yet".to_owned() }
        }
        C::ThrottlingQuotaExceeded => FetchError::Overloaded,
        other => FetchError::Storage { reason: format!("the leader answered {other:?}") },
    }
}
