//! Fetch over many partitions with one wait, for consumers and replicas at the Kafka port. Never sent on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::broker::Service;
use super::errors::FetchError;
use super::fetch::read_slice;
use crate::replication::{Partition, WakeAt, WakeHandle};
use crate::storage::LogSlice;
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use crate::wire;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A consumer: up to the high watermark.
    Consumer,
    /// A replica: up to the log end; its fetch offset is its word that it holds all below.
    Replica(Incarnation),
}

/// How a request names a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionKey {
    /// By the topic's name.
    Name(TopicPartition),
    /// By the topic's id.
    Id(TopicId, PartitionIndex),
}

/// A read of one partition among many.
#[derive(Clone, Debug)]
pub struct FetchOne {
    /// The partition.
    pub key: PartitionKey,
    /// From where.
    pub from: Offset,
    /// The leader epoch that the reader believes to be current, exactly; [`LeaderEpoch::NONE`] if it does not say.
    pub leader_epoch: LeaderEpoch,
    /// The epoch of the last record that a replica holds; [`LeaderEpoch::NONE`] if it does not say.
    pub last_fetched_epoch: LeaderEpoch,
    /// A replica's log start; [`Offset::NONE`] for a consumer.
    pub log_start: Offset,
    /// How many bytes at most of this partition.
    pub max_bytes: usize,
}

/// A read of many partitions.
#[derive(Clone, Debug)]
pub struct FetchMany {
    /// Who reads.
    pub reader: Reader,
    /// What, in the order in which answers are wanted.
    pub partitions: Vec<FetchOne>,
    /// How long to wait for `min_bytes`.
    pub wait: Duration,
    /// How many bytes to wait for, over all partitions; 0 or less answers at once.
    pub min_bytes: usize,
    /// How many bytes at most, over all partitions, except that one batch is always returned whole.
    pub max_bytes: usize,
}

/// What was read of one partition, or why nothing was.
#[derive(Clone, Debug)]
pub struct FetchedOne {
    /// Why nothing was read; the other fields hold what is known all the same.
    pub error: Option<FetchError>,
    /// Whole batches, in order, in pieces.
    pub batches: Vec<Bytes>,
    /// One past the last committed record; [`Offset::NONE`] if unknown.
    pub high_watermark: Offset,
    /// The first offset kept; [`Offset::NONE`] if unknown.
    pub log_start: Offset,
    /// Where the reader's log leaves the leader's: the epoch, and its end in the leader's log.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Who leads, in which epoch, if the reader should ask there.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
}

/// One look at one partition: what could be read, not yet read.
#[derive(Debug)]
struct Look {
    answer: FetchedOne,
    slice: Option<LogSlice>,
    /// Where to wait for more, if this partition can have more.
    wait_at: Option<(Arc<Partition>, Offset)>,
    /// How many appends a replica's answer should wait for a moment, if it should.
    gather: Option<u64>,
}

impl Service {
    /// Reads many partitions of which this broker is the leader, one answer for each in the order asked.
    ///
    /// Answers at once if any partition has an error or diverges, else when `min_bytes` have come or `wait` is over.
    pub async fn fetch_many(&self, fetch: FetchMany) -> Vec<FetchedOne> {
        let consumer = fetch.reader == Reader::Consumer;
        let wait = fetch.wait.min(Duration::from_millis(self.parts.options.fetch_wait_ms_max));
        let wait_until = self.parts.clock.now() + wait;
        let mut seat = None;
        let mut gather_until = None;
        let looks = loop {
            let looks = self.look(&fetch);
            let now = self.parts.clock.now();
            let mut left = wait_until.saturating_duration_since(now);
            let gathers = is_enough(&fetch, &looks) || left.is_zero();
            if gathers {
                let gather = Duration::from_millis(self.parts.options.gather_ms_max);
                let until = *gather_until.get_or_insert(now + gather);
                if now >= until || looks.iter().all(|look| look.gather.is_none()) {
                    break looks;
                }
                left = until - now;
            }
            if consumer && seat.is_none() {
                match self.seats.sit() {
                    Ok(taken) => seat = Some(taken),
                    Err(_) => break refused(looks),
                }
            }
            let bell = WakeHandle::new();
            let hung = awaited(&looks, gathers).all(|look| look.hang(&bell, consumer));
            if !hung {
                break refused(looks);
            }
            drop(looks);
            // Time over or woken: look again either way.
            let _ = tokio::time::timeout(left, bell.woken()).await;
        };
        if !consumer {
            flush_with_follower(&looks);
        }
        let answers = self.read_looks(looks).await;
        if consumer {
            self.count(&answers);
        }
        answers
    }

