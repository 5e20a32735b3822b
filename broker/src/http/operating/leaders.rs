//! Letting preferred leaders lead: `/v1/cluster/elect-leaders`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::partition_of;
use crate::cluster::Elected;
use crate::http::admin::{body_of, json_answer};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::openapi::OperatingRefusals;

/// Whose preferred leaders shall lead.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ElectionWish {
    /// These partitions; all if left out.
    partitions: Option<Vec<ElectedPartition>>,
}

/// A partition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ElectedPartition {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
}

/// What came of the election of one partition.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ElectionAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Its preferred leader: the first of its replicas.
    preferred: Option<i32>,
    /// elected, already, or not_possible.
    result: &'static str,
    /// Why it is not possible.
    reason: Option<String>,
}

/// What came of the elections.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ElectionsAnswer {
    /// How many partitions are led by another broker now.
    elected: usize,
    /// Those that were asked for; if all were, those that the preferred leader did not lead already.
    partitions: Vec<ElectionAnswer>,
}

/// Lets the preferred leaders of the given partitions lead, or of all.
#[utoipa::path(
    post, path = "/v1/cluster/elect-leaders", tag = "operating", operation_id = "elect_leaders",
    request_body = Option<ElectionWish>,
    responses((status = 200, description = "What came of it", body = ElectionsAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn elect(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    let wish: ElectionWish = body_of(&door, request).await?;
    let named = wish.partitions.is_some();
    let tps = wish.partitions.map(|all| {
        let tps = all.iter().map(|one| partition_of(&one.topic, one.partition));
        tps.collect::<Result<Vec<_>, Problem>>()
    });
    let elections = door.service.elect_preferred(tps.transpose()?).await?;
    let elected = elections.iter().filter(|(_, _, outcome)| *outcome == Elected::Now).count();
    let shown = elections.into_iter().filter(|(_, _, outcome)| named || *outcome != Elected::Already);
    let partitions = shown.map(|(tp, preferred, outcome)| {
        let (result, reason) = match outcome {
            Elected::Now => ("elected", None),
            Elected::Already => ("already", None),
            Elected::Not(reason) => ("not_possible", Some(reason)),
        };
        ElectionAnswer {
            topic: tp.topic.as_str().to_owned(),
            partition: tp.partition.0,
            preferred: preferred.map(|broker| broker.0),
            result,
            reason,
        }
    });
    let answer = ElectionsAnswer { elected, partitions: partitions.collect() };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}
