//! Small makers for the tests of this folder.

use std::time::Instant;

use uuid::Uuid;

use crate::clock::Clock;
use crate::types::{
    BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, PartitionIndex, PartitionState, TopicId,
    TopicName, TopicPartition,
};

/// Broker `id` in the life that all tests begin with.
pub(crate) fn incarnation(id: i32) -> Incarnation {
    Incarnation { broker: BrokerId(id), epoch: BrokerEpoch(100 + i64::from(id)) }
}

/// A partition led by the first of `isr`, in epoch 1, with replicas 1 to 4.
pub(crate) fn state(isr: &[i32], min_isr: u32) -> PartitionState {
    PartitionState {
        v: 1,
        topic_id: TopicId(Uuid::from_u128(7)),
        replicas: (1..=4).map(BrokerId).collect(),
        adding: vec![],
        removing: vec![],
        leader: isr.first().copied().map(incarnation),
        leader_epoch: LeaderEpoch(1),
        isr: isr.iter().copied().map(incarnation).collect(),
        elr: vec![],
        min_isr,
        flush: FlushMode::Ack,
    }
}

/// The partition of all tests.
pub(crate) fn tp() -> TopicPartition {
    TopicPartition::new(TopicName::new("orders").unwrap(), PartitionIndex(0))
}

/// Some moment.
pub(crate) fn now() -> Instant {
    Clock::manual(0).now()
}
