//! Fetch: committed records of one partition, from here or from the broker that leads; waits for records if asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::admission::Admitted;
use super::broker::Service;
use super::errors::FetchError;
use super::routing::Route;
use crate::replication::{Partition, ReadError, ReadView, WakeAt, WakeHandle};
use crate::storage::LogSlice;
use crate::tasks;
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

/// Where to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFrom {
    /// From this offset.
    Offset(Offset),
    /// From the first record kept.
    Earliest,
    /// From the next record to be committed.
    Latest,
    /// From the first record with this timestamp or a later one.
    Timestamp(i64),
    /// From so many records before the end.
    Tail(u64),
}

/// A read of one partition.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// What to read.
    pub tp: TopicPartition,
    /// From where.
    pub from: FetchFrom,
    /// How many bytes at most, except that one batch is always returned whole.
    pub max_bytes: usize,
    /// How many bytes to wait for; at least 1.
    pub min_bytes: usize,
    /// How long to wait for them.
    pub wait: Duration,
    /// The newest leader epoch that the reader has seen: an older leader does not answer.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whether to ask the leader if that is another broker.
    pub forward: bool,
}

/// What was read.
#[derive(Debug)]
pub struct Fetched {
    /// Whole record batches, in order, in pieces; the first may begin before `from`. Empty if nothing came.
    pub batches: Vec<Bytes>,
    /// The offset that the reader asked for, resolved.
    pub from: Offset,
    /// The offset to read next.
    pub next_offset: Offset,
    /// One past the last committed record.
    pub high_watermark: Offset,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign that answered.
    pub leader_epoch: LeaderEpoch,
    /// The broker that leads.
    pub leader: BrokerId,
    /// Keeps the bytes in the budget for as long as they are held.
    pub admitted: Option<Admitted>,
}

/// A read on its way: the start is resolved once, so that a later attempt does not move it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) fetch: Fetch,
    pub(super) from: FetchFrom,
    pub(super) wait_until: Instant,
    pub(super) deadline: Instant,
}

impl Service {
    /// Reads committed records.
    ///
    /// # Errors
    /// Why they could not be read. An empty answer after waiting is none.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Fetched, FetchError> {
        let metrics = &self.parts.metrics;
        metrics.fetch_requests.inc();
        let outcome = self.fetch_from_leader(fetch).await;
        match &outcome {
            Ok(fetched) => {
                metrics.fetch_bytes.inc_by(fetched.batches.iter().map(|batch| batch.len() as u64).sum());
            }
            Err(_) => {
                metrics.fetch_errors.inc();
            }
        }
        outcome
    }

    async fn fetch_from_leader(&self, fetch: Fetch) -> Result<Fetched, FetchError> {
        let options = &self.parts.options;
        let wait = fetch.wait.min(Duration::from_millis(options.fetch_wait_ms_max));
        let wait_until = self.parts.clock.now() + wait;
        let deadline = wait_until + Duration::from_millis(options.fetch_timeout_ms);
        let mut pursuit = self.pursuit(&fetch.tp, deadline, fetch.forward);
        let mut reading = Reading { from: fetch.from, fetch, wait_until, deadline };
        loop {
            let (route, topic) = self.route(&reading.fetch.tp)?;
            let outcome = match route {
                Route::Here(partition) => self.fetch_here(&mut reading, &partition).await,
                Route::There { leader, epoch } if reading.fetch.forward => {
                    self.fetch_there(&mut reading, leader, epoch, topic.id).await
                }
                Route::There { leader, epoch } => Err(FetchError::NotLeader { leader: Some(leader), epoch }),
                Route::Nowhere(reason) => Err(pursuit.no_leader(reason)),
            };
            match outcome {
                Ok(fetched) => return Ok(fetched),
                Err(refusal) => pursuit.again(refusal).await?,
            }
        }
    }

    async fn fetch_here(
        &self,
        reading: &mut Reading,
        partition: &Arc<Partition>,
    ) -> Result<Fetched, FetchError> {
        let from = resolve_here(partition, reading.from).await?;
        reading.from = FetchFrom::Offset(from);
        let view = self.view_when_ready(reading, partition, from).await?;
        let admitted = self.reads.admit(view.slice.len()).map_err(|_| FetchError::Overloaded)?;
        let next_offset = if view.slice.is_empty() { from } else { view.slice.next_offset() };
        let bytes = read_slice(view.slice).await?;
        Ok(Fetched {
            batches: if bytes.is_empty() { Vec::new() } else { vec![bytes] },
            from,
            next_offset,
            high_watermark: view.high_watermark,
            log_start: view.log_start,
            leader_epoch: view.leader_epoch,
            leader: self.parts.me.broker,
            admitted: Some(admitted),
        })
    }

    /// What can be read once it is enough, or once the wait is over.
    async fn view_when_ready(
        &self,
        reading: &Reading,
        partition: &Arc<Partition>,
        from: Offset,
    ) -> Result<ReadView, FetchError> {
        let max_bytes = reading.fetch.max_bytes.min(self.parts.options.fetch_bytes_max);
        let min_bytes = reading.fetch.min_bytes.clamp(1, max_bytes.max(1));
        let mut seat = None;
        loop {
            let view = partition.read(from, max_bytes, None)?;
            if let Some(seen) = reading.fetch.leader_epoch.filter(|seen| *seen > view.leader_epoch) {
                return Err(FetchError::UnknownEpoch { asked: seen, current: view.leader_epoch });
            }
            let next = if view.slice.is_empty() { from } else { view.slice.next_offset() };
            let more_would_not_fit = next < view.high_watermark;
            let left = reading.wait_until.saturating_duration_since(self.parts.clock.now());
            if view.slice.len() >= min_bytes || more_would_not_fit || left.is_zero() {
                return Ok(view);
            }
            if seat.is_none() {
                seat = Some(self.seats.sit().map_err(|_| FetchError::Overloaded)?);
            }
            let bell = WakeHandle::new();
            if !partition.subscribe(&bell, WakeAt::HighWatermark(next)) {
                return Err(FetchError::Overloaded);
            }
            // Time over or woken: look again either way.
            let _ = tokio::time::timeout(left, bell.woken()).await;
        }
    }
}

