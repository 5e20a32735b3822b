//! The calls of a store through an unreliable door.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::chance::Chance;
use super::watching::hand_on;
use crate::error::StoreError;
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch, WatchEnd};

/// How often each vice shows. `ppm` counts in a million of the calls concerned; a default door is a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vices {
    /// Nothing comes through: calls end after [`Vices::timeout_ms`], watches break.
    pub away: bool,
    /// How long a client waits for an answer that does not come.
    pub timeout_ms: u64,
    /// How long a request, and how long its answer, is on its way.
    pub latency_ms: RangeInclusive<u64>,
    /// Calls that are refused at once, certainly not applied.
    pub refused_ppm: u32,
    /// Transactions that never arrive; their outcome is unknown.
    pub request_lost_ppm: u32,
    /// Transactions that are applied, and whose answer is lost.
    pub answer_lost_ppm: u32,
    /// Transactions whose outcome is unknown, and that are applied afterwards, within [`Vices::late_ms`].
    pub late_ppm: u32,
    /// How long after its sender gave up such a transaction is applied.
    pub late_ms: RangeInclusive<u64>,
    /// How long a watch's news is on its way.
    pub watch_delay_ms: RangeInclusive<u64>,
    /// News after which the watch breaks.
    pub watch_broken_ppm: u32,
    /// News that comes a second time.
    pub watch_repeated_ppm: u32,
    /// New watches that are told that their history is compacted away.
    pub watch_compacted_ppm: u32,
}

impl Default for Vices {
    fn default() -> Self {
        Self {
            away: false,
            timeout_ms: 2_000,
            latency_ms: 0..=0,
            refused_ppm: 0,
            request_lost_ppm: 0,
            answer_lost_ppm: 0,
            late_ppm: 0,
            late_ms: 0..=5_000,
            watch_delay_ms: 0..=0,
            watch_broken_ppm: 0,
            watch_repeated_ppm: 0,
            watch_compacted_ppm: 0,
        }
    }
}

/// A client's own, unreliable way to a store.
#[derive(Debug)]
pub struct UnreliableStore {
    inner: Arc<dyn Store>,
    vices: watch::Sender<Vices>,
    chance: Arc<Mutex<Chance>>,
    late: Mutex<Late>,
}

/// Transactions on their way whose senders no longer wait.
#[derive(Debug, Default)]
struct Late {
    now_ms: u64,
    waiting: Vec<(u64, Txn)>,
}

/// What becomes of one transaction.
enum Fate {
    Passes,
    Lost,
    AnswerLost,
    Late,
}

