//! What a group with server-side assignment keeps, as JSON with a version `v`, so that a person can read it.
//!
//! *Invariant:* fields are added, never changed; a `v` above ours is an error, because it would be misread.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reader::bad;
use crate::groups::error::BadRecord;
use crate::groups::ids::{InstanceId, TopicIdPartition};
use crate::types::{PartitionIndex, TopicId, TopicName};

const VERSION: u32 = 1;

/// The epochs of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEpochs {
    /// Rises with each change of members, subscriptions or topics.
    pub epoch: i32,
    /// The group epoch that the targets were made for.
    pub target_epoch: i32,
    /// Who made them.
    pub assignor: String,
    /// The fingerprint of the topics that they were made for.
    pub topics_fingerprint: u64,
    /// Since when it has no members, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since_ms: Option<i64>,
}

/// What a member said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberProfile {
    /// Its instance, if it is a static member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// What it reads.
    pub topics: BTreeSet<TopicName>,
    /// How long it may take to give up partitions.
    pub rebalance_timeout_ms: u32,
    /// How long it may be silent.
    pub session_timeout_ms: u32,
    /// The assignor that it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignor: Option<String>,
    /// The client's own note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_metadata: String,
}

/// Partitions that a member is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPartitions {
    /// They.
    #[serde(with = "by_topic")]
    pub partitions: BTreeSet<TopicIdPartition>,
}

/// Partitions, each with the member epoch since which it is assigned without a break (KIP-1251).
pub type AssignedPartitions = BTreeMap<TopicIdPartition, i32>;

/// How far a member is on its way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It has what its epoch gives it.
    #[default]
    Stable,
    /// It is to give up some first, and stays in its epoch until it has.
    UnrevokedPartitions,
    /// It is in the new epoch, and others still have some of its partitions.
    UnreleasedPartitions,
}

/// Where a member stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentValue {
    /// Its epoch.
    pub epoch: i32,
    /// The one before, which it may still name if an answer was lost.
    pub previous_epoch: i32,
    /// How far it is.
    pub state: MemberState,
    /// Whether it is a static member that has left for a while.
    #[serde(default)]
    pub away: bool,
    /// What it has.
    #[serde(with = "since_by_topic")]
    pub assigned: AssignedPartitions,
    /// What it is to give up.
    #[serde(with = "since_by_topic")]
    pub pending_revocation: AssignedPartitions,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    value: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

pub(super) fn write<T: Serialize>(value: &T) -> Bytes {
    let versioned = Versioned { v: VERSION, value };
    serde_json::to_vec(&versioned).expect("these structures are always JSON").into()
}

pub(super) fn read<T: DeserializeOwned>(value: Bytes) -> Result<T, BadRecord> {
    let Ok(Version { v }) = serde_json::from_slice(&value) else {
        return bad("a value is no JSON with a version");
    };
    if v != VERSION {
        return bad("a value has a version that is not known");
    }
    serde_json::from_slice::<T>(&value).or_else(|_| bad("a value lacks what its version has"))
}

/// `{"<topic id>":[partition,...]}`
mod by_topic {
    use super::{
        BTreeMap, BTreeSet, Deserialize, Deserializer, PartitionIndex, Serialize, Serializer, TopicId,
        TopicIdPartition,
    };

    pub(super) fn serialize<S: Serializer>(
        all: &BTreeSet<TopicIdPartition>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let mut topics: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
        for one in all {
            topics.entry(one.topic).or_default().push(one.partition.0);
        }
        topics.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeSet<TopicIdPartition>, D::Error> {
        let topics = BTreeMap::<TopicId, Vec<i32>>::deserialize(from)?;
        let one = |topic, partition| TopicIdPartition::new(topic, PartitionIndex(partition));
        Ok(topics
            .into_iter()
            .flat_map(|(topic, partitions)| partitions.into_iter().map(move |p| one(topic, p)))
            .collect())
    }
}

/// `{"<topic id>":[[partition,since],...]}`
mod since_by_topic {
    use super::{
        AssignedPartitions, BTreeMap, Deserialize, Deserializer, PartitionIndex, Serialize, Serializer,
        TopicId, TopicIdPartition,
    };

    pub(super) fn serialize<S: Serializer>(all: &AssignedPartitions, out: S) -> Result<S::Ok, S::Error> {
        let mut topics: BTreeMap<TopicId, Vec<(i32, i32)>> = BTreeMap::new();
        for (one, since) in all {
            topics.entry(one.topic).or_default().push((one.partition.0, *since));
        }
        topics.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AssignedPartitions, D::Error> {
        let topics = BTreeMap::<TopicId, Vec<(i32, i32)>>::deserialize(from)?;
        let one = |topic, partition| TopicIdPartition::new(topic, PartitionIndex(partition));
        Ok(topics
            .into_iter()
            .flat_map(|(topic, partitions)| {
                partitions.into_iter().map(move |(partition, since)| (one(topic, partition), since))
            })
            .collect())
    }
}
