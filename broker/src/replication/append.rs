//! Appending as leader: the hot path of a produce.
//!
//! One pass under the lock, one write, no copy; then the wait for the asked acknowledgement, which allocates its waiter and
//! nothing else. It does not look into batches beyond their headers: the caller has validated them.
//!
//! *Invariant:* what is refused before the append is not written; what fails after it may be (rule 6).

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::error::AppendError;
use super::leader::{AppendRefusal, LeaderState};
use super::partition::{Effects, Inner, Partition, Role};
use super::waiters::{Ended, Slot, Ticket};
use crate::record::{BatchHeader, RecordError};
use crate::storage::{Log, SequenceCheck, StorageError};
use crate::types::{LeaderEpoch, Offset};

/// Whose word a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: answered once appended.
    None,
    /// The leader's: under `flush=ack` once it is durable there.
    Leader,
    /// Everybody's in the ISR: committed.
    All,
}

/// What to append.
#[derive(Debug)]
pub struct Append {
    /// One or more validated batches, back to back. More than one only without a producer id.
    pub batch: BytesMut,
    /// Whose word to wait for.
    pub acks: Acks,
    /// Until when to wait.
    pub deadline: Instant,
    /// Append only if the log ends exactly here.
    pub expected_offset: Option<Offset>,
    /// Append only in this epoch.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Where an append landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// One past the last record.
    pub end_offset: Offset,
    /// The time stamped on the batches; -1 if they keep their own.
    pub append_time_ms: i64,
    /// Whether the records were there already, from an earlier try of the same producer.
    pub duplicate: bool,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign in which it happened.
    pub leader_epoch: LeaderEpoch,
}

/// Which list a producer waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitFor {
    Committed,
    Durable,
}

/// A producer's wait; dropping it takes it out of its list.
struct Wait {
    partition: Arc<Partition>,
    list: WaitFor,
    at: Offset,
    slot: Arc<Slot>,
    _place: Option<Ticket>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.slot.peek().is_none() {
            let mut inner = self.partition.lock();
            let list = match self.list {
                WaitFor::Committed => &mut inner.committed,
                WaitFor::Durable => &mut inner.durable,
            };
            list.remove(self.at, &self.slot);
        }
    }
}

impl Partition {
    /// Appends as leader and waits for the asked word. Dropping the call stops the wait, not the append.
    ///
    /// A repeat of an idempotent producer is not appended again: it is answered with the offsets of the first try, once
    /// these have the asked word.
    ///
    /// # Errors
    /// [`AppendError::written`] says whether the records may be stored.
    pub async fn append(self: &Arc<Self>, append: Append) -> Result<Appended, AppendError> {
        let deadline = append.deadline;
        let (appended, wait) = self.append_now(append)?;
        let Some(wait) = wait else {
            return Ok(appended);
        };
        let ended = tokio::time::timeout_at(deadline.into(), wait.slot.ended())
            .await
            .ok()
            .or_else(|| wait.slot.peek());
        let base_offset = appended.base_offset;
        match ended {
            Some(Ended::Reached) => Ok(appended),
            Some(Ended::Lost) => Err(AppendError::LeadershipLost { base_offset }),
            Some(Ended::Failed) => Err(self.flush_failure(base_offset)),
            None => Err(self.lateness(base_offset)),
        }
    }

    /// The part under the lock, and its effects.
    fn append_now(self: &Arc<Self>, append: Append) -> Result<(Appended, Option<Wait>), AppendError> {
        let place = match append.acks {
            Acks::None => None,
            Acks::Leader | Acks::All => Some(
                self.shared
                    .waits
                    .enter()
                    .ok_or(AppendError::Overloaded { waiters_max: self.shared.waits.max() })?,
            ),
        };
        let (now, now_ms) = (self.shared.clock.now(), self.shared.clock.unix_ms());
        let acks = append.acks;
        let mut effects = Effects::default();
        let mut inner = self.lock();
        let appended = match self.append_locked(&mut inner, append, now, now_ms) {
            Ok(appended) => appended,
            Err(error) => {
                inner.look_for_failure(&mut effects);
                drop(inner);
                self.carry_out(effects);
                return Err(error);
            }
        };
        if !appended.duplicate {
            inner.publish(&mut effects);
        }
        let with_followers = acks == Acks::All && !appended.duplicate && inner.flushes_with_followers();
        if inner.flush_mode().counts_durable_only() && !with_followers {
            inner.want_flush(&mut effects);
        }
        let wait =
            place.and_then(|place| inner.wait_for(acks, appended.end_offset).map(|wait| (wait, place)));
        if !appended.duplicate {
            let waiting = inner.committed.len();
            inner.gather.note_append(waiting);
            let appends = inner.gather.appends();
            inner.polls.gathered(appends, &mut effects.bells);
        }
        drop(inner);
        self.carry_out(effects);
        let wait = wait.map(|((list, slot), place)| Wait {
            partition: Arc::clone(self),
            list,
            at: appended.end_offset,
            slot,
            _place: Some(place),
        });
        Ok((appended, wait))
    }

