//! Several partitions as one stream. Records of one partition come in their order; between partitions there is none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;

use super::query::StreamQuery;
use super::vector::{Naming, write_vector};
use crate::http::door::Door;
use crate::http::errors::Problem;
use crate::http::read::explain;
use crate::http::render::write_record;
use crate::http::selection::{Bounds, Selection};
use crate::record::Record;
use crate::service::{Admitted, Came, Follower, GroupCallError};
use crate::types::TopicPartition;

/// A stream of what `follower` brings.
pub(super) fn stream(
    door: &Arc<Door>,
    mut query: StreamQuery,
    follower: Follower,
    naming: Naming,
) -> Response {
    query.max_bytes = query.max_bytes.min(door.service.options().fetch_bytes_max);
    let mut response = query.framing.response(door);
    let merged = Merged {
        door: Arc::clone(door),
        ends: door.service.clock().now() + Duration::from_millis(door.options.stream_ms_max),
        query,
        follower,
        naming,
        ready: VecDeque::new(),
        told: 0,
        begun: false,
    };
    *response.body_mut() = Body::from_stream(unfold(Some(merged), step));
    response
}

/// A stream on its way.
struct Merged {
    door: Arc<Door>,
    query: StreamQuery,
    follower: Follower,
    naming: Naming,
    ends: Instant,
    /// What has come and is not told yet.
    ready: VecDeque<Ready>,
    told: usize,
    begun: bool,
}

/// Records of one partition that are not told yet.
struct Ready {
    tp: TopicPartition,
    records: Selection,
    /// Keeps their bytes in the budget.
    _admitted: Option<Admitted>,
}

/// Why a stream ends.
enum End {
    /// The broker is stopping.
    Stopping,
    /// It has lasted long enough.
    MaxAge,
    /// Its reader wanted no more records than these.
    Full,
    /// There can be no more.
    Failed(Problem),
}

/// One piece of the stream, and what goes on after it.
async fn step(merged: Option<Merged>) -> Option<(Result<Bytes, Infallible>, Option<Merged>)> {
    let mut merged = merged?;
    let mut out = Vec::new();
    if !std::mem::replace(&mut merged.begun, true) {
        merged.query.framing.begin(&mut out);
    }
    let goes_on = match merged.more(&mut out).await {
        Ok(()) => true,
        Err(end) => {
            merged.tell_end(&mut out, end);
            false
        }
    };
    Some((Ok(Bytes::from(out)), goes_on.then_some(merged)))
}

impl Merged {
    /// The next piece: records, or a heartbeat if none came in time.
    async fn more(&mut self, out: &mut Vec<u8>) -> Result<(), End> {
        if self.ready.is_empty() {
            self.fetch().await?;
        }
        if self.ready.is_empty() {
            self.query.framing.heartbeat(out);
            return Ok(());
        }
        let told = self.tell(out).map_err(End::Failed)?;
        self.told += told;
        if self.told >= self.query.max_records {
            self.follower.finish().await.map_err(|error| End::Failed(refusal(error)))?;
            return Err(End::Full);
        }
        if told > 0 && self.ready.is_empty() && self.follower.is_up_to_date() {
            self.control(out, None);
        }
        Ok(())
    }

    /// Waits for records, at most until the next heartbeat.
    async fn fetch(&mut self) -> Result<(), End> {
        let left = self.ends.saturating_duration_since(self.door.service.clock().now());
        if left.is_zero() {
            return Err(End::MaxAge);
        }
        let wait = Duration::from_millis(self.door.options.heartbeat_ms).min(left);
        let came = tokio::select! {
            biased;
            () = self.door.stop.cancelled() => return Err(End::Stopping),
            came = self.follower.next(self.query.max_bytes, wait) => came,
        };
        let inflated_bytes_max = self.door.service.options().inflated_bytes_max;
        let bounds = Bounds { until: None, bytes_max: usize::MAX, records_max: usize::MAX };
        let ready = |(tp, mut fetched): Came| {
            let records = Selection::new(&fetched, bounds, inflated_bytes_max);
            Ready { tp, records, _admitted: fetched.admitted.take() }
        };
        self.ready = came.map_err(|error| End::Failed(refusal(error)))?.into_iter().map(ready).collect();
        Ok(())
    }

    /// Tells what is ready, about as much as fits; returns how many records these are.
    fn tell(&mut self, out: &mut Vec<u8>) -> Result<usize, Problem> {
        let left = self.query.max_records - self.told;
        let mut told = 0;
        while told < left && (told == 0 || out.len() < self.query.max_bytes) {
            let Some(ready) = self.ready.front_mut() else { break };
            let record = ready.records.next()?;
            let (tp, next) = (ready.tp.clone(), ready.records.next_offset());
            self.follower.told(&tp, next);
            match record {
                Some(record) => {
                    told += 1;
                    self.write(out, &tp, &record);
                }
                None => drop(self.ready.pop_front()),
            }
        }
        Ok(told)
    }

    fn write(&self, out: &mut Vec<u8>, tp: &TopicPartition, record: &Record) {
        let json = |out: &mut Vec<u8>| {
            let begin = out.len();
            write_record(out, record, Some(tp.partition.0), self.query.reading);
            if self.naming == Naming::Topic {
                // A topic's name holds nothing that JSON would escape.
                out.splice(begin..=begin, format!("{{\"topic\":\"{}\",", tp.topic).into_bytes());
            }
        };
        self.query.framing.record(out, |out| self.vector(out), json);
    }

    fn vector(&self, out: &mut Vec<u8>) {
        let standings = self.follower.standings().iter();
        write_vector(out, self.naming, standings.map(|(tp, standing)| (tp, standing.next)));
    }

    fn tell_end(&self, out: &mut Vec<u8>, end: End) {
        match end {
            End::Failed(problem) => self.query.framing.problem(out, &problem),
            End::Stopping => self.control(out, Some("stopping")),
            End::MaxAge => self.control(out, Some("max_age")),
            End::Full => self.control(out, Some("end_reached")),
        }
    }

    /// Where the stream stands.
    fn control(&self, out: &mut Vec<u8>, reason: Option<&str>) {
        let members = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"\"next_offsets\":\"");
            self.vector(out);
            // Writing to memory cannot fail.
            let _ = write!(out, "\",\"up_to_date\":{}", self.follower.is_up_to_date());
        };
        self.query.framing.control(out, members, reason);
    }
}

/// A refusal with the headers that tell where to read instead.
pub(super) fn refusal(error: GroupCallError) -> Problem {
    match error {
        GroupCallError::Read(error) => explain(error),
        error => error.into(),
    }
}
