//! The shell that carries out what [`super::reconcile`] says, while this broker holds the controller's seat.
//!
//! Every broker stands by with the same image and the same memory ([`super::observed`]); the first to create the
//! controller's key acts. It decides nothing that is not in those two.
//!
//! *Invariant:* every transaction compares the create revision of the seat and the version of each record that it
//! changes (rule 10): one who has lost the seat, or looks at an old image, writes nothing.
//! *Invariant:* an outcome that is not known is settled by what the image shows next: either the record has moved on,
//! or the same change is written again under the same guard, and only one of the two can land.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator_adapter::{Fence, Revision, Store, resign, try_acquire};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::{Metrics, seconds};
use crate::tasks::Tasks;
use crate::types::Incarnation;

use super::carry_out::{CarryOut, Done};
use super::chores::chores;
use super::election::Cause;
use super::image::Image;
use super::keyspace::{Key, Keyspace};
use super::membership::Membership;
use super::observed::{Observed, Patience};
use super::pause::{Pause, jitter_ms};
use super::reconcile::{Circumstances, PartitionWrite, preferred, reconcile};
use super::values::{ControllerSeat, VERSION, encode};
use super::watcher::{Contact, Gap};

/// How long the image may take to show what was written before it is looked at again anyway.
const ECHO_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a quiet controller looks at its timers.
const TICK: Duration = Duration::from_secs(1);
/// The first and the longest pause after a failure.
const RETRY_MS: (u64, u64) = (10, 1_000);

/// How the controller behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerOptions {
    /// The longest random pause before a broker tries to take a seat that became free.
    pub campaign_jitter_ms_max: u64,
    /// How many partitions one transaction writes.
    pub txn_partitions_max: usize,
    /// How long a preferred leader must have been back in the in-sync set before leadership returns to it.
    pub rebalance_after_ms: u64,
    /// How many leaderships return in one pass.
    pub rebalance_moves_max: usize,
    /// How long a mass death is waited out before elections (rule 14); the session's time.
    pub brake_ms: u64,
    /// Whether leaderships return to preferred leaders by themselves.
    pub auto_rebalance: bool,
    /// The share in percent of the partitions that a broker should lead, which others may lead before any returns.
    pub imbalance_percentage_max: u32,
    /// How many partitions move to other brokers at once.
    pub moves_max: usize,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self {
            campaign_jitter_ms_max: 50,
            txn_partitions_max: 40,
            rebalance_after_ms: 60_000,
            rebalance_moves_max: 20,
            brake_ms: 6_000,
            auto_rebalance: true,
            imbalance_percentage_max: 10,
            moves_max: 20,
        }
    }
}

impl ControllerOptions {
    fn patience(&self) -> Patience {
        Patience {
            brake: Duration::from_millis(self.brake_ms),
            rebalance_after: Duration::from_millis(self.rebalance_after_ms),
            rebalance_pause: TICK,
            rebalance_moves_max: self.rebalance_moves_max,
            imbalance_percentage_max: self.imbalance_percentage_max,
        }
    }
}

