//! What a consumer instance over HTTP keeps, as JSON like the rest of what is ours: one record holds all of it.
//!
//! *Invariant:* a position's `acked` is not above its `delivered`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::groups::ids::{MemberId, TopicIdPartition};
use crate::groups::instances::{InstanceSpec, Subscription};
use crate::types::{Offset, PartitionIndex, TopicId};

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceValue {
    /// The request that made it.
    pub created_by: Uuid,
    /// What it was created with.
    pub spec: InstanceSpec,
    /// What it reads.
    pub subscription: Subscription,
    /// The member of the group that it was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// Counts the polls that delivered something.
    pub turn: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_poll: Option<Uuid>,
    /// Where it reads.
    #[serde(with = "by_topic")]
    pub positions: BTreeMap<TopicIdPartition, Position>,
}

/// Where an instance reads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Since which member epoch it has the partition; 0 if it assigned it itself, -1 if it has been none meanwhile.
    pub since: i32,
    /// The next offset after what the client has done with.
    pub acked: Offset,
    /// The next offset after what it was given.
    pub delivered: Offset,
    /// What the group had committed there when the position was last written.
    pub committed: Option<Offset>,
}

/// `{"<topic id>":[[partition,since,acked,delivered,committed],...]}`
mod by_topic {
    use super::{
        BTreeMap, Deserialize, Deserializer, Offset, PartitionIndex, Position, Serialize, Serializer,
        TopicId, TopicIdPartition,
    };

    type Line = (i32, i32, Offset, Offset, Option<Offset>);

    pub(super) fn serialize<S: Serializer>(
        all: &BTreeMap<TopicIdPartition, Position>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let mut topics: BTreeMap<TopicId, Vec<Line>> = BTreeMap::new();
        for (one, at) in all {
            let line = (one.partition.0, at.since, at.acked, at.delivered, at.committed);
            topics.entry(one.topic).or_default().push(line);
        }
        topics.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<TopicIdPartition, Position>, D::Error> {
        let topics = BTreeMap::<TopicId, Vec<Line>>::deserialize(from)?;
        let one = |topic, (partition, since, acked, delivered, committed): Line| {
            let id = TopicIdPartition::new(topic, PartitionIndex(partition));
            (id, Position { since, acked: acked.min(delivered), delivered, committed })
        };
        Ok(topics
            .into_iter()
            .flat_map(|(topic, lines)| lines.into_iter().map(move |line| one(topic, line)))
            .collect())
    }
}
