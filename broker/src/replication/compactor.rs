//! Compaction in the background: one log at a time, the dirtiest first, at a bounded speed.
//!
//! Every replica compacts its own log, up to its own high watermark; which records superseded which is the same everywhere
//! there, so replicas differ only in what they have taken out already. What is cleaned and what stays is decided in
//! `storage`; here it is decided when, and how fast.
//!
//! *Invariant:* a partition's lock is held to look at its segments and to rename files, and never while records are read
//! or written.
//! *Invariant:* nobody cuts or closes a log while a compacted segment is put in place: the turn is held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::OwnedSemaphorePermit;

use super::partition::{Effects, Partition};
use super::registry::Registry;
use super::shared::Shared;
use crate::clock::Clock;
use crate::storage::{CompactionError, CompactionJob, Dirtiness, Keys, Rewritten, StorageError};
use crate::tasks;
use crate::types::TopicPartition;

/// So much is done before the speed is looked at.
const BURST_BYTES: u64 = 128 << 10;
/// How often, and how far apart, a swap is tried while the disk is full or descriptors are out.
const SHORTAGE_TRIES: u32 = 300;
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Tells a run on another thread to stop, also while it waits.
#[derive(Debug, Default)]
pub(super) struct StopSign {
    is_up: Mutex<bool>,
    bell: Condvar,
}

impl StopSign {
    pub(super) fn put_up(&self) {
        *self.is_up.lock() = true;
        self.bell.notify_all();
    }

    /// Waits for so long, or until the sign is up. Whether to go on.
    fn wait(&self, pause: Duration) -> bool {
        let mut is_up = self.is_up.lock();
        if !*is_up && !pause.is_zero() {
            self.bell.wait_for(&mut is_up, pause);
        }
        !*is_up
    }
}

/// The speed of one run.
struct Throttle {
    clock: Clock,
    began: Instant,
    bytes: u64,
    unchecked: u64,
    per_second: u64,
}

impl Throttle {
    fn new(per_second: u64) -> Self {
        let clock = Clock::system();
        Self { began: clock.now(), clock, bytes: 0, unchecked: 0, per_second: per_second.max(1) }
    }

