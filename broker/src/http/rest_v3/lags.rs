//! How far groups are behind: per partition, and in sum. A partition without a committed offset has no lag, and is left
//! out, as is one whose leader does not answer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::at::At;
use super::members::{Group, Place};
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, found};
use crate::http::door::Door;
use crate::http::query::shown;

/// What is known of one partition.
struct Lag {
    place: Place,
    consumer: String,
    instance: Option<String>,
    client: String,
    current: i64,
    end: i64,
    lag: i64,
}

#[derive(Debug, Serialize)]
struct LagData {
    cluster_id: String,
    consumer_group_id: String,
    topic_name: String,
    partition_id: i32,
    consumer_id: String,
    instance_id: Option<String>,
    client_id: String,
    current_offset: i64,
    log_end_offset: i64,
    lag: i64,
}

#[derive(Debug, Serialize)]
struct SummaryData {
    cluster_id: String,
    consumer_group_id: String,
    max_lag_consumer_id: String,
    max_lag_instance_id: Option<String>,
    max_lag_client_id: String,
    max_lag_topic_name: String,
    max_lag_partition_id: i32,
    max_lag: i64,
    total_lag: i64,
    max_lag_consumer: Option<Related>,
    max_lag_partition: Related,
}

async fn lags_of(door: &Door, at: &At) -> Result<Vec<Lag>, Refusal> {
    let view = Group::of(door, at).await?;
    let owners = view.owners();
    let known = door.service.group_lag(&at.group()).await?.partitions;
    let lag = |one: crate::service::LagOfPartition| {
        let place = (one.topic, one.partition.0);
        let owner = owners.get(&place);
        Some(Lag {
            consumer: owner.map(|(id, _)| (*id).to_owned()).unwrap_or_default(),
            instance: owner.and_then(|(_, member)| member.instance.clone()),
            client: owner.map(|(_, member)| member.client_id.clone()).unwrap_or_default(),
            current: one.committed?.0,
            end: one.end?.0,
            lag: one.lag?,
            place,
        })
    };
    Ok(known.into_iter().filter_map(lag).collect())
}

fn resource(links: &Links, group: &str, lag: Lag) -> Resource<LagData> {
    let (topic, number) = (lag.place.0.clone(), lag.place.1.to_string());
    let data = LagData {
        cluster_id: links.cluster.clone(),
        consumer_group_id: group.to_owned(),
        topic_name: topic.as_str().to_owned(),
        partition_id: lag.place.1,
        consumer_id: lag.consumer,
        instance_id: lag.instance,
        client_id: lag.client,
        current_offset: lag.current,
        log_end_offset: lag.end,
        lag: lag.lag,
    };
    let path = ["consumer-groups", group, "lags", topic.as_str(), "partitions", &number];
    let names = [("consumer-group", group), ("lag", topic.as_str()), ("partition", number.as_str())];
    links.resource("KafkaConsumerLag", &path, &names, data)
}

/// Tells how far a group is behind in each partition.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags", tag = "rest v3",
    operation_id = "v3_list_lags", params(super::openapi::Group),
    responses((status = 200, description = "The lags", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let group = at.text("consumer_group_id");
    let all = lags_of(&door, &at).await?.into_iter().map(|lag| resource(&at.links, group, lag)).collect();
    Ok(found(&at.links.list("KafkaConsumerLagList", &["consumer-groups", group, "lags"], all)))
}

/// Tells how far a group is behind in one partition.
#[utoipa::path(
    get,
    path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags/{topic_name}/partitions/{partition_id}",
    tag = "rest v3", operation_id = "v3_get_lag", params(super::openapi::GroupPartition),
    responses((status = 200, description = "The lag", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let group = at.text("consumer_group_id");
    let (topic, number) = (at.text("topic_name"), at.text("partition_id"));
    let mut all = lags_of(&door, &at).await?.into_iter();
    let is_asked = |lag: &Lag| lag.place.0.as_str() == topic && lag.place.1.to_string() == number;
    match all.find(is_asked) {
        Some(lag) => Ok(found(&resource(&at.links, group, lag))),
        None => {
            let (group, topic, number) = (shown(group), shown(topic), shown(number));
            let message = format!("group '{group}' has no lag in partition {number} of topic '{topic}'");
            Err(Refusal::missing(message))
        }
    }
}

/// Tells how far a group is behind in sum, and where most.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lag-summary", tag = "rest v3",
    operation_id = "v3_get_lag_summary", params(super::openapi::Group),
    responses((status = 200, description = "The sum", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn summary(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let group = at.text("consumer_group_id");
    let all = lags_of(&door, &at).await?;
    let total_lag = all.iter().map(|lag| lag.lag).sum();
    // Of several that are equally far behind, the first.
    let Some(most) = all.into_iter().reduce(|most, lag| if lag.lag > most.lag { lag } else { most }) else {
        let message = format!("group '{}' has committed no offsets, so it has no lag", shown(group));
        return Err(Refusal::missing(message));
    };
    let (topic, number) = (most.place.0.as_str(), most.place.1.to_string());
    let consumer = Some(most.consumer.as_str()).filter(|id| !id.is_empty());
    let data = SummaryData {
        cluster_id: at.links.cluster.clone(),
        consumer_group_id: group.to_owned(),
        max_lag_consumer: consumer.map(|id| at.links.to(&["consumer-groups", group, "consumers", id])),
        max_lag_partition: at.links.to(&["topics", topic, "partitions", &number]),
        max_lag_topic_name: topic.to_owned(),
        max_lag_partition_id: most.place.1,
        max_lag: most.lag,
        total_lag,
        max_lag_consumer_id: most.consumer,
        max_lag_instance_id: most.instance,
        max_lag_client_id: most.client,
    };
    let names = [("consumer-group", group), ("lag-summary", "")];
    let path = ["consumer-groups", group, "lag-summary"];
    Ok(found(&at.links.resource("KafkaConsumerGroupLagSummary", &path, &names, data)))
}
