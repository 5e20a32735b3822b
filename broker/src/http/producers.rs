//! Producers: `POST /v1/producers` hands out an id for the `Producer-Id` header.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admin::{body_of, json_answer};
use super::door::Door;
use super::errors::Problem;

/// A producer as asked for: there is nothing to ask for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProducerWish {}

/// A producer's id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProducerAnswer {
    /// For the header Producer-Id. Nobody else is given the same.
    producer_id: i64,
    /// For the header Producer-Epoch.
    producer_epoch: i16,
}

/// Hands out a producer id. Its holder counts its requests to each partition from 0 in Producer-Seq.
///
/// Who would rather choose an id takes a name: a number of one's own choice may be handed out to somebody else.
#[utoipa::path(
    post, path = "/v1/producers", tag = "produce", operation_id = "create_producer",
    request_body = Option<ProducerWish>,
    responses(
        (status = 201, description = "The id is the sender's", body = ProducerAnswer),
        super::openapi::Refusals,
    ),
)]
pub(super) async fn create(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    let ProducerWish {} = body_of(&door, request).await?;
    let producer_id = door.service.next_producer_id().await?;
    let answer = ProducerAnswer { producer_id, producer_epoch: 0 };
    Ok(json_answer(&door, StatusCode::CREATED, &answer))
}
