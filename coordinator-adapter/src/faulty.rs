//! A door to a store that fails on demand: for tests and simulation, one door for each client.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch};

/// A client's own, breakable way to a store.
#[derive(Debug)]
pub struct FaultyStore {}

impl FaultyStore {
    /// A door that works.
    #[must_use]
    pub fn new(_inner: Arc<dyn Store>) -> Self {
        Self {}
    }

    /// From now on every call is [`StoreError::Unavailable`], and running watches break.
    pub fn cut(&self) {
        unimplemented!("FaultyStore::cut")
    }

    /// Ends [`FaultyStore::cut`].
    pub fn heal(&self) {
        unimplemented!("FaultyStore::heal")
    }

    /// The next transaction will be applied and answered with [`StoreError::Unknown`].
    pub fn lose_next_answer(&self) {
        unimplemented!("FaultyStore::lose_next_answer")
    }

    /// Holds back what watches deliver, or lets it go.
    pub fn hold_watches(&self, _hold: bool) {
        unimplemented!("FaultyStore::hold_watches")
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, _key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        unimplemented!("FaultyStore::get")
    }

    async fn list(&self, _prefix: &str) -> Result<Listing, StoreError> {
        unimplemented!("FaultyStore::list")
    }

    async fn txn(&self, _txn: Txn) -> Result<TxnOutcome, StoreError> {
        unimplemented!("FaultyStore::txn")
    }

    async fn watch(&self, _prefix: &str, _from: Revision) -> Result<Watch, StoreError> {
        unimplemented!("FaultyStore::watch")
    }

    async fn grant(&self, _ttl: Duration) -> Result<Lease, StoreError> {
        unimplemented!("FaultyStore::grant")
    }

    async fn keep_alive(&self, _lease: LeaseId) -> Result<Duration, StoreError> {
        unimplemented!("FaultyStore::keep_alive")
    }

    async fn revoke(&self, _lease: LeaseId) -> Result<(), StoreError> {
        unimplemented!("FaultyStore::revoke")
    }
}
