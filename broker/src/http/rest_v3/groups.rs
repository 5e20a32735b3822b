//! `/v3/clusters/{c}/consumer-groups`: groups, their consumers, and what each consumer has.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use futures_util::StreamExt as _;
use serde::Serialize;

use super::at::At;
use super::members::{Group, Member, Place};
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, found};
use crate::groups::GroupError;
use crate::http::door::Door;
use crate::http::query::shown;
use crate::service::GroupCallError;

/// How many groups are asked for at once when all are listed.
const AT_ONCE: usize = 32;

#[derive(Debug, Serialize)]
struct GroupData {
    cluster_id: String,
    consumer_group_id: String,
    is_simple: bool,
    partition_assignor: String,
    state: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    is_mixed_consumer_group: bool,
    coordinator: Option<Related>,
    consumers: Related,
    lag_summary: Related,
}

#[derive(Debug, Serialize)]
struct ConsumerData {
    cluster_id: String,
    consumer_group_id: String,
    consumer_id: String,
    instance_id: Option<String>,
    client_id: String,
    assignments: Related,
}

#[derive(Debug, Serialize)]
struct AssignmentData {
    cluster_id: String,
    consumer_group_id: String,
    consumer_id: String,
    topic_name: String,
    partition_id: i32,
    partition: Related,
    lag: Related,
}

async fn group(door: &Door, links: &Links, group: &Group) -> Resource<GroupData> {
    let name = group.name();
    let coordinator = door.service.find_coordinator(&group.listing.group).await.ok();
    let base = ["consumer-groups", name];
    let data = GroupData {
        cluster_id: links.cluster.clone(),
        consumer_group_id: name.to_owned(),
        is_simple: group.listing.protocol_type.is_empty(),
        partition_assignor: group.assignor.clone(),
        state: state(group.listing.state),
        kind: if group.listing.kind == "consumer" { "CONSUMER" } else { "CLASSIC" },
        is_mixed_consumer_group: false,
        coordinator: coordinator.map(|(broker, _)| links.to(&["brokers", &broker.to_string()])),
        consumers: links.to(&[&base[..], &["consumers"]].concat()),
        lag_summary: links.to(&[&base[..], &["lag-summary"]].concat()),
    };
    links.resource("KafkaConsumerGroup", &base, &[("consumer-group", name)], data)
}

/// v3's name of Kafka's name of a state.
fn state(name: &str) -> &'static str {
    match name {
        "PreparingRebalance" => "PREPARING_REBALANCE",
        "CompletingRebalance" => "COMPLETING_REBALANCE",
        "Assigning" => "ASSIGNING",
        "Reconciling" => "RECONCILING",
        "Stable" => "STABLE",
        "Dead" => "DEAD",
        "Empty" => "EMPTY",
        _ => "UNKNOWN",
    }
}

fn consumer(links: &Links, group: &Group, id: &str, member: &Member) -> Resource<ConsumerData> {
    let base = ["consumer-groups", group.name(), "consumers", id];
    let data = ConsumerData {
        cluster_id: links.cluster.clone(),
        consumer_group_id: group.name().to_owned(),
        consumer_id: id.to_owned(),
        instance_id: member.instance.clone(),
        client_id: member.client_id.clone(),
        assignments: links.to(&[&base[..], &["assignments"]].concat()),
    };
    links.resource("KafkaConsumer", &base, &[("consumer-group", group.name()), ("consumer", id)], data)
}

fn assignment(links: &Links, group: &Group, id: &str, place: &Place) -> Resource<AssignmentData> {
    let (name, topic, number) = (group.name(), place.0.as_str(), place.1.to_string());
    let data = AssignmentData {
        cluster_id: links.cluster.clone(),
        consumer_group_id: name.to_owned(),
        consumer_id: id.to_owned(),
        topic_name: topic.to_owned(),
        partition_id: place.1,
        partition: links.to(&["topics", topic, "partitions", &number]),
        lag: links.to(&["consumer-groups", name, "lags", topic, "partitions", &number]),
    };
    let path = ["consumer-groups", name, "consumers", id, "assignments", topic, "partitions", &number];
    let names =
        [("consumer-group", name), ("consumer", id), ("assignment", topic), ("partition", number.as_str())];
    links.resource("KafkaConsumerAssignment", &path, &names, data)
}

