//! The shell of the memory store: one lock around the state and its file.
//!
//! With a file every call runs where it may block; without one it runs in place, so that a simulation's order of
//! events is its own.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::StoreError;
use crate::limits::check_watch_from;
use crate::memory::journal::Journal;
use crate::memory::plan::plan;
use crate::memory::state::{Change, State};
use crate::memory::watching::carry;
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch};

/// How many batches wait for a slow reader of a watch.
const WATCH_BATCHES: usize = 16;
/// How often [`MemoryStore::run_clock`] looks.
const CLOCK_EVERY: Duration = Duration::from_millis(100);
/// The most that the store's time moves at once: a process that was stopped does not find its own leases run out.
const CLOCK_STEP_MS_MAX: i64 = 1_000;

/// How a memory store keeps its history and its file.
#[derive(Clone, Debug)]
pub struct MemoryOptions {
    /// How many events are kept for watches; older ones are compacted away.
    pub history_max: usize,
    /// The shortest time to live that is granted.
    pub ttl_min_ms: u64,
    /// A file that has grown beyond this, and to twice its last snapshot, is written anew.
    pub file_bytes_max: u64,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { history_max: 100_000, ttl_min_ms: 1_000, file_bytes_max: 8 << 20 }
    }
}

/// The memory store. Share it as `Arc<MemoryStore>` (an `Arc<dyn Store>`).
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

/// What the store and its watches share.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    revisions: watch::Sender<Revision>,
    ttl_min_ms: i64,
    blocking: bool,
}

/// What stands under the lock.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: State,
    journal: Option<Journal>,
}

impl Inner {
    /// Durable, then applied.
    fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change)?;
        }
        self.state.apply(change);
        if let Some(journal) = &mut self.journal {
            journal.snapshot_if_large(&self.state);
        }
        Ok(())
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnOutcome, StoreError> {
        let plan = plan(&self.state, txn)?;
        if let Some(change) = plan.change {
            self.commit(change)?;
        }
        Ok(plan.outcome)
    }

    /// Ends a lease: its keys go in one revision, then it goes.
    fn revoke(&mut self, lease: LeaseId) -> Result<(), StoreError> {
        if let Some(change) = self.state.plan_deletes(|entry| entry.lease == Some(lease)) {
            self.commit(change)?;
        }
        self.state.end_lease(lease);
        Ok(())
    }

    /// Ends the leases that have run out. One whose end cannot be written lives until it can.
    fn end_expired(&mut self) {
        while let Some(lease) = self.state.expired() {
            if self.revoke(lease).is_err() {
                break;
            }
        }
    }
}

impl Shared {
    /// Runs `work` under the lock, where it may block if it has to. `None` if the runtime is shutting down.
    pub(super) async fn run<R: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&mut Inner) -> R + Send + 'static,
    ) -> Option<R> {
        if self.blocking {
            tokio::task::spawn_blocking(move || self.run_here(work)).await.ok()
        } else {
            Some(self.run_here(work))
        }
    }

    fn run_here<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner.lock();
        let before = inner.state.revision();
        let result = work(&mut inner);
        let revision = inner.state.revision();
        drop(inner);
        if revision > before {
            self.revisions.send_replace(revision);
        }
        result
    }
}

impl MemoryStore {
    /// A store that forgets everything when it is dropped. Its time stands still until [`MemoryStore::tick`].
    #[must_use]
    pub fn new(options: MemoryOptions) -> Self {
        Self::over(State::new(options.history_max), None, &options)
    }

    /// A store kept in one file: every change is durable before it is answered or seen. Keys under a lease do not
    /// survive: they are deleted here, in one revision. Blocking, milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a file that is damaged or in use by another process, and for one that cannot be
    /// read or written.
    pub fn open(path: &Path, options: MemoryOptions) -> Result<Self, StoreError> {
        let (journal, mut state) = Journal::open(path, options.file_bytes_max, options.history_max)?;
        state.leases_after(LeaseId(i64::from(journal.opened()) << 32));
        let store = Self::over(state, Some(journal), &options);
        store.shared.run_here(|inner| match inner.state.plan_deletes(|entry| entry.lease.is_some()) {
            Some(change) => inner.commit(change),
            None => Ok(()),
        })?;
        Ok(store)
    }

    fn over(state: State, journal: Option<Journal>, options: &MemoryOptions) -> Self {
        let (revisions, _) = watch::channel(state.revision());
        let blocking = journal.is_some();
        let ttl_min_ms = i64::try_from(options.ttl_min_ms).unwrap_or(i64::MAX);
        Self {
            shared: Arc::new(Shared {
                inner: Mutex::new(Inner { state, journal }),
                revisions,
                ttl_min_ms,
                blocking,
            }),
        }
    }

    /// Moves the store's time to `now_ms` (never back): leases that have run out end, each in one revision. Any origin
    /// will do; a new store stands at 0. Blocking for a store with a file.
    pub fn tick(&self, now_ms: i64) {
        self.shared.run_here(|inner| {
            inner.state.set_now(now_ms);
            inner.end_expired();
        });
    }

    /// Gives every lease its whole time again, as etcd does when it changes its leader.
    pub fn rearm_leases(&self) {
        self.shared.run_here(|inner| inner.state.rearm_leases());
    }

    /// Ticks with tokio's time until the store is dropped. Needs a runtime.
    pub fn run_clock(&self) {
        tokio::spawn(run_clock(Arc::downgrade(&self.shared)));
    }

    /// Forgets what was before `revision`.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] if that is done already, [`StoreError::Invalid`] for a revision yet to come.
    pub fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.shared.run_here(|inner| inner.state.compact(revision))
    }

    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let stopped = StoreError::Unknown { reason: "the process is shutting down".to_owned() };
        Arc::clone(&self.shared).run(work).await.unwrap_or(Err(stopped))
    }
}

async fn run_clock(shared: Weak<Shared>) {
    let mut interval = tokio::time::interval(CLOCK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        interval.tick().await;
        let Some(store) = shared.upgrade() else { return };
        let passed_ms =
            i64::try_from(last.elapsed().as_millis()).unwrap_or(CLOCK_STEP_MS_MAX).min(CLOCK_STEP_MS_MAX);
        last = Instant::now();
        let ran = store
            .run(move |inner| {
                inner.state.set_now(inner.state.now_ms() + passed_ms);
                inner.end_expired();
            })
            .await;
        if ran.is_none() {
            return;
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        let key = key.to_owned();
        self.run(move |inner| Ok((inner.state.revision(), inner.state.get(&key).cloned()))).await
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        let key = key.to_owned();
        self.run(move |inner| inner.state.get_at(&key, at)).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let prefix = prefix.to_owned();
        self.run(move |inner| Ok(inner.state.list(&prefix))).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        self.run(move |inner| inner.txn(&txn)).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        check_watch_from(from)?;
        let (sender, receiver) = mpsc::channel(WATCH_BATCHES);
        let revisions = self.shared.revisions.subscribe();
        tokio::spawn(carry(Arc::downgrade(&self.shared), revisions, prefix.to_owned(), from, sender));
        Ok(Watch::new(receiver))
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        let ttl_ms = i64::try_from(ttl.as_millis())
            .map_err(|_| StoreError::Invalid { reason: "a lease without end".to_owned() })?
            .max(self.shared.ttl_min_ms)
            .max(1);
        self.run(move |inner| Ok(Lease { id: inner.state.grant(ttl_ms), ttl: millis(ttl_ms) })).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        self.run(move |inner| inner.state.keep_alive(lease).map(millis)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.run(move |inner| inner.revoke(lease)).await
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).expect("a time to live is at least one millisecond"))
}
