//! Writers and readers through all brokers in turn, and the history of what they did and saw.
//!
//! A writer never sends a value twice: after a failure it goes on with a new one, at the next broker.
//!
//! *Invariant:* `written` alone decides: `no` is a failure, and anything else that is not a 200 is unknown.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinSet;

use super::client::{Answer, Base, CallError};
use super::cluster::Cluster;
use crate::checker::{
    self, History, Operation, Phase, Place, ReadBatch, ReadRecord, Report, SendBatch, Unreadable,
};

const BATCH: u64 = 5;
/// Writers of each partition, at least and at most; as many as there are doors, if that lies between.
const WRITERS_OF_EACH: (usize, usize) = (2, 5);
/// Between two batches of a writer: a drill shows a gap, not a speed.
const PACE: Duration = Duration::from_millis(5);
const BACK_OFF: Duration = Duration::from_millis(20);
const SEND_MAX: Duration = Duration::from_secs(10);
const READ_MAX: Duration = Duration::from_secs(10);
const READ_WAIT_MS: u32 = 500;

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It is stored, and ends before this offset.
    Stored(i64),
    /// It is not, or nobody knows.
    NotStored,
    /// There was no connection.
    Nobody,
}

/// What the clients share.
#[derive(Debug)]
pub(super) struct Load {
    cluster: Cluster,
    topic: String,
    /// Where each partition ended before the drill.
    from: Vec<i64>,
    /// Tells this drill's records from others.
    name: String,
    began: Instant,
    history: Mutex<History>,
    next_value: AtomicU64,
    stopping: AtomicBool,
    /// When a batch was acknowledged, in each partition.
    acknowledged: Vec<Mutex<Vec<u64>>>,
}

impl Load {
    pub(super) fn new(cluster: Cluster, topic: &str, name: &str, from: Vec<i64>) -> Arc<Self> {
        Arc::new(Self {
            topic: topic.to_owned(),
            name: name.to_owned(),
            began: cluster.clock.now(),
            history: Mutex::default(),
            next_value: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            acknowledged: from.iter().map(|_| Mutex::default()).collect(),
            from,
            cluster,
        })
    }

