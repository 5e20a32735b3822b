//! Produce: a batch goes to the log of its partition, here or at the broker that leads.
//!
//! *Invariant:* a batch is sent again only if it was provably not accepted, or if it carries a producer's sequence, by
//! which the log tells a repeat from a new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::broker::Service;
use super::errors::ProduceError;
use super::routing::Route;
use crate::cluster::Topic;
use crate::groups::coordinator::OFFSETS_TOPIC;
use crate::metrics::seconds;
use crate::record::{BatchHeader, BatchLimits, Compression, RecordError, check_keys, validate_batch};
use crate::replication::{Acks, Append, AppendError, Appended, Partition, Written};
use crate::tasks;
use crate::types::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicPartition};

/// A batch of up to this size is copied before it is appended here, so that it can be sent on if this broker turns
/// out to have lost the leadership.
const SPARE_COPY_BYTES_MAX: usize = 64 << 10;

/// A compressed batch above this size is validated on a thread where it holds up nobody.
const INFLATE_INLINE_BYTES_MAX: usize = 64 << 10;

/// Who made a batch, and so whether it must be validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOrigin {
    /// This process built it.
    Built,
    /// It came from outside: every length, count and checksum in it may be false.
    Outside,
}

/// One batch to append.
#[derive(Debug)]
pub struct Produce {
    /// Where to.
    pub tp: TopicPartition,
    /// The batch: exactly one.
    pub batch: BytesMut,
    /// Who made it.
    pub origin: BatchOrigin,
    /// When to answer.
    pub acks: Acks,
    /// How long it may take.
    pub timeout: Duration,
    /// Where the log must end for the append to happen.
    pub expected_offset: Option<Offset>,
    /// Whether to send it on to the leader if that is another broker. `false` at the Kafka port.
    pub forward: bool,
}

/// A batch that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How many records it holds.
    pub count: i32,
    /// The log-append time, or -1 if the records keep their own.
    pub append_time_ms: i64,
    /// Whether it had been appended before: these are the original offsets.
    pub duplicate: bool,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign in which it was appended.
    pub leader_epoch: LeaderEpoch,
    /// The broker that leads.
    pub leader: BrokerId,
}

/// A batch on its way: what stays the same over all attempts.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) tp: TopicPartition,
    pub(super) header: BatchHeader,
    pub(super) acks: Acks,
    pub(super) expected_offset: Option<Offset>,
    pub(super) deadline: Instant,
    pub(super) forward: bool,
}

impl Service {
    /// Appends a batch and answers once it is stored as `acks` asks.
    ///
    /// # Errors
    /// Why it was not acknowledged; [`ProduceError::written`] says whether it may be in the log all the same.
    pub async fn produce(&self, produce: Produce) -> Result<Produced, ProduceError> {
        let metrics = &self.parts.metrics;
        let started = self.parts.clock.now();
        let bytes = produce.batch.len();
        let outcome = self.produce_from(produce, started).await;
        metrics.produce_requests.inc();
        match &outcome {
            Ok(produced) => {
                metrics.produce_records.inc_by(u64::try_from(produced.count).unwrap_or(0));
                metrics.produce_bytes.inc_by(bytes as u64);
                metrics.produce_latency.observe(seconds(self.parts.clock.now() - started));
            }
            Err(_) => {
                metrics.produce_errors.inc();
            }
        }
        outcome
    }

    /// Validates the batch of a produce from outside. [`Service::produce`] then brings it to a log here in its first poll,
    /// so that a door which must keep the order of its batches checks and first polls them one after the other.
    ///
    /// # Errors
    /// Why the batch is refused.
    pub async fn check(&self, produce: Produce) -> Result<Produce, ProduceError> {
        let checked = self.check_here(produce).await;
        if checked.is_err() {
            self.parts.metrics.produce_requests.inc();
            self.parts.metrics.produce_errors.inc();
        }
        checked
    }

    async fn check_here(&self, produce: Produce) -> Result<Produce, ProduceError> {
        let (Route::Here(_), topic) = self.route(&produce.tp)? else { return Ok(produce) };
        let header = BatchHeader::read(&produce.batch)?;
        let mut batch = Freight::new(produce.batch, produce.origin);
        self.validate(&header, &topic, &mut batch).await?;
        Ok(Produce { batch: BytesMut::from(batch.bytes), origin: batch.origin, ..produce })
    }

