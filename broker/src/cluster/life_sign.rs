//! The writes of one broker's `live/<id>`, each guarded.
//!
//! *Invariant:* each write names the version that it replaces, so that one that lands late changes nothing; and the
//! registration that it belongs to, so that a process that was replaced cannot come back to life.

use std::sync::Arc;

use bytes::Bytes;
use coordinator_adapter::{Compare, KeyValue, LeaseId, Op, Revision, Store, StoreError, Txn};

use crate::types::Incarnation;

use super::error::ClusterError;
use super::keyspace::{Key, Keyspace};
use super::values::{Live, LiveState, VERSION, encode};

/// How often a write is tried again at once because the version that it named was not the last.
const ATTEMPTS_MAX: usize = 4;

/// What a broker says of itself there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) state: LiveState,
    pub(super) disk_full: bool,
    pub(super) disk_failed: bool,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It stands.
    Written,
    /// The lease is gone, and the life sign with it.
    LeaseLost,
    /// The registration is another process's now.
    Superseded,
}

/// The life sign of one life.
#[derive(Debug)]
pub(super) struct LifeSign {
    store: Arc<dyn Store>,
    registration: String,
    key: String,
    incarnation: Incarnation,
    /// The version written last, if it is known.
    version: Option<Revision>,
}

impl LifeSign {
    pub(super) fn new(store: Arc<dyn Store>, keyspace: &Keyspace, incarnation: Incarnation) -> Self {
        let registration = keyspace.path(&Key::Broker(incarnation.broker));
        let key = keyspace.path(&Key::Live(incarnation.broker));
        Self { store, registration, key, incarnation, version: None }
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Writes the life sign where there is none.
    pub(super) async fn appear(
        &mut self,
        lease: LeaseId,
        condition: Condition,
    ) -> Result<Outcome, ClusterError> {
        self.version = None;
        self.write(lease, self.value(lease, condition), true).await
    }

    /// Writes a life sign over the one that stands under the same lease.
    pub(super) async fn change(
        &mut self,
        lease: LeaseId,
        condition: Condition,
    ) -> Result<Outcome, ClusterError> {
        self.write(lease, self.value(lease, condition), false).await
    }

    fn value(&self, lease: LeaseId, condition: Condition) -> Bytes {
        let Condition { state, disk_full, disk_failed } = condition;
        encode(&Live { v: VERSION, epoch: self.incarnation.epoch, state, lease, disk_full, disk_failed })
    }

    async fn write(&mut self, lease: LeaseId, value: Bytes, new: bool) -> Result<Outcome, ClusterError> {
        for _ in 0..ATTEMPTS_MAX {
            let guard = match self.version {
                Some(version) => Compare::ModRevision(self.key.clone(), version),
                None => Compare::Missing(self.key.clone()),
            };
            let registered = Revision(self.incarnation.epoch.0);
            let txn = Txn {
                compares: vec![Compare::ModRevision(self.registration.clone(), registered), guard],
                success: vec![Op::Put { key: self.key.clone(), value: value.clone(), lease: Some(lease) }],
                failure: vec![Op::Get { key: self.registration.clone() }, Op::Get { key: self.key.clone() }],
            };
            let outcome = match self.store.txn(txn).await {
                Ok(outcome) => outcome,
                Err(StoreError::LeaseNotFound(_)) => return Ok(Outcome::LeaseLost),
                Err(error) => return Err(error.into()),
            };
            if outcome.succeeded {
                self.version = Some(outcome.revision);
                return Ok(Outcome::Written);
            }
            let mut reads = outcome.reads.into_iter();
            let registration = reads.next().flatten();
            if registration.is_none_or(|entry| entry.mod_revision != registered) {
                return Ok(Outcome::Superseded);
            }
            match reads.next().flatten() {
                Some(stands) if stands.lease == Some(lease) => {
                    self.version = Some(stands.mod_revision);
                    if stands.value == value {
                        return Ok(Outcome::Written);
                    }
                }
                // Written over it would do as well, but what it belongs to is over, and should end.
                Some(stands) => self.clear(&stands).await?,
                None if new => self.version = None,
                // The store would say the same of a write under it.
                None => return Ok(Outcome::LeaseLost),
            }
        }
        Err(ClusterError::Contended { what: "the life sign of this broker".to_owned() })
    }

    /// Ends what stands at our key under another lease: one of our own that is over, since the registration is ours.
    async fn clear(&mut self, stands: &KeyValue) -> Result<(), ClusterError> {
        self.version = None;
        match stands.lease {
            Some(lease) => self.store.revoke(lease).await?,
            // Written by hand: it would stay for ever.
            None => self.version = Some(stands.mod_revision),
        }
        Ok(())
    }
}
