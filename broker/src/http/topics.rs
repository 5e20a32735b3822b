//! Topics: `/v1/topics`, `/v1/topics/{topic}`, `/v1/topics/{topic}/partitions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::admin::{body_of, json_answer, refuse_unless_json};
use super::door::{Door, TopicPath};
use super::errors::Problem;
use crate::cluster::{CreatedTopic, TopicPatch, TopicSpec};
use crate::service::{PartitionView, TopicView};

/// A topic as asked for; everything may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicWish {
    /// How many partitions.
    #[schema(minimum = 1)]
    partitions: Option<i32>,
    /// How many replicas of each; 3, or as many as there are brokers, if left out.
    #[schema(minimum = 1)]
    replication_factor: Option<i32>,
    /// Settings by Kafka's names, and `flush`.
    #[serde(default)]
    config: BTreeMap<String, Setting>,
}

/// A change of a topic.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicChange {
    /// How many partitions it shall have; never fewer than it has.
    #[schema(minimum = 1)]
    partitions: Option<i32>,
    /// Settings to set; `null` takes one back to its default.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    config: BTreeMap<String, Option<Setting>>,
}

/// The value of a setting: a text, a number, or true or false.
#[derive(Debug, ToSchema)]
#[schema(value_type = String)]
pub(super) struct Setting(String);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            serde_json::Value::Bool(flag) => Ok(Self(flag.to_string())),
            _ => Err(serde::de::Error::custom("a setting must be a text, a number, true or false")),
        }
    }
}

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopicAnswer {
    /// Its name.
    name: String,
    /// Its id, new each time a topic of this name is created.
    id: String,
    /// How many partitions it has.
    partitions: usize,
    /// How many replicas each has.
    replication_factor: usize,
    /// Whether it belongs to the system: clients neither write it nor delete it.
    internal: bool,
    /// Settings that differ from the defaults.
    config: BTreeMap<String, String>,
}

impl From<TopicView> for TopicAnswer {
    fn from(view: TopicView) -> Self {
        Self {
            internal: view.name.is_internal(),
            name: view.name.as_str().to_owned(),
            id: view.id.to_string(),
            partitions: view.partitions,
            replication_factor: view.replication_factor,
            config: view.config,
        }
    }
}

/// All topics.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopicsAnswer {
    /// By name.
    topics: Vec<TopicAnswer>,
}

/// A partition; offsets are null where its leader did not answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PartitionAnswer {
    /// Its number.
    partition: i32,
    /// The broker that leads, if one does.
    leader: Option<i32>,
    /// Where that broker's HTTP port is.
    leader_url: Option<String>,
    /// The number of its reign.
    leader_epoch: i32,
    /// The version of the partition's record in etcd.
    partition_epoch: i64,
    /// Where copies belong, preferred leader first.
    replicas: Vec<i32>,
    /// Which of them a reassignment is adding.
    adding: Vec<i32>,
    /// Which of them it will remove.
    removing: Vec<i32>,
    /// Which of them are in sync.
    isr: Vec<i32>,
    /// Which others still hold all that is committed.
    elr: Vec<i32>,
    /// The first offset kept.
    log_start: Option<i64>,
    /// One past the last committed record.
    high_watermark: Option<i64>,
    /// One past the last record of the leader.
    log_end: Option<i64>,
}

impl From<PartitionView> for PartitionAnswer {
    fn from(view: PartitionView) -> Self {
        let ids = |ids: Vec<crate::types::BrokerId>| ids.into_iter().map(|id| id.0).collect();
        Self {
            partition: view.partition.0,
            leader: view.leader.map(|leader| leader.0),
            leader_url: view.leader_http.map(|http| format!("http://{http}")),
            leader_epoch: view.leader_epoch.0,
            partition_epoch: view.partition_epoch.0,
            replicas: ids(view.replicas),
            adding: ids(view.adding),
            removing: ids(view.removing),
            isr: ids(view.isr),
            elr: ids(view.elr),
            log_start: view.log_start.map(|offset| offset.0),
            high_watermark: view.high_watermark.map(|offset| offset.0),
            log_end: view.log_end.map(|offset| offset.0),
        }
    }
}

