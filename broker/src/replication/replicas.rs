//! The registry of the replicas on this broker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::error::ReplicationError;
use super::options::ReplicationOptions;
use super::outside::{IsrStore, LeaderLink};
use super::partition::Partition;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::storage::{DataDir, LogOptions};
use crate::types::{
    BrokerId, Incarnation, PartitionIndex, PartitionRecord, TopicId, TopicPartition,
};

/// What [`Replicas`] is made of.
pub struct ReplicasParts {
    /// The settings.
    pub options: ReplicationOptions,
    /// The time.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Where the logs are.
    pub data_dir: Arc<DataDir>,
    /// The way to the leaders.
    pub link: Arc<dyn LeaderLink>,
    /// The store of the partition records.
    pub isr_store: Arc<dyn IsrStore>,
    /// Takes the brokers whose port refused a connection. Full means dropped.
    pub suspects: mpsc::Sender<BrokerId>,
    /// Takes the partitions of which a newer record must exist than this broker has seen. Full means dropped.
    pub refresh: mpsc::Sender<TopicPartition>,
}

/// What recovery found in the data directory, before the broker registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoverySummary {
    /// Logs that were opened.
    pub logs: usize,
    /// Of these, how many needed no scan.
    pub clean: usize,
    /// Bytes read and checked.
    pub scanned_bytes: u64,
    /// Bytes cut off as torn.
    pub truncated_bytes: u64,
    /// Partitions of which records are gone that were once durable.
    pub lost_durable: Vec<TopicPartition>,
    /// Partitions that could not be opened, and why.
    pub failed: Vec<(TopicPartition, String)>,
}

/// All replicas on this broker. A registry and nothing more: each [`Partition`] decides for itself.
pub struct Replicas {}

impl Replicas {
    /// An empty registry over one data directory.
    #[must_use]
    pub fn new(_parts: ReplicasParts) -> Arc<Self> {
        unimplemented!("replication: replicas")
    }

    /// Opens every log in the data directory, so that the broker can say in its registration how it recovered. Before
    /// [`Replicas::start`]; optional.
    ///
    /// # Errors
    /// If the data directory cannot be listed. Logs that fail are named in the summary.
    pub async fn recover(
        self: &Arc<Self>,
        _options: LogOptions,
    ) -> Result<RecoverySummary, ReplicationError> {
        unimplemented!("replication: replicas")
    }

    /// Gives this broker its identity and starts the work in the background. Once, inside a tokio runtime.
    pub fn start(self: &Arc<Self>, _me: Incarnation) {
        unimplemented!("replication: replicas")
    }

    /// The replica of this partition, if there is one here.
    #[must_use]
    pub fn get(&self, _tp: &TopicPartition) -> Option<Arc<Partition>> {
        unimplemented!("replication: replicas")
    }

    /// The replica of this partition by the topic's identity.
    #[must_use]
    pub fn by_id(&self, _topic_id: TopicId, _partition: PartitionIndex) -> Option<Arc<Partition>> {
        unimplemented!("replication: replicas")
    }

    /// All replicas.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        unimplemented!("replication: replicas")
    }

    /// Tells which lives of brokers hold a lease now and are active. Members of an ISR that are not among them and fetch
    /// no more are proposed out at once; only those among them are proposed in.
    pub fn set_live(&self, _live: BTreeSet<Incarnation>) {
        unimplemented!("replication: replicas")
    }

    /// Tells until when this broker's lease is known to hold. Past that, `acks=leader` needs followers that still fetch.
    /// Never called means for ever.
    pub fn set_session_deadline(&self, _until: Instant) {
        unimplemented!("replication: replicas")
    }

    /// Brings one partition to the newest record: opens or creates its log, becomes leader or follower. Idempotent; an
    /// older record is ignored.
    ///
    /// # Errors
    /// [`ReplicationError::EpochBehindLog`] for a record older than the log; what the files said.
    pub async fn apply(
        self: &Arc<Self>,
        _tp: &TopicPartition,
        _record: &PartitionRecord,
        _options: LogOptions,
    ) -> Result<(), ReplicationError> {
        unimplemented!("replication: replicas")
    }

    /// Stops a replica and deletes its files. The caller has proven, by a linearizable read, that it may.
    ///
    /// # Errors
    /// What the files said.
    pub async fn drop_replica(
        self: &Arc<Self>,
        _tp: &TopicPartition,
        _topic_id: TopicId,
    ) -> Result<(), ReplicationError> {
        unimplemented!("replication: replicas")
    }

    /// Stops pulling and leading, flushes and closes every log, writes the checkpoints. After `Ok` the data directory may
    /// be marked clean.
    ///
    /// # Errors
    /// The first log that could not be closed, after all others were.
    pub async fn shutdown(self: &Arc<Self>) -> Result<(), ReplicationError> {
        unimplemented!("replication: replicas")
    }
}
