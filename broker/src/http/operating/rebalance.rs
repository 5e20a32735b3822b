//! Spreading load over all brokers, a new one among them: `/v1/cluster/rebalance`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{MovesAnswer, moves_answer, wish_and_flag};
use crate::http::admin::json_answer;
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::openapi::{DryRunParam, OperatingRefusals};

/// How load is to be spread.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RebalanceWish {
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
    /// How fast the new copies may be filled, on each broker that gets some; the cluster's limit if left out.
    #[schema(minimum = 1)]
    throttle_bytes_per_second: Option<u64>,
}

/// Spreads replicas and leaders evenly over all brokers that serve, with the least movement.
#[utoipa::path(
    post, path = "/v1/cluster/rebalance", tag = "operating", operation_id = "rebalance",
    params(DryRunParam), request_body = Option<RebalanceWish>,
    responses(
        (status = 202, description = "Ordered: GET /v1/reassignments tells how far it is", body = MovesAnswer),
        (status = 200, description = "A dry run, or all is even", body = MovesAnswer),
        OperatingRefusals,
    ),
)]
pub(in crate::http) async fn rebalance(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    let (wish, flag) = wish_and_flag::<RebalanceWish>(&door, request, "dry_run").await?;
    let dry_run = wish.dry_run || flag;
    let moves = door.service.rebalance(wish.throttle_bytes_per_second, dry_run).await?;
    let ordered = !dry_run && !moves.is_empty();
    let status = if ordered { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(json_answer(&door, status, &moves_answer(moves, dry_run)))
}
