//! Clients that write and read through every broker in turn, and note all of it in a history.
//!
//! A client never sends a value twice: after a failure it goes on with a new one, at the next broker. So every duplicate in
//! the log is the cluster's own doing.
//!
//! *Invariant:* `written` alone decides: `no` is refused, anything else that is not a 200 is unknown.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::api::{Answer, Api, Envelope};
use tidemark::checker::{
    Counts, History, Operation, Phase, Place, ReadBatch, ReadRecord, SendBatch, ValueId, check,
};

use crate::eventually::eventually;

/// How a client waits after a failure, as any decent client does.
const BACK_OFF: Duration = Duration::from_millis(20);
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// What the clients shall do.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The topic.
    pub topic: String,
    /// Its partitions; each writer stays on one of them, in turn.
    pub partitions: i32,
    /// How many writers.
    pub writers: u32,
    /// How many readers, each of which follows one partition.
    pub readers: u32,
    /// Values in a batch.
    pub batch: usize,
    /// Bytes of padding in a value.
    pub padding: usize,
}

impl LoadPlan {
    /// Two writers and one reader for each partition, small batches.
    #[must_use]
    pub fn on(topic: &str, partitions: i32) -> Self {
        let each = u32::try_from(partitions).unwrap_or(1);
        Self { topic: topic.to_owned(), partitions, writers: 2 * each, readers: each, batch: 5, padding: 40 }
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    plan: LoadPlan,
    apis: Vec<Api>,
    began: Instant,
    history: Mutex<History>,
    next_value: AtomicU64,
    stopping: AtomicBool,
    stored: AtomicUsize,
    /// Why one writer failed again and again, the longest time.
    worst_streak: Mutex<Vec<String>>,
    stored_at: Vec<Mutex<Vec<Instant>>>,
}

impl Load {
    /// Starts the clients. Needs a running tokio.
    #[must_use]
    pub fn start(urls: &[String], plan: LoadPlan) -> Self {
        let first = Api::new(&urls[0]);
        let shared = Arc::new(Shared {
            apis: urls.iter().map(|url| first.at(url)).collect(),
            began: Instant::now(),
            history: Mutex::default(),
            next_value: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            stored: AtomicUsize::new(0),
            worst_streak: Mutex::default(),
            stored_at: (0..plan.partitions).map(|_| Mutex::default()).collect(),
            plan,
        });
        let writers = 0..shared.plan.writers;
        let readers = shared.plan.writers..shared.plan.writers + shared.plan.readers;
        let mut tasks = Vec::new();
        tasks.extend(writers.map(|client| tokio::spawn(write(shared.clone(), client))));
        tasks.extend(readers.map(|client| tokio::spawn(follow(shared.clone(), client))));
        Self { shared, tasks }
    }

    /// Waits until `count` more batches have been stored.
    ///
    /// # Errors
    /// If they are not in time.
    pub async fn wait_stored(&self, count: usize, deadline: Duration) -> Result<()> {
        let goal = self.shared.stored.load(Ordering::Relaxed) + count;
        eventually(&format!("{count} more batches to be stored"), deadline, async || {
            let stored = self.shared.stored.load(Ordering::Relaxed);
            ensure!(stored >= goal, "{stored} of {goal}");
            Ok(())
        })
        .await
    }

