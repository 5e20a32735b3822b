//! How answers leave: of the type that the request admits, which is found out before anything is done.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::fault::Fault;
use super::media::Accept;
use crate::http::door::Door;
use crate::http::names::SERVED_BY;
use crate::http::query::shown;

/// What a request admits for an answer.
#[derive(Clone, Debug)]
pub(in crate::http) struct Told(pub(super) Accept);

impl FromRequestParts<Arc<Door>> for Told {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Door>) -> Result<Self, Fault> {
        Self::of(&parts.headers)
    }
}

impl Told {
    /// What these headers admit.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let all: Vec<&str> =
            headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let header = (!all.is_empty()).then(|| all.join(","));
        Accept::parse(header.as_deref()).map(Self).ok_or_else(|| {
            let given = shown(header.as_deref().unwrap_or(""));
            let message = format!(
                "HTTP 406 Not Acceptable. '{given}' names nothing that can be given; use application/vnd.kafka.v2+json, \
                 application/vnd.kafka.FORMAT.v2+json with binary, json or text, application/json, or */*"
            );
            Fault::new(StatusCode::NOT_ACCEPTABLE, message)
        })
    }

    /// 200 with what holds no records.
    pub(super) fn ok(&self, door: &Door, answer: &impl Serialize) -> Response {
        self.with(door, StatusCode::OK, answer)
    }

    /// The same with another status.
    pub(super) fn with(&self, door: &Door, status: StatusCode, answer: &impl Serialize) -> Response {
        let json = serde_json::to_vec(answer)
            .expect("answers hold only numbers, texts, lists and maps keyed by text");
        let mut response = text(door, self.0.plain_answer(), json);
        *response.status_mut() = status;
        response
    }
}

/// 200 with JSON that is written already.
pub(super) fn text(door: &Door, media_type: &'static str, json: impl Into<Body>) -> Response {
    let mut response = Response::new(json.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SERVED_BY, door.served_by.clone());
    response
}

/// 204.
pub(super) fn nothing(door: &Door) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(SERVED_BY, door.served_by.clone());
    response
}
