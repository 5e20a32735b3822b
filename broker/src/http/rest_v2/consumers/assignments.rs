//! Partitions that an instance reads without being a member of its group.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::partitions::PartitionNames;
use super::path::InstancePath;
use super::required::Required;
use crate::groups::instances::Subscription;
use crate::http::door::Door;
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::openapi::{RestInstanceParams, RestInstanceRefusals};
use crate::http::rest_v2::told::{Told, nothing};

/// Assigns partitions to an instance, in place of those that it assigned itself before.
#[utoipa::path(
    post, path = "/consumers/{group}/instances/{instance}/assignments", tag = "rest-proxy", operation_id = "rest_assign",
    params(RestInstanceParams),
    request_body(content = PartitionNames, content_type = "application/vnd.kafka.v2+json"),
    responses((status = 204, description = "It has them"), RestInstanceRefusals),
)]
pub(in crate::http) async fn assign(
    State(door): State<Arc<Door>>,
    _: Told,
    InstancePath(group, instance): InstancePath,
    Required(wish): Required<PartitionNames>,
) -> Result<Response, Fault> {
    let to = Subscription::Assigned(wish.named()?.into_iter().collect());
    door.service.subscribe_instance(&group, &instance, to).await?;
    Ok(nothing(&door))
}

/// Tells which partitions an instance has: those that it assigned itself, or those that its group gave it.
#[utoipa::path(
    get, path = "/consumers/{group}/instances/{instance}/assignments", tag = "rest-proxy", operation_id = "rest_get_assignments",
    params(RestInstanceParams),
    responses(
        (status = 200, description = "The partitions", body = PartitionNames, content_type = "application/vnd.kafka.v2+json"),
        RestInstanceRefusals,
    ),
)]
pub(in crate::http) async fn get(
    State(door): State<Arc<Door>>,
    told: Told,
    InstancePath(group, instance): InstancePath,
) -> Result<Response, Fault> {
    let view = door.service.instance(&group, &instance).await?;
    let partitions = view.assignment.iter().map(Into::into).collect();
    Ok(told.ok(&door, &PartitionNames { partitions }))
}
