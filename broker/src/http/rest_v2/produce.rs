//! Produce: `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
//!
//! A record's own partition wins over the one of the address, as with Confluent. Without either, its key chooses as in
//! Kafka's producer; all records of a request without a key go to one partition, another for the next request.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::body::{content_type, whole};
use super::fault::Fault;
use super::media::format_of;
use super::openapi::{RestProduceParams, RestProduceResponses, RestRecordsWish};
use super::params::Params;
use super::path::{PartitionPath, TopicPath, partition_of};
use super::plan::{Chain, Plan};
use super::produce_answer::{Failure, answer, refusal_of_all};
use super::produce_body::{Parsed, ProduceBody};
use super::told::{Told, nothing};
use crate::cluster::Topic;
use crate::groups::instances::EmbeddedFormat;
use crate::http::body::declared_length;
use crate::http::door::Door;
use crate::http::lines::BatchBounds;
use crate::replication::Acks;
use crate::service::{BatchOrigin, Produce, Produced};
use crate::types::{PartitionIndex, TopicPartition};

/// How many partitions of one request are written at once.
const PARTITIONS_AT_ONCE: usize = 64;
/// What the answer to one record takes, about.
const ANSWER_BYTES: usize = 80;

/// What became of the batches of one partition, in order.
pub(super) type Outcomes = Vec<Result<Produced, Failure>>;

/// Stores records in a topic.
#[utoipa::path(
    post, path = "/topics/{topic}", tag = "rest-proxy", operation_id = "rest_produce_to_topic",
    params(crate::http::openapi::TopicParam, RestProduceParams),
    request_body(description = "The media type decides how keys and values are read.", content(
        (RestRecordsWish = "application/vnd.kafka.json.v2+json"),
        (RestRecordsWish = "application/vnd.kafka.binary.v2+json"),
        (RestRecordsWish = "application/vnd.kafka.text.v2+json"),
        (RestRecordsWish = "application/json"),
    )),
    responses(RestProduceResponses),
)]
pub(in crate::http) async fn to_topic(
    State(door): State<Arc<Door>>,
    told: Told,
    TopicPath(topic): TopicPath,
    request: Request,
) -> Result<Response, Fault> {
    produce(&door, &told, &topic, None, request).await
}

/// Stores records in a partition.
#[utoipa::path(
    post, path = "/topics/{topic}/partitions/{partition}", tag = "rest-proxy", operation_id = "rest_produce_to_partition",
    params(crate::http::openapi::PartitionParams, RestProduceParams),
    request_body(description = "The media type decides how keys and values are read.", content(
        (RestRecordsWish = "application/vnd.kafka.json.v2+json"),
        (RestRecordsWish = "application/vnd.kafka.binary.v2+json"),
        (RestRecordsWish = "application/vnd.kafka.text.v2+json"),
        (RestRecordsWish = "application/json"),
    )),
    responses(RestProduceResponses),
)]
pub(in crate::http) async fn to_partition(
    State(door): State<Arc<Door>>,
    told: Told,
    PartitionPath(topic, tp): PartitionPath,
    request: Request,
) -> Result<Response, Fault> {
    produce(&door, &told, &topic, Some(tp.partition), request).await
}

async fn produce(
    door: &Door,
    told: &Told,
    topic: &Topic,
    partition: Option<PartitionIndex>,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    // A body that is too large is refused before anything else is judged.
    declared_length(door, &parts.headers)?;
    let given = content_type(&parts.headers);
    let format = given.and_then(|given| format_of(given, door.options.plain_json()));
    let format = format.ok_or_else(|| Fault::unsupported(given))?;
    let silent = Params::parse(parts.uri.query())?.flag("async")?;
    let (bytes, mut admitted) = whole(door, &parts.headers, body).await?;
    let body = ProduceBody::parse(&bytes)?;
    if !format.is_served() {
        return Err(body.refuse_schemas(format));
    }
    let (plan, fault) = planned(door, topic, partition, &body, format)?;
    let (chains, places) = plan.finish();
    admitted.grow(places.len().saturating_mul(ANSWER_BYTES))?;
    if let Some(fault) = fault {
        return Ok(refusal_of_all(&fault, places.len(), admitted));
    }
    let sent = stream::iter(chains).map(|chain| send(door, topic, chain));
    let outcomes: Vec<(PartitionIndex, Outcomes)> = sent.buffered(PARTITIONS_AT_ONCE).collect().await;
    let failed = outcomes.iter().flat_map(|(_, outcomes)| outcomes).any(Result::is_err);
    if silent && !failed {
        return Ok(nothing(door));
    }
    Ok(answer(door, told, &outcomes, &places, admitted))
}

/// All records in their batches; and with them why they are not to be sent, if one of them is to blame.
fn planned(
    door: &Door,
    topic: &Topic,
    partition: Option<PartitionIndex>,
    body: &ProduceBody<'_>,
    format: EmbeddedFormat,
) -> Result<(Plan, Option<Fault>), Fault> {
    let records_max = door.service.options().record_count_max;
    let bounds = BatchBounds { bytes_max: topic.settings.max_message_bytes, records_max };
    let mut plan = Plan::new(bounds, door.service.clock().unix_ms());
    let sticky = door.next_sticky();
    let mut fault = None;
    body.each(format, &mut |place, record| {
        let to = place_of(door, topic, partition, sticky, &record)?;
        let pushed = if topic.settings.cleanup.compacts && record.key.is_none() {
            let message =
                "the record has no key, and the topic is compacted: give every record a key, or set cleanup.policy=delete";
            plan.push(to, &record).and(Err(Fault::unprocessable(message).code(42_208)))
        } else {
            plan.push(to, &record)
        };
        match pushed {
            // What is wrong with a record is told beside all the others; the rest is read, so that they are counted.
            Err(refused) if refused.status() == http::StatusCode::UNPROCESSABLE_ENTITY => {
                fault.get_or_insert_with(|| refused.at(&format!("records[{place}]")));
                Ok(())
            }
            pushed => pushed,
        }
    })?;
    Ok((plan, fault))
}

fn place_of(
    door: &Door,
    topic: &Topic,
    partition: Option<PartitionIndex>,
    sticky: u64,
    record: &Parsed<'_>,
) -> Result<PartitionIndex, Fault> {
    match (record.partition, partition) {
        (Some(own), _) => Ok(partition_of(topic, own.into())?.partition),
        (None, Some(partition)) => Ok(partition),
        (None, None) => {
            let picked = door.service.pick_partition(&topic.name, record.key.as_deref(), sticky);
            picked.map_err(|_| Fault::no_topic(topic.name.as_str()))
        }
    }
}

/// Sends the batches of one partition; what stands behind a failure is not sent.
async fn send(door: &Door, topic: &Topic, chain: Chain) -> (PartitionIndex, Outcomes) {
    let timeout = Duration::from_millis(door.service.options().produce_timeout_ms_default);
    let mut outcomes: Outcomes = Vec::with_capacity(chain.batches.len());
    for batch in chain.batches {
        if let Some(Err(before)) = outcomes.last() {
            let behind = before.behind();
            outcomes.push(Err(behind));
            continue;
        }
        let produce = Produce {
            tp: TopicPartition::new(topic.name.clone(), chain.partition),
            batch,
            origin: BatchOrigin::Built,
            acks: Acks::All,
            timeout,
            expected_offset: None,
            forward: true,
        };
        outcomes.push(door.service.produce(produce).await.map_err(|error| Failure::of(&error)));
    }
    (chain.partition, outcomes)
}
