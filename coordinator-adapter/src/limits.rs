//! What etcd refuses, checked before it is asked, so that every store refuses the same: pure.
//!
//! etcd's own rules (`checkTxnRequest` of its `v3rpc`): no empty key, at most 128 entries in each list, no key put
//! twice or both put and deleted in one list. Deleting twice is fine. Its limit on size counts the encoded request;
//! here it is estimated from above.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::store::{Compare, Op, Revision, Txn};

/// How many compares, and operations in each branch, a transaction may have.
pub const TXN_OPS_MAX: usize = 128;
/// How large a transaction may be in all.
pub const TXN_BYTES_MAX: usize = 3 << 19;

/// An upper bound of what one entry takes beside its key and value, encoded.
const ENTRY_BYTES: usize = 48;

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { reason }
}

/// Refuses a transaction that etcd would refuse.
pub(crate) fn check_txn(txn: &Txn) -> Result<(), StoreError> {
    for (list, entries) in
        [("compare", txn.compares.len()), ("success", txn.success.len()), ("failure", txn.failure.len())]
    {
        if entries > TXN_OPS_MAX {
            return Err(invalid(format!(
                "{entries} entries in the {list} list, at most {TXN_OPS_MAX}: split it"
            )));
        }
    }
    if txn.compares.iter().any(|compare| compare_key(compare).is_empty()) {
        return Err(invalid("a compare has an empty key".to_owned()));
    }
    let bytes = txn.compares.iter().map(|compare| compare_key(compare).len() + ENTRY_BYTES).sum::<usize>()
        + check_branch(&txn.success)?
        + check_branch(&txn.failure)?;
    if bytes > TXN_BYTES_MAX {
        return Err(invalid(format!("a transaction of {bytes} bytes, at most {TXN_BYTES_MAX}: split it")));
    }
    Ok(())
}

/// Refuses a watch that would begin "now", wherever that is: it could not be free of gaps.
pub(crate) fn check_watch_from(from: Revision) -> Result<(), StoreError> {
    if from.0 < 1 {
        return Err(invalid(format!("a watch from revision {from}: watch from the one after a listing's")));
    }
    Ok(())
}

fn compare_key(compare: &Compare) -> &str {
    match compare {
        Compare::ModRevision(key, _)
        | Compare::CreateRevision(key, _)
        | Compare::Exists(key)
        | Compare::Missing(key) => key,
    }
}

/// Checks one branch and returns its size.
fn check_branch(ops: &[Op]) -> Result<usize, StoreError> {
    let mut puts = BTreeSet::new();
    let mut bytes = 0;
    for op in ops {
        let (key, value_bytes) = match op {
            Op::Put { key, value, .. } => (key, value.len()),
            Op::Delete { key } | Op::Get { key } => (key, 0),
            Op::DeletePrefix { prefix } => {
                bytes += 2 * prefix.len() + ENTRY_BYTES;
                continue;
            }
        };
        if key.is_empty() {
            return Err(invalid("an operation has an empty key".to_owned()));
        }
        bytes += key.len() + value_bytes + ENTRY_BYTES;
        if matches!(op, Op::Put { .. }) && !puts.insert(key.as_str()) {
            return Err(invalid(format!("key {key} is written twice in one transaction")));
        }
    }
    for op in ops {
        let clash = match op {
            Op::Delete { key } => puts.get(key.as_str()).copied(),
            Op::DeletePrefix { prefix } => {
                puts.range(prefix.as_str()..).next().copied().filter(|key| key.starts_with(prefix.as_str()))
            }
            Op::Put { .. } | Op::Get { .. } => None,
        };
        if let Some(key) = clash {
            return Err(invalid(format!("key {key} is both written and deleted in one transaction")));
        }
    }
    Ok(bytes)
}
