//! Which partition a key belongs to: exactly as Kafka's default partitioner says, so that mixed producers agree.

use crate::types::PartitionIndex;

/// Kafka's `Utils.murmur2`.
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    let _ = data;
    unimplemented!("murmur2")
}

/// The partition of a key among `partitions`, which is one or more.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> PartitionIndex {
    assert!(partitions > 0, "a topic has at least one partition, not {partitions}");
    PartitionIndex((murmur2(key) & i32::MAX) % partitions)
}
