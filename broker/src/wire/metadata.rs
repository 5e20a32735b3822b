//! Metadata: the brokers, the topics, who leads what.

use super::ErrorCode;
use crate::types::{BrokerId, LeaderEpoch, TopicId};

/// Asks for brokers and topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// Which topics; `None` is all.
    pub topics: Option<Vec<MetadataTopicRequest>>,
    /// Whether a topic that is not there may be created.
    pub allow_auto_create: bool,
}

/// One topic that is asked for, by name or by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataTopicRequest {
    /// Its name.
    pub name: Option<String>,
    /// Its id.
    pub topic_id: Option<TopicId>,
}

/// Brokers and topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataResponse {
    /// Live brokers.
    pub brokers: Vec<MetadataBroker>,
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// Who is the controller.
    pub controller: Option<BrokerId>,
    /// The topics asked for.
    pub topics: Vec<MetadataTopic>,
}

/// One broker and how clients reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataBroker {
    /// Its number.
    pub id: BrokerId,
    /// Its advertised host.
    pub host: String,
    /// Its advertised port.
    pub port: i32,
    /// Where it stands.
    pub rack: Option<String>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataTopic {
    /// Why it cannot be told, if so.
    pub error: ErrorCode,
    /// Its name.
    pub name: Option<String>,
    /// Its id.
    pub topic_id: Option<TopicId>,
    /// Whether it belongs to the system.
    pub is_internal: bool,
    /// Its partitions.
    pub partitions: Vec<MetadataPartition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataPartition {
    /// `LeaderNotAvailable` without a leader.
    pub error: ErrorCode,
    /// Its number.
    pub index: i32,
    /// Who leads it.
    pub leader: Option<BrokerId>,
    /// The number of that reign.
    pub leader_epoch: LeaderEpoch,
    /// Where copies belong.
    pub replicas: Vec<BrokerId>,
    /// Which of them are in sync.
    pub isr: Vec<BrokerId>,
    /// Which of them are away.
    pub offline: Vec<BrokerId>,
}
