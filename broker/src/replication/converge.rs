//! Bringing a replica to the newest record: becoming leader or follower, or taking a new version in the same role.
//!
//! *Invariant:* a change of role is pure and local; the record's version is stored only once it is complete (KAFKA-9307).
//! *Invariant:* versions only rise, and so do leader epochs, over restarts too: the log's last epoch bounds them (row 32).

use std::sync::Arc;

use super::duty::{Duty, duty_of, is_set_back};
use super::error::ReplicationError;
use super::follower::FollowerState;
use super::leader::LeaderState;
use super::partition::{Effects, Inner, Partition, Role};
use super::waiters::Ended;
use crate::storage::{Log, LogOptions, StorageError};
use crate::types::{Incarnation, LeaderEpoch, PartitionRecord};

/// What a replica does now, for those who pull on its behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Converged {
    /// It was there already, or further.
    Unchanged,
    /// It leads, or waits for a leader: nothing is to be pulled.
    PullsNothing,
    /// It pulls from this leader.
    PullsFrom(Incarnation),
}

impl Partition {
    /// Takes `record` if it is newer, and `options` in any case.
    ///
    /// # Errors
    /// [`ReplicationError::EpochBehindLog`]: nothing has changed then.
    pub(super) fn converge(
        self: &Arc<Self>,
        me: Incarnation,
        record: &PartitionRecord,
        options: Option<LogOptions>,
    ) -> Result<Converged, ReplicationError> {
        assert!(
            record.state.topic_id == self.topic_id(),
            "{}: topic {} is not {}",
            self.tp(),
            record.state.topic_id,
            self.topic_id()
        );
        let mut effects = Effects::default();
        let mut inner = self.lock();
        if let (Some(log), Some(options)) = (&mut inner.log, options) {
            log.set_options(options);
        }
        if record.partition_epoch <= inner.record.partition_epoch {
            return Ok(Converged::Unchanged);
        }
        if inner.log.is_none() {
            let source = StorageError::Poisoned { reason: "a step that changed it has failed".to_owned() };
            return Err(ReplicationError::Storage { tp: self.tp().clone(), source });
        }
        self.refuse_old_epoch(&inner, record)?;
        let converged = self.take_record(&mut inner, me, record, &mut effects);
        inner.publish(&mut effects);
        drop(inner);
        self.carry_out(effects);
        Ok(converged)
    }

    fn refuse_old_epoch(&self, inner: &Inner, record: &PartitionRecord) -> Result<(), ReplicationError> {
        let in_log = inner.log.as_ref().map_or(LeaderEpoch::NONE, Log::last_epoch);
        let in_records = inner.record.state.leader_epoch;
        if !is_set_back(record.state.leader_epoch, in_log, in_records) {
            return Ok(());
        }
        let error = ReplicationError::EpochBehindLog {
            tp: self.tp().clone(),
            version: record.partition_epoch,
            record: record.state.leader_epoch,
            log: in_log.max(in_records),
        };
        tracing::error!(%error, "a partition record is refused");
        Err(error)
    }

    fn take_record(
        &self,
        inner: &mut Inner,
        me: Incarnation,
        record: &PartitionRecord,
        effects: &mut Effects,
    ) -> Converged {
        let now = self.shared.clock.now();
        let epoch = record.state.leader_epoch;
        let duty = duty_of(me, &record.state);
        match (&mut inner.role, duty) {
            (Role::Leader(leader), Duty::Lead) if leader.epoch() == epoch => {
                leader.adopt(record.clone(), now)
            }
            (_, Duty::Lead) => {
                inner.lead(me, record, now);
                tracing::info!(partition = %self.tp(), %epoch, "leads");
                inner.polls.all(&mut effects.bells);
                effects.look_at_isr = !std::mem::replace(&mut inner.isr_queued, true);
            }
            (_, Duty::Follow(_) | Duty::Wait) => {
                let leader = if let Duty::Follow(leader) = duty { Some(leader) } else { None };
                if inner.follow(leader, epoch) {
                    tracing::info!(partition = %self.tp(), %epoch, ?leader, "follows");
                    inner.end_waits(Ended::Lost, effects);
                    inner.polls.all(&mut effects.bells);
                }
            }
        }
        inner.record = record.clone();
        if inner.flush_mode().counts_durable_only() {
            inner.want_flush(effects);
        }
        match duty {
            Duty::Follow(leader) => Converged::PullsFrom(leader),
            Duty::Lead | Duty::Wait => Converged::PullsNothing,
        }
    }
}

impl Inner {
    fn lead(&mut self, me: Incarnation, record: &PartitionRecord, now: std::time::Instant) {
        let known_hw = self.high_watermark();
        let log = self.log.as_ref().expect("checked before the role changes");
        let counted = super::partition::view_of(log, record.state.flush).counted_end;
        let leader = LeaderState::new(me, record.clone(), log.end_offset(), counted, known_hw, now);
        self.role = Role::Leader(Box::new(leader));
    }

    /// Whether anything changed: in the same reign under the same leader a follower keeps what it knows.
    fn follow(&mut self, leader: Option<Incarnation>, epoch: LeaderEpoch) -> bool {
        if let Role::Follower(follower) = &self.role
            && follower.epoch() == epoch
            && follower.leader() == leader
        {
            return false;
        }
        let known_hw = self.high_watermark();
        let view = self.view().expect("checked before the role changes");
        self.role = Role::Follower(FollowerState::new(leader, epoch, known_hw, view));
        true
    }
}
