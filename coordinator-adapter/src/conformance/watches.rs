//! Order, resuming, whole revisions, compaction.

use bytes::Bytes;

use crate::conformance::Bench;
use crate::conformance::bench::{apply, changes, delete, end, put, revision, watch};
use crate::error::StoreError;
use crate::store::{Op, Revision, WatchEnd};

/// What is under the prefix, in the order of its transactions' operations, and nothing else.
pub async fn changes_arrive_whole_and_in_order(bench: &dyn Bench) {
    let from = revision(bench).await.next();
    let mut early = watch(bench, "/watch/", from).await;
    let first =
        apply(bench, vec![put("/watch/b", "1"), put("/elsewhere", "1"), put("/watch/a", "1")]).await.revision;
    let second = apply(bench, vec![put("/elsewhere", "2")]).await.revision;
    let third =
        apply(bench, vec![put("/watch/c", "1"), delete("/watch/b"), delete("/watch/none")]).await.revision;
    let fourth = apply(bench, vec![Op::DeletePrefix { prefix: "/watch/".to_owned() }]).await.revision;
    assert_eq!(second.next(), third);
    let expected = [
        (first, "/watch/b", Some("1")),
        (first, "/watch/a", Some("1")),
        (third, "/watch/c", Some("1")),
        (third, "/watch/b", None),
        (fourth, "/watch/a", None),
        (fourth, "/watch/c", None),
    ];
    let expected =
        expected.map(|(revision, key, value)| (revision, key.to_owned(), value.map(str::to_owned)));
    assert_eq!(changes(&mut early, expected.len()).await, expected);
    let mut late = watch(bench, "/watch/", from).await;
    assert_eq!(changes(&mut late, expected.len()).await, expected, "history reads as it was lived");
    assert!(matches!(bench.store().watch("/watch/", Revision(0)).await, Err(StoreError::Invalid { .. })));
}

/// A watch begun after the last revision seen continues exactly there, wherever that is.
pub async fn a_watch_resumes_without_gap_or_repeat(bench: &dyn Bench) {
    let from = revision(bench).await.next();
    for n in 0..30 {
        apply(
            bench,
            vec![put(&format!("/resume/{}", n % 4), &n.to_string()), put("/resume/all", &n.to_string())],
        )
        .await;
    }
    let whole = changes(&mut watch(bench, "/resume/", from).await, 60).await;
    let mut next = from;
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let mut piece = changes(&mut watch(bench, "/resume/", next).await, 1).await;
        // take less than was given, up to any whole revision
        let keep = 2 * (1 + pieces.len() % 5);
        piece.truncate(keep);
        next = piece.last().expect("at least one").0.next();
        pieces.extend(piece);
    }
    assert_eq!(pieces, whole);
}

/// A revision that is yet to come is waited for.
pub async fn a_watch_may_begin_in_the_future(bench: &dyn Bench) {
    let now = revision(bench).await;
    let mut watch = watch(bench, "/future/", Revision(now.0 + 3)).await;
    for n in 1..=4 {
        apply(bench, vec![put("/future/a", &n.to_string())]).await;
    }
    let seen: Vec<_> = changes(&mut watch, 2).await.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(seen, [Some("3".to_owned()), Some("4".to_owned())]);
}

/// A history of several megabytes, with revisions of a hundred keys, arrives with each revision in one batch.
pub async fn a_large_history_arrives_whole(bench: &dyn Bench) {
    let from = revision(bench).await.next();
    let value = Bytes::from(vec![b'x'; 10_000]);
    for _ in 0..6 {
        let ops = (0..100).map(|n| Op::Put { key: format!("/large/{n}"), value: value.clone(), lease: None });
        apply(bench, ops.collect()).await;
    }
    let mut watch = watch(bench, "/large/", from).await;
    let mut events = 0;
    while events < 600 {
        // `changes` checks that no revision goes on in the next batch
        let batch = changes(&mut watch, 1).await;
        assert!(batch.len().is_multiple_of(100), "{} changes in a batch", batch.len());
        events += batch.len();
    }
    apply(bench, vec![Op::DeletePrefix { prefix: "/large/".to_owned() }]).await;
    assert_eq!(changes(&mut watch, 100).await.len(), 100);
}

/// A watch from a compacted revision is told so; from the compacted one on history is whole.
pub async fn a_compacted_revision_is_told(bench: &dyn Bench) {
    let old = apply(bench, vec![put("/compact/a", "1")]).await.revision;
    apply(bench, vec![put("/compact/a", "2")]).await;
    let mut running = watch(bench, "/compact/", old).await;
    assert_eq!(changes(&mut running, 2).await.len(), 2);
    let kept = apply(bench, vec![put("/compact/a", "3")]).await.revision;
    bench.compact(kept).await;
    assert!(
        matches!(end(&mut watch(bench, "/compact/", old).await).await, WatchEnd::Compacted(at) if at >= kept)
    );
    let later = apply(bench, vec![put("/compact/a", "4")]).await.revision;
    let expected = [(kept, Some("3".to_owned())), (later, Some("4".to_owned()))];
    for watch in [&mut running, &mut watch(bench, "/compact/", kept).await] {
        let seen = changes(watch, 2).await;
        assert_eq!(
            seen.into_iter().map(|(revision, _, value)| (revision, value)).collect::<Vec<_>>(),
            expected
        );
    }
    let listing = bench.store().list("/compact/").await.expect("the present is not compacted");
    assert_eq!(listing.entries.len(), 1);
}