/// The partitions of a topic.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PartitionsAnswer {
    /// The topic.
    topic: String,
    /// By number.
    partitions: Vec<PartitionAnswer>,
}

/// Lists all topics.
#[utoipa::path(
    get, path = "/v1/topics", tag = "topics", operation_id = "list_topics",
    responses((status = 200, description = "All topics", body = TopicsAnswer), super::openapi::Refusals),
)]
pub(super) async fn list(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let topics = door.service.topics().into_iter().map(TopicAnswer::from).collect();
    Ok(json_answer(&door, StatusCode::OK, &TopicsAnswer { topics }))
}

/// Describes a topic.
#[utoipa::path(
    get, path = "/v1/topics/{topic}", tag = "topics", operation_id = "get_topic",
    params(super::openapi::TopicParam),
    responses((status = 200, description = "The topic", body = TopicAnswer), super::openapi::Refusals),
)]
pub(super) async fn get(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let topic = door.service.describe_topic(&topic)?;
    Ok(json_answer(&door, StatusCode::OK, &TopicAnswer::from(topic)))
}

/// Creates a topic, or does nothing if it is there just so.
#[utoipa::path(
    put, path = "/v1/topics/{topic}", tag = "topics", operation_id = "put_topic",
    params(super::openapi::TopicParam), request_body = Option<TopicWish>,
    responses(
        (status = 201, description = "It is new", body = TopicAnswer),
        (status = 200, description = "It was there, just so", body = TopicAnswer),
        (status = 409, description = "It was there, and differs", body = super::openapi::ProblemAnswer),
        super::openapi::Refusals,
    ),
)]
pub(super) async fn put(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Problem> {
    let wish: TopicWish = body_of(&door, request).await?;
    let spec = TopicSpec {
        name: topic,
        partitions: wish.partitions,
        replication_factor: wish.replication_factor,
        assignment: None,
        config: wish.config.into_iter().map(|(name, Setting(value))| (name, value)).collect(),
    };
    let (status, topic) = match door.service.create_topic(spec).await? {
        CreatedTopic::New(topic) => (StatusCode::CREATED, topic),
        CreatedTopic::Same(topic) => (StatusCode::OK, topic),
    };
    Ok(json_answer(&door, status, &TopicAnswer::from(TopicView::of(&topic))))
}

/// Changes a topic's settings, or gives it more partitions.
#[utoipa::path(
    patch, path = "/v1/topics/{topic}", tag = "topics", operation_id = "patch_topic",
    params(super::openapi::TopicParam), request_body = TopicChange,
    responses((status = 200, description = "The topic as it is now", body = TopicAnswer), super::openapi::Refusals),
)]
pub(super) async fn patch(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Problem> {
    let change: TopicChange = body_of(&door, request).await?;
    let value = |setting: Option<Setting>| setting.map(|Setting(value)| value);
    let config = change.config.into_iter().map(|(name, setting)| (name, value(setting))).collect();
    let topic =
        door.service.alter_topic(&topic, TopicPatch { config, partitions: change.partitions }).await?;
    Ok(json_answer(&door, StatusCode::OK, &TopicAnswer::from(TopicView::of(&topic))))
}

/// Deletes a topic with all its records.
#[utoipa::path(
    delete, path = "/v1/topics/{topic}", tag = "topics", operation_id = "delete_topic",
    params(super::openapi::TopicParam),
    responses((status = 204, description = "It is gone"), super::openapi::Refusals),
)]
pub(super) async fn delete(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
) -> Result<Response, Problem> {
    door.service.delete_topic(&topic).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Describes the partitions of a topic: leaders, replicas, offsets.
#[utoipa::path(
    get, path = "/v1/topics/{topic}/partitions", tag = "topics", operation_id = "list_partitions",
    params(super::openapi::TopicParam),
    responses((status = 200, description = "The partitions", body = PartitionsAnswer), super::openapi::Refusals),
)]
pub(super) async fn partitions(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let partitions = door.service.describe_partitions(&topic).await?;
    let partitions = partitions.into_iter().map(PartitionAnswer::from).collect();
    let answer = PartitionsAnswer { topic: topic.as_str().to_owned(), partitions };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}
