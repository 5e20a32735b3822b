//! Which partition a record goes to when its sender does not say.

use super::broker::Service;
use super::errors::ProduceError;
use crate::record::partition_for_key;
use crate::types::{PartitionIndex, TopicName, TopicPartition};

impl Service {
    /// The partition of a record with `key`, as Kafka's own default partitioner chooses it; a record without a key
    /// goes to the partition that `sticky` falls on, among those with a live leader.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn pick_partition(
        &self,
        topic: &TopicName,
        key: Option<&[u8]>,
        sticky: u64,
    ) -> Result<PartitionIndex, ProduceError> {
        let image = self.parts.image.borrow();
        let topic = image.topic(topic).ok_or_else(|| ProduceError::UnknownTopic(topic.clone()))?;
        let count = topic.partition_count();
        if count < 1 {
            let tp = TopicPartition::new(topic.name.clone(), PartitionIndex(0));
            return Err(ProduceError::UnknownPartition { tp, partitions: 0 });
        }
        if let Some(key) = key {
            return Ok(partition_for_key(key, count));
        }
        let led = |index: i32| {
            let record = topic.record(PartitionIndex(index));
            record.and_then(|record| record.state.leader).is_some_and(|leader| image.is_live(leader))
        };
        // From where `sticky` falls, the first that is led; if none is, the one where it falls.
        let first = i32::try_from(sticky % u64::from(count.unsigned_abs())).expect("less than an i32");
        let around = (0..count).map(|step| (first + step) % count);
        Ok(PartitionIndex(around.into_iter().find(|index| led(*index)).unwrap_or(first)))
    }
}
