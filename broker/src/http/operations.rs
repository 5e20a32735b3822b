//! What operators ask: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin::{json_answer, json_of_nobody};
use super::door::Door;
use crate::metrics::{Metrics, PartitionFigures};
use crate::service::Readiness;

/// Whether the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthAnswer {
    /// `ok`.
    status: &'static str,
}

impl HealthAnswer {
    /// It does.
    pub(super) const OK: Self = Self { status: "ok" };
}

/// Whether the broker should be given work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadyAnswer {
    /// Whether it should.
    ready: bool,
    /// Why not.
    reasons: Vec<String>,
}

/// Says that the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "health",
    responses((status = 200, description = "The process answers", body = HealthAnswer)),
)]
pub(super) async fn health(State(door): State<Arc<Door>>) -> Response {
    json_answer(&door, StatusCode::OK, &HealthAnswer::OK)
}

/// Says whether the broker should be given work, and if not, why.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "ready",
    responses(
        (status = 200, description = "Ready", body = ReadyAnswer),
        (status = 503, description = "Not ready; the reasons say why", body = ReadyAnswer),
    ),
)]
pub(super) async fn ready(State(door): State<Arc<Door>>) -> Response {
    let Readiness { reasons } = door.service.readiness();
    let answer = ReadyAnswer { ready: reasons.is_empty(), reasons };
    if answer.ready {
        json_answer(&door, StatusCode::OK, &answer)
    } else {
        not_ready(json_answer(&door, StatusCode::SERVICE_UNAVAILABLE, &answer))
    }
}

/// Says that a process is no broker yet, and what it waits for.
pub(super) fn not_ready_yet(reason: String) -> Response {
    let answer = ReadyAnswer { ready: false, reasons: vec![reason] };
    not_ready(json_of_nobody(StatusCode::SERVICE_UNAVAILABLE, &answer))
}

fn not_ready(mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The broker's figures, in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(State(door): State<Arc<Door>>) -> Response {
    metrics_page(door.service.metrics(), &door.service.figures())
}

/// The page of figures.
pub(super) fn metrics_page(metrics: &Metrics, figures: &[PartitionFigures]) -> Response {
    let mut response = Response::new(Body::from(metrics.render(figures)));
    let content_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
