//! Producers on the Kafka port.
//!
//! *Invariant:* a producer that does not know what became of a batch never uses its number for another: it begins a new
//! epoch, as Kafka's own does (KIP-360). What it gave up may be on its way still.

use tidemark::record::{BatchBuilder, ProducerStamp};
use tidemark::types::Offset;
use tidemark::wire::{
    ErrorCode, InitProducerIdRequest, ProducePartition, ProduceRequest, ProduceTopic, Request, Response,
};

use super::super::super::history::{Outcome, Sending};
use super::super::super::kafka::Answered;
use super::super::producer::new_values;
use super::super::{Actor, TOPIC};
use super::topic::Topic;

/// How often the same batches are sent before their producer gives up on them.
const TRIES: u32 = 20;
/// How many batches are under way at once, at most.
const IN_FLIGHT: u64 = 3;
/// What a producer waits for: all that are in sync, or the leader.
const ALL: i16 = -1;
const LEADER: i16 = 1;

/// Sends batches without numbers, each once; some to the leader alone, of which nobody may be certain.
pub(in crate::world::load) async fn plain(mut actor: Actor) -> turmoil::Result {
    let mut topic = None;
    while !actor.is_over() {
        let partition = actor.partition();
        let acks = if actor.chance.happens(300_000) { LEADER } else { ALL };
        if let Some(leader) = leader(&mut actor, &mut topic, partition).await {
            let values = new_values(&mut actor);
            let sending = actor.load.history.begin_send(actor.process, actor.place(partition), &values, None);
            let request = produce(&actor, partition, acks, &values, None);
            let known = outcome(&actor.ask(leader, request).await);
            let certain = acks == ALL || known == Outcome::Refused;
            actor.load.history.end_send(sending, if certain { known } else { Outcome::Unknown });
            topic = topic.filter(|_| matches!(known, Outcome::Stored(..)));
        }
        actor.rest(400).await;
    }
    Ok(())
}

/// A batch that is not known to be stored yet.
struct Waiting {
    values: Vec<u64>,
    sequence: i32,
    sending: Sending,
}

/// A producer's life: an id, an epoch, and the next number in each partition.
struct Life {
    id: i64,
    epoch: i16,
    next: Vec<i32>,
}

/// Sends a few numbered batches at once, and all of them again until they are known to be stored.
pub(in crate::world::load) async fn pipelines(mut actor: Actor) -> turmoil::Result {
    let mut topic = None;
    let mut life = None;
    let mut late: Option<Late> = None;
    while !actor.is_over() {
        let Some(now) = &mut life else {
            life = begin(&mut actor).await;
            actor.rest(300).await;
            continue;
        };
        let partition = actor.partition();
        let waiting = number(&mut actor, now, partition);
        let given_up = deliver(&mut actor, &mut topic, now, partition, waiting).await;
        if let Some(one) = given_up.first() {
            let request = produce(&actor, partition, ALL, &one.values, Some(now.stamp(one)));
            late = Some(Late { partition, sequence: one.sequence, request });
            now.epoch += 1;
            now.next.fill(0);
        } else if let Some(late) = late.take_if(|late| late.is_due(partition, now))
            && let Some(leader) = leader(&mut actor, &mut topic, partition).await
        {
            let _ = actor.ask(leader, late.request).await;
        }
        actor.rest(400).await;
    }
    Ok(())
}

/// A batch that was given up, still on its way: it arrives where only its epoch tells that it comes too late, behind
/// batches of the epoch that came next.
struct Late {
    partition: i32,
    sequence: i32,
    request: Request,
}

impl Late {
    fn is_due(&self, partition: i32, now: &Life) -> bool {
        let next = now.next.get(usize::try_from(partition).unwrap_or(0));
        self.sequence > 0 && self.partition == partition && next == Some(&self.sequence)
    }
}

impl Life {
    fn stamp(&self, one: &Waiting) -> ProducerStamp {
        ProducerStamp { producer_id: self.id, producer_epoch: self.epoch, base_sequence: one.sequence }
    }
}

