//! The in-sync set, over a store that answers badly.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::*;
use crate::replication::*;
use crate::types::*;

/// Brokers 1 and 2 in sync, broker 3 out and cut off.
async fn without_broker_3() -> Cluster {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 3);
    cluster.append(1, "b", Acks::None).await.unwrap();
    eventually("broker 3 is out", || cluster.store.isr() == [1, 2]).await;
    eventually("and the leader knows", || cluster.partition(1).record().state.isr.len() == 2).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expansion_survives_every_kind_of_unknown_outcome() {
    use Fate::{AnswerLost, Handled, NotSent, RequestLost};
    let stories: [&[Fate]; 5] = [
        &[AnswerLost],
        &[RequestLost, RequestLost, Handled],
        &[NotSent],
        &[RequestLost, NotSent, AnswerLost],
        &[RequestLost, AnswerLost, NotSent],
    ];
    for fates in stories {
        let cluster = without_broker_3().await;
        cluster.store.fates(fates);
        cluster.heal();
        eventually("broker 3 is back", || cluster.store.isr() == [1, 2, 3]).await;
        eventually("and the leader knows", || cluster.partition(1).record().state.isr.len() == 3).await;
        cluster.append(1, "c", Acks::All).await.unwrap();
        cluster.all_hold(&[1, 2, 3], &["a", "b", "c"]).await;
        let proposals = cluster.store.proposals.lock();
        let guards: BTreeSet<_> = proposals.iter().skip(1).map(|proposal| proposal.guard).collect();
        assert_eq!(guards.len(), 1, "the tries of one proposal have one guard: {proposals:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_expansion_is_open_its_member_counts() {
    let cluster = without_broker_3().await;
    cluster.store.set_away(true);
    cluster.heal();
    eventually("it is proposed", || {
        cluster.store.proposals.lock().iter().any(|proposal| proposal.joiner.is_some())
    })
    .await;
    cluster.append(1, "c", Acks::All).await.unwrap();
    assert!(cluster.partition(3).status().durable_end >= Offset(3), "broker 3 had to hold it");
    // A write without an answer may yet land: the member counts on.
    let unknown = || cluster.brokers[&1].metrics.isr_unknown_outcomes.get();
    eventually("the write is given up", || unknown() > 0).await;
    cluster.cut(1, 3);
    let late =
        cluster.partition(1).append(append("d", Acks::All, Duration::from_millis(300))).await.unwrap_err();
    assert_eq!(late.written(), Written::Maybe);
    cluster.heal();
    cluster.store.set_away(false);
    eventually("it is committed", || cluster.hw(1) == 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_store_away_a_whole_isr_goes_on() {
    let cluster = Cluster::start(3, 2, FlushMode::Ack).await;
    cluster.store.set_away(true);
    for value in ["a", "b", "c"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    cluster.all_hold(&[1, 2, 3], &["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shrink_that_comes_by_the_watch_advances_at_once() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, ..quick() };
    let cluster = Cluster::start_with(3, 2, FlushMode::Ack, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 3);
    let waiting = tokio::spawn({
        let leader = cluster.partition(1);
        async move { leader.append(append("b", Acks::All, PATIENCE)).await }
    });
    eventually("broker 2 holds it", || cluster.partition(2).status().durable_end == Offset(2)).await;
    assert!(!waiting.is_finished());
    let record = cluster.store.record(&crate::replication::testing::tp()).unwrap();
    let gone = [cluster.brokers[&3].me];
    cluster.store.put(&crate::replication::testing::tp(), without(&record.state, &gone));
    cluster.tell(1).await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_known_to_be_dead_is_taken_out_long_before_it_lags() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, ..quick() };
    let cluster = Cluster::start_with(3, 2, FlushMode::Ack, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 3);
    let live = [1, 2].map(|id| cluster.brokers[&id].me).into();
    cluster.brokers[&1].replicas.set_live(live);
    cluster.append(1, "b", Acks::All).await.unwrap();
    assert_eq!(cluster.store.isr(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_another_reign_in_the_else_branch_ends_this_one() {
    let cluster = without_broker_3().await;
    cluster.elect(2, &[2, 1]);
    cluster.tell(2).await;
    // Broker 1 has not heard of it; its next proposal does.
    cluster.cut(1, 2);
    cluster.append(1, "tail", Acks::Leader).await.unwrap();
    eventually("broker 1 follows", || cluster.partition(1).status().role == RoleKind::Follower).await;
    assert_eq!(cluster.partition(1).status().leader_epoch, LeaderEpoch(2));
    cluster.heal();
    cluster.tell_all().await;
    eventually("broker 2 is not alone", || cluster.partition(2).record().state.isr.len() >= 2).await;
    cluster.append(2, "c", Acks::All).await.unwrap();
    cluster.all_hold(&[1, 2, 3], &["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_not_kept_alive_by_waiting_for_a_look_at_its_in_sync_set() {
    let cluster = Cluster::start(1, 1, FlushMode::Ack).await;
    let partition = cluster.partition(1);
    cluster.brokers[&1].replicas.shutdown().await.unwrap();
    let holders = || std::sync::Arc::strong_count(&partition);
    let before = holders();
    // As the end of a proposal does that comes late: nobody will take it out again.
    partition.shared.isr_queue.push(&partition);
    assert_eq!(holders(), before);
}
