//! Members: they join, say that they live, and leave.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{GroupPath, MemberPath};
use super::{TopicPartitions, told};
use crate::http::admin::{body_of, json_answer};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::service::{JoinGroup, OffsetReset};
use crate::types::TopicName;

/// A member as it wants to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MemberWish {
    /// What it reads.
    #[serde(default)]
    topics: Vec<String>,
    /// How long it may be silent before its partitions go to others.
    session_timeout_ms: Option<u32>,
    /// A name of its own, which only one member may have at a time: until that one has left, or its session has ended,
    /// nobody else joins with it.
    instance_id: Option<String>,
    /// Where it begins in a partition without a committed offset: earliest, latest (the default), or none to be told.
    auto_offset_reset: Option<String>,
}

/// A member that has joined.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MemberAnswer {
    /// Its name, for all further requests.
    member_id: String,
    /// The group's count of changes when it was given its assignment.
    member_epoch: i32,
    /// How often to poll, or to heartbeat.
    heartbeat_interval_ms: u32,
    /// What it reads for now.
    assignment: Vec<TopicPartitions>,
}

/// What a heartbeat says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BeatWish {
    /// The epoch that it knows; found out if left out.
    member_epoch: Option<i32>,
}

/// Where a member stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BeatAnswer {
    /// The group's count of changes when it was given its assignment.
    member_epoch: i32,
    /// How often to poll, or to heartbeat.
    heartbeat_interval_ms: u32,
    /// What it reads; null if nothing new is to be told.
    assignment: Option<Vec<TopicPartitions>>,
}

/// Joins a group.
#[utoipa::path(
    post, path = "/v1/groups/{group}/members", tag = "groups", operation_id = "join_group",
    params(crate::http::openapi::GroupParam), request_body = MemberWish,
    responses((status = 201, description = "It is a member", body = MemberAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn join(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    let wish: MemberWish = body_of(&door, request).await?;
    let topics = wish.topics.iter().map(|topic| TopicName::new(topic)).collect::<Result<BTreeSet<_>, _>>();
    let topics = topics.map_err(|error| Problem::bad_request(error.to_string()))?;
    if topics.is_empty() {
        return Err(Problem::bad_request("\"topics\" is empty: name at least one"));
    }
    let reset = wish.auto_offset_reset.as_deref().map(OffsetReset::from_name);
    let Some(offset_reset) = reset.unwrap_or(Some(OffsetReset::default())) else {
        return Err(Problem::bad_request("auto_offset_reset must be earliest, latest or none"));
    };
    let join = JoinGroup {
        group,
        topics,
        session_timeout_ms: wish.session_timeout_ms,
        instance: wish.instance_id.map(Into::into),
        offset_reset,
    };
    let joined = door.service.join_group(join).await?;
    let answer = MemberAnswer {
        member_id: joined.member.as_str().to_owned(),
        member_epoch: joined.beat.epoch,
        heartbeat_interval_ms: joined.beat.heartbeat_interval_ms,
        assignment: told(joined.beat.assignment.unwrap_or_default()),
    };
    Ok(json_answer(&door, StatusCode::CREATED, &answer))
}

/// Says that a member lives, between two polls that lie far apart. It gives nothing up.
#[utoipa::path(
    post, path = "/v1/groups/{group}/members/{member}/heartbeat", tag = "groups",
    operation_id = "heartbeat_group",
    params(crate::http::openapi::MemberParams), request_body = Option<BeatWish>,
    responses((status = 200, description = "It is a member", body = BeatAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn heartbeat(
    State(door): State<Arc<Door>>,
    MemberPath(group, member): MemberPath,
    request: Request,
) -> Result<Response, Problem> {
    let wish: BeatWish = body_of(&door, request).await?;
    let beat = door.service.heartbeat_group(&group, &member, wish.member_epoch).await?;
    let answer = BeatAnswer {
        member_epoch: beat.epoch,
        heartbeat_interval_ms: beat.heartbeat_interval_ms,
        assignment: beat.assignment.map(told),
    };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}

/// Leaves a group; its partitions go to the others at once.
#[utoipa::path(
    delete, path = "/v1/groups/{group}/members/{member}", tag = "groups", operation_id = "leave_group",
    params(crate::http::openapi::MemberParams),
    responses((status = 204, description = "It is no member"), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn leave(
    State(door): State<Arc<Door>>,
    MemberPath(group, member): MemberPath,
) -> Result<Response, Problem> {
    door.service.leave_group(&group, &member).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
