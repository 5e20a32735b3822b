//! A follower's side of a replica: what it asks, and what it does with the answer.
//!
//! *Invariant:* an answer is judged again under the lock before anything of it is applied (KAFKA-13207).
//! *Invariant:* cutting happens on a thread that may block, with the log taken out; nobody waits for the lock meanwhile.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::follower::{Asked, NextFetch, Step, fits_reign};
use super::partition::{Effects, Partition, Role};
use super::waiters::{Ended, Slot};
use crate::record::validate_replica_batches;
use crate::storage::Log;
use crate::tasks;
use crate::types::Offset;
use crate::wire::FetchedPartition;

/// What became of an answer.
#[derive(Debug)]
pub(super) enum Taken {
    /// Ask on.
    Done,
    /// Ask on once this is durable.
    FlushFirst,
    /// The log must be changed by a step that blocks; then ask on.
    Change(Asked, Change),
    /// Ask again after a pause; with `refresh`, a newer record must exist.
    Retry { refresh: bool },
    /// Ask again after a pause; something is wrong.
    Failed(String),
}

/// A step that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Cut(Offset),
    StartAnew(Offset),
}

impl Partition {
    /// What to ask the leader now; `None` while a blocking step has the log, and once that has failed: a fetch is an
    /// acknowledgement, and what it could bring could not be stored.
    pub(super) fn next_fetch(&self) -> Option<(NextFetch, Offset)> {
        let inner = self.lock();
        let (Role::Follower(follower), Some(view)) = (&inner.role, inner.view()) else {
            return None;
        };
        if inner.log.as_ref().is_some_and(|log| log.poisoned().is_some()) {
            return None;
        }
        Some((follower.next_fetch(view), view.start))
    }

    /// Takes an answer to `asked`: appends what came, or says which step is needed first.
    pub(super) fn take_answer(self: &Arc<Self>, asked: Asked, mut answer: FetchedPartition) -> Taken {
        let records = joined(std::mem::take(&mut answer.records));
        // Outside the lock: this reads every byte.
        let headers = match validate_replica_batches(&records, asked.offset) {
            Ok(headers) => headers,
            Err(error) => return Taken::Failed(format!("the leader sent damaged batches: {error}")),
        };
        if !fits_reign(asked, headers.iter().map(|header| header.leader_epoch)) {
            let epochs: Vec<_> = headers.iter().map(|header| header.leader_epoch.0).collect();
            return Taken::Failed(format!("the leader sent batches of the epochs {epochs:?} to {asked:?}"));
        }
        let now_ms = self.shared.clock.unix_ms();
        let mut effects = Effects::default();
        let mut guard = self.lock();
        let inner = &mut *guard;
        let flush = inner.flush_mode();
        let (Role::Follower(follower), Some(view)) = (&mut inner.role, inner.log.as_ref()) else {
            return Taken::Done;
        };
        let log_view = super::partition::view_of(view, flush);
        match follower.judge(asked, &answer, log_view, |epoch| view.epoch_end(epoch)) {
            Step::Stale => return Taken::Done,
            Step::Retry { refresh } => return Taken::Retry { refresh },
            Step::Cut(end) => return Taken::Change(asked, Change::Cut(end)),
            Step::StartAnew(start) => return Taken::Change(asked, Change::StartAnew(start)),
            Step::Append => {}
        }
        let log = inner.log.as_mut().expect("it was there just now");
        if !records.is_empty() {
            match log.append_as_follower(&records, now_ms) {
                Ok(info) => _ = self.shared.metrics.replicated_bytes.inc_by(info.bytes),
                Err(error) => {
                    inner.look_for_failure(&mut effects);
                    drop(guard);
                    self.carry_out(effects);
                    return Taken::Failed(error.to_string());
                }
            }
        }
        let view = super::partition::view_of(log, flush);
        let start = follower.note_marks(answer.high_watermark, answer.log_start_offset, view);
        if let Some(start) = start
            && let Err(error) = log.advance_start(start)
        {
            tracing::warn!(partition = %self.tp(), %start, %error, "the log start cannot follow the leader's");
        }
        let must_flush = view.counted_end < view.end;
        if must_flush {
            inner.want_flush(&mut effects);
        }
        drop(guard);
        self.carry_out(effects);
        if must_flush { Taken::FlushFirst } else { Taken::Done }
    }

