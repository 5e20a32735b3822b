//! What goes on in the background: checkpoints, retention, flushes by time, and figures.
//!
//! Nothing here is on the way of an append or a fetch.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use super::partition::{Effects, Partition, Role};
use super::registry::Registry;
use super::shared::Shared;
use crate::storage::CheckpointEntry;
use crate::tasks;
use crate::types::FlushMode;

/// How often the gauges are brought up to date.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

fn ticks(every_ms: u64) -> Interval {
    let mut ticks = tokio::time::interval(Duration::from_millis(every_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Writes the checkpoints every few seconds, if they changed.
pub(super) async fn checkpoints(shared: Arc<Shared>, registry: Arc<Registry>) {
    let mut tick = ticks(shared.options.checkpoint_interval_ms);
    tick.tick().await;
    let mut written = Vec::new();
    loop {
        tick.tick().await;
        // A failure is told there, and tried again with the next tick.
        let _ = write_checkpoints(&shared, &registry, &mut written).await;
    }
}

/// Writes the checkpoints unless they say what `written` says. `false` if that failed.
pub(super) async fn write_checkpoints(
    shared: &Arc<Shared>,
    registry: &Registry,
    written: &mut Vec<CheckpointEntry>,
) -> bool {
    let mut entries: Vec<_> =
        registry.all().iter().filter_map(|partition| partition.checkpoint_entry()).collect();
    entries.sort_by(|one, other| one.tp.cmp(&other.tp));
    if entries == *written {
        return true;
    }
    let (data_dir, to_write) = (Arc::clone(&shared.data_dir), entries.clone());
    match tasks::lend(move || data_dir.write_checkpoints(&to_write)).await {
        Ok(Ok(())) => {
            *written = entries;
            true
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the checkpoints cannot be written");
            false
        }
        Err(error) => {
            shared.tasks.note("writing the checkpoints", error);
            false
        }
    }
}

/// Lets leaders delete what is too old or too much. Followers follow their log start (row 22). Files that were thrown
/// away long enough ago go here too.
pub(super) async fn retention(shared: Arc<Shared>, registry: Arc<Registry>) {
    let mut tick = ticks(shared.options.retention_interval_ms);
    tick.tick().await;
    loop {
        tick.tick().await;
        for partition in registry.all() {
            let work = tasks::lend(move || partition.apply_retention());
            if let Err(error) = work.await {
                shared.tasks.note("retention", error);
            }
        }
        let (data_dir, now_ms) = (Arc::clone(&shared.data_dir), shared.clock.unix_ms());
        if let Err(error) = tasks::lend(move || data_dir.empty_trash(now_ms)).await {
            shared.tasks.note("deleting files", error);
        }
    }
}

/// Flushes logs with `flush=interval`; under any mode segments that were closed, since they bound what a recovery reads;
/// and under `flush=ack` what no follower comes for.
pub(super) async fn interval_flush(shared: Arc<Shared>, registry: Arc<Registry>) {
    let mut tick = ticks(shared.options.flush_interval_ms);
    loop {
        tick.tick().await;
        for partition in registry.all() {
            let mut effects = Effects::default();
            let mut inner = partition.lock();
            let has_closed = inner.log.as_ref().is_some_and(crate::storage::Log::has_unflushed_segments);
            if inner.flush_mode() != FlushMode::Os || has_closed {
                inner.want_flush(&mut effects);
            }
            drop(inner);
            partition.carry_out(effects);
        }
    }
}

/// Keeps the gauges, and finds failed logs that nobody told of.
pub(super) async fn figures(shared: Arc<Shared>, registry: Arc<Registry>) {
    let mut tick = tokio::time::interval(FIGURES_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let (mut leads, mut under_replicated, mut under_min_isr) = (0, 0, 0);
        for partition in registry.all() {
            let mut effects = Effects::default();
            let mut inner = partition.lock();
            inner.look_for_failure(&mut effects);
            if matches!(inner.role, Role::Leader(_)) {
                let state = &inner.record.state;
                leads += 1;
                under_replicated += i64::from(state.isr.len() < state.replication_factor());
                under_min_isr += i64::from(!state.may_commit());
            }
            drop(inner);
            partition.carry_out(effects);
        }
        shared.metrics.leader_partitions.set(leads);
        shared.metrics.under_replicated_partitions.set(under_replicated);
        shared.metrics.under_min_isr_partitions.set(under_min_isr);
    }
}

impl Partition {
    fn apply_retention(self: &Arc<Self>) {
        let now_ms = self.shared.clock.unix_ms();
        let mut guard = self.lock();
        let inner = &mut *guard;
        let (Role::Leader(leader), Some(log)) = (&inner.role, &mut inner.log) else {
            return;
        };
        let high_watermark = leader.high_watermark();
        match log.apply_retention(now_ms, high_watermark) {
            Ok(deleted) => {
                drop(guard);
                for segment in deleted {
                    tracing::info!(
                        partition = %self.tp(), base = %segment.base_offset, end = %segment.end_offset,
                        bytes = segment.bytes, reason = segment.reason, "a segment was deleted"
                    );
                }
            }
            Err(error) => {
                drop(guard);
                tracing::error!(partition = %self.tp(), %error, "retention failed");
            }
        }
    }
}
