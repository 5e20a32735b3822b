//! The stream of a whole topic: `GET /v1/topics/{topic}/records`.
//!
//! A partition that is added later joins from its start; a topic that is deleted ends its streams.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use utoipa::IntoParams;

use super::merged::{refusal, stream};
use super::query::StreamQuery;
use super::vector::Naming;
use crate::http::door::{Door, TopicPath};
use crate::http::errors::Problem;
use crate::http::names::SERVED_BY;
use crate::service::FollowTopic;

/// Where to begin, how much, told how.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(in crate::http) struct TopicStreamParams {
    /// earliest (the default), latest, or the next offset of each partition like 0:17,1:22, as an event's id says it.
    offset: Option<String>,
    /// Milliseconds since 1970, or like 2026-01-31T12:00:00Z.
    timestamp: Option<String>,
    /// So many records before the end of each partition.
    tail: Option<u64>,
    /// About so many bytes at once.
    max_bytes: Option<u64>,
    /// End after so many records.
    max_records: Option<u64>,
    /// text (the default), json or base64.
    r#as: Option<String>,
    /// Must be true with application/x-ndjson: a whole topic can only be followed.
    follow: Option<bool>,
}

/// Follows all partitions of a topic.
#[utoipa::path(
    get,
    path = "/v1/topics/{topic}/records",
    tag = "read",
    operation_id = "follow_topic",
    params(crate::http::openapi::TopicParam, TopicStreamParams),
    responses(crate::http::openapi::ReadResponses)
)]
pub(in crate::http) async fn follow(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Problem> {
    let default_bytes = door.service.options().fetch_bytes_default;
    let (query, (from, starts)) =
        StreamQuery::of_topic(request.uri().query(), request.headers(), default_bytes)?;
    let follow = FollowTopic { topic, starts, from };
    let follower = door.service.follow_topic(follow, door.options.stream_partitions_max).await;
    let follower = follower.map_err(|error| refusal(error).header(SERVED_BY, door.served_by.clone()))?;
    Ok(stream(&door, query, follower, Naming::Partition))
}
