//! Expiry in one revision, renewal, revocation.

use std::time::Duration;

use crate::conformance::Bench;
use crate::conformance::bench::{apply, changes, put, put_under, read, revision, watch, when};
use crate::error::StoreError;
use crate::store::{Lease, LeaseId};

async fn grant(bench: &dyn Bench) -> Lease {
    let asked = Duration::from_secs(2);
    let lease = bench.store().grant(asked).await.expect("granted");
    assert!(lease.ttl >= asked, "{lease:?}");
    lease
}

/// A lease that is renewed lives; one that is not dies, and all its keys with it in one revision.
pub async fn expiry_is_one_revision(bench: &dyn Bench) {
    let lease = grant(bench).await;
    let before = revision(bench).await;
    let keys = ["/lease/a", "/lease/b", "/lease/c"];
    apply(bench, vec![put_under(keys[1], lease.id), put("/lease/free", ""), put_under(keys[0], lease.id)])
        .await;
    let last = apply(bench, vec![put_under(keys[2], lease.id)]).await.revision;
    assert_eq!(read(bench, keys[0]).await.and_then(|entry| entry.lease), Some(lease.id));
    let mut watch = watch(bench, "/lease/", last.next()).await;

    for _ in 0..2 {
        bench.pass(lease.ttl * 3 / 5).await;
        assert_eq!(bench.store().keep_alive(lease.id).await, Ok(lease.ttl));
    }
    assert_eq!(revision(bench).await, last, "renewing writes nothing, and the keys live");
    assert!(last > before);

    bench.pass(lease.ttl + Duration::from_secs(1)).await;
    let expected = keys.map(|key| (last.next(), key.to_owned(), None));
    assert_eq!(changes(&mut watch, 3).await, expected);
    assert_eq!(revision(bench).await, last.next());
    assert_eq!(bench.store().keep_alive(lease.id).await, Err(StoreError::LeaseNotFound(lease.id)));
    assert!(read(bench, "/lease/free").await.is_some());
}

/// Revoking deletes the keys at once and may be done twice; renewing afterwards says that the lease is gone.
pub async fn a_revoked_lease_is_gone(bench: &dyn Bench) {
    let lease = grant(bench).await;
    let other = grant(bench).await;
    assert_ne!(lease.id, other.id);
    let keys = ["/revoke/a", "/revoke/b"];
    apply(
        bench,
        vec![put_under(keys[0], lease.id), put_under(keys[1], lease.id), put_under("/revoke/c", other.id)],
    )
    .await;
    let before = revision(bench).await;
    bench.store().revoke(lease.id).await.expect("revoked");
    assert_eq!(revision(bench).await, before.next());
    let left = bench.store().list("/revoke/").await.expect("listed").entries;
    assert_eq!(left.into_iter().map(|entry| entry.key).collect::<Vec<_>>(), ["/revoke/c"]);

    assert_eq!(bench.store().keep_alive(lease.id).await, Err(StoreError::LeaseNotFound(lease.id)));
    bench.store().revoke(lease.id).await.expect("a lease that is gone is gone");
    bench.store().revoke(LeaseId(0x7ead_beef)).await.expect("and one that never was");
    assert_eq!(bench.store().keep_alive(other.id).await, Ok(other.ttl));
    bench.store().revoke(other.id).await.expect("revoked");
    assert_eq!(revision(bench).await, before.next().next());
    let empty = grant(bench).await;
    bench.store().revoke(empty.id).await.expect("revoked");
    assert_eq!(revision(bench).await, before.next().next(), "a lease without keys leaves no revision");
}

/// A put under a lease that is gone refuses the whole branch, but only if that branch is taken.
pub async fn a_missing_lease_refuses_the_txn(bench: &dyn Bench) {
    let lease = grant(bench).await;
    bench.store().revoke(lease.id).await.expect("revoked");
    let before = revision(bench).await;
    let ops = vec![put("/missing/a", ""), put_under("/missing/b", lease.id)];
    let refused = bench.store().txn(when(vec![], ops.clone(), vec![])).await;
    assert_eq!(refused, Err(StoreError::LeaseNotFound(lease.id)));
    assert_eq!(revision(bench).await, before);
    assert!(bench.store().txn(when(vec![], vec![], ops)).await.expect("that branch is not taken").succeeded);
}

/// A put without lease, or under another, takes the key away from the old one.
pub async fn a_key_leaves_its_lease_when_written_without(bench: &dyn Bench) {
    let (lease, other) = (grant(bench).await, grant(bench).await);
    apply(
        bench,
        vec![
            put_under("/leave/a", lease.id),
            put_under("/leave/b", lease.id),
            put_under("/leave/c", lease.id),
        ],
    )
    .await;
    apply(bench, vec![put("/leave/a", ""), put_under("/leave/b", other.id)]).await;
    bench.store().revoke(lease.id).await.expect("revoked");
    let left = bench.store().list("/leave/").await.expect("listed").entries;
    let left: Vec<_> = left.iter().map(|entry| (entry.key.as_str(), entry.lease)).collect();
    assert_eq!(left, [("/leave/a", None), ("/leave/b", Some(other.id))]);
    bench.store().revoke(other.id).await.expect("revoked");
}
