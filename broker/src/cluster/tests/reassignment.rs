//! Moves of partitions: each rule by a case of its own.

use super::world::{World, awaiting, b, calm, name, tp};
use crate::cluster::election::{Cause, Fitness};
use crate::cluster::keyspace::Key;
use crate::cluster::reassignment::may_begin;
use crate::cluster::reconcile::{preferred, reconcile};
use crate::cluster::values::{LiveState, Recovery};
use crate::types::*;

pub(super) fn cluster(brokers: i32, replicas: &[i32], config: &[(&str, &str)]) -> World {
    let mut world = World::new(brokers);
    world.topic("t", &[replicas], config);
    world.reconcile();
    world
}

pub(super) fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}

fn isr(state: &PartitionState) -> Vec<i32> {
    state.isr.iter().map(|member| member.broker.0).collect()
}

/// A follower has caught up, and the leader takes it in.
fn joins(world: &mut World, id: i32) {
    let life = world.life(id);
    world.change(&tp("t", 0), |state| state.isr.push(life));
}

fn lists(world: &World) -> (Vec<i32>, Vec<i32>, Vec<i32>) {
    let state = world.state(&tp("t", 0));
    (ids(&state.replicas), ids(&state.adding), ids(&state.removing))
}

#[test]
fn a_move_grows_first_and_ends_in_one_write_when_all_of_the_target_are_in_sync() {
    let mut world = cluster(5, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[4, 2, 5]);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::Reassignment));
    assert_eq!(lists(&world), (vec![1, 2, 3, 4, 5], vec![4, 5], vec![1, 3]));
    let state = world.state(&tp("t", 0));
    assert_eq!((isr(&state), state.min_isr, state.leader), (vec![1, 2, 3], 2, Some(world.life(1))));
    assert_eq!(world.image.reassignments[&tp("t", 0)].started_unix_ms, Some(1_000));

    joins(&mut world, 4);
    assert_eq!(world.reconcile(), [], "5 is missing");
    joins(&mut world, 5);
    let done = world.reconcile();
    assert_eq!(done.len(), 1, "replicas, ISR and leader in one write");
    let state = world.state(&tp("t", 0));
    assert_eq!(lists(&world), (vec![4, 2, 5], vec![], vec![]));
    assert_eq!(isr(&state), [2, 4, 5]);
    assert_eq!((state.leader, state.leader_epoch), (Some(world.life(4)), LeaderEpoch(1)));
    assert!(world.image.reassignments.is_empty(), "the order goes with the same write");
    world.chores();
    assert_eq!(world.image.topics[&name("t")].assignment, [vec![b(4), b(2), b(5)]]);
    assert_eq!(world.chores(), 0);
}

#[test]
fn a_leader_that_stays_keeps_its_reign() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[2, 1, 4]);
    world.reconcile();
    joins(&mut world, 4);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.leader_epoch), (Some(world.life(1)), LeaderEpoch(0)));
    assert_eq!(lists(&world).0, [2, 1, 4]);
}

#[test]
fn another_controller_goes_on_from_the_store_alone_even_without_the_order() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[1, 2, 4]);
    world.reconcile();
    world.delete(&Key::Reassignment(tp("t", 0)));
    assert_eq!(world.reconcile(), [], "4 is missing");
    joins(&mut world, 4);
    world.reconcile();
    assert_eq!(lists(&world), (vec![1, 2, 4], vec![], vec![]));
}

#[test]
fn copies_that_are_only_being_added_do_not_raise_min_isr() {
    let mut world = cluster(3, &[1], &[("min.insync.replicas", "2")]);
    world.order(&tp("t", 0), &[1, 2, 3]);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!(
        (state.replicas.len(), state.min_isr),
        (3, 1),
        "or nothing could be written until they are in sync"
    );
    joins(&mut world, 2);
    world.reconcile();
    assert_eq!(world.state(&tp("t", 0)).min_isr, 1);
    joins(&mut world, 3);
    world.reconcile();
    assert_eq!((lists(&world).0, world.state(&tp("t", 0)).min_isr), (vec![1, 2, 3], 2));
    world.order(&tp("t", 0), &[2]);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((isr(&state), state.min_isr, state.leader), (vec![2], 1, Some(world.life(2))));
}

#[test]
fn a_cancelled_move_goes_back_to_the_old_list() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[4, 2, 3]);
    world.reconcile();
    joins(&mut world, 4);
    let fourth = world.life(4);
    // The new copy leads when the order is taken back: one of the old leads again, in the same write.
    world.change(&tp("t", 0), |state| {
        state.leader = Some(fourth);
        state.leader_epoch = state.leader_epoch.next();
    });
    world.cancel(&tp("t", 0));
    let done = world.reconcile();
    assert_eq!(done.len(), 1);
    let state = world.state(&tp("t", 0));
    assert_eq!((lists(&world).0, isr(&state)), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!((state.leader, state.leader_epoch), (Some(world.life(1)), LeaderEpoch(2)));
    assert!(world.image.reassignments.is_empty());
}

