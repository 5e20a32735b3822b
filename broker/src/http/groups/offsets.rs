//! Committed offsets: read, kept, forgotten.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::GroupPath;
use crate::groups::{CommitOffset, GroupError};
use crate::http::admin::{body_of, json_answer, refuse_unless_json};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::query::Query;
use crate::replication::Written;
use crate::service::GroupCallError;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName};

/// Offsets to keep.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CommitWish {
    /// The member that commits; without one the group may have no members.
    member_id: Option<String>,
    /// Its epoch.
    member_epoch: Option<i32>,
    /// The offsets.
    #[serde(default)]
    offsets: Vec<OffsetWish>,
}

/// An offset to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OffsetWish {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The next offset to read.
    offset: i64,
    /// The epoch of the last record that was read, if it is known.
    leader_epoch: Option<i32>,
    /// A note.
    #[serde(default)]
    metadata: String,
}

/// Kept offsets.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OffsetsAnswer {
    /// By topic and partition.
    offsets: Vec<OffsetAnswer>,
}

/// A kept offset.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OffsetAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The next offset to read.
    offset: i64,
    /// The epoch of the last record that was read, if it is known.
    leader_epoch: Option<i32>,
    /// A note.
    metadata: String,
}

/// Reads the offsets that a group has committed.
#[utoipa::path(
    get, path = "/v1/groups/{group}/offsets", tag = "groups", operation_id = "get_offsets",
    params(crate::http::openapi::GroupParam),
    responses((status = 200, description = "They", body = OffsetsAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn get(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let fetched = door.service.committed_offsets(&group, None, None).await?;
    let offsets = fetched.into_iter().filter_map(|one| {
        let committed = one.committed?;
        Some(OffsetAnswer {
            topic: one.topic.as_str().to_owned(),
            partition: one.partition.0,
            offset: committed.offset.0,
            leader_epoch: Some(committed.leader_epoch.0).filter(|epoch| *epoch >= 0),
            metadata: committed.metadata,
        })
    });
    Ok(json_answer(&door, StatusCode::OK, &OffsetsAnswer { offsets: offsets.collect() }))
}

/// Commits offsets: of a member, or of a worker that reads without being one.
#[utoipa::path(
    put, path = "/v1/groups/{group}/offsets", tag = "groups", operation_id = "put_offsets",
    params(crate::http::openapi::GroupParam), request_body = CommitWish,
    responses((status = 204, description = "All of them are kept"), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn put(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    let wish: CommitWish = body_of(&door, request).await?;
    let member = match (wish.member_id, wish.member_epoch) {
        (Some(member), Some(epoch)) if epoch >= 0 => Some((member.into(), epoch)),
        (None, None) => None,
        _ => {
            return Err(Problem::bad_request(
                "member_id and member_epoch belong together: send both, or none",
            ));
        }
    };
    if wish.offsets.is_empty() {
        return Err(Problem::bad_request("\"offsets\" is empty: send at least one"));
    }
    let offsets: Vec<CommitOffset> = wish.offsets.into_iter().map(commit_of).collect::<Result<_, _>>()?;
    let names: Vec<String> = offsets.iter().map(|one| format!("{}-{}", one.topic, one.partition)).collect();
    let results = door.service.commit_offsets(&group, member, offsets).await?;
    whole(&names, results)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn commit_of(wish: OffsetWish) -> Result<CommitOffset, Problem> {
    Ok(CommitOffset {
        topic: topic_of(&wish.topic)?,
        topic_id: None,
        partition: PartitionIndex(wish.partition),
        offset: Offset(wish.offset),
        leader_epoch: wish.leader_epoch.map_or(LeaderEpoch::NONE, LeaderEpoch),
        metadata: wish.metadata,
    })
}

pub(super) fn topic_of(name: &str) -> Result<TopicName, Problem> {
    TopicName::new(name).map_err(|error| Problem::bad_request(error.to_string()))
}

/// Forgets offsets of a topic that no member reads.
#[utoipa::path(
    delete, path = "/v1/groups/{group}/offsets", tag = "groups", operation_id = "delete_offsets",
    params(crate::http::openapi::GroupParam, crate::http::openapi::OffsetsParams),
    responses((status = 204, description = "They are forgotten"), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn delete(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), &["topic", "partition"])?;
    let Some(topic) = query.text("topic") else {
        return Err(Problem::bad_request("topic is missing: say whose offsets are to be forgotten"));
    };
    let topic = topic_of(topic)?;
    let partitions: Vec<(TopicName, PartitionIndex)> = match query.number::<i32>("partition")? {
        Some(partition) => vec![(topic, PartitionIndex(partition))],
        None => {
            let kept = door.service.committed_offsets(&group, None, None).await?;
            kept.into_iter().filter(|one| one.topic == topic).map(|one| (one.topic, one.partition)).collect()
        }
    };
    let names: Vec<String> =
        partitions.iter().map(|(topic, partition)| format!("{topic}-{partition}")).collect();
    let results = door.service.delete_offsets(&group, partitions).await?;
    whole(&names, results)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A success means all of it; else the first refusal, and whether some of it was done all the same.
fn whole(names: &[String], results: Vec<Result<(), GroupError>>) -> Result<(), Problem> {
    let some_done = results.iter().any(Result::is_ok);
    for (name, result) in names.iter().zip(results) {
        if let Err(refused) = result {
            let problem = Problem::from(GroupCallError::Refused(refused)).at(name);
            return Err(if some_done { problem.written(Written::Maybe) } else { problem });
        }
    }
    Ok(())
}
