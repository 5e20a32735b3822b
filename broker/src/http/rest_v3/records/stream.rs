//! `POST .../records`: one JSON object after the other in, one receipt after the other out, at the same time.
//!
//! The answer is 200 as soon as there is more than one record, or one that is stored: each receipt says what became of
//! its record. A single record that failed is answered with its own status. The shell around `docket`: it pulls, so a
//! client that does not read its receipts is not read from either.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, unfold};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

use super::docket::{Docket, Load};
use super::receipt::{Origin, write};
use super::record::parse;
use super::scanner::{NoObject, Scanner};
use crate::cluster::Topic;
use crate::http::door::Door;
use crate::http::names::JSON;
use crate::http::rest_v3::at::At;
use crate::http::rest_v3::body::expect_json;
use crate::http::rest_v3::refusal::Refusal;
use crate::replication::Acks;
use crate::service::{Admitted, BatchOrigin, Produce, ProduceError, Produced};
use crate::types::{PartitionIndex, TopicPartition};

/// How long the end of the body is waited for when its first record has failed: it may be the only one.
const LONE_RECORD_GRACE: Duration = Duration::from_millis(100);

/// Produces a stream of records.
#[utoipa::path(
    post, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/records", tag = "rest v3",
    operation_id = "v3_produce", params(crate::http::rest_v3::openapi::Topic),
    request_body(content = serde_json::Value, content_type = "application/json",
        description = "Records, one JSON object after the other."),
    responses(
        (status = 200, description = "Receipts, one JSON object after the other, in the order of the records; each has its error_code", body = serde_json::Value),
        (status = 422, description = "No records, or a single one that may not be stored", body = crate::http::rest_v3::openapi::V3Refusal),
        crate::http::rest_v3::openapi::V3Refusals,
    ),
)]
pub(in crate::http) async fn produce(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let (parts, body) = request.into_parts();
    expect_json(&parts)?;
    if parts.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let message = "a stream of records is not compressed: send it without Content-Encoding";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let origin =
        Origin { cluster: at.links.cluster.clone(), topic: topic.name.as_str().to_owned(), with_code: true };
    let mut exchange = Exchange::new(door, topic, origin, body);
    if let Some(refusal) = exchange.open().await {
        return Ok(refusal.into_response());
    }
    let receipts = unfold(exchange, async |mut exchange| {
        let out = exchange.receipts().await?;
        Some((Ok::<_, Infallible>(out), exchange))
    });
    let mut response = Response::new(Body::from_stream(receipts));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// What a receipt takes, roughly.
const RECEIPT_BYTES: usize = 512;

/// Records in, receipts out.
struct Exchange {
    door: Arc<Door>,
    topic: Arc<Topic>,
    body: Body,
    scanner: Scanner,
    /// Whether the scanner holds no whole object.
    is_drained: bool,
    /// For what the scanner holds.
    held: Option<Admitted>,
    docket: Docket,
    under_way: FuturesUnordered<BoxFuture<'static, (PartitionIndex, Result<Produced, ProduceError>)>>,
    is_reading: bool,
    ends: Instant,
    sticky: u64,
}

impl Exchange {
    fn new(door: Arc<Door>, topic: Arc<Topic>, origin: Origin, body: Body) -> Self {
        let records_max = door.service.options().record_count_max;
        let ends = door.service.clock().now() + Duration::from_millis(door.options.records_ms_max);
        Self {
            docket: Docket::new(origin, topic.settings.max_message_bytes, records_max),
            sticky: door.next_sticky(),
            body,
            scanner: Scanner::default(),
            is_drained: true,
            held: None,
            under_way: FuturesUnordered::new(),
            is_reading: true,
            ends,
            topic,
            door,
        }
    }

    /// Goes on until it is known how to answer: the refusal of a single record, or of none; or by receipts.
    async fn open(&mut self) -> Option<Refusal> {
        while self.docket.first().is_none() && (self.is_reading || !self.under_way.is_empty()) {
            self.advance().await;
        }
        if self.docket.count() == 0 {
            let message = "the body holds no records: send one JSON object after the other";
            return Some(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
        }
        let refusal = self.docket.first()?.as_ref().err()?.clone();
        let grace = async {
            while self.is_reading && self.docket.count() == 1 {
                self.advance().await;
            }
        };
        // Whoever sends on gets receipts; so does who is silent for longer.
        let _ = tokio::time::timeout(LONE_RECORD_GRACE, grace).await;
        (!self.is_reading && self.docket.count() == 1).then_some(refusal)
    }

    /// The next receipts; `None` if all have left and no more records come.
    async fn receipts(&mut self) -> Option<Bytes> {
        loop {
            let mut out = Vec::new();
            while let Some(outcome) = self.docket.pop() {
                write(&mut out, &outcome);
            }
            if !out.is_empty() {
                return Some(out.into());
            }
            if !self.is_reading && self.under_way.is_empty() {
                return None;
            }
            self.advance().await;
        }
    }

    /// One thing more: a batch is answered, or some of the body comes.
    async fn advance(&mut self) {
        if !self.is_drained && self.docket.has_room() {
            self.scan();
            self.send();
            return;
        }
        let reads = self.is_reading && self.is_drained && self.docket.has_room();
        let now = self.door.service.clock().now();
        let idle = Duration::from_millis(self.door.options.records_idle_ms_max);
        let patience = idle.min(self.ends.saturating_duration_since(now));
        tokio::select! {
            biased;
            Some((partition, outcome)) = self.under_way.next(), if !self.under_way.is_empty() => {
                self.docket.settle(partition, outcome.map_err(Refusal::from));
            }
            () = self.door.stop.cancelled(), if self.is_reading => {
                let message = "the broker is stopping: send the rest elsewhere";
                self.end(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_003));
            }
            frame = tokio::time::timeout(patience, self.body.frame()), if reads => match frame {
                Ok(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        self.take(&chunk);
                    }
                }
                Ok(None) => self.finish(),
                // Nobody is there any more to be told.
                Ok(Some(Err(_))) => self.is_reading = false,
                Err(_) => {
                    let message = "the stream was silent, or open, for too long: begin a new one";
                    self.end(Refusal::new(StatusCode::REQUEST_TIMEOUT, message));
                }
            },
        }
        self.send();
    }

    fn take(&mut self, chunk: &[u8]) {
        // The topic may have grown since, or been set otherwise.
        if let Some(topic) = self.door.service.image().topic(&self.topic.name) {
            self.topic = Arc::clone(topic);
        }
        self.scanner.take(chunk);
        self.scan();
    }

    /// Takes objects for as long as there is room for their receipts: a small chunk may hold very many.
    fn scan(&mut self) {
        self.is_drained = false;
        while self.docket.has_room() {
            match self.scanner.next() {
                Ok(Some(object)) => self.take_object(&object),
                Ok(None) => {
                    self.is_drained = true;
                    break;
                }
                Err(NoObject(byte)) => {
                    let message =
                        format!("a record is a JSON object, and this begins with '{}'", byte.escape_ascii());
                    return self.end(Refusal::malformed(message));
                }
            }
        }
        let held = self.scanner.held();
        let limit = self.door.options.body_bytes_max;
        if self.is_drained && held > limit {
            let message = format!("the record is larger than {limit} bytes");
            return self.end(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        self.held = None;
        match self.door.service.bodies().admit(held) {
            Ok(admitted) => self.held = Some(admitted),
            Err(overloaded) => self.end(overloaded.into()),
        }
    }

    fn take_object(&mut self, object: &[u8]) {
        let bytes = object.len() + RECEIPT_BYTES;
        let accepted = self.door.service.bodies().admit(bytes).map_err(Refusal::from);
        let accepted = accepted.and_then(|admitted| {
            let sent = parse(object)?;
            let partition = place(&self.door, &self.topic, sent.key_bytes(), sent.partition, self.sticky)?;
            Ok((sent, partition, admitted))
        });
        match accepted {
            Ok((sent, partition, admitted)) => {
                let now_ms = self.door.service.clock().unix_ms();
                self.docket.add(sent, partition, now_ms, Some(admitted));
            }
            Err(refusal) => self.docket.refuse(refusal),
        }
    }

    /// The body has ended.
    fn finish(&mut self) {
        if self.scanner.is_within() {
            self.end(Refusal::malformed("the last record stops short"));
        }
        self.is_reading = false;
    }

    /// Nothing more is read, and why is said behind all that was.
    fn end(&mut self, refusal: Refusal) {
        self.docket.refuse(refusal);
        self.is_reading = false;
        self.held = None;
        self.is_drained = true;
        self.scanner = Scanner::default();
    }

    /// Sends every batch that may go.
    fn send(&mut self) {
        while let Some(load) = self.docket.next_load() {
            let (door, topic) = (Arc::clone(&self.door), Arc::clone(&self.topic));
            self.under_way.push(Box::pin(async move {
                let partition = load.partition;
                (partition, store(&door, &topic, load).await)
            }));
        }
    }
}

/// Stores a batch on all in-sync replicas.
pub(super) async fn store(door: &Door, topic: &Topic, load: Load) -> Result<Produced, ProduceError> {
    let produce = Produce {
        tp: TopicPartition::new(topic.name.clone(), load.partition),
        batch: load.batch,
        origin: BatchOrigin::Built,
        acks: Acks::All,
        timeout: Duration::from_millis(door.service.options().produce_timeout_ms_default),
        expected_offset: None,
        forward: true,
    };
    door.service.produce(produce).await
}

/// The partition of a record: its own word, else its key, else the one that the request sticks to.
pub(super) fn place(
    door: &Door,
    topic: &Topic,
    key: Option<&[u8]>,
    own: Option<i32>,
    sticky: u64,
) -> Result<PartitionIndex, Refusal> {
    if key.is_none() && topic.settings.cleanup.compacts {
        let message = "the record has no key, and the topic is compacted: give every record a key";
        return Err(Refusal::unprocessable(8, message));
    }
    let count = topic.partition_count();
    match own {
        Some(own) if (0..count).contains(&own) => Ok(PartitionIndex(own)),
        Some(own) => {
            let message = format!("topic '{}' has no partition {own}: it has {count}, from 0", topic.name);
            Err(Refusal::unknown_topic_or_partition(message))
        }
        None => Ok(door.service.pick_partition(&topic.name, key, sticky)?),
    }
}