/// The running task; dropping it ends it, and the seat stays taken until the lease ends.
#[derive(Debug)]
pub struct Controller {
    active: watch::Receiver<bool>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Controller {
    /// Starts to stand by, and to act while this broker holds the seat.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a shell is wired from all that it needs, once")]
    pub fn start(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        membership: Arc<Membership>,
        images: watch::Receiver<Arc<Image>>,
        contact: watch::Receiver<Contact>,
        clock: Clock,
        metrics: Arc<Metrics>,
        options: ControllerOptions,
        tasks: &Tasks,
    ) -> Self {
        let (active, active_out) = watch::channel(false);
        let stop = CancellationToken::new();
        let patience = options.patience();
        let carry_out = CarryOut::new(
            Arc::clone(&store),
            keyspace.clone(),
            options.txn_partitions_max,
            membership.incarnation(),
            clock.clone(),
        );
        let memory = Memory { noted: Arc::new(Image::default()), observed: Observed::default(), patience };
        let standby = Standby {
            store,
            keyspace,
            membership,
            images,
            contact,
            auto_rebalance: options.auto_rebalance,
            moves_max: options.moves_max.max(1),
            clock,
            metrics,
            jitter_ms_max: options.campaign_jitter_ms_max,
            active,
            carry_out,
            memory,
        };
        let task = tasks.spawn("controller", standby.run(stop.clone()));
        Self { active: active_out, stop, task: Some(task) }
    }

    /// Whether this broker is the controller, and news of changes.
    #[must_use]
    pub fn active(&self) -> watch::Receiver<bool> {
        self.active.clone()
    }

    /// Gives the seat up, if this broker holds it, and stops.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && task.await.is_err()
        {
            tracing::error!("the controller's task was stopped; its seat ends with the lease");
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What this broker remembers, up to which image.
struct Memory {
    noted: Arc<Image>,
    observed: Observed,
    patience: Patience,
}

impl Memory {
    fn note(&mut self, image: &Arc<Image>, gap: Option<Gap>, now: Instant) {
        if !Arc::ptr_eq(&self.noted, image) {
            self.observed.note(&self.noted, image, gap, now, &self.patience);
            self.noted = Arc::clone(image);
        }
    }
}

/// How much of what was planned stands.
enum Stock {
    Whole,
    Partial,
    SeatLost,
}

/// The task: stands by, takes the seat when it is free, acts while it holds it.
struct Standby {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    membership: Arc<Membership>,
    images: watch::Receiver<Arc<Image>>,
    contact: watch::Receiver<Contact>,
    auto_rebalance: bool,
    moves_max: usize,
    clock: Clock,
    metrics: Arc<Metrics>,
    jitter_ms_max: u64,
    active: watch::Sender<bool>,
    carry_out: CarryOut,
    memory: Memory,
}

impl Standby {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let fence = tokio::select! {
                () = stop.cancelled() => return,
                fence = self.take_the_seat() => match fence {
                    Some(fence) => fence,
                    None => return,
                },
            };
            tracing::info!(broker = %self.membership.incarnation(), fence = %fence.create_revision, "controller");
            self.active.send_replace(true);
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                () = self.act(&fence) => false,
            };
            self.active.send_replace(false);
            if stopped {
                if let Err(error) = resign(self.store.as_ref(), &fence).await {
                    tracing::info!(%error, "the controller's seat could not be given up; it ends with the lease");
                }
                return;
            }
            tracing::info!(broker = %self.membership.incarnation(), "no longer controller");
        }
    }

    /// The newest image, noted.
    fn look(&mut self) -> Arc<Image> {
        let image = Arc::clone(&self.images.borrow_and_update());
        let now = self.clock.now();
        let gap = self.contact.borrow().gap(now);
        self.memory.note(&image, gap, now);
        image
    }

    /// Waits until the seat is free, or ours without our knowing it, and takes it. `None` if there are no more images.
    async fn take_the_seat(&mut self) -> Option<Fence> {
        let mut pause = Pause::new(RETRY_MS.0, RETRY_MS.1);
        loop {
            let image = self.look();
            let ours = image.controller.is_some_and(|seat| seat.epoch == self.membership.incarnation().epoch);
            // Before the first listing nobody knows. Trying would do no harm: taking the seat is guarded.
            let free = image.revision > Revision(0) && (image.controller.is_none() || ours);
            let lease = self.membership.lease();
            let (true, Some(lease)) = (free, lease) else {
                self.wait_for_news(TICK).await?;
                continue;
            };
            tokio::time::sleep(Duration::from_millis(jitter_ms(self.jitter_ms_max))).await;
            if image.controller.is_none() && self.look().controller.is_some() {
                continue;
            }
            let key = self.keyspace.path(&Key::Controller);
            match try_acquire(self.store.as_ref(), &key, self.seat(), lease).await {
                Ok(Some(fence)) => return Some(fence),
                // Somebody was faster, or an old lease of ours still holds it: the image will show.
                Ok(None) => self.wait_for_news(TICK).await?,
                Err(error) => {
                    tracing::debug!(%error, "the controller's seat cannot be taken yet");
                    pause.wait().await;
                }
            }
        }
    }

    fn seat(&self) -> bytes::Bytes {
        let me = self.membership.incarnation();
        encode(&ControllerSeat {
            v: VERSION,
            broker: me.broker,
            epoch: me.epoch,
            since_unix_ms: self.clock.unix_ms(),
        })
    }

    /// Waits for a newer image, not longer than `limit`. `None` if there are no more.
    async fn wait_for_news(&mut self, limit: Duration) -> Option<()> {
        match tokio::time::timeout(limit, self.images.changed()).await {
            Ok(Ok(())) | Err(_) => Some(()),
            Ok(Err(_)) => None,
        }
    }

