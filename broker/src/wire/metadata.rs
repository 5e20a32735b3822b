//! Metadata: the brokers, the topics, who leads what.

use kafka_wire::metadata_request::MetadataRequestTopic;
use kafka_wire::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

use super::ErrorCode;
use super::topic_ids::{from_codec_id, into_codec_id};
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

impl MetadataRequest {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::MetadataRequest {
        let topic = |asked: MetadataTopicRequest| {
            let mut topic = MetadataRequestTopic::default();
            topic.name = asked.name.map(Into::into);
            topic.topic_id = into_codec_id(asked.topic_id);
            topic
        };
        let mut message = kafka_wire::MetadataRequest::default();
        message.topics = self.topics.map(|topics| topics.into_iter().map(topic).collect());
        message.allow_auto_topic_creation = self.allow_auto_create;
        message
    }

    /// From the codec's words. In version 0 an empty list is all topics; later it is none.
    pub(super) fn from_codec(message: kafka_wire::MetadataRequest, version: i16) -> Self {
        let topic = |asked: MetadataRequestTopic| MetadataTopicRequest {
            name: asked.name.map(|name| name.into_string()),
            topic_id: from_codec_id(asked.topic_id),
        };
        let topics = message.topics.filter(|topics| version > 0 || !topics.is_empty());
        Self {
            topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
            allow_auto_create: message.allow_auto_topic_creation,
        }
    }
}

impl MetadataResponse {
    /// In the codec's words, as far as `version` has them.
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::MetadataResponse {
        let broker = |broker: MetadataBroker| {
            let mut into = MetadataResponseBroker::default();
            into.node_id = broker.id.0;
            into.host = broker.host.into();
            into.port = broker.port;
            into.rack = broker.rack.filter(|_| version >= 1).map(Into::into);
            into
        };
        let mut message = kafka_wire::MetadataResponse::default();
        message.brokers = self.brokers.into_iter().map(broker).collect();
        message.cluster_id = self.cluster_id.filter(|_| version >= 2).map(Into::into);
        message.controller_id = self.controller.filter(|_| version >= 1).map_or(-1, |id| id.0);
        message.topics = self.topics.into_iter().map(|topic| topic_into_codec(topic, version)).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::MetadataResponse) -> Self {
        let broker = |broker: MetadataResponseBroker| MetadataBroker {
            id: BrokerId(broker.node_id),
            host: broker.host.into_string(),
            port: broker.port,
            rack: broker.rack.map(|rack| rack.into_string()),
        };
        let topic = |topic: MetadataResponseTopic| MetadataTopic {
            error: topic.error_code.into(),
            name: topic.name.map(|name| name.into_string()),
            topic_id: from_codec_id(topic.topic_id),
            is_internal: topic.is_internal,
            partitions: topic.partitions.into_iter().map(partition_from_codec).collect(),
        };
        Self {
            brokers: message.brokers.into_iter().map(broker).collect(),
            cluster_id: message.cluster_id.map(|id| id.into_string()),
            controller: some_broker(message.controller_id),
            topics: message.topics.into_iter().map(topic).collect(),
        }
    }
}

fn topic_into_codec(topic: MetadataTopic, version: i16) -> MetadataResponseTopic {
    let mut into = MetadataResponseTopic::default();
    into.error_code = topic.error.code();
    // Only from version 12 on may a topic be without a name.
    into.name = topic.name.or_else(|| (version < 12).then(String::new)).map(Into::into);
    into.topic_id = into_codec_id(topic.topic_id.filter(|_| version >= 10));
    into.is_internal = topic.is_internal && version >= 1;
    into.partitions =
        topic.partitions.into_iter().map(|partition| partition_into_codec(partition, version)).collect();
    into
}

fn partition_into_codec(partition: MetadataPartition, version: i16) -> MetadataResponsePartition {
    let ids = |brokers: Vec<BrokerId>| brokers.into_iter().map(|id| id.0).collect();
    let mut into = MetadataResponsePartition::default();
    into.error_code = partition.error.code();
    into.partition_index = partition.index;
    into.leader_id = partition.leader.map_or(-1, |id| id.0);
    if version >= 7 {
        into.leader_epoch = partition.leader_epoch.0;
    }
    into.replica_nodes = ids(partition.replicas);
    into.isr_nodes = ids(partition.isr);
    if version >= 5 {
        into.offline_replicas = ids(partition.offline);
    }
    into
}

fn partition_from_codec(partition: MetadataResponsePartition) -> MetadataPartition {
    let ids = |nodes: Vec<i32>| nodes.into_iter().map(BrokerId).collect();
    MetadataPartition {
        error: partition.error_code.into(),
        index: partition.partition_index,
        leader: some_broker(partition.leader_id),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: ids(partition.replica_nodes),
        isr: ids(partition.isr_nodes),
        offline: ids(partition.offline_replicas),
    }
}

fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}
