//! Which records the controller must write, given what is and what should be: a function of one image.
//!
//! It carries nothing out and remembers nothing; asked again about the same image it says the same.
//!
//! *Invariant:* every write names the version that it replaces (rule 10), and the version of the topic that it is made
//! for, or that the topic is gone: an image that missed something cannot delete what lives.
//! *Invariant:* the most urgent writes stand first.

use std::sync::Arc;

use coordinator_adapter::Revision;

use crate::types::{
    BrokerId, Incarnation, LeaderEpoch, PartitionEpoch, PartitionIndex, PartitionState, TopicPartition,
};

use super::election::{Cause, Census, next_state, prefer};
use super::image::{Image, Topic};
use super::values::{LiveState, VERSION};

/// What must still hold of the topic when a partition's record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicGuard {
    /// The topic's value has this mod revision.
    At(Revision),
    /// There is no such topic.
    Gone,
}

/// One change of one partition's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionWrite {
    /// The partition.
    pub tp: TopicPartition,
    /// The version that is replaced; none if there is no record yet.
    pub guard: Option<PartitionEpoch>,
    /// The topic that this is written for.
    pub topic: TopicGuard,
    /// The record as it shall be; none to delete it.
    pub new: Option<PartitionState>,
    /// Why.
    pub cause: Cause,
}

/// All that has to be written, the most urgent first.
///
/// `settled` is an image for which nothing was to be done under the same brake: topics that have not changed since
/// are passed over. While `braked`, nothing is done about the dead.
#[must_use]
pub fn reconcile(image: &Image, settled: Option<&Image>, braked: bool) -> Vec<PartitionWrite> {
    // No registration changes while somebody lives under its id, so a change of it shows in the life signs as well.
    let settled = settled.filter(|before| before.live == image.live && before.brokers == image.brokers);
    let mut writes = Vec::new();
    for (name, topic) in &image.topics {
        let before = settled.and_then(|before| before.topics.get(name));
        if before.is_some_and(|before| Arc::ptr_eq(before, topic)) {
            continue;
        }
        topic_writes(image, topic, braked, &mut writes);
    }
    deletions(image, &mut writes);
    writes.sort_by_key(|write| write.cause);
    writes
}

/// Partitions whose preferred leader could lead again, each with the write that makes it so.
#[must_use]
pub fn preferred(image: &Image) -> Vec<PartitionWrite> {
    let census = Census::of(image);
    let write = |(tp, topic, record): (TopicPartition, &Arc<Topic>, &Arc<crate::types::PartitionRecord>)| {
        Some(PartitionWrite {
            tp,
            guard: Some(record.partition_epoch),
            topic: TopicGuard::At(topic.mod_revision),
            new: Some(prefer(&record.state, census)?),
            cause: Cause::Rebalance,
        })
    };
    image.partitions().filter_map(write).collect()
}

fn topic_writes(image: &Image, topic: &Topic, braked: bool, writes: &mut Vec<PartitionWrite>) {
    let census = Census::of(image);
    for (index, replicas) in topic.assignment.iter().enumerate() {
        let Ok(number) = i32::try_from(index) else { break };
        let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(number));
        let change = match topic.record(tp.partition) {
            Some(record) => {
                let min_isr = topic.settings.min_isr(record.state.replicas.len());
                let change = next_state(&record.state, census, min_isr, braked);
                change.map(|(state, cause)| (Some(record.partition_epoch), state, cause))
            }
            None => {
                let leftover = image.orphans().get(&tp).map(|record| record.partition_epoch);
                first_state(image, topic, replicas).map(|state| (leftover, state, Cause::Creation))
            }
        };
        if let Some((guard, state, cause)) = change {
            let topic = TopicGuard::At(topic.mod_revision);
            writes.push(PartitionWrite { tp, guard, topic, new: Some(state), cause });
        }
    }
}

/// The first record of a partition: all replicas that serve are in sync, since there is nothing to hold yet; none if
/// no replica serves.
fn first_state(image: &Image, topic: &Topic, replicas: &[BrokerId]) -> Option<PartitionState> {
    let serving = |broker: &BrokerId| {
        let live = image.live.get(broker)?;
        if live.state != LiveState::Active || live.disk_failed {
            return None;
        }
        Some((Incarnation { broker: *broker, epoch: live.epoch }, live.disk_full))
    };
    let candidates: Vec<(Incarnation, bool)> = replicas.iter().filter_map(serving).collect();
    // Without a full disk before with one; `min_by_key` takes the first of equals, which keeps the list's order.
    let (leader, _) = candidates.iter().min_by_key(|(_, disk_full)| *disk_full)?;
    Some(PartitionState {
        v: VERSION,
        topic_id: topic.id,
        replicas: replicas.to_vec(),
        adding: Vec::new(),
        removing: Vec::new(),
        leader: Some(*leader),
        leader_epoch: LeaderEpoch(0),
        isr: candidates.iter().map(|(incarnation, _)| *incarnation).collect(),
        elr: Vec::new(),
        min_isr: topic.settings.min_isr(replicas.len()),
        flush: topic.settings.flush,
    })
}

/// Records whose topic is gone, or has another identity and no such partition.
fn deletions(image: &Image, writes: &mut Vec<PartitionWrite>) {
    for (tp, record) in image.orphans() {
        let topic = match image.topic(&tp.topic) {
            None => TopicGuard::Gone,
            // The new topic's own record takes the place of this one; a record beyond the topic's end is left alone.
            Some(topic) if topic.id == record.state.topic_id || takes_place(topic, tp.partition) => continue,
            Some(topic) => TopicGuard::At(topic.mod_revision),
        };
        let guard = Some(record.partition_epoch);
        writes.push(PartitionWrite { tp: tp.clone(), guard, topic, new: None, cause: Cause::Deletion });
    }
}

fn takes_place(topic: &Topic, partition: PartitionIndex) -> bool {
    partition.0 < topic.partition_count()
}
