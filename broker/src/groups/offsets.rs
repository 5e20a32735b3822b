//! The committed offsets of one group.
//!
//! Kept by topic name and partition, as Kafka's wire and log have it, with the topic's identity beside: an offset of a
//! topic that was deleted is not inherited by the topic made anew under its name.
//!
//! *Invariant:* [`GroupOffsets::bytes`] is what the entries take, roughly, at all times.

use std::collections::BTreeMap;

use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

/// What an entry takes beside its note, roughly.
const ENTRY_BYTES: usize = 160;

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: Offset,
    /// The epoch of the last record read, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: String,
    /// When, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
    /// The topic that it was committed for; unknown in records that Kafka wrote.
    pub topic_id: Option<TopicId>,
}

impl Committed {
    pub(super) fn bytes(&self) -> usize {
        ENTRY_BYTES + self.metadata.len()
    }

    /// Whether it belongs to the topic that has this identity now.
    pub(super) fn is_for(&self, topic: TopicId) -> bool {
        self.topic_id.is_none_or(|own| own == topic)
    }
}

/// The offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupOffsets {
    by_topic: BTreeMap<TopicName, BTreeMap<PartitionIndex, Committed>>,
    bytes: usize,
}

impl GroupOffsets {
    pub(super) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, topic: &TopicName, partition: PartitionIndex) -> Option<&Committed> {
        self.by_topic.get(topic)?.get(&partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicName, PartitionIndex, &Committed)> {
        self.by_topic.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, committed)| (topic, *partition, committed))
        })
    }

    pub(super) fn put(&mut self, topic: &TopicName, partition: PartitionIndex, committed: Committed) {
        self.bytes += committed.bytes();
        let partitions = self.by_topic.entry(topic.clone()).or_default();
        if let Some(old) = partitions.insert(partition, committed) {
            self.bytes -= old.bytes();
        }
    }

    pub(super) fn remove(&mut self, topic: &TopicName, partition: PartitionIndex) -> bool {
        let Some(partitions) = self.by_topic.get_mut(topic) else { return false };
        let Some(old) = partitions.remove(&partition) else { return false };
        self.bytes -= old.bytes();
        if partitions.is_empty() {
            self.by_topic.remove(topic);
        }
        true
    }
}
