//! A store and what a test may do to it from outside.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::timeout;

use crate::conformance::{leases, txns, watches};
use crate::store::{
    Compare, KeyValue, LeaseId, Op, Revision, Store, Txn, TxnOutcome, Watch, WatchEnd, WatchEvent,
};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store under test.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Compacts the store's history below `revision`.
    async fn compact(&self, revision: Revision);

    /// Lets time pass, as the store's leases see it.
    async fn pass(&self, duration: Duration);
}

/// Runs every check except the random one, which needs two stores.
pub async fn run_all(bench: &dyn Bench) {
    txns::revisions_count_changes(bench).await;
    txns::compares_hold_as_in_etcd(bench).await;
    txns::branches_and_reads(bench).await;
    txns::limits_refuse_and_change_nothing(bench).await;
    txns::prefixes_end_where_they_should(bench).await;
    txns::lists_are_of_one_revision(bench).await;
    txns::the_past_can_be_read_until_it_is_compacted(bench).await;
    watches::changes_arrive_whole_and_in_order(bench).await;
    watches::a_watch_resumes_without_gap_or_repeat(bench).await;
    watches::a_watch_may_begin_in_the_future(bench).await;
    watches::a_large_history_arrives_whole(bench).await;
    watches::a_compacted_revision_is_told(bench).await;
    leases::expiry_is_one_revision(bench).await;
    leases::a_revoked_lease_is_gone(bench).await;
    leases::a_missing_lease_refuses_the_txn(bench).await;
    leases::a_key_leaves_its_lease_when_written_without(bench).await;
}

pub(super) fn put(key: &str, value: &str) -> Op {
    Op::Put { key: key.to_owned(), value: Bytes::copy_from_slice(value.as_bytes()), lease: None }
}

pub(super) fn put_under(key: &str, lease: LeaseId) -> Op {
    Op::Put { key: key.to_owned(), value: Bytes::from_static(b"leased"), lease: Some(lease) }
}

pub(super) fn delete(key: &str) -> Op {
    Op::Delete { key: key.to_owned() }
}

pub(super) fn get(key: &str) -> Op {
    Op::Get { key: key.to_owned() }
}

pub(super) fn when(compares: Vec<Compare>, success: Vec<Op>, failure: Vec<Op>) -> Txn {
    Txn { compares, success, failure }
}

/// Applies operations without condition.
pub(super) async fn apply(bench: &dyn Bench, ops: Vec<Op>) -> TxnOutcome {
    bench.store().txn(when(Vec::new(), ops, Vec::new())).await.expect("a sound transaction is applied")
}

pub(super) async fn read(bench: &dyn Bench, key: &str) -> Option<KeyValue> {
    bench.store().get(key).await.expect("a key can be read").1
}

pub(super) async fn revision(bench: &dyn Bench) -> Revision {
    bench.store().get("nothing").await.expect("a key can be read").0
}

pub(super) async fn watch(bench: &dyn Bench, prefix: &str, from: Revision) -> Watch {
    bench.store().watch(prefix, from).await.expect("a watch can be opened")
}

/// The next `count` changes as `(revision, key, value)`, the value none for a deletion; checks that revisions only
/// grow from batch to batch.
pub(super) async fn changes(watch: &mut Watch, count: usize) -> Vec<(Revision, String, Option<String>)> {
    let mut seen: Vec<(Revision, String, Option<String>)> = Vec::new();
    while seen.len() < count {
        let batch = match timeout(PATIENCE, watch.next()).await {
            Ok(batch) => batch.expect("the watch goes on"),
            Err(_) => panic!("{} of {count} changes after {PATIENCE:?}: {seen:?}", seen.len()),
        };
        let before = seen.last().map(|(revision, _, _)| *revision);
        seen.extend(batch.events.iter().map(change));
        let first = batch.events.first().map(|event| change(event).0).expect("a batch is never empty");
        assert!(before.is_none_or(|before| before < first), "revision {first} after {before:?}");
        assert_eq!(seen.last().map(|(revision, _, _)| *revision), Some(batch.revision));
    }
    seen
}

/// How the watch ends, whatever it delivers before.
pub(super) async fn end(watch: &mut Watch) -> WatchEnd {
    loop {
        match timeout(PATIENCE, watch.next()).await {
            Ok(Ok(_)) => {}
            Ok(Err(end)) => return end,
            Err(_) => panic!("the watch has not ended after {PATIENCE:?}"),
        }
    }
}

fn change(event: &WatchEvent) -> (Revision, String, Option<String>) {
    match event {
        WatchEvent::Put(entry) => {
            (entry.mod_revision, entry.key.clone(), Some(String::from_utf8_lossy(&entry.value).into_owned()))
        }
        WatchEvent::Delete { key, mod_revision } => (*mod_revision, key.clone(), None),
    }
}
