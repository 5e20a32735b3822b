//! Reading from a leader: what consumers may see, and what a follower is answered.
//!
//! Only looks up under the lock; the bytes are read later, without it.
//!
//! *Invariant:* consumers see nothing at or above the high watermark; an end is told only once the high watermark has
//! reached the start of the epoch (KIP-207).
//! *Invariant:* a fetch that diverges, or that is refused, notes no progress (KAFKA-13141).

use std::sync::Arc;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::error::ReadError;
use super::follower::Asked;
use super::leader::{FetchAnswer, FetchRefusal, LeaderState};
use super::partition::{Effects, Inner, Partition, Role};
use super::waiters::Ended;
use crate::rules::{self, Rule};
use crate::storage::{Log, LogSlice, StorageError};
use crate::tasks;
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset};
use crate::wire::{self, ErrorCode};

/// What a consumer may read.
#[derive(Clone, Debug)]
pub struct ReadView {
    /// The batches, to be read without any lock. Empty at the end.
    pub slice: LogSlice,
    /// One past the last record that may be read.
    pub high_watermark: Offset,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign that serves.
    pub leader_epoch: LeaderEpoch,
}

/// What a follower is answered.
#[derive(Clone, Debug)]
pub struct ReplicaRead {
    /// Why there is nothing, if so.
    pub error: ErrorCode,
    /// The epoch and end at which the follower's log parts from this one.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// The batches, to be read without any lock; `None` with an error or a divergence.
    pub slice: Option<LogSlice>,
    /// One past the last committed record.
    pub high_watermark: Offset,
    /// How many appends in all it is worth waiting for a moment, if it is.
    pub gather: Option<u64>,
    /// The first offset kept.
    pub log_start: Offset,
    /// Who leads now, said with errors about leadership.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
}

impl ReplicaRead {
    fn refused(error: ErrorCode, inner: &Inner) -> Self {
        let leader = inner.known_leader().map(|leader| (leader.broker, inner.record.state.leader_epoch));
        Self {
            error,
            diverging: None,
            slice: None,
            gather: None,
            high_watermark: inner.high_watermark(),
            log_start: inner.log.as_ref().map_or(Offset::NONE, Log::start_offset),
            leader,
        }
    }
}

