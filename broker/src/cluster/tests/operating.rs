//! What operators ask for, over a store with real controllers: moves, drains, removals, elections.

use super::bench::{Bench, Broker, spec};
use super::world::{b, name, tp};
use crate::cluster::*;
use crate::types::*;

fn wish(partitions: &[(i32, &[i32])]) -> MoveWish {
    let list = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    MoveWish {
        partitions: partitions.iter().map(|(index, ids)| (tp("t", *index), list(ids))).collect(),
        throttle_bytes_per_second: None,
        force: false,
        requested_by: "a test".to_owned(),
    }
}

async fn cluster(brokers: i32, assignment: &[&[i32]]) -> (Bench, Vec<Broker>) {
    let bench = Bench::new();
    let brokers = bench.brokers(brokers).await;
    let lists: Vec<Vec<BrokerId>> =
        assignment.iter().map(|ids| ids.iter().copied().map(BrokerId).collect()).collect();
    let made = TopicSpec { assignment: Some(lists), ..spec("t", None, None, &[]) };
    brokers[0].commands.create_topic(made).await.unwrap();
    let partitions = i32::try_from(assignment.len()).unwrap();
    for broker in &brokers {
        broker.sees_led("t", partitions).await;
    }
    (bench, brokers)
}

/// A follower has caught up: its leader takes it in.
async fn joins(broker: &Broker, index: i32, id: i32) {
    let image = broker.image();
    let record = image.partition(&tp("t", index)).unwrap();
    let joiner = image.living(b(id)).unwrap();
    let mut state = record.state.clone();
    state.isr.push(joiner);
    let change = IsrChange { tp: tp("t", index), guard: record.partition_epoch, state, joiner: Some(joiner) };
    let outcome = broker.commands.propose_isr(change).await;
    assert!(matches!(outcome, IsrChangeOutcome::Committed(_)), "{outcome:?}");
}

fn replicas(image: &Image, index: i32) -> Vec<i32> {
    image.partition(&tp("t", index)).unwrap().state.replicas.iter().map(|broker| broker.0).collect()
}

#[tokio::test(start_paused = true)]
async fn a_move_is_carried_on_by_the_next_controller() {
    let (_bench, mut brokers) = cluster(4, &[&[1, 2, 3]]).await;
    brokers[0].commands.order_moves(&wish(&[(0, &[2, 3, 4])])).await.unwrap();
    let grown = |image: &std::sync::Arc<Image>| replicas(image, 0) == [1, 2, 3, 4];
    let image = brokers[1].sees("the new copy", grown).await;
    assert!(image.reassignments[&tp("t", 0)].started_unix_ms.is_some());
    let seat = image.controller.unwrap().broker;
    let place = brokers.iter().position(|broker| broker.id() == seat).unwrap();
    let gone = if seat == b(4) { brokers.len() } else { place };
    if gone < brokers.len() {
        brokers.remove(gone).kill();
        let other =
            |image: &std::sync::Arc<Image>| image.controller.is_some_and(|found| found.broker != seat);
        brokers[1].sees("another controller", other).await;
        let led = |image: &std::sync::Arc<Image>| image.leader_of(&tp("t", 0)).is_some();
        brokers[1].sees("a leader", led).await;
    }
    joins(&brokers[1], 0, 4).await;
    if seat == b(2) || seat == b(3) {
        // A broker of the target is gone: the move waits, is seen, and can be taken back.
        brokers[0].commands.cancel_moves(Some(&tp("t", 0))).await.unwrap();
        brokers[1].sees("the old list", |image| replicas(image, 0) == [1, 2, 3]).await;
        return;
    }
    let done =
        |image: &std::sync::Arc<Image>| replicas(image, 0) == [2, 3, 4] && image.reassignments.is_empty();
    brokers[1].sees("the target", done).await;
    let follows = |image: &std::sync::Arc<Image>| image.topics[&name("t")].assignment == [[b(2), b(3), b(4)]];
    brokers[1].sees("the topic to say so", follows).await;
}