    fn look(&self, fetch: &FetchMany) -> Vec<Look> {
        let mut left = fetch.max_bytes.min(self.parts.options.fetch_bytes_max);
        let mut looks = Vec::with_capacity(fetch.partitions.len());
        for one in &fetch.partitions {
            let max_bytes = one.max_bytes.min(left);
            let mut look = match self.find(&one.key) {
                Ok(partition) => match fetch.reader {
                    Reader::Consumer => look_as_consumer(&partition, one, max_bytes),
                    Reader::Replica(from) => {
                        look_as_replica(&partition, one, from, max_bytes, self.parts.clock.now())
                    }
                },
                Err(error) => Look::failed(error),
            };
            // A budget that is used up leaves nothing for the partitions behind; their turn comes first next time.
            if left == 0 {
                look.slice = None;
            }
            left = left.saturating_sub(look.slice.as_ref().map_or(0, LogSlice::len));
            looks.push(look);
        }
        looks
    }

    fn find(&self, key: &PartitionKey) -> Result<Arc<Partition>, FetchError> {
        let image = self.parts.image.borrow();
        let (topic, index) = match key {
            PartitionKey::Name(tp) => {
                let topic =
                    image.topic(&tp.topic).ok_or_else(|| FetchError::UnknownTopic(tp.topic.clone()))?;
                (topic, tp.partition)
            }
            PartitionKey::Id(id, index) => {
                (image.topic_by_id(*id).ok_or(FetchError::UnknownTopicId)?, *index)
            }
        };
        if let Some(partition) = self.parts.replicas.by_id(topic.id, index) {
            return Ok(partition);
        }
        let tp = TopicPartition::new(topic.name.clone(), index);
        if usize::try_from(index.0).is_ok_and(|index| index < topic.assignment.len()) {
            let record = topic.record(index);
            let leader = record.and_then(|record| record.state.leader);
            let epoch = record.map_or(LeaderEpoch::NONE, |record| record.state.leader_epoch);
            return Err(FetchError::NotLeader { leader, epoch });
        }
        Err(FetchError::UnknownPartition { tp, partitions: topic.assignment.len() })
    }

    async fn read_looks(&self, looks: Vec<Look>) -> Vec<FetchedOne> {
        let mut answers = Vec::with_capacity(looks.len());
        for Look { mut answer, slice, .. } in looks {
            if let Some(slice) = slice.filter(|slice| !slice.is_empty()) {
                match read_slice(slice).await {
                    Ok(bytes) => answer.batches.push(bytes),
                    Err(error) => answer.error = Some(error),
                }
            }
            answers.push(answer);
        }
        answers
    }

    fn count(&self, answers: &[FetchedOne]) {
        let metrics = &self.parts.metrics;
        metrics.fetch_requests.inc();
        let batches = answers.iter().flat_map(|answer| &answer.batches);
        metrics.fetch_bytes.inc_by(batches.map(|batch| batch.len() as u64).sum());
        if answers.iter().any(|answer| answer.error.is_some()) {
            metrics.fetch_errors.inc();
        }
    }
}

impl Look {
    /// Hangs the bell where there is something to wait for; `false` if too many wait.
    fn hang(&self, bell: &WakeHandle, consumer: bool) -> bool {
        let Some((partition, end)) = &self.wait_at else { return true };
        let at = match self.gather {
            Some(appends) => WakeAt::Appends(appends),
            None if consumer => WakeAt::HighWatermark(*end),
            None => WakeAt::LogEnd(*end),
        };
        partition.subscribe(bell, at)
    }

    fn failed(error: FetchError) -> Self {
        let leader = match &error {
            FetchError::NotLeader { leader: Some(leader), epoch } => Some((leader.broker, *epoch)),
            _ => None,
        };
        let (log_start, high_watermark) = match &error {
            FetchError::BelowStart { start, .. } => (*start, Offset::NONE),
            FetchError::BeyondEnd { end, .. } => (Offset::NONE, *end),
            _ => (Offset::NONE, Offset::NONE),
        };
        let answer = FetchedOne {
            error: Some(error),
            batches: Vec::new(),
            high_watermark,
            log_start,
            diverging: None,
            leader,
        };
        Self { answer, slice: None, wait_at: None, gather: None }
    }
}

