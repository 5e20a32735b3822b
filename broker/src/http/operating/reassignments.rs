//! Partitions that move to other brokers: `/v1/reassignments`, `/v1/reassignments/{topic}/{partition}`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{MovesAnswer, ids, moves_answer, partition_of, wish_and_flag};
use crate::cluster::MoveWish;
use crate::http::admin::{body_of, json_answer, refuse_unless_json};
use crate::http::door::{Door, PartitionPath};
use crate::http::errors::Problem;
use crate::http::openapi::{DryRunParam, OperatingRefusals, PartitionParams};
use crate::service::MoveView;
use crate::types::BrokerId;

/// Moves that are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ReassignmentWish {
    /// Which partitions, and where their copies shall be.
    partitions: Vec<PartitionWish>,
    /// How fast the new copies may be filled, on each broker that gets some; the cluster's limit if left out.
    #[schema(minimum = 1)]
    throttle_bytes_per_second: Option<u64>,
    /// Also take brokers for targets that do not serve now, or are being drained.
    #[serde(default)]
    force: bool,
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Where the copies of a partition shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PartitionWish {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The brokers, preferred leader first.
    replicas: Vec<i32>,
}

/// A change of what holds of all moves.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct LimitsChange {
    /// How fast the new copies may be filled on each broker that gets some; `null` takes the limit away. It also takes
    /// the place of the limits that moves under way were given.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    throttle_bytes_per_second: Option<Option<u64>>,
}

/// Tells `null` from what is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(deserializer).map(Some)
}

/// What holds of all moves.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LimitsAnswer {
    /// How fast the new copies on one broker may be filled, where their orders say nothing.
    throttle_bytes_per_second: Option<u64>,
}

/// A new copy, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CopyAnswer {
    /// The broker that gets it.
    broker: i32,
    /// Whether it is in sync.
    in_sync: bool,
    /// One past its last record; null if the broker does not answer.
    log_end: Option<i64>,
    /// How many offsets it is behind the leader.
    offsets_behind: Option<i64>,
}

/// A partition that moves, or is to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReassignmentAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// queued, moving or cancelling.
    state: &'static str,
    /// What it waits for.
    waits_for: String,
    /// Where copies belong meanwhile.
    replicas: Vec<i32>,
    /// Which of them are new.
    adding: Vec<i32>,
    /// Which of them go at the end.
    removing: Vec<i32>,
    /// Where they are in the end, preferred leader first.
    target: Vec<i32>,
    /// Which are in sync.
    isr: Vec<i32>,
    /// Who leads.
    leader: Option<i32>,
    /// One past the leader's last record.
    log_end: Option<i64>,
    /// The new copies.
    progress: Vec<CopyAnswer>,
    /// Milliseconds since 1970.
    requested_unix_ms: Option<i64>,
    /// Milliseconds since 1970; null while it is queued.
    started_unix_ms: Option<i64>,
    /// Who asked.
    requested_by: Option<String>,
    /// How fast the new copies may be filled.
    throttle_bytes_per_second: Option<u64>,
}

/// All partitions that move, or are to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReassignmentsAnswer {
    /// By topic and partition.
    reassignments: Vec<ReassignmentAnswer>,
    /// The limit where an order says nothing.
    throttle_bytes_per_second: Option<u64>,
}

/// A partition by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PartitionName {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
}

/// What is being taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CancelledAnswer {
    /// These go back to where they were.
    cancelled: Vec<PartitionName>,
}

impl From<MoveView> for ReassignmentAnswer {
    fn from(view: MoveView) -> Self {
        let copy = |(broker, end): &(BrokerId, Option<crate::types::Offset>)| CopyAnswer {
            broker: broker.0,
            in_sync: view.isr.contains(broker),
            log_end: end.map(|end| end.0),
            offsets_behind: view.log_end.zip(*end).map(|(leader, end)| (leader.0 - end.0).max(0)),
        };
        Self {
            progress: view.copies.iter().map(copy).collect(),
            topic: view.tp.topic.as_str().to_owned(),
            partition: view.tp.partition.0,
            state: view.state,
            replicas: ids(&view.replicas),
            adding: ids(&view.adding),
            removing: ids(&view.removing),
            target: ids(&view.target),
            isr: ids(&view.isr),
            leader: view.leader.map(|leader| leader.0),
            log_end: view.log_end.map(|end| end.0),
            waits_for: view.waits_for,
            requested_unix_ms: view.requested_unix_ms,
            started_unix_ms: view.started_unix_ms,
            requested_by: view.requested_by,
            throttle_bytes_per_second: view.throttle_bytes_per_second,
        }
    }
}

