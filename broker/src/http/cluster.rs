//! The cluster: `/v1/cluster`, `/v1/brokers`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::admin::{json_answer, refuse_unless_json};
use super::door::Door;
use super::errors::Problem;
use crate::service::BrokerView;

/// A broker.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BrokerAnswer {
    /// Its number.
    id: i32,
    /// Which of its lives: the mod revision of its registration in etcd.
    epoch: i64,
    /// starting, active, draining, or down.
    state: &'static str,
    /// Where its HTTP port is.
    url: String,
    /// Where its Kafka port is.
    kafka: String,
    /// Its rack.
    rack: Option<String>,
    /// Whether it is to be emptied: POST /v1/brokers/{broker}/drain.
    drain_requested: bool,
    /// Whether its disk is full.
    disk_full: bool,
    /// The version of its program.
    version: String,
}

impl From<BrokerView> for BrokerAnswer {
    fn from(view: BrokerView) -> Self {
        Self {
            id: view.id.0,
            epoch: view.epoch.0,
            state: view.state,
            url: format!("http://{}", view.http),
            kafka: view.kafka,
            rack: view.rack,
            drain_requested: view.drain_requested,
            disk_full: view.disk_full,
            version: view.release,
        }
    }
}

/// All brokers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BrokersAnswer {
    /// By number.
    brokers: Vec<BrokerAnswer>,
}

/// The cluster as the answering broker knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClusterAnswer {
    /// Its id.
    id: Option<String>,
    /// The broker that is the controller.
    controller: Option<i32>,
    /// Every broker that is registered.
    brokers: Vec<BrokerAnswer>,
    /// How many topics there are.
    topics: usize,
    /// How many partitions.
    partitions: usize,
    /// The revision of the coordination store up to which the answering broker knows the cluster.
    revision: i64,
    /// The broker that answers.
    answered_by: i32,
}

/// Describes the cluster.
#[utoipa::path(
    get, path = "/v1/cluster", tag = "cluster", operation_id = "get_cluster",
    responses((status = 200, description = "The cluster", body = ClusterAnswer), super::openapi::Refusals),
)]
pub(super) async fn cluster(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let view = door.service.cluster();
    let answer = ClusterAnswer {
        id: view.id,
        controller: view.controller.map(|controller| controller.0),
        brokers: view.brokers.into_iter().map(BrokerAnswer::from).collect(),
        topics: view.topics,
        partitions: view.partitions,
        revision: view.revision,
        answered_by: door.service.me().broker.0,
    };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}

/// Lists the brokers.
#[utoipa::path(
    get, path = "/v1/brokers", tag = "cluster", operation_id = "list_brokers",
    responses((status = 200, description = "The brokers", body = BrokersAnswer), super::openapi::Refusals),
)]
pub(super) async fn brokers(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let brokers = door.service.cluster().brokers.into_iter().map(BrokerAnswer::from).collect();
    Ok(json_answer(&door, StatusCode::OK, &BrokersAnswer { brokers }))
}
