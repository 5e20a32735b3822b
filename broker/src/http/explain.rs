//! Explain: `GET /v1/topics/{topic}/partitions/{partition}/explain`: who leads, why, and what came before.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::admin::json_answer;
use super::door::{Door, PartitionPath};
use super::errors::Problem;
use super::query::Query;
use crate::cluster::PastRecord;
use crate::service::{Explanation, ReplicaStanding};
use crate::types::{Incarnation, TopicPartition};

const PARAMETERS: [&str; 1] = ["limit"];
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;

/// How much of the past.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(super) struct ExplainParams {
    /// How many changes to tell, from 1 to 100; 20 if left out.
    limit: Option<usize>,
}

/// A partition, explained.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplainAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Who leads and why, in a sentence.
    why: String,
    /// The broker that leads, if one does.
    leader: Option<i32>,
    /// The number of its reign.
    leader_epoch: i32,
    /// The version of the partition's record in etcd.
    partition_epoch: i64,
    /// Brokers in sync.
    isr: Vec<i32>,
    /// Brokers that may lead if nobody in sync lives.
    elr: Vec<i32>,
    /// The least in-sync set that may commit.
    min_isr: u32,
    /// How each replica stands, the preferred leader first.
    replicas: Vec<ReplicaAnswer>,
    /// The changes of its record, newest first.
    changes: Vec<ChangeAnswer>,
    /// Whether the last of them is the first there was.
    complete: bool,
    /// Why not, if not.
    missing: Option<String>,
}

/// How a replica stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicaAnswer {
    /// The broker.
    broker: i32,
    /// starting, active, draining or down.
    state: &'static str,
    /// Whether it leads.
    leader: bool,
    /// Whether it is in sync, in the life that it lives now.
    in_sync: bool,
    /// Whether it may be elected if nobody in sync lives.
    eligible: bool,
    /// Offsets behind the leader; null unless the broker that was asked leads.
    offsets_behind: Option<i64>,
    /// What keeps it back, if something does.
    note: Option<String>,
}

/// A change of the record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeAnswer {
    /// The etcd revision that made it.
    revision: i64,
    /// What brought it about, if it was told: creation, election, hand-over, isr-shrink, isr-expansion, member-died,
    /// member-left, settings, reassignment, preferred-leader, preferred-leader-asked-for, upkeep.
    cause: Option<String>,
    /// With hand-over and member-left, what was the matter with that broker: stopping, to-be-emptied, disk-full, disk-failed.
    detail: Option<String>,
    /// The broker that wrote it, the controller or the leader; null if an operator asked for it.
    by: Option<i32>,
    /// When, by that broker's clock.
    unix_ms: Option<i64>,
    /// How long it stood; null for the one that stands.
    lasted_ms: Option<i64>,
    /// Who led from then on.
    leader: Option<i32>,
    /// In which epoch.
    leader_epoch: i32,
    /// Who was in sync.
    isr: Vec<i32>,
    /// Who else might be elected.
    elr: Vec<i32>,
    /// Where copies belonged.
    replicas: Vec<i32>,
    /// The least in-sync set that might commit.
    min_isr: u32,
}

/// Explains who leads a partition, and why: the standing of its replicas, and the history of its record with causes.
#[utoipa::path(
    get,
    path = "/v1/topics/{topic}/partitions/{partition}/explain",
    tag = "topics",
    operation_id = "explain_partition",
    params(super::openapi::PartitionParams, ExplainParams),
    responses(
        (status = 200, description = "The explanation", body = ExplainAnswer),
        (status = 400, description = "Malformed", body = super::openapi::ProblemAnswer),
        (status = 404, description = "No such topic or partition", body = super::openapi::ProblemAnswer),
        (status = 429, description = "Too many questions wait", body = super::openapi::ProblemAnswer),
    )
)]
pub(super) async fn explain(
    State(door): State<Arc<Door>>,
    PartitionPath(tp): PartitionPath,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), &PARAMETERS)?;
    let limit = query.number::<usize>("limit")?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be from 1 to {LIMIT_MAX}")));
    }
    let explained = door.service.explain(&tp, limit).await?;
    Ok(json_answer(&door, StatusCode::OK, &ExplainAnswer::of(&tp, explained)))
}

impl ExplainAnswer {
    fn of(tp: &TopicPartition, explained: Explanation) -> Self {
        let Explanation { view, min_isr, why, replicas, past } = explained;
        let ids = |ids: &[crate::types::BrokerId]| ids.iter().map(|id| id.0).collect();
        // Each change lasted until the next one, which stands before it.
        let mut until = None;
        let changes = past.records.into_iter().map(|record| {
            let began = record.why.as_ref().map(|why| why.unix_ms);
            let lasted_ms = until.zip(began).map(|(until, began): (i64, i64)| (until - began).max(0));
            until = began;
            ChangeAnswer::of(record, lasted_ms)
        });
        Self {
            topic: tp.topic.as_str().to_owned(),
            partition: tp.partition.0,
            why,
            leader: view.leader.map(|leader| leader.0),
            leader_epoch: view.leader_epoch.0,
            partition_epoch: view.partition_epoch.0,
            isr: ids(&view.isr),
            elr: ids(&view.elr),
            min_isr,
            replicas: replicas.into_iter().map(ReplicaAnswer::from).collect(),
            changes: changes.collect(),
            complete: past.complete,
            missing: past.missing,
        }
    }
}

impl From<ReplicaStanding> for ReplicaAnswer {
    fn from(standing: ReplicaStanding) -> Self {
        Self {
            broker: standing.broker.0,
            state: standing.state,
            leader: standing.leads,
            in_sync: standing.in_sync,
            eligible: standing.eligible,
            offsets_behind: standing.behind,
            note: standing.note,
        }
    }
}

impl ChangeAnswer {
    fn of(record: PastRecord, lasted_ms: Option<i64>) -> Self {
        let PastRecord { revision, state, why } = record;
        let brokers = |lives: &[Incarnation]| lives.iter().map(|life| life.broker.0).collect();
        Self {
            revision: revision.0,
            by: why.as_ref().and_then(|why| why.by).map(|by| by.broker.0),
            unix_ms: why.as_ref().map(|why| why.unix_ms),
            detail: why.as_ref().and_then(|why| why.detail.as_deref()).map(str::to_owned),
            cause: why.map(|why| why.cause.into_owned()),
            lasted_ms,
            leader: state.leader.map(|leader| leader.broker.0),
            leader_epoch: state.leader_epoch.0,
            isr: brokers(&state.isr),
            elr: brokers(&state.elr),
            replicas: state.replicas.iter().map(|broker| broker.0).collect(),
            min_isr: state.min_isr,
        }
    }
}
