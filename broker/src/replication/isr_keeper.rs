//! Carries out what leaders decide about their in-sync sets: looks at them on a tick and when asked, sends proposals, and
//! sends them again until their outcome is certain (rule 4).
//!
//! It decides nothing itself; [`super::proposal`] does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::outside::{IsrOutcome, IsrProposal, IsrStore};
use super::partition::{Effects, Partition, Role};
use super::proposal::Settled;
use super::registry::Registry;
use super::shared::Shared;
use super::waiters::Ended;
use crate::types::{PartitionEpoch, PartitionRecord};

/// A write that the store neither confirms nor refuses within this counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Leaders whose in-sync set should be looked at before the next tick. Each stands here once at most, and is not kept by
/// that: it knows what is shared, which knows this queue.
#[derive(Debug, Default)]
pub(super) struct IsrQueue {
    waiting: Mutex<Vec<Weak<Partition>>>,
    look_at_all: AtomicBool,
    bell: Notify,
}

impl IsrQueue {
    pub(super) fn push(&self, partition: &Arc<Partition>) {
        self.waiting.lock().push(Arc::downgrade(partition));
        self.bell.notify_one();
    }

    /// Looks at all leaders before the next tick.
    pub(super) fn push_all(&self) {
        self.look_at_all.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    fn take(&self) -> Vec<Arc<Partition>> {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.iter().filter_map(Weak::upgrade).collect()
    }
}

/// The task and what it needs.
pub(super) struct IsrKeeper {
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn IsrStore>,
}

impl IsrKeeper {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let keeper = Arc::new(self);
        let writes = Arc::new(Semaphore::new(keeper.shared.options.isr_writes_max.max(1)));
        let mut tick = tokio::time::interval(Duration::from_millis(keeper.shared.options.isr_tick_ms.max(1)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let queue = &keeper.shared.isr_queue;
            let all = tokio::select! {
                _ = tick.tick() => true,
                () = queue.bell.notified() => queue.look_at_all.swap(false, Ordering::AcqRel),
            };
            let ticked = if all { keeper.registry.all() } else { Vec::new() };
            for partition in queue.take().into_iter().chain(ticked) {
                keeper.look_at(&partition, &writes);
            }
        }
    }

    /// Opens a proposal if the leader wants one and there is room to send it. Without room nothing is opened: what is open
    /// counts, and must be on its way.
    fn look_at(self: &Arc<Self>, partition: &Arc<Partition>, writes: &Arc<Semaphore>) {
        if !partition.may_have_proposal() {
            return;
        }
        let Ok(permit) = Arc::clone(writes).try_acquire_owned() else {
            return;
        };
        if let Some(proposal) = partition.propose() {
            tracing::debug!(partition = %partition.tp(), isr = ?proposal.state.isr, "proposes an in-sync set");
            let pursuit = Arc::clone(self).pursue(Arc::clone(partition), proposal, permit);
            self.shared.tasks.spawn("isr proposal", pursuit);
        }
    }

    /// Sends a proposal until its outcome is certain.
    async fn pursue(
        self: Arc<Self>,
        partition: Arc<Partition>,
        first: IsrProposal,
        _permit: OwnedSemaphorePermit,
    ) {
        let max = Duration::from_millis(self.shared.options.isr_backoff_ms_max);
        let mut proposal = first;
        let mut failures = 0;
        loop {
            let guard = proposal.guard;
            let answer = tokio::time::timeout(WRITE_TIMEOUT, self.store.propose(proposal)).await;
            let outcome = answer.unwrap_or(IsrOutcome::Unknown);
            if outcome == IsrOutcome::Unknown {
                self.shared.metrics.isr_unknown_outcomes.inc();
            }
            match partition.settle(guard, outcome) {
                Settled::Closed => break,
                Settled::Superseded(record) => {
                    if let Err(error) = self.registry.converge(&partition, &record, None).await {
                        tracing::warn!(partition = %partition.tp(), %error, "a newer record cannot be taken yet");
                    }
                    break;
                }
                Settled::Again(again) => proposal = again,
            }
            tokio::time::sleep(self.shared.jitter.backoff(failures, max)).await;
            failures += 1;
            if !partition.is_open(guard) {
                break;
            }
        }
        // The next change may have been waiting for this one.
        self.shared.isr_queue.push_unless_queued(&partition);
    }
}

impl IsrQueue {
    fn push_unless_queued(&self, partition: &Arc<Partition>) {
        let was_queued = std::mem::replace(&mut partition.lock().isr_queued, true);
        if !was_queued {
            self.push(partition);
        }
    }
}

impl Partition {
    /// A cheap look: only leaders without an open proposal can have a new one.
    fn may_have_proposal(&self) -> bool {
        let mut inner = self.lock();
        inner.isr_queued = false;
        matches!(&inner.role, Role::Leader(leader) if !leader.has_open_proposal())
    }

    fn propose(&self) -> Option<IsrProposal> {
        let live = self.shared.live();
        let now = self.shared.clock.now();
        match &mut self.lock().role {
            Role::Leader(leader) => leader.propose(self.tp(), &live, &self.shared.limits, now),
            Role::Follower(_) => None,
        }
    }

    fn is_open(&self, guard: PartitionEpoch) -> bool {
        let inner = self.lock();
        matches!(&inner.role, Role::Leader(leader) if leader.open_guard() == Some(guard))
    }

    fn settle(self: &Arc<Self>, guard: PartitionEpoch, outcome: IsrOutcome) -> Settled {
        let now = self.shared.clock.now();
        let mut effects = Effects::default();
        let mut inner = self.lock();
        let Role::Leader(leader) = &mut inner.role else {
            return Settled::Closed;
        };
        let before = leader.record().clone();
        let settled = leader.settle(guard, outcome, now);
        let after = leader.record().clone();
        if after.partition_epoch != before.partition_epoch {
            self.count(&before, &after);
            inner.record = after;
            // The follower that this log was to be flushed with may be gone.
            if inner.flush_mode().counts_durable_only() {
                inner.want_flush(&mut effects);
            }
        }
        if matches!(settled, Settled::Superseded(_)) {
            // The change of role to come does this too, unless the new reign is this broker's own again.
            inner.end_waits(Ended::Lost, &mut effects);
        }
        inner.publish(&mut effects);
        drop(inner);
        self.carry_out(effects);
        settled
    }

    fn count(&self, before: &PartitionRecord, after: &PartitionRecord) {
        let (old, new) = (&before.state.isr, &after.state.isr);
        let (left, joined) = (
            old.iter().filter(|member| !new.contains(member)).count(),
            new.iter().filter(|member| !old.contains(member)).count(),
        );
        self.shared.metrics.isr_shrinks.inc_by(left as u64);
        self.shared.metrics.isr_expansions.inc_by(joined as u64);
        if left + joined > 0 {
            tracing::info!(partition = %self.tp(), isr = ?new, version = %after.partition_epoch, "in-sync set changed");
        }
    }
}
