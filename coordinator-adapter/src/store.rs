//! The trait: etcd's semantics in the few words that Tidemark needs.
//!
//! *Invariant:* every answer is linearizable; a watch delivers whole revisions, in order, each once, or says why not.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::error::StoreError;

/// A point in the store's history; each write makes the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a lease; shown in hexadecimal, as etcdctl does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseId(pub i64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A lease as granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// The time to live that the store grants, which may be longer than was asked for.
    pub ttl: Duration,
}

/// A key with its value and versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key; Tidemark's keys are UTF-8.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// The revision at which this key was last created: a fencing token.
    pub create_revision: Revision,
    /// The revision of its last write: the guard of a compare-and-put.
    pub mod_revision: Revision,
    /// How many writes since it was created.
    pub version: i64,
    /// The lease that it lives under.
    pub lease: Option<LeaseId>,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key was last written at this revision.
    ModRevision(String, Revision),
    /// The key was created at this revision.
    CreateRevision(String, Revision),
    /// The key exists.
    Exists(String),
    /// The key does not exist.
    Missing(String),
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a key, under a lease if one is given.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The lease that the key shall live under.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; deleting what is not there is fine.
    Delete {
        /// The key.
        key: String,
    },
    /// Deletes every key that begins so.
    DeletePrefix {
        /// The beginning.
        prefix: String,
    },
    /// Reads a key; its value stands in [`TxnOutcome::reads`].
    Get {
        /// The key.
        key: String,
    },
}

/// If all compares hold, then `success`, else `failure`: applied at one revision.
///
/// etcd's limits hold: 128 operations in each list, 1.5 MiB in all, no key written twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The conditions.
    pub compares: Vec<Compare>,
    /// What is done if all hold.
    pub success: Vec<Op>,
    /// What is done otherwise.
    pub failure: Vec<Op>,
}

impl Txn {
    /// The first lease that a put names: the one to blame if a lease is gone.
    pub(crate) fn first_lease(&self) -> Option<LeaseId> {
        self.success.iter().chain(&self.failure).find_map(|op| match op {
            Op::Put { lease, .. } => *lease,
            Op::Delete { .. } | Op::DeletePrefix { .. } | Op::Get { .. } => None,
        })
    }
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOutcome {
    /// The store's revision after it; the mod revision of whatever it wrote.
    pub revision: Revision,
    /// Whether the compares held.
    pub succeeded: bool,
    /// The answers to the [`Op::Get`]s of the branch that was taken, in order.
    pub reads: Vec<Option<KeyValue>>,
}

/// All keys with a prefix, at one revision, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The revision at which all entries were read: watch from the next one.
    pub revision: Revision,
    /// The keys.
    pub entries: Vec<KeyValue>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A key was written.
    Put(KeyValue),
    /// A key was deleted, or its lease ended.
    Delete {
        /// The key.
        key: String,
        /// The revision of the deletion.
        mod_revision: Revision,
    },
}

/// Changes of one or more whole revisions, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchBatch {
    /// The last revision contained; resume from the next.
    pub revision: Revision,
    /// The changes; never empty.
    pub events: Vec<WatchEvent>,
}

/// Why a watch ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// The revision asked for has been compacted away: list again, then watch from there.
    #[error("the watched revision was compacted, oldest kept is {0}")]
    Compacted(Revision),
    /// The stream broke: watch again from the revision after the last one seen.
    #[error("the watch broke: {0}")]
    Broken(String),
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    receiver: mpsc::Receiver<Result<WatchBatch, WatchEnd>>,
}

impl Watch {
    /// A watch fed by `receiver`, whose sender sends at most one `Err`, last.
    #[must_use]
    pub fn new(receiver: mpsc::Receiver<Result<WatchBatch, WatchEnd>>) -> Self {
        Self { receiver }
    }

    /// The next changes.
    ///
    /// # Errors
    /// Why the watch ended; calling again says [`WatchEnd::Broken`].
    pub async fn next(&mut self) -> Result<WatchBatch, WatchEnd> {
        match self.receiver.recv().await {
            Some(item) => item,
            None => Err(WatchEnd::Broken("the watch has ended".to_owned())),
        }
    }
}

/// A coordination store with etcd's semantics.
///
/// Every call is bounded in time by the implementation and fails with [`StoreError::Unavailable`] (certainly not
/// applied) or [`StoreError::Unknown`] (perhaps applied). No implementation sends a transaction or a grant twice.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads one key, linearizably, and the revision at which it was read.
    async fn get(&self, key: &str) -> Result<(Revision, Option<KeyValue>), StoreError>;

    /// Reads one key as it was at a revision that has been. [`StoreError::Compacted`] if that is not known any more.
    async fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError>;

    /// Reads all keys that begin with `prefix`, at one revision.
    async fn list(&self, prefix: &str) -> Result<Listing, StoreError>;

    /// Applies a transaction.
    async fn txn(&self, txn: Txn) -> Result<TxnOutcome, StoreError>;

    /// Watches all keys that begin with `prefix`, from revision `from` (inclusive).
    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, StoreError>;

    /// Grants a lease; the store may lengthen `ttl`.
    async fn grant(&self, ttl: Duration) -> Result<Lease, StoreError>;

    /// Renews a lease and returns its time to live. [`StoreError::LeaseNotFound`] once it is gone.
    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, StoreError>;

    /// Ends a lease and deletes its keys. A lease that is gone already is fine.
    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError>;
}
