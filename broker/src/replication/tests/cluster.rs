//! Three brokers in one process: real replicas over real logs, joined by a link and a store of partition records that
//! fail when a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::BytesMut;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::record::{BatchBuilder, ProducerStamp};
use crate::replication::testing::tp;
use crate::replication::*;
use crate::storage::{DataDir, LogOptions};
use crate::types::*;
use crate::wire::{self, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic};

/// The time of all records: long ago, which makes nobody forget their producers.
pub(super) const NOW_MS: i64 = 1_000_000_000_000;

/// No test waits longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds`.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::system();
    let until = clock.now() + PATIENCE;
    while !holds() {
        assert!(clock.now() < until, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What the store does with the next writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Handles it and says so.
    Handled,
    /// Handles it, but the answer is lost.
    AnswerLost,
    /// Neither.
    RequestLost,
    /// Never leaves the broker.
    NotSent,
}

/// The brokers and all that is between them.
pub(super) struct Cluster {
    pub(super) store: Arc<Store>,
    pub(super) brokers: BTreeMap<i32, Broker>,
    net: Arc<Net>,
    dirs: BTreeMap<i32, TempDir>,
    options: ReplicationOptions,
}

pub(super) struct Broker {
    pub(super) me: Incarnation,
    pub(super) replicas: Arc<Replicas>,
    pub(super) suspects: mpsc::Receiver<BrokerId>,
    pub(super) refresh: mpsc::Receiver<TopicPartition>,
    pub(super) metrics: Arc<Metrics>,
}

/// Who can reach whom.
#[derive(Default)]
pub(super) struct Net {
    up: Mutex<BTreeMap<i32, Arc<Replicas>>>,
    cut: Mutex<BTreeSet<(i32, i32)>>,
}

/// The partition records.
pub(super) struct Store {
    records: Mutex<BTreeMap<TopicPartition, PartitionRecord>>,
    revision: Mutex<i64>,
    pub(super) registered: Mutex<BTreeMap<BrokerId, Incarnation>>,
    fates: Mutex<Vec<Fate>>,
    pub(super) proposals: Mutex<Vec<IsrProposal>>,
    /// Nothing is answered at all.
    away: AtomicBool,
}

struct Link {
    from: i32,
    net: Arc<Net>,
}

#[async_trait]
impl LeaderLink for Link {
    async fn fetch(&self, leader: BrokerId, request: FetchRequest) -> Result<FetchResponse, LinkError> {
        let target = self.net.up.lock().get(&leader.0).cloned();
        let Some(target) = target else {
            return Err(LinkError::Refused("nobody is there".to_owned()));
        };
        if self.net.is_cut(self.from, leader.0) {
            std::future::pending::<()>().await;
        }
        let response = serve(&target, request).await;
        if self.net.is_cut(self.from, leader.0) {
            std::future::pending::<()>().await;
        }
        Ok(response)
    }
}

/// What the Kafka door does with a replica's fetch.
async fn serve(target: &Arc<Replicas>, request: FetchRequest) -> FetchResponse {
    let clock = Clock::system();
    let from = request.replica.expect("replicas name themselves");
    let until = clock.now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap());
    loop {
        let bell = WakeHandle::new();
        let mut response = FetchResponse::default();
        let mut has_news = false;
        for topic in &request.topics {
            let topic_id = topic.topic_id.unwrap();
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let Some(partition) = target.by_id(topic_id, PartitionIndex(asked.index)) else {
                    has_news = true;
                    partitions.push(unknown(asked.index));
                    continue;
                };
                let read = partition.replica_fetch(from, asked, clock.now());
                let records =
                    read.slice.as_ref().filter(|slice| !slice.is_empty()).map(|slice| slice.read().unwrap());
                if records.is_some() {
                    partition.flush_with_follower();
                }
                has_news |= !read.error.is_none() || read.diverging.is_some() || records.is_some();
                if !has_news {
                    assert!(partition.subscribe(&bell, WakeAt::LogEnd(asked.fetch_offset)));
                }
                partitions.push(FetchedPartition {
                    index: asked.index,
                    error: read.error,
                    high_watermark: read.high_watermark,
                    log_start_offset: read.log_start,
                    diverging: read.diverging,
                    leader: read.leader,
                    records: records.into_iter().collect(),
                });
            }
            response.topics.push(FetchedTopic { name: None, topic_id: topic.topic_id, partitions });
        }
        if has_news || clock.now() >= until {
            return response;
        }
        let _ = tokio::time::timeout_at(until.into(), bell.woken()).await;
    }
}

fn unknown(index: i32) -> FetchedPartition {
    FetchedPartition {
        index,
        error: wire::ErrorCode::UnknownTopicId,
        high_watermark: Offset::NONE,
        log_start_offset: Offset::NONE,
        diverging: None,
        leader: None,
        records: vec![],
    }
}

impl Net {
    fn is_cut(&self, one: i32, other: i32) -> bool {
        let cut = self.cut.lock();
        cut.contains(&(one, other)) || cut.contains(&(other, one))
    }
}

