//! Group commit: a few threads that fsync logs.
//!
//! A partition stands in the queue at most once. While its fsync runs further appends gather, and the next fsync serves
//! them all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::partition::{Effects, Partition};
use super::waiters::Ended;
use crate::metrics::{Metrics, seconds};
use crate::rules::{self, Rule};
use crate::storage::FlushJob;
use crate::tasks::{self, Tasks};

/// Where one partition stands with its flushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FlushStage {
    /// Nobody wants one.
    #[default]
    Idle,
    /// It is in the queue.
    Queued,
    /// An fsync is under way that covers all that was appended before it began.
    Running,
    /// The same, and something was appended since.
    RunningAndWanted,
}

impl FlushStage {
    /// Wants a flush; `true` if the partition is to be queued for it.
    pub(super) fn want(&mut self) -> bool {
        match self {
            Self::Idle => {
                *self = Self::Queued;
                return true;
            }
            Self::Running => *self = Self::RunningAndWanted,
            Self::Queued | Self::RunningAndWanted => {}
        }
        false
    }
}

/// The threads and their queue. Dropping it stops them once the queue is empty.
pub(super) struct Flusher {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    inline: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    partitions: VecDeque<Arc<Partition>>,
    idle_threads: usize,
    stopping: bool,
    /// Tests: nothing is flushed for now.
    #[cfg(test)]
    held: bool,
}

impl Waiting {
    fn pop(&mut self) -> Option<Arc<Partition>> {
        #[cfg(test)]
        if self.held && !self.stopping {
            return None;
        }
        self.partitions.pop_front()
    }
}

impl Flusher {
    /// `threads` of them; with zero, whoever asks for a flush does it.
    pub(super) fn new(threads: usize, metrics: &Arc<Metrics>, tasks: &Tasks) -> Self {
        let queue = Arc::new(Queue::default());
        // Threads keep no simulated time.
        let threads = if cfg!(feature = "simulation") { 0 } else { threads };
        let spawn = |number| {
            let (queue, metrics) = (Arc::clone(&queue), Arc::clone(metrics));
            tasks.thread(format!("flush-{number}"), move || queue.work(&metrics))
        };
        let mut handles = Vec::new();
        for number in 0..threads {
            match spawn(number) {
                Ok(handle) => handles.push(handle),
                Err(error) => tracing::error!(%error, number, "a flush thread cannot be started"),
            }
        }
        Self { queue, inline: handles.is_empty(), threads: Mutex::new(handles) }
    }

    /// Queues a partition whose stage has just become [`FlushStage::Queued`].
    pub(super) fn enqueue(&self, partition: Arc<Partition>) {
        if cfg!(feature = "simulation") {
            tokio::spawn(flush_on_loan(partition));
            return;
        }
        if self.inline {
            while partition.flush(&partition.shared.metrics) {}
            return;
        }
        let mut waiting = self.queue.waiting.lock();
        waiting.partitions.push_back(partition);
        let wake = waiting.idle_threads > 0;
        drop(waiting);
        if wake {
            self.queue.bell.notify_one();
        }
    }

    /// Holds all flushes, or lets them go on.
    #[cfg(test)]
    pub(super) fn hold(&self, held: bool) {
        self.queue.waiting.lock().held = held;
        self.queue.bell.notify_all();
    }

    /// Empties the queue and ends the threads.
    pub(super) fn stop(&self) {
        self.queue.waiting.lock().stopping = true;
        self.queue.bell.notify_all();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a flush thread has panicked");
            }
        }
    }
}

impl Queue {
    fn work(&self, metrics: &Metrics) {
        while let Some(partition) = self.next() {
            if partition.flush(metrics) {
                self.waiting.lock().partitions.push_back(partition);
            }
        }
    }

    fn next(&self) -> Option<Arc<Partition>> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(partition) = waiting.pop() {
                return Some(partition);
            }
            if waiting.stopping {
                return None;
            }
            waiting.idle_threads += 1;
            self.bell.wait(&mut waiting);
            waiting.idle_threads -= 1;
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        debug_assert!(self.waiting.get_mut().partitions.is_empty(), "nobody is left to flush for");
    }
}

/// Flushes without a thread of its own, for as long as there is something: the two steps are done where blocking work is,
/// so that there is a time between them.
async fn flush_on_loan(partition: Arc<Partition>) {
    loop {
        let (beginning, ending) = (Arc::clone(&partition), Arc::clone(&partition));
        let flushed = async {
            let Some(job) = tasks::lend(move || beginning.begin_flush()).await? else { return Ok(false) };
            tasks::lend(move || ending.carry_flush_out(job, &ending.shared.metrics)).await
        };
        match flushed.await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return partition.shared.tasks.note("flush", error),
        }
    }
}

impl Partition {
    /// Flushes what is appended by now. Returns whether it should be queued again.
    fn flush(self: &Arc<Self>, metrics: &Metrics) -> bool {
        self.begin_flush().is_some_and(|job| self.carry_flush_out(job, metrics))
    }

    fn carry_flush_out(self: &Arc<Self>, job: FlushJob, metrics: &Metrics) -> bool {
        let began = self.shared.clock.now();
        let result = job.run();
        metrics.flushes.inc();
        metrics.flush_latency.observe(seconds(self.shared.clock.now().saturating_duration_since(began)));
        let mut effects = Effects::default();
        let mut inner = self.lock();
        let again = inner.flush == FlushStage::RunningAndWanted && result.is_ok();
        inner.flush = if again { FlushStage::Queued } else { FlushStage::Idle };
        match result {
            Ok(end) => {
                if let Some(log) = &mut inner.log {
                    log.flushed(end);
                }
            }
            Err(error) if !rules::holds(Rule::FailedFsyncPoisons) => {
                tracing::warn!(%error, "an fsync failed and will be tried again");
            }
            Err(error) => {
                metrics.flush_errors.inc();
                let reason = format!("an fsync failed: {error}");
                tracing::error!(partition = %self.tp(), %error, "fsync failed: the log is closed for writing");
                match &mut inner.log {
                    Some(log) => log.poison(reason.clone()),
                    None => inner.failed_flush = Some(reason.clone()),
                }
                inner.end_waits(Ended::Failed, &mut effects);
                effects.log_failed = Some(reason);
            }
        }
        inner.publish(&mut effects);
        drop(inner);
        self.carry_out(effects);
        again
    }

    fn begin_flush(&self) -> Option<FlushJob> {
        let mut inner = self.lock();
        let job =
            inner.log.as_ref().filter(|log| log.poisoned().is_none()).map(crate::storage::Log::flush_job);
        inner.flush = if job.is_some() { FlushStage::Running } else { FlushStage::Idle };
        job
    }
}
