//! The stream of one partition. A record's id is its offset.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use http::HeaderValue;

use super::framing::Framing;
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::names::PARTITION;
use crate::http::read::{describe, explain};
use crate::http::read_query::ReadQuery;
use crate::http::render::write_record;
use crate::http::selection::{Bounds, Selection};
use crate::service::{Fetch, FetchError, FetchFrom, Fetched};
use crate::types::{Offset, TopicId, TopicPartition};

/// Answers with a stream; what is wrong at its start is still told by a status.
pub(in crate::http) async fn answer(
    door: &Arc<Door>,
    tp: TopicPartition,
    query: ReadQuery,
) -> Result<Response, Problem> {
    let framing = Framing::of(query.kind).ok_or_else(|| Problem::bad_request("this cannot be streamed"))?;
    let ends = door.service.clock().now() + Duration::from_millis(door.options.stream_ms_max);
    let topic_id = door.service.image().topic(&tp.topic).map(|topic| topic.id);
    let from = query.from;
    let door = Arc::clone(door);
    let mut follow = Follow { door, framing, tp, topic_id, from, told: 0, query, ends, fetched: None };
    let first = follow.fetch(Duration::ZERO).await.map_err(explain)?;
    let mut response = framing.response(&follow.door);
    let headers = response.headers_mut();
    headers.insert(PARTITION, HeaderValue::from(follow.tp.partition.0));
    describe(headers, &first, first.from);
    follow.fetched = Some(first);
    *response.body_mut() = Body::from_stream(unfold(Some(follow), step));
    Ok(response)
}

/// A stream on its way.
#[derive(Debug)]
struct Follow {
    door: Arc<Door>,
    framing: Framing,
    tp: TopicPartition,
    /// Which topic of that name.
    topic_id: Option<TopicId>,
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
            follow.framing.begin(&mut out);
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
        let fetched = self.door.service.fetch(fetch).await?;
        // A topic that was made anew under the same name is another one.
        if self.door.service.image().topic(&self.tp.topic).map(|topic| topic.id) != self.topic_id {
            return Err(FetchError::UnknownTopic(self.tp.topic.clone()));
        }
        Ok(fetched)
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
                self.framing.problem(out, &problem);
                return false;
            }
        };
        self.told += told;
        let at_end =
            self.told >= self.query.max_records || self.query.until.is_some_and(|until| next >= until);
        if at_end {
            self.control(out, next, fetched.high_watermark, Some("end_reached"));
        } else if told == 0 && out.is_empty() {
            self.framing.heartbeat(out);
        } else if next >= fetched.high_watermark {
            self.control(out, next, fetched.high_watermark, None);
        }
        !at_end
    }

    fn tell_records(&self, out: &mut Vec<u8>, selection: &mut Selection) -> Result<usize, Problem> {
        let mut told = 0;
        while told == 0 || out.len() < self.query.max_bytes {
            let Some(record) = selection.next()? else { break };
            told += 1;
            self.framing.record(
                out,
                // Writing to memory cannot fail.
                |out| drop(write!(out, "{}", record.offset)),
                |out| write_record(out, &record, Some(self.tp.partition.0), self.query.reading),
            );
        }
        Ok(told)
    }

    fn tell_end(&self, out: &mut Vec<u8>, end: End) {
        let reason = match end {
            End::Failed(error) => return self.framing.problem(out, &error.into()),
            End::Stopping => "stopping",
            End::MaxAge => "max_age",
        };
        if let FetchFrom::Offset(next) = self.from {
            self.control(out, next, Offset::NONE, Some(reason));
        }
    }

    fn control(&self, out: &mut Vec<u8>, next: Offset, high_watermark: Offset, reason: Option<&str>) {
        let members = |out: &mut Vec<u8>| {
            // Writing to memory cannot fail.
            let _ = write!(out, "\"next_offset\":{next}");
            if high_watermark != Offset::NONE {
                let up_to_date = next >= high_watermark;
                let _ = write!(out, ",\"high_watermark\":{high_watermark},\"up_to_date\":{up_to_date}");
            }
        };
        self.framing.control(out, members, reason);
    }
}
