//! A door to a store that fails on demand: for tests and simulation, one door for each client.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::error::StoreError;
use crate::store::{
    KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch, WatchBatch, WatchEnd,
};

/// A client's own, breakable way to a store.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: watch::Sender<Faults>,
    next_txn: Mutex<NextTxn>,
    delayed: Mutex<Vec<Txn>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Faults {
    cut: bool,
    watches_held: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum NextTxn {
    #[default]
    Passes,
    LosesItsAnswer,
    IsLost,
    IsDelayed,
}

impl FaultyStore {
    /// A door that works.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let (faults, _) = watch::channel(Faults::default());
        Self { inner, faults, next_txn: Mutex::default(), delayed: Mutex::default() }
    }

    /// From now on every call is [`StoreError::Unavailable`], and running watches break.
    pub fn cut(&self) {
        self.faults.send_modify(|faults| faults.cut = true);
    }

    /// Ends [`FaultyStore::cut`].
    pub fn heal(&self) {
        self.faults.send_modify(|faults| faults.cut = false);
    }

    /// Holds back what watches deliver, or lets it go.
    pub fn hold_watches(&self, hold: bool) {
        self.faults.send_modify(|faults| faults.watches_held = hold);
    }

    /// The next transaction will be applied and answered with [`StoreError::Unknown`].
    pub fn lose_next_answer(&self) {
        *self.next_txn.lock() = NextTxn::LosesItsAnswer;
    }

    /// The next transaction will not be applied and be answered with [`StoreError::Unknown`].
    pub fn lose_next_request(&self) {
        *self.next_txn.lock() = NextTxn::IsLost;
    }

    /// The next transaction will be answered with [`StoreError::Unknown`], and applied at
    /// [`FaultyStore::release_delayed`].
    pub fn delay_next_txn(&self) {
        *self.next_txn.lock() = NextTxn::IsDelayed;
    }

    /// Applies what was delayed, in order, whatever becomes of it.
    pub async fn release_delayed(&self) {
        let delayed = std::mem::take(&mut *self.delayed.lock());
        for txn in delayed {
            // whoever sent it has stopped listening
            let _ = self.inner.txn(txn).await;
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.faults.borrow().cut {
            return Err(StoreError::Unavailable { reason: "the door is cut".to_owned() });
        }
        Ok(())
    }
}

fn unknown() -> StoreError {
    StoreError::Unknown { reason: "the answer was lost".to_owned() }
}

/// Hands on what a watch delivers, until the door is cut or gone.
async fn hand_on(
    mut watch: Watch,
    mut faults: watch::Receiver<Faults>,
    sender: mpsc::Sender<Result<WatchBatch, WatchEnd>>,
) {
    loop {
        let item = tokio::select! {
            biased;
            () = sender.closed() => return,
            () = until_cut(&mut faults) => break,
            item = watch.next() => item,
        };
        let cut = tokio::select! {
            biased;
            () = sender.closed() => return,
            cut = until_let_go(&mut faults) => cut,
        };
        if cut {
            break;
        }
        let last = item.is_err();
        if sender.send(item).await.is_err() || last {
            return;
        }
    }
    // the reader may be gone
    let _ = sender.send(Err(WatchEnd::Broken("the door is cut".to_owned()))).await;
}

async fn until_cut(faults: &mut watch::Receiver<Faults>) {
    // an error says that the door itself is gone, which is as good
    let _ = faults.wait_for(|faults| faults.cut).await;
}

/// Whether the door was cut meanwhile.
async fn until_let_go(faults: &mut watch::Receiver<Faults>) -> bool {
    faults.wait_for(|faults| faults.cut || !faults.watches_held).await.map_or(true, |faults| faults.cut)
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        self.check()?;
        self.inner.get(key).await
    }

    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        self.check()?;
        self.inner.get_at(key, at).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.check()?;
        self.inner.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError> {
        self.check()?;
        let next = std::mem::take(&mut *self.next_txn.lock());
        match next {
            NextTxn::Passes => self.inner.txn(txn).await,
            NextTxn::LosesItsAnswer => self.inner.txn(txn).await.and(Err(unknown())),
            NextTxn::IsLost => Err(unknown()),
            NextTxn::IsDelayed => {
                self.delayed.lock().push(txn);
                Err(unknown())
            }
        }
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError> {
        self.check()?;
        let watch = self.inner.watch(prefix, from).await?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(hand_on(watch, self.faults.subscribe(), sender));
        Ok(Watch::new(receiver))
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError> {
        self.check()?;
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError> {
        self.check()?;
        self.inner.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.check()?;
        self.inner.revoke(lease).await
    }
}
