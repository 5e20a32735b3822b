//! The controller's transactions: batches, stale records among them, a lost seat, a store that is away.

use std::sync::Arc;

use coordinator_adapter::{Fence, Op, Revision, Store, Txn, try_acquire};

use super::bench::Bench;
use super::world::{World, calm, name, tp};
use crate::cluster::carry_out::CarryOut;
use crate::cluster::keyspace::Key;
use crate::cluster::reconcile::{OrderStep, PartitionWrite, reconcile};
use crate::cluster::values::{LiveState, TopicValue, VERSION, encode};
use crate::types::*;

/// A store that holds the topic `t`, the fence of its controller, and the writes that make its partitions.
async fn seated(bench: &Bench, partitions: usize) -> (Fence, Vec<PartitionWrite>) {
    let mut world = World::new(3);
    let assignment: Vec<&[i32]> = vec![&[1, 2, 3]; partitions];
    let id = world.topic("t", &assignment, &[]);
    let topic = world.image.topic(&name("t")).unwrap();
    let partitions = topic.assignment.clone();
    let value = TopicValue { v: VERSION, id, created_unix_ms: 0, partitions, config: topic.config.clone() };
    let key = bench.keyspace.path(&Key::Topic(name("t")));
    let put = Op::Put { key, value: encode(&value), lease: None };
    let made = bench.memory.txn(Txn { success: vec![put], ..Txn::default() }).await.unwrap();
    let lease = bench.memory.grant(std::time::Duration::from_secs(60)).await.unwrap().id;
    let seat = bench.keyspace.path(&Key::Controller);
    let fence = try_acquire(bench.memory.as_ref(), &seat, "me".into(), lease).await.unwrap().unwrap();
    let mut writes = reconcile(&world.image, None, &calm());
    for write in &mut writes {
        write.topic = crate::cluster::reconcile::TopicGuard::At(made.revision);
    }
    (fence, writes)
}

fn carrier(bench: &Bench) -> (Arc<coordinator_adapter::FaultyStore>, CarryOut) {
    let door = bench.door();
    let carrier = CarryOut::new(
        Arc::clone(&door) as Arc<dyn Store>,
        bench.keyspace.clone(),
        40,
        Incarnation { broker: BrokerId(1), epoch: BrokerEpoch(7) },
        bench.clock.clone(),
    );
    (door, carrier)
}

async fn records(bench: &Bench) -> usize {
    bench.memory.list(&bench.keyspace.partitions_of(&name("t"))).await.unwrap().entries.len()
}

#[tokio::test(start_paused = true)]
async fn many_partitions_go_in_few_transactions() {
    let bench = Bench::new();
    let (fence, writes) = seated(&bench, 250).await;
    let before = bench.memory.get("/").await.unwrap().0;
    let done = carrier(&bench).1.carry_out(&fence, &writes).await;
    assert!(!done.failed && !done.seat_lost && done.written.iter().all(|written| *written));
    assert_eq!((done.written.len(), records(&bench).await), (250, 250));
    assert_eq!(done.revision, Some(Revision(before.0 + 7)), "250 partitions, 40 at a time");
}

#[tokio::test(start_paused = true)]
async fn one_record_that_moved_on_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let (fence, writes) = seated(&bench, 60).await;
    let moved = writes.iter().position(|write| write.tp == tp("t", 7)).unwrap();
    let key = bench.keyspace.path(&Key::Partition(tp("t", 7)));
    let put = Op::Put { key: key.clone(), value: "other".into(), lease: None };
    bench.memory.txn(Txn { success: vec![put], ..Txn::default() }).await.unwrap();
    let done = carrier(&bench).1.carry_out(&fence, &writes).await;
    assert!(done.failed && !done.seat_lost);
    let wrong: Vec<_> = done.written.iter().enumerate().filter(|(_, written)| !**written).collect();
    assert_eq!(wrong, [(moved, &false)]);
    assert_eq!(bench.memory.get(&key).await.unwrap().1.unwrap().value, "other");
    assert_eq!(records(&bench).await, 60);
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_record_of_a_newer_version_is_not_written_over() {
    let bench = Bench::new();
    let (fence, mut writes) = seated(&bench, 1).await;
    let carrier = carrier(&bench).1;
    let made = carrier.carry_out(&fence, &writes).await.revision.unwrap();
    // The leader writes its in-sync set before the controller's next write comes.
    let key = bench.keyspace.path(&Key::Partition(tp("t", 0)));
    let put = Op::Put { key: key.clone(), value: "the leader's".into(), lease: None };
    let newer = bench.memory.txn(Txn { success: vec![put], ..Txn::default() }).await.unwrap().revision;
    writes[0].guard = Some(PartitionEpoch(made.0));
    let done = carrier.carry_out(&fence, &writes).await;
    assert!(done.failed && !done.seat_lost && done.written == [false]);
    assert_eq!(bench.memory.get(&key).await.unwrap().1.unwrap().value, "the leader's");
    writes[0].guard = Some(PartitionEpoch(newer.0));
    assert_eq!(carrier.carry_out(&fence, &writes).await.written, [true]);
}

