//! `/v3/clusters/{c}/topics/{t}/partitions`: partitions, their offsets, their replicas.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::at::At;
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, found};
use crate::cluster::Topic;
use crate::http::door::Door;
use crate::http::query::shown;
use crate::service::OffsetQuery;
use crate::types::{BrokerId, PartitionIndex};

/// The kinds of offset that may be asked for; both are told.
const OFFSET_TYPES: [&str; 3] = ["earliest_and_latest", "earliest", "latest"];

#[derive(Debug, Serialize)]
struct PartitionData {
    cluster_id: String,
    topic_name: String,
    partition_id: i32,
    leader: Option<Related>,
    replicas: Related,
    reassignment: Related,
}

/// A replica.
#[derive(Debug, Serialize)]
pub(super) struct ReplicaData {
    cluster_id: String,
    topic_name: String,
    partition_id: i32,
    broker_id: i32,
    is_leader: bool,
    is_in_sync: bool,
    broker: Related,
}

#[derive(Debug, Serialize)]
struct OffsetData {
    cluster_id: String,
    topic_name: String,
    partition_id: i32,
    earliest_offset: i64,
    latest_offset: i64,
}

fn partition(links: &Links, topic: &Topic, index: PartitionIndex) -> Resource<PartitionData> {
    let (name, number) = (topic.name.as_str(), index.to_string());
    let base = ["topics", name, "partitions", &number];
    let leader = topic.record(index).and_then(|record| record.state.leader);
    let leader = leader.map(|leader| leader.broker.to_string());
    let data = PartitionData {
        cluster_id: links.cluster.clone(),
        topic_name: name.to_owned(),
        partition_id: index.0,
        leader: leader.map(|id| links.to(&[&base[..], &["replicas", &id]].concat())),
        replicas: links.to(&[&base[..], &["replicas"]].concat()),
        reassignment: links.to(&[&base[..], &["reassignment"]].concat()),
    };
    links.resource("KafkaPartition", &base, &[("topic", name), ("partition", &number)], data)
}

/// The replicas of a partition, with the brokers on which they are.
pub(super) fn replicas_of(
    links: &Links,
    topic: &Topic,
    index: PartitionIndex,
) -> Vec<(BrokerId, Resource<ReplicaData>)> {
    let state = topic.record(index).map(|record| &record.state);
    let assigned = usize::try_from(index.0).ok().and_then(|index| topic.assignment.get(index));
    let brokers = state.map(|state| &state.replicas).or(assigned).cloned().unwrap_or_default();
    let replica = |broker: BrokerId| {
        let (name, number, id) = (topic.name.as_str(), index.to_string(), broker.to_string());
        let data = ReplicaData {
            cluster_id: links.cluster.clone(),
            topic_name: name.to_owned(),
            partition_id: index.0,
            broker_id: broker.0,
            is_leader: state.is_some_and(|state| state.leader.is_some_and(|leader| leader.broker == broker)),
            is_in_sync: state.is_some_and(|state| state.isr_member(broker).is_some()),
            broker: links.to(&["brokers", &id]),
        };
        let path = ["topics", name, "partitions", &number, "replicas", &id];
        let names = [("topic", name), ("partition", number.as_str()), ("replica", &id)];
        (broker, links.resource("KafkaReplica", &path, &names, data))
    };
    brokers.into_iter().map(replica).collect()
}

/// Lists the partitions of a topic.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/partitions", tag = "rest v3",
    operation_id = "v3_list_partitions", params(super::openapi::Topic),
    responses((status = 200, description = "The partitions", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let all = (0..topic.partition_count()).map(|index| partition(&at.links, &topic, PartitionIndex(index)));
    let path = ["topics", topic.name.as_str(), "partitions"];
    Ok(found(&at.links.list("KafkaPartitionList", &path, all.collect())))
}

/// Describes a partition.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}", tag = "rest v3",
    operation_id = "v3_get_partition", params(super::openapi::Partition),
    responses((status = 200, description = "The partition", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let tp = at.partition(&topic)?;
    Ok(found(&partition(&at.links, &topic, tp.partition)))
}

/// Tells the first offset that is kept and the next to be written.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/offset", tag = "rest v3",
    operation_id = "v3_get_partition_offset",
    params(super::openapi::Partition, super::openapi::OffsetType),
    responses((status = 200, description = "The offsets", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn offset(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let query = request.uri().query().unwrap_or_default().split('&');
    let asked = query.filter_map(|pair| pair.strip_prefix("offset_type=")).next_back();
    let asked = asked.unwrap_or(OFFSET_TYPES[0]);
    if !OFFSET_TYPES.contains(&asked) {
        let message = format!("offset_type '{}' is none of {}", shown(asked), OFFSET_TYPES.join(", "));
        return Err(Refusal::malformed(message));
    }
    let topic = at.topic(&door.service.image())?;
    let tp = at.partition(&topic)?;
    let earliest = door.service.offset(&tp, OffsetQuery::Earliest, None, true).await?;
    let latest = door.service.offset(&tp, OffsetQuery::Latest, None, true).await?;
    let (name, number) = (topic.name.as_str(), tp.partition.to_string());
    let data = OffsetData {
        cluster_id: at.links.cluster.clone(),
        topic_name: name.to_owned(),
        partition_id: tp.partition.0,
        earliest_offset: earliest.offset.0,
        latest_offset: latest.offset.0,
    };
    let names = [("topic", name), ("partition", number.as_str()), ("offset_type", asked)];
    let path = ["topics", name, "partitions", &number, "offset"];
    Ok(found(&at.links.resource("KafkaPartitionWithOffsets", &path, &names, data)))
}

/// Lists the replicas of a partition.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/replicas", tag = "rest v3",
    operation_id = "v3_list_replicas", params(super::openapi::Partition),
    responses((status = 200, description = "The replicas", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn replicas(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let tp = at.partition(&topic)?;
    let all = replicas_of(&at.links, &topic, tp.partition).into_iter().map(|(_, replica)| replica).collect();
    let number = tp.partition.to_string();
    let path = ["topics", topic.name.as_str(), "partitions", &number, "replicas"];
    Ok(found(&at.links.list("KafkaReplicaList", &path, all)))
}

/// Describes a replica.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/replicas/{broker_id}",
    tag = "rest v3", operation_id = "v3_get_replica", params(super::openapi::Replica),
    responses((status = 200, description = "The replica", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn replica(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let tp = at.partition(&topic)?;
    let asked = at.text("broker_id");
    let mut all = replicas_of(&at.links, &topic, tp.partition).into_iter();
    match all.find(|(broker, _)| broker.to_string() == asked) {
        Some((_, replica)) => Ok(found(&replica)),
        None => Err(Refusal::missing(format!("{tp} has no replica on broker '{}'", shown(asked)))),
    }
}
