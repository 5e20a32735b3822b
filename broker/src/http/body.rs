//! Taking a request's body: admitted before it is read, bounded in size and in time, handed on chunk by chunk.
//!
//! *Invariant:* a body that stops short, stands still or grows beyond its bound is refused as a whole.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::door::Door;
use super::errors::Problem;
use super::inflate::inflate;
use super::media::Coding;
use crate::service::Admitted;

/// What takes the chunks of a body.
pub(super) trait Sink {
    /// Takes the next chunk.
    ///
    /// # Errors
    /// Why the body is refused, without the rest being read.
    fn take(&mut self, chunk: Bytes) -> Result<(), Problem>;
}

/// Keeps the whole body; one chunk is kept as it came.
#[derive(Debug, Default)]
pub(super) struct Whole {
    one: Bytes,
    many: BytesMut,
}

impl Whole {
    /// The body.
    pub(super) fn into_bytes(self) -> Bytes {
        if self.many.is_empty() { self.one } else { self.many.freeze() }
    }
}

impl Sink for Whole {
    fn take(&mut self, chunk: Bytes) -> Result<(), Problem> {
        if self.many.is_empty() && self.one.is_empty() {
            self.one = chunk;
            return Ok(());
        }
        if self.many.is_empty() {
            self.many.reserve(2 * (self.one.len() + chunk.len()));
            self.many.extend_from_slice(&std::mem::take(&mut self.one));
        }
        self.many.extend_from_slice(&chunk);
        Ok(())
    }
}

/// The length that a request declares for its body, refused if it is too large.
pub(super) fn declared_length(door: &Door, headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let Some(text) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = text.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or_else(|| Problem::bad_request("Content-Length is no number"))?;
    let limit = door.options.body_bytes_max;
    match usize::try_from(length) {
        Ok(length) if length <= limit => Ok(Some(length)),
        _ => Err(too_large(limit)),
    }
}

/// Reads the body into `sink`, inflated if it is compressed. The bytes stay admitted for as long as the guard lives.
pub(super) async fn pour(
    door: &Door,
    headers: &HeaderMap,
    body: Body,
    sink: &mut impl Sink,
) -> Result<Admitted, Problem> {
    let declared = declared_length(door, headers)?;
    let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap_or("?"));
    let coding = Coding::from_content_encoding(coding).ok_or_else(|| {
        let message = "this Content-Encoding is not supported: use gzip, zstd, or none";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })?;
    let mut admitted = door.service.bodies().admit(declared.unwrap_or(0))?;
    if coding == Coding::Identity {
        read(door, body, &mut admitted, sink).await?;
        return Ok(admitted);
    }
    let mut packed = Whole::default();
    read(door, body, &mut admitted, &mut packed).await?;
    let (inflated, admitted) = inflate(door, coding, packed.into_bytes(), admitted).await?;
    sink.take(inflated)?;
    Ok(admitted)
}

async fn read(
    door: &Door,
    mut body: Body,
    admitted: &mut Admitted,
    sink: &mut impl Sink,
) -> Result<(), Problem> {
    let limit = door.options.body_bytes_max;
    let stall = Duration::from_millis(door.options.body_stall_ms_max);
    let clock = door.service.clock();
    let deadline = clock.now() + Duration::from_millis(door.options.body_ms_max);
    let mut total = 0_usize;
    loop {
        let left = deadline.saturating_duration_since(clock.now());
        let Ok(frame) = tokio::time::timeout(stall.min(left), body.frame()).await else {
            return Err(stalled(total));
        };
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|_| cut_short(total))?;
        // Trailers say nothing that we ask for.
        let Ok(chunk) = frame.into_data() else { continue };
        total = total.saturating_add(chunk.len());
        if total > limit {
            return Err(too_large(limit));
        }
        if total > admitted.bytes() {
            admitted.grow(total - admitted.bytes())?;
        }
        if !chunk.is_empty() {
            sink.take(chunk)?;
        }
    }
}

/// The refusal of a body above `limit` bytes.
pub(super) fn too_large(limit: usize) -> Problem {
    let message = format!("the body is larger than the limit of {limit} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        .number("limit_bytes", i64::try_from(limit).unwrap_or(i64::MAX))
}

fn stalled(total: usize) -> Problem {
    let message =
        format!("the rest of the body did not come in time: {total} bytes came, none of it was stored");
    Problem::new(StatusCode::REQUEST_TIMEOUT, message).retriable()
}

fn cut_short(total: usize) -> Problem {
    Problem::bad_request(format!("the body stopped short after {total} bytes: none of it was stored"))
}
