//! Revisions, compares, branches, limits, lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::conformance::Bench;
use crate::conformance::bench::{apply, delete, get, put, read, revision, when};
use crate::error::StoreError;
use crate::limits::{TXN_BYTES_MAX, TXN_OPS_MAX};
use crate::store::{Compare, Op, Revision, Txn};

/// Each transaction that changes something makes one revision, whatever it holds; others make none.
pub async fn revisions_count_changes(bench: &dyn Bench) {
    let start = revision(bench).await;
    let first = apply(bench, vec![put("/rev/a", "1"), put("/rev/b", "1")]).await;
    assert!(first.succeeded);
    assert_eq!(first.revision, start.next());
    let second = apply(bench, vec![put("/rev/a", "2")]).await;
    assert_eq!(second.revision, start.next().next());

    let a = read(bench, "/rev/a").await.expect("written");
    assert_eq!((a.create_revision, a.mod_revision, a.version), (first.revision, second.revision, 2));
    assert_eq!((a.value, a.lease), (Bytes::from_static(b"2"), None));
    let b = read(bench, "/rev/b").await.expect("written");
    assert_eq!((b.create_revision, b.mod_revision, b.version), (first.revision, first.revision, 1));

    for nothing in [vec![], vec![get("/rev/a")], vec![delete("/rev/none")], vec![delete_prefix("/rev/none")]]
    {
        assert_eq!(apply(bench, nothing).await.revision, second.revision);
    }
    let deleted = apply(bench, vec![delete("/rev/a"), delete("/rev/a")]).await;
    assert_eq!(deleted.revision, second.revision.next());
    assert_eq!(read(bench, "/rev/a").await, None);
    let again = apply(bench, vec![put("/rev/a", "3")]).await;
    let a = read(bench, "/rev/a").await.expect("written again");
    assert_eq!((a.create_revision, a.version), (again.revision, 1), "a new life has a new create revision");
}

/// A key is read as it was, also where it was not there; and what is compacted is told to be.
pub async fn the_past_can_be_read_until_it_is_compacted(bench: &dyn Bench) {
    let first = apply(bench, vec![put("/past/a", "1")]).await.revision;
    let second = apply(bench, vec![put("/past/a", "2")]).await.revision;
    let gone = apply(bench, vec![delete("/past/a")]).await.revision;
    let again = apply(bench, vec![put("/past/a", "3")]).await.revision;
    let store = bench.store();
    let before = Revision(first.0 - 1);
    for (at, expected) in
        [(before, None), (first, Some("1")), (second, Some("2")), (gone, None), (again, Some("3"))]
    {
        let was = store.get_at("/past/a", at).await.expect("this revision is kept");
        let value = was.as_ref().map(|was| was.value.as_ref());
        assert_eq!(value, expected.map(str::as_bytes), "at {at}");
        assert!(was.is_none_or(|was| was.mod_revision == at));
    }
    bench.compact(gone).await;
    let compacted = store.get_at("/past/a", first).await;
    assert!(matches!(compacted, Err(StoreError::Compacted { .. })), "{compacted:?}");
    assert!(store.get_at("/past/a", again).await.expect("it is kept").is_some());
    assert!(store.get_at("/past/a", Revision(again.0 + 1_000)).await.is_err(), "it is yet to come");
}

/// Each kind of compare, on a key that exists and on one that does not.
pub async fn compares_hold_as_in_etcd(bench: &dyn Bench) {
    apply(bench, vec![put("/cmp/a", "1")]).await;
    apply(bench, vec![put("/cmp/a", "2")]).await;
    let a = read(bench, "/cmp/a").await.expect("written");
    let (there, none) = ("/cmp/a".to_owned(), "/cmp/none".to_owned());
    let zero = Revision(0);
    for (compare, expected) in [
        (Compare::Exists(there.clone()), true),
        (Compare::Exists(none.clone()), false),
        (Compare::Missing(there.clone()), false),
        (Compare::Missing(none.clone()), true),
        (Compare::ModRevision(there.clone(), a.mod_revision), true),
        (Compare::ModRevision(there.clone(), a.create_revision), false),
        (Compare::ModRevision(none.clone(), a.mod_revision), false),
        (Compare::ModRevision(none.clone(), zero), true),
        (Compare::CreateRevision(there.clone(), a.create_revision), true),
        (Compare::CreateRevision(there.clone(), a.mod_revision), false),
        (Compare::CreateRevision(none.clone(), zero), true),
    ] {
        let outcome = bench.store().txn(when(vec![compare.clone()], vec![], vec![])).await.expect("applied");
        assert_eq!(outcome.succeeded, expected, "{compare:?}");
    }
    let all = vec![Compare::Exists(there), Compare::Exists(none)];
    let outcome = bench.store().txn(when(all, vec![], vec![])).await.expect("applied");
    assert!(!outcome.succeeded, "all compares must hold");
}

