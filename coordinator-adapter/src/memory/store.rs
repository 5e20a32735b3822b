//! The shell of the memory store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch};

/// How a memory store keeps its history and its file.
#[derive(Clone, Debug)]
pub struct MemoryOptions {
    /// How many changes are kept for watches; older ones are compacted away.
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
pub struct MemoryStore {}

impl MemoryStore {
    /// A store that forgets everything when it is dropped. Its time stands still until [`MemoryStore::tick`].
    #[must_use]
    pub fn new(_options: MemoryOptions) -> Self {
        Self {}
    }

    /// A store kept in one file: every change is durable before it is answered or seen. Keys under a lease do not
    /// survive: they are deleted here, in one revision. Blocking, milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a file that is damaged or in use by another process, and for one that cannot be
    /// read or written.
    pub fn open(_path: &Path, _options: MemoryOptions) -> Result<Self, StoreError> {
        unimplemented!("MemoryStore::open")
    }

    /// Moves the store's time to `now_ms` (never back): leases that have run out end, each in one revision. Any origin
    /// will do; a new store stands at 0.
    pub fn tick(&self, _now_ms: i64) {
        unimplemented!("MemoryStore::tick")
    }

    /// Ticks with tokio's time until the store is dropped. Needs a runtime.
    pub fn run_clock(self: &Arc<Self>) {
        unimplemented!("MemoryStore::run_clock")
    }

    /// Forgets what was before `revision`.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] if that is done already, [`StoreError::Invalid`] for a revision yet to come.
    pub fn compact(&self, _revision: Revision) -> Result<(), StoreError> {
        unimplemented!("MemoryStore::compact")
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, _key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        unimplemented!("MemoryStore::get")
    }

    async fn list(&self, _prefix: &str) -> Result<Listing, StoreError> {
        unimplemented!("MemoryStore::list")
    }

    async fn txn(&self, _txn: Txn) -> Result<TxnOutcome, StoreError> {
        unimplemented!("MemoryStore::txn")
    }

    async fn watch(&self, _prefix: &str, _from: Revision) -> Result<Watch, StoreError> {
        unimplemented!("MemoryStore::watch")
    }

    async fn grant(&self, _ttl: Duration) -> Result<Lease, StoreError> {
        unimplemented!("MemoryStore::grant")
    }

    async fn keep_alive(&self, _lease: LeaseId) -> Result<Duration, StoreError> {
        unimplemented!("MemoryStore::keep_alive")
    }

    async fn revoke(&self, _lease: LeaseId) -> Result<(), StoreError> {
        unimplemented!("MemoryStore::revoke")
    }
}
