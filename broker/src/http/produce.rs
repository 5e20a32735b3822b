//! Produce: `POST /v1/topics/{topic}/records` and `POST /v1/topics/{topic}/partitions/{partition}/records`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::future::join_all;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::batches::{Batches, Load};
use super::body::{Whole, declared_length, pour};
use super::door::{Door, PartitionPath, TopicPath};
use super::envelope::Envelope;
use super::errors::Problem;
use super::lines::{BatchBounds, Lines};
use super::media::{BodyKind, PRODUCE_TYPES};
use super::names::EXPECTED_OFFSET;
use super::produce_answer::{Stored, answer};
use super::producer::Producer;
use super::query::{Query, shown};
use super::redirect::redirected;
use super::template::Template;
use crate::record::{BatchBuilder, BatchHeader};
use crate::replication::Acks;
use crate::service::{Admitted, BatchOrigin, Produce, ProduceError};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};

const PARAMETERS: [&str; 5] = ["acks", "timeout_ms", "timeout", "envelope", "redirect"];

/// What a produce request asks for, apart from its records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// When to answer.
    pub(super) acks: Acks,
    timeout: Duration,
    envelope: bool,
    expected_offset: Option<Offset>,
    producer: Option<Producer>,
    kind: BodyKind,
}

/// Where the records go.
#[derive(Clone, Debug)]
enum Target {
    Topic(TopicName),
    Partition(TopicPartition),
}

