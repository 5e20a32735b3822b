//! Bodies that are one JSON object. Without a Content-Type a body is taken for JSON.

use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::http::body::{Whole, pour};
use crate::http::door::Door;
use crate::http::envelope::expect_object;
use crate::http::query::shown;

/// The body, read.
pub(super) async fn body_of<T: DeserializeOwned>(door: &Door, request: Request) -> Result<T, Refusal> {
    parsed(&whole(door, request).await?)
}

/// The body, as it came.
pub(super) async fn whole(door: &Door, request: Request) -> Result<Bytes, Refusal> {
    let (parts, body) = request.into_parts();
    expect_json(&parts)?;
    let mut whole = Whole::default();
    let admitted = pour(door, &parts.headers, body, &mut whole).await?;
    drop(admitted);
    Ok(whole.into_bytes())
}

/// Refuses a body of another type.
pub(super) fn expect_json(parts: &Parts) -> Result<(), Refusal> {
    let Some(given) = parts.headers.get(CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or("?");
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("Content-Type '{}' is not application/json, the only one taken here", shown(given));
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// One JSON object.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    expect_object(body).map_err(Refusal::malformed)?;
    serde_json::from_slice(body)
        .map_err(|error| Refusal::malformed(format!("the body cannot be read: {error}")))
}
