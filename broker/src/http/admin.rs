//! Requests and answers in JSON, for all that is not records.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{Whole, pour};
use super::door::Door;
use super::envelope::expect_object;
use super::errors::Problem;
use super::media::{BodyKind, admits_json};
use super::names::{JSON, SERVED_BY};
use super::query::{Query, shown};

/// An answer in JSON.
pub(super) fn json_answer(door: &Door, status: StatusCode, answer: &impl Serialize) -> Response {
    let mut response = json_of_nobody(status, answer);
    response.headers_mut().insert(SERVED_BY, door.served_by.clone());
    response
}

/// The same from a process that is no broker yet.
pub(super) fn json_of_nobody(status: StatusCode, answer: &impl Serialize) -> Response {
    let mut json =
        serde_json::to_vec(answer).expect("answers hold only numbers, texts, lists and maps keyed by text");
    json.push(b'\n');
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Refuses a request that does not take JSON for an answer, or has parameters where none are known.
pub(super) fn refuse_unless_json(request: &Request) -> Result<(), Problem> {
    Query::parse(request.uri().query(), &[])?;
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if admits_json(accept) {
        return Ok(());
    }
    let message = format!(
        "Accept '{}' does not admit application/json, the only answer here",
        shown(accept.unwrap_or(""))
    );
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, message))
}

/// The JSON body of a command. Without a Content-Type it is taken for JSON, and so is what curl calls a form.
async fn take_json(door: &Door, request: Request) -> Result<Bytes, Problem> {
    refuse_unless_json(&request)?;
    json_body(door, request).await
}

/// The same for a request that may have parameters.
pub(super) async fn json_body(door: &Door, request: Request) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let curls_default = "application/x-www-form-urlencoded";
    let given = content_type.filter(|given| !given.eq_ignore_ascii_case(curls_default));
    if given.is_some_and(|given| BodyKind::from_content_type(given) != Some(BodyKind::Json)) {
        let message = format!("Content-Type '{}' is not application/json", shown(given.unwrap_or("")));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let mut whole = Whole::default();
    let admitted = pour(door, &parts.headers, body, &mut whole).await?;
    drop(admitted);
    Ok(whole.into_bytes())
}

/// The body of a command; nothing stands for a wish without particulars.
pub(super) async fn body_of<T: DeserializeOwned + Default>(
    door: &Door,
    request: Request,
) -> Result<T, Problem> {
    parsed(&take_json(door, request).await?)
}

/// A command's body, read; nothing stands for a wish without particulars.
pub(super) fn parsed<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    expect_object(body).map_err(Problem::bad_request)?;
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))
}
