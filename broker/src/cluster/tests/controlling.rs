//! The controller over a store: it creates, elects, fails over, hands over, and is fenced.

use std::time::Duration;

use coordinator_adapter::{Op, Store, Txn};
use tokio::time::Instant;

use super::bench::{Bench, Broker, newcomer, spec, within};
use super::world::{b, name, tp};
use crate::cluster::keyspace::Key;
use crate::cluster::values::decode;
use crate::cluster::*;
use crate::types::*;

async fn stored(bench: &Bench, tp: &TopicPartition) -> Option<PartitionRecord> {
    let (_, stored) = bench.memory.get(&bench.keyspace.path(&Key::Partition(tp.clone()))).await.unwrap();
    stored.map(|stored| PartitionRecord {
        state: decode(&stored.value).unwrap(),
        partition_epoch: PartitionEpoch(stored.mod_revision.0),
    })
}

/// Which of `brokers` is the controller, in the eyes of all of them.
async fn controller(brokers: &[Broker]) -> usize {
    let image = brokers[0].sees("a controller", |image| image.controller.is_some()).await;
    let seat = image.controller.unwrap().broker;
    for broker in brokers {
        broker
            .sees("the controller", |image| image.controller.is_some_and(|found| found.broker == seat))
            .await;
    }
    brokers.iter().position(|broker| broker.id() == seat).unwrap()
}

fn no_leader_on(image: &Image, broker: BrokerId) -> bool {
    image.partitions().all(|(_, _, record)| record.state.leader.is_some_and(|leader| leader.broker != broker))
}

#[tokio::test(start_paused = true)]
async fn a_topic_gets_its_partitions_spread_over_the_brokers() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[1].topic("orders", 100, &[]).await;
    let image = brokers[2].sees_led("orders", 100).await;
    for broker in &brokers {
        let led =
            image.partitions().filter(|(_, _, record)| record.state.leader.unwrap().broker == broker.id());
        assert!((33..=34).contains(&led.count()));
    }
    assert!(
        image.partitions().all(|(_, _, record)| record.state.isr.len() == 3 && record.state.min_isr == 2)
    );
    let active = brokers.iter().filter(|broker| *broker.controller.active().borrow()).count();
    assert_eq!(active, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_death_is_failed_over_when_the_lease_ends_even_if_it_was_the_controller() {
    let bench = Bench::new();
    let mut brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 50, &[]).await;
    let seat = controller(&brokers).await;
    let dead = brokers.remove(seat);
    let id = dead.id();
    let began = Instant::now();
    dead.kill();
    let image = brokers[0].sees("all led by others", |image| no_leader_on(image, id)).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(image.partitions().all(|(_, _, record)| record.state.isr.len() == 2), "shrunk in the same write");
    assert_ne!(controller(&brokers).await, seat + 10);
    let metrics = &brokers[controller(&brokers).await].metrics;
    assert!(metrics.elections.get() >= 16 && metrics.controller_writes.get() >= 50);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_stops_gives_the_seat_up_at_once() {
    let bench = Bench::new();
    let mut brokers = bench.brokers(3).await;
    let seat = controller(&brokers).await;
    let leaving = brokers.remove(seat);
    let began = Instant::now();
    let before = brokers[0].image().controller.unwrap().fence;
    leaving.controller.stop().await;
    brokers[0].sees("another", |image| image.controller.is_some_and(|seat| seat.fence > before)).await;
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_draining_broker_gives_its_leaderships_away_and_gets_them_back_later() {
    let mut bench = Bench::new();
    bench.controller_options.rebalance_after_ms = 30_000;
    let mut brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 30, &[]).await;
    let leaving = brokers.remove(1);
    leaving.membership.set_state(LiveState::Draining).await.unwrap();
    leaving.sees("nothing led", |image| no_leader_on(image, b(2))).await;
    let image = leaving.image();
    assert!(
        image.partitions().all(|(_, _, record)| record.state.isr_member(b(2)).is_none()),
        "and out of the ISRs"
    );
    leaving.controller.stop().await;
    let last = leaving.membership.incarnation().epoch;
    leaving.membership.leave().await;
    drop(leaving.door);

    let recovered = Recovered { from: Some(last), how: Recovery::Clean, earlier: Vec::new() };
    let back = bench.start_as(newcomer(2, recovered)).await;
    let life = back.membership.incarnation();
    let image = brokers[0].sees("2 is back", |image| image.is_live(life)).await;
    // Each leader takes it in again.
    for (tp, _, record) in image.partitions() {
        let mut state = record.state.clone();
        state.isr.push(life);
        let change = IsrChange { tp, guard: record.partition_epoch, state, joiner: Some(life) };
        let done = brokers[0].commands.propose_isr(change).await;
        assert!(matches!(done, IsrChangeOutcome::Committed(_)), "{done:?}");
    }
    let led_by_2 =
        |image: &Image| image.partitions().filter(|(_, _, record)| record.state.is_led_by(life)).count();
    tokio::time::sleep(Duration::from_secs(10)).await;
    bench.clock.advance(Duration::from_secs(29));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(led_by_2(&brokers[0].image()), 0, "not yet");
    bench.clock.advance(Duration::from_secs(1));
    brokers[0].sees("preferred leaders lead again", |image| led_by_2(image) == 10).await;
}

#[tokio::test(start_paused = true)]
async fn records_of_a_deleted_topic_go_and_a_new_one_begins_anew() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 3, &[]).await;
    let first = stored(&bench, &tp("orders", 0)).await.unwrap();
    brokers[0].commands.delete_topic(&name("orders")).await.unwrap();
    brokers[0].sees("no records", |image| image.orphans().is_empty() && image.topics.is_empty()).await;
    assert_eq!(stored(&bench, &tp("orders", 0)).await, None);
    brokers[2].topic("orders", 1, &[]).await;
    let second = stored(&bench, &tp("orders", 0)).await.unwrap();
    assert_ne!(first.state.topic_id, second.state.topic_id);
    assert_eq!(second.state.leader_epoch, LeaderEpoch(0));
}

