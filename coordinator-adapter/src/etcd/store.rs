//! The trait over etcd.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::etcd::EtcdOptions;
use crate::store::{KeyValue, Lease, LeaseId, Listing, Revision, Store, Txn, TxnOutcome, Watch};

/// What is known of one member without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHealth {
    /// Its address.
    pub endpoint: String,
    /// Whether calls go to it first.
    pub current: bool,
    /// What went wrong with it last; none if its last call was answered, or it was never called.
    pub last_error: Option<String>,
}

/// A store on an etcd cluster.
#[derive(Debug)]
pub struct EtcdStore {}

impl EtcdStore {
    /// A store on the members named. Nothing is sent yet: an etcd that is away shows as [`StoreError::Unavailable`] of
    /// the calls.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an address that is none.
    pub async fn connect(_options: EtcdOptions) -> Result<Self, StoreError> {
        unimplemented!("EtcdStore::connect")
    }

    /// What is known of the members.
    #[must_use]
    pub fn members(&self) -> Vec<MemberHealth> {
        unimplemented!("EtcdStore::members")
    }

    /// The same in one line, for a person.
    #[must_use]
    pub fn describe(&self) -> String {
        unimplemented!("EtcdStore::describe")
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn get(&self, _key: &str) -> Result<(Revision, Option<KeyValue>), StoreError> {
        unimplemented!("EtcdStore::get")
    }

    async fn list(&self, _prefix: &str) -> Result<Listing, StoreError> {
        unimplemented!("EtcdStore::list")
    }

    async fn txn(&self, _txn: Txn) -> Result<TxnOutcome, StoreError> {
        unimplemented!("EtcdStore::txn")
    }

    async fn watch(&self, _prefix: &str, _from: Revision) -> Result<Watch, StoreError> {
        unimplemented!("EtcdStore::watch")
    }

    async fn grant(&self, _ttl: Duration) -> Result<Lease, StoreError> {
        unimplemented!("EtcdStore::grant")
    }

    async fn keep_alive(&self, _lease: LeaseId) -> Result<Duration, StoreError> {
        unimplemented!("EtcdStore::keep_alive")
    }

    async fn revoke(&self, _lease: LeaseId) -> Result<(), StoreError> {
        unimplemented!("EtcdStore::revoke")
    }
}
