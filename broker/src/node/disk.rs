//! Does the data directory answer, and has it room?
//!
//! A lease cannot tell that a disk works. So a thread of its own writes and fsyncs a small file now and then: full is
//! an answer, silence is not. While there is silence the lease is not renewed, and a stalled disk loses its
//! leaderships instead of holding them for ever.
//!
//! *Invariant:* nothing on the produce or fetch path waits for this.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::storage::DataDir;
use crate::tasks::{self, Tasks};

/// What the disk said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskState {
    /// It answers in time; the gate of lease renewals.
    pub(super) answers: bool,
    /// It has less room than the reserve.
    pub(super) full: bool,
}

/// How the disk is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskWatch {
    /// How often it is asked.
    pub(super) interval: Duration,
    /// After this long without an answer it counts as silent.
    pub(super) timeout: Duration,
    /// Free bytes below which it counts as full.
    pub(super) reserve_bytes: u64,
}

impl DiskWatch {
    /// Asks until `stop`; the receiver holds the latest word.
    pub(super) fn start(
        self,
        data_dir: Arc<DataDir>,
        clock: Clock,
        metrics: Arc<Metrics>,
        tasks: &Tasks,
        stop: CancellationToken,
    ) -> watch::Receiver<DiskState> {
        let (sender, receiver) = watch::channel(DiskState { answers: true, full: false });
        tasks.spawn("disk watch", async move {
            let mut ticks = tokio::time::interval(self.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => self.ask_once(&data_dir, &clock, &metrics, &sender).await,
                }
            }
        });
        receiver
    }

    async fn ask_once(
        &self,
        data_dir: &Arc<DataDir>,
        clock: &Clock,
        metrics: &Metrics,
        sender: &watch::Sender<DiskState>,
    ) {
        let dir = Arc::clone(data_dir);
        let began = clock.now();
        let mut probe = tasks::lend(move || (dir.probe(), free_bytes(&dir)));
        let (probed, free) = match tokio::time::timeout(self.timeout, &mut probe).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::error!(
                    dir = %data_dir.path().display(),
                    waited_ms = u64::try_from((clock.now() - began).as_millis()).unwrap_or(u64::MAX),
                    "the data directory does not answer; the lease is not renewed until it does"
                );
                sender.send_modify(|state| state.answers = false);
                // One probe at a time: a stalled disk must not collect threads.
                match probe.await {
                    Ok(answer) => answer,
                    Err(_) => return,
                }
            }
        };
        let full = free.is_some_and(|free| free < self.reserve_bytes) || probed.as_ref().is_err_and(is_full);
        if let Err(error) = &probed
            && !is_full(error)
        {
            tracing::error!(dir = %data_dir.path().display(), %error, "the data directory cannot be written");
        }
        let answers = probed.as_ref().map_or_else(is_full, |()| true);
        if full != sender.borrow().full {
            tracing::warn!(dir = %data_dir.path().display(), full, free_bytes = free, "room on the disk changed");
        }
        metrics.disk_full.set(i64::from(full));
        sender.send_if_modified(|state| {
            let news = DiskState { answers, full };
            let changed = *state != news;
            *state = news;
            changed
        });
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

fn free_bytes(data_dir: &DataDir) -> Option<u64> {
    let stat = rustix::fs::statvfs(data_dir.path()).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
