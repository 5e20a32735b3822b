//! Produce at another broker, in the words of the Kafka port, and its answer in ours.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::broker::Service;
use super::errors::ProduceError;
use super::forward::ForwardError;
use super::produce::{Job, Produced};
use crate::replication::{Acks, Written};
use crate::types::{Incarnation, LeaderEpoch, Offset};
use crate::wire::{
    ErrorCode, ProduceDetail, ProducePartition, ProduceRequest, ProduceTopic, ProducedPartition, Request,
    Response,
};

/// The leader is given this much less time than there is, so that its own answer comes before we give up.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

impl Service {
    /// Sends a batch to the broker that leads and waits for its answer, as long as it leads.
    pub(super) async fn produce_there(
        &self,
        job: &Job,
        leader: Incarnation,
        epoch: LeaderEpoch,
        batch: Bytes,
    ) -> Result<Produced, ProduceError> {
        let request = Request::Produce(request(job, batch, self.parts.clock.now()));
        let grace = Duration::from_millis(self.parts.options.deposed_leader_grace_ms);
        let deposed = async {
            self.deposed(&job.tp, leader).await;
            tokio::time::sleep(grace).await;
        };
        self.parts.metrics.forwards.inc();
        let answer = tokio::select! {
            biased;
            answer = self.parts.forward.call(leader.broker, request, job.deadline) => answer,
            () = deposed => Err(ForwardError::Unknown(format!("broker {leader} lost the leadership"))),
        };
        match answer {
            Ok(Response::Produce(mut response)) => {
                let partition = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
                let answered = partition.filter(|partition| partition.index == job.tp.partition.0);
                let answered =
                    answered.ok_or_else(|| unknown("the leader answered for another partition"))?;
                outcome(job, leader, epoch, answered)
            }
            Ok(_) => Err(unknown("the leader answered another request")),
            Err(error) => {
                self.parts.metrics.forward_errors.inc();
                Err(unanswered(job, error))
            }
        }
    }
}

fn request(job: &Job, batch: Bytes, now: Instant) -> ProduceRequest {
    let left = job.deadline.saturating_duration_since(now);
    let timeout = left.saturating_sub(ANSWER_MARGIN.min(left / 10));
    // A produce with acks=0 has no answer in Kafka's protocol, and we want to tell a refusal.
    let acks = if job.acks == Acks::All { -1 } else { 1 };
    let partition = ProducePartition {
        index: job.tp.partition.0,
        records: Some(batch),
        expected_offset: job.expected_offset,
    };
    let topic = ProduceTopic { name: job.tp.topic.as_str().to_owned(), partitions: vec![partition] };
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    ProduceRequest { transactional: false, acks, timeout_ms, topics: vec![topic] }
}

fn unknown(reason: &str) -> ProduceError {
    ProduceError::OutcomeUnknown { reason: reason.to_owned() }
}

fn unanswered(job: &Job, error: ForwardError) -> ProduceError {
    match error {
        ForwardError::NotSent(reason) => {
            ProduceError::NoLeader { tp: job.tp.clone(), waited: Duration::ZERO, reason }
        }
        ForwardError::Unknown(reason) => ProduceError::OutcomeUnknown { reason },
    }
}

fn outcome(
    job: &Job,
    leader: Incarnation,
    epoch: LeaderEpoch,
    answered: ProducedPartition,
) -> Result<Produced, ProduceError> {
    if !answered.error.is_none() {
        return Err(refusal(job, answered));
    }
    let detail = answered.detail;
    Ok(Produced {
        partition: job.tp.partition,
        base_offset: answered.base_offset,
        count: job.header.record_count,
        append_time_ms: answered.log_append_time_ms,
        duplicate: detail.is_some_and(|detail| detail.duplicate),
        log_start: answered.log_start_offset,
        leader_epoch: detail.map_or(epoch, |detail| detail.leader_epoch),
        leader: leader.broker,
    })
}

/// What the leader's refusal means. Without a detail, only codes that are always given before an append mean "no".
fn refusal(job: &Job, answered: ProducedPartition) -> ProduceError {
    use ErrorCode as C;
    let ProducedPartition { error, base_offset, error_message, leader, detail, .. } = answered;
    let tp = || job.tp.clone();
    let reason = error_message.unwrap_or_else(|| format!("{error:?}"));
    let written = detail.map_or(Written::Maybe, written_of);
    match error {
        C::NotLeaderOrFollower | C::FencedLeaderEpoch | C::UnknownLeaderEpoch if written == Written::No => {
            let epoch = leader.map_or(LeaderEpoch::NONE, |(_, epoch)| epoch);
            ProduceError::NotLeader { tp: tp(), leader: None, epoch }
        }
        C::NotLeaderOrFollower => ProduceError::LeadershipLost { base_offset },
        C::UnknownTopicOrPartition | C::LeaderNotAvailable | C::ReplicaNotAvailable => {
            ProduceError::NoLeader { tp: tp(), waited: Duration::ZERO, reason }
        }
        C::NotEnoughReplicas => ProduceError::NotEnoughReplicas { reason },
        C::RequestTimedOut => ProduceError::TimedOut { base_offset },
        C::NotEnoughReplicasAfterAppend => ProduceError::NotEnoughReplicasAfterAppend { base_offset },
        C::MessageTooLarge
        | C::RecordListTooLarge
        | C::CorruptMessage
        | C::InvalidRecord
        | C::InvalidTimestamp
        | C::UnsupportedCompressionType
        | C::UnsupportedForMessageFormat
        | C::InvalidRequest => ProduceError::Refused { reason },
        C::OffsetOutOfRange => {
            let actual = detail.map_or(Offset::NONE, |detail| detail.log_end_offset);
            ProduceError::UnexpectedOffset { actual }
        }
        C::OutOfOrderSequence => sequence_refusal(job, detail),
        C::InvalidProducerEpoch | C::ProducerFenced => {
            ProduceError::FencedProducer { current_epoch: detail.map_or(-1, |detail| detail.producer_epoch) }
        }
        C::KafkaStorageError => ProduceError::Storage { reason, written },
        C::ThrottlingQuotaExceeded => ProduceError::Overloaded,
        _ if written == Written::No => ProduceError::Storage { reason, written },
        _ => ProduceError::OutcomeUnknown { reason },
    }
}

fn sequence_refusal(job: &Job, detail: Option<ProduceDetail>) -> ProduceError {
    let Some(detail) = detail else { return ProduceError::OutOfOrderSequence { expected: -1 } };
    let new_epoch = detail.producer_epoch >= 0 && detail.producer_epoch < job.header.producer_epoch;
    if new_epoch && detail.expected_sequence == 0 {
        ProduceError::NewEpochNotZero
    } else {
        ProduceError::OutOfOrderSequence { expected: detail.expected_sequence }
    }
}

fn written_of(detail: ProduceDetail) -> Written {
    match detail.written {
        0 => Written::No,
        2 => Written::Yes,
        _ => Written::Maybe,
    }
}