    /// How long to rest after so many more bytes; `None` if it is not yet time to look.
    fn spend(&mut self, bytes: u64) -> Option<Duration> {
        self.bytes += bytes;
        self.unchecked += bytes;
        if self.unchecked < BURST_BYTES {
            return None;
        }
        self.unchecked = 0;
        let due = Duration::from_secs_f64(self.bytes as f64 / self.per_second as f64);
        Some(due.saturating_sub(self.clock.now() - self.began))
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    bytes_before: u64,
    bytes_after: u64,
    /// Whether more of the log is clean than before.
    advanced: bool,
}

/// Compacts what is due, for as long as there is something, and looks again after a rest.
pub(super) async fn compaction(shared: Arc<Shared>, registry: Arc<Registry>) {
    if !shared.options.compaction_enabled {
        return;
    }
    let rest = Duration::from_millis(shared.options.compaction_interval_ms.max(1));
    let mut failures = BTreeMap::new();
    loop {
        tokio::time::sleep(rest).await;
        while round(&shared, &registry, &mut failures).await {}
    }
}

/// Compacts every log that is due once. Whether any is cleaner now.
async fn round(
    shared: &Arc<Shared>,
    registry: &Registry,
    failures: &mut BTreeMap<TopicPartition, String>,
) -> bool {
    let mut due = Vec::new();
    let mut dirtiest = 0;
    for partition in registry.all() {
        let looking = Arc::clone(&partition);
        let looked = tasks::lend(move || looking.dirtiness()).await;
        let Ok(Some((dirty, is_due))) = looked else { continue };
        dirtiest = dirtiest.max(dirty.ratio_ppm() / 10_000);
        if is_due {
            due.push((dirty.ratio_ppm(), partition));
        }
    }
    shared.metrics.compaction_dirty_percent_max.set(i64::try_from(dirtiest).unwrap_or(100));
    due.sort_by_key(|(ratio, _)| std::cmp::Reverse(*ratio));
    let mut any = false;
    for (_, partition) in due {
        any |= compact(shared, &partition, failures).await;
    }
    any
}

/// One run, with its figures and its line in the log. Whether more is clean than before.
async fn compact(
    shared: &Arc<Shared>,
    partition: &Arc<Partition>,
    failures: &mut BTreeMap<TopicPartition, String>,
) -> bool {
    let tp = partition.tp();
    let began = shared.clock.now();
    let outcome = run(shared, partition).await;
    let took_ms = u64::try_from((shared.clock.now() - began).as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(run) => {
            failures.remove(tp);
            shared.metrics.compaction_runs.inc();
            shared.metrics.compaction_last_run_milliseconds.set(i64::try_from(took_ms).unwrap_or(i64::MAX));
            let Run { bytes_before, bytes_after, .. } = run;
            tracing::info!(partition = %tp, bytes_before, bytes_after, took_ms, "compacted a log");
            run.advanced
        }
        Err(CompactionError::Stopped) => false,
        Err(CompactionError::Storage(error)) => {
            shared.metrics.compaction_errors.inc();
            let error = error.to_string();
            // It is tried again after every rest, and says the same every time.
            if failures.get(tp) != Some(&error) {
                tracing::error!(partition = %tp, %error, "a log cannot be compacted; it stays as it is");
                failures.insert(tp.clone(), error);
            }
            false
        }
    }
}

async fn run(shared: &Arc<Shared>, partition: &Arc<Partition>) -> Result<Run, CompactionError> {
    let mut work = Work {
        throttle: Throttle::new(shared.options.compaction_bytes_per_second_max),
        shared: Arc::clone(shared),
        partition: Arc::clone(partition),
    };
    let map_bytes_max = shared.options.compaction_map_bytes_max;
    let starting = Arc::clone(partition);
    let job = blocking(move || Ok(starting.compaction_job(map_bytes_max)?)).await?;
    let Some(mut job) = job else { return Ok(Run::default()) };
    let from = job.dirtiness().from;
    let mut done = Run::default();
    let mut keys;
    (work, job, keys) = blocking(move || {
        let keys = work.read_keys(&job)?;
        Ok((work, job, keys))
    })
    .await?;
    let end = keys.end();
    loop {
        let rewritten;
        (work, job, keys, rewritten) = blocking(move || {
            let rewritten = work.rewrite_next(&mut job, &keys)?;
            Ok((work, job, keys, rewritten))
        })
        .await?;
        let Some(rewritten) = rewritten else { break };
        done.bytes_before += rewritten.bytes_before();
        done.bytes_after += rewritten.bytes_after();
        let Ok(turn) = Arc::clone(&partition.turn).acquire_owned().await else {
            rewritten.discard();
            return Err(CompactionError::Stopped);
        };
        let swapping = Arc::clone(partition);
        if !blocking(move || Ok(swapping.swap(rewritten, turn)?)).await? {
            return Err(CompactionError::Stopped);
        }
    }
    done.advanced = end > from;
    let noting = Arc::clone(partition);
    blocking(move || Ok(noting.note_cleaned(end)?)).await?;
    Ok(done)
}

/// Runs what takes long on a thread that may block. A run that is dropped meanwhile ends at the sign to stop.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CompactionError> + Send + 'static,
) -> Result<T, CompactionError> {
    tasks::lend(work).await.unwrap_or_else(|error| {
        Err(StorageError::Poisoned { reason: format!("compacting it failed: {error}") }.into())
    })
}

/// The reading and writing of one run.
struct Work {
    throttle: Throttle,
    shared: Arc<Shared>,
    partition: Arc<Partition>,
}

impl Work {
    fn read_keys(&mut self, job: &CompactionJob) -> Result<Keys, CompactionError> {
        job.read_keys(&mut |read, written| self.go_on(read, written))
    }

    fn rewrite_next(
        &mut self,
        job: &mut CompactionJob,
        keys: &Keys,
    ) -> Result<Option<Rewritten>, CompactionError> {
        job.rewrite_next(keys, &mut |read, written| self.go_on(read, written))
    }

    fn go_on(&mut self, read: u64, written: u64) -> bool {
        self.shared.metrics.compaction_read_bytes.inc_by(read);
        self.shared.metrics.compaction_written_bytes.inc_by(written);
        let Some(pause) = self.throttle.spend(read + written) else { return true };
        self.shared.compaction_stop.wait(pause) && !self.partition.turn.is_closed()
    }
}

