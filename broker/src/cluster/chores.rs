//! What the controller writes beside the records of partitions: orders that are done or void go, topics follow the moves
//! of their partitions, and brokers that are to be emptied get orders for what they hold. Pure.
//!
//! None of it is urgent: it is looked at once no record is left to write.
//!
//! *Invariant:* every write names the version that it replaces, and those of the keys that it follows from: a topic that was
//! made anew, or a drain that was taken back, gets nothing by an image that does not know it yet.

use bytes::Bytes;
use coordinator_adapter::Revision;

use crate::types::{BrokerId, PartitionIndex, TopicPartition};

use super::balance::empty_drained;
use super::image::{Image, Topic};
use super::keyspace::Key;
use super::orders::{DRAIN_OF, Reassignment};
use super::reassignment::{absent, without};
use super::reconcile::Circumstances;
use super::values::{TopicValue, VERSION, encode};

/// How many orders for each move that may be under way stand at once for the sake of drains: more would only wait.
const ORDERS_PER_MOVE: usize = 4;

/// One write of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chore {
    /// The key.
    pub key: Key,
    /// The version that is replaced; none if there is no such key yet.
    pub guard: Option<Revision>,
    /// Other keys that must still be as they were.
    pub follows: Vec<(Key, Revision)>,
    /// The value as it shall be; none to delete it.
    pub value: Option<Bytes>,
}

/// All that is to be written now.
#[must_use]
pub fn chores(image: &Image, now: &Circumstances) -> Vec<Chore> {
    let mut chores = Vec::new();
    for (tp, order) in &image.reassignments {
        chores.extend(finished_order(image, tp, order));
    }
    for topic in image.topics.values() {
        chores.extend(followed_topic(image, topic));
    }
    let room = now.moves_max.saturating_mul(ORDERS_PER_MOVE).saturating_sub(image.reassignments.len());
    chores.extend(drain_orders(image, now, room));
    chores
}

/// The deletion of an order that has nothing left to do: its topic is gone, or the record is as it asks; or that was made to
/// empty a broker, has not begun, and wants one that has gone since: another will be found.
fn finished_order(image: &Image, tp: &TopicPartition, order: &Reassignment) -> Option<Chore> {
    let key = Key::Reassignment(tp.clone());
    let guard = image.version_of(&key);
    let topic = image.topic(&tp.topic).filter(|topic| topic.id == order.topic_id);
    let assigned = topic.and_then(|topic| topic.assignment.get(usize::try_from(tp.partition.0).ok()?));
    let done = match (assigned, image.partition(tp)) {
        (None, _) => true,
        (Some(_), Some(record)) => {
            let state = &record.state;
            let in_vain = order.requested_by.starts_with(DRAIN_OF)
                && !absent(image, &without(&order.target, &state.replicas)).is_empty();
            !state.is_moving() && (order.cancelled || state.replicas == order.target || in_vain)
        }
        // Nothing was ever stored: the topic itself says where it will be.
        (Some(assigned), None) => order.cancelled || *assigned == order.target,
    };
    done.then_some(Chore { key, guard, follows: vec![], value: None })
}

/// The topic with its partitions where they are now.
fn followed_topic(image: &Image, topic: &Topic) -> Option<Chore> {
    let placed = |index: usize| settled_place(image, topic, index).unwrap_or(&topic.assignment[index]);
    // Looked at with every image: nothing is copied for a topic that is as it should be.
    if topic.assignment.iter().enumerate().all(|(index, assigned)| assigned == placed(index)) {
        return None;
    }
    let partitions = (0..topic.assignment.len()).map(|index| placed(index).clone()).collect();
    let value = TopicValue {
        v: VERSION,
        id: topic.id,
        created_unix_ms: topic.created_unix_ms,
        partitions,
        config: topic.config.clone(),
    };
    let key = Key::Topic(topic.name.clone());
    Some(Chore { key, guard: Some(topic.mod_revision), follows: vec![], value: Some(encode(&value)) })
}

/// Where the copies of a partition belong if it does not move: by its record, or, before it has one, by its order.
fn settled_place<'a>(image: &'a Image, topic: &'a Topic, index: usize) -> Option<&'a Vec<BrokerId>> {
    if let Some(record) = topic.partitions.get(index)?.as_ref() {
        return (!record.state.is_moving()).then_some(&record.state.replicas);
    }
    if image.reassignments.is_empty() {
        return None;
    }
    let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(i32::try_from(index).ok()?));
    let order = image.reassignments.get(&tp).filter(|order| order.topic_id == topic.id)?;
    (!order.cancelled).then_some(&order.target)
}

fn drain_orders(image: &Image, now: &Circumstances, room: usize) -> Vec<Chore> {
    let order = |found: super::balance::Move| {
        let topic = image.topic(&found.tp.topic)?;
        let leaving = found.from.iter().filter(|broker| image.drains.contains_key(broker));
        let drains = leaving.clone().map(|broker| Key::Drain(*broker));
        let mut follows = vec![(Key::Topic(topic.name.clone()), topic.mod_revision)];
        follows.extend(drains.filter_map(|key| image.version_of(&key).map(|version| (key, version))));
        let leaving: Vec<String> = leaving.map(ToString::to_string).collect();
        let order = Reassignment {
            v: VERSION,
            topic_id: found.topic_id,
            target: found.to,
            original: found.from,
            requested_unix_ms: now.unix_ms,
            requested_by: format!("{DRAIN_OF}{}", leaving.join(", ")),
            started_unix_ms: None,
            throttle_bytes_per_second: None,
            force: false,
            elect_preferred: false,
            cancelled: false,
        };
        Some(Chore { key: Key::Reassignment(found.tp), guard: None, follows, value: Some(encode(&order)) })
    };
    empty_drained(image, room).into_iter().filter_map(order).collect()
}
