//! Read: `GET /v1/topics/{topic}/partitions/{partition}/records`, safe and repeatable.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::chunked::{Chunks, counted_body};
use super::door::{Door, PartitionPath};
use super::errors::Problem;
use super::media::ReadKind;
use super::names::{
    HIGH_WATERMARK, LEADER, LEADER_EPOCH, NEXT_OFFSET, PARTITION, SERVED_BY, START_OFFSET, TRUE, UP_TO_DATE,
};
use super::read_query::ReadQuery;
use super::redirect::redirected;
use super::selection::{Bounds, Selection};
use super::streams;
use super::value_answer::value_answer;
use crate::record::next_batch;
use crate::service::{Fetch, FetchError, FetchFrom, Fetched};
use crate::types::{Offset, TopicPartition};

/// Reads records of a partition, waits for them, or follows them as they come.
#[utoipa::path(
    get,
    path = "/v1/topics/{topic}/partitions/{partition}/records",
    tag = "read",
    operation_id = "read_records",
    params(super::openapi::PartitionParams, super::openapi::ReadParams),
    responses(super::openapi::ReadResponses)
)]
pub(super) async fn read(
    State(door): State<Arc<Door>>,
    PartitionPath(tp): PartitionPath,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer(&door, tp, &parts).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(door: &Arc<Door>, tp: TopicPartition, parts: &Parts) -> Result<Response, Problem> {
    let default_bytes = door.service.options().fetch_bytes_default;
    let mut query = ReadQuery::parse(parts.uri.query(), &parts.headers, default_bytes)?;
    // A bound on what is told, too, which may be far more than what was read.
    query.max_bytes = query.max_bytes.min(door.service.options().fetch_bytes_max);
    if let Some(elsewhere) = redirected(door, &tp, parts, &ReadQuery::parameters(parts.uri.query())?)? {
        return Ok(elsewhere);
    }
    if query.streams {
        return streams::answer(door, tp, query).await;
    }
    let fetch = Fetch {
        tp: tp.clone(),
        from: query.from,
        max_bytes: query.max_bytes,
        min_bytes: query.min_bytes,
        wait: query.wait,
        leader_epoch: query.leader_epoch,
        forward: true,
    };
    let fetched = fetched_with_records(door, fetch).await;
    let fetched = fetched.map_err(|error| explain(error).header(SERVED_BY, door.served_by.clone()))?;
    let mut response = match query.kind {
        ReadKind::Batches => batches_answer(fetched),
        kind => records_answer(door, &tp, &query, kind, fetched)?,
    };
    let headers = response.headers_mut();
    headers.insert(PARTITION, HeaderValue::from(tp.partition.0));
    headers.insert(SERVED_BY, door.served_by.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(link) = headers.get(NEXT_OFFSET).and_then(|next| next_link(parts, next)) {
        headers.insert(LINK, link);
    }
    Ok(response)
}

/// Reads on until a record comes, or the end: nobody should take what compaction left of some batches for the end.
pub(super) async fn fetched_with_records(door: &Door, mut fetch: Fetch) -> Result<Fetched, FetchError> {
    loop {
        let fetched = door.service.fetch(fetch.clone()).await?;
        if !is_hollow(&fetched) {
            return Ok(fetched);
        }
        fetch.from = FetchFrom::Offset(fetched.next_offset);
    }
}

/// Whether no batch that was read holds a record, although there is more to read.
fn is_hollow(fetched: &Fetched) -> bool {
    let is_empty = |mut piece: &[u8]| {
        while let Ok(Some((header, batch))) = next_batch(piece) {
            if header.record_count > 0 && header.last_offset() >= fetched.from {
                return false;
            }
            piece = &piece[batch.len()..];
        }
        true
    };
    let goes_on = fetched.next_offset > fetched.from && fetched.next_offset < fetched.high_watermark;
    goes_on && fetched.batches.iter().all(|piece| is_empty(piece))
}

/// A refusal with the headers that tell where to read instead.
pub(super) fn explain(error: FetchError) -> Problem {
    let (header, value) = match &error {
        FetchError::BeyondEnd { end, .. } => (NEXT_OFFSET, *end),
        FetchError::BelowStart { start, .. } => (START_OFFSET, *start),
        _ => return error.into(),
    };
    Problem::from(error).header(header, HeaderValue::from(value.0))
}

/// Whole batches, byte for byte.
fn batches_answer(fetched: Fetched) -> Response {
    let mut response = empty();
    describe(response.headers_mut(), &fetched, fetched.next_offset);
    if !fetched.batches.is_empty() {
        *response.status_mut() = StatusCode::OK;
        let media_type = HeaderValue::from_static(ReadKind::Batches.media_type());
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        *response.body_mut() = Body::new(Chunks::new(fetched.batches, fetched.admitted));
    }
    response
}

/// Records, decoded and told one by one.
fn records_answer(
    door: &Door,
    tp: &TopicPartition,
    query: &ReadQuery,
    kind: ReadKind,
    mut fetched: Fetched,
) -> Result<Response, Problem> {
    let bounds = Bounds { until: query.until, bytes_max: query.max_bytes, records_max: query.max_records };
    let inflated_bytes_max = door.service.options().inflated_bytes_max;
    let mut selection = Selection::new(&fetched, bounds, inflated_bytes_max);
    if kind == ReadKind::Value {
        let record = selection.next()?;
        let next = selection.next_offset();
        let mut response = match record {
            Some(record) => value_answer(door, &record)?,
            None => empty(),
        };
        describe(response.headers_mut(), &fetched, next);
        return Ok(response);
    }
    let mut out = Vec::with_capacity(fetched.batches.iter().map(Bytes::len).sum::<usize>() * 2);
    let count = selection.write_all(&mut out, kind, tp.partition, query.reading)?;
    let next = selection.next_offset();
    let mut response = if count == 0 {
        empty()
    } else {
        if kind == ReadKind::Json {
            close_json(&mut out, tp, &fetched, next);
        }
        drop(fetched.admitted.take());
        let mut response = Response::new(counted_body(door, out)?);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
        response
    };
    describe(response.headers_mut(), &fetched, next);
    Ok(response)
}

fn close_json(out: &mut Vec<u8>, tp: &TopicPartition, fetched: &Fetched, next: Offset) {
    use std::io::Write as _;
    let Fetched { high_watermark, log_start, leader_epoch, .. } = fetched;
    // Writing to memory cannot fail.
    let _ = writeln!(
        out,
        "],\"partition\":{},\"next_offset\":{next},\"high_watermark\":{high_watermark},\"log_start\":{log_start},\
         \"leader_epoch\":{leader_epoch}}}",
        tp.partition
    );
}

fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The headers that every answered read has.
pub(super) fn describe(headers: &mut HeaderMap, fetched: &Fetched, next: Offset) {
    headers.insert(NEXT_OFFSET, HeaderValue::from(next.0));
    headers.insert(HIGH_WATERMARK, HeaderValue::from(fetched.high_watermark.0));
    headers.insert(START_OFFSET, HeaderValue::from(fetched.log_start.0));
    headers.insert(LEADER_EPOCH, HeaderValue::from(fetched.leader_epoch.0));
    headers.insert(LEADER, HeaderValue::from(fetched.leader.0));
    if next >= fetched.high_watermark {
        headers.insert(UP_TO_DATE, TRUE);
    }
}

/// `Link: <...>; rel="next"`: the same read from where this one ended.
fn next_link(parts: &Parts, next: &HeaderValue) -> Option<HeaderValue> {
    let next = next.to_str().ok()?;
    let mut link = format!("<{}?offset={next}", parts.uri.path());
    let others = parts.uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && !["offset", "timestamp", "tail"].contains(&name)
    });
    for pair in others {
        link.push('&');
        link.push_str(pair);
    }
    link.push_str(">; rel=\"next\"");
    HeaderValue::try_from(link).ok()
}
