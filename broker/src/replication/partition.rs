//! One replica of one partition: its log, its role and the newest record it has converged to, under one lock.
//!
//! What it does is spread over the files beside: [`super::append`] and [`super::read`] for a leader, [`super::follow`] for a
//! follower, [`super::converge`] for changes of role, [`super::flusher`] for fsync.
//!
//! *Invariant:* the lock is never held over an await or an fsync; effects are carried out after it is let go.
//! *Invariant:* steps that block for long (cutting, closing) take the log out, and one such step or change of role is under
//! way at a time.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;

use super::flusher::FlushStage;
use super::follower::{FollowerState, LogView};
use super::gather::Gather;
use super::leader::LeaderState;
use super::shared::Shared;
use super::status::{FollowerStatus, PartitionStatus, RoleKind};
use super::waiters::{Bells, Ended, Polls, WaitQueue, WakeAt, WakeHandle};
use crate::rules::{self, Rule};
use crate::storage::{CheckpointEntry, Log};
use crate::types::{FlushMode, Incarnation, LeaderEpoch, Offset, PartitionRecord, TopicId, TopicPartition};

/// One replica of one partition.
#[derive(Debug)]
pub struct Partition {
    tp: TopicPartition,
    topic_id: TopicId,
    pub(super) shared: Arc<Shared>,
    inner: Mutex<Inner>,
    /// Taken by a change of role, a cut, or closing.
    pub(super) turn: Arc<Semaphore>,
}

/// What a replica does, with what it knows for that.
#[derive(Debug)]
pub(super) enum Role {
    Leader(Box<LeaderState>),
    Follower(FollowerState),
}

/// All that the lock protects.
#[derive(Debug)]
pub(super) struct Inner {
    /// `None` while a blocking step has it, and after closing.
    pub(super) log: Option<Log>,
    pub(super) role: Role,
    pub(super) record: PartitionRecord,
    /// Producers that wait for the high watermark.
    pub(super) committed: WaitQueue,
    /// Whoever waits for the durable end.
    pub(super) durable: WaitQueue,
    /// Whoever deleted records, and waits for the replicas in sync to follow.
    pub(super) started: WaitQueue,
    pub(super) polls: Polls,
    /// How many producers share a round.
    pub(super) gather: Gather,
    pub(super) flush: FlushStage,
    /// An fsync failed while the log was taken out.
    pub(super) failed_flush: Option<String>,
    /// What the last checkpoint is to say, once the log is closed.
    closed_as: Option<CheckpointEntry>,
    /// Whether the keeper of in-sync sets has been asked to look here.
    pub(super) isr_queued: bool,
    closed: bool,
}

/// What to do once the lock is let go.
#[derive(Debug, Default)]
#[must_use = "effects must be carried out"]
pub(super) struct Effects {
    pub(super) bells: Bells,
    /// Queue this partition for a flush.
    pub(super) flush: bool,
    /// Ask the keeper of in-sync sets to look here.
    pub(super) look_at_isr: bool,
    /// Tell that the log has failed, and why.
    pub(super) log_failed: Option<String>,
}

