//! Who is to read what: pure functions of the members, their topics and what they were to have before.
//!
//! - `uniform` spreads all partitions evenly and leaves as many as it can where they are; the default.
//! - `range` gives each member the same stretch of every topic, so that equal partitions of several topics meet.
//!
//! *Invariant:* each partition of a topic that somebody subscribes to goes to exactly one of its subscribers.
//! *Invariant:* the same input has the same result, whatever order the members joined in.

mod range;
mod uniform;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{InstanceId, MemberId, TopicIdPartition};
use crate::types::{PartitionIndex, TopicId};

/// A way to assign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Even and sticky.
    #[default]
    Uniform,
    /// By stretches of each topic.
    Range,
}

impl Assignor {
    /// The assignor of that name, if it is one of ours.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    /// Its name, as in `group.remote.assignor`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }
}

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    /// Its name.
    pub(super) member: MemberId,
    /// Its instance, if it is a static member: its place in an order that lasts.
    pub(super) instance: Option<InstanceId>,
    /// What it reads; topics that do not exist are left out.
    pub(super) topics: BTreeSet<TopicId>,
    /// What it was to have before.
    pub(super) before: BTreeSet<TopicIdPartition>,
}

/// Who is to have what; in the order of the subscribers.
#[must_use]
pub(super) fn assign(
    assignor: Assignor,
    subscribers: &[Subscriber],
    partitions: &BTreeMap<TopicId, i32>,
) -> Vec<BTreeSet<TopicIdPartition>> {
    let targets = match assignor {
        Assignor::Uniform => uniform::assign(subscribers, partitions),
        Assignor::Range => range::assign(subscribers, partitions),
    };
    assert_eq!(targets.len(), subscribers.len(), "each subscriber has a target");
    targets
}

/// The partitions of the topics that somebody subscribes to.
fn subscribed<'a>(
    subscribers: &'a [Subscriber],
    partitions: &'a BTreeMap<TopicId, i32>,
) -> impl Iterator<Item = TopicIdPartition> + 'a {
    let topics: BTreeSet<TopicId> = subscribers.iter().flat_map(|one| one.topics.iter().copied()).collect();
    topics.into_iter().flat_map(|topic| all_of(topic, partitions))
}

fn all_of(topic: TopicId, partitions: &BTreeMap<TopicId, i32>) -> impl Iterator<Item = TopicIdPartition> {
    let count = partitions.get(&topic).copied().unwrap_or(0);
    (0..count).map(move |index| TopicIdPartition::new(topic, PartitionIndex(index)))
}