#[tokio::test(start_paused = true)]
async fn wishes_that_cannot_be_are_refused_as_a_whole() {
    let (_bench, brokers) = cluster(4, &[&[1, 2], &[2, 1]]).await;
    let commands = &brokers[0].commands;
    for (index, ids, says) in [
        (0, &[1, 9][..], "broker 9, which is not known"),
        (0, &[1, 1], "names a broker twice"),
        (0, &[], "at least one replica"),
        (7, &[1, 2], "no partition 7: it has 2"),
    ] {
        let error = commands.order_moves(&wish(&[(1, &[3, 4]), (index, ids)])).await.unwrap_err();
        assert!(error.to_string().contains(says) && error.certainly_not_applied(), "{error}");
    }
    let twice = commands.order_moves(&wish(&[(0, &[1]), (0, &[2])])).await.unwrap_err();
    assert!(twice.to_string().contains("named twice"), "{twice}");
    let mut stranger = wish(&[(0, &[1])]);
    stranger.partitions[0].0 = tp("other", 0);
    assert_eq!(commands.order_moves(&stranger).await, Err(ClusterError::UnknownTopic(name("other"))));
    assert!(brokers[0].image().reassignments.is_empty(), "nothing was ordered");
    assert_eq!(commands.order_moves(&wish(&[(0, &[1, 2])])).await.unwrap(), [], "it stands so");

    commands.order_moves(&wish(&[(0, &[1, 3])])).await.unwrap();
    brokers[0].sees("the order", |image| !image.reassignments.is_empty()).await;
    let again = commands.order_moves(&wish(&[(1, &[3, 4]), (0, &[1, 4])])).await.unwrap_err();
    assert!(matches!(again, ClusterError::MoveInProgress { .. }) && again.to_string().contains("DELETE"));
    let none = commands.cancel_moves(Some(&tp("t", 1))).await.unwrap_err();
    assert_eq!(none, ClusterError::NoMove { tp: tp("t", 1) });
    assert_eq!(commands.cancel_moves(None).await.unwrap(), [tp("t", 0)]);
    brokers[0].sees("nothing left", |image| image.reassignments.is_empty()).await;
    brokers[0].sees("the old list", |image| replicas(image, 0) == [1, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_serve_is_a_target_only_by_force() {
    let (_bench, mut brokers) = cluster(4, &[&[1, 2]]).await;
    brokers.pop().unwrap().kill();
    brokers[0].sees("the death", |image| !image.live.contains_key(&b(4))).await;
    let refused = brokers[0].commands.order_moves(&wish(&[(0, &[1, 4])])).await.unwrap_err();
    assert!(refused.to_string().contains("\"force\":true"), "{refused}");
    let forced = MoveWish { force: true, ..wish(&[(0, &[1, 4])]) };
    brokers[0].commands.order_moves(&forced).await.unwrap();
    brokers[0].sees("the move", |image| replicas(image, 0) == [1, 2, 4]).await;
    brokers[0].commands.cancel_moves(None).await.unwrap();
    brokers[0].sees("the old list", |image| replicas(image, 0) == [1, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_is_emptied_and_forgotten() {
    let (_bench, brokers) = cluster(4, &[&[1, 2, 3], &[2, 3, 1]]).await;
    let commands = &brokers[1].commands;
    let in_the_way = |error: ClusterError, says: &str| {
        assert!(matches!(error, ClusterError::NotNow { .. }) && error.to_string().contains(says), "{error}");
    };
    in_the_way(commands.forget_broker(b(1)).await.unwrap_err(), "drain it first");
    assert_eq!(commands.forget_broker(b(9)).await, Err(ClusterError::UnknownBroker(b(9))));
    assert!(commands.drain(b(1), "me".to_owned(), false).await.unwrap().1);
    assert!(!commands.drain(b(1), "me".to_owned(), false).await.unwrap().1, "once");
    let moved_away = |image: &std::sync::Arc<Image>| {
        image.reassignments.len() == 2
            && image.partitions().all(|(_, _, record)| record.state.leader.unwrap().broker != b(1))
            && image.partitions().all(|(_, _, record)| record.state.adding == [b(4)])
    };
    brokers[1].sees("leaderships elsewhere and moves", moved_away).await;
    in_the_way(commands.forget_broker(b(1)).await.unwrap_err(), "still holds 2 replicas");
    let new = commands.create_topic(spec("u", Some(4), Some(3), &[])).await.unwrap();
    let CreatedTopic::New(new) = new else { panic!("it is new") };
    assert!(new.assignment.iter().flatten().all(|broker| *broker != b(1)), "nothing new goes there");
    let error = commands.drain(b(2), "me".to_owned(), false).await.unwrap_err();
    in_the_way(error, "too few brokers remain without broker 2: 2 serve");
    for index in 0..2 {
        joins(&brokers[1], index, 4).await;
    }
    let empty = |image: &std::sync::Arc<Image>| {
        let gone = image.partitions().all(|(_, _, record)| !record.state.has_replica(b(1)));
        let assigned = image.topics.values().flat_map(|topic| topic.assignment.iter().flatten());
        gone && image.reassignments.is_empty() && assigned.clone().all(|broker| *broker != b(1))
    };
    brokers[1].sees("it holds nothing", empty).await;
    commands.forget_broker(b(1)).await.unwrap();
    let forgotten = |image: &std::sync::Arc<Image>| {
        !image.brokers.contains_key(&b(1)) && image.drains.is_empty() && !image.live.contains_key(&b(1))
    };
    brokers[1].sees("it is forgotten", forgotten).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_taken_back_takes_its_orders_back() {
    let (_bench, brokers) = cluster(4, &[&[1, 2, 3]]).await;
    let commands = &brokers[1].commands;
    assert_eq!(commands.undo_drain(b(1)).await, Err(ClusterError::NotDrained(b(1))));
    commands.drain(b(1), "me".to_owned(), false).await.unwrap();
    brokers[1].sees("the move", |image| replicas(image, 0) == [1, 2, 3, 4]).await;
    commands.undo_drain(b(1)).await.unwrap();
    let back =
        |image: &std::sync::Arc<Image>| replicas(image, 0) == [1, 2, 3] && image.reassignments.is_empty();
    brokers[1].sees("all as it was", back).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_taken_back_whole_by_a_broker_that_has_not_heard_of_its_orders() {
    let (_bench, brokers) = cluster(4, &[&[1, 2, 3]]).await;
    let seat = brokers[0].image().controller.unwrap().broker;
    let (controllers, others): (Vec<_>, Vec<_>) = brokers.iter().partition(|broker| broker.id() == seat);
    let (controller, late) = (controllers[0], others[0]);
    late.door.hold_watches(true);
    controller.commands.drain(b(1), "me".to_owned(), false).await.unwrap();
    controller.sees("the move", |image| replicas(image, 0) == [1, 2, 3, 4]).await;
    assert!(late.image().reassignments.is_empty());
    late.commands.undo_drain(b(1)).await.unwrap();
    let back =
        |image: &std::sync::Arc<Image>| replicas(image, 0) == [1, 2, 3] && image.reassignments.is_empty();
    controller.sees("all as it was", back).await;
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_is_planned_and_ordered() {
    let (bench, mut brokers) = cluster(3, &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2], &[1, 2, 3]]).await;
    assert_eq!(brokers[0].commands.plan_rebalance().len(), 0);
    brokers.push(bench.start(4).await);
    brokers[0].sees("the new one", |image| image.active_brokers().count() == 4).await;
    let plan = brokers[0].commands.plan_rebalance();
    assert_eq!(plan.iter().filter(|found| found.to.contains(&b(4))).count(), 3, "{plan:?}");
    assert_eq!(plan.iter().filter(|found| found.to[0] == b(4)).count(), 1, "{plan:?}");
    brokers[0].commands.order_rebalance(&plan, &wish(&[])).await.unwrap();
    let ordered = |image: &std::sync::Arc<Image>| {
        image.partitions().filter(|(_, _, record)| record.state.is_moving()).count() == 3
    };
    brokers[0].sees("the moves", ordered).await;
}

#[tokio::test(start_paused = true)]
async fn preferred_leaders_are_elected_at_once_if_they_can() {
    let (_bench, brokers) = cluster(3, &[&[1, 2, 3], &[2, 3, 1]]).await;
    let all = brokers[0].commands.elect_preferred(None).await.unwrap();
    assert!(all.iter().all(|(_, _, outcome)| *outcome == Elected::Already), "{all:?}");
    let image = brokers[0].image();
    let record = image.partition(&tp("t", 0)).unwrap();
    let other = image.living(b(3));
    // As after a failover.
    let mut state = record.state.clone();
    (state.leader, state.leader_epoch) = (other, state.leader_epoch.next());
    let change = IsrChange { tp: tp("t", 0), guard: record.partition_epoch, state, joiner: None };
    brokers[0].commands.propose_isr(change).await;
    brokers[0].sees("another leader", |image| image.leader_of(&tp("t", 0)) == other).await;
    let elections = brokers[0].commands.elect_preferred(Some(vec![tp("t", 0)])).await.unwrap();
    assert_eq!(elections, [(tp("t", 0), Some(b(1)), Elected::Now)]);
    brokers[0].sees("the preferred one", |image| image.leader_of(&tp("t", 0)).unwrap().broker == b(1)).await;
    let missing = brokers[0].commands.elect_preferred(Some(vec![tp("t", 5)])).await.unwrap_err();
    assert!(matches!(missing, ClusterError::UnknownPartition { .. }));
    brokers[0].membership.set_state(LiveState::Draining).await.unwrap();
    let away = |image: &std::sync::Arc<Image>| image.leader_of(&tp("t", 0)).unwrap().broker != b(1);
    brokers[0].sees("a hand-over", away).await;
    let elections = brokers[0].commands.elect_preferred(Some(vec![tp("t", 0)])).await.unwrap();
    assert!(matches!(&elections[0].2, Elected::Not(why) if why.contains("not in sync")), "{elections:?}");
}

#[tokio::test(start_paused = true)]
async fn the_limit_on_new_copies_is_changed_while_they_are_filled() {
    let (_bench, brokers) = cluster(3, &[&[1, 2]]).await;
    let commands = &brokers[0].commands;
    let slow = MoveWish { throttle_bytes_per_second: Some(10), ..wish(&[(0, &[1, 3])]) };
    commands.order_moves(&slow).await.unwrap();
    let limit = |image: &std::sync::Arc<Image>| {
        image.reassignments.get(&tp("t", 0)).map(|order| order.throttle_bytes_per_second)
    };
    brokers[0].sees("the limit", |image| limit(image) == Some(Some(10))).await;
    commands.set_move_throttle(Some(1_000)).await.unwrap();
    let all = |image: &std::sync::Arc<Image>| {
        image.move_limits.throttle_bytes_per_second == Some(1_000) && limit(image) == Some(None)
    };
    brokers[0].sees("the new limit", all).await;
    for wrong in [commands.set_move_throttle(Some(0)).await.unwrap_err(), {
        let none = MoveWish { throttle_bytes_per_second: Some(0), ..wish(&[(0, &[1, 3])]) };
        commands.order_moves(&none).await.unwrap_err()
    }] {
        assert!(wrong.to_string().contains("1 or more"), "{wrong}");
    }
}
