//! Which records the controller must write, given what is and what should be: a function of one image.
//!
//! It carries nothing out and remembers nothing; asked again about the same image it says the same.
//!
//! *Invariant:* every write names the version that it replaces (rule 10), and the version of the topic that it is made
//! for, or that the topic is gone: an image that missed something cannot delete what lives.
//! *Invariant:* the most urgent writes stand first.

use std::collections::BTreeSet;
use std::sync::Arc;

use coordinator_adapter::Revision;

use crate::types::{
    BrokerId, Incarnation, LeaderEpoch, PartitionEpoch, PartitionIndex, PartitionState, TopicPartition,
};

use super::election::{Cause, Census, next_state, prefer};
use super::image::{Image, Topic};
use super::keyspace::Key;
use super::orders::Reassignment;
use super::reassignment::{Step, may_begin, next_step};
use super::values::{LiveState, VERSION};

/// What must still hold of the topic when a partition's record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicGuard {
    /// The topic's value has this mod revision.
    At(Revision),
    /// There is no such topic.
    Gone,
}

/// What happens to the order to move a partition, in the same write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStep {
    /// The version of the order that this is made for.
    pub guard: Revision,
    /// The order as it shall be; none once it is done.
    pub new: Option<Reassignment>,
}

/// What the controller goes by, apart from the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Lives that vanished, and that may be back in a moment: nothing is done about them (rule 14).
    pub waited_for: BTreeSet<Incarnation>,
    /// How many partitions may move at once.
    pub moves_max: usize,
    /// The time, to be written into what begins now.
    pub unix_ms: i64,
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
    /// What becomes of the order that it carries out.
    pub order: Option<OrderStep>,
}

/// All that has to be written, the most urgent first.
///
/// `settled` is an image for which nothing was to be done while the same lives were awaited: topics that have not changed
/// since are passed over, unless one of their partitions is to move.
#[must_use]
pub fn reconcile(image: &Image, settled: Option<&Image>, now: &Circumstances) -> Vec<PartitionWrite> {
    // No registration changes while somebody lives under its id, so a change of it shows in the life signs as well.
    let settled = settled.filter(|before| {
        before.live == image.live && before.brokers == image.brokers && before.drains == image.drains
    });
    let moving: BTreeSet<_> = image.reassignments.keys().map(|tp| &tp.topic).collect();
    let turns = may_begin(image, now.moves_max);
    let mut writes = Vec::new();
    for (name, topic) in &image.topics {
        let before = settled.and_then(|before| before.topics.get(name));
        if before.is_some_and(|before| Arc::ptr_eq(before, topic)) && !moving.contains(name) {
            continue;
        }
        topic_writes(image, topic, now, &turns, &mut writes);
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
            order: None,
        })
    };
    image.partitions().filter_map(write).collect()
}

fn topic_writes(
    image: &Image,
    topic: &Topic,
    now: &Circumstances,
    turns: &BTreeSet<TopicPartition>,
    writes: &mut Vec<PartitionWrite>,
) {
    let census = Census::of(image);
    for (index, replicas) in topic.assignment.iter().enumerate() {
        let Ok(number) = i32::try_from(index) else { break };
        let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(number));
        let change = match topic.record(tp.partition) {
            Some(record) => {
                let min_isr = topic.settings.min_isr(record.state.replication_factor());
                let change = next_state(&record.state, census, min_isr, &now.waited_for);
                let change = change.map(|(state, cause)| (state, cause, None));
                let change = change.or_else(|| movement(image, topic, &tp, &record.state, now, turns));
                change.map(|(state, cause, order)| (Some(record.partition_epoch), state, cause, order))
            }
            None => {
                let leftover = image.orphans().get(&tp).map(|record| record.partition_epoch);
                first_state(image, topic, replicas).map(|state| (leftover, state, Cause::Creation, None))
            }
        };
        if let Some((guard, state, cause, order)) = change {
            let topic = TopicGuard::At(topic.mod_revision);
            writes.push(PartitionWrite { tp, guard, topic, new: Some(state), cause, order });
        }
    }
}

/// The next step of a partition that is to move: after all that is more urgent, so that it starts from a record that is
/// right.
fn movement(
    image: &Image,
    topic: &Topic,
    tp: &TopicPartition,
    state: &PartitionState,
    now: &Circumstances,
    turns: &BTreeSet<TopicPartition>,
) -> Option<(PartitionState, Cause, Option<OrderStep>)> {
    let order = image.reassignments.get(tp).filter(|order| order.topic_id == topic.id);
    if order.is_none() && !state.is_moving() {
        return None;
    }
    let min_isr = |copies| topic.settings.min_isr(copies);
    let census = Census::of(image);
    let (state, step) = next_step(state, order.map(AsRef::as_ref), census, min_isr, turns.contains(tp))?;
    let step = order.zip(image.version_of(&Key::Reassignment(tp.clone()))).map(|(order, guard)| {
        let began = order.started_unix_ms.or(Some(now.unix_ms));
        let begun = || Reassignment { started_unix_ms: began, ..Reassignment::clone(order) };
        OrderStep { guard, new: (step == Step::Begin).then(begun) }
    });
    Some((state, Cause::Reassignment, step))
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
        writes.push(PartitionWrite {
            tp: tp.clone(),
            guard,
            topic,
            new: None,
            cause: Cause::Deletion,
            order: None,
        });
    }
}

fn takes_place(topic: &Topic, partition: PartitionIndex) -> bool {
    partition.0 < topic.partition_count()
}
