//! Lists of partitions as they stand in bodies. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::required::Wish;
use crate::http::rest_v2::fault::Fault;
use crate::types::{PartitionIndex, TopicName, TopicPartition};

/// A partition.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestTopicPartition)]
pub(in crate::http) struct PartitionName {
    /// The topic.
    pub(super) topic: String,
    /// Its number.
    #[schema(minimum = 0)]
    pub(super) partition: i32,
}

/// Partitions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestTopicPartitions)]
pub(in crate::http) struct PartitionNames {
    /// In no order.
    pub(super) partitions: Vec<PartitionName>,
}

impl Wish for PartitionNames {
    const EXAMPLE: &'static str = "{\"partitions\":[{\"topic\":…,\"partition\":0}]}";
}

impl PartitionNames {
    /// All of them.
    pub(super) fn named(&self) -> Result<Vec<TopicPartition>, Fault> {
        self.partitions.iter().map(|one| named(&one.topic, one.partition)).collect()
    }
}

impl From<&TopicPartition> for PartitionName {
    fn from(tp: &TopicPartition) -> Self {
        Self { topic: tp.topic.as_str().to_owned(), partition: tp.partition.0 }
    }
}

/// The partition that a topic and a number name.
pub(super) fn named(topic: &str, partition: i32) -> Result<TopicPartition, Fault> {
    let topic = topic_named(topic)?;
    if partition < 0 {
        return Err(Fault::unprocessable(format!(
            "partition must be a whole number from 0, not {partition}"
        )));
    }
    Ok(TopicPartition::new(topic, PartitionIndex(partition)))
}

/// A topic's name, if it can be one.
pub(super) fn topic_named(topic: &str) -> Result<TopicName, Fault> {
    TopicName::new(topic).map_err(|error| Fault::unprocessable(error.to_string()))
}