#[test]
fn a_cancel_waits_while_too_few_of_the_old_list_hold_what_is_committed() {
    let mut world = cluster(5, &[1, 2], &[]);
    world.order(&tp("t", 0), &[4, 5]);
    world.reconcile();
    joins(&mut world, 4);
    world.die(1);
    world.reconcile();
    assert_eq!(isr(&world.state(&tp("t", 0))), [2, 4]);
    world.cancel(&tp("t", 0));
    assert_eq!(world.reconcile(), [], "2 alone is less than min_isr, and 4 counts");
    let first = world.restart(1, Recovery::Fsync);
    world.change(&tp("t", 0), |state| state.isr.push(first));
    world.reconcile();
    assert_eq!((lists(&world).0, isr(&world.state(&tp("t", 0)))), (vec![1, 2], vec![2, 1]));
}

#[test]
fn a_target_that_dies_stops_the_move_but_not_the_cancel() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[1, 2, 4]);
    world.reconcile();
    world.die(4);
    assert_eq!(world.reconcile(), []);
    world.cancel(&tp("t", 0));
    world.reconcile();
    assert_eq!(lists(&world), (vec![1, 2, 3], vec![], vec![]));
}

#[test]
fn an_order_waits_for_its_brokers_unless_it_is_forced_and_for_its_turn() {
    let mut world = World::new(4);
    world.topic("t", &[&[1, 2], &[1, 2], &[1, 2], &[1, 2]], &[]);
    world.reconcile();
    world.die(4);
    world.order(&tp("t", 0), &[1, 4]);
    for index in 1..=3 {
        world.order(&tp("t", index), &[1, 3]);
    }
    let turns = may_begin(&world.image, 2);
    assert_eq!(turns.into_iter().collect::<Vec<_>>(), [tp("t", 1), tp("t", 2)], "the oldest that can");
    world.reconcile();
    assert!(!world.state(&tp("t", 3)).is_moving() && world.state(&tp("t", 2)).is_moving());
    // Those under way lose their broker: they no longer hold up the others.
    world.die(3);
    world.live(4, LiveState::Active);
    let turns = may_begin(&world.image, 2);
    assert_eq!(turns.into_iter().collect::<Vec<_>>(), [tp("t", 0)]);
}

/// Moves that waited for a dead broker of the old list held the turns of all others, and so did orders that copy nothing.
#[test]
fn what_cannot_go_on_holds_up_nobody() {
    let mut world = World::new(4);
    world.topic("t", &[&[1, 2, 3], &[1, 2], &[1, 2], &[1, 2]], &[]);
    world.reconcile();
    world.die(2);
    world.order(&tp("t", 0), &[1, 2, 4]);
    world.reconcile();
    assert!(world.state(&tp("t", 0)).is_moving());
    world.order(&tp("t", 1), &[2, 1]);
    world.order(&tp("t", 2), &[1, 3]);
    let turns = may_begin(&world.image, 1);
    assert_eq!(turns.into_iter().collect::<Vec<_>>(), [tp("t", 2)]);
    // Nor does anything begin to move to a broker that is to be emptied.
    world.empty(4);
    world.order(&tp("t", 3), &[1, 4]);
    let turns = may_begin(&world.image, 9);
    assert_eq!(turns.into_iter().collect::<Vec<_>>(), [tp("t", 2)]);
}

#[test]
fn what_is_more_urgent_comes_first() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[2, 3, 4]);
    world.reconcile();
    joins(&mut world, 4);
    world.die(1);
    let writes = reconcile(&world.image, None, &calm());
    assert_eq!((writes.len(), writes[0].cause), (1, Cause::Election));
    assert!(writes[0].order.is_none());
    world.reconcile();
    assert_eq!((lists(&world).0, world.state(&tp("t", 0)).leader), (vec![2, 3, 4], Some(world.life(2))));
}

#[test]
fn a_new_order_of_the_same_brokers_is_written_at_once() {
    let mut world = cluster(3, &[1, 2, 3], &[]);
    world.die(3);
    world.reconcile();
    world.order(&tp("t", 0), &[2, 3, 1]);
    world.reconcile();
    assert_eq!(lists(&world), (vec![2, 3, 1], vec![], vec![]));
    assert_eq!(isr(&world.state(&tp("t", 0))), [1, 2]);
}

#[test]
fn a_topic_that_is_deleted_takes_its_orders_along() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[2, 3, 4]);
    world.reconcile();
    world.delete(&Key::Topic(name("t")));
    world.reconcile();
    world.chores();
    assert!(world.image.reassignments.is_empty());
    // Made anew under the same name: an old order means nothing to it.
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    let mut stale = world.state(&tp("t", 0));
    stale.topic_id = TopicId(uuid::Uuid::new_v4());
    world.order(&tp("t", 0), &[2, 3, 4]);
    let order = world.image.reassignments[&tp("t", 0)].clone();
    let order = crate::cluster::Reassignment { topic_id: stale.topic_id, ..(*order).clone() };
    world.put(&Key::Reassignment(tp("t", 0)), &crate::cluster::values::encode(&order));
    assert_eq!(world.reconcile(), []);
    world.chores();
    assert!(world.image.reassignments.is_empty());
}

