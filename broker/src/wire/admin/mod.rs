//! The messages of administrators: topics made, grown and deleted, settings shown and changed, the cluster described.
//!
//! One enum holds all requests and one all responses. What differs between versions is settled here.

mod alter_configs;
mod config_terms;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod describe_cluster;
mod describe_configs;

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;

pub use alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResponse, AlteredConfigs, ConfigOperation,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource, IncrementalAlterConfigsResponse,
};
pub use config_terms::{ConfigKind, ConfigSource, ResourceKind};
pub use create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, NewPartitions,
};
pub use create_topics::{
    CreateTopicsRequest, CreateTopicsResponse, NewTopic, NewTopicConfig, NewTopicResult,
};
pub use delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic, DoomedTopic};
pub use describe_cluster::{
    ClusterBroker, DescribeClusterRequest, DescribeClusterResponse, NO_AUTHORIZED_OPERATIONS,
};
pub use describe_configs::{
    ConfigSynonym, DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse, DescribedConfig,
    DescribedConfigs,
};

use kafka_wire_core::{ApiVersion, Decoder, KafkaDecode};

use super::family::message_family;
use super::texts::{maybe_text, text};
use super::writer::FrameWriter;
use super::{ApiKey, WireError};

message_family! {
    /// A request of an administrator.
    AdminRequest, AdminResponse:

    /// Topics to make.
    CreateTopics(CreateTopicsRequest, CreateTopicsResponse), sent as 7;
    /// Topics to delete.
    DeleteTopics(DeleteTopicsRequest, DeleteTopicsResponse), sent as 6;
    /// Topics that are to have more partitions.
    CreatePartitions(CreatePartitionsRequest, CreatePartitionsResponse), sent as 3;
    /// The settings of topics and brokers.
    DescribeConfigs(DescribeConfigsRequest, DescribeConfigsResponse), sent as 4;
    /// Settings in place of all that are set.
    AlterConfigs(AlterConfigsRequest, AlterConfigsResponse), sent as 2;
    /// Settings one by one.
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse), sent as 1;
    /// The cluster and its brokers.
    DescribeCluster(DescribeClusterRequest, DescribeClusterResponse), sent as 1;
}
