//! What groups need to know of topics: names, identities, and how many partitions. An immutable view; the shell makes a
//! new one whenever the cluster's image changes them.
//!
//! *Invariant:* a shard's view never goes back, so that a topic which was there and is not any more has been deleted.

use std::collections::BTreeMap;

use super::ids::TopicIdPartition;
use crate::types::{PartitionIndex, TopicId, TopicName};

/// A topic as groups see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    /// Its identity.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
}

/// All topics at one moment.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    version: u64,
    by_name: BTreeMap<TopicName, TopicFacts>,
    names: BTreeMap<TopicId, TopicName>,
}

impl Topics {
    /// The topics at `version`, which rises with every change.
    #[must_use]
    pub fn new(version: u64, topics: impl IntoIterator<Item = (TopicName, TopicFacts)>) -> Self {
        let by_name: BTreeMap<_, _> = topics.into_iter().collect();
        let names = by_name.iter().map(|(name, facts)| (facts.id, name.clone())).collect();
        Self { version, by_name, names }
    }

    /// Which view this is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The topic of that name.
    #[must_use]
    pub fn get(&self, name: &TopicName) -> Option<TopicFacts> {
        self.by_name.get(name).copied()
    }

    /// The name of that topic.
    #[must_use]
    pub fn name(&self, id: TopicId) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// The names of all.
    pub(super) fn names(&self) -> impl Iterator<Item = &TopicName> {
        self.by_name.keys()
    }

    /// The partition by identity, if it exists.
    #[must_use]
    pub fn resolve(&self, name: &TopicName, partition: PartitionIndex) -> Option<TopicIdPartition> {
        let facts = self.get(name)?;
        (0..facts.partitions)
            .contains(&partition.0)
            .then_some(TopicIdPartition { topic: facts.id, partition })
    }

    /// The topics that are here and not in `later`: they have been deleted.
    pub(super) fn gone_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = TopicId> + 'a {
        self.names.keys().copied().filter(|id| !later.names.contains_key(id))
    }

    /// A fingerprint of what these topics are: it changes when one appears, goes, is made anew or grows.
    ///
    /// FNV-1a, because it is kept in the log and must be the same on every broker and in every version.
    pub(super) fn fingerprint<'a>(&self, names: impl IntoIterator<Item = &'a TopicName>) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut mix = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for name in names {
            if let Some(facts) = self.get(name) {
                mix(facts.id.0.as_bytes());
                mix(&facts.partitions.to_be_bytes());
            }
        }
        hash
    }
}
