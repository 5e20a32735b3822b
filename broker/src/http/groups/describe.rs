//! Groups: listed, described, how far behind, deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::path::GroupPath;
use super::{TopicPartitions, told};
use crate::groups::{GroupListing, MemberDetail, MemberView};
use crate::http::admin::{json_answer, refuse_unless_json};
use crate::http::door::Door;
use crate::http::errors::Problem;

/// All groups.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GroupsAnswer {
    /// By name.
    groups: Vec<ListedAnswer>,
}

/// A group in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ListedAnswer {
    /// Its name.
    group: String,
    /// consumer (assigned by the server) or classic.
    kind: &'static str,
    /// Kafka's name of its state.
    state: &'static str,
}

/// A group in full.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GroupAnswer {
    /// Its name.
    group: String,
    /// consumer (assigned by the server) or classic.
    kind: &'static str,
    /// Kafka's name of its state.
    state: &'static str,
    /// Counts its changes.
    epoch: i32,
    /// The change that the newest assignment was made for.
    assignment_epoch: i32,
    /// Who assigns, or the classic protocol.
    assignor: String,
    /// Its members.
    members: Vec<MemberAnswer>,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupMemberAnswer)]
pub(in crate::http) struct MemberAnswer {
    /// Its name.
    member_id: String,
    /// The name that it has in each of its lives.
    instance_id: Option<String>,
    /// What its client calls itself.
    client_id: String,
    /// Where it called from.
    client_host: String,
    /// Its epoch; null for classic members.
    member_epoch: Option<i32>,
    /// What it reads.
    topics: Vec<String>,
    /// What it has; only its client knows that for classic members.
    assignment: Vec<TopicPartitions>,
    /// What it is to have.
    target: Vec<TopicPartitions>,
}

/// How far a group is behind.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LagAnswer {
    /// The sum over the partitions whose lag is known.
    total: i64,
    /// By topic and partition.
    partitions: Vec<PartitionLagAnswer>,
}

/// How far a group is behind in one partition; null is not known.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PartitionLagAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The next offset to read.
    committed: Option<i64>,
    /// One past the last committed record.
    end: Option<i64>,
    /// How many offsets lie between the two.
    lag: Option<i64>,
    /// Who reads it.
    member_id: Option<String>,
}

impl From<GroupListing> for ListedAnswer {
    fn from(listing: GroupListing) -> Self {
        Self { group: listing.group.as_str().to_owned(), kind: listing.kind, state: listing.state }
    }
}

/// Lists the groups of the cluster.
#[utoipa::path(
    get, path = "/v1/groups", tag = "groups", operation_id = "list_groups",
    responses((status = 200, description = "All groups", body = GroupsAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn list(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let groups = door.service.list_groups().await?.into_iter().map(ListedAnswer::from).collect();
    Ok(json_answer(&door, StatusCode::OK, &GroupsAnswer { groups }))
}

/// Describes a group and its members.
#[utoipa::path(
    get, path = "/v1/groups/{group}", tag = "groups", operation_id = "get_group",
    params(crate::http::openapi::GroupParam),
    responses((status = 200, description = "The group", body = GroupAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn get(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let view = door.service.describe_group(&group).await?;
    let answer = GroupAnswer {
        group: view.listing.group.as_str().to_owned(),
        kind: view.listing.kind,
        state: view.listing.state,
        epoch: view.epoch,
        assignment_epoch: view.assignment_epoch,
        assignor: view.protocol,
        members: view.members.into_iter().map(|member| member_answer(&door, member)).collect(),
    };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}

fn member_answer(door: &Door, member: MemberView) -> MemberAnswer {
    let (epoch, topics, assignment, target) = match member.detail {
        MemberDetail::Consumer { epoch, topics, assigned, target, .. } => (
            Some(epoch),
            topics.into_iter().map(|topic| topic.as_str().to_owned()).collect(),
            told(door.service.by_name(assigned.keys())),
            told(door.service.by_name(target.iter())),
        ),
        MemberDetail::Classic { .. } => (None, Vec::new(), Vec::new(), Vec::new()),
    };
    MemberAnswer {
        member_id: member.member.as_str().to_owned(),
        instance_id: member.instance.map(|instance| instance.as_str().to_owned()),
        client_id: member.client_id,
        client_host: member.client_host,
        member_epoch: epoch,
        topics,
        assignment,
        target,
    }
}

/// Deletes a group that has no members, with its offsets.
#[utoipa::path(
    delete, path = "/v1/groups/{group}", tag = "groups", operation_id = "delete_group",
    params(crate::http::openapi::GroupParam),
    responses((status = 204, description = "It is gone"), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn delete(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
) -> Result<Response, Problem> {
    door.service.delete_group(&group).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Tells how far a group is behind.
#[utoipa::path(
    get, path = "/v1/groups/{group}/lag", tag = "groups", operation_id = "get_lag",
    params(crate::http::openapi::GroupParam),
    responses((status = 200, description = "How far", body = LagAnswer), crate::http::openapi::GroupRefusals),
)]
pub(in crate::http) async fn lag(
    State(door): State<Arc<Door>>,
    GroupPath(group): GroupPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let lag = door.service.group_lag(&group).await?;
    let partitions = lag.partitions.into_iter().map(|one| PartitionLagAnswer {
        topic: one.topic.as_str().to_owned(),
        partition: one.partition.0,
        committed: one.committed.map(|offset| offset.0),
        end: one.end.map(|offset| offset.0),
        lag: one.lag,
        member_id: one.member.map(|member| member.as_str().to_owned()),
    });
    let answer = LagAnswer { total: lag.total, partitions: partitions.collect() };
    Ok(json_answer(&door, StatusCode::OK, &answer))
}