/// Lists the partitions that move, with how far they are.
#[utoipa::path(
    get, path = "/v1/reassignments", tag = "operating", operation_id = "list_reassignments",
    responses((status = 200, description = "What moves", body = ReassignmentsAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn list(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let reassignments = door.service.moves().await.into_iter().map(ReassignmentAnswer::from).collect();
    let throttle_bytes_per_second = door.service.image().move_limits.throttle_bytes_per_second;
    let answer = ReassignmentsAnswer { reassignments, throttle_bytes_per_second };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}

/// Moves partitions to other brokers, or changes how many copies they have.
#[utoipa::path(
    post, path = "/v1/reassignments", tag = "operating", operation_id = "reassign",
    params(DryRunParam), request_body = ReassignmentWish,
    responses(
        (status = 202, description = "Ordered: GET tells how far it is", body = MovesAnswer),
        (status = 200, description = "A dry run, or nothing to do", body = MovesAnswer),
        OperatingRefusals,
    ),
)]
pub(in crate::http) async fn order(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    let (wish, flag) = wish_and_flag::<ReassignmentWish>(&door, request, "dry_run").await?;
    let dry_run = wish.dry_run || flag;
    let mut partitions = Vec::with_capacity(wish.partitions.len());
    for one in wish.partitions {
        let tp = partition_of(&one.topic, one.partition)?;
        partitions.push((tp, one.replicas.into_iter().map(BrokerId).collect()));
    }
    let (throttle_bytes_per_second, force) = (wish.throttle_bytes_per_second, wish.force);
    let moves = MoveWish { partitions, throttle_bytes_per_second, force, requested_by: String::new() };
    let moves = door.service.move_partitions(moves, dry_run).await?;
    let ordered = !dry_run && !moves.is_empty();
    let status = if ordered { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(json_answer(&door, status, &moves_answer(moves, dry_run)))
}

/// Changes how fast new copies may be filled, while they are.
#[utoipa::path(
    patch, path = "/v1/reassignments", tag = "operating", operation_id = "patch_reassignments",
    request_body = LimitsChange,
    responses((status = 200, description = "What holds now", body = LimitsAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn patch(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    let change: LimitsChange = body_of(&door, request).await?;
    let Some(throttle_bytes_per_second) = change.throttle_bytes_per_second else {
        return Err(Problem::bad_request(
            "send throttle_bytes_per_second: a number of bytes, or null for no limit",
        ));
    };
    door.service.set_move_throttle(throttle_bytes_per_second).await?;
    Ok(json_answer(&door, StatusCode::OK, &LimitsAnswer { throttle_bytes_per_second }))
}

/// Takes all reassignments back: the partitions go back to where they were.
#[utoipa::path(
    delete, path = "/v1/reassignments", tag = "operating", operation_id = "cancel_reassignments",
    responses((status = 200, description = "What is being taken back", body = CancelledAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn cancel_all(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    cancelled(&door, None).await
}

/// Takes the reassignment of one partition back.
#[utoipa::path(
    delete, path = "/v1/reassignments/{topic}/{partition}", tag = "operating", operation_id = "cancel_reassignment",
    params(PartitionParams),
    responses((status = 200, description = "What is being taken back", body = CancelledAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn cancel(
    State(door): State<Arc<Door>>,
    PartitionPath(tp): PartitionPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    cancelled(&door, Some(&tp)).await
}

async fn cancelled(
    door: &Arc<Door>,
    only: Option<&crate::types::TopicPartition>,
) -> Result<Response, Problem> {
    let cancelled = door
        .service
        .cancel_moves(only)
        .await?
        .into_iter()
        .map(|tp| PartitionName { topic: tp.topic.as_str().to_owned(), partition: tp.partition.0 });
    Ok(json_answer(door, StatusCode::OK, &CancelledAnswer { cancelled: cancelled.collect() }))
}
