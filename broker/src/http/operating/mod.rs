//! What operators do: `/v1/reassignments`, `/v1/brokers/{id}` with its drain, `/v1/cluster/rebalance` and
//! `/v1/cluster/elect-leaders`. Orders are written down and carried out by the controller; what is answered with 202 goes
//! on after the answer, and is seen with a GET.

pub(super) mod brokers;
pub(super) mod leaders;
pub(super) mod rebalance;
pub(super) mod reassignments;

use serde::Serialize;
use utoipa::ToSchema;

use crate::cluster::balance::Move;
use crate::http::errors::Problem;
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
