//! The memory store and the same with a file keep the rules of the suite; the file keeps what was answered.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator_adapter::conformance::{Bench, random, run_all};
use coordinator_adapter::{
    Compare, LeaseId, MemoryOptions, MemoryStore, Op, Revision, Store, StoreError, Txn, WatchEnd, WatchEvent,
};
use proptest::prelude::*;
use tempfile::TempDir;

struct MemoryBench {
    store: Arc<MemoryStore>,
    now_ms: AtomicI64,
}

impl MemoryBench {
    fn new(store: MemoryStore) -> Self {
        Self { store: Arc::new(store), now_ms: AtomicI64::new(0) }
    }
}

#[async_trait]
impl Bench for MemoryBench {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn compact(&self, revision: Revision) {
        self.store.compact(revision).unwrap();
    }

    async fn pass(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap();
        self.store.tick(self.now_ms.fetch_add(ms, Ordering::Relaxed) + ms);
    }
}

fn file_in(dir: &TempDir) -> PathBuf {
    dir.path().join("coordinator.log")
}

fn open(path: &Path) -> MemoryStore {
    MemoryStore::open(path, MemoryOptions::default()).unwrap()
}

/// A store with a watch is let go of by that watch's task, in its own time.
async fn open_once_free(path: &Path, options: MemoryOptions) -> MemoryStore {
    let opened = async {
        loop {
            match MemoryStore::open(path, options.clone()) {
                Err(StoreError::Invalid { reason }) if reason.contains("in use") => {
                    tokio::task::yield_now().await
                }
                opened => return opened.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), opened).await.unwrap()
}

fn put(key: &str, value: &[u8], lease: Option<LeaseId>) -> Txn {
    let op = Op::Put { key: key.to_owned(), value: Bytes::copy_from_slice(value), lease };
    Txn { success: vec![op], ..Txn::default() }
}

#[tokio::test]
async fn memory_keeps_the_rules() {
    run_all(&MemoryBench::new(MemoryStore::new(MemoryOptions::default()))).await;
}

#[tokio::test]
async fn with_a_file_it_keeps_the_same_rules() {
    let dir = TempDir::new().unwrap();
    // small, so that snapshots are taken on the way
    let options = MemoryOptions { file_bytes_max: 100_000, ..MemoryOptions::default() };
    run_all(&MemoryBench::new(MemoryStore::open(&file_in(&dir), options).unwrap())).await;
}

#[tokio::test]
async fn a_random_history_is_the_same_with_and_without_a_file() {
    let dir = TempDir::new().unwrap();
    let memory = MemoryBench::new(MemoryStore::new(MemoryOptions::default()));
    let file = MemoryBench::new(open(&file_in(&dir)));
    for seed in 0..5 {
        let expected = random::replay(&memory, seed, 300).await;
        assert_eq!(random::replay(&file, seed, 300).await, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn everything_but_leased_keys_survives_a_restart() {
    let dir = TempDir::new().unwrap();
    let path = file_in(&dir);
    let store = open(&path);
    let lease = store.grant(Duration::from_secs(60)).await.unwrap().id;
    store.txn(put("/text", b"one \"line\"\nand another", None)).await.unwrap();
    let binary = [0, 1, 2, 0xff, b'\n'];
    store.txn(put("/binary", &binary, None)).await.unwrap();
    store.txn(put("/leased/a", b"", Some(lease))).await.unwrap();
    store.txn(put("/leased/b", b"", Some(lease))).await.unwrap();
    let last = store.txn(put("/text", b"two", None)).await.unwrap().revision;
    let before = store.list("/").await.unwrap().entries;
    drop(store);

    let store = open(&path);
    let listing = store.list("/").await.unwrap();
    assert_eq!(listing.revision, last.next(), "the leased keys go in one revision");
    let kept: Vec<_> = before.into_iter().filter(|entry| entry.lease.is_none()).collect();
    assert_eq!(listing.entries, kept);
    assert_eq!(listing.entries[0].value, &binary[..]);
    let mut watch = store.watch("/leased/", last.next()).await.unwrap();
    let batch = watch.next().await.unwrap();
    assert_eq!(batch.revision, last.next());
    assert!(
        batch.events.iter().all(|event| matches!(event, WatchEvent::Delete { .. }))
            && batch.events.len() == 2
    );
    assert_eq!(store.keep_alive(lease).await, Err(StoreError::LeaseNotFound(lease)));
    let fresh = store.grant(Duration::from_secs(60)).await.unwrap().id;
    assert_ne!(fresh, lease, "no lease is given an old name");
    drop((store, watch));
    let store = open_once_free(&path, MemoryOptions::default()).await;
    assert_eq!(store.list("/").await.unwrap().revision, last.next(), "opening alone writes no revision");
}

#[tokio::test]
async fn a_file_is_for_one_process_at_a_time() {
    let dir = TempDir::new().unwrap();
    let first = open(&file_in(&dir));
    let second = MemoryStore::open(&file_in(&dir), MemoryOptions::default());
    assert!(matches!(second, Err(StoreError::Invalid { reason }) if reason.contains("in use")));
    drop(first);
    open(&file_in(&dir));
}

#[tokio::test]
async fn any_torn_tail_is_cut_and_nothing_answered_is_lost() {
    let dir = TempDir::new().unwrap();
    let path = file_in(&dir);
    let store = open(&path);
    for n in 0..5 {
        store.txn(put("/n", n.to_string().as_bytes(), None)).await.unwrap();
    }
    let confirmed = std::fs::metadata(&path).unwrap().len();
    let before = store.get("/n").await.unwrap();
    store.txn(put("/n", b"unconfirmed", None)).await.unwrap();
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    for cut in usize::try_from(confirmed).unwrap()..whole.len() {
        for torn in [whole[..cut].to_vec(), [&whole[..cut], &vec![0; whole.len() - cut][..]].concat()] {
            std::fs::write(&path, torn).unwrap();
            let store = open(&path);
            assert_eq!(store.get("/n").await.unwrap(), before, "cut at {cut}");
            store.txn(put("/after", b"", None)).await.unwrap();
            drop(store);
            assert!(open(&path).get("/after").await.unwrap().1.is_some());
        }
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(&open(&path).get("/n").await.unwrap().1.unwrap().value[..], b"unconfirmed");
}

#[tokio::test]
async fn a_damaged_middle_is_refused_with_advice() {
    let dir = TempDir::new().unwrap();
    let path = file_in(&dir);
    let store = open(&path);
    for n in 0..5 {
        store.txn(put("/n", n.to_string().as_bytes(), None)).await.unwrap();
    }
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    for at in (0..last_line).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, damaged).unwrap();
        let refused = MemoryStore::open(&path, MemoryOptions::default());
        assert!(
            matches!(refused, Err(StoreError::Invalid { reason }) if reason.contains("restore")),
            "byte {at}"
        );
    }
    std::fs::write(&path, b"").unwrap();
    assert!(MemoryStore::open(&path, MemoryOptions::default()).is_err(), "an emptied file is not a new one");
}

#[tokio::test]
async fn a_large_file_is_written_anew() {
    let dir = TempDir::new().unwrap();
    let path = file_in(&dir);
    let options = MemoryOptions { file_bytes_max: 10_000, ..MemoryOptions::default() };
    let store = MemoryStore::open(&path, options.clone()).unwrap();
    for n in 0..500 {
        store.txn(put("/n", format!("{n:0100}").as_bytes(), None)).await.unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 11_000);
    }
    let before = store.get("/n").await.unwrap();
    let mut watch = store.watch("/", Revision(2)).await.unwrap();
    assert_eq!(
        watch.next().await.unwrap().events.len(),
        500,
        "a snapshot takes nothing from the running store"
    );
    drop((store, watch));
    let store = open_once_free(&path, options).await;
    assert_eq!(store.get("/n").await.unwrap(), before);
    let old = store.watch("/", Revision(2)).await.unwrap().next().await;
    assert!(matches!(old, Err(WatchEnd::Compacted(_))), "{old:?}");
}

#[tokio::test]
async fn history_has_a_bound_and_a_slow_watch_is_told() {
    let store = MemoryStore::new(MemoryOptions { history_max: 50, ..MemoryOptions::default() });
    let mut slow = store.watch("/", Revision(2)).await.unwrap();
    for n in 0..200 {
        store.txn(put("/n", n.to_string().as_bytes(), None)).await.unwrap();
    }
    assert!(matches!(slow.next().await, Err(WatchEnd::Compacted(Revision(152)))));
    assert!(matches!(slow.next().await, Err(WatchEnd::Broken(_))));
    let mut fresh = store.watch("/", Revision(152)).await.unwrap();
    assert_eq!(fresh.next().await.unwrap().events.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn the_clock_expires_leases_and_a_dropped_store_ends_its_watches() {
    let store = MemoryStore::new(MemoryOptions::default());
    store.run_clock();
    let lease = store.grant(Duration::from_secs(5)).await.unwrap().id;
    store.txn(put("/leased", b"", Some(lease))).await.unwrap();
    let mut watch = store.watch("/", Revision(3)).await.unwrap();
    let batch = tokio::time::timeout(Duration::from_secs(6), watch.next()).await.unwrap().unwrap();
    assert!(matches!(&batch.events[..], [WatchEvent::Delete { key, .. }] if key == "/leased"));
    drop(store);
    assert!(matches!(watch.next().await, Err(WatchEnd::Broken(_))));
}

#[test]
fn opening_ten_thousand_keys_is_quick() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = TempDir::new().unwrap();
    let path = file_in(&dir);
    let store = open(&path);
    runtime.block_on(async {
        for hundred in 0..100 {
            let value = Bytes::from(vec![b'x'; 300]);
            let ops = (0..100).map(|n| Op::Put {
                key: format!("/{hundred}/{n}"),
                value: value.clone(),
                lease: None,
            });
            store.txn(Txn { success: ops.collect(), ..Txn::default() }).await.unwrap();
        }
    });
    drop(store);
    let store = open(&path);
    assert_eq!(runtime.block_on(store.list("/")).unwrap().entries.len(), 10_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Reopened after any prefix of a history, a file holds exactly what was answered.
    #[test]
    fn reopening_anywhere_changes_nothing(writes in prop::collection::vec((0..5_u8, prop::option::of(".{0,8}")), 1..40), every in 1..10_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = TempDir::new().unwrap();
        let options = MemoryOptions { file_bytes_max: 500, ..MemoryOptions::default() };
        let memory = MemoryStore::new(MemoryOptions::default());
        let mut store = MemoryStore::open(&file_in(&dir), options.clone()).unwrap();
        runtime.block_on(async {
            for (at, (key, value)) in writes.into_iter().enumerate() {
                let key = format!("/{key}");
                let op = match value {
                    Some(value) => Op::Put { key: key.clone(), value: value.into(), lease: None },
                    None => Op::Delete { key: key.clone() },
                };
                let txn = Txn { compares: vec![Compare::Missing("/4".to_owned())], success: vec![op], failure: vec![Op::Delete { key: "/4".to_owned() }] };
                assert_eq!(memory.txn(txn.clone()).await, store.txn(txn).await);
                if at % every == 0 {
                    drop(store);
                    store = MemoryStore::open(&file_in(&dir), options.clone()).unwrap();
                }
                assert_eq!(memory.list("").await, store.list("").await);
            }
        });
    }
}
