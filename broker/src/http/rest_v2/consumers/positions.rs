//! Where an instance goes on reading: at an offset, at a time, at the beginning, at the end.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::partitions::{PartitionNames, named};
use super::path::InstancePath;
use super::required::{Required, Wish};
use crate::groups::{GroupId, InstanceName};
use crate::http::door::Door;
use crate::http::instant::parse_ms;
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::openapi::{RestInstanceParams, RestInstanceRefusals};
use crate::http::rest_v2::told::{Told, nothing};
use crate::service::{Seek, SeekTo};
use crate::types::Offset;

/// Positions to take; either list may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestPositionsWish)]
pub(in crate::http) struct PositionsWish {
    /// By offset.
    offsets: Option<Vec<OffsetWish>>,
    /// By time.
    timestamps: Option<Vec<TimestampWish>>,
}

impl Wish for PositionsWish {
    const EXAMPLE: &'static str = "{\"offsets\":[{\"topic\":…,\"partition\":0,\"offset\":0}]}";
}

/// An offset to go on from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestPositionWish)]
pub(in crate::http) struct OffsetWish {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The next offset to read.
    offset: i64,
    /// Passed over.
    #[serde(rename = "metadata")]
    _metadata: Option<String>,
}

/// A time to go on from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestTimestampWish)]
pub(in crate::http) struct TimestampWish {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Like 2026-01-31T12:00:00Z, or milliseconds since 1970.
    #[schema(value_type = String)]
    timestamp: Value,
    /// Passed over.
    #[serde(rename = "metadata")]
    _metadata: Option<String>,
}

/// Goes on from offsets or times.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/positions", tag = "rest-proxy", operation_id = "rest_seek",
    params(RestInstanceParams),
    request_body(content = PositionsWish, content_type = "application/vnd.kafka.v2+json"),
    responses((status = 204, description = "The next poll goes on there"), RestInstanceRefusals),
)]
pub(in crate::http) async fn seek(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
    Required(wish): Required<PositionsWish>,
) -> Result<Response, Fault> {
    if wish.offsets.is_none() && wish.timestamps.is_none() {
        return Err(Fault::unprocessable("send \"offsets\" or \"timestamps\""));
    }
    let mut seeks = Vec::new();
    for one in wish.offsets.unwrap_or_default() {
        if one.offset < 0 {
            let message = format!("offset must be a whole number from 0, not {}", one.offset);
            return Err(Fault::unprocessable(message));
        }
        let to = SeekTo::Offset(Offset(one.offset));
        seeks.push(Seek { tp: named(&one.topic, one.partition)?, to });
    }
    for one in wish.timestamps.unwrap_or_default() {
        let ms = match &one.timestamp {
            Value::String(text) => parse_ms(text),
            other => other.as_i64().filter(|ms| *ms >= 0),
        };
        let bad = "timestamp must be like 2026-01-31T12:00:00Z, or milliseconds since 1970";
        let to = SeekTo::Timestamp(ms.ok_or_else(|| Fault::unprocessable(bad))?);
        seeks.push(Seek { tp: named(&one.topic, one.partition)?, to });
    }
    door.service.seek_instance(&group, &instance, seeks).await?;
    Ok(nothing(&door))
}

/// Goes on from the first record kept; no partitions stand for all that the instance has.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/positions/beginning", tag = "rest-proxy", operation_id = "rest_seek_to_beginning",
    params(RestInstanceParams),
    request_body(content = PartitionNames, content_type = "application/vnd.kafka.v2+json"),
    responses((status = 204, description = "The next poll goes on there"), RestInstanceRefusals),
)]
pub(in crate::http) async fn beginning(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
    Required(wish): Required<PartitionNames>,
) -> Result<Response, Fault> {
    seek_all(&door, &group, &instance, &wish, SeekTo::Beginning).await
}

/// Goes on from the next record to come; no partitions stand for all that the instance has.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/positions/end", tag = "rest-proxy", operation_id = "rest_seek_to_end",
    params(RestInstanceParams),
    request_body(content = PartitionNames, content_type = "application/vnd.kafka.v2+json"),
    responses((status = 204, description = "The next poll goes on there"), RestInstanceRefusals),
)]
pub(in crate::http) async fn end(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
    Required(wish): Required<PartitionNames>,
) -> Result<Response, Fault> {
    seek_all(&door, &group, &instance, &wish, SeekTo::End).await
}

async fn seek_all(
    door: &Door,
    group: &GroupId,
    instance: &InstanceName,
    wish: &PartitionNames,
    to: SeekTo,
) -> Result<Response, Fault> {
    let mut partitions = wish.named()?;
    if partitions.is_empty() {
        partitions = door.service.instance(group, instance).await?.assignment;
    }
    let seeks = partitions.into_iter().map(|tp| Seek { tp, to }).collect();
    door.service.seek_instance(group, instance, seeks).await?;
    Ok(nothing(door))
}
