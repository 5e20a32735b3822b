//! One reign over one partition of the offsets topic: load, then serve, and again if something failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::options::CoordinatorOptions;
use super::registry::CoordinatorError;
use super::write::Gathered;
use crate::clock::Clock;
use crate::groups::ids::Ticket;
use crate::groups::options::GroupOptions;
use crate::groups::reply::Reply;
use crate::groups::request::Request;
use crate::groups::shard::Shard;
use crate::groups::topics::Topics;
use crate::groups::turn::Now;
use crate::replication::{Acks, Append, AppendError, Appended, Partition, Replicas, Written};
use crate::tasks::Tasks;
use crate::types::{LeaderEpoch, TopicId, TopicPartition};

/// How many requests are taken at once before anything else is looked at.
const TAKEN_AT_ONCE_MAX: usize = 64;
/// How soon to look again whether one of too many callers has gone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What all hosts share.
pub(super) struct HostParts {
    pub(super) replicas: Arc<Replicas>,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) options: CoordinatorOptions,
    pub(super) group_options: Arc<GroupOptions>,
    pub(super) loads: Semaphore,
}

/// Which partition, and in which epoch of its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) tp: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) epoch: LeaderEpoch,
}

/// A request on its way to a shard.
pub(super) struct Work {
    request: Request,
    reply: oneshot::Sender<Reply>,
}

/// Where requests are brought to a shard; closed while it is not loaded.
#[derive(Default)]
pub(super) struct Counter {
    queue: Mutex<Option<mpsc::Sender<Work>>>,
}

impl Counter {
    /// Brings a request in and waits for its reply.
    pub(super) async fn ask(&self, request: Request) -> Result<Reply, CoordinatorError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.lock().clone().ok_or(CoordinatorError::LoadInProgress)?;
        queue.try_send(Work { request, reply }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CoordinatorError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => CoordinatorError::NotCoordinator,
        })?;
        drop(queue);
        // A shard that is dropped drops whoever waits.
        answer.await.map_err(|_| CoordinatorError::Lost)
    }

    fn open(&self, queue: mpsc::Sender<Work>) {
        *self.queue.lock() = Some(queue);
    }

    fn close(&self) {
        *self.queue.lock() = None;
    }
}

/// One reign.
pub(super) struct Host {
    pub(super) parts: Arc<HostParts>,
    pub(super) reign: Reign,
    pub(super) topics: watch::Receiver<Arc<Topics>>,
    pub(super) counter: Arc<Counter>,
}

impl Host {
    /// Loads and serves until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.serve_once() => {}
            }
            self.counter.close();
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.counter.close();
    }

    /// Loads the shard and serves it until that cannot go on.
    async fn serve_once(&mut self) {
        let (partition, shard) = self.load().await;
        tracing::info!(
            partition = %self.reign.tp, epoch = %self.reign.epoch, groups = shard.group_count(),
            "coordinates groups"
        );
        let (queue_in, queue) = mpsc::channel(self.parts.options.queued_max.max(1));
        self.topics.mark_changed();
        let serving = Serving {
            parts: Arc::clone(&self.parts),
            epoch: self.reign.epoch,
            partition,
            shard,
            waiting: HashMap::new(),
            next_ticket: 0,
            gathered: Gathered::default(),
            sent: Vec::new(),
            append: None,
        };
        self.counter.open(queue_in);
        let why = serving.run(queue, &mut self.topics).await;
        self.counter.close();
        tracing::info!(partition = %self.reign.tp, epoch = %self.reign.epoch, why, "stops coordinating groups");
    }
}

/// A shard that is served.
struct Serving {
    parts: Arc<HostParts>,
    epoch: LeaderEpoch,
    partition: Arc<Partition>,
    shard: Shard,
    waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
    next_ticket: u64,
    /// What waits for the append under way.
    gathered: Gathered,
    /// The replies that leave when the append under way is committed.
    sent: Vec<(Ticket, Reply)>,
    append: Option<BoxFuture<'static, Result<Appended, AppendError>>>,
}

