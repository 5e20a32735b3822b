//! The record of one partition: all that election and replication agree on, one readable JSON value in etcd.
//!
//! *Invariant:* the record changes by compare-and-put on its mod revision only, so its versions form one line.
//! *Invariant:* `elr` is empty or `isr` has fewer than `min_isr` members (KIP-966).
//! *Invariant:* a leader, if there is one, is in `isr`.

use serde::{Deserialize, Serialize};

use super::{BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, PartitionEpoch, TopicId};

/// The replication quorum and the election quorum of one partition, in one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionState {
    /// Version of this format; 1.
    pub v: u32,
    /// The topic that this partition belongs to, by identity.
    pub topic_id: TopicId,
    /// Where copies belong; the first is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// Replicas that a reassignment is adding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adding: Vec<BrokerId>,
    /// Replicas that a reassignment will remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removing: Vec<BrokerId>,
    /// The life of the broker that leads; a restarted broker does not (rule 1).
    pub leader: Option<Incarnation>,
    /// The number of this reign.
    pub leader_epoch: LeaderEpoch,
    /// The replicas that hold all that is committed, and whose word a commit needs.
    pub isr: Vec<Incarnation>,
    /// Replicas that left the ISR while it was below `min_isr`, and so still hold all that is committed.
    #[serde(default)]
    pub elr: Vec<Incarnation>,
    /// The least ISR that may commit. Here, so that leader and controller cannot disagree about it.
    pub min_isr: u32,
    /// When a record counts as held.
    pub flush: FlushMode,
}

impl PartitionState {
    /// Whether `incarnation` is the one that leads.
    #[must_use]
    pub fn is_led_by(&self, incarnation: Incarnation) -> bool {
        self.leader == Some(incarnation)
    }

    /// The life of `broker` that the ISR names, if it names one.
    #[must_use]
    pub fn isr_member(&self, broker: BrokerId) -> Option<Incarnation> {
        self.isr.iter().copied().find(|member| member.broker == broker)
    }

    /// The life of `broker` that the eligible leader replicas name, if they name one.
    #[must_use]
    pub fn elr_member(&self, broker: BrokerId) -> Option<Incarnation> {
        self.elr.iter().copied().find(|member| member.broker == broker)
    }

    /// Whether a copy belongs on `broker`.
    #[must_use]
    pub fn has_replica(&self, broker: BrokerId) -> bool {
        self.replicas.contains(&broker)
    }

    /// How many copies there are to be, not counting those that a reassignment is still adding.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.replicas.iter().filter(|broker| !self.adding.contains(broker)).count().max(1)
    }

    /// Whether a reassignment of this partition is under way.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// Whether the ISR names exactly this life.
    #[must_use]
    pub fn isr_contains(&self, broker: BrokerId, epoch: BrokerEpoch) -> bool {
        self.isr.contains(&Incarnation { broker, epoch })
    }

    /// Whether the ISR is large enough to commit.
    #[must_use]
    pub fn may_commit(&self) -> bool {
        self.isr.len() >= self.min_isr as usize
    }
}

/// A partition's record together with its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionRecord {
    /// The value.
    pub state: PartitionState,
    /// Its mod revision: the guard of the next write.
    pub partition_epoch: PartitionEpoch,
}