    async fn validate(
        &self,
        header: &BatchHeader,
        topic: &Topic,
        batch: &mut Freight,
    ) -> Result<(), ProduceError> {
        let limit = topic.settings.max_message_bytes;
        if batch.len() > limit {
            return Err(ProduceError::TooLarge { bytes: batch.len(), limit });
        }
        let keyed = topic.settings.cleanup.compacts;
        if batch.origin == BatchOrigin::Outside || keyed {
            let limits = BatchLimits {
                batch_bytes_max: limit,
                inflated_bytes_max: self.parts.options.inflated_bytes_max,
                record_count_max: self.parts.options.record_count_max,
            };
            batch.validate(header, limits, keyed).await?;
        }
        Ok(())
    }

    async fn produce_from(&self, produce: Produce, started: Instant) -> Result<Produced, ProduceError> {
        if produce.tp.topic.as_str() == OFFSETS_TOPIC {
            let reason =
                format!("topic '{}' is internal: only consumer groups write there", produce.tp.topic);
            return Err(ProduceError::Refused { reason });
        }
        let longest = Duration::from_millis(self.parts.options.produce_timeout_ms_max);
        let job = Job {
            header: BatchHeader::read(&produce.batch)?,
            tp: produce.tp,
            acks: produce.acks,
            expected_offset: produce.expected_offset,
            deadline: started + produce.timeout.min(longest),
            forward: produce.forward,
        };
        let batch = Freight::new(produce.batch, produce.origin);
        let mut doubt = None;
        let outcome = self.try_until_deadline(&job, batch, started, &mut doubt).await;
        outcome.map_err(|refusal| in_doubt(doubt, refusal))
    }

    /// Tries as long as it is certain that nothing is appended twice. An attempt that may have been stored is told in
    /// `doubt`.
    async fn try_until_deadline(
        &self,
        job: &Job,
        mut batch: Freight,
        started: Instant,
        doubt: &mut Option<String>,
    ) -> Result<Produced, ProduceError> {
        let mut news = None;
        loop {
            let (route, topic) = self.route(&job.tp)?;
            let refusal = match route {
                Route::Here(partition) if self.is_handing_over(&partition) => {
                    let epoch = partition.record().state.leader_epoch;
                    ProduceError::NotLeader { tp: job.tp.clone(), leader: None, epoch }
                }
                Route::Here(partition) => {
                    match self.produce_here(job, &partition, &topic, &mut batch).await {
                        Ok(appended) => return Ok(self.produced_here(job, appended)),
                        Err(refusal) => refusal,
                    }
                }
                Route::There { leader, epoch } if job.forward => {
                    match self.produce_there(job, leader, epoch, batch.shared()).await {
                        Ok(produced) => return Ok(produced),
                        Err(refusal) => refusal,
                    }
                }
                Route::There { leader, epoch } => {
                    return Err(ProduceError::NotLeader { tp: job.tp.clone(), leader: Some(leader), epoch });
                }
                Route::Nowhere(reason) => no_leader(job, started, self.parts.clock.now(), reason),
            };
            if !job.forward || !may_try_again(job, &refusal) || batch.is_spent() {
                return Err(refusal);
            }
            if refusal.written() != Written::No {
                doubt.get_or_insert_with(|| refusal.to_string());
            }
            let now = self.parts.clock.now();
            if !news.get_or_insert_with(|| self.news(job.deadline)).wait(now).await {
                return Err(out_of_time(job, started, now, refusal));
            }
        }
    }

    /// A leader that stops takes nothing new, so that what it has is committed before another leads. One whom nobody can
    /// follow serves to the end.
    pub(super) fn is_handing_over(&self, partition: &Partition) -> bool {
        let vitals = &self.parts.vitals;
        vitals.is_draining()
            && vitals.has_coordinator_contact()
            && self.image().has_successor(&partition.record().state)
    }

    async fn produce_here(
        &self,
        job: &Job,
        partition: &Arc<Partition>,
        topic: &Topic,
        batch: &mut Freight,
    ) -> Result<Appended, ProduceError> {
        self.validate(&job.header, topic, batch).await?;
        let append = Append {
            batch: batch.owned(job.forward),
            acks: job.acks,
            deadline: job.deadline,
            expected_offset: job.expected_offset,
            leader_epoch: None,
        };
        partition.append(append).await.map_err(|error| from_append(&job.tp, error))
    }

    fn produced_here(&self, job: &Job, appended: Appended) -> Produced {
        Produced {
            partition: job.tp.partition,
            base_offset: appended.base_offset,
            count: job.header.record_count,
            append_time_ms: appended.append_time_ms,
            duplicate: appended.duplicate,
            log_start: appended.log_start,
            leader_epoch: appended.leader_epoch,
            leader: self.parts.me.broker,
        }
    }
}

/// A batch's bytes, which an append here consumes and a send to another broker shares.
#[derive(Debug)]
struct Freight {
    bytes: Bytes,
    origin: BatchOrigin,
}

