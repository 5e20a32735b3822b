//! Pulling from leaders: one task per leader broker fetches all partitions followed there, one request at a time.
//!
//! Which partition is pulled from whom is decided by records ([`super::converge`]); what to ask and what to do with an
//! answer by [`super::follow`]. Here are the rounds, the pauses and the reports.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::follow::{Change, Taken};
use super::follower::{Asked, NextFetch};
use super::outside::{LeaderLink, LinkError};
use super::partition::Partition;
use super::round::Round;
use super::shared::Shared;
use crate::types::{BrokerId, PartitionIndex, TopicId};
use crate::wire::{ErrorCode, FetchResponse, FetchedPartition};

/// How a partition is named in a fetch; the order groups the partitions of a topic.
pub(super) type Key = (TopicId, PartitionIndex);

/// Who is pulled from where.
#[derive(Default)]
struct Assignment {
    by_leader: HashMap<BrokerId, Puller>,
}

struct Puller {
    partitions: BTreeMap<Key, Arc<Partition>>,
    /// Counts changes, so that the task knows when to look.
    version: u64,
    bell: Arc<Notify>,
    task: JoinHandle<()>,
}

/// The tasks that pull, one per leader broker.
pub(super) struct FetcherSet {
    shared: Arc<Shared>,
    link: Arc<dyn LeaderLink>,
    suspects: mpsc::Sender<BrokerId>,
    assignment: Arc<Mutex<Assignment>>,
}

impl FetcherSet {
    pub(super) fn new(
        shared: Arc<Shared>,
        link: Arc<dyn LeaderLink>,
        suspects: mpsc::Sender<BrokerId>,
    ) -> Self {
        Self { shared, link, suspects, assignment: Arc::default() }
    }

    /// Pulls `partition` from `leader`, and from nobody else.
    pub(super) fn assign(&self, partition: &Arc<Partition>, leader: Option<BrokerId>) {
        let key = (partition.topic_id(), partition.tp().partition);
        let mut assignment = self.assignment.lock();
        for (broker, puller) in &mut assignment.by_leader {
            if Some(*broker) != leader && puller.partitions.remove(&key).is_some() {
                puller.version += 1;
            }
        }
        if let Some(leader) = leader {
            let puller = assignment.by_leader.entry(leader).or_insert_with(|| self.begin(leader));
            puller.partitions.insert(key, Arc::clone(partition));
            puller.version += 1;
            // Not for removals: an answer that is under way is judged when it comes.
            puller.bell.notify_one();
        }
    }

    /// Ends all tasks and waits for them.
    pub(super) async fn stop(&self) {
        let pullers = std::mem::take(&mut self.assignment.lock().by_leader);
        for puller in pullers.values() {
            puller.task.abort();
        }
        for puller in pullers.into_values() {
            // Cancelled, as asked.
            let _ = puller.task.await;
        }
    }

    fn begin(&self, leader: BrokerId) -> Puller {
        let bell = Arc::new(Notify::new());
        let pull = Pull {
            leader,
            shared: Arc::clone(&self.shared),
            link: Arc::clone(&self.link),
            suspects: self.suspects.clone(),
            assignment: Arc::clone(&self.assignment),
            bell: Arc::clone(&bell),
            seen: 0,
            pulled: BTreeMap::new(),
            failures: 0,
            rounds: 0,
        };
        let task = self.shared.tasks.spawn("fetcher", pull.run());
        Puller { partitions: BTreeMap::new(), version: 0, bell, task }
    }
}

/// One partition as its task sees it.
pub(super) struct Pulled {
    pub(super) partition: Arc<Partition>,
    /// Failures in a row.
    failures: u32,
    not_before: Option<Instant>,
}

/// The task for one leader.
struct Pull {
    leader: BrokerId,
    shared: Arc<Shared>,
    link: Arc<dyn LeaderLink>,
    suspects: mpsc::Sender<BrokerId>,
    assignment: Arc<Mutex<Assignment>>,
    bell: Arc<Notify>,
    seen: u64,
    pulled: BTreeMap<Key, Pulled>,
    /// Failed requests in a row.
    failures: u32,
    rounds: usize,
}

