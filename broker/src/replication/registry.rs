//! Which replicas are here, by name and by identity.
//!
//! *Invariant:* a name has one replica at a time; that of an earlier topic of the same name is closed before.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::converge::Converged;
use super::error::ReplicationError;
use super::fetcher::FetcherSet;
use super::partition::Partition;
use super::shared::Shared;
use crate::storage::LogOptions;
use crate::types::{PartitionIndex, PartitionRecord, TopicId, TopicPartition};

#[derive(Default)]
struct Maps {
    by_name: HashMap<TopicPartition, Arc<Partition>>,
    by_id: HashMap<(TopicId, PartitionIndex), Arc<Partition>>,
}

/// The replicas here, and those who pull for them.
pub(super) struct Registry {
    maps: RwLock<Maps>,
    pub(super) fetchers: FetcherSet,
    shared: Arc<Shared>,
}

impl Registry {
    pub(super) fn new(shared: Arc<Shared>, fetchers: FetcherSet) -> Self {
        Self { maps: RwLock::default(), fetchers, shared }
    }

    pub(super) fn get(&self, tp: &TopicPartition) -> Option<Arc<Partition>> {
        self.maps.read().by_name.get(tp).cloned()
    }

    pub(super) fn by_id(&self, topic_id: TopicId, partition: PartitionIndex) -> Option<Arc<Partition>> {
        self.maps.read().by_id.get(&(topic_id, partition)).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Partition>> {
        self.maps.read().by_name.values().cloned().collect()
    }

    pub(super) fn insert(&self, partition: &Arc<Partition>) {
        let mut maps = self.maps.write();
        let before = maps.by_name.insert(partition.tp().clone(), Arc::clone(partition));
        assert!(before.is_none(), "{} is here already", partition.tp());
        maps.by_id.insert((partition.topic_id(), partition.tp().partition), Arc::clone(partition));
        drop(maps);
        self.shared.metrics.partitions.inc();
    }

    /// Takes a replica out, if it is the one that is here.
    pub(super) fn remove(&self, partition: &Arc<Partition>) {
        let mut maps = self.maps.write();
        let is_here = maps.by_name.get(partition.tp()).is_some_and(|here| Arc::ptr_eq(here, partition));
        if is_here {
            maps.by_name.remove(partition.tp());
            maps.by_id.remove(&(partition.topic_id(), partition.tp().partition));
        }
        drop(maps);
        if is_here {
            self.shared.metrics.partitions.dec();
        }
    }

    /// Brings one replica to `record` and lets it pull from whom that names. Changes of role come one by one, in order.
    ///
    /// # Errors
    /// As [`Partition::converge`].
    pub(super) async fn converge(
        &self,
        partition: &Arc<Partition>,
        record: &PartitionRecord,
        options: Option<LogOptions>,
    ) -> Result<(), ReplicationError> {
        let me = *self.shared.me.get().ok_or(ReplicationError::NotStarted)?;
        let _turn = partition.turn.acquire().await.map_err(|_| ReplicationError::ShuttingDown)?;
        match partition.converge(me, record, options)? {
            Converged::Unchanged => {}
            Converged::PullsNothing => self.fetchers.assign(partition, None),
            Converged::PullsFrom(leader) => self.fetchers.assign(partition, Some(leader.broker)),
        }
        Ok(())
    }
}
