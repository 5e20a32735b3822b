//! `/v3/clusters/{c}/brokers`: the brokers, and the replicas that each has.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::at::At;
use super::partitions::replicas_of;
use super::refusal::Refusal;
use super::resource::{Links, Related, Resource, found};
use crate::cluster::Registration;
use crate::http::door::Door;
use crate::types::BrokerId;

/// A broker, and where Kafka's protocol is spoken with it.
#[derive(Debug, Serialize)]
struct BrokerData {
    cluster_id: String,
    broker_id: i32,
    host: String,
    port: u16,
    rack: Option<String>,
    configs: Related,
    partition_replicas: Related,
}

fn broker(links: &Links, id: BrokerId, registration: &Registration) -> Resource<BrokerData> {
    let name = id.to_string();
    let data = BrokerData {
        cluster_id: links.cluster.clone(),
        broker_id: id.0,
        host: registration.kafka.host.clone(),
        port: registration.kafka.port,
        rack: registration.rack.clone(),
        configs: links.to(&["brokers", &name, "configs"]),
        partition_replicas: links.to(&["brokers", &name, "partition-replicas"]),
    };
    links.resource("KafkaBroker", &["brokers", &name], &[("broker", &name)], data)
}

/// Lists the brokers that live.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers", tag = "rest v3", operation_id = "v3_list_brokers",
    params(super::openapi::Cluster),
    responses((status = 200, description = "The brokers", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn list(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let image = door.service.image();
    let live = image.live_brokers().filter_map(|id| Some((id, image.endpoint(id)?)));
    let data = live.map(|(id, registration)| broker(&at.links, id, registration)).collect();
    Ok(found(&at.links.list("KafkaBrokerList", &["brokers"], data)))
}

/// Describes a broker.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers/{broker_id}", tag = "rest v3", operation_id = "v3_get_broker",
    params(super::openapi::Broker),
    responses((status = 200, description = "The broker", body = super::openapi::V3Resource), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn get(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let image = door.service.image();
    let id = at.broker(&image)?;
    let registration =
        image.endpoint(id).ok_or_else(|| Refusal::missing(format!("there is no broker {id}")))?;
    Ok(found(&broker(&at.links, id, registration)))
}

/// Lists the replicas that belong on a broker.
#[utoipa::path(
    get, path = "/v3/clusters/{cluster_id}/brokers/{broker_id}/partition-replicas", tag = "rest v3",
    operation_id = "v3_list_replicas_of_broker", params(super::openapi::Broker),
    responses((status = 200, description = "The replicas", body = super::openapi::V3List), super::openapi::V3Refusals),
)]
pub(in crate::http) async fn replicas(State(door): State<Arc<Door>>, at: At) -> Result<Response, Refusal> {
    let image = door.service.image();
    let id = at.broker(&image)?;
    let mut data = Vec::new();
    for topic in image.topics.values() {
        for index in 0..topic.partition_count() {
            let replicas = replicas_of(&at.links, topic, crate::types::PartitionIndex(index));
            data.extend(replicas.into_iter().filter(|(broker, _)| *broker == id).map(|(_, replica)| replica));
        }
    }
    let name = id.to_string();
    Ok(found(&at.links.list("KafkaReplicaList", &["brokers", &name, "partition-replicas"], data)))
}
