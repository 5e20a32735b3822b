//! The stream of a member of a group: `GET /v1/groups/{group}/members/{member}/records`.
//!
//! It heartbeats for the member, and tells what the member is assigned, also after a rebalance. It commits nothing by
//! itself: its reader commits what it has done, or comes back with `Last-Event-ID`, which commits that. With
//! `commit=delivered` what was sent is committed with the heartbeats; a reader that dies may then miss what it was sent.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use utoipa::IntoParams;

use super::merged::{refusal, stream};
use super::query::StreamQuery;
use super::vector::Naming;
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::groups::MemberPath;
use crate::http::names::SERVED_BY;
use crate::service::FollowMember;

/// Where to go on, how much, told how.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(in crate::http) struct MemberStreamParams {
    /// Where the reader stands, as an event's id says it: orders:0:17,sales:3:5. Where the group stands if left out.
    offset: Option<String>,
    /// never (the default) or delivered.
    commit: Option<String>,
    /// About so many bytes at once.
    max_bytes: Option<u64>,
    /// End after so many records.
    max_records: Option<u64>,
    /// text (the default), json or base64.
    r#as: Option<String>,
    /// Must be true with application/x-ndjson: a member can only be followed.
    follow: Option<bool>,
}

/// Follows what a member of a group is assigned.
#[utoipa::path(
    get,
    path = "/v1/groups/{group}/members/{member}/records",
    tag = "groups",
    operation_id = "follow_member",
    params(crate::http::openapi::MemberParams, MemberStreamParams),
    responses(
        (status = 200, description = "Records, as events or as lines", body = String, content_type = "text/event-stream"),
        (status = 410, description = "No offset is committed, or it cannot be read any more, and the member wants none \
            in its place", body = crate::http::openapi::ProblemAnswer),
        crate::http::openapi::GroupRefusals,
    ),
)]
pub(in crate::http) async fn follow(
    State(door): State<Arc<Door>>,
    MemberPath(group, member): MemberPath,
    request: Request,
) -> Result<Response, Problem> {
    let default_bytes = door.service.options().fetch_bytes_default;
    let (query, start) = StreamQuery::of_member(request.uri().query(), request.headers(), default_bytes)?;
    let follow =
        FollowMember { group, member, resume: start.resume, commit_delivered: start.commit_delivered };
    let follower = door.service.follow_member(follow, door.options.stream_partitions_max).await;
    let follower = follower.map_err(|error| refusal(error).header(SERVED_BY, door.served_by.clone()))?;
    Ok(stream(&door, query, follower, Naming::Topic))
}
