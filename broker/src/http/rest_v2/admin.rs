//! `POST /admin/topics`, which Strimzi's bridge has and Confluent's v2 has not.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Typed, command};
use super::fault::Fault;
use super::metadata::RootAnswer;
use super::openapi::RestRefusals;
use super::told::Told;
use crate::cluster::{CreatedTopic, TopicSpec};
use crate::http::door::Door;
use crate::types::TopicName;

/// A topic to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewTopicWish {
    /// Its name.
    topic_name: String,
    /// How many partitions.
    #[schema(minimum = 1)]
    partitions_count: Option<i32>,
    /// How many replicas of each.
    #[schema(minimum = 1)]
    replication_factor: Option<i32>,
}

/// Creates a topic.
#[utoipa::path(
    post, path = "/admin/topics", tag = "rest-proxy", operation_id = "rest_create_topic",
    request_body(content = NewTopicWish, content_type = "application/vnd.kafka.v2+json"),
    responses(
        (status = 201, description = "It is created", body = RootAnswer, content_type = "application/vnd.kafka.v2+json"),
        (status = 409, description = "It is there already", body = super::openapi::RestProblemAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestRefusals,
    ),
)]
pub(in crate::http) async fn create_topic(
    State(door): State<Arc<Door>>,
    told: Told,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let wish: Option<NewTopicWish> = command(&door, &parts.headers, body, Typed::Needed).await?;
    let wish = wish.ok_or_else(|| Fault::unprocessable("the body is empty: send {\"topic_name\":…}"))?;
    let name = TopicName::new(&wish.topic_name).map_err(|error| Fault::bad_parameter(error.to_string()))?;
    let spec = TopicSpec {
        name: name.clone(),
        partitions: wish.partitions_count,
        replication_factor: wish.replication_factor,
        assignment: None,
        config: BTreeMap::new(),
    };
    match door.service.create_topic(spec).await? {
        CreatedTopic::New(_) => Ok(told.with(&door, StatusCode::CREATED, &RootAnswer {})),
        CreatedTopic::Same(_) => {
            Err(Fault::new(StatusCode::CONFLICT, format!("Topic '{name}' already exists.")))
        }
    }
}