/// One branch is taken; its reads are answered in order and see what was written before them.
pub async fn branches_and_reads(bench: &dyn Bench) {
    apply(bench, vec![put("/branch/a", "1"), put("/branch/b", "1")]).await;
    let guard = |key: &str| vec![Compare::Exists(key.to_owned())];
    let success = vec![
        get("/branch/b"),
        put("/branch/b", "2"),
        get("/branch/none"),
        get("/branch/b"),
        delete("/branch/a"),
        get("/branch/a"),
    ];
    let failure = vec![get("/branch/none"), get("/branch/b")];
    let taken =
        bench.store().txn(when(guard("/branch/a"), success.clone(), failure.clone())).await.expect("applied");
    assert!(taken.succeeded);
    let values: Vec<_> = taken.reads.iter().map(|read| read.as_ref().map(|entry| &entry.value[..])).collect();
    assert_eq!(values, [Some(&b"1"[..]), None, Some(b"2"), None]);
    let written = taken.reads[2].as_ref().expect("just written");
    assert_eq!((written.mod_revision, written.version), (taken.revision, 2));

    let other = bench.store().txn(when(guard("/branch/a"), success, failure)).await.expect("applied");
    assert!(!other.succeeded);
    assert_eq!(other.revision, taken.revision, "the failure branch only read");
    assert_eq!(other.reads, vec![None, taken.reads[2].clone()]);
}

/// What is beyond the limits is refused for good, and nothing of it is applied.
pub async fn limits_refuse_and_change_nothing(bench: &dyn Bench) {
    let puts = |count: usize| (0..count).map(|n| put(&format!("/limit/{n}"), "")).collect::<Vec<_>>();
    let compares =
        |count: usize| (0..count).map(|n| Compare::Missing(format!("/limit/{n}"))).collect::<Vec<_>>();
    let full = when(compares(TXN_OPS_MAX), puts(TXN_OPS_MAX), vec![get("/limit/0"); TXN_OPS_MAX]);
    assert!(bench.store().txn(full).await.expect("as much as is allowed").succeeded);
    let large =
        Op::Put { key: "/limit/0".to_owned(), value: vec![b'x'; TXN_BYTES_MAX - 1_024].into(), lease: None };
    let before = apply(bench, vec![large]).await.revision;

    let too_large =
        Op::Put { key: "/limit/0".to_owned(), value: vec![b'x'; TXN_BYTES_MAX].into(), lease: None };
    let refused: [(&str, Txn); 9] = [
        ("129 compares", when(compares(TXN_OPS_MAX + 1), vec![], vec![])),
        ("129 operations", when(vec![], puts(TXN_OPS_MAX + 1), vec![])),
        ("129 operations not taken", when(vec![], vec![], puts(TXN_OPS_MAX + 1))),
        ("a key put twice", when(vec![], vec![put("/limit/x", "1"), put("/limit/x", "2")], vec![])),
        ("a key put and deleted", when(vec![], vec![put("/limit/x", "1"), delete("/limit/x")], vec![])),
        (
            "a key put and in a deleted prefix",
            when(vec![], vec![delete_prefix("/limit/"), put("/limit/x", "1")], vec![]),
        ),
        ("the same not taken", when(vec![], vec![], vec![put("/limit/x", "1"), delete("/limit/x")])),
        ("an empty key", when(vec![], vec![put("", "1")], vec![])),
        ("too many bytes", when(vec![], vec![too_large], vec![])),
    ];
    for (what, txn) in refused {
        let error = bench.store().txn(txn).await.expect_err(what);
        assert!(matches!(error, StoreError::Invalid { .. }), "{what}: {error}");
    }
    assert_eq!(revision(bench).await, before, "nothing was applied");
    apply(bench, vec![delete_prefix("/limit/"), delete("/limit/0")]).await;
    assert_eq!(bench.store().list("/limit/").await.expect("listed").entries, []);
}

/// A prefix is one of characters, not of levels, and ends in the right place.
pub async fn prefixes_end_where_they_should(bench: &dyn Bench) {
    let keys =
        ["/prefix", "/prefix/", "/prefix/a", "/prefix/a/b", "/prefix/\u{10ffff}", "/prefix0", "/prefiy"];
    apply(bench, keys.iter().map(|key| put(key, "")).collect()).await;
    let listed = |prefix: &'static str| async move {
        let listing = bench.store().list(prefix).await.expect("listed");
        listing.entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(listed("/prefix/").await, keys[1..5]);
    assert_eq!(listed("/prefix/a").await, keys[2..4]);
    assert_eq!(listed("/prefix").await, keys[..6]);
    assert_eq!(listed("/prefix/z").await, [""; 0]);
    let all = listed("").await;
    assert!(all.is_sorted() && keys.iter().all(|key| all.contains(&(*key).to_owned())));
    apply(bench, vec![delete_prefix("/prefix/")]).await;
    assert_eq!(listed("/pref").await, ["/prefix", "/prefix0", "/prefiy"]);
}

/// A list that takes several pages shows one revision, while all its keys are being rewritten.
pub async fn lists_are_of_one_revision(bench: &dyn Bench) {
    let keys: Vec<String> = (0..100).map(|n| format!("/list/{n:03}")).collect();
    let write =
        |value: u64| when(vec![], keys.iter().map(|key| put(key, &value.to_string())).collect(), vec![]);
    let stop = Arc::new(AtomicBool::new(false));
    let store = bench.store();
    store.txn(write(0)).await.expect("applied");
    let writer = async {
        for value in 1.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            store.txn(write(value)).await.expect("applied");
            tokio::task::yield_now().await;
        }
    };
    let reader = async {
        for _ in 0..20 {
            let listing = store.list("/list/").await.expect("listed");
            assert_eq!(listing.entries.len(), keys.len());
            let first = &listing.entries[0];
            assert!(listing.entries.iter().all(|entry| entry.mod_revision == first.mod_revision));
            assert!(first.mod_revision <= listing.revision);
            tokio::task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(writer, reader);
}

fn delete_prefix(prefix: &str) -> Op {
    Op::DeletePrefix { prefix: prefix.to_owned() }
}
