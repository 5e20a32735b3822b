//! Our words to etcd's and back: pure.

use bytes::Bytes;
use etcd_client::proto::{PbEvent, PbKeyValue, PbTxnOpResponse, PbTxnResponse};
use etcd_client::{
    Compare as EtcdCompare, CompareOp, DeleteOptions, EventType, PutOptions, Txn as EtcdTxn, TxnOp,
};

use crate::store::{Compare, KeyValue, LeaseId, Op, Revision, Txn, TxnOutcome, WatchEvent};

/// All keys that begin so, as etcd's `[from, to)`.
pub(super) fn prefix_range(prefix: &str) -> (Vec<u8>, Vec<u8>) {
    let from = prefix.as_bytes().to_vec();
    let mut to = from.clone();
    match to.last_mut() {
        // a byte of UTF-8 is never 0xff
        Some(last) => *last += 1,
        None => return (vec![0], vec![0]),
    }
    (from, to)
}

/// The smallest key after this one.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

pub(super) fn txn(txn: Txn) -> EtcdTxn {
    EtcdTxn::new()
        .when(txn.compares.into_iter().map(compare).collect::<Vec<_>>())
        .and_then(txn.success.into_iter().map(op).collect::<Vec<_>>())
        .or_else(txn.failure.into_iter().map(op).collect::<Vec<_>>())
}

fn compare(compare: Compare) -> EtcdCompare {
    match compare {
        Compare::ModRevision(key, revision) => EtcdCompare::mod_revision(key, CompareOp::Equal, revision.0),
        Compare::CreateRevision(key, revision) => {
            EtcdCompare::create_revision(key, CompareOp::Equal, revision.0)
        }
        Compare::Exists(key) => EtcdCompare::create_revision(key, CompareOp::Greater, 0),
        Compare::Missing(key) => EtcdCompare::create_revision(key, CompareOp::Equal, 0),
    }
}

fn op(op: Op) -> TxnOp {
    match op {
        Op::Put { key, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
            TxnOp::put(key, value, options)
        }
        Op::Delete { key } => TxnOp::delete(key, None),
        Op::DeletePrefix { prefix } => {
            let (from, to) = prefix_range(&prefix);
            TxnOp::delete(from, Some(DeleteOptions::new().with_range(to)))
        }
        Op::Get { key } => TxnOp::get(key, None),
    }
}

pub(super) fn txn_outcome(response: PbTxnResponse) -> TxnOutcome {
    let reads = response
        .responses
        .into_iter()
        .filter_map(|response| match response.response {
            Some(PbTxnOpResponse::ResponseRange(range)) => Some(range.kvs.into_iter().next().map(key_value)),
            _ => None,
        })
        .collect();
    let revision = Revision(response.header.map_or(0, |header| header.revision));
    TxnOutcome { revision, succeeded: response.succeeded, reads }
}

/// Keys that are not UTF-8 are not ours; they are shown as well as can be.
pub(super) fn key_value(entry: PbKeyValue) -> KeyValue {
    KeyValue {
        key: text(entry.key),
        value: Bytes::from(entry.value),
        create_revision: Revision(entry.create_revision),
        mod_revision: Revision(entry.mod_revision),
        version: entry.version,
        lease: (entry.lease != 0).then_some(LeaseId(entry.lease)),
    }
}

/// `None` for an event of a kind that etcd 3 does not have.
pub(super) fn event(event: PbEvent) -> Option<WatchEvent> {
    let entry = event.kv?;
    match EventType::try_from(event.r#type).ok()? {
        EventType::Put => Some(WatchEvent::Put(key_value(entry))),
        EventType::Delete => {
            Some(WatchEvent::Delete { key: text(entry.key), mod_revision: Revision(entry.mod_revision) })
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