#[async_trait]
impl IsrStore for Store {
    async fn propose(&self, proposal: IsrProposal) -> IsrOutcome {
        self.proposals.lock().push(proposal.clone());
        while self.away.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let fate = self.fates.lock().pop().unwrap_or(Fate::Handled);
        match fate {
            Fate::NotSent => IsrOutcome::NotSent,
            Fate::RequestLost => IsrOutcome::Unknown,
            Fate::AnswerLost => {
                self.handle(proposal);
                IsrOutcome::Unknown
            }
            Fate::Handled => self.handle(proposal),
        }
    }
}

impl Store {
    fn handle(&self, proposal: IsrProposal) -> IsrOutcome {
        let IsrProposal { tp, guard, state, joiner } = proposal;
        let current = self.record(&tp);
        let fits = current.as_ref().is_some_and(|record| record.partition_epoch == guard)
            && joiner.is_none_or(|joiner| self.registered.lock().get(&joiner.broker) == Some(&joiner));
        if fits { IsrOutcome::Committed(self.put(&tp, state)) } else { IsrOutcome::Refused { current } }
    }

    pub(super) fn record(&self, tp: &TopicPartition) -> Option<PartitionRecord> {
        self.records.lock().get(tp).cloned()
    }

    pub(super) fn put(&self, tp: &TopicPartition, state: PartitionState) -> PartitionRecord {
        let record = PartitionRecord { state, partition_epoch: PartitionEpoch(self.next_revision()) };
        self.records.lock().insert(tp.clone(), record.clone());
        record
    }

    fn next_revision(&self) -> i64 {
        let mut revision = self.revision.lock();
        *revision += 1;
        *revision
    }

    /// What becomes of the next writes, in order.
    pub(super) fn fates(&self, fates: &[Fate]) {
        *self.fates.lock() = fates.iter().rev().copied().collect();
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// How many brokers the ISR names.
    pub(super) fn isr(&self) -> Vec<i32> {
        self.record(&tp()).unwrap().state.isr.iter().map(|member| member.broker.0).collect()
    }
}

/// Quick settings for tests.
pub(super) fn quick() -> ReplicationOptions {
    ReplicationOptions {
        replica_lag_ms_max: 1_200,
        fetch_wait_ms: 100,
        fetch_timeout_ms: 300,
        fetch_backoff_ms_max: 100,
        isr_tick_ms: 10,
        isr_backoff_ms_max: 50,
        checkpoint_interval_ms: 50,
        flush_threads: 2,
        ..ReplicationOptions::default()
    }
}

impl Cluster {
    /// Brokers 1 to `count`, and one partition on all of them, led by broker 1.
    pub(super) async fn start(count: i32, min_isr: u32, flush: FlushMode) -> Self {
        Self::start_with(count, min_isr, flush, quick()).await
    }

    pub(super) async fn start_with(
        count: i32,
        min_isr: u32,
        flush: FlushMode,
        options: ReplicationOptions,
    ) -> Self {
        let store = Arc::new(Store {
            records: Mutex::default(),
            revision: Mutex::new(100),
            registered: Mutex::default(),
            fates: Mutex::default(),
            proposals: Mutex::default(),
            away: AtomicBool::new(false),
        });
        let dirs = (1..=count).map(|id| (id, tempfile::tempdir().unwrap())).collect();
        let mut cluster = Self { store, brokers: BTreeMap::new(), net: Arc::default(), dirs, options };
        for id in 1..=count {
            cluster.boot(id).await;
        }
        let lives: Vec<_> = cluster.brokers.values().map(|broker| broker.me).collect();
        let state = PartitionState {
            v: 1,
            topic_id: TopicId(uuid::Uuid::from_u128(7)),
            replicas: (1..=count).map(BrokerId).collect(),
            adding: vec![],
            removing: vec![],
            leader: Some(lives[0]),
            leader_epoch: LeaderEpoch(1),
            isr: lives,
            elr: vec![],
            min_isr,
            flush,
        };
        cluster.store.put(&tp(), state);
        cluster.tell_all().await;
        cluster
    }

    /// Starts a broker in a new life, over its directory as it is.
    pub(super) async fn boot(&mut self, id: i32) {
        let me = Incarnation { broker: BrokerId(id), epoch: BrokerEpoch(self.store.next_revision()) };
        self.store.registered.lock().insert(me.broker, me);
        let data_dir = DataDir::open(self.dirs[&id].path(), me.broker, "test").unwrap();
        let metrics = Arc::new(Metrics::new());
        let (suspects_in, suspects) = mpsc::channel(8);
        let (refresh_in, refresh) = mpsc::channel(8);
        let replicas = Replicas::new(ReplicasParts {
            options: self.options.clone(),
            clock: Clock::system(),
            metrics: Arc::clone(&metrics),
            tasks: crate::tasks::Tasks::default(),
            data_dir: Arc::new(data_dir),
            link: Arc::new(Link { from: id, net: Arc::clone(&self.net) }),
            isr_store: Arc::<Store>::clone(&self.store),
            suspects: suspects_in,
            refresh: refresh_in,
        });
        replicas.recover(LogOptions::default()).await.unwrap();
        replicas.start(me);
        self.net.up.lock().insert(id, Arc::clone(&replicas));
        self.brokers.insert(id, Broker { me, replicas, suspects, refresh, metrics });
    }

