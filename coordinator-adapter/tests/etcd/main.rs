//! The etcd store keeps the rules of the suite on a real etcd, and keeps its word while that etcd is killed, frozen and
//! compacted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cluster::Cluster;
use coordinator_adapter::conformance::{Bench, random, run_all};
use coordinator_adapter::{
    EtcdOptions, EtcdStore, MemoryOptions, MemoryStore, Op, Revision, Session, SessionOptions, Store,
    StoreError, Txn, TxnOutcome, Watch, WatchEnd, WatchEvent, try_acquire,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Longer than anything waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest that one call may take: its time-out, and some for a busy machine.
const CALL_MAX: Duration = Duration::from_secs(8);

struct EtcdBench {
    cluster: Cluster,
    store: Arc<EtcdStore>,
}

#[async_trait]
impl Bench for EtcdBench {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn compact(&self, revision: Revision) {
        self.cluster.compact(revision.0).await;
    }

    async fn pass(&self, duration: Duration) {
        sleep(duration).await;
    }
}

struct MemoryBench(Arc<MemoryStore>);

#[async_trait]
impl Bench for MemoryBench {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    async fn compact(&self, revision: Revision) {
        self.0.compact(revision).unwrap();
    }

    async fn pass(&self, _duration: Duration) {}
}

async fn connect(cluster: &Cluster) -> Arc<EtcdStore> {
    let options = EtcdOptions { endpoints: cluster.endpoints(), ..EtcdOptions::default() };
    Arc::new(EtcdStore::connect(options).await.unwrap())
}

async fn put(store: &dyn Store, key: &str, value: &str) -> Result<TxnOutcome, StoreError> {
    let op = Op::Put { key: key.to_owned(), value: Bytes::copy_from_slice(value.as_bytes()), lease: None };
    let txn = Txn { success: vec![op], ..Txn::default() };
    timeout(CALL_MAX, store.txn(txn)).await.expect("a transaction is bounded in time")
}

async fn value(store: &dyn Store, key: &str) -> Result<Option<Bytes>, StoreError> {
    let read = timeout(CALL_MAX, store.get(key)).await.expect("a read is bounded in time")?;
    Ok(read.1.map(|entry| entry.value))
}

/// Tries until it succeeds: what every caller of a store that is away does.
async fn eventually<T, F>(what: &str, attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(answer) => return answer,
            Err(error) => {
                assert!(Instant::now() < deadline, "{what} still fails after {PATIENCE:?}: {error}")
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A value as a watch sees it, none for a deletion.
type Seen = (Revision, Option<Bytes>);

/// Follows a watch over breaks until `last` has been seen, as a broker does; every change of `/watched` in order.
async fn follow(store: &dyn Store, from: Revision, last: Revision) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut next = from;
    while next <= last {
        let mut watch = eventually("watching", || store.watch("/watched", next)).await;
        while let Ok(batch) = timeout(PATIENCE, watch.next()).await.expect("a watch does not hang") {
            next = batch.revision.next();
            seen.extend(batch.events.into_iter().map(|event| match event {
                WatchEvent::Put(entry) => (entry.mod_revision, Some(entry.value)),
                WatchEvent::Delete { mod_revision, .. } => (mod_revision, None),
            }));
            if next > last {
                break;
            }
        }
    }
    seen
}

async fn broken(watch: &mut Watch) -> WatchEnd {
    loop {
        match timeout(PATIENCE, watch.next()).await.expect("a watch does not hang") {
            Ok(_) => {}
            Err(end) => return end,
        }
    }
}

#[tokio::test]
async fn etcd_keeps_the_rules() {
    let cluster = Cluster::start(1).await;
    // pages so small that lists take many of them
    let options = EtcdOptions { endpoints: cluster.endpoints(), page_entries: 7, ..EtcdOptions::default() };
    let store = Arc::new(EtcdStore::connect(options).await.unwrap());
    let bench = EtcdBench { cluster, store };
    run_all(&bench).await;

    let memory = MemoryBench(Arc::new(MemoryStore::new(MemoryOptions::default())));
    for seed in 100..104 {
        let expected = random::replay(&memory, seed, 250).await;
        let got = random::replay(&bench, seed, 250).await;
        for (at, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "seed {seed}, line {at}");
        }
        assert_eq!(got.len(), expected.len(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_broker_may_start_before_etcd() {
    let mut cluster = Cluster::new(1);
    let store = connect(&cluster).await;
    let started = Instant::now();
    assert!(matches!(value(&*store, "/a").await, Err(StoreError::Unavailable { .. })));
    let refused = put(&*store, "/a", "1").await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "nothing can have been sent: {refused:?}"
    );
    assert!(matches!(store.list("/").await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.watch("/", Revision(1)).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.grant(Duration::from_secs(5)).await, Err(StoreError::Unavailable { .. })));
    assert!(started.elapsed() < Duration::from_secs(5), "a refused connection is told at once");
    assert!(store.describe().contains("refused"), "{}", store.describe());
    cluster.run(0);
    eventually("putting", || put(&*store, "/a", "1")).await;
    assert_eq!(store.members()[0].last_error, None);
}

#[tokio::test]
async fn killed_and_restarted_it_is_found_again() {
    let mut cluster = Cluster::start(1).await;
    let store = connect(&cluster).await;
    let (_gate, open) = watch::channel(true);
    let options = SessionOptions { ttl_ms: 10_000, renew_every_ms: 500, ..SessionOptions::default() };
    let session = Session::open(store.clone(), options, open).await.unwrap();
    let fence = try_acquire(&*store, "/holder", Bytes::new(), session.lease()).await.unwrap().unwrap();
    let first = put(&*store, "/watched", "1").await.unwrap().revision;
    let mut running = store.watch("/watched", first).await.unwrap();
    assert_eq!(running.next().await.unwrap().revision, first);

    cluster.kill(0);
    assert!(matches!(broken(&mut running).await, WatchEnd::Broken(_)));
    assert!(matches!(value(&*store, "/watched").await, Err(StoreError::Unavailable { .. })));
    let deadline = Instant::now() + PATIENCE;
    while session.away_for().is_none() {
        assert!(Instant::now() < deadline, "the session does not notice");
        sleep(Duration::from_millis(50)).await;
    }
    cluster.run(0);
    let second = eventually("putting", || put(&*store, "/watched", "2")).await.revision;
    let seen = follow(&*store, first, second).await;
    assert_eq!(seen, [(first, Some("1".into())), (second, Some("2".into()))]);
    while session.away_for().is_some() {
        assert!(Instant::now() < deadline, "the session does not recover");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(!session.is_lost());
    let again = try_acquire(&*store, "/holder", Bytes::new(), session.lease()).await.unwrap();
    assert_eq!(again, Some(fence), "the lease and its key live on");
    session.close().await.unwrap();
    assert_eq!(value(&*store, "/holder").await, Ok(None));
}

#[tokio::test]
async fn frozen_for_longer_than_any_timeout_it_is_waited_for() {
    let cluster = Cluster::start(1).await;
    let store = connect(&cluster).await;
    let (_gate, open) = watch::channel(true);
    let options = SessionOptions { ttl_ms: 3_000, renew_every_ms: 1_000, ..SessionOptions::default() };
    let session = Session::open(store.clone(), options, open).await.unwrap();
    let first = put(&*store, "/watched", "1").await.unwrap().revision;
    let mut running = store.watch("/watched", first.next()).await.unwrap();

    cluster.freeze(0);
    let (written, read, end) =
        tokio::join!(put(&*store, "/watched", "2"), value(&*store, "/watched"), broken(&mut running));
    assert!(matches!(written, Err(StoreError::Unknown { .. })), "{written:?}");
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(matches!(end, WatchEnd::Broken(_)));
    let deadline = Instant::now() + PATIENCE;
    while session.away_for().is_none() {
        assert!(Instant::now() < deadline, "the session does not notice");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(!session.is_lost(), "nobody has said so");
    let renewed = timeout(CALL_MAX, store.keep_alive(session.lease())).await.expect("bounded in time");
    assert!(
        matches!(renewed, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })),
        "{renewed:?}"
    );

    cluster.thaw(0);
    let last = eventually("putting", || put(&*store, "/watched", "3")).await.revision;
    let seen = follow(&*store, first, last).await;
    let values: Vec<_> = seen.iter().map(|(_, value)| value.clone().unwrap()).collect();
    let settled = [vec!["1", "3"], vec!["1", "2", "3"]];
    assert!(
        settled.iter().any(|settled| values == *settled),
        "the unknown write happened or did not: {values:?}"
    );
    let deadline = Instant::now() + PATIENCE;
    while session.away_for().is_some() && !session.is_lost() {
        assert!(Instant::now() < deadline, "the session neither recovers nor is lost");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn one_of_three_members_may_be_lost() {
    let mut cluster = Cluster::start(3).await;
    let store = connect(&cluster).await;
    let mut last = put(&*store, "/watched", "0").await.unwrap().revision;
    let first = last;
    let mut running = store.watch("/watched", first).await.unwrap();
    for n in 1..=6 {
        let place = store.members().iter().position(|member| member.current).unwrap();
        let lose_and_write = async {
            match n % 2 {
                0 => cluster.freeze(place),
                _ => cluster.kill(place),
            }
            let number = n.to_string();
            last = eventually("putting", || put(&*store, "/watched", &number)).await.revision;
            assert!(value(&*store, "/watched").await.is_ok(), "{}", store.describe());
        };
        lose_and_write.await;
        match n % 2 {
            0 => cluster.thaw(place),
            _ => cluster.run(place),
        }
        cluster.ready().await;
    }
    assert!(matches!(broken(&mut running).await, WatchEnd::Broken(_)), "its member was lost");
    let seen = follow(&*store, first, last).await;
    let mut values: Vec<u32> = seen
        .iter()
        .map(|(_, value)| String::from_utf8_lossy(value.as_ref().unwrap()).parse().unwrap())
        .collect();
    assert!(seen.is_sorted_by_key(|(revision, _)| *revision));
    // a write of unknown outcome was made again, as the last thing of its turn
    values.dedup();
    assert_eq!(values, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_minority_serves_nothing_and_says_so() {
    let mut cluster = Cluster::start(3).await;
    let store = connect(&cluster).await;
    let first = put(&*store, "/watched", "1").await.unwrap().revision;
    let mut running = store.watch("/watched", first.next()).await.unwrap();
    cluster.kill(1);
    cluster.kill(2);
    let lost = put(&*store, "/watched", "2").await;
    assert!(matches!(lost, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })), "{lost:?}");
    assert!(
        matches!(broken(&mut running).await, WatchEnd::Broken(_)),
        "a watch without a majority is silent for ever"
    );
    let read = value(&*store, "/watched").await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    cluster.run(1);
    let last = eventually("putting", || put(&*store, "/watched", "3")).await.revision;
    let seen = follow(&*store, first, last).await;
    assert_eq!(seen.last(), Some(&(last, Some("3".into()))));
}

#[tokio::test]
async fn a_compaction_below_a_broken_watch_is_told() {
    let mut cluster = Cluster::start(1).await;
    let store = connect(&cluster).await;
    let first = put(&*store, "/watched", "1").await.unwrap().revision;
    let mut running = store.watch("/watched", first).await.unwrap();
    assert_eq!(running.next().await.unwrap().revision, first);
    cluster.kill(0);
    assert!(matches!(broken(&mut running).await, WatchEnd::Broken(_)));
    cluster.run(0);
    let mut last = first;
    for n in 2..6 {
        let number = n.to_string();
        last = eventually("putting", || put(&*store, "/watched", &number)).await.revision;
    }
    cluster.compact(last.0).await;
    let mut resumed = eventually("watching", || store.watch("/watched", first.next())).await;
    assert_eq!(broken(&mut resumed).await, WatchEnd::Compacted(last));
    let listing = store.list("/watched").await.unwrap();
    assert_eq!(&listing.entries[0].value[..], b"5");
    let mut fresh = store.watch("/watched", listing.revision.next()).await.unwrap();
    let next = put(&*store, "/watched", "6").await.unwrap().revision;
    assert_eq!(fresh.next().await.unwrap().revision, next);
}

#[tokio::test]
async fn a_quiet_watch_on_a_quiet_connection_lives() {
    let cluster = Cluster::start(1).await;
    let store = connect(&cluster).await;
    let first = put(&*store, "/watched", "1").await.unwrap().revision;
    let mut quiet = store.watch("/watched", first.next()).await.unwrap();
    // etcd closes connections that are pinged more often than it likes: long enough for it to lose patience
    assert!(timeout(Duration::from_secs(20), quiet.next()).await.is_err(), "nothing happens");
    let next = put(&*store, "/watched", "2").await.unwrap().revision;
    let batch = timeout(PATIENCE, quiet.next()).await.unwrap().unwrap();
    assert_eq!(batch.revision, next);
    assert_eq!(store.members()[0].last_error, None);
}

#[tokio::test]
async fn a_list_whose_revision_is_compacted_under_it_begins_anew() {
    let cluster = Cluster::start(1).await;
    let options = EtcdOptions { endpoints: cluster.endpoints(), page_entries: 1, ..EtcdOptions::default() };
    let store = EtcdStore::connect(options).await.unwrap();
    let ops = (0..128).map(|n| Op::Put { key: format!("/listed/{n}"), value: Bytes::new(), lease: None });
    store.txn(Txn { success: ops.collect(), ..Txn::default() }).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    for delay_ms in (0..40).cycle() {
        let compacting = async {
            sleep(Duration::from_millis(delay_ms)).await; // somewhere within the 128 pages, now or next time
            let revision = put(&store, "/other", "").await.unwrap().revision;
            cluster.compact(revision.0).await;
            revision
        };
        let before = store.get("/other").await.unwrap().0;
        let (listing, compacted) = tokio::join!(store.list("/listed/"), compacting);
        let listing = listing.unwrap();
        assert_eq!(listing.entries.len(), 128);
        // begun before the compaction, ended after it
        if delay_ms > 0 && listing.revision >= compacted {
            assert!(before < compacted);
            break;
        }
        assert!(Instant::now() < deadline, "no list was ever overtaken by a compaction");
    }
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    for endpoints in [vec![], vec!["http://not an address".to_owned()]] {
        let options = EtcdOptions { endpoints, ..EtcdOptions::default() };
        assert!(matches!(EtcdStore::connect(options).await, Err(StoreError::Invalid { .. })));
    }
    let impatient = EtcdOptions { watch_silence_ms: 60_000, ..EtcdOptions::default() };
    assert!(matches!(EtcdStore::connect(impatient).await, Err(StoreError::Invalid { .. })));
}
