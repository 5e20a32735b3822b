//! Leaders that change.

use std::time::Duration;

use super::cluster::*;
use crate::record::ProducerStamp;
use crate::replication::testing::tp;
use crate::replication::*;
use crate::types::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_only_the_old_leader_has_is_cut() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    for value in ["a", "b"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    for value in ["lost1", "lost2", "lost3"] {
        cluster.append(1, value, Acks::Leader).await.unwrap();
    }
    let waiting = tokio::spawn({
        let leader = cluster.partition(1);
        async move { leader.append(append("lost4", Acks::All, PATIENCE)).await }
    });
    eventually("it is appended", || cluster.partition(1).status().log_end == Offset(6)).await;

    cluster.elect(2, &[2, 3]);
    cluster.tell(2).await;
    cluster.tell(3).await;
    cluster.append(2, "c", Acks::All).await.unwrap();
    assert!(!waiting.is_finished(), "the zombie knows nothing");

    cluster.heal();
    cluster.tell(1).await;
    let lost = waiting.await.unwrap().unwrap_err();
    assert_eq!(lost, AppendError::LeadershipLost { base_offset: Offset(5) });
    assert_eq!(lost.written(), Written::Maybe);
    cluster.all_hold(&[1, 2, 3], &["a", "b", "c"]).await;
    assert_eq!(cluster.log(1), cluster.log(2));
    eventually("the old leader is in sync again", || cluster.store.isr() == [2, 3, 1]).await;
    assert_eq!(cluster.brokers[&1].metrics.truncations.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_over_many_failovers() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let leader = round % 3 + 1;
        if round > 0 {
            // The leader before is cut off with a tail of its own, half of the time.
            let before = (round - 1) % 3 + 1;
            if round % 2 == 0 {
                (1..=3).filter(|id| *id != before).for_each(|id| cluster.cut(before, id));
                cluster.append(before, &format!("tail{round}"), Acks::Leader).await.unwrap();
            }
            let mut isr = vec![leader];
            isr.extend(cluster.store.isr().into_iter().filter(|id| *id != leader));
            cluster.elect(leader, &isr);
            cluster.tell(leader).await;
            cluster.heal();
            cluster.tell_all().await;
        }
        for number in 0..3 {
            let value = format!("{round}.{number}");
            cluster.append(leader, &value, Acks::All).await.unwrap();
            acknowledged.push(value);
        }
        eventually("all are in sync", || cluster.store.isr().len() == 3).await;
    }
    let last = 12 % 3;
    eventually("all logs are one", || {
        let logs: Vec<_> = [1, 2, 3].map(|id| cluster.partition(id).status().log_end).to_vec();
        logs.iter().all(|end| *end == logs[0])
    })
    .await;
    let log: Vec<_> = cluster.log(last + 1);
    assert_eq!(log, cluster.log(2));
    assert_eq!(log, cluster.log(3));
    let values: Vec<_> = log.into_iter().map(|(_, value)| value).collect();
    let kept: Vec<_> = values.iter().filter(|value| !value.starts_with("tail")).cloned().collect();
    assert_eq!(kept, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_from_a_newer_epoch_ends_the_reign_and_asks_for_the_record() {
    let mut cluster = Cluster::start(2, 1, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    // Broker 1 is elected anew, which only broker 2 has heard of.
    cluster.elect(1, &[1, 2]);
    cluster.tell(2).await;
    let asked =
        tokio::time::timeout(PATIENCE, cluster.brokers.get_mut(&1).unwrap().refresh.recv()).await.unwrap();
    assert_eq!(asked, Some(tp()));
    let refused = cluster.append(1, "b", Acks::Leader).await.unwrap_err();
    assert_eq!(refused, AppendError::NotLeader { leader: None, epoch: LeaderEpoch(2) });
    assert!(matches!(cluster.partition(1).read(Offset(0), 1, None), Err(ReadError::NotLeader { .. })));
    cluster.tell(1).await;
    cluster.append(1, "b", Acks::All).await.unwrap();
    cluster.all_hold(&[1, 2], &["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposed_leader_acknowledges_nothing_not_even_a_repeat() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, ..quick() };
    let cluster = Cluster::start_with(2, 1, FlushMode::Ack, options).await;
    let leader = cluster.partition(1);
    let first = || {
        let stamp = ProducerStamp { producer_id: 5, producer_epoch: 0, base_sequence: 0 };
        Append { batch: batch("a", Some(stamp)), ..append("a", Acks::Leader, PATIENCE) }
    };
    leader.append(first()).await.unwrap();
    cluster.cut(1, 2);
    let waiting = tokio::spawn({
        let leader = cluster.partition(1);
        async move { leader.append(append("b", Acks::All, PATIENCE)).await }
    });
    eventually("it is appended", || leader.status().log_end == Offset(2)).await;
    cluster.elect(1, &[1, 2]);
    cluster.tell(2).await;
    cluster.heal();
    // By the word of a follower, long before it lags.
    let lost = waiting.await.unwrap().unwrap_err();
    assert_eq!(lost, AppendError::LeadershipLost { base_offset: Offset(1) });
    let again = leader.append(first()).await.unwrap_err();
    assert_eq!(again, AppendError::NotLeader { leader: None, epoch: LeaderEpoch(2) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leader_keeps_the_watermark_that_it_knew() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    eventually("broker 2 knows", || cluster.hw(2) == 1).await;
    cluster.cut(2, 1);
    cluster.cut(2, 3);
    cluster.elect(2, &[2, 1, 3]);
    cluster.tell(2).await;
    assert_eq!((cluster.partition(2).status().role, cluster.hw(2)), (RoleKind::Leader, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_record_and_a_record_of_an_older_epoch_are_refused() {
    let cluster = Cluster::start(1, 1, FlushMode::Os).await;
    let old = cluster.store.record(&tp()).unwrap();
    cluster.elect(1, &[1]);
    cluster.tell(1).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let replicas = &cluster.brokers[&1].replicas;
    replicas.apply(&tp(), &old, Default::default()).await.unwrap();
    assert_eq!(cluster.partition(1).status().leader_epoch, LeaderEpoch(2));
    let set_back = PartitionRecord { partition_epoch: PartitionEpoch(9_999), ..old };
    let refused = replicas.apply(&tp(), &set_back, Default::default()).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::EpochBehindLog { .. }), "{refused}");
    cluster.append(1, "b", Acks::All).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_told_only_once_it_is_known() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(2, 1);
    cluster.cut(2, 3);
    // Broker 2 leads; it may or may not have heard that offset 0 is committed.
    cluster.elect(2, &[2, 1, 3]);
    cluster.tell(2).await;
    let leader = cluster.partition(2);
    match leader.end_offset_for_clients() {
        Ok(end) => assert_eq!(end, Offset(1)),
        Err(error) => assert!(matches!(error, ReadError::OffsetNotAvailable), "{error}"),
    }
    cluster.heal();
    cluster.tell_all().await;
    eventually("it knows", || leader.end_offset_for_clients().is_ok()).await;
    assert_eq!(leader.end_offset_for_clients().unwrap(), Offset(1));
    assert_eq!(leader.offset_for_timestamp(500).await.unwrap(), Some((Offset(0), NOW_MS)));
    assert_eq!(leader.max_timestamp().unwrap(), Some((Offset(0), NOW_MS)));
    assert_eq!(leader.epoch_end(LeaderEpoch(1), Some(LeaderEpoch(2))).unwrap(), (LeaderEpoch(1), Offset(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_does_not_wait_for_a_long_poll() {
    let options = ReplicationOptions { fetch_wait_ms: 15_000, ..quick() };
    let cluster = Cluster::start_with(2, 2, FlushMode::Os, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let clock = crate::clock::Clock::system();
    let began = clock.now();
    for leader in [2, 1, 2, 1] {
        cluster.elect(leader, &[leader, 3 - leader]);
        cluster.tell_all().await;
        cluster.append(leader, "x", Acks::All).await.unwrap();
    }
    assert!(clock.now() - began < Duration::from_secs(10));
}
