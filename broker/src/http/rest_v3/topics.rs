//! `/v3/clusters/{c}/topics`: topics listed, made, grown, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::at::At;
use super::body::body_of;
use super::configs::ConfigWish;
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, done, found, made};
use crate::cluster::{Growth, Topic, TopicSpec};
use crate::http::door::Door;
use crate::types::{BrokerId, TopicName};

/// A topic.
#[derive(Debug, Serialize)]
struct TopicData {
    cluster_id: String,
    topic_name: String,
    is_internal: bool,
    replication_factor: usize,
    partitions_count: i32,
    partitions: Related,
    configs: Related,
    partition_reassignments: Related,
    /// There is nobody to forbid anything.
    authorized_operations: Vec<String>,
}

/// A topic as asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3TopicWish)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TopicWish {
    /// Its name.
    topic_name: String,
    /// How many partitions; the default if left out.
    partitions_count: Option<i32>,
    /// How many replicas of each; the default if left out.
    replication_factor: Option<i32>,
    /// For each partition the brokers of its replicas, in place of the two counts.
    replicas_assignments: Option<BTreeMap<String, Vec<i32>>>,
    /// Its settings.
    configs: Option<Vec<ConfigWish>>,
    /// Only to say whether it could be made.
    validate_only: Option<bool>,
}

/// How a topic is to grow.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = V3TopicGrowth)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct GrowthWish {
    /// How many partitions in all.
    partitions_count: i32,
}

fn topic(links: &Links, topic: &Topic) -> Resource<TopicData> {
    let name = topic.name.as_str();
    let data = TopicData {
        cluster_id: links.cluster.clone(),
        topic_name: name.to_owned(),
        is_internal: topic.name.is_internal(),
        replication_factor: topic.assignment.first().map_or(0, Vec::len),
        partitions_count: topic.partition_count(),
        partitions: links.to(&["topics", name, "partitions"]),
        configs: links.to(&["topics", name, "configs"]),
        partition_reassignments: links.to(&["topics", name, "partitions", "-", "reassignment"]),
        authorized_operations: Vec::new(),
    };
    links.resource("KafkaTopic", &["topics", name], &[("topic", name)], data)
}

/// Lists all topics.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics", tag = "rest v3", operation_id = "v3_list_topics",
    params(super::openapi::Cluster),
    responses((status = 200, description = "The topics", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let image = door.service.image();
    let all = image.topics.values().map(|one| topic(&at.links, one)).collect();
    Ok(found(&at.links.list("KafkaTopicList", &["topics"], all)))
}

/// Describes a topic.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}", tag = "rest v3", operation_id = "v3_get_topic",
    params(super::openapi::Topic),
    responses((status = 200, description = "The topic", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    Ok(found(&topic(&at.links, &*at.topic(&door.service.image())?)))
}

/// Creates a topic.
#[utoipa::path(
    post, path = "/v3/clusters/{cluster_id}/topics", tag = "rest v3", operation_id = "v3_create_topic",
    params(super::openapi::Cluster), request_body = TopicWish,
    responses(
        (status = 201, description = "It is new, or with validate_only could be", body = super::openapi::V3Resource),
        super::openapi::V3Refusals,
    ),
)]
pub(in crate::http) async fn create(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let wish: TopicWish = body_of(&door, request).await?;
    let bad = |message: String| Refusal::malformed(message).code(40_002);
    let name = TopicName::new(&wish.topic_name).map_err(|error| bad(error.to_string()))?;
    // As Kafka's: a count of -1 stands for the default.
    let count = |count: Option<i32>| count.filter(|count| *count != -1);
    let mut config = BTreeMap::new();
    for ConfigWish { name, value } in wish.configs.unwrap_or_default() {
        let value = value.ok_or_else(|| bad(format!("setting '{name}' has no value")))?;
        config.insert(name, value);
    }
    let spec = TopicSpec {
        name,
        partitions: count(wish.partitions_count),
        replication_factor: count(wish.replication_factor),
        assignment: wish.replicas_assignments.map(assignment).transpose()?,
        config,
    };
    let created = door.service.create_new_topic(spec, wish.validate_only.unwrap_or(false)).await?;
    Ok(made(&topic(&at.links, &created)))
}

/// The replicas by partition, which must be numbered from 0 without gaps.
fn assignment(given: BTreeMap<String, Vec<i32>>) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let bad = || {
        let message = "replicas_assignments must name each partition from \"0\" on, once";
        Refusal::malformed(message).code(40_002)
    };
    let mut by_number = BTreeMap::new();
    for (partition, replicas) in given {
        let number = partition.parse::<usize>().map_err(|_| bad())?;
        by_number.insert(number, replicas.into_iter().map(BrokerId).collect());
    }
    let whole = by_number.keys().copied().eq(0..by_number.len()) && !by_number.is_empty();
    if whole { Ok(by_number.into_values().collect()) } else { Err(bad()) }
}

/// Gives a topic more partitions.
#[utoipa::path(
    patch, path = "/v3/clusters/{cluster_id}/topics/{topic_name}", tag = "rest v3", operation_id = "v3_grow_topic",
    params(super::openapi::Topic), request_body = GrowthWish,
    responses((status = 200, description = "As it is now", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn grow(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let name = at.topic(&door.service.image())?.name.clone();
    let GrowthWish { partitions_count } = body_of(&door, request).await?;
    let growth = Growth { count: partitions_count, assignment: None };
    let grown = door.service.grow_topic(&name, growth, false).await?;
    Ok(found(&topic(&at.links, &grown)))
}

/// Deletes a topic.
#[utoipa::path(
    delete, path = "/v3/clusters/{cluster_id}/topics/{topic_name}", tag = "rest v3", operation_id = "v3_delete_topic",
    params(super::openapi::Topic),
    responses((status = 204, description = "It is gone"), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn delete(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let name = at.topic_name()?;
    door.service.delete_topic(&name).await?;
    Ok(done())
}
