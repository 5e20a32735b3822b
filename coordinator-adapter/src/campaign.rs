//! At most one holder of a key: create-if-absent under a lease.
//!
//! *Invariant:* what a holder writes compares its [`Fence`], so a holder that has lost the key writes nothing, whatever
//! it believes. The key and its lease only say when others may try.

use bytes::Bytes;

use crate::error::StoreError;
use crate::store::{Compare, LeaseId, Revision, Store};

/// Proof of holding a key: its create revision, new each time the key is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The key held.
    pub key: String,
    /// The revision at which it was created for this holder.
    pub create_revision: Revision,
}

impl Fence {
    /// The condition to put into every transaction of the holder.
    #[must_use]
    pub fn compare(&self) -> Compare {
        Compare::CreateRevision(self.key.clone(), self.create_revision)
    }
}

/// Creates `key` under `lease` if nobody holds it. `None` if somebody else does; a key that `lease` holds already is
/// ours, whoever heard of it.
///
/// # Errors
/// [`StoreError::Unknown`] if the outcome stayed unknown: call again, which settles it.
pub async fn try_acquire(
    _store: &dyn Store,
    _key: &str,
    _value: Bytes,
    _lease: LeaseId,
) -> Result<Option<Fence>, StoreError> {
    unimplemented!("campaign::try_acquire")
}

/// Gives the key up, if it is still held by this fence.
///
/// # Errors
/// As [`Store::txn`].
pub async fn resign(_store: &dyn Store, _fence: &Fence) -> Result<(), StoreError> {
    unimplemented!("campaign::resign")
}
