//! The watcher through breaks, compactions, lost events and values that cannot be read.

use std::sync::Arc;
use std::time::Duration;

use coordinator_adapter::{Op, Revision, Store, Txn};

use super::bench::{Bench, within};
use super::world::{b, registration};
use crate::cluster::keyspace::Key;
use crate::cluster::values::encode;
use crate::cluster::*;
use crate::metrics::Metrics;

async fn write(bench: &Bench, op: Op) {
    let txn = Txn { success: vec![op], ..Txn::default() };
    bench.memory.txn(txn).await.unwrap();
}

async fn register(bench: &Bench, id: i32) {
    let (key, value) =
        (bench.keyspace.path(&Key::Broker(b(id))), encode(&registration(id, Recovered::NOTHING)));
    write(bench, Op::Put { key, value, lease: None }).await;
}

async fn unregister(bench: &Bench, id: i32) {
    write(bench, Op::Delete { key: bench.keyspace.path(&Key::Broker(b(id))) }).await;
}

async fn sees(watcher: &Watcher, ids: &[i32]) {
    let mut images = watcher.images();
    let same = |image: &Arc<Image>| image.brokers.keys().map(|id| id.0).eq(ids.iter().copied());
    within("the brokers", images.wait_for(same)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_is_resumed_without_gap_or_repeat() {
    let bench = Bench::new();
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    register(&bench, 1).await;
    let watcher = bench.watcher(&door, &metrics);
    assert_eq!(watcher.first_image().await.brokers.len(), 1);
    register(&bench, 2).await;
    sees(&watcher, &[1, 2]).await;
    within("contact", watcher.contact().wait_for(|contact| contact.away_since.is_none())).await.unwrap();
    door.cut();
    register(&bench, 3).await;
    unregister(&bench, 1).await;
    register(&bench, 1).await;
    unregister(&bench, 2).await;
    within("away", watcher.contact().wait_for(|contact| contact.away_since.is_some())).await.unwrap();
    assert_eq!(watcher.images().borrow().brokers.len(), 2, "the last image stands");
    door.heal();
    sees(&watcher, &[1, 3]).await;
    within("contact", watcher.contact().wait_for(|contact| contact.away_since.is_none())).await.unwrap();
    assert!(metrics.watch_restarts.get() >= 1);
    assert_eq!((metrics.watch_relists.get(), metrics.image_differences.get()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_compaction_it_lists_again() {
    let bench = Bench::new();
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    register(&bench, 1).await;
    register(&bench, 2).await;
    let watcher = bench.watcher(&door, &metrics);
    sees(&watcher, &[1, 2]).await;
    door.cut();
    within("away", watcher.contact().wait_for(|contact| contact.away_since.is_some())).await.unwrap();
    unregister(&bench, 1).await;
    register(&bench, 3).await;
    register(&bench, 4).await;
    let now = bench.memory.get("/none").await.unwrap().0;
    bench.memory.compact(now).unwrap();
    door.heal();
    sees(&watcher, &[2, 3, 4]).await;
    assert_eq!(metrics.watch_relists.get(), 1);
    register(&bench, 5).await;
    sees(&watcher, &[2, 3, 4, 5]).await;
    assert!(watcher.images().borrow().revision > now);
}

#[tokio::test(start_paused = true)]
async fn a_full_scan_finds_what_the_watch_lost() {
    let mut bench = Bench::new();
    bench.watcher_options.scan_interval_ms = 10_000;
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    register(&bench, 1).await;
    let watcher = bench.watcher(&door, &metrics);
    sees(&watcher, &[1]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(metrics.image_differences.get(), 0, "nothing is found where nothing was lost");
    door.hold_watches(true);
    register(&bench, 2).await;
    unregister(&bench, 1).await;
    sees(&watcher, &[2]).await;
    assert_eq!(metrics.image_differences.get(), 2);
    // What comes late after all changes nothing, and the watch goes on.
    door.hold_watches(false);
    register(&bench, 3).await;
    sees(&watcher, &[2, 3]).await;
}

#[tokio::test(start_paused = true)]
async fn changes_during_a_scan_are_no_differences() {
    let mut bench = Bench::new();
    bench.watcher_options.scan_interval_ms = 1_000;
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    let watcher = bench.watcher(&door, &metrics);
    within("the first image", watcher.first_image()).await;
    for round in 0..200 {
        register(&bench, round % 7).await;
        unregister(&bench, (round + 3) % 7).await;
        tokio::time::sleep(Duration::from_millis(97)).await;
    }
    assert_eq!(metrics.image_differences.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_read_is_counted_and_the_rest_goes_on() {
    let bench = Bench::new();
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    let watcher = bench.watcher(&door, &metrics);
    within("the first image", watcher.first_image()).await;
    for (key, value) in [
        (bench.keyspace.path(&Key::Broker(b(7))), "no JSON"),
        (bench.keyspace.path(&Key::Live(b(7))), r#"{"v":1,"epoch":1,"state":"dancing","lease":"1"}"#),
        (bench.keyspace.path(&Key::Controller), r#"{"v":3}"#),
        (format!("{}something/new", bench.keyspace.prefix()), "not ours to judge"),
    ] {
        write(&bench, Op::Put { key, value: value.into(), lease: None }).await;
    }
    register(&bench, 1).await;
    sees(&watcher, &[1]).await;
    assert_eq!(metrics.malformed_values.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_from_the_start_is_waited_for() {
    let bench = Bench::new();
    let (door, metrics) = (bench.door(), Arc::new(Metrics::new()));
    door.cut();
    let watcher = bench.watcher(&door, &metrics);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(watcher.images().borrow().revision, Revision(0));
    assert!(watcher.contact().borrow().away_since.is_some());
    register(&bench, 1).await;
    door.heal();
    assert_eq!(within("the first image", watcher.first_image()).await.brokers.len(), 1);
}
