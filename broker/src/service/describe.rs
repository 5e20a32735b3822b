//! Describe: the cluster, its brokers, its topics and partitions, as a person wants to see them.

use std::collections::BTreeMap;

use super::broker::Service;
use super::errors::FetchError;
use crate::types::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicName};

/// A broker as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Its number.
    pub id: BrokerId,
    /// Which of its lives.
    pub epoch: BrokerEpoch,
    /// Where its HTTP port is reached.
    pub http: String,
    /// Where its Kafka port is reached.
    pub kafka: String,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// `starting`, `active`, `draining`, or `down`.
    pub state: &'static str,
    /// Whether its disk is full.
    pub disk_full: bool,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Its id.
    pub id: Option<String>,
    /// The broker that is the controller.
    pub controller: Option<BrokerId>,
    /// Every broker that is registered.
    pub brokers: Vec<BrokerView>,
    /// How many topics there are.
    pub topics: usize,
    /// How many partitions.
    pub partitions: usize,
    /// The revision of the coordination store up to which this broker knows the cluster.
    pub revision: i64,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas each has.
    pub replication_factor: usize,
    /// Settings that differ from the defaults.
    pub config: BTreeMap<String, String>,
}

/// A partition; offsets are `None` where its leader did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Its number.
    pub partition: PartitionIndex,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// Where the leader's HTTP port is reached.
    pub leader_http: Option<String>,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version of its record.
    pub partition_epoch: PartitionEpoch,
    /// Where copies belong.
    pub replicas: Vec<BrokerId>,
    /// Which of them are in sync.
    pub isr: Vec<BrokerId>,
    /// Which others still hold all that is committed.
    pub elr: Vec<BrokerId>,
    /// The first offset kept.
    pub log_start: Option<Offset>,
    /// One past the last committed record.
    pub high_watermark: Option<Offset>,
    /// One past the last record of the leader.
    pub log_end: Option<Offset>,
}

impl Service {
    /// The cluster as this broker knows it.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        unimplemented!("cluster")
    }

    /// All topics, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicView> {
        unimplemented!("topics")
    }

    /// One topic.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn describe_topic(&self, name: &TopicName) -> Result<TopicView, FetchError> {
        let _ = name;
        unimplemented!("describe_topic")
    }

    /// The partitions of a topic, with the offsets that their leaders tell.
    ///
    /// # Errors
    /// If there is no such topic.
    pub async fn describe_partitions(&self, name: &TopicName) -> Result<Vec<PartitionView>, FetchError> {
        let _ = name;
        unimplemented!("describe_partitions")
    }
}