impl Partition {
    /// Finds what a consumer may read from `from`. With `epoch`, only if that is the current reign.
    ///
    /// Between the high watermark and the log end there is nothing yet, which is not an error.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn read(
        &self,
        from: Offset,
        max_bytes: usize,
        epoch: Option<LeaderEpoch>,
    ) -> Result<ReadView, ReadError> {
        let inner = self.lock();
        let (leader, log) = self.serving(&inner, epoch)?;
        let (start, end) = (log.start_offset(), log.end_offset());
        if from < start {
            return Err(ReadError::BelowStart { asked: from, start });
        }
        if from > end {
            return Err(ReadError::BeyondEnd { asked: from, end });
        }
        let high_watermark = leader.high_watermark();
        let readable_to = if rules::holds(Rule::ReadsCommitted) { high_watermark } else { end };
        let slice = log.slice(from, readable_to, max_bytes)?;
        Ok(ReadView { slice, high_watermark, log_start: start, leader_epoch: leader.epoch() })
    }

    /// The end that clients may be told: the high watermark, once it has reached this epoch's start.
    ///
    /// # Errors
    /// [`ReadError::OffsetNotAvailable`] before that.
    pub fn end_offset_for_clients(&self) -> Result<Offset, ReadError> {
        let inner = self.lock();
        let (leader, _) = self.serving(&inner, None)?;
        committed_end(leader)
    }

    /// The first committed record at or after `timestamp_ms`: offset and timestamp.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub async fn offset_for_timestamp(
        self: &Arc<Self>,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>, ReadError> {
        self.blocking(move |partition| {
            let inner = partition.lock();
            let (leader, log) = partition.serving(&inner, None)?;
            let end = committed_end(leader)?;
            Ok(log.find_timestamp(timestamp_ms, end)?)
        })
        .await
    }

    /// The committed record with the greatest timestamp: offset and timestamp.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, i64)>, ReadError> {
        let inner = self.lock();
        let (leader, log) = self.serving(&inner, None)?;
        let end = committed_end(leader)?;
        Ok(log.max_timestamp().filter(|(offset, _)| *offset < end))
    }

    /// The largest epoch at or below `asked` and its end (`OffsetForLeaderEpoch`), if `current_epoch`, when given, is this
    /// reign.
    ///
    /// # Errors
    /// Why this replica may not answer.
    pub fn epoch_end(
        &self,
        asked: LeaderEpoch,
        current_epoch: Option<LeaderEpoch>,
    ) -> Result<(LeaderEpoch, Offset), ReadError> {
        let inner = self.lock();
        let (_, log) = self.serving(&inner, current_epoch)?;
        Ok(log.epoch_end(asked))
    }

    /// Answers a follower's fetch and notes how far it is (rules 3, 5, 7 and 8).
    #[must_use]
    pub fn replica_fetch(
        self: &Arc<Self>,
        from: Incarnation,
        request: &wire::FetchPartition,
        now: Instant,
    ) -> ReplicaRead {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        let answer = self.replica_fetch_locked(&mut inner, from, request, now, &mut effects);
        drop(inner);
        self.carry_out(effects);
        answer
    }

    /// A follower takes records away to make them durable: this log is flushed at the same time.
    pub fn flush_with_follower(self: &Arc<Self>) {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        if inner.flush_mode().counts_durable_only() {
            inner.want_flush(&mut effects);
        }
        drop(inner);
        self.carry_out(effects);
    }

    fn replica_fetch_locked(
        &self,
        inner: &mut MutexGuard<'_, Inner>,
        from: Incarnation,
        request: &wire::FetchPartition,
        now: Instant,
        effects: &mut Effects,
    ) -> ReplicaRead {
        let inner = &mut **inner;
        let (Role::Leader(leader), Some(log)) = (&mut inner.role, &inner.log) else {
            return ReplicaRead::refused(ErrorCode::NotLeaderOrFollower, inner);
        };
        let (epoch, offset) = (request.current_leader_epoch, request.fetch_offset);
        let asked = Asked { epoch, offset, last_epoch: request.last_fetched_epoch };
        let log_start = log.start_offset();
        match leader.answer_fetch(from, asked, log_start, |epoch| log.epoch_end(epoch), now) {
            FetchAnswer::Records => {}
            FetchAnswer::Refused(refusal) => return self.refuse_fetch(inner, from, refusal, effects),
            FetchAnswer::OutOfRange => return ReplicaRead::refused(ErrorCode::OffsetOutOfRange, inner),
            FetchAnswer::Diverging(epoch, end) => {
                let diverging = Some((epoch, end));
                return ReplicaRead { diverging, ..ReplicaRead::refused(ErrorCode::None, inner) };
            }
        }
        leader.note_start(from, request.log_start_offset);
        inner.started.reached(leader.low_watermark(log_start), &mut effects.bells);
        let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0);
        let slice = log.slice(offset, log.end_offset(), max_bytes);
        let look = !inner.isr_queued && leader.wants_to_join(from, &self.shared.limits, now);
        let high_watermark = leader.high_watermark();
        inner.isr_queued |= look;
        effects.look_at_isr = look;
        let log_end = log.end_offset();
        inner.committed_to(high_watermark, effects);
        match slice {
            Ok(slice) => {
                // Who is still far behind has enough to do.
                let brings_all = slice.next_offset() == log_end;
                let gather = inner.gather.worth(inner.committed.beyond(offset)).filter(|_| brings_all);
                let slice = Some(slice);
                ReplicaRead {
                    error: ErrorCode::None,
                    diverging: None,
                    slice,
                    gather,
                    high_watermark,
                    log_start,
                    leader: None,
                }
            }
            Err(error) => {
                tracing::error!(partition = %self.tp(), %from, %offset, %error, "a follower cannot be served");
                ReplicaRead::refused(ErrorCode::KafkaStorageError, inner)
            }
        }
    }

    fn refuse_fetch(
        &self,
        inner: &mut Inner,
        from: Incarnation,
        refusal: FetchRefusal,
        effects: &mut Effects,
    ) -> ReplicaRead {
        let error = match refusal {
            FetchRefusal::Fenced => ErrorCode::FencedLeaderEpoch,
            FetchRefusal::UnknownEpoch => {
                // The news that this may be the zombie: stop acknowledging and look for the newer record (rule 7).
                tracing::info!(partition = %self.tp(), %from, "a follower lives in a newer epoch");
                inner.end_waits(Ended::Lost, effects);
                self.shared.ask_for_refresh(self.tp());
                ErrorCode::UnknownLeaderEpoch
            }
            FetchRefusal::NotAReplica => ErrorCode::ReplicaNotAvailable,
            FetchRefusal::StaleIncarnation => ErrorCode::StaleBrokerEpoch,
        };
        let own = (inner.record.state.leader, inner.record.state.leader_epoch);
        let leader = own.0.map(|leader| (leader.broker, own.1)).filter(|_| refusal == FetchRefusal::Fenced);
        ReplicaRead { leader, ..ReplicaRead::refused(error, inner) }
    }

    /// The leader's state and log, if this replica may serve clients now.
    pub(super) fn serving<'a>(
        &self,
        inner: &'a Inner,
        epoch: Option<LeaderEpoch>,
    ) -> Result<(&'a LeaderState, &'a Log), ReadError> {
        let current = inner.record.state.leader_epoch;
        let (Role::Leader(leader), Some(log)) = (&inner.role, &inner.log) else {
            return Err(ReadError::NotLeader { leader: inner.known_leader(), epoch: current });
        };
        if let Some(by) = leader.deposed_by(self.shared.clock.now(), &self.shared.limits) {
            return Err(ReadError::NotLeader { leader: None, epoch: by });
        }
        match epoch {
            Some(asked) if asked < current => Err(ReadError::FencedEpoch { asked, current }),
            Some(asked) if asked > current => Err(ReadError::UnknownEpoch { asked, current }),
            _ => Ok((leader, log)),
        }
    }

    /// Runs what may wait for the disk on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let partition = Arc::clone(self);
        match tasks::lend(move || work(&partition)).await {
            Ok(result) => result,
            Err(error) => {
                Err(StorageError::Poisoned { reason: format!("the work on it failed: {error}") }.into())
            }
        }
    }
}

fn committed_end(leader: &LeaderState) -> Result<Offset, ReadError> {
    if leader.knows_the_committed_end() {
        Ok(leader.high_watermark())
    } else {
        Err(ReadError::OffsetNotAvailable)
    }
}