#[test]
fn a_partition_that_could_never_begin_begins_where_it_is_ordered_to() {
    let mut world = World::new(4);
    world.die(1);
    world.die(2);
    world.topic("t", &[&[1, 2]], &[]);
    assert_eq!(world.reconcile(), [], "none of its brokers serves");
    world.order(&tp("t", 0), &[3, 4]);
    assert_eq!(world.reconcile(), []);
    world.chores();
    assert!(world.image.reassignments.is_empty());
    world.reconcile();
    assert_eq!((lists(&world).0, world.state(&tp("t", 0)).leader), (vec![3, 4], Some(world.life(3))));
}

#[test]
fn partitions_added_during_a_move_stay() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[2, 3, 4]);
    world.reconcile();
    let id = world.state(&tp("t", 0)).topic_id;
    world.put_topic("t", id, &[&[1, 2, 3], &[4, 1, 2]], &[]);
    joins(&mut world, 4);
    world.reconcile();
    world.chores();
    let assignment: Vec<_> = world.image.topics[&name("t")].assignment.iter().map(|list| ids(list)).collect();
    assert_eq!(assignment, [vec![2, 3, 4], vec![4, 1, 2]]);
    assert_eq!(lists(&world).0, [2, 3, 4]);
}

#[test]
fn a_leaders_own_change_in_flight_and_the_end_of_a_move_exclude_each_other() {
    let mut world = cluster(4, &[1, 2, 3], &[]);
    world.order(&tp("t", 0), &[1, 2, 4]);
    world.reconcile();
    joins(&mut world, 4);
    let end = reconcile(&world.image, None, &calm());
    // 4 leaves again before the controller writes: the guard tells.
    let lives = [world.life(1), world.life(2), world.life(3)];
    world.change(&tp("t", 0), |state| state.isr = lives.to_vec());
    assert!(!world.carry_out(&end[0]));
    assert_eq!(world.reconcile(), []);
    // And an order that was taken back meanwhile is not carried out.
    joins(&mut world, 4);
    let end = reconcile(&world.image, None, &calm());
    world.cancel(&tp("t", 0));
    assert!(!world.carry_out(&end[0]));
    world.reconcile();
    assert_eq!(lists(&world).0, [1, 2, 3]);
}

#[test]
fn a_broker_to_be_emptied_gives_leaderships_away_and_gets_orders_for_its_copies() {
    let mut world = World::new(4);
    world.topic("t", &[&[1, 2, 3], &[2, 3, 1]], &[]);
    world.reconcile();
    world.empty(1);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause), (1, Cause::HandOver(Fitness::ToBeEmptied)));
    assert_eq!(preferred(&world.image), [], "and does not get them back");
    world.chores();
    assert_eq!(ids(&world.image.reassignments[&tp("t", 0)].target), [4, 2, 3]);
    assert_eq!(ids(&world.image.reassignments[&tp("t", 1)].target), [2, 3, 4]);
    world.reconcile();
    for index in 0..2 {
        let fourth = world.life(4);
        world.change(&tp("t", index), |state| state.isr.push(fourth));
    }
    world.reconcile();
    world.chores();
    assert!(world.image.partitions().all(|(_, _, record)| !record.state.has_replica(b(1))));
    assert!(world.image.reassignments.is_empty());
}

#[test]
fn an_emptied_brokers_copies_find_another_place_if_the_first_is_gone_before_they_move() {
    let mut world = World::new(5);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.reconcile();
    world.empty(1);
    world.reconcile();
    world.chores();
    assert_eq!(ids(&world.image.reassignments[&tp("t", 0)].target), [4, 2, 3]);
    world.die(4);
    world.chores();
    assert_eq!(ids(&world.image.reassignments[&tp("t", 0)].target), [5, 2, 3]);
}

#[test]
fn rule_14_a_confirmed_death_does_not_wait_for_the_silent_ones() {
    let mut world = World::new(5);
    world.topic("t", &[&[1, 2, 3], &[2, 1, 3], &[1, 4, 5]], &[]);
    world.reconcile();
    let silent = world.life(2);
    world.die(1);
    world.die(2);
    let writes = reconcile(&world.image, None, &awaiting(&[silent]));
    assert_eq!(writes.len(), 2);
    for write in &writes {
        assert!(world.carry_out(write));
    }
    let first = world.state(&tp("t", 0));
    assert_eq!((first.leader, isr(&first)), (Some(world.life(3)), vec![2, 3]), "2 may be back in a moment");
    let second = world.state(&tp("t", 1));
    assert_eq!((second.leader, isr(&second)), (Some(silent), vec![2, 1, 3]), "its leader is waited for");
    assert_eq!(world.state(&tp("t", 2)).leader, Some(world.life(4)));
    world.reconcile();
    assert_eq!(isr(&world.state(&tp("t", 0))), [3], "once the wait is over");
}
