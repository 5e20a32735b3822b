//! Replication as it should go.

use std::time::Duration;

use bytes::BytesMut;

use super::cluster::*;
use crate::record::BatchBuilder;
use crate::replication::testing::tp;
use crate::replication::*;
use crate::storage::LogOptions;
use crate::types::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_on_every_replica_byte_for_byte() {
    for flush in [FlushMode::Ack, FlushMode::Interval, FlushMode::Os] {
        let cluster = Cluster::start(3, 2, flush).await;
        for number in 0..20 {
            let appended = cluster.append(1, &format!("v{number}"), Acks::All).await.unwrap();
            assert_eq!(appended.base_offset, Offset(number));
            for id in [1, 2, 3] {
                let status = cluster.partition(id).status();
                let held = if flush == FlushMode::Ack { status.durable_end } else { status.log_end };
                assert!(held >= appended.end_offset, "{flush}: broker {id} holds {held} only");
            }
        }
        eventually("followers know what is committed", || [1, 2, 3].iter().all(|id| cluster.hw(*id) == 20))
            .await;
        assert_eq!(cluster.log(1), cluster.log(2));
        assert_eq!(cluster.log(1), cluster.log(3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_appends_at_once_share_their_fsyncs() {
    let cluster = Cluster::start(1, 1, FlushMode::Ack).await;
    let appends = (0..200).map(|number| {
        let partition = cluster.partition(1);
        tokio::spawn(async move { partition.append(append(&format!("{number}"), Acks::All, PATIENCE)).await })
    });
    let mut offsets: Vec<_> = futures_util::future::join_all(appends)
        .await
        .into_iter()
        .map(|done| done.unwrap().unwrap().base_offset.0)
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..200).collect::<Vec<_>>());
    assert_eq!(cluster.partition(1).status().durable_end, Offset(200));
    assert!(cluster.brokers[&1].metrics.flushes.get() <= 200, "never more fsyncs than appends");
    assert_eq!(cluster.partition(1).waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_see_what_is_committed_and_are_woken_by_it() {
    let cluster = Cluster::start(2, 2, FlushMode::Ack).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let leader = cluster.partition(1);
    let view = leader.read(Offset(0), 1 << 20, Some(LeaderEpoch(1))).unwrap();
    assert_eq!(values(&view.slice.read().unwrap()), [(1, "a".to_owned())]);

    cluster.cut(1, 2);
    let bell = WakeHandle::new();
    assert!(leader.subscribe(&bell, WakeAt::HighWatermark(Offset(1))));
    let partition = cluster.partition(1);
    let append = tokio::spawn(async move { partition.append(append("b", Acks::All, PATIENCE)).await });
    eventually("b is in the log", || leader.status().log_end == Offset(2)).await;
    assert!(!bell.is_woken(), "b is not committed");
    assert!(leader.read(Offset(1), 1 << 20, None).unwrap().slice.is_empty());
    assert!(matches!(leader.read(Offset(3), 1 << 20, None), Err(ReadError::BeyondEnd { .. })));
    cluster.heal();
    tokio::time::timeout(PATIENCE, bell.woken()).await.unwrap();
    assert!(!leader.read(Offset(1), 1 << 20, None).unwrap().slice.is_empty());
    append.await.unwrap().unwrap();

    assert!(matches!(leader.read(Offset(0), 1, Some(LeaderEpoch(0))), Err(ReadError::FencedEpoch { .. })));
    assert!(matches!(leader.read(Offset(0), 1, Some(LeaderEpoch(2))), Err(ReadError::UnknownEpoch { .. })));
    let follower = cluster.partition(2);
    assert!(matches!(follower.read(Offset(0), 1, None), Err(ReadError::NotLeader { leader: Some(_), .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_time_too_only_what_is_committed_is_found() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, ..quick() };
    let cluster = Cluster::start_with(2, 2, FlushMode::Ack, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 2);
    let mut builder = BatchBuilder::new();
    builder.push(NOW_MS + 1, None, Some(b"b"), &[]);
    let later = BytesMut::from(&builder.finish(None)[..]);
    let leader = cluster.partition(1);
    leader.append(Append { batch: later, ..append("", Acks::Leader, PATIENCE) }).await.unwrap();
    assert_eq!(leader.offset_for_timestamp(NOW_MS + 1).await.unwrap(), None);
    assert_eq!(leader.max_timestamp().unwrap(), None, "the greatest is not committed");
    cluster.heal();
    eventually("it is committed", || cluster.hw(1) == 2).await;
    let found = Some((Offset(1), NOW_MS + 1));
    assert_eq!(leader.offset_for_timestamp(NOW_MS + 1).await.unwrap(), found);
    assert_eq!(leader.max_timestamp().unwrap(), found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_that_is_dropped_leaves_nothing_behind() {
    let cluster = Cluster::start(1, 1, FlushMode::Os).await;
    let leader = cluster.partition(1);
    let bell = WakeHandle::new();
    assert!(leader.subscribe(&bell, WakeAt::HighWatermark(Offset(0))));
    assert!(leader.subscribe(&bell, WakeAt::LogEnd(Offset(5))));
    assert_eq!(leader.waiting(), 2);
    drop(bell);
    assert_eq!(leader.waiting(), 0);

    let bell = WakeHandle::new();
    assert!(leader.subscribe(&bell, WakeAt::LogEnd(Offset(0))));
    cluster.append(1, "a", Acks::None).await.unwrap();
    tokio::time::timeout(PATIENCE, bell.woken()).await.unwrap();
    assert_eq!(leader.waiting(), 0);
    let late = WakeHandle::new();
    assert!(leader.subscribe(&late, WakeAt::HighWatermark(Offset(0))));
    assert!(late.is_woken(), "it is there already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_is_bounded_over_the_whole_broker() {
    let options = ReplicationOptions { waiters_max: 2, ..quick() };
    let cluster = Cluster::start_with(1, 1, FlushMode::Ack, options).await;
    let leader = cluster.partition(1);
    let bells = [WakeHandle::new(), WakeHandle::new(), WakeHandle::new()];
    let hung: Vec<_> =
        bells.iter().map(|bell| leader.subscribe(bell, WakeAt::HighWatermark(Offset(9)))).collect();
    assert_eq!(hung, [true, true, false]);
    let refused = cluster.append(1, "a", Acks::All).await.unwrap_err();
    assert_eq!(refused, AppendError::Overloaded { waiters_max: 2 });
    assert_eq!(leader.status().log_end, Offset(0), "what is refused is not written");
    drop(bells);
    cluster.append(1, "a", Acks::All).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_and_comes_back_remembers() {
    let mut cluster = Cluster::start(1, 1, FlushMode::Os).await;
    for value in ["a", "b", "c"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    cluster.stop(1).await;
    cluster.boot(1).await;
    let idle = cluster.partition(1).status();
    assert_eq!((idle.role, idle.log_end, idle.high_watermark), (RoleKind::Idle, Offset(3), Offset(3)));
    // The record still names its former life: it does not lead by it.
    cluster.tell(1).await;
    assert_eq!(cluster.partition(1).status().role, RoleKind::Idle);
    assert!(matches!(cluster.append(1, "d", Acks::All).await, Err(AppendError::NotLeader { .. })));
    cluster.elect(1, &[1]);
    cluster.tell(1).await;
    assert_eq!(cluster.append(1, "d", Acks::All).await.unwrap().base_offset, Offset(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_committed_is_not_committed_by_a_restart() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, ..quick() };
    let mut cluster = Cluster::start_with(2, 2, FlushMode::Ack, options).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    cluster.cut(1, 2);
    cluster.append(1, "b", Acks::Leader).await.unwrap();
    cluster.stop(1).await;
    cluster.boot(1).await;
    let back = cluster.partition(1).status();
    assert_eq!((back.log_end, back.high_watermark), (Offset(2), Offset(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_takes_nothing_that_is_not_committed() {
    let options = ReplicationOptions { replica_lag_ms_max: 60_000, retention_interval_ms: 5, ..quick() };
    let cluster = Cluster::start_with(2, 2, FlushMode::Ack, options).await;
    let small = LogOptions { segment_bytes_max: 1, ..LogOptions::default() };
    let record = cluster.partition(1).record();
    let replicas = &cluster.brokers[&1].replicas;
    replicas.apply(&tp(), &record, small.clone()).await.unwrap();
    for value in ["a", "b"] {
        cluster.append(1, value, Acks::All).await.unwrap();
    }
    cluster.cut(1, 2);
    for value in ["c", "d", "e"] {
        cluster.append(1, value, Acks::Leader).await.unwrap();
    }
    replicas.apply(&tp(), &record, LogOptions { retention_bytes: Some(1), ..small }).await.unwrap();
    let start = || cluster.partition(1).status().log_start;
    eventually("what is committed is deleted", || start() >= Offset(2)).await;
    assert_eq!((start(), cluster.hw(1)), (Offset(2), 2), "nothing beyond it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_dropped_is_gone_with_its_files() {
    let cluster = Cluster::start(1, 1, FlushMode::Os).await;
    cluster.append(1, "a", Acks::All).await.unwrap();
    let partition = cluster.partition(1);
    let bell = WakeHandle::new();
    assert!(partition.subscribe(&bell, WakeAt::HighWatermark(Offset(1))));
    cluster.brokers[&1].replicas.drop_replica(&tp(), partition.topic_id()).await.unwrap();
    assert!(bell.is_woken());
    assert!(cluster.brokers[&1].replicas.get(&tp()).is_none());
    assert!(matches!(
        partition.append(append("b", Acks::All, Duration::from_secs(1))).await,
        Err(AppendError::NotLeader { .. })
    ));
    // Another topic of the same name begins at zero.
    let mut state = cluster.store.record(&tp()).unwrap().state;
    state.topic_id = TopicId(uuid::Uuid::from_u128(8));
    cluster.store.put(&tp(), state);
    cluster.tell(1).await;
    assert_eq!(cluster.append(1, "x", Acks::All).await.unwrap().base_offset, Offset(0));
}
