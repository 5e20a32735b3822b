//! What administrators and partition leaders write, each by compare-and-put.
//!
//! *Invariant:* an outcome that is not known is said to be unknown; nothing is written twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use coordinator_adapter::Store;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::types::{
    BrokerId, Incarnation, PartitionEpoch, PartitionRecord, PartitionState, TopicId, TopicName,
    TopicPartition,
};

use super::error::ClusterError;
use super::image::{Image, Topic};
use super::keyspace::Keyspace;

/// Bounds of what commands accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOptions {
    /// Partitions of a topic that does not say how many.
    pub default_partitions: usize,
    /// The most partitions of one topic.
    pub partitions_max: usize,
    /// Replicas of a topic that does not say how many, if there are as many brokers.
    pub default_replication_factor: usize,
    /// How many producer ids one block holds.
    pub producer_id_block: i64,
}

impl Default for CommandOptions {
    fn default() -> Self {
        Self {
            default_partitions: 3,
            partitions_max: 10_000,
            default_replication_factor: 3,
            producer_id_block: 1_000,
        }
    }
}

/// A topic as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; the default if not given.
    pub partitions: Option<i32>,
    /// How many copies of each; the default if not given.
    pub replication_factor: Option<i32>,
    /// Where the copies go, if chosen by hand; then the two above must agree with it or be absent.
    pub assignment: Option<Vec<Vec<BrokerId>>>,
    /// Its own settings.
    pub config: BTreeMap<String, String>,
}

/// A topic that is as was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreatedTopic {
    /// It was made now; the controller makes its partitions next.
    New(Arc<Topic>),
    /// It was there already, exactly so.
    Same(Arc<Topic>),
}

/// A change to a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPatch {
    /// Settings to set, or to remove (`None`).
    pub config: BTreeMap<String, Option<String>>,
    /// The new number of partitions; only more.
    pub partitions: Option<i32>,
}

/// A leader's change of its own in-sync set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The partition.
    pub tp: TopicPartition,
    /// The version that the change is based on.
    pub guard: PartitionEpoch,
    /// The record as it shall be.
    pub state: PartitionState,
    /// The replica that joins, if one does: it must still live in this life (rule 5).
    pub joiner: Option<Incarnation>,
}

/// What became of an [`IsrChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsrChangeOutcome {
    /// It is committed, with this version.
    Committed(PartitionRecord),
    /// It was refused; the record as it stands, if there is one.
    Refused {
        /// The record as it stands.
        current: Option<PartitionRecord>,
    },
    /// It may or may not have been applied: settle it by writing with the same guard.
    Unknown,
    /// It was certainly not applied.
    NotSent,
}

/// The commands of one broker.
#[derive(Debug)]
pub struct Commands {}

impl Commands {
    /// Commands against `store`, placed by what `images` show.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        clock: Clock,
        images: watch::Receiver<Arc<Image>>,
        options: CommandOptions,
    ) -> Self {
        let _ = (store, keyspace, clock, images, options);
        unimplemented!("commands")
    }

    /// Makes a topic, unless it is there exactly so.
    ///
    /// # Errors
    /// [`ClusterError::TopicConflict`] if it is there otherwise; what is wrong with the wish; what the store said.
    pub async fn create_topic(&self, spec: TopicSpec) -> Result<CreatedTopic, ClusterError> {
        let _ = spec;
        unimplemented!("commands")
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], or what the store said.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<TopicId, ClusterError> {
        let _ = name;
        unimplemented!("commands")
    }

    /// Changes a topic's settings or adds partitions.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], what is wrong with the patch, or what the store said.
    pub async fn alter_topic(&self, name: &TopicName, patch: TopicPatch) -> Result<Arc<Topic>, ClusterError> {
        let _ = (name, patch);
        unimplemented!("commands")
    }

    /// Changes the cluster-wide defaults of topic settings.
    ///
    /// # Errors
    /// What is wrong with the patch, or what the store said.
    pub async fn alter_cluster_config(
        &self,
        patch: BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>, ClusterError> {
        let _ = patch;
        unimplemented!("commands")
    }

    /// Writes a leader's change of its own in-sync set (rules 4 and 5), once.
    pub async fn propose_isr(&self, change: IsrChange) -> IsrChangeOutcome {
        let _ = change;
        unimplemented!("commands")
    }

    /// Whether this very topic exists, linearizably.
    ///
    /// # Errors
    /// What the store said.
    pub async fn topic_exists(&self, name: &TopicName, id: TopicId) -> Result<bool, ClusterError> {
        let _ = (name, id);
        unimplemented!("commands")
    }

    /// Whether a copy of this very partition belongs on `broker`, linearizably: the question before local data goes.
    /// In doubt it does.
    ///
    /// # Errors
    /// What the store said.
    pub async fn replica_belongs(
        &self,
        tp: &TopicPartition,
        id: TopicId,
        broker: BrokerId,
    ) -> Result<bool, ClusterError> {
        let _ = (tp, id, broker);
        unimplemented!("commands")
    }

    /// A block of producer ids that nobody else gets.
    ///
    /// # Errors
    /// What the store said.
    pub async fn next_producer_ids(&self) -> Result<Range<i64>, ClusterError> {
        unimplemented!("commands")
    }
}