    /// Acts while the image shows that the seat is held by `fence`.
    async fn act(&mut self, fence: &Fence) {
        let mut pause = Pause::new(RETRY_MS.0, RETRY_MS.1);
        // The image for which nothing was left to do, and who was awaited then.
        let mut settled: Option<(Arc<Image>, BTreeSet<Incarnation>)> = None;
        loop {
            let image = self.look();
            if image.revision < fence.create_revision {
                if self.wait_for_news(TICK).await.is_none() {
                    return;
                }
                continue;
            }
            if image.controller.is_none_or(|seat| seat.fence != fence.create_revision) {
                return;
            }
            let now = self.circumstances();
            let before =
                settled.as_ref().filter(|(_, then)| *then == now.waited_for).map(|(image, _)| image.as_ref());
            let writes = reconcile(&image, before, &now);
            let stock = if writes.is_empty() {
                settled = Some((Arc::clone(&image), now.waited_for.clone()));
                self.when_settled(fence, &image, &now, &mut pause).await
            } else {
                let done = self.carry_out.carry_out(fence, &writes).await;
                Some(self.take_stock(&image, &writes, done, &mut pause).await)
            };
            match stock {
                // Whatever was written is seen as changed in the next image; the rest was found right in this one.
                Some(Stock::Whole) => settled = Some((image, now.waited_for)),
                Some(Stock::Partial) => settled = None,
                Some(Stock::SeatLost) => return,
                None => {
                    pause.reset();
                    if self.wait_for_news(TICK).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            waited_for: self.memory.observed.awaited(self.clock.now()),
            moves_max: self.moves_max,
            unix_ms: self.clock.unix_ms(),
        }
    }

    /// With every record right, sees to what can wait. `None` if there is nothing.
    async fn when_settled(
        &mut self,
        fence: &Fence,
        image: &Arc<Image>,
        now: &Circumstances,
        pause: &mut Pause,
    ) -> Option<Stock> {
        let chores = chores(image, now);
        if !chores.is_empty() {
            let done = self.carry_out.carry_out_chores(fence, &chores).await;
            return Some(self.take_stock(image, &[], done, pause).await);
        }
        if !now.waited_for.is_empty() || !self.auto_rebalance {
            return None;
        }
        let Memory { observed, patience, .. } = &mut self.memory;
        let writes = observed.due(preferred(image), image, self.clock.now(), patience);
        if writes.is_empty() {
            return None;
        }
        let done = self.carry_out.carry_out(fence, &writes).await;
        Some(self.take_stock(image, &writes, done, pause).await)
    }

    /// Counts what was written and waits until the image shows it.
    async fn take_stock(
        &mut self,
        image: &Arc<Image>,
        writes: &[PartitionWrite],
        done: Done,
        pause: &mut Pause,
    ) -> Stock {
        for write in writes.iter().zip(&done.written).filter(|(_, written)| **written).map(|(write, _)| write)
        {
            self.count(image, write);
        }
        if done.seat_lost {
            return Stock::SeatLost;
        }
        let mut whole = !done.failed;
        if let Some(revision) = done.revision {
            // Until the image shows it, the same writes would be planned again, in vain.
            let echo = self.images.wait_for(|image| image.revision >= revision);
            whole &= tokio::time::timeout(ECHO_TIMEOUT, echo).await.is_ok_and(|echo| echo.is_ok());
        }
        if whole {
            pause.reset();
            Stock::Whole
        } else {
            pause.wait().await;
            Stock::Partial
        }
    }

    fn count(&self, image: &Image, write: &PartitionWrite) {
        self.metrics.controller_writes.inc();
        let (Some(new), Some(old)) = (&write.new, image.partition(&write.tp)) else { return };
        if write.cause == Cause::Reassignment {
            let (from, to, moving) = (&old.state.replicas, &new.replicas, new.is_moving());
            tracing::info!(partition = %write.tp, ?from, ?to, moving, "reassignment");
        }
        if new.leader == old.state.leader {
            return;
        }
        tracing::info!(
            partition = %write.tp,
            cause = ?write.cause,
            from = old.state.leader.map(|leader| leader.to_string()),
            to = new.leader.map(|leader| leader.to_string()),
            epoch = %new.leader_epoch,
            isr = new.isr.len(),
            elr = new.elr.len(),
            "leader elected"
        );
        self.metrics.elections.inc();
        let died = old.state.leader.and_then(|leader| self.memory.observed.vanished_at(leader));
        if let (Cause::Election, Some(died)) = (write.cause, died) {
            let latency = self.clock.now().saturating_duration_since(died);
            self.metrics.election_latency.observe(seconds(latency));
        }
    }
}
