//! Each vice alone, always showing, on a store in memory and in tokio's own time.

use std::sync::Arc;

use super::*;
use crate::{Compare, MemoryOptions, MemoryStore, Op, Revision, Store, StoreError, Txn, WatchEnd};

fn door() -> (Arc<MemoryStore>, UnreliableStore) {
    let memory = Arc::new(MemoryStore::new(MemoryOptions::default()));
    let door = UnreliableStore::new(Arc::clone(&memory) as _, 1);
    (memory, door)
}

fn put(key: &str) -> Txn {
    let put = Op::Put { key: key.to_owned(), value: "x".into(), lease: None };
    Txn { compares: vec![Compare::Missing(key.to_owned())], success: vec![put], failure: vec![] }
}

async fn is_there(memory: &MemoryStore, key: &str) -> bool {
    memory.get(key).await.unwrap().1.is_some()
}

#[tokio::test(start_paused = true)]
async fn unknown_hides_three_different_fates() {
    let (memory, door) = door();
    door.set(|vices| vices.request_lost_ppm = 1_000_000);
    assert!(matches!(door.txn(put("lost")).await, Err(StoreError::Unknown { .. })));
    door.set(|vices| *vices = Vices { answer_lost_ppm: 1_000_000, ..Vices::default() });
    assert!(matches!(door.txn(put("applied")).await, Err(StoreError::Unknown { .. })));
    door.set(|vices| *vices = Vices { late_ppm: 1_000_000, late_ms: 500..=500, ..Vices::default() });
    assert!(matches!(door.txn(put("late")).await, Err(StoreError::Unknown { .. })));
    let timeout_ms = Vices::default().timeout_ms;
    assert_eq!(door.tick(timeout_ms + 499).await, 0);
    assert!(!is_there(&memory, "late").await, "its sender has given up, and it is still on its way");
    assert_eq!(door.tick(timeout_ms + 500).await, 1);
    let there = [is_there(&memory, "lost").await, is_there(&memory, "applied").await];
    assert_eq!(there, [false, true]);
    assert!(is_there(&memory, "late").await);
}

#[tokio::test(start_paused = true)]
async fn refused_and_away_are_certain() {
    let (memory, door) = door();
    door.set(|vices| vices.refused_ppm = 1_000_000);
    assert!(matches!(door.txn(put("a")).await, Err(StoreError::Unavailable { .. })));
    door.set(|vices| *vices = Vices { away: true, ..Vices::default() });
    let began = tokio::time::Instant::now();
    assert!(matches!(door.txn(put("a")).await, Err(StoreError::Unavailable { .. })));
    assert_eq!(began.elapsed().as_millis(), 2_000, "it waits as long as a client does");
    assert!(!is_there(&memory, "a").await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_cut_catches_on_its_way_is_unknown() {
    let (memory, door) = door();
    let door = Arc::new(door);
    door.set(|vices| vices.latency_ms = 10..=10);
    let asking = Arc::clone(&door);
    let asked = tokio::spawn(async move { asking.txn(put("a")).await });
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    door.set(|vices| vices.away = true);
    assert!(matches!(asked.await.unwrap(), Err(StoreError::Unknown { .. })));
    assert!(is_there(&memory, "a").await);
}

#[tokio::test(start_paused = true)]
async fn news_comes_late_and_twice_and_then_the_watch_breaks() {
    let (memory, door) = door();
    door.set(|vices| {
        vices.watch_delay_ms = 700..=700;
        vices.watch_repeated_ppm = 1_000_000;
        vices.watch_broken_ppm = 1_000_000;
    });
    let mut watch = door.watch("a", Revision(1)).await.unwrap();
    memory.txn(put("a")).await.unwrap();
    let began = tokio::time::Instant::now();
    let first = watch.next().await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 700);
    assert_eq!(watch.next().await.unwrap(), first);
    assert!(matches!(watch.next().await, Err(WatchEnd::Broken(_))));
}

#[tokio::test(start_paused = true)]
async fn a_watch_may_find_its_history_gone() {
    let (_, door) = door();
    door.set(|vices| vices.watch_compacted_ppm = 1_000_000);
    let mut watch = door.watch("a", Revision(1)).await.unwrap();
    assert!(matches!(watch.next().await, Err(WatchEnd::Compacted(_))));
}

#[tokio::test(start_paused = true)]
async fn leases_begin_anew_when_the_store_changes_its_leader() {
    let (memory, door) = door();
    let lease = door.grant(std::time::Duration::from_secs(6)).await.unwrap();
    memory.tick(5_000);
    memory.rearm_leases();
    memory.tick(10_000);
    assert!(door.keep_alive(lease.id).await.is_ok(), "11 s is its new end");
    memory.tick(16_000);
    assert!(door.keep_alive(lease.id).await.is_err());
}
