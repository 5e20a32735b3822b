//! Topics, partitions, brokers, as the REST Proxy describes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::fault::Fault;
use super::openapi::RestRefusals;
use super::path::{PartitionPath, TopicPath};
use super::told::Told;
use crate::cluster::{Topic, topic_config};
use crate::http::door::Door;
use crate::service::OffsetQuery;
use crate::types::PartitionIndex;

/// Nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestRootAnswer)]
pub(in crate::http) struct RootAnswer {}

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestTopicAnswer)]
pub(in crate::http) struct TopicAnswer {
    /// Its name.
    name: String,
    /// All its settings as they apply.
    configs: BTreeMap<&'static str, String>,
    /// Its partitions.
    partitions: Vec<PartitionAnswer>,
}

/// A partition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestPartitionAnswer)]
pub(in crate::http) struct PartitionAnswer {
    /// Its number.
    partition: i32,
    /// The broker that leads; -1 if none does.
    leader: i32,
    /// Its copies, the preferred one first.
    replicas: Vec<ReplicaAnswer>,
}

/// A copy of a partition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestReplicaAnswer)]
pub(in crate::http) struct ReplicaAnswer {
    /// The broker that keeps it.
    broker: i32,
    /// Whether that leads.
    leader: bool,
    /// Whether it is in sync.
    in_sync: bool,
}

/// The ends of a partition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestOffsetsAnswer)]
pub(in crate::http) struct OffsetsAnswer {
    /// The first offset kept.
    beginning_offset: i64,
    /// The next offset to be written.
    end_offset: i64,
}

/// The brokers that live.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestBrokersAnswer)]
pub(in crate::http) struct BrokersAnswer {
    /// Their numbers.
    brokers: Vec<i32>,
}

impl PartitionAnswer {
    fn of(topic: &Topic, partition: PartitionIndex) -> Self {
        let record = topic.record(partition).map(|record| &record.state);
        let leader = record.and_then(|state| state.leader).map(|leader| leader.broker);
        let assigned = usize::try_from(partition.0).ok().and_then(|index| topic.assignment.get(index));
        let brokers = record.map(|state| &state.replicas).or(assigned).cloned().unwrap_or_default();
        let is_in_sync =
            |broker| record.is_some_and(|state| state.isr.iter().any(|member| member.broker == broker));
        let replica = |broker| ReplicaAnswer {
            broker: broker_number(broker),
            leader: leader == Some(broker),
            in_sync: is_in_sync(broker),
        };
        Self {
            partition: partition.0,
            leader: leader.map_or(-1, broker_number),
            replicas: brokers.into_iter().map(replica).collect(),
        }
    }

    fn all(topic: &Topic) -> Vec<Self> {
        (0..topic.partition_count()).map(|index| Self::of(topic, PartitionIndex(index))).collect()
    }
}

fn broker_number(broker: crate::types::BrokerId) -> i32 {
    broker.0
}

/// Says that the REST Proxy is here.
#[utoipa::path(
    get, path = "/", tag = "rest-proxy", operation_id = "rest_root",
    responses((status = 200, description = "An empty object", body = RootAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn root(State(door): State<Arc<Door>>, told: Told) -> Response {
    told.ok(&door, &RootAnswer {})
}

/// The same for clients that post.
#[utoipa::path(
    post, path = "/", tag = "rest-proxy", operation_id = "rest_root_post",
    responses((status = 200, description = "An empty object", body = RootAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn post_root(State(door): State<Arc<Door>>, told: Told) -> Response {
    told.ok(&door, &RootAnswer {})
}

/// Lists the names of all topics that are not internal.
#[utoipa::path(
    get, path = "/topics", tag = "rest-proxy", operation_id = "rest_list_topics",
    responses((status = 200, description = "Their names", body = Vec<String>, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn topics(State(door): State<Arc<Door>>, told: Told) -> Response {
    let image = door.service.image();
    let names: Vec<&str> =
        image.topics.keys().filter(|name| !name.is_internal()).map(|name| name.as_str()).collect();
    told.ok(&door, &names)
}

/// Describes a topic.
#[utoipa::path(
    get, path = "/topics/{topic}", tag = "rest-proxy", operation_id = "rest_get_topic",
    params(crate::http::openapi::TopicParam),
    responses((status = 200, description = "The topic", body = TopicAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn topic(
    State(door): State<Arc<Door>>,
    told: Told,
    TopicPath(topic): TopicPath,
) -> Response {
    let configs = topic_config::describe(&door.service.image().config, &topic.config);
    let answer = TopicAnswer {
        name: topic.name.as_str().to_owned(),
        configs: configs.into_iter().map(|shown| (shown.name, shown.value)).collect(),
        partitions: PartitionAnswer::all(&topic),
    };
    told.ok(&door, &answer)
}

/// Describes the partitions of a topic.
#[utoipa::path(
    get, path = "/topics/{topic}/partitions", tag = "rest-proxy", operation_id = "rest_list_partitions",
    params(crate::http::openapi::TopicParam),
    responses((status = 200, description = "The partitions", body = Vec<PartitionAnswer>, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn partitions(
    State(door): State<Arc<Door>>,
    told: Told,
    TopicPath(topic): TopicPath,
) -> Response {
    told.ok(&door, &PartitionAnswer::all(&topic))
}

/// Describes a partition.
#[utoipa::path(
    get, path = "/topics/{topic}/partitions/{partition}", tag = "rest-proxy", operation_id = "rest_get_partition",
    params(crate::http::openapi::PartitionParams),
    responses((status = 200, description = "The partition", body = PartitionAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn partition(
    State(door): State<Arc<Door>>,
    told: Told,
    PartitionPath(topic, tp): PartitionPath,
) -> Response {
    told.ok(&door, &PartitionAnswer::of(&topic, tp.partition))
}

/// Tells the first and the next offset of a partition.
#[utoipa::path(
    get, path = "/topics/{topic}/partitions/{partition}/offsets", tag = "rest-proxy", operation_id = "rest_get_offsets",
    params(crate::http::openapi::PartitionParams),
    responses((status = 200, description = "The ends", body = OffsetsAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn offsets(
    State(door): State<Arc<Door>>,
    told: Told,
    PartitionPath(_, tp): PartitionPath,
) -> Result<Response, Fault> {
    let beginning = door.service.offset(&tp, OffsetQuery::Earliest, None, true).await?;
    let end = door.service.offset(&tp, OffsetQuery::Latest, None, true).await?;
    let answer = OffsetsAnswer { beginning_offset: beginning.offset.0, end_offset: end.offset.0 };
    Ok(told.ok(&door, &answer))
}

/// Lists the brokers that live.
#[utoipa::path(
    get, path = "/brokers", tag = "rest-proxy", operation_id = "rest_list_brokers",
    responses((status = 200, description = "Their numbers", body = BrokersAnswer, content_type = "application/vnd.kafka.v2+json"), RestRefusals),
)]
pub(in crate::http) async fn brokers(State(door): State<Arc<Door>>, told: Told) -> Response {
    let mut brokers: Vec<i32> = door.service.image().live_brokers().map(broker_number).collect();
    brokers.sort_unstable();
    told.ok(&door, &BrokersAnswer { brokers })
}
