//! What all replicas of this broker share. No registry: it does not know the replicas.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::compactor::StopSign;
use super::flusher::Flusher;
use super::isr::Liveness;
use super::isr_keeper::IsrQueue;
use super::leader::LeaderLimits;
use super::options::ReplicationOptions;
use super::throttle::Throttle;
use super::waiters::WaitBound;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::storage::DataDir;
use crate::tasks::Tasks;
use crate::types::{Incarnation, TopicPartition};

/// A log that its disk has failed: a write or an fsync of it ended in an error that is no lack of room, so that nobody
/// knows what the disk holds, and it refuses writes until it is opened again.
///
/// One such log condemns the data directory, as in Kafka: the broker gives its leaderships away and ends, and recovery
/// finds out what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFailure {
    /// Whose log.
    pub tp: TopicPartition,
    /// What the disk said.
    pub reason: String,
}

/// What all replicas of this broker share.
pub(super) struct Shared {
    pub(super) options: ReplicationOptions,
    pub(super) limits: LeaderLimits,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) data_dir: Arc<DataDir>,
    pub(super) flusher: Flusher,
    pub(super) waits: Arc<WaitBound>,
    pub(super) isr_queue: IsrQueue,
    pub(super) compaction_stop: StopSign,
    pub(super) session: Session,
    pub(super) jitter: Jitter,
    pub(super) me: OnceLock<Incarnation>,
    pub(super) live: Mutex<Liveness>,
    pub(super) catch_up: Throttle,
    pub(super) refresh: mpsc::Sender<TopicPartition>,
    pub(super) log_failure: watch::Sender<Option<LogFailure>>,
    pub(super) tasks: Tasks,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Shared {
    /// Asks for a newer record of `tp`. Dropped if many are asked for already: the watch brings it in any case.
    pub(super) fn ask_for_refresh(&self, tp: &TopicPartition) {
        let _ = self.refresh.try_send(tp.clone());
    }

    /// Tells that a log has failed; the first one is kept.
    pub(super) fn log_failed(&self, tp: &TopicPartition, reason: String) {
        self.log_failure.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                *first = Some(LogFailure { tp: tp.clone(), reason });
            }
            is_first
        });
    }

    pub(super) fn live(&self) -> Liveness {
        self.live.lock().clone()
    }
}

/// Until when this broker's lease is known to hold.
#[derive(Debug)]
pub(super) struct Session {
    origin: Instant,
    /// Milliseconds after `origin`.
    until_ms: AtomicU64,
}

impl Session {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin, until_ms: AtomicU64::new(u64::MAX) }
    }

    pub(super) fn set(&self, until: Instant) {
        let after = until.saturating_duration_since(self.origin);
        self.until_ms.store(u64::try_from(after.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn holds(&self, now: Instant) -> bool {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        now.saturating_duration_since(self.origin).as_millis() < u128::from(until_ms)
    }
}

/// A source of small differences, so that brokers do not try again all at the same moment. Not for secrets.
#[derive(Debug)]
pub(super) struct Jitter {
    state: AtomicU64,
}

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// A pause that doubles with every failure from a hundredth of `max` up to `max`, and of that between half and all.
    pub(super) fn backoff(&self, failures: u32, max: Duration) -> Duration {
        let full = (max / 100).saturating_mul(1_u32 << failures.min(7)).min(max);
        full.mul_f64(0.5 + self.unit() / 2.0)
    }

    /// From 0 to 1 (splitmix64).
    fn unit(&self) -> f64 {
        let mut z = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ_within_bounds() {
        let jitter = Jitter::new(1);
        let max = Duration::from_secs(1);
        for failures in 0..12 {
            let pause = jitter.backoff(failures, max);
            assert!(pause <= max && pause >= max / 200, "{failures}: {pause:?}");
        }
        assert!(jitter.backoff(9, max) >= max / 2);
        assert_ne!(jitter.backoff(9, max), jitter.backoff(9, max));
    }
}
