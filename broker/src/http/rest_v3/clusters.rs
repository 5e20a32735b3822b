//! `/v3/clusters`: the one cluster there is.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::at::{Anywhere, At};
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, found, list_at};
use crate::cluster::Image;
use crate::http::door::Door;

/// The cluster.
#[derive(Debug, Serialize)]
struct ClusterData {
    cluster_id: String,
    controller: Option<Related>,
    acls: Related,
    brokers: Related,
    broker_configs: Related,
    consumer_groups: Related,
    topics: Related,
    partition_reassignments: Related,
}

fn cluster(links: &Links, image: &Image) -> Resource<ClusterData> {
    let controller = image.controller.map(|seat| seat.broker.to_string());
    let data = ClusterData {
        cluster_id: links.cluster.clone(),
        controller: controller.map(|id| links.to(&["brokers", &id])),
        acls: links.to(&["acls"]),
        brokers: links.to(&["brokers"]),
        broker_configs: links.to(&["broker-configs"]),
        consumer_groups: links.to(&["consumer-groups"]),
        topics: links.to(&["topics"]),
        partition_reassignments: links.to(&["topics", "-", "partitions", "-", "reassignment"]),
    };
    links.resource("KafkaCluster", &[], &[], data)
}

/// Lists the clusters that are served here: this one.
#[utoipa::path(
    get, path = "/v3/clusters", tag = "rest v3", operation_id = "v3_list_clusters",
    responses((status = 200, description = "The cluster", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, Anywhere(links): Anywhere) -> Response {
    let data = vec![cluster(&links, &door.service.image())];
    found(&list_at("KafkaClusterList", links.clusters(), data))
}

/// Describes the cluster.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}", tag = "rest v3", operation_id = "v3_get_cluster",
    params(super::openapi::Cluster),
    responses((status = 200, description = "The cluster", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    Ok(found(&cluster(&at.links, &door.service.image())))
}
