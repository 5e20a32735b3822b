//! Committed offsets of an instance's group: committed, told.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::partitions::{PartitionName, PartitionNames, named};
use super::path::InstancePath;
use crate::groups::instances::Dialect;
use crate::http::door::Door;
use crate::http::query::shown;
use crate::http::rest_v2::body::{Typed, command};
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::openapi::{RestCommittedParams, RestInstanceParams, RestInstanceRefusals};
use crate::http::rest_v2::params::Params;
use crate::http::rest_v2::told::{Told, nothing};
use crate::service::{CommitInstance, InstancePosition};
use crate::types::{Offset, TopicPartition};

/// Offsets to commit: one of the two lists, or nothing for all that was delivered.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestCommitWish)]
pub(in crate::http) struct CommitWish {
    /// As the instance's dialect means them: the last records processed, or the next ones to read.
    offsets: Option<Vec<OffsetWish>>,
    /// The next records to read, whatever the dialect.
    partitions: Option<Vec<OffsetWish>>,
}

/// An offset to commit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestCommitOffsetWish)]
pub(in crate::http) struct OffsetWish {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The offset.
    offset: i64,
    /// A note.
    metadata: Option<String>,
}

/// Whose committed offsets are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestCommittedWish)]
pub(in crate::http) struct CommittedWish {
    /// Partitions; they may stand in the query as well.
    partitions: Option<Vec<PartitionName>>,
}

/// Committed offsets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestCommittedAnswer)]
pub(in crate::http) struct CommittedAnswer {
    /// Partitions without one are left out.
    offsets: Vec<CommittedOffset>,
}

/// A committed offset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestCommittedOffset)]
pub(in crate::http) struct CommittedOffset {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// The next offset to read.
    offset: i64,
    /// The note beside it.
    metadata: String,
}

