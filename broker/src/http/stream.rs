//! Streams: records as they come, as server-sent events or as lines, until somebody has had enough.
//!
//! ```text
//! id: 1041
//! event: record
//! data: {"partition":2,"offset":1041,...}
//!
//! event: control
//! data: {"next_offset":1042,"high_watermark":1042,"up_to_date":true}
//!
//! : heartbeat
//! ```
//!
//! A reader that comes back with `Last-Event-ID` misses nothing and gets nothing twice. A stream pulls: it fetches the
//! next records when the last ones have left, so a slow reader costs no more memory than one fetch.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::door::Door;
use super::errors::Problem;
use super::media::ReadKind;
use super::names::{PARTITION, SERVED_BY};
use super::read::{describe, explain};
use super::read_query::ReadQuery;
use super::render::write_record;
use super::selection::{Bounds, Selection};
use crate::service::{Fetch, FetchError, FetchFrom, Fetched};
use crate::types::{Offset, TopicPartition};

/// How long a reader waits before it comes back, as server-sent events say it.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// Answers with a stream; what is wrong at its start is still told by a status.
pub(super) async fn answer(
    door: &Arc<Door>,
    tp: TopicPartition,
    query: ReadQuery,
) -> Result<Response, Problem> {
    let ends = door.service.clock().now() + Duration::from_millis(door.options.stream_ms_max);
    let mut follow =
        Follow { door: Arc::clone(door), tp, from: query.from, told: 0, query, ends, fetched: None };
    let first = follow.fetch(Duration::ZERO).await.map_err(explain)?;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(follow.query.kind.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers.insert(PARTITION, HeaderValue::from(follow.tp.partition.0));
    headers.insert(SERVED_BY, door.served_by.clone());
    describe(headers, &first, first.from);
    follow.fetched = Some(first);
    *response.body_mut() = Body::from_stream(unfold(Some(follow), step));
    Ok(response)
}

/// A stream on its way.
#[derive(Debug)]
struct Follow {
    door: Arc<Door>,
    tp: TopicPartition,
    query: ReadQuery,
    from: FetchFrom,
    told: usize,
    ends: Instant,
    /// What the first fetch brought, to be told first.
    fetched: Option<Fetched>,
}

/// One piece of the stream, and what goes on after it.
async fn step(follow: Option<Follow>) -> Option<(Result<Bytes, Infallible>, Option<Follow>)> {
    let mut follow = follow?;
    let mut out = Vec::new();
    let fetched = match follow.fetched.take() {
        Some(first) => {
            if follow.query.kind == ReadKind::Events {
                out.extend_from_slice(RETRY);
            }
            Ok(first)
        }
        None => follow.fetch_or_stop().await,
    };
    let goes_on = match fetched {
        Ok(fetched) => follow.tell(&mut out, &fetched),
        Err(end) => {
            follow.tell_end(&mut out, end);
            false
        }
    };
    Some((Ok(Bytes::from(out)), goes_on.then_some(follow)))
}

/// Why a stream ends.
enum End {
    /// The broker is stopping.
    Stopping,
    /// It has lasted long enough.
    MaxAge,
    /// The records cannot be read.
    Failed(FetchError),
}

impl Follow {
    async fn fetch(&self, wait: Duration) -> Result<Fetched, FetchError> {
        let fetch = Fetch {
            tp: self.tp.clone(),
            from: self.from,
            max_bytes: self.query.max_bytes,
            min_bytes: 1,
            wait,
            leader_epoch: self.query.leader_epoch,
            forward: true,
        };
        self.door.service.fetch(fetch).await
    }

    /// The next records, or none after the time of a heartbeat.
    async fn fetch_or_stop(&self) -> Result<Fetched, End> {
        let left = self.ends.saturating_duration_since(self.door.service.clock().now());
        if left.is_zero() {
            return Err(End::MaxAge);
        }
        let wait = Duration::from_millis(self.door.options.heartbeat_ms).min(left);
        tokio::select! {
            biased;
            () = self.door.stop.cancelled() => Err(End::Stopping),
            fetched = self.fetch(wait) => fetched.map_err(End::Failed),
        }
    }

    /// Tells what was fetched; `false` if the stream has reached the end that its reader set.
    fn tell(&mut self, out: &mut Vec<u8>, fetched: &Fetched) -> bool {
        let left = self.query.max_records - self.told;
        let bounds = Bounds { until: self.query.until, bytes_max: self.query.max_bytes, records_max: left };
        let mut selection = Selection::new(fetched, bounds, self.door.service.options().inflated_bytes_max);
        let told = self.tell_records(out, &mut selection);
        let next = selection.next_offset();
        self.from = FetchFrom::Offset(next);
        let told = match told {
            Ok(told) => told,
            Err(problem) => {
                self.tell_problem(out, &problem);
                return false;
            }
        };
        self.told += told;
        let at_end =
            self.told >= self.query.max_records || self.query.until.is_some_and(|until| next >= until);
        let events = self.query.kind == ReadKind::Events;
        if at_end && events {
            control(out, next, fetched.high_watermark, Some("end_reached"));
        } else if told == 0 && out.is_empty() {
            out.extend_from_slice(if events { b": heartbeat\n\n" } else { b"\n" });
        } else if events && next >= fetched.high_watermark {
            control(out, next, fetched.high_watermark, None);
        }
        !at_end
    }

    fn tell_records(&self, out: &mut Vec<u8>, selection: &mut Selection) -> Result<usize, Problem> {
        let mut told = 0;
        while told == 0 || out.len() < self.query.max_bytes {
            let Some(record) = selection.next()? else { break };
            told += 1;
            if self.query.kind == ReadKind::Events {
                // Writing to memory cannot fail.
                let _ = write!(out, "id: {}\nevent: record\ndata: ", record.offset);
            }
            write_record(out, &record, Some(self.tp.partition.0), self.query.reading);
            out.extend_from_slice(if self.query.kind == ReadKind::Events { b"\n\n" } else { b"\n" });
        }
        Ok(told)
    }

    fn tell_end(&self, out: &mut Vec<u8>, end: End) {
        let reason = match end {
            End::Failed(error) => return self.tell_problem(out, &error.into()),
            End::Stopping => "stopping",
            End::MaxAge => "max_age",
        };
        if let (ReadKind::Events, FetchFrom::Offset(next)) = (self.query.kind, self.from) {
            control(out, next, Offset::NONE, Some(reason));
        }
    }

    fn tell_problem(&self, out: &mut Vec<u8>, problem: &Problem) {
        let mut json = String::from("{");
        problem.write_members(&mut json);
        json.push('}');
        // Writing to memory cannot fail.
        let _ = if self.query.kind == ReadKind::Events {
            write!(out, "event: error\ndata: {json}\n\n")
        } else {
            writeln!(out, "{json}")
        };
    }
}

fn control(out: &mut Vec<u8>, next: Offset, high_watermark: Offset, reason: Option<&str>) {
    // Writing to memory cannot fail.
    let _ = write!(out, "event: control\ndata: {{\"next_offset\":{next}");
    if high_watermark != Offset::NONE {
        let up_to_date = next >= high_watermark;
        let _ = write!(out, ",\"high_watermark\":{high_watermark},\"up_to_date\":{up_to_date}");
    }
    if let Some(reason) = reason {
        let _ = write!(out, ",\"reason\":\"{reason}\"");
    }
    out.extend_from_slice(b"}\n\n");
}