impl Freight {
    fn new(batch: BytesMut, origin: BatchOrigin) -> Self {
        Self { bytes: batch.freeze(), origin }
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the bytes were given away for good.
    fn is_spent(&self) -> bool {
        self.bytes.is_empty()
    }

    fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The bytes to be stamped and written: a copy if they may be needed again and are few, else the bytes themselves.
    fn owned(&mut self, may_be_needed_again: bool) -> BytesMut {
        if may_be_needed_again && self.bytes.len() <= SPARE_COPY_BYTES_MAX {
            return BytesMut::from(&self.bytes[..]);
        }
        BytesMut::from(std::mem::take(&mut self.bytes))
    }

    /// Validates bytes from outside, once; and, if the topic is `keyed`, that every record has a key, whoever made them.
    async fn validate(
        &mut self,
        header: &BatchHeader,
        limits: BatchLimits,
        keyed: bool,
    ) -> Result<(), RecordError> {
        let from_outside = self.origin == BatchOrigin::Outside;
        let validate = move |bytes: &[u8]| {
            if from_outside {
                validate_batch(bytes, &limits)?;
            }
            if keyed { check_keys(bytes, &limits) } else { Ok(()) }
        };
        let inline = header.compression()? == Compression::None || self.len() <= INFLATE_INLINE_BYTES_MAX;
        if inline {
            validate(&self.bytes)?;
        } else {
            let bytes = self.bytes.clone();
            let checked = tasks::lend(move || validate(&bytes)).await;
            checked.expect("validation does not panic and is not cancelled")?;
        }
        self.origin = BatchOrigin::Built;
        Ok(())
    }
}

/// Whether the next attempt cannot append the records twice.
fn may_try_again(job: &Job, refusal: &ProduceError) -> bool {
    match refusal {
        ProduceError::NotLeader { .. } | ProduceError::NoLeader { .. } => true,
        ProduceError::OutcomeUnknown { .. } | ProduceError::LeadershipLost { .. } => {
            job.header.has_producer() && job.expected_offset.is_none()
        }
        _ => false,
    }
}

/// An attempt that may have been stored leaves the whole in doubt, whatever is certain of those after it.
fn in_doubt(doubt: Option<String>, refusal: ProduceError) -> ProduceError {
    match doubt {
        Some(doubt) if refusal.written() == Written::No => {
            ProduceError::OutcomeUnknown { reason: format!("{doubt}; tried again: {refusal}") }
        }
        _ => refusal,
    }
}

fn no_leader(job: &Job, started: Instant, now: Instant, reason: &str) -> ProduceError {
    ProduceError::NoLeader { tp: job.tp.clone(), waited: now - started, reason: reason.to_owned() }
}

/// What to say when the deadline has come after `refusal`.
fn out_of_time(job: &Job, started: Instant, now: Instant, refusal: ProduceError) -> ProduceError {
    match refusal {
        ProduceError::NoLeader { reason, .. } => no_leader(job, started, now, &reason),
        refusal if refusal.written() == Written::No => no_leader(job, started, now, &refusal.to_string()),
        refusal => refusal,
    }
}

fn from_append(tp: &TopicPartition, error: AppendError) -> ProduceError {
    use AppendError as E;
    let (written, reason) = (error.written(), error.to_string());
    match error {
        E::NotLeader { leader, epoch } => ProduceError::NotLeader { tp: tp.clone(), leader, epoch },
        E::FencedEpoch { current, .. } | E::UnknownEpoch { current, .. } => {
            ProduceError::NotLeader { tp: tp.clone(), leader: None, epoch: current }
        }
        E::NotEnoughReplicas { .. } => ProduceError::NotEnoughReplicas { reason },
        E::UnexpectedOffset { actual } => ProduceError::UnexpectedOffset { actual },
        E::OutOfOrderSequence { expected, .. } => ProduceError::OutOfOrderSequence { expected },
        E::FencedProducer { current_epoch } => ProduceError::FencedProducer { current_epoch },
        E::NewEpochNotZero => ProduceError::NewEpochNotZero,
        E::Invalid(error) => ProduceError::Invalid(error),
        E::DiskFull => ProduceError::DiskFull,
        E::Storage { reason } | E::FlushFailed { reason, .. } => ProduceError::Storage { reason, written },
        E::Overloaded { .. } => ProduceError::Overloaded,
        E::FollowersQuiet { .. } => ProduceError::FollowersQuiet,
        E::TimedOut { base_offset } => ProduceError::TimedOut { base_offset },
        E::LeadershipLost { base_offset } => ProduceError::LeadershipLost { base_offset },
        E::NotEnoughReplicasAfterAppend { base_offset, .. } => {
            ProduceError::NotEnoughReplicasAfterAppend { base_offset }
        }
    }
}
