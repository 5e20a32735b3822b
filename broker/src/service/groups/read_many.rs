//! Records of many partitions, wherever they are led, with one wait: whoever has some first ends it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::record::next_batch;
use crate::service::routing::Route;
use crate::service::{FetchError, FetchMany, FetchOne, Fetched, PartitionKey, Reader, Service};
use crate::types::{BrokerId, Incarnation, LeaderEpoch, Offset, TopicId, TopicPartition};
use crate::wire::{ErrorCode, FetchPartition, FetchRequest, FetchTopic, Request, Response};

/// How much longer than its wait for records another leader's answer may take.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// One partition to read.
#[derive(Clone, Debug)]
pub(in crate::service) struct Want {
    pub(in crate::service) tp: TopicPartition,
    pub(in crate::service) topic_id: TopicId,
    pub(in crate::service) from: Offset,
}

/// What came of one: records, or why its position is of no use. What failed otherwise is left out: it is read again.
pub(in crate::service) type Got = (usize, Result<Fetched, FetchError>);

/// Wants of one leader, by their place in the list of all.
struct AtLeader {
    leader: Incarnation,
    epoch_of: Vec<LeaderEpoch>,
    places: Vec<usize>,
    is_here: bool,
}

impl Service {
    /// Reads once, waiting up to `wait` for the first records.
    pub(in crate::service) async fn read_many(
        &self,
        wants: &[Want],
        max_bytes: usize,
        wait: Duration,
    ) -> Vec<Got> {
        let deadline = self.parts.clock.now() + wait + ANSWER_MARGIN;
        let mut by_leader: BTreeMap<Incarnation, AtLeader> = BTreeMap::new();
        for (place, want) in wants.iter().enumerate() {
            let (leader, epoch, is_here) = match self.route(&want.tp) {
                Ok((Route::Here(partition), _)) => {
                    (self.parts.me, partition.record().state.leader_epoch, true)
                }
                Ok((Route::There { leader, epoch }, _)) => (leader, epoch, false),
                _ => continue,
            };
            let at = by_leader.entry(leader).or_insert_with(|| AtLeader {
                leader,
                epoch_of: Vec::new(),
                places: Vec::new(),
                is_here,
            });
            at.epoch_of.push(epoch);
            at.places.push(place);
        }
        let mut asked: FuturesUnordered<_> =
            by_leader.into_values().map(|at| self.read_at(wants, at, max_bytes, wait, deadline)).collect();
        let mut got = Vec::new();
        while let Some(more) = asked.next().await {
            got.extend(more);
            // With a wait, the first who has something ends it; without one, all are asked.
            if !wait.is_zero() && got.iter().any(is_news) {
                break;
            }
        }
        got.sort_by_key(|(place, _)| *place);
        got
    }

    async fn read_at(
        &self,
        wants: &[Want],
        at: AtLeader,
        max_bytes: usize,
        wait: Duration,
        deadline: Instant,
    ) -> Vec<Got> {
        if at.is_here {
            self.read_here(wants, &at, max_bytes, wait).await
        } else {
            self.read_there(wants, &at, max_bytes, wait, deadline).await
        }
    }

    async fn read_here(&self, wants: &[Want], at: &AtLeader, max_bytes: usize, wait: Duration) -> Vec<Got> {
        let partitions = at.places.iter().filter_map(|place| wants.get(*place)).map(|want| FetchOne {
            key: PartitionKey::Name(want.tp.clone()),
            from: want.from,
            leader_epoch: LeaderEpoch::NONE,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start: Offset::NONE,
            max_bytes,
        });
        let fetch = FetchMany {
            reader: Reader::Consumer,
            partitions: partitions.collect(),
            wait,
            min_bytes: 1,
            max_bytes,
        };
        let answers = self.fetch_many(fetch).await;
        let mut got = Vec::new();
        for ((place, epoch), answer) in at.places.iter().zip(&at.epoch_of).zip(answers) {
            let Some(want) = wants.get(*place) else { continue };
            let one = match answer.error {
                Some(error) => Err(error),
                None => self.fetched(
                    want,
                    at.leader.broker,
                    *epoch,
                    answer.batches,
                    (answer.high_watermark, answer.log_start),
                ),
            };
            got.extend(useful(*place, one));
        }
        got
    }