impl Pull {
    async fn run(mut self) {
        let timeout =
            Duration::from_millis(self.shared.options.fetch_wait_ms + self.shared.options.fetch_timeout_ms);
        loop {
            self.look_at_assignment();
            self.flush_first().await;
            let (round, retry_at) = self.next_round();
            if round.is_empty() {
                self.rest(retry_at).await;
                continue;
            }
            let Some(me) = self.shared.me.get().copied() else {
                return;
            };
            let request = round.request(me, &self.shared.options, retry_at, self.shared.clock.now());
            self.shared.metrics.replica_fetches.inc();
            let answer = tokio::select! {
                biased;
                answer = tokio::time::timeout(timeout, self.link.fetch(self.leader, request)) => answer,
                // More partitions are to be pulled: they must not wait for the end of a long poll.
                () = self.bell.notified() => continue,
            };
            match answer.unwrap_or(Err(LinkError::TimedOut)) {
                Ok(response) if response.error.is_none() => {
                    self.failures = 0;
                    self.take(round, response).await;
                }
                Ok(response) => self.failed(&LinkError::Broken(response.error.to_string())).await,
                Err(error) => self.failed(&error).await,
            }
        }
    }

    fn look_at_assignment(&mut self) {
        let assignment = self.assignment.lock();
        let Some(puller) =
            assignment.by_leader.get(&self.leader).filter(|puller| puller.version != self.seen)
        else {
            return;
        };
        self.seen = puller.version;
        let mut before = std::mem::take(&mut self.pulled);
        for (key, partition) in &puller.partitions {
            let known = before.remove(key).filter(|known| Arc::ptr_eq(&known.partition, partition));
            let pulled = known.unwrap_or_else(|| Pulled {
                partition: Arc::clone(partition),
                failures: 0,
                not_before: None,
            });
            self.pulled.insert(*key, pulled);
        }
    }

    /// Under `flush=ack` the fetch offset is an acknowledgement, so the log must be durable up to it.
    async fn flush_first(&mut self) {
        let now = self.shared.clock.now();
        for pulled in self.pulled.values_mut().filter(|pulled| pulled.is_due(now)) {
            let must_flush = matches!(pulled.partition.next_fetch(), Some((NextFetch::FlushFirst, _)));
            if must_flush && !pulled.partition.flushed().await {
                pulled.pause(&self.shared, "its log cannot be made durable");
            }
        }
    }

    /// What to ask now, and when the first of those that pause is due.
    fn next_round(&mut self) -> (Round, Option<Instant>) {
        let now = self.shared.clock.now();
        let mut retry_at =
            self.pulled.values().filter_map(|pulled| pulled.not_before).filter(|due| *due > now).min();
        let (bytes_max, catch_up) = (self.shared.options.fetch_partition_bytes_max, &self.shared.catch_up);
        let throttled = catch_up.is_set();
        let mut round = Round::default();
        // Who stands behind may go empty when the answer is full, so everyone stands first in turn.
        self.rounds = self.rounds.wrapping_add(1);
        let first = self.rounds % self.pulled.len().max(1);
        let (front, back): (Vec<_>, Vec<_>) =
            self.pulled.iter().enumerate().partition(|(place, _)| *place < first);
        for (_, (key, pulled)) in back.into_iter().chain(front) {
            let held_back = throttled && pulled.partition.is_being_added();
            if let Some(until) = catch_up.wait_until(now).filter(|_| held_back) {
                retry_at = Some(retry_at.map_or(until, |earlier| earlier.min(until)));
                continue;
            }
            if pulled.is_due(now)
                && let Some((NextFetch::Fetch(asked), start)) = pulled.partition.next_fetch()
            {
                let bytes_max = if held_back { catch_up.fetch_bytes_max(bytes_max) } else { bytes_max };
                round.push(*key, asked, start, bytes_max);
            }
        }
        (round, retry_at)
    }

    async fn rest(&self, until: Option<Instant>) {
        // A step that blocks has the only log, or all pause; look again before long in any case.
        let latest = self.shared.clock.now() + Duration::from_millis(self.shared.options.fetch_wait_ms);
        let until = until.map_or(latest, |until| until.min(latest));
        let _ = tokio::time::timeout_at(until.into(), self.bell.notified()).await;
    }

    async fn take(&mut self, round: Round, response: FetchResponse) {
        let mut asked: HashMap<Key, Asked> = round.into_asked().collect();
        let mut to_flush = Vec::new();
        let mut to_change = Vec::new();
        for topic in response.topics {
            let Some(topic_id) = topic.topic_id else { continue };
            for answer in topic.partitions {
                let key = (topic_id, PartitionIndex(answer.index));
                if let Some(asked) = asked.remove(&key) {
                    self.take_one(key, asked, answer, &mut to_flush, &mut to_change);
                }
            }
        }
        for key in asked.into_keys() {
            self.pause(key, "the leader did not answer for it");
        }
        self.flush_all(to_flush).await;
        self.change(to_change).await;
    }