#[tokio::test(start_paused = true)]
async fn settings_reach_the_records() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 3, &[]).await;
    let config = [("min.insync.replicas".to_owned(), Some("3".to_owned()))].into();
    let patch = TopicPatch { config, partitions: Some(5) };
    brokers[0].commands.alter_topic(&name("orders"), patch).await.unwrap();
    brokers[0]
        .sees("five records of min_isr 3", |image| {
            image.partitions().filter(|(_, _, record)| record.state.min_isr == 3).count() == 5
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn unknown_outcomes_are_settled_by_the_same_guard() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 3, &[]).await;
    let seat = controller(&brokers).await;
    let other = (seat + 1) % 3;
    let make = |topic: &'static str| brokers[other].commands.create_topic(spec(topic, Some(2), None, &[]));

    brokers[seat].door.lose_next_answer();
    make("lost-answer").await.unwrap();
    brokers[other].sees_led("lost-answer", 2).await;

    brokers[seat].door.lose_next_request();
    make("lost-request").await.unwrap();
    brokers[other].sees_led("lost-request", 2).await;

    brokers[seat].door.delay_next_txn();
    make("late").await.unwrap();
    brokers[other].sees_led("late", 2).await;
    let before = stored(&bench, &tp("late", 0)).await;
    brokers[seat].door.release_delayed().await;
    assert_eq!(stored(&bench, &tp("late", 0)).await, before, "what lands late changes nothing");
}

#[tokio::test(start_paused = true)]
async fn one_who_has_lost_the_seat_writes_nothing() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 3, &[]).await;
    let seat = controller(&brokers).await;
    // It sees nothing of what happens from now on, and believes that it is the controller.
    brokers[seat].door.hold_watches(true);
    let key = bench.keyspace.path(&Key::Controller);
    bench.memory.txn(Txn { success: vec![Op::Delete { key }], ..Txn::default() }).await.unwrap();
    let other = &brokers[(seat + 1) % 3];
    let me = brokers[seat].id();
    other.sees("another controller", |image| image.controller.is_some_and(|seat| seat.broker != me)).await;
    other.commands.delete_topic(&name("orders")).await.unwrap();
    other.sees("no records", |image| image.orphans().is_empty() && image.topics.is_empty()).await;
    brokers[seat].door.hold_watches(false);
    within("it steps down", brokers[seat].controller.active().wait_for(|active| !active)).await.unwrap();
    assert_eq!(stored(&bench, &tp("orders", 0)).await, None);
}

#[tokio::test(start_paused = true)]
async fn one_who_has_lost_the_seat_steps_down_though_there_is_nothing_to_write() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    let seat = controller(&brokers).await;
    brokers[seat].door.hold_watches(true);
    let key = bench.keyspace.path(&Key::Controller);
    bench.memory.txn(Txn { success: vec![Op::Delete { key }], ..Txn::default() }).await.unwrap();
    let me = brokers[seat].id();
    let other = &brokers[(seat + 1) % 3];
    other.sees("another controller", |image| image.controller.is_some_and(|seat| seat.broker != me)).await;
    brokers[seat].door.hold_watches(false);
    within("it steps down", brokers[seat].controller.active().wait_for(|active| !active)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_changes_no_leader() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 9, &[]).await;
    let before: Vec<_> = brokers[0].image().partitions().map(|(_, _, record)| record.clone()).collect();
    for broker in &brokers {
        broker.door.cut();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for broker in &brokers {
        broker.door.heal();
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    let after: Vec<_> = brokers[0].image().partitions().map(|(_, _, record)| record.clone()).collect();
    assert_eq!(before, after);
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_store_that_ends_all_leases_changes_no_leader() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 9, &[]).await;
    let records = |image: &Image| image.partitions().map(|(_, _, record)| record.clone()).collect::<Vec<_>>();
    let before = records(&brokers[0].image());
    // As etcd does after it was frozen for longer than the leases: all at once, while nobody can look.
    for broker in &brokers {
        broker.door.cut();
    }
    for broker in &brokers {
        bench.memory.revoke(broker.membership.lease().unwrap()).await.unwrap();
    }
    for broker in &brokers {
        broker.door.heal();
    }
    for broker in &brokers {
        let lives = |image: &Image, broker: &Broker| image.is_live(broker.membership.incarnation());
        brokers[0].sees("gone", |image| image.live.is_empty() || lives(image, broker)).await;
        brokers[0].sees("back", |image| lives(image, broker)).await;
    }
    bench.clock.advance(Duration::from_secs(20));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(records(&brokers[0].image()), before);
    controller(&brokers).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_after_the_brake_those_who_are_left_are_elected() {
    let bench = Bench::new();
    let mut brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 6, &[]).await;
    let left = brokers.remove(0);
    brokers.into_iter().for_each(Broker::kill);
    left.sees("both leases are over", |image| image.live_brokers().count() == 1).await;
    left.sees("a controller", |image| image.controller.is_some_and(|seat| seat.broker == left.id())).await;
    // The clock of decisions stands still: the brake holds, for however long.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(left.image().partitions().any(|(tp, _, _)| left.image().leader_of(&tp).is_none()));
    bench.clock.advance(Duration::from_secs(7));
    let image = left.sees_led("orders", 6).await;
    assert!(image.partitions().all(|(_, _, record)| record.state.isr == [left.membership.incarnation()]));
}