    /// Sends new values to a partition through one broker until they are stored, and tells how long that took.
    ///
    /// # Errors
    /// If they are not in time.
    pub async fn probe(&self, url: &str, partition: i32, deadline: Duration) -> Result<Duration> {
        let begin = Instant::now();
        let api = self.shared.apis[0].at(url);
        // A client of its own, so that the order of one client's sends stays a meaningful thing to check.
        let client = u32::MAX - u32::try_from(partition)?;
        loop {
            if self.shared.send(&api, client, partition).await.is_ok() {
                return Ok(begin.elapsed());
            }
            ensure!(begin.elapsed() < deadline, "nothing was stored in {partition} within {deadline:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The longest time between two stored batches of a partition since `since`, the time until now included.
    #[must_use]
    pub fn longest_gap(&self, partition: i32, since: Instant) -> Duration {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let times = self.shared.stored_at[index].lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = since;
        let mut longest = Duration::ZERO;
        for time in times.iter().copied().filter(|time| *time >= since).chain([Instant::now()]) {
            longest = longest.max(time - before);
            before = time;
        }
        longest
    }

    /// The most failures in a row that one writer has had, by what it was told.
    #[must_use]
    pub fn worst_streak(&self) -> Vec<String> {
        self.shared.worst_streak.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the clients, sends one more batch to every partition, reads it from its start through every broker that
    /// answers, and checks the history; gives what it was made of.
    ///
    /// # Errors
    /// If reading fails, or the history holds anomalies.
    pub async fn stop_and_check(self) -> Result<Counts> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await?;
        }
        let mut answered = 0;
        for (client, api) in (1_000_000..).zip(&self.shared.apis) {
            if api.get("/healthz").await.is_err() {
                continue;
            }
            answered += 1;
            if answered == 1 {
                self.shared.send_last(api, client).await?;
            }
            for partition in 0..self.shared.plan.partitions {
                self.shared.read_to_end(api, client, partition).await?;
            }
        }
        ensure!(answered > 0, "no broker answers");
        let report = check(self.shared.history().events())?;
        ensure!(report.counts.sends_ok > 0, "nothing was stored at all: {report}");
        ensure!(report.is_clean(), "{report}");
        Ok(report.counts)
    }
}

async fn write(shared: Arc<Shared>, client: u32) {
    let partition = i32::try_from(client).unwrap_or(0) % shared.plan.partitions;
    let (mut turn, mut streak) = (client as usize, Vec::new());
    while !shared.stopping.load(Ordering::Relaxed) {
        let api = &shared.apis[turn % shared.apis.len()];
        turn += 1;
        let Err(why) = shared.send(api, client, partition).await else {
            streak.clear();
            continue;
        };
        streak.push(format!("{} us: {why}", shared.now_us()));
        shared.note_streak(&streak);
        tokio::time::sleep(BACK_OFF).await;
    }
}

async fn follow(shared: Arc<Shared>, client: u32) {
    let partition = i32::try_from(client).unwrap_or(0) % shared.plan.partitions;
    let (mut turn, mut from) = (client as usize, 0);
    while !shared.stopping.load(Ordering::Relaxed) {
        let api = &shared.apis[turn % shared.apis.len()];
        match shared.read(api, client, partition, from, 500).await {
            Ok(next) => from = next,
            Err(_) => {
                turn += 1;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

impl Shared {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_streak(&self, streak: &Vec<String>) {
        let mut worst = self.worst_streak.lock().unwrap_or_else(PoisonError::into_inner);
        if worst.len() < streak.len() {
            worst.clone_from(streak);
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Sends a batch; tells why it was not stored, if so.
    async fn send(&self, api: &Api, client: u32, partition: i32) -> Result<(), String> {
        let count = self.plan.batch as u64;
        let first = self.next_value.fetch_add(count, Ordering::Relaxed);
        let values: Vec<ValueId> = (first..first + count).collect();
        let body: String = values.iter().map(|value| self.line(*value)).collect();
        let (process, batch) =
            (u64::from(client), SendBatch::of(Place::of(&self.plan.topic, partition), values));
        let id = self.history().begin(self.now_us(), process, Operation::Send(batch.clone()));
        let path = format!("/v1/topics/{}/partitions/{partition}/records?timeout_ms=10000", self.plan.topic);
        let headers = [("content-type", "application/x-ndjson")];
        let answer = api.send(reqwest::Method::POST, &path, &headers, body).await;
        let (phase, base_offset) = outcome_of(&answer);
        let end = Operation::Send(SendBatch { values: Vec::new(), base_offset, ..batch });
        self.history().end(self.now_us(), process, id, phase, end);
        if phase == Phase::Ok {
            self.stored.fetch_add(1, Ordering::Relaxed);
            let index = usize::try_from(partition).unwrap_or(0);
            self.stored_at[index].lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
        match answer {
            Ok(_) if phase == Phase::Ok => Ok(()),
            Ok(answer) => Err(format!("{}: {}: {}", api.base, answer.status, answer.text())),
            Err(error) => Err(format!("{}: {error:#}", api.base)),
        }
    }

    /// What was read and then cut off shows by its offsets taken again.
    async fn send_last(&self, api: &Api, client: u32) -> Result<()> {
        for partition in 0..self.plan.partitions {
            let sent = eventually("a last batch to be stored", READ_DEADLINE, async || {
                self.send(api, client, partition).await.map_err(anyhow::Error::msg)
            });
            sent.await?;
        }
        Ok(())
    }

    fn line(&self, value: ValueId) -> String {
        format!("{{\"id\":{value},\"pad\":\"{:p<1$}\"}}\n", "", self.plan.padding)
    }

    /// One read; gives the offset to go on from.
    async fn read(&self, api: &Api, client: u32, partition: i32, from: i64, wait_ms: u32) -> Result<i64> {
        let topic = &self.plan.topic;
        let query = format!("offset={from}&wait_ms={wait_ms}&max_bytes=1000000");
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records?{query}");
        let answer = api.get_as(&path, "application/json").await?;
        let number = |name: &str| answer.header(name).parse().ok();
        let (leader_epoch, high_watermark, log_start) = (
            number("tidemark-leader-epoch"),
            number("tidemark-high-watermark"),
            number("tidemark-start-offset"),
        );
        let records = answer.envelopes()?;
        let next = records.last().map_or(from, |record| record.offset + 1);
        let records = records.iter().map(record_of).collect::<Result<_>>()?;
        let at = Place::of(topic, partition);
        let read = ReadBatch { at, from: Some(from), records, leader_epoch, high_watermark, log_start };
        self.history().note(self.now_us(), u64::from(client), Operation::Read(read));
        Ok(next)
    }

    async fn read_to_end(&self, api: &Api, client: u32, partition: i32) -> Result<()> {
        let mut from = 0;
        loop {
            let next = eventually("a read for the check", READ_DEADLINE, async || {
                self.read(api, client, partition, from, 0).await
            });
            let next = next.await?;
            if next == from {
                return Ok(());
            }
            from = next;
        }
    }
}

fn outcome_of(answer: &Result<Answer, reqwest::Error>) -> (Phase, Option<i64>) {
    match answer {
        Ok(answer) if answer.status == 200 => {
            let base = answer.json().ok().and_then(|body| body["base_offset"].as_i64());
            (base.map_or(Phase::Unknown, |_| Phase::Ok), base)
        }
        Ok(answer) => match answer.json() {
            Ok(body) if body["written"] == "no" => (Phase::Fail, None),
            _ => (Phase::Unknown, None),
        },
        // Nothing was sent over a connection that never was.
        Err(error) if error.is_connect() => (Phase::Fail, None),
        Err(_) => (Phase::Unknown, None),
    }
}

fn record_of(record: &Envelope) -> Result<ReadRecord> {
    let text = record.value.as_ref().context("a record without a text value")?;
    let value: Value = serde_json::from_str(text)?;
    let value = Some(value["id"].as_u64().context("a value without an id")?);
    Ok(ReadRecord { offset: record.offset, value, epoch: None })
}