    /// Waits for fsyncs that run beside each other.
    async fn flush_all(&mut self, keys: Vec<Key>) {
        let flushes = keys.into_iter().filter_map(|key| {
            let partition = Arc::clone(&self.pulled.get(&key)?.partition);
            Some(async move { (key, partition.flushed().await) })
        });
        for (key, flushed) in futures_util::future::join_all(flushes.collect::<Vec<_>>()).await {
            if !flushed {
                self.pause(key, "its log cannot be made durable");
            }
        }
    }

    fn take_one(
        &mut self,
        key: Key,
        asked: Asked,
        answer: FetchedPartition,
        to_flush: &mut Vec<Key>,
        to_change: &mut Vec<(Key, Asked, Change)>,
    ) {
        let Some(pulled) = self.pulled.get_mut(&key) else { return };
        let error = answer.error;
        let bytes: usize = answer.records.iter().map(bytes::Bytes::len).sum();
        if bytes > 0 && self.shared.catch_up.is_set() && pulled.partition.is_being_added() {
            self.shared.catch_up.charge(bytes, self.shared.clock.now());
        }
        match pulled.partition.take_answer(asked, answer) {
            Taken::Done => pulled.succeeded(),
            Taken::FlushFirst => {
                pulled.succeeded();
                to_flush.push(key);
            }
            Taken::Change(asked, change) => to_change.push((key, asked, change)),
            Taken::Retry { refresh } => {
                if refresh {
                    self.shared.ask_for_refresh(pulled.partition.tp());
                }
                pulled.pause(&self.shared, error.text());
                if error == ErrorCode::None {
                    tracing::error!(partition = %pulled.partition.tp(), "an answer without an error is to be retried");
                }
            }
            Taken::Failed(reason) => pulled.pause(&self.shared, &reason),
        }
    }

    /// Steps that block run beside each other, and are waited for: nothing can be asked of these partitions before.
    async fn change(&mut self, steps: Vec<(Key, Asked, Change)>) {
        let runs = steps.into_iter().filter_map(|(key, asked, change)| {
            let partition = Arc::clone(&self.pulled.get(&key)?.partition);
            Some(async move { (key, partition.change_log(asked, change).await) })
        });
        let outcomes = futures_util::future::join_all(runs.collect::<Vec<_>>()).await;
        for (key, outcome) in outcomes {
            match outcome {
                Ok(()) => self.pulled.get_mut(&key).into_iter().for_each(Pulled::succeeded),
                Err(reason) => self.pause(key, &reason),
            }
        }
    }

    fn pause(&mut self, key: Key, reason: &str) {
        if let Some(pulled) = self.pulled.get_mut(&key) {
            pulled.pause(&self.shared, reason);
        }
    }

    /// The whole request failed.
    async fn failed(&mut self, error: &LinkError) {
        self.shared.metrics.replica_fetch_errors.inc();
        if self.failures.is_power_of_two() || self.failures == 0 {
            tracing::warn!(leader = %self.leader, %error, failures = self.failures, "cannot fetch from a leader");
        }
        if matches!(error, LinkError::Refused(_)) {
            // Full means that enough is known already.
            let _ = self.suspects.try_send(self.leader);
        }
        let max = Duration::from_millis(self.shared.options.fetch_backoff_ms_max);
        let pause = self.shared.jitter.backoff(self.failures, max);
        self.failures = self.failures.saturating_add(1);
        // New partitions do not shorten it: the leader is the same.
        tokio::time::sleep(pause).await;
    }
}

impl Pulled {
    fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|due| due <= now)
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    fn pause(&mut self, shared: &Shared, reason: &str) {
        let partition = self.partition.tp();
        // The first few are the usual course of a failover.
        if self.failures >= 4 && self.failures.is_power_of_two() {
            tracing::warn!(%partition, reason, failures = self.failures, "replication of a partition makes no progress");
        } else {
            tracing::debug!(%partition, reason, failures = self.failures, "a fetch is to be tried again");
        }
        let max = Duration::from_millis(shared.options.fetch_backoff_ms_max);
        self.not_before = Some(shared.clock.now() + shared.jitter.backoff(self.failures, max));
        self.failures = self.failures.saturating_add(1);
    }
}
