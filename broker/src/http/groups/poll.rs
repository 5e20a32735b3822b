//! Poll: a member acknowledges what it was given, and gets more.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::path::MemberPath;
use super::token;
use crate::http::admin::{json_body, parsed};
use crate::http::chunked::counted_body;
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::names::{JSON, SERVED_BY};
use crate::http::query::{Query, shown};
use crate::http::render::{Reading, write_record};
use crate::http::selection::{Bounds, Selection};
use crate::replication::Written;
use crate::service::{Poll, PollToken, Polled};

/// Kafka's `max.poll.records`.
const RECORDS_DEFAULT: usize = 500;

/// What a poll acknowledges.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PollWish {
    /// The token of the poll before: all that it gave is done with. Nothing the first time.
    ack: Option<String>,
}

/// Acknowledges the last poll and returns the next records. The same ack returns the same records again.
#[utoipa::path(
    post, path = "/v1/groups/{group}/members/{member}/poll", tag = "groups", operation_id = "poll_group",
    params(crate::http::openapi::MemberParams, crate::http::openapi::PollParams),
    request_body = Option<PollWish>,
    responses(
        (status = 200, description = "Records, or none in time", body = crate::http::openapi::PollAnswer),
        (status = 410, description = "No offset is committed, or it cannot be read any more, and the member wants none \
            in its place", body = crate::http::openapi::ProblemAnswer),
        crate::http::openapi::GroupRefusals,
    ),
)]
pub(in crate::http) async fn poll(
    State(door): State<Arc<Door>>,
    MemberPath(group, member): MemberPath,
    request: Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().map(str::to_owned);
    let query = Query::parse(query.as_deref(), &["wait_ms", "max_bytes", "max_records", "as"])?;
    let default_bytes = door.service.options().fetch_bytes_default;
    let most = door.service.options().fetch_bytes_max;
    let max_bytes = query.number::<usize>("max_bytes")?.unwrap_or(default_bytes).clamp(1, most.max(1));
    let max_records = query.number::<usize>("max_records")?.unwrap_or(RECORDS_DEFAULT);
    if max_records == 0 {
        return Err(Problem::bad_request("max_records must be at least 1"));
    }
    let wait = Duration::from_millis(query.number::<u64>("wait_ms")?.unwrap_or(0));
    let reading = match query.text("as") {
        None => Reading::default(),
        Some(name) => Reading::from_name(name).ok_or_else(|| {
            Problem::bad_request(format!("as must be text, json or base64, not '{}'", shown(name)))
        })?,
    };
    let wish: PollWish = parsed(&json_body(&door, request).await?)?;
    let token = wish.ack.as_deref().map(token::read).transpose()?;
    let polled = door.service.poll_group(Poll { group, member, token, max_bytes, wait }).await;
    let polled = polled.map_err(|failed| {
        let problem = Problem::from(failed.error);
        if failed.written == Written::No { problem } else { problem.written(failed.written) }
    })?;
    answer(&door, polled, max_bytes, max_records, reading)
}

/// The records, and the token that acknowledges them.
fn answer(
    door: &Door,
    polled: Polled,
    max_bytes: usize,
    max_records: usize,
    reading: Reading,
) -> Result<Response, Problem> {
    let mut next = PollToken { epoch: polled.epoch, turn: polled.next_turn, positions: Default::default() };
    let mut out = b"{\"records\":[".to_vec();
    let mut scratch = Vec::new();
    let mut told = 0;
    for one in &polled.partitions {
        let bounds = Bounds { until: None, bytes_max: usize::MAX, records_max: usize::MAX };
        let mut records = Selection::new(&one.fetched, bounds, door.service.options().inflated_bytes_max);
        while told == 0 || (out.len() < max_bytes && told < max_records) {
            let Some(record) = records.next()? else { break };
            if told > 0 {
                out.push(b',');
            }
            scratch.clear();
            write_record(&mut scratch, &record, Some(one.tp.partition.0), reading);
            // Writing to memory cannot fail. A topic's name holds nothing that JSON would escape.
            let _ = write!(out, "{{\"topic\":\"{}\",", one.tp.topic);
            out.extend_from_slice(scratch.get(1..).unwrap_or_default());
            told += 1;
        }
        if one.committed != Some(records.next_offset()) {
            next.positions.insert(one.id, records.next_offset());
        }
    }
    let _ = writeln!(out, "],\"token\":\"{}\",\"member_epoch\":{}}}", token::write(&next), polled.epoch);
    drop(polled.partitions);
    let mut response = Response::new(counted_body(door, out)?);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SERVED_BY, door.served_by.clone());
    Ok(response)
}