#[tokio::test(start_paused = true)]
async fn without_the_seat_nothing_is_written() {
    let bench = Bench::new();
    let (fence, writes) = seated(&bench, 200).await;
    // It was given up and taken again by another: the key is there, its create revision is not ours.
    let put = Op::Put { key: fence.key.clone(), value: "other".into(), lease: None };
    let delete = Op::Delete { key: fence.key.clone() };
    bench.memory.txn(Txn { success: vec![delete], ..Txn::default() }).await.unwrap();
    bench.memory.txn(Txn { success: vec![put], ..Txn::default() }).await.unwrap();
    let done = carrier(&bench).1.carry_out(&fence, &writes).await;
    assert!(done.seat_lost && done.revision.is_none());
    assert_eq!(records(&bench).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_deleted_meanwhile_gets_no_records() {
    let bench = Bench::new();
    let (fence, writes) = seated(&bench, 3).await;
    let delete = Op::Delete { key: bench.keyspace.path(&Key::Topic(name("t"))) };
    bench.memory.txn(Txn { success: vec![delete], ..Txn::default() }).await.unwrap();
    let done = carrier(&bench).1.carry_out(&fence, &writes).await;
    assert!(done.failed && !done.seat_lost);
    assert_eq!(records(&bench).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_no_success_and_writing_again_does_no_harm() {
    let bench = Bench::new();
    let (fence, writes) = seated(&bench, 3).await;
    let (door, carrier) = carrier(&bench);
    door.lose_next_answer();
    let done = carrier.carry_out(&fence, &writes).await;
    assert!(done.failed && done.written.iter().all(|written| !written));
    let before = bench.memory.list(bench.keyspace.prefix()).await.unwrap().entries;
    let again = carrier.carry_out(&fence, &writes).await;
    assert!(again.failed && again.revision.is_none(), "the guards are used up");
    assert_eq!(bench.memory.list(bench.keyspace.prefix()).await.unwrap().entries, before);
    door.cut();
    assert!(carrier.carry_out(&fence, &writes).await.failed);
}

#[test]
fn the_largest_batch_stays_within_the_stores_limits() {
    let mut world = World::new(3);
    world.live(1, LiveState::Active);
    for topic in 0..42 {
        world.topic(&format!("topic-{topic}"), &[&[1, 2, 3]], &[]);
    }
    let mut writes = reconcile(&world.image, None, &calm());
    for write in &mut writes {
        write.order = Some(OrderStep { guard: Revision(1), new: None });
    }
    assert_eq!(writes.len(), 42);
    assert_eq!(
        writes.iter().map(|write| &write.tp).collect::<std::collections::BTreeSet<&TopicPartition>>().len(),
        42
    );
    // Each of its own topic, and each by an order: 1 + 3 * 42 compares of 128.
    let bench_store =
        Arc::new(coordinator_adapter::MemoryStore::new(coordinator_adapter::MemoryOptions::default()));
    let carrier = CarryOut::new(
        bench_store as Arc<dyn Store>,
        world.keyspace.clone(),
        usize::MAX,
        Incarnation { broker: BrokerId(1), epoch: BrokerEpoch(7) },
        crate::clock::Clock::system(),
    );
    let fence = Fence { key: "/seat".to_owned(), create_revision: Revision(1) };
    assert_eq!(carrier.txn(&fence, &writes).compares.len(), 127);
}
