//! What operators do: `/v1/reassignments`, `/v1/brokers/{id}` with its drain, `/v1/cluster/rebalance` and
//! `/v1/cluster/elect-leaders`. Orders are written down and carried out by the controller; what is answered with 202 goes
//! on after the answer, and is seen with a GET.

pub(super) mod brokers;
pub(super) mod leaders;
pub(super) mod rebalance;
pub(super) mod reassignments;

use axum::extract::Request;
use http::StatusCode;
use http::header::ACCEPT;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::cluster::balance::Move;
use crate::http::admin::{json_body, parsed};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::media::admits_json;
use crate::http::query::Query;
use crate::types::{BrokerId, PartitionIndex, TopicName, TopicPartition};

/// A partition and where its copies go.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MoveAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Where its copies are.
    from: Vec<i32>,
    /// Where they go, preferred leader first.
    to: Vec<i32>,
}

/// What is ordered, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MovesAnswer {
    /// Whether nothing was done.
    dry_run: bool,
    /// Partitions that move, or whose preferred leader changes; those that stand as wished are left out.
    reassignments: Vec<MoveAnswer>,
}

/// The body of a command, and whether the flag `name` stands in the query: both places are good for it.
async fn wish_and_flag<T: DeserializeOwned + Default>(
    door: &Door,
    request: Request,
    name: &str,
) -> Result<(T, bool), Problem> {
    let flag = Query::parse(request.uri().query(), &[name])?.flag(name)?;
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if !admits_json(accept) {
        let message = "Accept does not admit application/json, the only answer here";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, message));
    }
    Ok((parsed(&json_body(door, request).await?)?, flag))
}

fn moves_answer(moves: Vec<Move>, dry_run: bool) -> MovesAnswer {
    let answer = |found: Move| MoveAnswer {
        topic: found.tp.topic.as_str().to_owned(),
        partition: found.tp.partition.0,
        from: ids(&found.from),
        to: ids(&found.to),
    };
    MovesAnswer { dry_run, reassignments: moves.into_iter().map(answer).collect() }
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}

fn partition_of(topic: &str, partition: i32) -> Result<TopicPartition, Problem> {
    let name = TopicName::new(topic).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(TopicPartition::new(name, PartitionIndex(partition)))
}
