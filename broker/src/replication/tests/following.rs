//! Followers in trouble.

use std::time::Duration;

use super::cluster::*;
use crate::replication::follow::{Change, Taken};
use crate::replication::*;
use crate::types::*;
use crate::wire::{ErrorCode, FetchedPartition};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_below_the_leaders_start_starts_anew() {
    let cluster = Cluster::start(2, 1, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 2);
    cluster.append(1, "b", Acks::None).await.unwrap();
    eventually("broker 2 is out", || cluster.store.isr() == [1]).await;
    cluster.append(1, "c", Acks::All).await.unwrap();
    let leader = cluster.partition(1);
    assert!(matches!(leader.delete_records(Offset(9)).await, Err(ReadError::BeyondEnd { .. })));
    assert_eq!(leader.delete_records(Offset(2)).await.unwrap(), Offset(2));
    assert!(matches!(leader.read(Offset(1), 1, None), Err(ReadError::BelowStart { start: Offset(2), .. })));
    cluster.heal();
    eventually("broker 2 is back", || cluster.store.isr() == [1, 2]).await;
    let status = cluster.partition(2).status();
    assert_eq!((status.log_start, status.log_end), (Offset(2), Offset(3)));
    cluster.append(1, "d", Acks::All).await.unwrap();
    assert_eq!(cluster.log(2), cluster.log(1)[cluster.log(1).len() - 2..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_start_follows_the_leaders() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    for value in ["a", "b", "c"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    cluster.partition(1).delete_records(Offset(2)).await.unwrap();
    eventually("it has followed", || cluster.partition(2).status().log_start == Offset(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_count_as_deleted_once_all_in_sync_have_followed() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    for value in ["a", "b", "c"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    let clock = crate::clock::Clock::system();
    let leader = cluster.partition(1);
    assert_eq!(leader.delete_records_in_sync(Offset(2), clock.now() + PATIENCE).await.unwrap(), Offset(2));
    for id in 1..=3 {
        assert_eq!(cluster.partition(id).status().log_start, Offset(2), "broker {id}");
    }
    // Once more: nothing is left to do, and that is no error.
    assert_eq!(leader.delete_records_in_sync(Offset(1), clock.now() + PATIENCE).await.unwrap(), Offset(2));
    assert_eq!(leader.lock().started.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_waits_for_a_silent_follower_until_that_is_out_of_sync() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 3);
    let clock = crate::clock::Clock::system();
    let leader = cluster.partition(1);
    // The leader notices nothing so soon; and an idle log makes nobody lag.
    let soon = clock.now() + Duration::from_millis(200);
    let early = leader.delete_records_in_sync(Offset(1), soon).await;
    assert!(matches!(early, Err(DeleteError::TimedOut)), "{early:?}");
    assert_eq!(leader.lock().started.len(), 0, "who gave up waits no more");
    assert!(leader.status().log_start == Offset(1), "what was deleted stays so");
    let late = async { leader.delete_records_in_sync(Offset(1), clock.now() + PATIENCE).await };
    let append = async { cluster.append(1, "b", Acks::All).await };
    let (late, appended) = tokio::join!(late, append);
    appended.unwrap();
    assert_eq!(late.unwrap(), Offset(1));
    assert_eq!(cluster.store.isr(), [1, 2]);
    assert_eq!(cluster.partition(2).status().log_start, Offset(1));
    assert_eq!(cluster.partition(3).status().log_start, Offset(0), "it has heard of nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_replaced_confirms_no_deletion() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 3);
    let leader = cluster.partition(1);
    let until = crate::clock::Clock::system().now() + PATIENCE;
    let deletion = leader.delete_records_in_sync(Offset(1), until);
    let replaced = async {
        eventually("it waits", || leader.lock().started.len() == 1).await;
        cluster.elect(2, &[1, 2]);
        cluster.tell_all().await;
    };
    let (deleted, ()) = tokio::join!(deletion, replaced);
    assert!(matches!(deleted, Err(DeleteError::LeadershipLost)), "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_port_refuses_is_reported_and_found_again() {
    let mut cluster = Cluster::start(2, 1, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.close_port(1);
    let suspect =
        tokio::time::timeout(PATIENCE, cluster.brokers.get_mut(&2).unwrap().suspects.recv()).await.unwrap();
    assert_eq!(suspect, Some(BrokerId(1)));
    cluster.append(1, "b", Acks::Leader).await.unwrap();
    cluster.open_port(1);
    cluster.all_hold(&[1, 2], &["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_leader_is_not_reported() {
    let mut cluster = Cluster::start(2, 1, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 2);
    eventually("fetches fail", || cluster.brokers[&2].metrics.replica_fetch_errors.get() >= 2).await;
    assert!(cluster.brokers.get_mut(&2).unwrap().suspects.try_recv().is_err(), "a time-out proves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_stopped_comes_back_in_a_new_life_and_catches_up() {
    let mut cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.stop(3).await;
    cluster.append(1, "b", Acks::None).await.unwrap();
    eventually("broker 3 is out", || cluster.store.isr() == [1, 2]).await;
    cluster.append(1, "c", Acks::All).await.unwrap();
    cluster.boot(3).await;
    cluster.tell(3).await;
    eventually("broker 3 is back", || cluster.store.isr() == [1, 2, 3]).await;
    let record = cluster.store.record(&crate::replication::testing::tp()).unwrap();
    assert_eq!(record.state.isr_member(BrokerId(3)), Some(cluster.brokers[&3].me), "in its new life");
    cluster.append(1, "d", Acks::All).await.unwrap();
    cluster.all_hold(&[1, 2, 3], &["a", "b", "c", "d"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_disk_fails_stops_counting() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.partition(3).shared.data_dir.fail_syncs(true);
    let appended = tokio::time::timeout(PATIENCE, cluster.append(1, "b", Acks::All)).await.unwrap();
    appended.unwrap();
    eventually("broker 3 is out", || cluster.store.isr() == [1, 2]).await;
    let failed = cluster.partition(3);
    assert!(failed.status().poisoned.is_some());
    assert!(failed.next_fetch().is_none(), "a fetch would be an acknowledgement");
    assert!(cluster.brokers[&3].replicas.log_failure().borrow().is_some(), "the node is told");
    tokio::time::timeout(Duration::from_secs(5), cluster.append(1, "c", Acks::All)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_that_comes_too_late_cuts_nothing() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    // What broker 2 asked when it held nothing.
    let asked = Asked { epoch: LeaderEpoch(1), offset: Offset(0), last_epoch: LeaderEpoch::NONE };
    cluster.append(1, "a", Acks::All).await.unwrap();
    for change in [Change::Cut(Offset(0)), Change::StartAnew(Offset(7))] {
        cluster.partition(2).change_log(asked, change).await.unwrap();
        assert_eq!(cluster.partition(2).status().log_end, Offset(1));
    }
    assert_eq!(cluster.brokers[&2].metrics.truncations.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_a_reign_to_come_are_not_appended() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    let mut records = batch("x", None);
    crate::record::stamp_leader(&mut records, Offset(0), LeaderEpoch(9));
    let answer = FetchedPartition {
        index: 0,
        error: ErrorCode::None,
        high_watermark: Offset(0),
        log_start_offset: Offset(0),
        diverging: None,
        leader: None,
        records: vec![records.freeze()],
    };
    let asked = Asked { epoch: LeaderEpoch(1), offset: Offset(0), last_epoch: LeaderEpoch::NONE };
    let taken = cluster.partition(2).take_answer(asked, answer);
    assert!(matches!(taken, Taken::Failed(_)), "{taken:?}");
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.all_hold(&[1, 2], &["a"]).await;
}