/// Lists the consumer groups.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups", tag = "rest v3", operation_id = "v3_list_consumer_groups",
    params(super::openapi::Cluster),
    responses((status = 200, description = "The groups", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let (door, links) = (&*door, &at.links);
    let listed = door.service.list_groups().await?;
    let asked = futures_util::stream::iter(listed).map(async |listing| {
        match door.service.describe_group(&listing.group).await {
            Ok(view) => Ok(Some(group(door, links, &Group::new(door, *view)).await)),
            // It went since.
            Err(GroupCallError::Refused(GroupError::GroupIdNotFound)) => Ok(None),
            Err(error) => Err(Refusal::from(error)),
        }
    });
    let told: Vec<Result<Option<_>, Refusal>> = asked.buffered(AT_ONCE).collect().await;
    let all = told.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok(found(&links.list("KafkaConsumerGroupList", &["consumer-groups"], all)))
}

/// Describes a consumer group.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}", tag = "rest v3",
    operation_id = "v3_get_consumer_group", params(super::openapi::Group),
    responses((status = 200, description = "The group", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let view = Group::of(&door, &at).await?;
    Ok(found(&group(&door, &at.links, &view).await))
}

/// Lists the consumers of a group.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers", tag = "rest v3",
    operation_id = "v3_list_consumers", params(super::openapi::Group),
    responses((status = 200, description = "The consumers", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn consumers(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let view = Group::of(&door, &at).await?;
    let all = view.members.iter().map(|(id, member)| consumer(&at.links, &view, id, member)).collect();
    let path = ["consumer-groups", view.name(), "consumers"];
    Ok(found(&at.links.list("KafkaConsumerList", &path, all)))
}

/// Describes a consumer.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}",
    tag = "rest v3", operation_id = "v3_get_consumer", params(super::openapi::Consumer),
    responses((status = 200, description = "The consumer", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get_consumer(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let view = Group::of(&door, &at).await?;
    let (id, member) = view.member(&at)?;
    Ok(found(&consumer(&at.links, &view, id, member)))
}

/// Lists the partitions that a consumer has.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments",
    tag = "rest v3", operation_id = "v3_list_assignments", params(super::openapi::Consumer),
    responses((status = 200, description = "The assignments", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn assignments(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let view = Group::of(&door, &at).await?;
    let (id, member) = view.member(&at)?;
    let all = member.has.iter().map(|place| assignment(&at.links, &view, id, place)).collect();
    let path = ["consumer-groups", view.name(), "consumers", id, "assignments"];
    Ok(found(&at.links.list("KafkaConsumerAssignmentList", &path, all)))
}

/// Describes a partition that a consumer has.
#[utoipa::path(
    get,
    path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments/{topic_name}/partitions/{partition_id}",
    tag = "rest v3", operation_id = "v3_get_assignment", params(super::openapi::Assignment),
    responses((status = 200, description = "The assignment", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get_assignment(
    State(door): State<Arc<Door>>,
    at: At,
) -> Result<Response, Refusal> {
    let view = Group::of(&door, &at).await?;
    let (id, member) = view.member(&at)?;
    let (topic, number) = (at.text("topic_name"), at.text("partition_id"));
    let has = |place: &&Place| place.0.as_str() == topic && place.1.to_string() == number;
    let none = || {
        let (id, topic, number) = (shown(id), shown(topic), shown(number));
        Refusal::missing(format!("consumer '{id}' does not have partition {number} of topic '{topic}'"))
    };
    let place = member.has.iter().find(has).ok_or_else(none)?;
    Ok(found(&assignment(&at.links, &view, id, place)))
}
