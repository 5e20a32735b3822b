//! At most one holder of a key: create-if-absent under a lease.
//!
//! *Invariant:* what a holder writes compares its [`Fence`], so a holder that has lost the key writes nothing, whatever
//! it believes. The key and its lease only say when others may try.

use bytes::Bytes;

use crate::error::StoreError;
use crate::store::{Compare, LeaseId, Op, Revision, Store, Txn};

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

/// How often an unknown outcome is settled by asking again before it is handed on.
const ATTEMPTS_MAX: usize = 3;

/// Creates `key` under `lease` if nobody holds it. `None` if somebody else does; a key that `lease` holds already is
/// ours, whoever heard of it.
///
/// Sending again after an unknown outcome is safe here, and the only thing that settles it: whichever of the attempts
/// lands first creates the key, and the others find it. Reading "missing" would prove nothing, since the first may
/// still be under way.
///
/// # Errors
/// [`StoreError::Unknown`] if the outcome stayed unknown: call again with the same lease, which settles it.
pub async fn try_acquire(
    store: &dyn Store,
    key: &str,
    value: Bytes,
    lease: LeaseId,
) -> Result<Option<Fence>, StoreError> {
    let txn = Txn {
        compares: vec![Compare::Missing(key.to_owned())],
        success: vec![Op::Put { key: key.to_owned(), value, lease: Some(lease) }],
        failure: vec![Op::Get { key: key.to_owned() }],
    };
    let mut attempt = 1;
    loop {
        match store.txn(txn.clone()).await {
            Ok(outcome) if outcome.succeeded => return Ok(Some(fence(key, outcome.revision))),
            Ok(outcome) => {
                let holder = outcome.reads.into_iter().flatten().next();
                let ours = holder.filter(|holder| holder.lease == Some(lease));
                return Ok(ours.map(|held| fence(key, held.create_revision)));
            }
            Err(StoreError::Unknown { .. }) if attempt < ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Gives the key up, if it is still held by this fence.
///
/// # Errors
/// As [`Store::txn`]; after [`StoreError::Unknown`] it may be called again.
pub async fn resign(store: &dyn Store, fence: &Fence) -> Result<(), StoreError> {
    let txn = Txn {
        compares: vec![fence.compare()],
        success: vec![Op::Delete { key: fence.key.clone() }],
        failure: Vec::new(),
    };
    store.txn(txn).await.map(drop)
}

fn fence(key: &str, create_revision: Revision) -> Fence {
    Fence { key: key.to_owned(), create_revision }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::{FaultyStore, MemoryOptions, MemoryStore};

    async fn store_with_leases() -> (Arc<FaultyStore>, LeaseId, LeaseId) {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(MemoryOptions::default()))));
        let mine = store.grant(Duration::from_secs(5)).await.unwrap().id;
        let other = store.grant(Duration::from_secs(5)).await.unwrap().id;
        (store, mine, other)
    }

    async fn acquire(store: &FaultyStore, lease: LeaseId) -> Result<Option<Fence>, StoreError> {
        try_acquire(store, "/c", Bytes::from_static(b"me"), lease).await
    }

    #[tokio::test]
    async fn one_holder_until_it_resigns_and_each_reign_has_its_own_fence() {
        let (store, mine, other) = store_with_leases().await;
        let first = acquire(&store, mine).await.unwrap().unwrap();
        assert_eq!(acquire(&store, other).await.unwrap(), None);
        assert_eq!(
            acquire(&store, mine).await.unwrap().as_ref(),
            Some(&first),
            "asking again changes nothing"
        );
        resign(&*store, &first).await.unwrap();
        let second = acquire(&store, other).await.unwrap().unwrap();
        assert!(second.create_revision > first.create_revision);
        resign(&*store, &first).await.unwrap();
        assert_eq!(acquire(&store, mine).await.unwrap(), None, "an old fence resigns nothing");
    }

    #[tokio::test]
    async fn a_lost_answer_is_settled() {
        let (store, mine, other) = store_with_leases().await;
        store.lose_next_answer();
        let fence = acquire(&store, mine).await.unwrap().expect("it was applied");
        assert_eq!(store.get("/c").await.unwrap().1.unwrap().create_revision, fence.create_revision);
        store.lose_next_request();
        assert_eq!(acquire(&store, other).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_delayed_attempt_that_lands_late_takes_nothing() {
        let (store, mine, other) = store_with_leases().await;
        store.delay_next_txn();
        let fence = acquire(&store, mine).await.unwrap().unwrap();
        store.release_delayed().await;
        assert_eq!(store.get("/c").await.unwrap().1.unwrap().create_revision, fence.create_revision);
        assert_eq!(acquire(&store, other).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_store_that_is_away_says_so() {
        let (store, mine, _) = store_with_leases().await;
        store.cut();
        assert!(matches!(acquire(&store, mine).await, Err(StoreError::Unavailable { .. })));
    }
}