impl UnreliableStore {
    /// A door without vices, whose dice begin at `seed`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, seed: u64) -> Self {
        let (vices, _) = watch::channel(Vices::default());
        let chance = Arc::new(Mutex::new(Chance::new(seed)));
        Self { inner, vices, chance, late: Mutex::default() }
    }

    /// Changes the vices, for running watches too.
    pub fn set(&self, change: impl FnOnce(&mut Vices)) {
        self.vices.send_modify(change);
    }

    /// The vices as they are.
    #[must_use]
    pub fn vices(&self) -> Vices {
        self.vices.borrow().clone()
    }

    /// Moves the door's time to `now_ms`, and applies the late transactions that are due, whatever becomes of them;
    /// returns how many. Late ones wait until this is called, also when their sender is dead.
    pub async fn tick(&self, now_ms: u64) -> usize {
        let due = {
            let mut late = self.late.lock();
            late.now_ms = now_ms;
            let all = std::mem::take(&mut late.waiting);
            let (due, waiting) = all.into_iter().partition::<Vec<_>, _>(|(at, _)| *at <= now_ms);
            late.waiting = waiting;
            due
        };
        let count = due.len();
        for (_, txn) in due {
            // whoever sent it has stopped listening
            let _ = self.inner.txn(txn).await;
        }
        count
    }

    /// One way of one call; `Err` if it does not get through, certainly.
    async fn travel(&self) -> Result<(), StoreError> {
        let (away, timeout_ms) = {
            let vices = self.vices.borrow();
            (vices.away, vices.timeout_ms)
        };
        if away {
            sleep(timeout_ms).await;
            return Err(StoreError::Unavailable { reason: "no answer from the store".to_owned() });
        }
        let (refused_ppm, latency) = {
            let vices = self.vices.borrow();
            (vices.refused_ppm, vices.latency_ms.clone())
        };
        let (refused, pause_ms) = {
            let mut chance = self.chance.lock();
            (chance.happens(refused_ppm), chance.within(&latency))
        };
        if refused {
            return Err(StoreError::Unavailable { reason: "the store refuses connections".to_owned() });
        }
        sleep(pause_ms).await;
        Ok(())
    }

    /// The way of an answer; the store has done its part.
    async fn back<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let (away, timeout_ms, latency) = {
            let vices = self.vices.borrow();
            (vices.away, vices.timeout_ms, vices.latency_ms.clone())
        };
        if away {
            return self.unanswered(timeout_ms).await;
        }
        let pause_ms = self.chance.lock().within(&latency);
        sleep(pause_ms).await;
        answer
    }

    async fn unanswered<T>(&self, timeout_ms: u64) -> Result<T, StoreError> {
        sleep(timeout_ms).await;
        Err(StoreError::Unknown { reason: "the answer was lost".to_owned() })
    }

    fn fate(&self) -> Fate {
        let vices = self.vices.borrow();
        let mut chance = self.chance.lock();
        if chance.happens(vices.request_lost_ppm) {
            Fate::Lost
        } else if chance.happens(vices.answer_lost_ppm) {
            Fate::AnswerLost
        } else if chance.happens(vices.late_ppm) {
            Fate::Late
        } else {
            Fate::Passes
        }
    }

    fn delay(&self, txn: Txn, timeout_ms: u64) {
        let range = self.vices.borrow().late_ms.clone();
        let pause_ms = self.chance.lock().within(&range);
        let mut late = self.late.lock();
        let due_ms = late.now_ms + timeout_ms + pause_ms;
        late.waiting.push((due_ms, txn));
    }
}

async fn sleep(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[async_trait]
impl Store for UnreliableStore {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        self.travel().await?;
        self.back(self.inner.get(key).await).await
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        self.travel().await?;
        self.back(self.inner.get_at(key, at).await).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.travel().await?;
        self.back(self.inner.list(prefix).await).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        self.travel().await?;
        let timeout_ms = self.vices.borrow().timeout_ms;
        match self.fate() {
            Fate::Passes => self.back(self.inner.txn(txn).await).await,
            Fate::Lost => self.unanswered(timeout_ms).await,
            Fate::AnswerLost => {
                // The answer does not come, whatever it is.
                let _ = self.inner.txn(txn).await;
                self.unanswered(timeout_ms).await
            }
            Fate::Late => {
                self.delay(txn, timeout_ms);
                self.unanswered(timeout_ms).await
            }
        }
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.travel().await?;
        let (sender, receiver) = mpsc::channel(1);
        let compacted_ppm = self.vices.borrow().watch_compacted_ppm;
        let compacted = self.chance.lock().happens(compacted_ppm);
        if compacted {
            let oldest = self.inner.list(prefix).await?.revision;
            // the channel is empty, and its reader is below
            let _ = sender.try_send(Err(WatchEnd::Compacted(oldest)));
            return Ok(Watch::new(receiver));
        }
        let watch = self.inner.watch(prefix, from).await?;
        tokio::spawn(hand_on(watch, self.vices.subscribe(), Arc::clone(&self.chance), sender));
        Ok(Watch::new(receiver))
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        self.travel().await?;
        self.back(self.inner.grant(ttl).await).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        self.travel().await?;
        self.back(self.inner.keep_alive(lease).await).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.travel().await?;
        self.back(self.inner.revoke(lease).await).await
    }
}