    /// Stops a broker in order.
    pub(super) async fn stop(&mut self, id: i32) {
        self.net.up.lock().remove(&id);
        let broker = self.brokers.remove(&id).unwrap();
        broker.replicas.shutdown().await.unwrap();
        drop(broker);
        self.lock_is_free(id).await;
    }

    /// Stops a broker of which a log has failed: that is said, and everything else is in order.
    pub(super) async fn stop_failing(&mut self, id: i32) {
        self.net.up.lock().remove(&id);
        let broker = self.brokers.remove(&id).unwrap();
        assert!(broker.replicas.shutdown().await.is_err(), "the data directory must not be called clean");
        drop(broker);
        self.lock_is_free(id).await;
    }

    /// The directory's lock goes with the last who knows the broker; a fetch under way may be that.
    async fn lock_is_free(&self, id: i32) {
        let path = self.dirs[&id].path();
        eventually("the data directory is let go", || DataDir::open(path, BrokerId(id), "test").is_ok())
            .await;
    }

    pub(super) fn cut(&self, one: i32, other: i32) {
        self.net.cut.lock().insert((one, other));
    }

    pub(super) fn heal(&self) {
        self.net.cut.lock().clear();
    }

    /// A broker whose port refuses, while its process goes on.
    pub(super) fn close_port(&self, id: i32) {
        self.net.up.lock().remove(&id);
    }

    pub(super) fn open_port(&self, id: i32) {
        self.net.up.lock().insert(id, Arc::clone(&self.brokers[&id].replicas));
    }

    /// Lets a broker see the newest record.
    pub(super) async fn tell(&self, id: i32) {
        let record = self.store.record(&tp()).unwrap();
        self.brokers[&id].replicas.apply(&tp(), &record, LogOptions::default()).await.unwrap();
    }

    pub(super) async fn tell_all(&self) {
        for id in self.brokers.keys() {
            self.tell(*id).await;
        }
    }

    /// Writes a record by hand, as a controller would: a new reign of `leader` with this ISR.
    pub(super) fn elect(&self, leader: i32, isr: &[i32]) {
        let mut state = self.store.record(&tp()).unwrap().state;
        state.leader = Some(self.brokers[&leader].me);
        state.leader_epoch = state.leader_epoch.next();
        state.isr = isr.iter().map(|id| self.brokers[id].me).collect();
        self.store.put(&tp(), state);
    }

    pub(super) fn partition(&self, id: i32) -> Arc<Partition> {
        self.brokers[&id].replicas.get(&tp()).unwrap()
    }

    pub(super) async fn append(&self, id: i32, value: &str, acks: Acks) -> Result<Appended, AppendError> {
        self.partition(id).append(append(value, acks, PATIENCE)).await
    }

    /// All values in a broker's log, and the epochs of their batches.
    pub(super) fn log(&self, id: i32) -> Vec<(i32, String)> {
        let partition = self.partition(id);
        let inner = partition.lock();
        let log = inner.log.as_ref().expect("the log is not taken out");
        let bytes = log.slice(log.start_offset(), log.end_offset(), 1 << 30).unwrap().read().unwrap();
        values(&bytes)
    }

    pub(super) fn hw(&self, id: i32) -> i64 {
        self.partition(id).status().high_watermark.0
    }

    pub(super) async fn all_hold(&self, ids: &[i32], values: &[&str]) {
        eventually(&format!("{ids:?} hold {values:?}"), || {
            ids.iter().all(|id| {
                let status = self.partition(*id).status();
                status.log_end.0 == i64::try_from(values.len()).unwrap()
                    && status.durable_end == status.log_end
                    && self.log(*id).iter().map(|(_, value)| value.as_str()).eq(values.iter().copied())
            })
        })
        .await;
    }
}

pub(super) fn values(mut bytes: &[u8]) -> Vec<(i32, String)> {
    let limits = crate::record::BatchLimits {
        batch_bytes_max: 1 << 20,
        inflated_bytes_max: 1 << 20,
        record_count_max: 100,
    };
    let mut all = Vec::new();
    while let Some((header, batch)) = crate::record::next_batch(bytes).unwrap() {
        for record in crate::record::records(&bytes::Bytes::copy_from_slice(batch), &limits).unwrap() {
            all.push((header.leader_epoch.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
        bytes = &bytes[header.total_len()..];
    }
    all
}

pub(super) fn batch(value: &str, producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    builder.push(NOW_MS, None, Some(value.as_bytes()), &[]);
    BytesMut::from(builder.finish(producer).as_ref())
}

pub(super) fn append(value: &str, acks: Acks, wait: Duration) -> Append {
    let deadline: Instant = Clock::system().now() + wait;
    Append { batch: batch(value, None), acks, deadline, expected_offset: None, leader_epoch: None }
}
