//! Produce: each partition's batch goes to its log, in the order in which the connection sent them.
//!
//! *Invariant:* no client here appends under a producer id of the HTTP door, whose producers count requests: its batches
//! would be taken for theirs, or theirs for its own. Only another broker, which sends them on, may.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use super::dispatch::Dispatch;
use super::errors::{appended_at, produce_code, produce_detail};
use super::handler::{Caller, Outcome};
use super::memory::Claim;
use crate::record::BatchHeader;
use crate::replication::Acks;
use crate::service::{BatchOrigin, Produce, ProduceError, Produced};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    ErrorCode, ProduceDetail, ProducePartition, ProduceRequest, ProduceResponse, ProducedPartition,
    ProducedTopic, Response,
};

/// Why a producer id of the HTTP door is refused.
const HTTP_PRODUCER_ID: &str = "producer ids with bit 62 set belong to the producers of the HTTP API: \
     use an id below that, or none";

/// What all partitions of a request have in common.
#[derive(Clone, Copy)]
struct Terms {
    acks: Acks,
    timeout: Duration,
    for_broker: bool,
}

/// The answer for one partition, or the wait for it.
enum Underway {
    Ended(ProducedPartition),
    Waiting(BoxFuture<'static, ProducedPartition>),
}

impl Dispatch {
    pub(super) async fn produce(self, caller: Caller, request: ProduceRequest, claim: Claim) -> Outcome {
        let silent = request.acks == 0;
        let topics = match self.append_all(caller, request, claim).await {
            Ok(topics) => topics,
            Err(topics) => topics,
        };
        if !silent {
            return Outcome::Answer(Response::Produce(ProduceResponse { topics }), None);
        }
        let failed =
            topics.iter().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic, partition)));
        match failed.into_iter().find(|(_, partition)| !partition.error.is_none()) {
            Some((topic, partition)) => {
                let (name, index, error) = (&topic.name, partition.index, partition.error);
                Outcome::HangUp(format!("records for {name}-{index} were refused: {error}"))
            }
            None => Outcome::Silence,
        }
    }

    /// Appends to every partition and waits for all of them; `Err` if the request as a whole is refused.
    async fn append_all(
        &self,
        caller: Caller,
        request: ProduceRequest,
        claim: Claim,
    ) -> Result<Vec<ProducedTopic>, Vec<ProducedTopic>> {
        let terms = Terms {
            acks: match request.acks {
                -1 => Acks::All,
                0 => Acks::None,
                1 => Acks::Leader,
                _ => return Err(refuse_all(request, ErrorCode::InvalidRequiredAcks)),
            },
            timeout: Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
            for_broker: caller.link.is_some(),
        };
        if request.transactional {
            return Err(refuse_all(request, ErrorCode::UnsupportedForMessageFormat));
        }
        // A link's requests come from many clients, among whom there is no order.
        let turn = if terms.for_broker { None } else { Some(caller.turn.lock_owned().await) };
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in topic.partitions {
                partitions.push(self.begin(&topic.name, partition, terms).await);
            }
            topics.push((topic.name, partitions));
        }
        // The records are in the logs; what waits now is small.
        drop((turn, claim));
        let mut answers = Vec::with_capacity(topics.len());
        for (name, partitions) in topics {
            let partitions = join_all(partitions.into_iter().map(Underway::ended)).await;
            answers.push(ProducedTopic { name, partitions });
        }
        Ok(answers)
    }

    /// Brings one partition's records to the log; what is left is waiting for acknowledgements.
    async fn begin(&self, topic: &str, partition: ProducePartition, terms: Terms) -> Underway {
        let index = partition.index;
        let Ok(name) = TopicName::new(topic) else {
            return Underway::Ended(refusal(index, ErrorCode::InvalidTopic, "this is no topic name"));
        };
        let Some(records) = partition.records else {
            return Underway::Ended(refusal(index, ErrorCode::InvalidRecord, "there is no record batch"));
        };
        if !terms.for_broker && BatchHeader::read(&records).is_ok_and(|header| header.is_request_sequenced())
        {
            return Underway::Ended(refusal(index, ErrorCode::InvalidRecord, HTTP_PRODUCER_ID));
        }
        let tp = TopicPartition::new(name, PartitionIndex(index));
        let produce = Produce {
            tp,
            // The bytes are stamped in place: the frame's own if it held nothing else, else a copy.
            batch: BytesMut::from(records),
            origin: BatchOrigin::Outside,
            acks: terms.acks,
            timeout: terms.timeout,
            expected_offset: partition.expected_offset,
            forward: false,
        };
        let checked = match self.service.check(produce).await {
            Ok(checked) => checked,
            Err(error) => return Underway::Ended(failed(index, &error, terms.for_broker)),
        };
        let service = std::sync::Arc::clone(&self.service);
        let mut appending = async move {
            match service.produce(checked).await {
                Ok(produced) => stored(&produced, terms.for_broker),
                Err(error) => failed(index, &error, terms.for_broker),
            }
        }
        .boxed();
        // A checked batch is appended in the first poll.
        match (&mut appending).now_or_never() {
            Some(answer) => Underway::Ended(answer),
            None => Underway::Waiting(appending),
        }
    }
}

impl Underway {
    async fn ended(self) -> ProducedPartition {
        match self {
            Self::Ended(answer) => answer,
            Self::Waiting(answer) => answer.await,
        }
    }
}

fn stored(produced: &Produced, for_broker: bool) -> ProducedPartition {
    ProducedPartition {
        index: produced.partition.0,
        error: ErrorCode::None,
        base_offset: produced.base_offset,
        log_append_time_ms: produced.append_time_ms,
        log_start_offset: produced.log_start,
        error_message: None,
        leader: None,
        detail: for_broker.then_some(ProduceDetail {
            duplicate: produced.duplicate,
            written: 2,
            log_end_offset: Offset::NONE,
            expected_sequence: -1,
            producer_epoch: -1,
            leader_epoch: produced.leader_epoch,
        }),
    }
}

fn failed(index: i32, error: &ProduceError, for_broker: bool) -> ProducedPartition {
    let leader = match error {
        ProduceError::NotLeader { leader: Some(leader), epoch, .. } => Some((leader.broker, *epoch)),
        _ => None,
    };
    ProducedPartition {
        leader,
        // Kafka's clients take an offset for success; another broker is told where the records may be.
        base_offset: if for_broker { appended_at(error) } else { Offset::NONE },
        detail: for_broker.then(|| produce_detail(error)),
        ..refusal(index, produce_code(error, for_broker), &error.to_string())
    }
}

fn refusal(index: i32, error: ErrorCode, message: &str) -> ProducedPartition {
    ProducedPartition {
        index,
        error,
        base_offset: Offset::NONE,
        log_append_time_ms: -1,
        log_start_offset: Offset::NONE,
        error_message: Some(message.to_owned()),
        leader: None,
        detail: None,
    }
}

fn refuse_all(request: ProduceRequest, error: ErrorCode) -> Vec<ProducedTopic> {
    let refuse = |partition: ProducePartition| refusal(partition.index, error, error.text());
    let topics = request.topics.into_iter();
    topics
        .map(|topic| ProducedTopic {
            name: topic.name,
            partitions: topic.partitions.into_iter().map(refuse).collect(),
        })
        .collect()
}