impl Partition {
    /// How dirty the log is, if it is compacted, and whether a run is due.
    fn dirtiness(&self) -> Option<(Dirtiness, bool)> {
        let now_ms = self.shared.clock.unix_ms();
        let mut inner = self.lock();
        let high_watermark = inner.high_watermark();
        let log = inner.log.as_mut()?;
        let dirty = log.dirtiness(high_watermark, now_ms).ok().flatten()?;
        let is_due = log.options().compaction.as_ref().is_some_and(|options| dirty.is_due(options));
        Some((dirty, is_due))
    }

    fn compaction_job(&self, map_bytes_max: usize) -> Result<Option<CompactionJob>, StorageError> {
        let now_ms = self.shared.clock.unix_ms();
        let mut inner = self.lock();
        let high_watermark = inner.high_watermark();
        inner.log.as_mut().map_or(Ok(None), |log| log.compaction_job(high_watermark, map_bytes_max, now_ms))
    }

    /// Puts a compacted segment in place. `false` if the log has changed so that it does not fit.
    fn swap(
        self: &Arc<Self>,
        rewritten: Rewritten,
        _turn: OwnedSemaphorePermit,
    ) -> Result<bool, StorageError> {
        let begun = match &mut self.lock().log {
            Some(log) => log.swap_in(rewritten)?,
            None => {
                rewritten.discard();
                None
            }
        };
        let Some(swap) = begun else { return Ok(false) };
        let settled = through_shortage(|| {
            swap.settle()?;
            self.lock().log.as_mut().map_or(Ok(()), |log| log.finish_swap(&swap))?;
            swap.close()
        });
        if let Err(error) = &settled {
            let mut effects = Effects::default();
            let mut inner = self.lock();
            if let Some(log) = &mut inner.log {
                log.poison(format!("putting a compacted segment in place failed: {error}"));
            }
            inner.look_for_failure(&mut effects);
            drop(inner);
            self.carry_out(effects);
        }
        settled.map(|()| true)
    }

    fn note_cleaned(&self, to: crate::types::Offset) -> Result<(), StorageError> {
        let mark = self.lock().log.as_ref().map(|log| log.cleaned_mark(to));
        mark.map_or(Ok(()), crate::storage::CleanedMark::write)
    }
}

/// Tries again while only room or descriptors are wanting, for a while: a swap that is decided cannot be taken back. Each
/// step may be done twice.
fn through_shortage(mut step: impl FnMut() -> Result<(), StorageError>) -> Result<(), StorageError> {
    for _ in 0..SHORTAGE_TRIES {
        match step() {
            Err(error) if error.is_shortage() => tasks::stand_still(SHORTAGE_PAUSE),
            other => return other,
        }
    }
    step()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_waited_out_and_another_failure_is_not() {
        let mut outcomes = vec![
            Ok(()),
            Err(StorageError::DiskFull { path: "x".into() }),
            Err(StorageError::TooManyOpenFiles),
        ];
        assert!(through_shortage(|| outcomes.pop().unwrap()).is_ok());
        let broken = StorageError::Poisoned { reason: "tests".to_owned() };
        let mut tries = 0;
        let outcome = through_shortage(|| {
            tries += 1;
            Err(broken.clone())
        });
        assert!(outcome.is_err() && tries == 1);
    }

    #[test]
    fn a_run_is_as_fast_as_it_may_be() {
        let mut throttle = Throttle::new(1 << 20);
        assert_eq!(throttle.spend(BURST_BYTES - 1), None);
        let pause = throttle.spend(2 << 20).unwrap();
        assert!(pause > Duration::from_millis(1_900) && pause < Duration::from_millis(2_200), "{pause:?}");
    }

    #[test]
    fn the_sign_ends_a_wait() {
        let sign = Arc::new(StopSign::default());
        assert!(sign.wait(Duration::ZERO));
        let waiting = Arc::clone(&sign);
        let waiter = std::thread::spawn(move || waiting.wait(Duration::from_secs(600)));
        sign.put_up();
        assert!(!waiter.join().unwrap());
    }
}