async fn begin(actor: &mut Actor) -> Option<Life> {
    let request = Request::InitProducerId(InitProducerIdRequest { transactional: false, current: (-1, -1) });
    let broker = actor.any_broker();
    let Ok(Response::InitProducerId(answer)) = actor.ask(broker, request).await else { return None };
    let partitions = usize::try_from(actor.load.partitions).unwrap_or(0);
    (answer.error == ErrorCode::None).then(|| Life {
        id: answer.producer_id,
        epoch: answer.producer_epoch,
        next: vec![0; partitions],
    })
}

/// New batches, each with the number after the one before.
fn number(actor: &mut Actor, life: &mut Life, partition: i32) -> Vec<Waiting> {
    let next = &mut life.next[usize::try_from(partition).unwrap_or(0)];
    (0..actor.chance.within(&(1..=IN_FLIGHT)))
        .map(|_| {
            let values = new_values(actor);
            let sequence = *next;
            *next += i32::try_from(values.len()).unwrap_or(0);
            let stamp = Some((life.id, life.epoch, sequence));
            let place = actor.place(partition);
            let sending = actor.load.history.begin_send(actor.process, place, &values, stamp);
            Waiting { values, sequence, sending }
        })
        .collect()
}

/// Sends batches until all are stored; gives back those of which nobody knows.
async fn deliver(
    actor: &mut Actor,
    topic: &mut Option<Topic>,
    life: &Life,
    partition: i32,
    mut waiting: Vec<Waiting>,
) -> Vec<Waiting> {
    let tries = if actor.chance.happens(100_000) { 1 } else { TRIES };
    for _ in 0..tries {
        if let Some(leader) = leader(actor, topic, partition).await {
            // The first may be lost on its way, and those behind it not.
            let is_lost = waiting.len() > 1 && actor.chance.happens(100_000);
            let mut rest: Vec<Waiting> = waiting.drain(..usize::from(is_lost)).collect();
            let request = |one: &Waiting| produce(actor, partition, ALL, &one.values, Some(life.stamp(one)));
            let requests = waiting.iter().map(request).collect();
            let answers = actor.ask_all(leader, requests).await;
            for (one, answer) in waiting.into_iter().zip(answers) {
                match outcome(&answer) {
                    stored @ Outcome::Stored(..) => actor.load.history.end_send(one.sending, stored),
                    _ => rest.push(one),
                }
            }
            waiting = rest;
        }
        if waiting.is_empty() {
            return waiting;
        }
        *topic = None;
        actor.rest(700).await;
    }
    for one in &waiting {
        actor.load.history.end_send(one.sending.clone(), Outcome::Unknown);
    }
    waiting
}

async fn leader(actor: &mut Actor, topic: &mut Option<Topic>, partition: i32) -> Option<u32> {
    if topic.is_none() {
        *topic = Topic::ask(actor).await;
    }
    topic.as_ref()?.leader(partition)
}

fn produce(
    actor: &Actor,
    partition: i32,
    acks: i16,
    values: &[u64],
    stamp: Option<ProducerStamp>,
) -> Request {
    let mut batch = BatchBuilder::new();
    for value in values {
        batch.push(actor.now_ms(), None, Some(value.to_string().as_bytes()), &[]);
    }
    let partition =
        ProducePartition { index: partition, records: Some(batch.finish(stamp)), expected_offset: None };
    let topics = vec![ProduceTopic { name: TOPIC.to_owned(), partitions: vec![partition] }];
    Request::Produce(ProduceRequest { transactional: false, acks, timeout_ms: 4_000, topics })
}

/// What an answer says of its batch, if it was sent this once only.
fn outcome(answer: &Answered) -> Outcome {
    let told = match answer {
        Err(silence) => return silence.outcome(),
        Ok(Response::Produce(answer)) => answer.topics.iter().flat_map(|topic| &topic.partitions).next(),
        Ok(_) => None,
    };
    match told.map(|told| (told.error, told.base_offset)) {
        Some((ErrorCode::None, Offset(base_offset))) if base_offset >= 0 => {
            Outcome::Stored(base_offset, None)
        }
        // These are said before anything is appended; all others, that of a leadership that was lost among them, may be
        // said of something that was.
        Some((
            ErrorCode::NotEnoughReplicas
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::OutOfOrderSequence
            | ErrorCode::InvalidProducerEpoch,
            _,
        )) => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}