impl Serving {
    /// Serves; why it cannot go on.
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Work>,
        topics: &mut watch::Receiver<Arc<Topics>>,
    ) -> String {
        loop {
            if self.append.is_none() && !self.send_off() {
                return "the leadership is lost".to_owned();
            }
            let has_room = self.gathered.bytes() < self.parts.options.gathered_bytes_max;
            let may_wait = self.has_seats();
            let left = self.time_left(may_wait);
            tokio::select! {
                biased;
                appended = under_way(&mut self.append) => {
                    self.append = None;
                    if let Err(error) = appended {
                        return error.to_string();
                    }
                    let replies = std::mem::take(&mut self.sent);
                    self.answer(replies);
                }
                changed = topics.changed(), if has_room => {
                    if changed.is_err() {
                        return "the broker stops".to_owned();
                    }
                    let view = Arc::clone(&topics.borrow_and_update());
                    let now = self.now();
                    let outcome = self.shard.topics_changed(view, now);
                    self.gathered.take(outcome);
                }
                () = tokio::time::sleep(left.unwrap_or_default()), if has_room && left.is_some() => {
                    let now = self.now();
                    let outcome = self.shard.tick(now);
                    self.gathered.take(outcome);
                }
                work = queue.recv(), if has_room && may_wait => {
                    let Some(work) = work else { return "the broker stops".to_owned() };
                    self.take(work);
                    self.take_more(&mut queue);
                }
            }
        }
    }

    /// Whether another request may wait. Those whose callers have gone give up their place.
    fn has_seats(&mut self) -> bool {
        let max = self.parts.options.waiting_max;
        if self.waiting.len() >= max {
            self.waiting.retain(|_, waiting| !waiting.is_closed());
        }
        self.waiting.len() < max
    }

    /// How long until the shard, or the places, are to be looked at.
    fn time_left(&self, may_wait: bool) -> Option<Duration> {
        let due = self.shard.next_deadline();
        let left = due.map(|due| due.saturating_duration_since(self.parts.clock.now()));
        if may_wait { left } else { Some(left.map_or(LOOK_AGAIN, |left| left.min(LOOK_AGAIN))) }
    }

    fn now(&self) -> Now {
        Now { at: self.parts.clock.now(), unix_ms: self.parts.clock.unix_ms() }
    }

    fn take(&mut self, work: Work) {
        if work.reply.is_closed() {
            // Nobody waits any more, and nothing was promised.
            return;
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.waiting.insert(ticket, work.reply);
        let now = self.now();
        let outcome = self.shard.handle(ticket, work.request, now);
        self.gathered.take(outcome);
    }

    /// What else waits, within bounds: it goes with the same append.
    fn take_more(&mut self, queue: &mut mpsc::Receiver<Work>) {
        for _ in 0..TAKEN_AT_ONCE_MAX {
            let has_room = self.gathered.bytes() < self.parts.options.gathered_bytes_max
                && self.waiting.len() < self.parts.options.waiting_max;
            let Some(work) = has_room.then(|| queue.try_recv().ok()).flatten() else { return };
            self.take(work);
        }
    }

    /// Appends what was gathered; replies that need no append leave at once, if this broker still leads.
    fn send_off(&mut self) -> bool {
        if !self.gathered.has_records() {
            let replies = self.gathered.replies();
            if !replies.is_empty() {
                if self.partition.epoch_end(self.epoch, Some(self.epoch)).is_err() {
                    return false;
                }
                self.answer(replies);
            }
            return true;
        }
        let options = &self.parts.options;
        let batch = self.gathered.batches(options.batch_bytes, self.parts.clock.unix_ms()).freeze();
        self.sent = self.gathered.replies();
        let append = append_until_done(
            Arc::clone(&self.partition),
            batch,
            self.epoch,
            self.parts.clock.clone(),
            Duration::from_millis(options.append_timeout_ms),
            Duration::from_millis(options.retry_pause_ms),
        );
        self.append = Some(append.boxed());
        true
    }

    fn answer(&mut self, replies: Vec<(Ticket, Reply)>) {
        for (ticket, reply) in replies {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Who has gone needs no reply.
                let _ = waiting.send(reply);
            }
        }
    }
}

async fn under_way(
    append: &mut Option<BoxFuture<'static, Result<Appended, AppendError>>>,
) -> Result<Appended, AppendError> {
    match append {
        Some(append) => append.await,
        None => std::future::pending().await,
    }
}

/// Appends; again, within the time there is, while it is certain that nothing was written.
async fn append_until_done(
    partition: Arc<Partition>,
    batch: Bytes,
    epoch: LeaderEpoch,
    clock: Clock,
    timeout: Duration,
    pause: Duration,
) -> Result<Appended, AppendError> {
    let deadline = clock.now() + timeout;
    loop {
        let append = Append {
            batch: batch.as_ref().into(),
            acks: Acks::All,
            deadline,
            expected_offset: None,
            leader_epoch: Some(epoch),
        };
        let refused = match partition.append(append).await {
            Ok(appended) => return Ok(appended),
            Err(refused) => refused,
        };
        let is_over = matches!(
            refused,
            AppendError::NotLeader { .. }
                | AppendError::FencedEpoch { .. }
                | AppendError::UnknownEpoch { .. }
                | AppendError::Invalid(_)
        );
        if is_over || refused.written() != Written::No || clock.now() + pause >= deadline {
            return Err(refused);
        }
        tokio::time::sleep(pause).await;
    }
}