    async fn read_there(
        &self,
        wants: &[Want],
        at: &AtLeader,
        max_bytes: usize,
        wait: Duration,
        deadline: Instant,
    ) -> Vec<Got> {
        let seat = if wait.is_zero() { None } else { self.seats.sit().ok() };
        let wait = if seat.is_some() { wait } else { Duration::ZERO };
        let request = Request::Fetch(fetch_request(wants, at, max_bytes, wait));
        self.parts.metrics.forwards.inc();
        let answer = self.parts.forward.call(at.leader.broker, request, deadline).await;
        drop(seat);
        let Ok(Response::Fetch(response)) = answer else {
            self.parts.metrics.forward_errors.inc();
            return Vec::new();
        };
        let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
        let mut got = Vec::new();
        // In the order asked: one topic entry for every partition.
        for ((place, epoch), answered) in at.places.iter().zip(&at.epoch_of).zip(partitions) {
            let Some(want) = wants.get(*place).filter(|want| want.tp.partition.0 == answered.index) else {
                return got;
            };
            let ends = (answered.high_watermark, answered.log_start_offset);
            let one = match answered.error {
                ErrorCode::None => self.fetched(want, at.leader.broker, *epoch, answered.records, ends),
                ErrorCode::OffsetOutOfRange if want.from < ends.1 => {
                    Err(FetchError::BelowStart { asked: want.from, start: ends.1 })
                }
                ErrorCode::OffsetOutOfRange => Err(FetchError::BeyondEnd { asked: want.from, end: ends.0 }),
                _ => continue,
            };
            got.extend(useful(*place, one));
        }
        got
    }

    fn fetched(
        &self,
        want: &Want,
        leader: BrokerId,
        leader_epoch: LeaderEpoch,
        batches: Vec<Bytes>,
        (high_watermark, log_start): (Offset, Offset),
    ) -> Result<Fetched, FetchError> {
        let batches: Vec<Bytes> = batches.into_iter().filter(|piece| !piece.is_empty()).collect();
        let next_offset = batches.last().map_or(Ok(want.from), |last| end_of(last))?;
        let admitted = self.reads.admit(batches.iter().map(Bytes::len).sum());
        let admitted = Some(admitted.map_err(|_| FetchError::Overloaded)?);
        Ok(Fetched {
            batches,
            from: want.from,
            next_offset,
            high_watermark,
            log_start,
            leader_epoch,
            leader,
            admitted,
        })
    }
}

/// Keeps what says something: records, or that the position is of no use.
fn useful(place: usize, one: Result<Fetched, FetchError>) -> Option<Got> {
    let is_lost =
        |error: &FetchError| matches!(error, FetchError::BelowStart { .. } | FetchError::BeyondEnd { .. });
    match one {
        Ok(fetched) => Some((place, Ok(fetched))),
        Err(error) if is_lost(&error) => Some((place, Err(error))),
        Err(_) => None,
    }
}

fn is_news((_, one): &Got) -> bool {
    one.as_ref().map_or(true, |fetched| !fetched.batches.is_empty())
}

fn fetch_request(wants: &[Want], at: &AtLeader, max_bytes: usize, wait: Duration) -> FetchRequest {
    let int = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let topics = at.places.iter().zip(&at.epoch_of).filter_map(|(place, epoch)| {
        let want = wants.get(*place)?;
        let partition = FetchPartition {
            index: want.tp.partition.0,
            current_leader_epoch: *epoch,
            fetch_offset: want.from,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::NONE,
            max_bytes: int(max_bytes),
        };
        Some(FetchTopic {
            name: Some(want.tp.topic.as_str().to_owned()),
            topic_id: Some(want.topic_id),
            partitions: vec![partition],
        })
    });
    FetchRequest {
        replica: None,
        max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: 1,
        max_bytes: int(max_bytes),
        session_id: 0,
        session_epoch: -1,
        topics: topics.collect(),
    }
}

/// One past the last record of whole batches.
fn end_of(batches: &[u8]) -> Result<Offset, FetchError> {
    let torn = || FetchError::Storage { reason: "half a batch was read".to_owned() };
    let (mut rest, mut end) = (batches, None);
    while let Some((header, batch)) = next_batch(rest).map_err(|_| torn())? {
        end = Some(header.next_offset());
        rest = &rest[batch.len()..];
    }
    end.filter(|_| rest.is_empty()).ok_or_else(torn)
}
