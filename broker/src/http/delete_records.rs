//! Delete the oldest records: `DELETE /v1/topics/{topic}/partitions/{partition}/records?before_offset=`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::admin::json_answer;
use super::door::{Door, PartitionPath};
use super::errors::Problem;
use super::query::{Query, shown};
use crate::service::{DeleteBefore, DeleteRecords};
use crate::types::Offset;

const PARAMETERS: [&str; 2] = ["before_offset", "timeout_ms"];

/// Which records go, and how long it may take.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(super) struct DeleteParams {
    /// The first offset to keep, up to the high watermark; latest stands for that.
    before_offset: String,
    /// How long it may take.
    timeout_ms: Option<u64>,
}

/// Where a partition begins now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedAnswer {
    /// The partition.
    partition: i32,
    /// The first offset kept.
    log_start: i64,
}

/// Deletes the oldest records of a partition: answered once all replicas in sync have deleted them.
#[utoipa::path(
    delete,
    path = "/v1/topics/{topic}/partitions/{partition}/records",
    tag = "topics",
    operation_id = "delete_records",
    params(super::openapi::PartitionParams, DeleteParams),
    responses(
        (status = 200, description = "They are gone", body = DeletedAnswer),
        (status = 400, description = "Malformed", body = super::openapi::ProblemAnswer),
        (status = 404, description = "No such topic or partition", body = super::openapi::ProblemAnswer),
        (status = 409, description = "The topic's cleanup policy does not delete", body = super::openapi::ProblemAnswer),
        (status = 416, description = "Beyond the high watermark", body = super::openapi::ProblemAnswer),
        (status = 503, description = "Not now, or not confirmed: written says which", body = super::openapi::ProblemAnswer),
    )
)]
pub(super) async fn delete(
    State(door): State<Arc<Door>>,
    PartitionPath(tp): PartitionPath,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), &PARAMETERS)?;
    let default_ms = door.service.options().produce_timeout_ms_default;
    let timeout = Duration::from_millis(query.number::<u64>("timeout_ms")?.unwrap_or(default_ms));
    let partition = tp.partition.0;
    let wish = DeleteRecords { tp, before: before(&query)?, timeout, forward: true };
    let start = door.service.delete_records(wish).await?;
    Ok(json_answer(&door, StatusCode::OK, &DeletedAnswer { partition, log_start: start.0 }))
}

/// There is no default: nobody should delete anything by leaving something out.
fn before(query: &Query<'_>) -> Result<DeleteBefore, Problem> {
    match query.text("before_offset") {
        Some("latest") => Ok(DeleteBefore::Latest),
        Some(text) => {
            let offset = text.parse::<i64>().ok().filter(|offset| *offset >= 0).ok_or_else(|| {
                let text = shown(text);
                Problem::bad_request(format!(
                    "before_offset must be a whole number from 0, or latest, not '{text}'"
                ))
            })?;
            Ok(DeleteBefore::Offset(Offset(offset)))
        }
        None => Err(Problem::bad_request("before_offset is missing: the first offset to keep, or latest")),
    }
}
