//! Moving the offsets of a group that has no members.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::offsets::topic_of;
use super::path::GroupPath;
use crate::http::admin::{body_of, json_answer};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::instant::parse_ms;
use crate::service::{ResetOffsets, ResetTo};
use crate::types::PartitionIndex;

/// Where offsets are to go: one of `to`, `offset`, `timestamp` and `shift_by`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ResetWish {
    /// earliest or latest.
    to: Option<String>,
    /// This offset.
    offset: Option<i64>,
    /// Milliseconds since 1970, or like 2026-01-31T12:00:00Z: the first record then or later.
    #[schema(value_type = Option<String>)]
    timestamp: Option<serde_json::Value>,
    /// So many on, or back if it is negative.
    shift_by: Option<i64>,
    /// Of which topic; of all that the group has offsets of if left out.
    topic: Option<String>,
    /// Of which of its partitions; of all if left out.
    partitions: Option<Vec<i32>>,
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What was moved, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ResetAnswer {
    /// Whether nothing was done.
    dry_run: bool,
    /// By topic and partition.
    offsets: Vec<MovedAnswer>,
}

/// An offset that was moved, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MovedAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Where it was.
    from: Option<i64>,
    /// Where it goes.
    to: i64,
}

/// Moves the offsets of a group that has no members.
#[utoipa::path(
    post, path = "/v1/groups/{group}/offsets/reset", tag = "groups", operation_id = "reset_offsets",
    params(crate::http::openapi::GroupParam), request_body = ResetWish,
    responses((status = 200, description = "What was moved", body = ResetAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn reset(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    let wish: ResetWish = body_of(&door, request).await?;
    let to = destination(&wish)?;
    if wish.partitions.is_some() && wish.topic.is_none() {
        return Err(Problem::bad_request("partitions need a topic: say which"));
    }
    let reset = ResetOffsets {
        group,
        to,
        topic: wish.topic.as_deref().map(topic_of).transpose()?,
        partitions: wish.partitions.map(|all| all.into_iter().map(PartitionIndex).collect()),
        dry_run: wish.dry_run,
    };
    let moved = door.service.reset_offsets(reset).await?;
    let offsets = moved.into_iter().map(|one| MovedAnswer {
        topic: one.topic.as_str().to_owned(),
        partition: one.partition.0,
        from: one.from.map(|offset| offset.0),
        to: one.to.0,
    });
    let answer = ResetAnswer { dry_run: wish.dry_run, offsets: offsets.collect() };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}

fn destination(wish: &ResetWish) -> Result<ResetTo, Problem> {
    let mut wanted = Vec::new();
    match wish.to.as_deref() {
        None => {}
        Some("earliest") => wanted.push(ResetTo::Earliest),
        Some("latest") => wanted.push(ResetTo::Latest),
        Some(_) => return Err(Problem::bad_request("to must be earliest or latest")),
    }
    wanted.extend(wish.offset.map(ResetTo::Offset));
    wanted.extend(wish.shift_by.map(ResetTo::ShiftBy));
    if let Some(timestamp) = &wish.timestamp {
        let ms = match timestamp {
            serde_json::Value::String(text) => parse_ms(text),
            other => other.as_i64(),
        };
        let bad = "timestamp must be milliseconds since 1970 or like 2026-01-31T12:00:00Z";
        wanted.push(ResetTo::Timestamp(ms.filter(|ms| *ms >= 0).ok_or_else(|| Problem::bad_request(bad))?));
    }
    match wanted[..] {
        [one] => Ok(one),
        _ => Err(Problem::bad_request("send exactly one of to, offset, timestamp and shift_by")),
    }
}
