//! Failover faster than the lease, by peers that are refused.

use std::time::Duration;

use coordinator_adapter::{LeaseId, Store};
use tokio::time::Instant;

use super::bench::{Bench, Broker};
use super::world::{World, b};
use crate::cluster::keyspace::Key;
use crate::cluster::values::{Suspicion, encode};
use crate::cluster::verdict::verdicts;
use crate::cluster::*;
use crate::types::*;

/// Kills one of three brokers, which `reporter` notices; how long until the rest have taken over everything.
async fn fail_over(kill_the_controller: bool) -> (Duration, Vec<Broker>, Bench) {
    let bench = Bench::new();
    let mut brokers = bench.brokers(3).await;
    brokers[0].topic("orders", 30, &[]).await;
    let seat = brokers.iter().position(|broker| *broker.controller.active().borrow()).unwrap();
    let dead = brokers.remove(if kill_the_controller { seat } else { (seat + 1) % 3 });
    let id = dead.id();
    bench.ports.0.lock().insert(id);
    dead.kill();
    let began = Instant::now();
    brokers[0].reports.send(id).await.unwrap();
    for broker in &brokers {
        broker
            .sees("all led by others", |image| {
                image
                    .partitions()
                    .all(|(tp, _, _)| image.leader_of(&tp).is_some_and(|leader| leader.broker != id))
            })
            .await;
    }
    (began.elapsed(), brokers, bench)
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_one_peer_notices_is_failed_over_long_before_the_lease_ends() {
    let (took, brokers, bench) = fail_over(false).await;
    assert!(took < Duration::from_millis(300), "{took:?}");
    assert!(
        brokers.iter().all(|broker| broker.metrics.suspects_reported.get() == 1),
        "each tried for itself"
    );
    brokers[0].sees("reports are cleaned up", |image| image.suspects.is_empty()).await;
    let prefix = format!("{}suspects/", bench.keyspace.prefix());
    assert_eq!(bench.memory.list(&prefix).await.unwrap().entries, []);
}

#[tokio::test(start_paused = true)]
async fn a_crashed_controller_is_judged_by_whoever_is_left() {
    let (took, ..) = fail_over(true).await;
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_is_not_reported_however_often_it_is_suspected() {
    let bench = Bench::new();
    let brokers = bench.brokers(3).await;
    for _ in 0..20 {
        brokers[0].reports.send(b(2)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(brokers[0].metrics.suspects_reported.get(), 0);
    assert!(brokers[0].image().live.contains_key(&b(2)));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_withdrawn_when_the_port_answers_again() {
    let bench = Bench::new();
    let brokers = bench.brokers(4).await;
    // Only broker 1 reports; the others cannot see the report.
    for broker in &brokers[1..] {
        broker.door.hold_watches(true);
    }
    bench.ports.0.lock().insert(b(4));
    brokers[0].reports.send(b(4)).await.unwrap();
    brokers[0].sees("a report", |image| image.suspects.contains_key(&(b(4), b(1)))).await;
    let key = bench.keyspace.path(&Key::Suspect { suspect: b(4), reporter: b(1) });
    let (_, stored) = bench.memory.get(&key).await.unwrap();
    assert_eq!(stored.unwrap().lease, brokers[0].membership.lease(), "it goes with its reporter");
    bench.ports.0.lock().remove(&b(4));
    brokers[0].sees("no report", |image| image.suspects.is_empty()).await;
    assert!(brokers[0].image().live.contains_key(&b(4)));
}

#[tokio::test(start_paused = true)]
async fn of_two_brokers_the_only_other_one_is_enough() {
    let bench = Bench::new();
    let mut brokers = bench.brokers(2).await;
    brokers[0].topic("orders", 4, &[("min.insync.replicas", "1")]).await;
    let dead = brokers.remove(1);
    bench.ports.0.lock().insert(b(2));
    dead.kill();
    let began = Instant::now();
    brokers[0].reports.send(b(2)).await.unwrap();
    let led =
        |image: &Image| image.partitions().all(|(_, _, record)| record.state.leader.unwrap().broker == b(1));
    brokers[0].sees("all led by 1", |image| led(image)).await;
    assert!(began.elapsed() < Duration::from_millis(500));
}

fn report(world: &mut World, suspect: i32, reporter: i32, lease: i64) {
    let value = Suspicion {
        v: 1,
        epoch: world.life(suspect).epoch,
        lease: LeaseId(lease),
        reason: "refused".to_owned(),
    };
    world.put(&Key::Suspect { suspect: b(suspect), reporter: b(reporter) }, &encode(&value));
}

#[test]
fn a_verdict_needs_two_live_reporters_of_the_same_life_and_lease() {
    let mut world = World::new(4);
    let lease = LeaseId(3);
    report(&mut world, 3, 1, 3);
    assert_eq!(verdicts(&world.image, b(1)), [], "one of three others");
    report(&mut world, 3, 3, 3);
    assert_eq!(verdicts(&world.image, b(1)), [], "its own word does not count");
    report(&mut world, 3, 2, 7);
    assert_eq!(verdicts(&world.image, b(1)), [], "another lease is meant");
    report(&mut world, 3, 2, 3);
    assert_eq!(verdicts(&world.image, b(1)), [(b(3), lease)]);
    assert_eq!(verdicts(&world.image, b(3)), [], "nobody judges itself");
    world.die(2);
    assert_eq!(verdicts(&world.image, b(1)), [], "a dead reporter does not count");
    world.die(4);
    assert_eq!(verdicts(&world.image, b(1)), [(b(3), lease)], "the only other one is left");
    world.live(3, LiveState::Starting);
    assert_eq!(verdicts(&world.image, b(1)), [], "its doors are not open yet");
}

#[test]
fn the_controller_judges_and_others_only_if_it_is_the_suspect() {
    let mut world = World::new(3);
    let seat = |world: &mut World, id: i32| {
        let epoch = world.life(id).epoch;
        let seat = crate::cluster::values::ControllerSeat { v: 1, broker: b(id), epoch, since_unix_ms: 0 };
        world.put(&Key::Controller, &encode(&seat));
    };
    seat(&mut world, 1);
    report(&mut world, 3, 1, 3);
    report(&mut world, 3, 2, 3);
    let judges = |world: &World| [1, 2, 3].map(|id| !verdicts(&world.image, BrokerId(id)).is_empty());
    assert_eq!(judges(&world), [true, false, false]);
    seat(&mut world, 3);
    assert_eq!(judges(&world), [true, true, false]);
}