impl Partition {
    /// A replica that follows nobody yet; [`super::converge`] gives it its role.
    pub(super) fn new(
        tp: TopicPartition,
        log: Log,
        known_hw: Offset,
        record: PartitionRecord,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        let view = view_of(&log, record.state.flush);
        let role = Role::Follower(FollowerState::new(None, LeaderEpoch::NONE, known_hw, view));
        let inner = Inner {
            log: Some(log),
            role,
            record,
            committed: WaitQueue::default(),
            durable: WaitQueue::default(),
            started: WaitQueue::default(),
            polls: Polls::default(),
            gather: Gather::default(),
            flush: FlushStage::default(),
            failed_flush: None,
            closed_as: None,
            isr_queued: false,
            closed: false,
        };
        let topic_id = inner.record.state.topic_id;
        Arc::new(Self { tp, topic_id, shared, inner: Mutex::new(inner), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Which partition.
    #[must_use]
    pub fn tp(&self) -> &TopicPartition {
        &self.tp
    }

    /// Of which topic, by identity.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The newest record that this replica has converged to.
    #[must_use]
    pub fn record(&self) -> PartitionRecord {
        self.lock().record.clone()
    }

    /// Whether this broker is being added to the partition's copies, and does not count yet.
    pub(super) fn is_being_added(&self) -> bool {
        let Some(me) = self.shared.me.get() else { return false };
        let state = &self.lock().record.state;
        state.adding.contains(&me.broker) && !state.isr.contains(me)
    }

    /// The replica as it is now.
    #[must_use]
    pub fn status(&self) -> PartitionStatus {
        let now = self.shared.clock.now();
        let inner = self.lock();
        let (role, followers) = match &inner.role {
            Role::Leader(leader) => (RoleKind::Leader, FollowerStatus::all(leader, now)),
            Role::Follower(follower) if follower.leader().is_some() => (RoleKind::Follower, Vec::new()),
            Role::Follower(_) => (RoleKind::Idle, Vec::new()),
        };
        let (start, end, durable, size) = inner.log.as_ref().map_or_else(
            || (inner.high_watermark(), inner.high_watermark(), inner.high_watermark(), 0),
            |log| (log.start_offset(), log.end_offset(), log.durable_end(), log.size_bytes()),
        );
        PartitionStatus {
            role,
            leader: inner.record.state.leader,
            leader_epoch: inner.record.state.leader_epoch,
            log_start: start,
            high_watermark: inner.high_watermark(),
            log_end: end,
            durable_end: durable,
            size_bytes: size,
            followers,
            poisoned: inner.log.as_ref().and_then(|log| log.poisoned().map(str::to_owned)),
        }
    }

    /// Hangs a long poll's bell here. Rings at once if there is something to say already, or if this replica does not lead.
    /// `false`: too many wait, and the bell does not hang here.
    pub fn subscribe(self: &Arc<Self>, wake: &WakeHandle, at: WakeAt) -> bool {
        let Some(ticket) = self.shared.waits.enter() else {
            return false;
        };
        let bell = wake.bell();
        let mut inner = self.lock();
        let ready = match (&inner.role, &inner.log, at) {
            (Role::Leader(leader), Some(_), WakeAt::HighWatermark(offset)) => {
                leader.high_watermark() > offset
            }
            (Role::Leader(_), Some(log), WakeAt::LogEnd(offset)) => log.end_offset() > offset,
            (Role::Leader(_), Some(_), WakeAt::Appends(count)) => inner.gather.appends() >= count,
            _ => true,
        };
        if !ready {
            inner.polls.hang(at, bell);
            drop(inner);
            wake.hung_on(self, ticket);
        } else {
            drop(inner);
            bell.ring();
        }
        true
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Does what was decided under the lock: fsync first, since it takes longest, then everyone who waits.
    pub(super) fn carry_out(self: &Arc<Self>, effects: Effects) {
        if let Some(reason) = effects.log_failed {
            self.shared.log_failed(&self.tp, reason);
        }
        if effects.flush {
            self.shared.flusher.enqueue(Arc::clone(self));
        }
        effects.bells.ring();
        if effects.look_at_isr {
            self.shared.isr_queue.push(self);
        }
    }

    /// What the checkpoints should say; `None` while the log is taken out: they keep what they say then.
    pub(super) fn checkpoint_entry(&self) -> Option<CheckpointEntry> {
        let inner = self.lock();
        inner.log.as_ref().map(|log| self.entry(&inner, log)).or_else(|| inner.closed_as.clone())
    }

    /// Remembers what the last checkpoint is to say of a log that was closed.
    pub(super) fn note_closed(&self, log: &Log) {
        let mut inner = self.lock();
        inner.closed_as = Some(self.entry(&inner, log));
    }

    fn entry(&self, inner: &Inner, log: &Log) -> CheckpointEntry {
        CheckpointEntry {
            tp: self.tp.clone(),
            topic_id: log.topic_id(),
            recovery_point: if rules::holds(Rule::RecoveryPointIsDurable) {
                log.durable_end()
            } else {
                log.end_offset()
            },
            log_start: log.start_offset(),
            high_watermark: inner.high_watermark(),
        }
    }

    /// How many wait here.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.committed.len() + inner.durable.len() + inner.started.len() + inner.polls.len()
    }
}

impl Inner {
    pub(super) fn high_watermark(&self) -> Offset {
        match &self.role {
            Role::Leader(leader) => leader.high_watermark(),
            Role::Follower(follower) => follower.high_watermark(),
        }
    }

    pub(super) fn flush_mode(&self) -> FlushMode {
        self.record.state.flush
    }

    /// The log as the decisions see it; `None` while it is taken out.
    pub(super) fn view(&self) -> Option<LogView> {
        self.log.as_ref().map(|log| view_of(log, self.flush_mode()))
    }

    /// Who leads, for those who asked the wrong broker: never this broker itself.
    pub(super) fn known_leader(&self) -> Option<Incarnation> {
        match &self.role {
            Role::Leader(_) => None,
            Role::Follower(follower) => follower.leader(),
        }
    }

    /// Tells a leader's decisions how far its log is, and everyone who waits how far things are.
    pub(super) fn publish(&mut self, effects: &mut Effects) {
        let Some(log) = &self.log else { return };
        self.durable.reached(log.durable_end(), &mut effects.bells);
        if let Role::Leader(leader) = &mut self.role {
            let counted = view_of(log, self.record.state.flush).counted_end;
            leader.note_log(log.end_offset(), counted);
            let high_watermark = leader.high_watermark();
            self.polls.appended(log.end_offset(), &mut effects.bells);
            self.started.reached(leader.low_watermark(log.start_offset()), &mut effects.bells);
            self.committed_to(high_watermark, effects);
        }
    }

    /// Tells everyone who waits for the high watermark.
    pub(super) fn committed_to(&mut self, high_watermark: Offset, effects: &mut Effects) {
        if self.committed.reached(high_watermark, &mut effects.bells) > 0 {
            self.gather.note_round();
        }
        self.polls.committed(high_watermark, &mut effects.bells);
    }

    /// Whether a follower that counts will fetch what is appended now: this log is then flushed when that happens, so that
    /// all replicas work on the same group of records at the same time.
    pub(super) fn flushes_with_followers(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if leader.has_counted_follower())
    }

    /// Asks for a flush unless nothing needs one.
    pub(super) fn want_flush(&mut self, effects: &mut Effects) {
        let needs = self
            .log
            .as_ref()
            .is_some_and(|log| log.durable_end() < log.end_offset() && log.poisoned().is_none());
        if needs && self.flush.want() {
            effects.flush = true;
        }
    }

    /// Ends every wait for replicas.
    pub(super) fn end_waits(&mut self, ended: Ended, effects: &mut Effects) {
        self.committed.end_all(ended, &mut effects.bells);
        self.durable.end_all(ended, &mut effects.bells);
        self.started.end_all(ended, &mut effects.bells);
    }

    /// If the log has failed, ends the waits for what it can never make durable, and tells of it.
    pub(super) fn look_for_failure(&mut self, effects: &mut Effects) {
        let Some(reason) = self.log.as_ref().and_then(Log::poisoned).map(str::to_owned) else { return };
        self.end_waits(Ended::Failed, effects);
        effects.log_failed = Some(reason);
    }

    /// Takes the log out for good. Who led leads no more: what it proposed is pursued no further. (Without a log it would
    /// answer nobody in any case.)
    pub(super) fn close(&mut self) -> Option<Log> {
        self.closed = true;
        let (epoch, known_hw) = (self.record.state.leader_epoch, self.high_watermark());
        if let Some(view) = self.view() {
            self.role = Role::Follower(FollowerState::new(None, epoch, known_hw, view));
        }
        self.log.take()
    }

    /// Puts the log back after a blocking step; it is dropped if the replica was closed meanwhile.
    pub(super) fn put_back(&mut self, mut log: Log) {
        assert!(self.log.is_none(), "only one step at a time takes the log out");
        if let Some(reason) = self.failed_flush.take() {
            log.poison(reason);
        }
        if !self.closed {
            self.log = Some(log);
        }
    }
}

/// The log as the decisions see it.
pub(super) fn view_of(log: &Log, flush: FlushMode) -> LogView {
    LogView::new(log.start_offset(), log.end_offset(), log.durable_end(), log.last_epoch(), flush)
}