    /// Starts writers, each at a door of its own, and a reader for each partition.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        let mut process = 0;
        let (least, most) = WRITERS_OF_EACH;
        for partition in 0..self.from.len() {
            for door in 0..self.cluster.bases.len().clamp(least, most) {
                clients.spawn(self.clone().write(process, partition, partition + door));
                process += 1;
            }
            clients.spawn(self.clone().follow(process, partition));
            process += 1;
        }
        clients
    }

    pub(super) fn partitions(&self) -> usize {
        self.from.len()
    }

    /// Lets the clients end after what they are doing.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Microseconds since the beginning.
    pub(super) fn now_us(&self) -> u64 {
        let since = self.cluster.clock.now().saturating_duration_since(self.began);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// When batches were acknowledged in a partition, in order.
    pub(super) fn acknowledged(&self, partition: usize) -> Vec<u64> {
        self.acknowledged[partition].lock().clone()
    }

    /// Waits until so many batches more are acknowledged in every partition.
    pub(super) async fn progress(&self, batches: usize) -> Option<()> {
        let count = |partition: usize| self.acknowledged[partition].lock().len();
        let goals: Vec<usize> = (0..self.from.len()).map(|partition| count(partition) + batches).collect();
        let reached = async || {
            let all = goals.iter().enumerate().all(|(partition, goal)| count(partition) >= *goal);
            all.then_some(())
        };
        self.cluster.until(reached).await
    }

    /// What is wrong in the history so far.
    pub(super) fn judge(&self) -> Result<Report, Unreadable> {
        checker::check(self.history.lock().events())
    }

    /// Writes the history so far.
    pub(super) fn write_history(&self, out: &mut impl Write) -> io::Result<()> {
        self.history.lock().write_to(out)
    }

    fn base(&self, turn: usize) -> &Base {
        &self.cluster.bases[turn % self.cluster.bases.len()]
    }

    /// Goes on to another door only where nobody listens. A writer whose door is frozen waits there alone: if the others
    /// came to it as well, the gap would be theirs and not the cluster's.
    async fn write(self: Arc<Self>, process: u64, partition: usize, mut turn: usize) {
        while !self.stopping.load(Ordering::Relaxed) {
            let sent = self.send(turn, process, partition).await;
            turn += usize::from(sent == Sent::Nobody);
            tokio::time::sleep(if matches!(sent, Sent::Stored(_)) { PACE } else { BACK_OFF }).await;
        }
    }

    /// Sends a batch.
    async fn send(&self, turn: usize, process: u64, partition: usize) -> Sent {
        let first = self.next_value.fetch_add(BATCH, Ordering::Relaxed);
        let values: Vec<u64> = (first..first + BATCH).collect();
        let line = |value: &u64| format!("{{\"drill\":\"{}\",\"id\":{value}}}\n", self.name);
        let body: String = values.iter().map(line).collect();
        let batch = SendBatch::of(self.place(partition), values);
        let begin = Operation::Send(batch.clone());
        let id = self.history.lock().begin(self.now_us(), process, begin);
        let path = format!("/v1/topics/{}/partitions/{partition}/records?timeout_ms=5000", self.topic);
        let body = ("application/x-ndjson", Bytes::from(body));
        let answer = self.base(turn).call(Method::POST, &path, body, SEND_MAX).await;
        let (phase, base_offset, leader_epoch) = outcome_of(&answer);
        let now = self.now_us();
        let end = SendBatch { values: Vec::new(), base_offset, leader_epoch, ..batch };
        self.history.lock().end(now, process, id, phase, Operation::Send(end));
        match base_offset {
            Some(base) => {
                self.acknowledged[partition].lock().push(now);
                Sent::Stored(base.saturating_add_unsigned(BATCH))
            }
            None if matches!(answer, Err(CallError::NotSent(_))) => Sent::Nobody,
            None => Sent::NotStored,
        }
    }

    async fn follow(self: Arc<Self>, process: u64, partition: usize) {
        let (mut turn, mut from) = (usize::try_from(process).unwrap_or_default(), self.from[partition]);
        while !self.stopping.load(Ordering::Relaxed) {
            match self.read(turn, process, partition, from, READ_WAIT_MS).await {
                Some(next) => from = next,
                None => {
                    turn += 1;
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// Reads once; gives the offset to go on from.
    async fn read(
        &self,
        turn: usize,
        process: u64,
        partition: usize,
        from: i64,
        wait_ms: u32,
    ) -> Option<i64> {
        let query = format!("offset={from}&wait_ms={wait_ms}&max_bytes=1000000");
        let path = format!("/v1/topics/{}/partitions/{partition}/records?{query}", self.topic);
        let answer = self.base(turn).get(&path, READ_MAX).await.ok()?;
        let records = match answer.status {
            200 => self.records_of(&answer)?,
            204 => Vec::new(),
            _ => return None,
        };
        let next = records.last().map_or(from, |record| record.offset.saturating_add(1));
        let read = ReadBatch {
            records,
            leader_epoch: answer.number("tidemark-leader-epoch"),
            high_watermark: answer.number("tidemark-high-watermark"),
            log_start: answer.number("tidemark-start-offset"),
            ..ReadBatch::of(self.place(partition), Some(from))
        };
        self.history.lock().note(self.now_us(), process, Operation::Read(read));
        Some(next)
    }

    fn records_of(&self, answer: &Answer) -> Option<Vec<ReadRecord>> {
        let body = answer.json();
        let record = |record: &Value| {
            let value = record["value"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            let own = value.filter(|value| value["drill"] == self.name.as_str());
            let value = own.and_then(|value| value["id"].as_u64());
            Some(ReadRecord { offset: record["offset"].as_i64()?, value, epoch: None })
        };
        body["records"].as_array()?.iter().map(record).collect()
    }

    /// One more batch to a partition, and all of it read; `None` if that is not in time.
    pub(super) async fn finish(&self, process: u64, partition: usize) -> Option<()> {
        let mut turn = 0;
        let end = self.cluster.until(async || {
            turn += 1;
            match self.send(turn, process, partition).await {
                Sent::Stored(next) => Some(next),
                Sent::NotStored | Sent::Nobody => None,
            }
        });
        let end = end.await?;
        let mut from = self.from[partition];
        while from < end {
            let next = self.cluster.until(async || {
                turn += 1;
                self.read(turn, process, partition, from, 0).await.filter(|next| *next > from)
            });
            from = next.await?;
        }
        Some(())
    }

    fn place(&self, partition: usize) -> Place {
        Place::of(&self.topic, i32::try_from(partition).unwrap_or(i32::MAX))
    }
}

fn outcome_of(answer: &Result<Answer, CallError>) -> (Phase, Option<i64>, Option<i64>) {
    match answer {
        Ok(answer) if answer.status == 200 => match answer.json()["base_offset"].as_i64() {
            Some(base) => (Phase::Ok, Some(base), answer.number("tidemark-leader-epoch")),
            None => (Phase::Unknown, None, None),
        },
        Ok(answer) if answer.json()["written"] == "no" => (Phase::Fail, None, None),
        Err(CallError::NotSent(_)) => (Phase::Fail, None, None),
        Ok(_) | Err(CallError::Lost(_)) => (Phase::Unknown, None, None),
    }
}
