//! Addresses under this face's roots that it does not have, and methods that they do not take.

use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};

use super::fault::Fault;
use crate::http::query::shown;

/// Whether a path is this face's, so that its refusals are told in this face's shape.
pub(in crate::http) fn is_ours(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "" | "topics" | "brokers" | "consumers" | "admin")
}

/// There is no such address.
pub(in crate::http) fn not_found(path: &str) -> Response {
    let message =
        format!("HTTP 404 Not Found. There is no address '{}': /openapi.json lists them all", shown(path));
    Fault::new(StatusCode::NOT_FOUND, message).into_response()
}

/// The address does not take the method; the router adds `Allow`.
pub(in crate::http) fn not_allowed(method: &Method) -> Response {
    no_method(method).into_response()
}

/// The same, for a handler.
pub(super) fn no_method(method: &Method) -> Fault {
    let method = shown(method.as_str());
    let message =
        format!("HTTP 405 Method Not Allowed. {method} is not possible here: the header Allow lists what is");
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