/// Stores records in a topic; keys choose partitions as Kafka's producer does.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/records", tag = "produce", operation_id = "produce_to_topic",
    params(super::openapi::TopicParam, super::openapi::ProduceParams),
    request_body(description = "The media type decides what a record is.", content(
        (Vec<u8> = "application/octet-stream"),
        (String = "text/plain"),
        (String = "application/x-ndjson"),
        (super::openapi::RecordsWish = "application/json"),
        (Vec<u8> = "application/vnd.tidemark.batch"),
    )),
    responses(super::openapi::ProduceResponses),
)]
pub(super) async fn to_topic(
    State(door): State<Arc<Door>>,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Response {
    produce(&door, Target::Topic(topic), request).await.unwrap_or_else(IntoResponse::into_response)
}

/// Stores records in a partition, as one atomic batch.
#[utoipa::path(
    post, path = "/v1/topics/{topic}/partitions/{partition}/records", tag = "produce",
    operation_id = "produce_to_partition",
    params(super::openapi::PartitionParams, super::openapi::ProduceParams, super::openapi::ExactlyOnceParams),
    request_body(description = "The media type decides what a record is.", content(
        (Vec<u8> = "application/octet-stream"),
        (String = "text/plain"),
        (String = "application/x-ndjson"),
        (super::openapi::RecordsWish = "application/json"),
        (Vec<u8> = "application/vnd.tidemark.batch"),
    )),
    responses(super::openapi::ProduceResponses),
)]
pub(super) async fn to_partition(
    State(door): State<Arc<Door>>,
    PartitionPath(tp): PartitionPath,
    request: Request,
) -> Response {
    produce(&door, Target::Partition(tp), request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn produce(door: &Door, target: Target, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    // A body that is too large is refused before anything else is judged.
    declared_length(door, &parts.headers)?;
    let query = Query::parse(parts.uri.query(), &PARAMETERS)?;
    let wish = wish(door, &target, &parts.headers, &query)?;
    let bounds = bounds(door, &target)?;
    if let Target::Partition(tp) = &target
        && let Some(elsewhere) = redirected(door, tp, &parts, &query)?
    {
        return Ok(elsewhere);
    }
    let (loads, timestamp_ms, admitted) = load(door, &target, &wish, bounds, &parts, body).await?;
    let topic = match target {
        Target::Topic(topic) => topic,
        Target::Partition(tp) => tp.topic,
    };
    let origin = if wish.kind == BodyKind::Batch { BatchOrigin::Outside } else { BatchOrigin::Built };
    let send = |load: Load| send(door, &topic, &wish, origin, load);
    let mut loads = loads;
    let outcomes = match loads.len() {
        1 => vec![send(loads.remove(0)).await],
        _ => join_all(loads.into_iter().map(send)).await,
    };
    drop(admitted);
    Ok(answer(door, &wish, timestamp_ms, outcomes))
}

async fn send(door: &Door, topic: &TopicName, wish: &Wish, origin: BatchOrigin, load: Load) -> Stored {
    let Load { partition, batch, count } = load;
    let produce = Produce {
        tp: TopicPartition::new(topic.clone(), partition),
        batch,
        origin,
        acks: wish.acks,
        timeout: wish.timeout,
        expected_offset: wish.expected_offset,
        forward: true,
    };
    let explain = |error: ProduceError| match wish.producer {
        Some(producer) => producer.explain(error),
        None => error.into(),
    };
    Stored { partition, count, outcome: door.service.produce(produce).await.map_err(explain) }
}

fn wish(door: &Door, target: &Target, headers: &HeaderMap, query: &Query<'_>) -> Result<Wish, Problem> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let kind = content_type.and_then(BodyKind::from_content_type).ok_or_else(|| unsupported(content_type))?;
    let acks = match query.text("acks") {
        None | Some("all" | "-1") => Acks::All,
        Some("leader" | "1") => Acks::Leader,
        Some("none" | "0") => Acks::None,
        Some(other) => {
            let message = format!("acks must be all, leader or none, not '{}'", shown(other));
            return Err(Problem::bad_request(message));
        }
    };
    let timeout_ms = match query.number::<u64>("timeout_ms")? {
        Some(timeout_ms) => Some(timeout_ms),
        None => query.number::<u64>("timeout")?,
    };
    let default_ms = door.service.options().produce_timeout_ms_default;
    let producer = Producer::from_headers(headers)?;
    let expected_offset = expected_offset(headers)?;
    if matches!(target, Target::Topic(_)) && (producer.is_some() || expected_offset.is_some()) {
        let message = "Producer-Id and Tidemark-Expected-Offset have a meaning in one partition only: \
             post to /v1/topics/{topic}/partitions/{partition}/records";
        return Err(Problem::bad_request(message));
    }
    if producer.is_some() && kind == BodyKind::Batch {
        let message = "a record batch carries its producer inside: send it without Producer-Id";
        return Err(Problem::bad_request(message));
    }
    let envelope = query.flag("envelope")?;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(default_ms));
    Ok(Wish { acks, timeout, envelope, expected_offset, producer, kind })
}

fn expected_offset(headers: &HeaderMap) -> Result<Option<Offset>, Problem> {
    let Some(value) = headers.get(EXPECTED_OFFSET) else { return Ok(None) };
    let text = value.to_str().unwrap_or("?");
    let offset = text.parse::<i64>().ok().filter(|offset| *offset >= 0);
    let offset = offset.ok_or_else(|| {
        let text = shown(text);
        Problem::bad_request(format!("Tidemark-Expected-Offset must be a whole number from 0, not '{text}'"))
    })?;
    Ok(Some(Offset(offset)))
}

fn unsupported(content_type: Option<&str>) -> Problem {
    let given =
        content_type.map_or("no Content-Type".to_owned(), |given| format!("Content-Type '{}'", shown(given)));
    let message = format!("{given}, and a body of records needs one of: {PRODUCE_TYPES}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}

/// The bounds of a batch; refuses a topic or a partition that does not exist, before the body is read.
fn bounds(door: &Door, target: &Target) -> Result<BatchBounds, Problem> {
    let image = door.service.image();
    let name = match target {
        Target::Topic(topic) => topic,
        Target::Partition(tp) => &tp.topic,
    };
    let topic = image.topic(name).ok_or_else(|| ProduceError::UnknownTopic(name.clone()))?;
    if let Target::Partition(tp) = target {
        let partitions = topic.assignment.len();
        if !usize::try_from(tp.partition.0).is_ok_and(|index| index < partitions) {
            return Err(ProduceError::UnknownPartition { tp: tp.clone(), partitions }.into());
        }
    }
    let records_max = door.service.options().record_count_max;
    Ok(BatchBounds { bytes_max: topic.settings.max_message_bytes, records_max })
}

/// Whether the topic is compacted, so that a record without a key could never be superseded.
fn needs_keys(door: &Door, target: &Target) -> bool {
    let name = match target {
        Target::Topic(topic) => topic,
        Target::Partition(tp) => &tp.topic,
    };
    door.service.image().topic(name).is_some_and(|topic| topic.settings.cleanup.compacts)
}

fn no_key() -> Problem {
    let message = "the record has no key, and the topic is compacted: give every record a key, or set cleanup.policy=delete";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).detail(8)
}

/// Reads the body into batches. Returns with them the time that their records got, and the body's admission.
async fn load(
    door: &Door,
    target: &Target,
    wish: &Wish,
    bounds: BatchBounds,
    parts: &Parts,
    body: Body,
) -> Result<(Vec<Load>, Option<i64>, Admitted), Problem> {
    let now_ms = door.service.clock().unix_ms();
    let template = Template::from_headers(&parts.headers, now_ms)?;
    let stamp = wish.producer.map(|producer| producer.stamp);
    if wish.kind == BodyKind::Lines && !wish.envelope {
        let expected = declared_length(door, &parts.headers)?.unwrap_or(0);
        let mut lines = Lines::new(&template, bounds, expected);
        let admitted = pour(door, &parts.headers, body, &mut lines).await?;
        let builder = lines.finish()?;
        let load =
            one(pick(door, target, template.key.as_deref())?, builder, |builder| builder.finish_mut(stamp));
        return Ok((vec![load], Some(template.timestamp_ms), admitted));
    }
    let mut whole = Whole::default();
    let admitted = pour(door, &parts.headers, body, &mut whole).await?;
    let body = whole.into_bytes();
    let loads = match wish.kind {
        BodyKind::Value => {
            let mut builder = BatchBuilder::with_capacity(body.len() + 256);
            template.push(&mut builder, Some(&body));
            bounds.check(&builder)?;
            let partition = pick(door, target, template.key.as_deref())?;
            vec![one(partition, builder, |builder| builder.finish_mut(stamp))]
        }
        BodyKind::Batch => {
            let header = BatchHeader::read(&body)?;
            let count = usize::try_from(header.record_count).unwrap_or(0);
            let partition = pick(door, target, None)?;
            return Ok((vec![Load { partition, batch: BytesMut::from(body), count }], None, admitted));
        }
        BodyKind::Lines | BodyKind::Json => {
            let mut batches = Batches::new(bounds, template.timestamp_ms);
            let sticky = door.next_sticky();
            let keyed = needs_keys(door, target);
            let place = |envelope: &Envelope<'_>| {
                // Before anything is sent anywhere: the records of one request may go to several partitions.
                if keyed && envelope.key.is_none() {
                    Err(no_key())
                } else {
                    place(door, target, sticky, envelope)
                }
            };
            if wish.kind == BodyKind::Json {
                batches.read_json(&body, &place)?;
            } else {
                batches.read_lines(&body, &place)?;
            }
            batches.finish(stamp)
        }
    };
    Ok((loads, Some(template.timestamp_ms), admitted))
}

fn one(
    partition: PartitionIndex,
    builder: BatchBuilder,
    finish: impl FnOnce(BatchBuilder) -> BytesMut,
) -> Load {
    let count = builder.len();
    Load { partition, batch: finish(builder), count }
}

fn pick(door: &Door, target: &Target, key: Option<&[u8]>) -> Result<PartitionIndex, Problem> {
    match target {
        Target::Partition(tp) => Ok(tp.partition),
        Target::Topic(topic) => Ok(door.service.pick_partition(topic, key, door.next_sticky())?),
    }
}

/// The partition of one record among many: its own word, else its key, else the one that the request sticks to.
fn place(
    door: &Door,
    target: &Target,
    sticky: u64,
    envelope: &Envelope<'_>,
) -> Result<PartitionIndex, Problem> {
    match (target, envelope.partition) {
        (Target::Partition(tp), None) => Ok(tp.partition),
        (Target::Partition(tp), Some(own)) if own == tp.partition.0 => Ok(tp.partition),
        (Target::Partition(tp), Some(own)) => {
            let message =
                format!("it names partition {own}, and the address names partition {}", tp.partition);
            Err(Problem::bad_request(message))
        }
        (Target::Topic(topic), None) => {
            Ok(door.service.pick_partition(topic, envelope.key.as_deref(), sticky)?)
        }
        (Target::Topic(topic), Some(own)) => {
            let partitions = door.service.image().topic(topic).map_or(0, |topic| topic.assignment.len());
            if usize::try_from(own).is_ok_and(|own| own < partitions) {
                return Ok(PartitionIndex(own));
            }
            let tp = TopicPartition::new(topic.clone(), PartitionIndex(own));
            Err(ProduceError::UnknownPartition { tp, partitions }.into())
        }
    }
}
