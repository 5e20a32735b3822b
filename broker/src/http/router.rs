//! All addresses, each with its handlers; what is not here is refused in the one shape.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};
use tower::ServiceExt as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::door::Door;
use super::errors::Problem;
use super::names::JSON;
use super::openapi::Head;
use super::options::HttpOptions;
use super::path::collapsed;
use super::query::shown;
use super::{
    cluster, delete_records, explain, groups, operating, operations, produce, producers, read, rest_v2,
    rest_v3, streams, topics,
};
use crate::metrics::Metrics;

/// The way in: every request, whatever it asks for, is looked at here first.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    router: Router,
    metrics: Arc<Metrics>,
    headers_max: usize,
    header_bytes_max: usize,
}

impl Entrance {
    /// The addresses of a door.
    pub(super) fn new(door: Arc<Door>) -> Self {
        let (router, document) = addresses().split_for_parts();
        let json = Bytes::from(document.to_json().expect("the document holds only what JSON can say"));
        let router = router
            .route("/openapi.json", axum::routing::get(move || async move { document_answer(json) }))
            .method_not_allowed_fallback(not_allowed)
            .fallback(not_found)
            .with_state(Arc::clone(&door));
        Self::over(router, door.service.metrics_handle(), &door.options)
    }

    /// The addresses of `router`.
    pub(super) fn over(router: Router, metrics: Arc<Metrics>, options: &HttpOptions) -> Self {
        let HttpOptions { headers_max, header_bytes_max, .. } = *options;
        Self { router, metrics, headers_max, header_bytes_max }
    }

    /// What is counted.
    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Answers one request.
    pub(super) async fn answer(&self, mut request: Request) -> Response {
        if let Some(problem) = self.too_many_headers(&request) {
            return problem.into_response();
        }
        if let Some(uri) = collapsed(request.uri()) {
            *request.uri_mut() = uri;
        }
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let metrics = &self.metrics;
        match response.status() {
            StatusCode::BAD_REQUEST
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                metrics.malformed_requests.inc();
            }
            StatusCode::TOO_MANY_REQUESTS => {
                metrics.rejected_overload.inc();
            }
            _ => {}
        }
        response
    }

    fn too_many_headers(&self, request: &Request) -> Option<Problem> {
        let (count_max, bytes_max) = (self.headers_max, self.header_bytes_max);
        let headers = request.headers();
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers.len() <= count_max && bytes <= bytes_max {
            return None;
        }
        let message = format!(
            "{} headers of {bytes} bytes: at most {count_max} headers of {bytes_max} bytes are taken",
            headers.len()
        );
        Some(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message))
    }
}

/// Every address with its handlers, and the document that describes them.
fn addresses() -> OpenApiRouter<Arc<Door>> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(produce::to_topic, streams::topic::follow))
        .routes(routes!(produce::to_partition, read::read, delete_records::delete))
        .routes(routes!(topics::list))
        .routes(routes!(streams::member::follow))
        .routes(routes!(topics::get, topics::put, topics::patch, topics::delete))
        .routes(routes!(topics::partitions))
        .routes(routes!(explain::explain))
        .routes(routes!(producers::create))
        .routes(routes!(groups::describe::list))
        .routes(routes!(groups::describe::get, groups::describe::delete))
        .routes(routes!(groups::describe::lag))
        .routes(routes!(groups::members::join))
        .routes(routes!(groups::members::leave))
        .routes(routes!(groups::members::heartbeat))
        .routes(routes!(groups::poll::poll))
        .routes(routes!(groups::offsets::get, groups::offsets::put, groups::offsets::delete))
        .routes(routes!(groups::reset::reset))
        .routes(routes!(cluster::cluster))
        .routes(routes!(cluster::brokers))
        .routes(routes!(operating::reassignments::list, operating::reassignments::order))
        .routes(routes!(operating::reassignments::patch, operating::reassignments::cancel_all))
        .routes(routes!(operating::reassignments::cancel))
        .routes(routes!(operating::brokers::get, operating::brokers::remove))
        .routes(routes!(operating::brokers::drain, operating::brokers::undo))
        .routes(routes!(operating::rebalance::rebalance))
        .routes(routes!(operating::leaders::elect))
        .routes(routes!(operations::health))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
        .merge(rest_v2::routes::addresses())
        .merge(rest_v3::routes::addresses())
}

fn document_answer(json: Bytes) -> Response {
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A method that an address does not have; axum adds `Allow`.
async fn not_allowed(State(_): State<Arc<Door>>, method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    if rest_v3::is_ours(uri.path()) {
        return rest_v3::no_method(&method);
    }
    if rest_v2::unknown::is_ours(uri.path()) {
        return rest_v2::unknown::not_allowed(&method);
    }
    let message = format!("{} is not possible here: the header Allow lists what is", shown(method.as_str()));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
}

async fn not_found(uri: Uri) -> Response {
    if rest_v3::is_ours(uri.path()) {
        return rest_v3::no_address(uri.path());
    }
    if rest_v2::unknown::is_ours(uri.path()) {
        return rest_v2::unknown::not_found(uri.path());
    }
    let message = format!("there is no address '{}': /openapi.json lists them all", shown(uri.path()));
    Problem::new(StatusCode::NOT_FOUND, message).into_response()
}
