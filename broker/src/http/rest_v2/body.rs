//! Taking a body: bounded first, then judged by its type, then by what it says.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::media;
use crate::http::body::{Whole, declared_length, pour};
use crate::http::door::Door;
use crate::service::Admitted;

/// The request's `Content-Type`.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"))
}

/// The whole body, admitted for as long as the guard lives.
pub(super) async fn whole(door: &Door, headers: &HeaderMap, body: Body) -> Result<(Bytes, Admitted), Fault> {
    let mut whole = Whole::default();
    let admitted = pour(door, headers, body, &mut whole).await?;
    Ok((whole.into_bytes(), admitted))
}

/// The body of a command; `None` if there is none. Whether a body without a type is taken is `typed`'s to say: clients
/// leave the type out with GET and DELETE only.
pub(super) async fn command<T: DeserializeOwned>(
    door: &Door,
    headers: &HeaderMap,
    body: Body,
    typed: Typed,
) -> Result<Option<T>, Fault> {
    declared_length(door, headers)?;
    let (bytes, _admitted) = whole(door, headers, body).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let content_type = content_type(headers);
    if typed == Typed::Needed && !content_type.is_some_and(media::is_known) {
        return Err(Fault::unsupported(content_type));
    }
    object(&bytes).map(Some)
}

/// Whether a body needs a `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It does.
    Needed,
    /// It does not.
    Never,
}

/// Reads a JSON object: 400 for what is none, 422 for fields that are not as they should be.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    expect_object(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

/// Refuses what is not a JSON object: the reader would take an array for its fields in order.
pub(super) fn expect_object(bytes: &[u8]) -> Result<(), Fault> {
    crate::http::envelope::expect_object(bytes).map_err(Fault::malformed)
}

/// What the JSON reader says, as a refusal.
pub(super) fn unreadable(error: &serde_json::Error) -> Fault {
    let message = format!("Invalid request: {error}");
    if error.is_data() { Fault::unprocessable(message) } else { Fault::malformed(message) }
}
