//! One record as it is: its value the body, the rest in headers.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use super::chunked::counted_body;
use super::door::Door;
use super::errors::Problem;
use super::media::ReadKind;
use super::names::{KEY, KEY_BASE64, OFFSET, RECORD_HEADER_PREFIX, TIMESTAMP, TOMBSTONE, TRUE};
use crate::record::Record;

/// How many bytes of key and headers are told in headers; what is larger is left out.
const HEADER_BYTES_MAX: usize = 8 << 10;

/// The answer with one record.
pub(super) fn value_answer(door: &Door, record: &Record) -> Result<Response, Problem> {
    let mut response = Response::new(counted_body(door, record.value.clone().unwrap_or_default())?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(ReadKind::Value.media_type()));
    headers.insert(OFFSET, HeaderValue::from(record.offset.0));
    headers.insert(TIMESTAMP, HeaderValue::from(record.timestamp_ms));
    if record.value.is_none() {
        headers.insert(TOMBSTONE, TRUE);
    }
    let mut left = HEADER_BYTES_MAX;
    if let Some(key) = record.key.as_ref().filter(|key| key.len() <= left) {
        left -= key.len();
        let plain = key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') && !key.is_empty();
        let trimmed = key.first() != Some(&b' ') && key.last() != Some(&b' ');
        match HeaderValue::from_bytes(key) {
            Ok(value) if plain && trimmed => headers.insert(KEY, value),
            _ => headers.insert(KEY_BASE64, base64_value(key)),
        };
    }
    for (name, value) in &record.headers {
        let value = value.clone().unwrap_or_default();
        let name = HeaderName::try_from(format!("{RECORD_HEADER_PREFIX}{name}"));
        let (Ok(name), Ok(told)) = (name, HeaderValue::from_bytes(&value)) else { continue };
        let Some(rest) = left.checked_sub(name.as_str().len() + value.len()) else { break };
        left = rest;
        headers.append(name, told);
    }
    Ok(response)
}

fn base64_value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::try_from(STANDARD.encode(bytes)).expect("base64 is visible ASCII")
}