/// The offset that `from` stands for in the log of a partition that is led here.
async fn resolve_here(partition: &Arc<Partition>, from: FetchFrom) -> Result<Offset, FetchError> {
    Ok(match from {
        FetchFrom::Offset(offset) => offset,
        FetchFrom::Earliest => partition.status().log_start,
        FetchFrom::Latest => partition.end_offset_for_clients()?,
        FetchFrom::Timestamp(timestamp_ms) => match partition.offset_for_timestamp(timestamp_ms).await? {
            Some((offset, _)) => offset,
            None => partition.end_offset_for_clients()?,
        },
        FetchFrom::Tail(count) => {
            tail(partition.status().log_start, partition.end_offset_for_clients()?, count)
        }
    })
}

/// So many records before `end`, but not before `start`.
pub(super) fn tail(start: Offset, end: Offset, count: u64) -> Offset {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    start.max(Offset(end.0.saturating_sub(count)))
}

/// Reads bytes that were found: at once if they need no disk, else on a thread where they hold up nobody.
pub(super) async fn read_slice(slice: LogSlice) -> Result<Bytes, FetchError> {
    if slice.is_empty() {
        return Ok(Bytes::new());
    }
    let outcome = if slice.is_probably_cached() {
        slice.read()
    } else {
        let reader = tasks::lend(move || slice.read());
        reader.await.expect("reading does not panic and is not cancelled")
    };
    outcome.map_err(|error| FetchError::Storage { reason: error.to_string() })
}

impl From<ReadError> for FetchError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotLeader { leader, epoch } => Self::NotLeader { leader, epoch },
            ReadError::FencedEpoch { asked, current } => Self::FencedEpoch { asked, current },
            ReadError::UnknownEpoch { asked, current } => Self::UnknownEpoch { asked, current },
            ReadError::BelowStart { asked, start } => Self::BelowStart { asked, start },
            ReadError::BeyondEnd { asked, end } => Self::BeyondEnd { asked, end },
            ReadError::OffsetNotAvailable => Self::OffsetNotAvailable,
            ReadError::Storage(error) => Self::Storage { reason: error.to_string() },
        }
    }
}
