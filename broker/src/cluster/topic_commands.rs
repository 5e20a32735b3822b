//! The commands that administrators give at the Kafka port and by REST: strict about what is there already, and able to
//! say what would happen without doing it.
//!
//! *Invariant:* a command that is only to be validated writes nothing, and is refused for the same reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coordinator_adapter::Revision;
use uuid::Uuid;

use super::assignment;
use super::commands::{Commands, TopicSpec};
use super::error::ClusterError;
use super::guarded::{Change, update};
use super::image::{Image, Topic};
use super::keyspace::Key;
use super::placement::{add_partitions, place};
use super::topic_config::{self, FLUSH, TopicConfig};
use super::topic_config_change::ConfigChanges;
use super::values::{ClusterConfig, TopicValue, VERSION};
use crate::types::{BrokerId, TopicId, TopicName};

/// How many partitions a topic is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many in all; more than there are.
    pub count: i32,
    /// Where the copies of the new ones go, if chosen by hand.
    pub assignment: Option<Vec<Vec<BrokerId>>>,
}

/// A change of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicChange {
    /// What happens to its settings.
    pub config: ConfigChanges,
    /// How it grows.
    pub growth: Option<Growth>,
    /// Only to say whether it could be done.
    pub validate_only: bool,
}

impl Commands {
    /// A topic as it would be created, without its id.
    ///
    /// # Errors
    /// Why it would not be.
    pub fn plan_topic(&self, mut spec: TopicSpec) -> Result<Arc<Topic>, ClusterError> {
        let image = self.image();
        topic_config::check_all(&spec.config)?;
        let flush = TopicConfig::effective(&image.config, &spec.config).flush;
        spec.config.insert(FLUSH.to_owned(), flush.to_string());
        let partitions = place(&spec, self.options(), &image)?;
        let id = TopicId(Uuid::nil());
        let value = TopicValue { v: VERSION, id, created_unix_ms: 0, partitions, config: spec.config };
        Ok(Arc::new(Topic::new(spec.name, value, Revision(0), &image.config)))
    }

    /// Changes a topic, and returns it as it is then, or would be.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], what is wrong with the change, or what the store said.
    pub async fn change_topic(
        &self,
        name: &TopicName,
        change: &TopicChange,
    ) -> Result<Arc<Topic>, ClusterError> {
        let image = self.image();
        let key = self.keyspace.path(&Key::Topic(name.clone()));
        let changed = update(&self.store, &key, |current: Option<TopicValue>| {
            let before = current.ok_or_else(|| ClusterError::UnknownTopic(name.clone()))?;
            let mut value = before.clone();
            value.config = change.config.applied(&before.config, &image.config)?;
            if let Some(growth) = &change.growth {
                self.grow(name, &mut value, growth, &image)?;
            }
            let keeps = change.validate_only || value == before;
            Ok(if keeps { Change::Keep(value) } else { Change::Put(value.clone(), value) })
        })
        .await?;
        if change.validate_only {
            return Ok(Arc::new(Topic::new(name.clone(), changed.result, changed.revision, &image.config)));
        }
        Ok(self.topic(name, changed.result, changed.revision))
    }

    /// Deletes the topic of this name if it is the one of this id.
    ///
    /// # Errors
    /// [`ClusterError::UnknownTopic`], or what the store said.
    pub async fn delete_topic_of(&self, name: &TopicName, id: TopicId) -> Result<(), ClusterError> {
        let key = self.keyspace.path(&Key::Topic(name.clone()));
        let changed = update(&self.store, &key, |current: Option<TopicValue>| match current {
            Some(value) if value.id == id => Ok(Change::Delete(())),
            _ => Err(ClusterError::UnknownTopic(name.clone())),
        });
        changed.await.map(drop)
    }

    /// Changes the cluster-wide defaults of topic settings, and returns them all as they are then, or would be.
    ///
    /// # Errors
    /// What is wrong with the change, or what the store said.
    pub async fn change_cluster_config(
        &self,
        change: &ConfigChanges,
        validate_only: bool,
    ) -> Result<BTreeMap<String, String>, ClusterError> {
        let key = self.keyspace.path(&Key::ClusterConfig);
        let none = BTreeMap::new();
        let changed = update(&self.store, &key, |current: Option<ClusterConfig>| {
            let before = current.map(|value| value.config).unwrap_or_default();
            let config = change.applied(&before, &none)?;
            if validate_only || config == before {
                return Ok(Change::Keep(config));
            }
            Ok(Change::Put(ClusterConfig { v: VERSION, config: config.clone() }, config))
        });
        Ok(changed.await?.result)
    }

    fn grow(
        &self,
        name: &TopicName,
        value: &mut TopicValue,
        growth: &Growth,
        image: &Image,
    ) -> Result<(), ClusterError> {
        let (now, wanted) = (value.partitions.len(), usize::try_from(growth.count).unwrap_or(0));
        if wanted <= now {
            let reason = if wanted == now {
                format!("topic '{name}' already has {now} partitions")
            } else {
                format!(
                    "topic '{name}' has {now} partitions, which is more than the {} asked for: partitions are never taken away",
                    growth.count
                )
            };
            return Err(ClusterError::InvalidPartitions { reason });
        }
        let Some(assignment) = &growth.assignment else {
            return add_partitions(name, value, growth.count, self.options(), image);
        };
        let wrong = |reason: String| Err(ClusterError::InvalidAssignment { reason });
        if assignment.len() != wanted - now {
            return wrong(format!(
                "{} partitions are to be added, and replicas are given for {}",
                wanted - now,
                assignment.len()
            ));
        }
        let places: BTreeSet<BrokerId> = image.active_brokers().collect();
        assignment::check(assignment, &places)?;
        let copies = value.partitions.first().map_or(1, Vec::len);
        if let Some(other) = assignment.iter().find(|replicas| replicas.len() != copies) {
            return wrong(format!("the topic has {copies} replicas of each partition, not {}", other.len()));
        }
        // For its bounds; where the copies go is known.
        let mut grown = value.clone();
        add_partitions(name, &mut grown, growth.count, self.options(), image)?;
        value.partitions.extend(assignment.iter().cloned());
        Ok(())
    }
}
