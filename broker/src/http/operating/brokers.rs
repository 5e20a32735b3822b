//! One broker: what it holds, having it emptied, and forgetting it: `/v1/brokers/{broker}`, `/v1/brokers/{broker}/drain`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wish_and_flag;
use crate::http::admin::{json_answer, refuse_unless_json};
use crate::http::cluster::BrokerAnswer;
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::openapi::{BrokerParam, ForceParam, OperatingRefusals};
use crate::http::query::shown;
use crate::service::{BrokerDetail, DrainView};
use crate::types::BrokerId;

/// The broker that a path names.
pub(in crate::http) struct BrokerPath(BrokerId);

impl<S: Send + Sync> FromRequestParts<S> for BrokerPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = |_| Problem::bad_request("the path is not UTF-8 once percent-decoded");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(bad)?;
        let text = params.iter().find(|(name, _)| *name == "broker").map_or("", |(_, value)| value);
        let number = text.parse::<i32>().ok().filter(|number| *number >= 0);
        let number = number.ok_or_else(|| {
            let message = format!("'{}' is no broker: use a whole number from 0", shown(text));
            Problem::new(StatusCode::NOT_FOUND, message).detail(10)
        })?;
        Ok(Self(BrokerId(number)))
    }
}

/// How a broker is to be emptied.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DrainWish {
    /// Also if too few brokers remain to take all that it holds: then only what can be moves.
    #[serde(default)]
    force: bool,
}

/// How far the emptying of a broker is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DrainAnswer {
    /// Whether it holds nothing any more, and may be removed.
    done: bool,
    /// Partitions that are on their way.
    moving: usize,
    /// Partitions that wait for their turn, or for a broker that can take them.
    waiting: usize,
    /// Milliseconds since 1970.
    requested_unix_ms: i64,
    /// Who asked.
    requested_by: String,
}

impl From<DrainView> for DrainAnswer {
    fn from(view: DrainView) -> Self {
        Self {
            done: view.done,
            moving: view.moving,
            waiting: view.waiting,
            requested_unix_ms: view.requested_unix_ms,
            requested_by: view.requested_by,
        }
    }
}

/// A broker with what it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BrokerDetailAnswer {
    /// As in the list of brokers.
    #[serde(flatten)]
    broker: BrokerAnswer,
    /// How many replicas it holds, or is about to.
    replicas: usize,
    /// How many partitions it leads.
    leaders: usize,
    /// If it is being drained, how far that is.
    drain: Option<DrainAnswer>,
}

impl From<BrokerDetail> for BrokerDetailAnswer {
    fn from(detail: BrokerDetail) -> Self {
        Self {
            broker: detail.view.into(),
            replicas: detail.replicas,
            leaders: detail.leaders,
            drain: detail.drain.map(DrainAnswer::from),
        }
    }
}

/// Describes a broker.
#[utoipa::path(
    get, path = "/v1/brokers/{broker}", tag = "operating", operation_id = "get_broker",
    params(BrokerParam),
    responses((status = 200, description = "The broker", body = BrokerDetailAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn get(
    State(door): State<Arc<Door>>,
    BrokerPath(broker): BrokerPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let detail = door.service.describe_broker(broker)?;
    Ok(json_answer(&door, StatusCode::OK, &BrokerDetailAnswer::from(detail)))
}

/// Removes a broker from the cluster. It must hold nothing, and be down or drained; one that still runs ends.
#[utoipa::path(
    delete, path = "/v1/brokers/{broker}", tag = "operating", operation_id = "remove_broker",
    params(BrokerParam),
    responses((status = 204, description = "It is forgotten"), OperatingRefusals),
)]
pub(in crate::http) async fn remove(
    State(door): State<Arc<Door>>,
    BrokerPath(broker): BrokerPath,
) -> Result<Response, Problem> {
    door.service.forget_broker(broker).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Has a broker emptied: its replicas and leaderships move to others, and it gets nothing new.
#[utoipa::path(
    post, path = "/v1/brokers/{broker}/drain", tag = "operating", operation_id = "drain_broker",
    params(BrokerParam, ForceParam), request_body = Option<DrainWish>,
    responses(
        (status = 202, description = "It is being emptied: GET tells how far it is", body = BrokerDetailAnswer),
        (status = 200, description = "It was being emptied already", body = BrokerDetailAnswer),
        OperatingRefusals,
    ),
)]
pub(in crate::http) async fn drain(
    State(door): State<Arc<Door>>,
    BrokerPath(broker): BrokerPath,
    request: Request,
) -> Result<Response, Problem> {
    let (wish, force) = wish_and_flag::<DrainWish>(&door, request, "force").await?;
    let (detail, new) = door.service.drain_broker(broker, wish.force || force).await?;
    let status = if new { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(json_answer(&door, status, &BrokerDetailAnswer::from(detail)))
}

/// Takes the emptying of a broker back; what has left it already stays where it is.
#[utoipa::path(
    delete, path = "/v1/brokers/{broker}/drain", tag = "operating", operation_id = "undo_drain",
    params(BrokerParam),
    responses((status = 200, description = "It stays", body = BrokerDetailAnswer), OperatingRefusals),
)]
pub(in crate::http) async fn undo(
    State(door): State<Arc<Door>>,
    BrokerPath(broker): BrokerPath,
    request: Request,
) -> Result<Response, Problem> {
    refuse_unless_json(&request)?;
    let detail = door.service.undo_drain(broker).await?;
    Ok(json_answer(&door, StatusCode::OK, &BrokerDetailAnswer::from(detail)))
}
