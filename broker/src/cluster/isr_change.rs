//! What a partition's leader writes of itself, and what a broker asks before it deletes anything.
//!
//! *Invariant:* a change is sent once: whoever proposes it settles an unknown outcome, by writing with the same guard
//! (rule 4).
//! *Invariant:* the transaction itself compares that a joiner is still the life that fetched (rule 5): no image, however
//! old, can let another one in.

use coordinator_adapter::{Op, StoreError, Txn};

use crate::rules::{self, Rule};
use crate::types::{
    BrokerId, Incarnation, PartitionEpoch, PartitionRecord, PartitionState, TopicId, TopicName,
    TopicPartition,
};

use super::commands::Commands;
use super::error::ClusterError;
use super::guards::guards_of_isr_change;
use super::keyspace::Key;
use super::values::{LiveState, TopicValue, Value, decode};
use super::why::{Why, encode_noted};

/// A leader's change of its own in-sync set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The partition.
    pub tp: TopicPartition,
    /// The version that the change is based on.
    pub guard: PartitionEpoch,
    /// The record as it shall be.
    pub state: PartitionState,
    /// The replica that joins, if one does: it must still live in this life (rule 5).
    pub joiner: Option<Incarnation>,
}

/// What became of an [`IsrChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsrChangeOutcome {
    /// It is committed, with this version.
    Committed(PartitionRecord),
    /// It was refused; the record as it stands, if there is one.
    Refused {
        /// The record as it stands.
        current: Option<PartitionRecord>,
    },
    /// It may or may not have been applied: settle it by writing with the same guard.
    Unknown,
    /// It was certainly not applied.
    NotSent,
}

impl Commands {
    /// Writes a leader's change of its own in-sync set (rules 4 and 5), once.
    pub async fn propose_isr(&self, change: IsrChange) -> IsrChangeOutcome {
        if let Err(reason) = change.state.check() {
            tracing::error!(partition = %change.tp, reason, "a change of the in-sync set is not well-formed");
            return IsrChangeOutcome::NotSent;
        }
        let key = self.keyspace.path(&Key::Partition(change.tp.clone()));
        if let Some(joiner) = change.joiner {
            let live = self.image().live.get(&joiner.broker).map(|live| (live.epoch, live.state));
            if live != Some((joiner.epoch, LiveState::Active)) && rules::holds(Rule::JoinerIsLive) {
                // It is going down, or not up yet; the transaction's own compares hold even if this image is old.
                return IsrChangeOutcome::NotSent;
            }
        }
        let guards = guards_of_isr_change(&change);
        let compares = guards.iter().map(|guard| guard.compare(&self.keyspace)).collect();
        let why = Why::of_isr(change.joiner.is_some(), change.state.leader, self.clock.unix_ms());
        let put = Op::Put { key: key.clone(), value: encode_noted(&change.state, &why), lease: None };
        let txn = Txn { compares, success: vec![put], failure: vec![Op::Get { key }] };
        match self.store.txn(txn).await {
            Ok(outcome) if outcome.succeeded => {
                let partition_epoch = PartitionEpoch(outcome.revision.0);
                IsrChangeOutcome::Committed(PartitionRecord { state: change.state, partition_epoch })
            }
            Ok(outcome) => {
                let stands = outcome.reads.into_iter().flatten().next();
                let current = stands.and_then(|stands| {
                    let state = decode(&stands.value).ok()?;
                    Some(PartitionRecord { state, partition_epoch: PartitionEpoch(stands.mod_revision.0) })
                });
                IsrChangeOutcome::Refused { current }
            }
            Err(StoreError::Unknown { .. }) => IsrChangeOutcome::Unknown,
            Err(error) => {
                tracing::debug!(partition = %change.tp, %error, "a change of the in-sync set was not sent");
                IsrChangeOutcome::NotSent
            }
        }
    }

    /// Whether this very topic exists, linearizably. In doubt it does.
    ///
    /// # Errors
    /// What the store said.
    pub async fn topic_exists(&self, name: &TopicName, id: TopicId) -> Result<bool, ClusterError> {
        let (_, stored) = self.store.get(&self.keyspace.path(&Key::Topic(name.clone()))).await?;
        Ok(stored
            .is_some_and(|stored| decode::<TopicValue>(&stored.value).map_or(true, |value| value.id == id)))
    }

    /// Whether a copy of this very partition belongs on `broker`, linearizably: the question before local data goes.
    /// In doubt it does.
    ///
    /// # Errors
    /// What the store said.
    pub async fn replica_belongs(
        &self,
        tp: &TopicPartition,
        id: TopicId,
        broker: BrokerId,
    ) -> Result<bool, ClusterError> {
        let keys = [Key::Topic(tp.topic.clone()), Key::Partition(tp.clone())];
        let success = keys.iter().map(|key| Op::Get { key: self.keyspace.path(key) }).collect();
        let read = Txn { success, ..Txn::default() };
        let mut reads = self.store.txn(read).await?.reads.into_iter();
        let Some(topic) = reads.next().flatten() else { return Ok(false) };
        let Ok(topic) = decode::<TopicValue>(&topic.value) else { return Ok(true) };
        if topic.id != id {
            return Ok(false);
        }
        let assigned = || {
            let place = usize::try_from(tp.partition.0).ok().and_then(|index| topic.partitions.get(index));
            place.is_none_or(|replicas| replicas.contains(&broker))
        };
        let Some(record) = reads.next().flatten() else { return Ok(assigned()) };
        let Ok(record) = decode::<PartitionState>(&record.value) else { return Ok(true) };
        if record.topic_id != id {
            return Ok(assigned());
        }
        Ok(record.replicas.contains(&broker) || record.adding.contains(&broker))
    }
}
