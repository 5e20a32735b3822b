//! What a transaction would do: pure.
//!
//! Operations see what earlier ones of the same branch did, as in etcd; all of them make one revision, or none if
//! nothing changes (reads only, or deletes of what is not there).

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::limits::check_txn;
use crate::memory::state::{Change, State};
use crate::store::{Compare, KeyValue, Op, Revision, Txn, TxnOutcome, WatchEvent};

/// A transaction's answer, and the change that must be applied before it is given.
#[derive(Debug)]
pub(super) struct Plan {
    /// The answer.
    pub(super) outcome: TxnOutcome,
    /// The change, if it changes anything.
    pub(super) change: Option<Change>,
}

/// Plans a transaction on a state.
pub(super) fn plan(state: &State, txn: &Txn) -> Result<Plan, StoreError> {
    check_txn(txn)?;
    let succeeded = txn.compares.iter().all(|compare| holds(state, compare));
    let branch = if succeeded { &txn.success } else { &txn.failure };
    for op in branch {
        if let Op::Put { lease: Some(lease), .. } = op
            && !state.has_lease(*lease)
        {
            return Err(StoreError::LeaseNotFound(*lease));
        }
    }
    let mut overlay =
        Overlay { state, revision: state.revision().next(), written: BTreeMap::new(), events: Vec::new() };
    let mut reads = Vec::new();
    for op in branch {
        match op {
            Op::Put { key, value, lease } => {
                let (create_revision, version) = overlay
                    .get(key)
                    .map_or((overlay.revision, 1), |old| (old.create_revision, old.version + 1));
                overlay.put(KeyValue {
                    key: key.clone(),
                    value: value.clone(),
                    create_revision,
                    mod_revision: overlay.revision,
                    version,
                    lease: *lease,
                });
            }
            Op::Delete { key } => overlay.delete(key),
            Op::DeletePrefix { prefix } => {
                state.with_prefix(prefix).for_each(|entry| overlay.delete(&entry.key));
            }
            Op::Get { key } => reads.push(overlay.get(key).cloned()),
        }
    }
    let Overlay { revision, events, .. } = overlay;
    let change = (!events.is_empty()).then_some(Change { revision, events });
    let revision = change.as_ref().map_or(state.revision(), |change| change.revision);
    Ok(Plan { outcome: TxnOutcome { revision, succeeded, reads }, change })
}

/// A key that is not there has zero for both revisions, as in etcd.
fn holds(state: &State, compare: &Compare) -> bool {
    match compare {
        Compare::ModRevision(key, revision) => {
            state.get(key).map_or(Revision(0), |entry| entry.mod_revision) == *revision
        }
        Compare::CreateRevision(key, revision) => {
            state.get(key).map_or(Revision(0), |entry| entry.create_revision) == *revision
        }
        Compare::Exists(key) => state.get(key).is_some(),
        Compare::Missing(key) => state.get(key).is_none(),
    }
}

/// A state with the writes of one transaction laid over it.
struct Overlay<'a> {
    state: &'a State,
    revision: Revision,
    written: BTreeMap<String, Option<KeyValue>>,
    events: Vec<WatchEvent>,
}

impl Overlay<'_> {
    fn get(&self, key: &str) -> Option<&KeyValue> {
        self.written.get(key).map_or_else(|| self.state.get(key), Option::as_ref)
    }

    fn put(&mut self, entry: KeyValue) {
        self.events.push(WatchEvent::Put(entry.clone()));
        self.written.insert(entry.key.clone(), Some(entry));
    }

    fn delete(&mut self, key: &str) {
        if self.get(key).is_some() {
            self.events.push(WatchEvent::Delete { key: key.to_owned(), mod_revision: self.revision });
            self.written.insert(key.to_owned(), None);
        }
    }
}