    fn append_locked(
        &self,
        inner: &mut Inner,
        append: Append,
        now: Instant,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let epoch = inner.record.state.leader_epoch;
        let leader = inner.known_leader();
        let (Role::Leader(state), Some(log)) = (&inner.role, &mut inner.log) else {
            return Err(AppendError::NotLeader { leader, epoch });
        };
        if let Some(by) = state.deposed_by(now, &self.shared.limits) {
            return Err(AppendError::NotLeader { leader: None, epoch: by });
        }
        match append.leader_epoch {
            Some(asked) if asked < epoch => return Err(AppendError::FencedEpoch { asked, current: epoch }),
            Some(asked) if asked > epoch => return Err(AppendError::UnknownEpoch { asked, current: epoch }),
            _ => {}
        }
        // A repeat comes first: it is stored, whatever else would be refused now.
        if let Some(before) = check_sequence(log, &append.batch, epoch, now_ms)? {
            return Ok(before);
        }
        self.may_append(state, append.acks, now)?;
        if let Some(expected) = append.expected_offset.filter(|expected| *expected != log.end_offset()) {
            tracing::debug!(partition = %self.tp(), %expected, "conditional append refused");
            return Err(AppendError::UnexpectedOffset { actual: log.end_offset() });
        }
        let info = log.append_as_leader(append.batch, epoch, now_ms).map_err(storage_error)?;
        self.shared.metrics.append_bytes.inc_by(info.bytes);
        Ok(Appended {
            base_offset: info.base_offset,
            end_offset: info.end_offset,
            append_time_ms: info.append_time_ms,
            duplicate: false,
            log_start: log.start_offset(),
            leader_epoch: epoch,
        })
    }

    fn may_append(&self, state: &LeaderState, acks: Acks, now: Instant) -> Result<(), AppendError> {
        let has_lease = self.shared.session.holds(now);
        state.may_append(acks == Acks::All, has_lease, now, &self.shared.limits).map_err(|refusal| {
            match refusal {
                AppendRefusal::Deposed { by } => AppendError::NotLeader { leader: None, epoch: by },
                AppendRefusal::NotEnoughReplicas { isr, min_isr } => {
                    AppendError::NotEnoughReplicas { isr, min_isr }
                }
                AppendRefusal::FollowersQuiet { quiet } => AppendError::FollowersQuiet {
                    quiet_ms: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX),
                },
            }
        })
    }

    /// Waits until all that is in the log now is committed, or this leader cannot commit it any more. Whether there was
    /// anything to wait for.
    pub async fn settled(self: &Arc<Self>) -> bool {
        let Some(wait) = self.wait_to_settle() else { return false };
        wait.slot.ended().await;
        true
    }

    fn wait_to_settle(self: &Arc<Self>) -> Option<Wait> {
        let mut inner = self.lock();
        let (Role::Leader(leader), Some(log)) = (&inner.role, &inner.log) else { return None };
        let end = log.end_offset();
        if leader.high_watermark() >= end || log.poisoned().is_some() {
            return None;
        }
        let slot = inner.committed.push(end);
        Some(Wait { partition: Arc::clone(self), list: WaitFor::Committed, at: end, slot, _place: None })
    }

    fn flush_failure(&self, base_offset: Offset) -> AppendError {
        let inner = self.lock();
        let reason =
            inner.log.as_ref().and_then(|log| log.poisoned()).unwrap_or("the disk failed").to_owned();
        AppendError::FlushFailed { base_offset, reason }
    }

    fn lateness(&self, base_offset: Offset) -> AppendError {
        let state = &self.lock().record.state;
        if state.may_commit() {
            return AppendError::TimedOut { base_offset };
        }
        let isr = u32::try_from(state.isr.len()).unwrap_or(u32::MAX);
        AppendError::NotEnoughReplicasAfterAppend { base_offset, isr, min_isr: state.min_isr }
    }
}

impl Inner {
    /// Enters the list to wait in, unless `end` has the asked word already.
    fn wait_for(&mut self, acks: Acks, end: Offset) -> Option<(WaitFor, Arc<Slot>)> {
        match acks {
            Acks::All if self.high_watermark() < end => Some((WaitFor::Committed, self.committed.push(end))),
            Acks::Leader if self.flush_mode().counts_durable_only() => {
                let is_durable = self.log.as_ref().is_some_and(|log| log.durable_end() >= end);
                (!is_durable).then(|| (WaitFor::Durable, self.durable.push(end)))
            }
            _ => None,
        }
    }
}

/// Checks the sequence numbers of an idempotent producer; `Some` is where the same batch was appended before.
fn check_sequence(
    log: &Log,
    batches: &BytesMut,
    leader_epoch: LeaderEpoch,
    now_ms: i64,
) -> Result<Option<Appended>, AppendError> {
    let header = BatchHeader::read(batches)?;
    if !header.has_producer() {
        return Ok(None);
    }
    if header.total_len() < batches.len() {
        return Err(RecordError::TrailingBytes { extra: batches.len() - header.total_len() }.into());
    }
    match log.check_sequence(&header, now_ms) {
        SequenceCheck::Fresh => Ok(None),
        SequenceCheck::Duplicate { base_offset, end_offset, appended_ms } => Ok(Some(Appended {
            base_offset,
            end_offset,
            append_time_ms: if log.options().timestamp_type_log_append { appended_ms } else { -1 },
            duplicate: true,
            log_start: log.start_offset(),
            leader_epoch,
        })),
        SequenceCheck::OutOfOrder { expected } => {
            Err(AppendError::OutOfOrderSequence { expected, got: header.base_sequence })
        }
        SequenceCheck::Fenced { current_epoch } => Err(AppendError::FencedProducer { current_epoch }),
        SequenceCheck::NewEpochNotZero => Err(AppendError::NewEpochNotZero),
    }
}

fn storage_error(error: StorageError) -> AppendError {
    match error {
        StorageError::DiskFull { .. } => AppendError::DiskFull,
        StorageError::Record(error) => AppendError::Invalid(error),
        other => AppendError::Storage { reason: other.to_string() },
    }
}