    /// Waits until everything in the log is durable. `false` if it cannot be, or if the role has changed.
    pub(super) async fn flushed(self: &Arc<Self>) -> bool {
        let Some((at, slot)) = self.wait_for_flush() else {
            return true;
        };
        let _wait = FlushWait { partition: self, at, slot: &slot };
        slot.ended().await == Ended::Reached
    }

    fn wait_for_flush(self: &Arc<Self>) -> Option<(Offset, Arc<Slot>)> {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        let log = inner.log.as_ref().filter(|log| log.durable_end() < log.end_offset())?;
        let (end, is_poisoned) = (log.end_offset(), log.poisoned().is_some());
        let slot = inner.durable.push(end);
        if is_poisoned {
            inner.durable.end_all(Ended::Failed, &mut effects.bells);
        } else {
            inner.want_flush(&mut effects);
        }
        drop(inner);
        self.carry_out(effects);
        Some((end, slot))
    }

    /// Carries a blocking step out, unless the world has moved on since it was asked for.
    ///
    /// # Errors
    /// Why the log is not changed; it is to be tried again later.
    pub(super) async fn change_log(self: &Arc<Self>, asked: Asked, change: Change) -> Result<(), String> {
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else {
            return Ok(());
        };
        let Some(mut log) = self.take_log_if(asked) else {
            return Ok(());
        };
        self.shared.metrics.truncations.inc();
        let partition = Arc::clone(self);
        // The log comes back on the thread that has it: a caller that is dropped while waiting must not lose it.
        let work = tasks::lend(move || {
            let _turn = turn;
            let result = match change {
                Change::Cut(end) => log.truncate_to(end),
                Change::StartAnew(start) => log.restart_at(start),
            };
            partition.log_changed(log, change, result.is_ok());
            result
        });
        match work.await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => {
                let reason = format!("the step failed: {error}");
                self.shared.tasks.note("cutting a log", error);
                Err(reason)
            }
        }
    }

    fn take_log_if(&self, asked: Asked) -> Option<Log> {
        let mut inner = self.lock();
        if inner.is_where(asked) { inner.log.take() } else { None }
    }

    fn log_changed(self: &Arc<Self>, log: Log, change: Change, done: bool) {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        inner.put_back(log);
        if let (Role::Follower(follower), true) = (&mut inner.role, done) {
            match change {
                Change::Cut(end) => {
                    let before = follower.high_watermark();
                    let lost = follower.note_cut(end);
                    tracing::info!(partition = %self.tp(), %end, "the log was cut to match its leader's");
                    if lost {
                        tracing::error!(
                            partition = %self.tp(), %end, high_watermark = %before,
                            "committed records were cut: an unclean election, or a bug"
                        );
                    }
                }
                Change::StartAnew(start) => {
                    tracing::warn!(partition = %self.tp(), %start, "the log starts anew at its leader's start");
                    follower.note_started_anew(start);
                }
            }
        }
        if inner.flush_mode().counts_durable_only() {
            inner.want_flush(&mut effects);
        }
        inner.look_for_failure(&mut effects);
        inner.publish(&mut effects);
        drop(inner);
        self.carry_out(effects);
    }
}

impl super::partition::Inner {
    /// Whether this is still the follower, at the place, that asked.
    fn is_where(&self, asked: Asked) -> bool {
        match (&self.role, self.view()) {
            (Role::Follower(follower), Some(view)) => {
                let now = Asked { epoch: follower.epoch(), offset: view.end, last_epoch: view.last_epoch };
                follower.leader().is_some() && asked == now
            }
            _ => false,
        }
    }
}

/// A wait for a flush; dropping it takes it out of its list.
struct FlushWait<'a> {
    partition: &'a Arc<Partition>,
    at: Offset,
    slot: &'a Arc<Slot>,
}

impl Drop for FlushWait<'_> {
    fn drop(&mut self) {
        if self.slot.peek().is_none() {
            self.partition.lock().durable.remove(self.at, self.slot);
        }
    }
}

/// The chunks of an answer as one run of bytes; copied only if there are several.
fn joined(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() <= 1 {
        return chunks.pop().unwrap_or_default();
    }
    let mut all = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
    all.freeze()
}