/// Commits offsets.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/offsets", tag = "rest-proxy", operation_id = "rest_commit",
    params(RestInstanceParams),
    request_body(content = Option<CommitWish>, content_type = "application/vnd.kafka.v2+json"),
    responses(
        (status = 200, description = "All of them are committed", body = Vec<i32>, content_type = "application/vnd.kafka.v2+json"),
        (status = 204, description = "The same, in Strimzi's dialect or for partitions"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn commit(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let wish: Option<CommitWish> = command(&door, &parts.headers, body, Typed::Needed).await?;
    let wish = wish.unwrap_or_default();
    let dialect = door.service.instance(&group, &instance).await?.spec.dialect;
    let is_redpandas = wish.partitions.is_some();
    let commit = match wish {
        CommitWish { offsets: Some(_), partitions: Some(_) } => {
            return Err(Fault::unprocessable("send \"offsets\" or \"partitions\", not both"));
        }
        CommitWish { offsets: Some(offsets), .. } if dialect == Dialect::Confluent => {
            CommitInstance::Exact(positions(offsets, 1)?)
        }
        CommitWish { offsets: Some(offsets), .. } | CommitWish { partitions: Some(offsets), .. } => {
            CommitInstance::Exact(positions(offsets, 0)?)
        }
        CommitWish { .. } => CommitInstance::Delivered,
    };
    if commit != CommitInstance::Exact(Vec::new()) {
        door.service.commit_instance(&group, &instance, commit).await?;
    }
    if dialect == Dialect::Confluent && !is_redpandas {
        return Ok(told.ok(&door, &[(); 0]));
    }
    Ok(nothing(&door))
}

/// What is to be committed for these offsets: `step` more than each.
fn positions(offsets: Vec<OffsetWish>, step: i64) -> Result<Vec<InstancePosition>, Fault> {
    let position = |one: OffsetWish| {
        let next = one.offset.checked_add(step).filter(|_| one.offset >= 0).ok_or_else(|| {
            Fault::unprocessable(format!("offset must be a whole number from 0, not {}", one.offset))
        })?;
        Ok(InstancePosition {
            tp: named(&one.topic, one.partition)?,
            offset: Offset(next),
            metadata: one.metadata.unwrap_or_default(),
        })
    };
    offsets.into_iter().map(position).collect()
}

/// Tells committed offsets: of the partitions in the body, or in the query (`?tp=orders:0&tp=orders:1`).
#[utoipa::path(
    get, path = "/consumers/{group}/instances/{instance}/offsets", tag = "rest-proxy", operation_id = "rest_committed",
    params(RestInstanceParams, RestCommittedParams),
    request_body(content = Option<CommittedWish>, content_type = "application/vnd.kafka.v2+json"),
    responses(
        (status = 200, description = "They", body = CommittedAnswer, content_type = "application/vnd.kafka.v2+json"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn committed(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let mut partitions = in_query(&Params::parse(parts.uri.query())?)?;
    let wish: Option<CommittedWish> = command(&door, &parts.headers, body, Typed::Never).await?;
    if let Some(more) = wish.and_then(|wish| wish.partitions) {
        partitions.get_or_insert_default().extend(PartitionNames { partitions: more }.named()?);
    }
    let Some(partitions) = partitions else {
        let message = "Partition not found. Say which: ?tp=TOPIC:PARTITION, once or more, or a body {\"partitions\":[…]}";
        return Err(Fault::new(StatusCode::NOT_FOUND, message).code(40_402));
    };
    let committed = door.service.committed_instance(&group, &instance, partitions).await?;
    let offset = |one: InstancePosition| CommittedOffset {
        topic: one.tp.topic.as_str().to_owned(),
        partition: one.tp.partition.0,
        offset: one.offset.0,
        metadata: one.metadata,
    };
    Ok(told.ok(&door, &CommittedAnswer { offsets: committed.into_iter().map(offset).collect() }))
}

/// The partitions that a query names: `tp=TOPIC:PARTITION`, or pairs of `topic` and `partition`.
fn in_query(params: &Params) -> Result<Option<Vec<TopicPartition>>, Fault> {
    let bad = |what: &str| {
        let message = format!("Invalid parameter: '{}' is no partition; use tp=TOPIC:PARTITION", shown(what));
        Fault::bad_parameter(message)
    };
    let number = |text: &str| text.parse::<i32>().map_err(|_| bad(text));
    let mut partitions = Vec::new();
    for tp in params.all("tp") {
        let (topic, partition) = tp.rsplit_once(':').ok_or_else(|| bad(tp))?;
        partitions.push(named(topic, number(partition)?)?);
    }
    let (topics, numbers): (Vec<_>, Vec<_>) =
        (params.all("topic").collect(), params.all("partition").collect());
    if topics.len() != numbers.len() {
        return Err(Fault::bad_parameter(
            "Invalid parameter: send a partition for each topic, and a topic for each",
        ));
    }
    for (topic, partition) in topics.into_iter().zip(numbers) {
        partitions.push(named(topic, number(partition)?)?);
    }
    Ok((!partitions.is_empty()).then_some(partitions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Vec<String>, Fault> {
        let named = in_query(&Params::parse(Some(text)).unwrap())?.unwrap_or_default();
        Ok(named.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_query_names_partitions_in_two_ways() {
        assert_eq!(query("tp=orders:0&tp=orders:12").unwrap(), ["orders-0", "orders-12"]);
        assert_eq!(query("topic=a&partition=0&topic=b&partition=1").unwrap(), ["a-0", "b-1"]);
        assert!(query("other=1").unwrap().is_empty());
        for bad in ["tp=orders", "tp=orders:x", "tp=:0", "tp=a:-1", "topic=a", "topic=a&partition=x"] {
            assert!(query(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_offset_grows_by_the_step_and_no_further_than_there_are_numbers() {
        let wish = |offset| vec![OffsetWish { topic: "t".to_owned(), partition: 0, offset, metadata: None }];
        assert_eq!(positions(wish(7), 1).unwrap()[0].offset, Offset(8));
        assert_eq!(positions(wish(7), 0).unwrap()[0].offset, Offset(7));
        assert!(positions(wish(-1), 1).is_err() && positions(wish(i64::MAX), 1).is_err());
    }
}
