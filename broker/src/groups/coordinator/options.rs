//! The settings of the shell, and of the topic that it keeps groups in.

use std::collections::BTreeMap;

use crate::types::TopicName;

/// The topic that groups are kept in.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The name of the topic that groups are kept in.
///
/// # Panics
/// Never: the name is legal.
#[must_use]
pub fn offsets_topic() -> TopicName {
    TopicName::new(OFFSETS_TOPIC).expect("the name is legal")
}

/// How groups are kept on this broker, apart from what they may do. `config` fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorOptions {
    /// `offsets.topic.num.partitions`: how many partitions the topic is created with.
    pub offsets_partitions: i32,
    /// `offsets.topic.replication.factor`: how many replicas, if there are as many brokers.
    pub offsets_replication_factor: i32,
    /// `offsets.topic.segment.bytes`: the size of its segments.
    pub offsets_segment_bytes: u64,
    /// `offsets.load.buffer.size`: how much of the log is read at once when a shard is loaded.
    pub load_bytes: usize,
    /// How many shards read their logs at once.
    pub loads_at_once_max: usize,
    /// `offsets.commit.timeout.ms`: how long an append may take to be committed before its shard is loaded anew.
    pub append_timeout_ms: u64,
    /// How many requests may wait to be looked at in one shard.
    pub queued_max: usize,
    /// How many requests of one shard may wait for their reply.
    pub waiting_max: usize,
    /// The most bytes that one batch holds, unless a single group needs more at once.
    pub batch_bytes: usize,
    /// When so many bytes wait for the append under way, no further request is looked at.
    pub gathered_bytes_max: usize,
    /// How long to pause before something that failed is tried again.
    pub retry_pause_ms: u64,
}

impl CoordinatorOptions {
    /// The topic's own settings.
    #[must_use]
    pub fn topic_config(&self) -> BTreeMap<String, String> {
        let settings = [
            ("cleanup.policy", "compact".to_owned()),
            ("segment.bytes", self.offsets_segment_bytes.to_string()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Default for CoordinatorOptions {
    fn default() -> Self {
        Self {
            offsets_partitions: 50,
            offsets_replication_factor: 3,
            offsets_segment_bytes: 100 << 20,
            load_bytes: 5 << 20,
            loads_at_once_max: 4,
            append_timeout_ms: 5_000,
            queued_max: 1_024,
            waiting_max: 10_000,
            batch_bytes: 512 << 10,
            gathered_bytes_max: 4 << 20,
            retry_pause_ms: 50,
        }
    }
}
