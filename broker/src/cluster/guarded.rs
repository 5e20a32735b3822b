//! Read, change, compare-and-put: one key, changed from what was read, or not at all.
//!
//! *Invariant:* a write is sent again only after an unknown outcome, with the same guard and the same value: at most
//! one of them lands, and whichever it is, it is the one that was meant.
//! *Invariant:* a value that is found after an unknown outcome counts as written if it is the same; where it matters who
//! wrote it, the value says so ([`ProducerIds`](super::values::ProducerIds)).

use std::sync::Arc;

use bytes::Bytes;
use coordinator_adapter::{Compare, KeyValue, Op, Revision, Store, StoreError, Txn};

use super::error::ClusterError;
use super::values::{Value, decode, encode};

/// How often a change is computed anew because somebody else was faster.
const ROUNDS_MAX: usize = 8;
/// How often a write is sent while its outcome is unknown.
const SENDINGS_MAX: usize = 3;

/// What to do with the value that was read.
pub(super) enum Change<T, R> {
    /// Nothing; it is right as it is.
    Keep(R),
    /// Write this.
    Put(T, R),
    /// Delete it.
    Delete(R),
}

/// A result, with the mod revision of the value that it speaks of.
pub(super) struct Changed<R> {
    pub(super) result: R,
    pub(super) revision: Revision,
}

/// Changes the value at `key` as `change` says of what stands there.
pub(super) async fn update<T: Value, R>(
    store: &Arc<dyn Store>,
    key: &str,
    mut change: impl FnMut(Option<T>) -> Result<Change<T, R>, ClusterError>,
) -> Result<Changed<R>, ClusterError> {
    for _ in 0..ROUNDS_MAX {
        let (_, stored) = store.get(key).await?;
        let current = match &stored {
            Some(stored) => Some(decode::<T>(&stored.value).map_err(|reason| malformed(key, reason))?),
            None => None,
        };
        let (value, result) = match change(current)? {
            Change::Keep(result) => {
                let revision = stored.map_or(Revision(0), |stored| stored.mod_revision);
                return Ok(Changed { result, revision });
            }
            Change::Put(value, result) => (Some(encode(&value)), result),
            Change::Delete(result) => (None, result),
        };
        if let Some(revision) = settle(store, key, stored.as_ref(), value).await? {
            return Ok(Changed { result, revision });
        }
    }
    Err(ClusterError::Contended { what: format!("the value at {key}") })
}

pub(super) fn malformed(key: &str, reason: String) -> ClusterError {
    ClusterError::Malformed { key: key.to_owned(), reason }
}

/// Writes over `before`; `None` if that has changed, and nothing was written.
async fn settle(
    store: &Arc<dyn Store>,
    key: &str,
    before: Option<&KeyValue>,
    value: Option<Bytes>,
) -> Result<Option<Revision>, StoreError> {
    let guard = match before {
        Some(before) => Compare::ModRevision(key.to_owned(), before.mod_revision),
        None => Compare::Missing(key.to_owned()),
    };
    let op = match &value {
        Some(value) => Op::Put { key: key.to_owned(), value: value.clone(), lease: None },
        None => Op::Delete { key: key.to_owned() },
    };
    let txn =
        Txn { compares: vec![guard], success: vec![op], failure: vec![Op::Get { key: key.to_owned() }] };
    let mut unknown = None;
    for _ in 0..SENDINGS_MAX {
        match store.txn(txn.clone()).await {
            Ok(outcome) if outcome.succeeded => return Ok(Some(outcome.revision)),
            Ok(outcome) => {
                // After an unknown outcome the earlier sending may be what stands in the way of this one. Without one, what
                // stands is somebody else's, however alike: the change is computed anew, and finds it done.
                let stands = outcome.reads.into_iter().flatten().next();
                let ours = match (&stands, &value) {
                    (Some(stands), Some(value)) => stands.value == *value,
                    (None, None) => true,
                    _ => false,
                };
                let revision = stands.map_or(outcome.revision, |stands| stands.mod_revision);
                return Ok((unknown.is_some() && ours).then_some(revision));
            }
            Err(error @ StoreError::Unknown { .. }) => unknown = Some(error),
            // Nothing came of this sending; of an earlier one something still may.
            Err(error) => return Err(unknown.unwrap_or(error)),
        }
    }
    Err(unknown.expect("the loop ends only after unknown outcomes"))
}
