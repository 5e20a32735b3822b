//! What administrators write, each by compare-and-put; a leader's own writes are in [`super::isr_change`].
//!
//! A command writes the topic; the controller makes, changes and deletes the records of its partitions.
//!
//! *Invariant:* an outcome that is not known is said to be unknown; nothing is written twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use coordinator_adapter::{Revision, Store};
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Clock;
use crate::types::{BrokerId, TopicId, TopicName};

use super::error::ClusterError;
use super::guarded::{Change, malformed, update};
use super::image::{Image, Topic};
use super::keyspace::{Key, Keyspace};
use super::placement::{add_partitions, place};
use super::topic_config::{self, FLUSH, TopicConfig};
use super::values::{ClusterConfig, ProducerIds, TopicValue, VERSION};

/// Producer ids stay below this: the bit marks producers of the HTTP door.
const PRODUCER_IDS_END: i64 = 1 << 62;

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

/// The commands of one broker.
#[derive(Debug)]
pub struct Commands {
    pub(super) store: Arc<dyn Store>,
    pub(super) keyspace: Keyspace,
    pub(super) clock: Clock,
    images: watch::Receiver<Arc<Image>>,
    options: CommandOptions,
}

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
        Self { store, keyspace, clock, images, options }
    }

    /// Makes a topic, unless it is there exactly so.
    ///
    /// # Errors
    /// [`ClusterError::TopicConflict`] if it is there otherwise; what is wrong with the wish; what the store said.
    pub async fn create_topic(&self, spec: TopicSpec) -> Result<CreatedTopic, ClusterError> {
        let image = self.image();
        let mut spec = spec;
        topic_config::check_all(&spec.config)?;
        let flush = TopicConfig::effective(&image.config, &spec.config).flush;
        spec.config.insert(FLUSH.to_owned(), flush.to_string());
        let id = TopicId(Uuid::new_v4());
        let key = self.keyspace.path(&Key::Topic(spec.name.clone()));
        let changed = update(&self.store, &key, |current: Option<TopicValue>| match current {
            Some(value) => match difference(&spec, &value) {
                Some(difference) => Err(ClusterError::TopicConflict {
                    name: spec.name.clone(),
                    difference: difference.to_owned(),
                }),
                None => Ok(Change::Keep((value, false))),
            },
            None => {
                let partitions = place(&spec, &self.options, &image)?;
                let created_unix_ms = self.clock.unix_ms();
                let config = spec.config.clone();
                let value = TopicValue { v: VERSION, id, created_unix_ms, partitions, config };
                Ok(Change::Put(value.clone(), (value, true)))
            }
        })
        .await?;
        let (value, new) = changed.result;
        let topic = self.topic(&spec.name, value, changed.revision);
        Ok(if new { CreatedTopic::New(topic) } else { CreatedTopic::Same(topic) })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], or what the store said.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<TopicId, ClusterError> {
        let key = self.keyspace.path(&Key::Topic(name.clone()));
        let changed = update(&self.store, &key, |current: Option<TopicValue>| match current {
            Some(value) => Ok(Change::Delete(value.id)),
            None => Err(ClusterError::UnknownTopic(name.clone())),
        });
        Ok(changed.await?.result)
    }

    /// Changes a topic's settings or adds partitions.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], what is wrong with the patch, or what the store said.
    pub async fn alter_topic(&self, name: &TopicName, patch: TopicPatch) -> Result<Arc<Topic>, ClusterError> {
        let image = self.image();
        let key = self.keyspace.path(&Key::Topic(name.clone()));
        let changed = update(&self.store, &key, |current: Option<TopicValue>| {
            let before = current.ok_or_else(|| ClusterError::UnknownTopic(name.clone()))?;
            topic_config::keeps_fixed(&before.config, &patch.config)?;
            let mut value = before.clone();
            value.config = topic_config::patched(&before.config, &patch.config)?;
            if let Some(count) = patch.partitions {
                add_partitions(name, &mut value, count, &self.options, &image)?;
            }
            if value == before { Ok(Change::Keep(value)) } else { Ok(Change::Put(value.clone(), value)) }
        })
        .await?;
        Ok(self.topic(name, changed.result, changed.revision))
    }

    /// Changes the cluster-wide defaults of topic settings, and returns them all.
    ///
    /// # Errors
    /// What is wrong with the patch, or what the store said.
    pub async fn alter_cluster_config(
        &self,
        patch: BTreeMap<String, Option<String>>,
    ) -> Result<BTreeMap<String, String>, ClusterError> {
        let key = self.keyspace.path(&Key::ClusterConfig);
        let changed = update(&self.store, &key, |current: Option<ClusterConfig>| {
            let before = current.map(|value| value.config).unwrap_or_default();
            let config = topic_config::patched(&before, &patch)?;
            if config == before {
                return Ok(Change::Keep(config));
            }
            Ok(Change::Put(ClusterConfig { v: VERSION, config: config.clone() }, config))
        });
        Ok(changed.await?.result)
    }

    /// A block of producer ids that nobody else gets.
    ///
    /// # Errors
    /// What the store said.
    pub async fn next_producer_ids(&self) -> Result<Range<i64>, ClusterError> {
        let key = self.keyspace.path(&Key::ProducerIds);
        let block = self.options.producer_id_block.max(1);
        let taking = Uuid::new_v4();
        let changed = update(&self.store, &key, |current: Option<ProducerIds>| {
            let first = current.map_or(0, |ids| ids.next);
            let end = first.checked_add(block).filter(|end| first >= 0 && *end <= PRODUCER_IDS_END);
            let end =
                end.ok_or_else(|| malformed(&key, format!("producer ids from {first} are out of range")))?;
            Ok(Change::Put(ProducerIds { v: VERSION, next: end, taking }, first..end))
        });
        Ok(changed.await?.result)
    }

    pub(super) fn options(&self) -> &CommandOptions {
        &self.options
    }

    pub(super) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.images.borrow())
    }

    /// The topic as it was just written or read; with its records, if the image has the same version.
    pub(super) fn topic(&self, name: &TopicName, value: TopicValue, revision: Revision) -> Arc<Topic> {
        let image = self.image();
        match image.topic(name) {
            Some(topic) if topic.mod_revision == revision => Arc::clone(topic),
            _ => Arc::new(Topic::new(name.clone(), value, revision, &image.config)),
        }
    }
}

/// In what a topic differs from what somebody wants; what is not said agrees with everything.
fn difference(spec: &TopicSpec, value: &TopicValue) -> Option<&'static str> {
    let agrees = |given: Option<i32>, is: usize| given.is_none_or(|given| usize::try_from(given) == Ok(is));
    let copies = value.partitions.first().map_or(0, Vec::len);
    if !agrees(spec.partitions, value.partitions.len()) {
        Some("number of partitions")
    } else if !agrees(spec.replication_factor, copies) {
        Some("replication factor")
    } else if spec.assignment.as_ref().is_some_and(|assignment| *assignment != value.partitions) {
        Some("replica assignment")
    } else if spec.config != value.config {
        Some("config")
    } else {
        None
    }
}
