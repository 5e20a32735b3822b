//! Appends that are refused, repeated, late, or given up.

use std::pin::pin;
use std::time::Duration;

use super::cluster::*;
use crate::record::{ProducerStamp, REQUEST_SEQUENCED};
use crate::replication::*;
use crate::types::*;

fn sequenced(value: &str, sequence: i32, wait: Duration) -> Append {
    let producer =
        ProducerStamp { producer_id: REQUEST_SEQUENCED | 5, producer_epoch: 0, base_sequence: sequence };
    Append { batch: batch(value, Some(producer)), ..append(value, Acks::All, wait) }
}

/// How many are in sync, as the leader knows it.
fn leader_isr(cluster: &Cluster) -> usize {
    cluster.partition(1).record().state.isr.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_small_an_isr_refuses_before_the_append() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 2);
    let late =
        cluster.partition(1).append(append("b", Acks::All, Duration::from_millis(20))).await.unwrap_err();
    assert_eq!(late, AppendError::TimedOut { base_offset: Offset(1) });
    assert_eq!(late.written(), Written::Maybe);
    eventually("broker 2 is out", || cluster.store.isr() == [1]).await;
    eventually("the leader knows", || leader_isr(&cluster) == 1).await;
    let refused = cluster.append(1, "c", Acks::All).await.unwrap_err();
    assert_eq!(refused, AppendError::NotEnoughReplicas { isr: 1, min_isr: 2 });
    assert_eq!(refused.written(), Written::No);
    assert_eq!(cluster.partition(1).status().log_end, Offset(2));
    assert_eq!(cluster.hw(1), 1, "one copy commits nothing");
    assert_eq!(cluster.store.record(&crate::replication::testing::tp()).unwrap().state.elr.len(), 1);
    cluster.heal();
    eventually("the leader knows that broker 2 is back", || leader_isr(&cluster) == 2).await;
    cluster.append(1, "d", Acks::All).await.unwrap();
    cluster.all_hold(&[1, 2], &["a", "b", "d"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_gets_the_offsets_of_the_first_try() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    let leader = cluster.partition(1);
    let first = leader.append(sequenced("a", 0, PATIENCE)).await.unwrap();
    leader.append(sequenced("b", 1, PATIENCE)).await.unwrap();
    let again = leader.append(sequenced("a", 0, PATIENCE)).await.unwrap();
    assert_eq!(
        (again.base_offset, again.end_offset, again.duplicate),
        (first.base_offset, first.end_offset, true)
    );
    let gap = leader.append(sequenced("d", 3, PATIENCE)).await.unwrap_err();
    assert_eq!(gap, AppendError::OutOfOrderSequence { expected: 2, got: 3 });

    // A repeat of what is not committed yet waits for that, and appends nothing.
    cluster.cut(1, 2);
    let lost = leader.append(sequenced("c", 2, Duration::from_millis(10))).await.unwrap_err();
    assert_eq!(lost, AppendError::TimedOut { base_offset: Offset(2) });
    let still = leader.append(sequenced("c", 2, Duration::from_millis(10))).await.unwrap_err();
    assert_eq!(still, AppendError::TimedOut { base_offset: Offset(2) });
    cluster.heal();
    let done = leader.append(sequenced("c", 2, PATIENCE)).await.unwrap();
    assert_eq!((done.base_offset, done.duplicate), (Offset(2), true));
    cluster.all_hold(&[1, 2], &["a", "b", "c"]).await;

    // It is kept with the batches, and so survives the leader.
    cluster.elect(2, &[2, 1]);
    cluster.tell_all().await;
    let after = cluster.partition(2).append(sequenced("c", 2, PATIENCE)).await.unwrap();
    assert_eq!((after.base_offset, after.duplicate), (Offset(2), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_answered_even_where_a_new_append_would_be_refused() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    let leader = cluster.partition(1);
    leader.append(sequenced("a", 0, PATIENCE)).await.unwrap();
    cluster.cut(1, 2);
    leader.append(append("x", Acks::None, PATIENCE)).await.unwrap();
    eventually("broker 2 is out", || leader.record().state.isr.len() == 1).await;
    assert!(leader.append(sequenced("a", 0, PATIENCE)).await.unwrap().duplicate);
    let refused = leader.append(sequenced("b", 1, PATIENCE)).await.unwrap_err();
    assert_eq!(refused.written(), Written::No);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_are_checked_before_anything_is_written() {
    let cluster = Cluster::start(1, 1, FlushMode::Os).await;
    let leader = cluster.partition(1);
    let expecting =
        |offset| Append { expected_offset: Some(Offset(offset)), ..append("a", Acks::All, PATIENCE) };
    assert_eq!(
        leader.append(expecting(1)).await.unwrap_err(),
        AppendError::UnexpectedOffset { actual: Offset(0) }
    );
    leader.append(expecting(0)).await.unwrap();
    let in_epoch =
        |epoch| Append { leader_epoch: Some(LeaderEpoch(epoch)), ..append("b", Acks::All, PATIENCE) };
    assert!(matches!(leader.append(in_epoch(0)).await, Err(AppendError::FencedEpoch { .. })));
    assert!(matches!(leader.append(in_epoch(2)).await, Err(AppendError::UnknownEpoch { .. })));
    leader.append(in_epoch(1)).await.unwrap();
    assert_eq!(leader.status().log_end, Offset(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_durable_counts_on_the_leader_too() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let leader = cluster.partition(1);
    leader.shared.flusher.hold(true);
    let all = tokio::spawn({
        let leader = cluster.partition(1);
        async move { leader.append(append("b", Acks::All, PATIENCE)).await }
    });
    let own = tokio::spawn({
        let leader = cluster.partition(1);
        async move { leader.append(append("c", Acks::Leader, PATIENCE)).await }
    });
    let follower = cluster.partition(2);
    eventually("the follower holds both, durably", || follower.status().durable_end == Offset(3)).await;
    eventually("and says so", || leader.status().followers[0].log_end == Some(Offset(3))).await;
    assert_eq!(cluster.hw(1), 1);
    assert!(!all.is_finished() && !own.is_finished());
    leader.shared.flusher.hold(false);
    all.await.unwrap().unwrap();
    own.await.unwrap().unwrap();
    assert_eq!(cluster.hw(1), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_says_nothing_that_is_not_durable() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let follower = cluster.partition(2);
    follower.shared.flusher.hold(true);
    let leader = cluster.partition(1);
    let append = tokio::spawn(async move { leader.append(append("b", Acks::All, PATIENCE)).await });
    eventually("the follower has it", || follower.status().log_end == Offset(2)).await;
    eventually("the leader has flushed", || cluster.partition(1).status().durable_end == Offset(2)).await;
    assert!(!append.is_finished());
    assert_eq!(cluster.hw(1), 1);
    follower.shared.flusher.hold(false);
    append.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_is_given_up_leaves_nothing_but_its_record() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    cluster.cut(1, 2);
    let leader = cluster.partition(1);
    for value in ["a", "b", "c"] {
        let given_up = leader.append(append(value, Acks::All, PATIENCE));
        assert!(tokio::time::timeout(Duration::from_millis(5), given_up).await.is_err());
    }
    assert_eq!(leader.waiting(), 0);
    assert_eq!(leader.shared.waits.waiting(), 0);
    cluster.heal();
    cluster.all_hold(&[1, 2], &["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_is_told_to_everyone_who_waits_and_ends_writing() {
    let cluster = Cluster::start(1, 1, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let leader = cluster.partition(1);
    leader.shared.data_dir.fail_syncs(true);
    let failed = cluster.append(1, "b", Acks::All).await.unwrap_err();
    assert!(matches!(failed, AppendError::FlushFailed { base_offset: Offset(1), .. }), "{failed}");
    assert_eq!(failed.written(), Written::Maybe);
    let told = cluster.brokers[&1].replicas.log_failure().borrow().clone().expect("the node is told");
    assert!(told.tp == *leader.tp() && told.reason.contains("fsync"), "{told:?}");
    leader.shared.data_dir.fail_syncs(false);
    let refused = cluster.append(1, "c", Acks::Leader).await.unwrap_err();
    assert!(matches!(refused, AppendError::Storage { .. }), "{refused}");
    assert!(leader.status().poisoned.is_some());
    assert_eq!(cluster.hw(1), 1, "nothing is committed by an fsync that failed");
    assert!(!leader.read(Offset(0), 1, None).unwrap().slice.is_empty(), "reading goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_failed_is_closed_without_what_no_fsync_has_covered() {
    for flush in [FlushMode::Ack, FlushMode::Os] {
        let mut cluster = Cluster::start(1, 1, flush).await;
        cluster.append(1, "a", Acks::All).await.unwrap();
        let leader = cluster.partition(1);
        leader.shared.data_dir.fail_syncs(true);
        let outcome = cluster.append(1, "b", Acks::All).await;
        assert_eq!(outcome.is_ok(), flush == FlushMode::Os);
        if flush == FlushMode::Os {
            let mut effects = crate::replication::partition::Effects::default();
            leader.lock().want_flush(&mut effects);
            leader.carry_out(effects);
            eventually("the fsync to fail", || leader.status().poisoned.is_some()).await;
        }
        leader.shared.data_dir.fail_syncs(false);
        drop(leader);
        cluster.stop_failing(1).await;
        cluster.boot(1).await;
        let held: Vec<String> = cluster.log(1).into_iter().map(|(_, value)| value).collect();
        let expected: &[&str] = if flush == FlushMode::Ack { &["a"] } else { &["a", "b"] };
        assert_eq!(held, expected, "under {flush:?} what was acknowledged stays, and nothing unproven");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_waits_until_all_that_it_has_is_committed() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    let leader = cluster.partition(1);
    assert!(!leader.settled().await, "there is nothing to wait for");
    cluster.cut(1, 2);
    let given_up = leader.append(append("a", Acks::All, PATIENCE));
    assert!(tokio::time::timeout(Duration::from_millis(5), given_up).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(5), leader.settled()).await.is_err());
    assert_eq!(leader.waiting(), 0, "a wait that is given up leaves nothing behind");
    let settling = tokio::spawn(async move { leader.settled().await });
    cluster.heal();
    assert!(tokio::time::timeout(PATIENCE, settling).await.unwrap().unwrap());
    assert_eq!(cluster.hw(1), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_flushes_together_with_its_followers_and_alone_if_there_are_none() {
    let options = ReplicationOptions { flush_interval_ms: 3_600_000, ..quick() };
    let cluster = Cluster::start_with(2, 1, FlushMode::Ack, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let leader = cluster.partition(1);
    assert!(leader.lock().flushes_with_followers());
    cluster.cut(1, 2);
    let mut waiting = pin!(leader.append(append("b", Acks::All, PATIENCE)));
    assert!(tokio::time::timeout(Duration::from_millis(5), waiting.as_mut()).await.is_err());
    // Who waits for this log alone is not kept waiting.
    leader.append(append("c", Acks::Leader, PATIENCE)).await.unwrap();
    // The follower leaves the in-sync set before long; from then on there is nobody to flush with.
    waiting.await.unwrap();
    assert!(!leader.lock().flushes_with_followers());
    cluster.append(1, "d", Acks::All).await.unwrap();
}