fn look_as_consumer(partition: &Arc<Partition>, one: &FetchOne, max_bytes: usize) -> Look {
    let epoch = Some(one.leader_epoch).filter(|epoch| *epoch != LeaderEpoch::NONE);
    match partition.read(one.from, max_bytes, epoch) {
        Ok(view) => {
            let next = if view.slice.is_empty() { one.from } else { view.slice.next_offset() };
            let answer = FetchedOne {
                error: None,
                batches: Vec::new(),
                high_watermark: view.high_watermark,
                log_start: view.log_start,
                diverging: None,
                leader: None,
            };
            let wait_at = Some((Arc::clone(partition), next));
            Look { answer, slice: Some(view.slice), wait_at, gather: None }
        }
        Err(error) => {
            let mut look = Look::failed(error.into());
            let status = partition.status();
            look.answer.log_start = status.log_start;
            look.answer.high_watermark = look.answer.high_watermark.max(status.high_watermark);
            look
        }
    }
}

fn look_as_replica(
    partition: &Arc<Partition>,
    one: &FetchOne,
    from: Incarnation,
    max_bytes: usize,
    now: Instant,
) -> Look {
    let request = wire::FetchPartition {
        index: partition.tp().partition.0,
        current_leader_epoch: one.leader_epoch,
        fetch_offset: one.from,
        last_fetched_epoch: one.last_fetched_epoch,
        log_start_offset: one.log_start,
        max_bytes: i32::try_from(max_bytes).unwrap_or(i32::MAX),
    };
    let read = partition.replica_fetch(from, &request, now);
    let held = read.slice.as_ref().filter(|slice| !slice.is_empty());
    let next = held.map_or(one.from, LogSlice::next_offset);
    let plain = read.error.is_none() && read.diverging.is_none();
    Look {
        answer: FetchedOne {
            error: (!read.error.is_none()).then_some(FetchError::Replica(read.error)),
            batches: Vec::new(),
            high_watermark: read.high_watermark,
            log_start: read.log_start,
            diverging: read.diverging,
            leader: read.leader,
        },
        slice: read.slice,
        wait_at: plain.then(|| (Arc::clone(partition), next)),
        gather: read.gather,
    }
}

/// Where to wait for more. While an answer gathers, only where there is something to gather: the others may have more
/// already, and would ring at once, again and again.
fn awaited(looks: &[Look], gathers: bool) -> impl Iterator<Item = &Look> {
    looks.iter().filter(move |look| !gathers || look.gather.is_some())
}

/// The leader makes durable what its follower is about to make durable, too.
fn flush_with_follower(looks: &[Look]) {
    let taken = looks.iter().filter(|look| look.slice.as_ref().is_some_and(|slice| !slice.is_empty()));
    for (partition, _) in taken.filter_map(|look| look.wait_at.as_ref()) {
        partition.flush_with_follower();
    }
}

/// Whether to answer now: enough bytes, all that fits, or something that the reader must know at once.
fn is_enough(fetch: &FetchMany, looks: &[Look]) -> bool {
    let news = looks.iter().any(|look| look.answer.error.is_some() || look.answer.diverging.is_some());
    let held = looks.iter().filter(|look| look.slice.as_ref().is_some_and(|slice| !slice.is_empty()));
    let mut bytes = 0;
    let mut full = false;
    for look in held {
        bytes += look.slice.as_ref().map_or(0, LogSlice::len);
        // What is readable and was left out would not fit: waiting brings no more. A replica wants what there is.
        let next = look.wait_at.as_ref().map_or(Offset::NONE, |(_, next)| *next);
        full |= next < look.answer.high_watermark || fetch.reader != Reader::Consumer;
    }
    news || full || bytes >= fetch.min_bytes || looks.is_empty()
}

/// The same looks with the refusal that no more readers may wait, where nothing was found.
fn refused(looks: Vec<Look>) -> Vec<Look> {
    let mut looks = looks;
    for look in &mut looks {
        if look.slice.as_ref().is_none_or(LogSlice::is_empty) {
            look.answer.error = Some(FetchError::Overloaded);
        }
    }
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_that_gathers_does_not_wait_at_a_partition_that_would_ring_at_once() {
        let look = |gather| Look { gather, ..Look::failed(FetchError::Overloaded) };
        let looks = [look(None), look(Some(16)), look(None)];
        let gathering: Vec<_> = awaited(&looks, true).map(|look| look.gather).collect();
        assert_eq!(gathering, [Some(16)]);
        assert_eq!(awaited(&looks, false).count(), 3, "for its first bytes it waits everywhere");
    }
}
