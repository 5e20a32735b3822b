//! Which writes, in which order, and which not.

use super::world::{World, b, calm, tp};
use crate::cluster::election::Cause;
use crate::cluster::reconcile::reconcile;
use crate::cluster::values::LiveState;
use crate::types::FlushMode;

#[test]
fn new_partitions_begin_with_the_replicas_that_serve() {
    let mut world = World::new(3);
    world.live(1, LiveState::Starting);
    world.topic("t", &[&[1, 2, 3]], &[("flush", "os")]);
    let done = world.reconcile();
    assert_eq!((done.len(), done[0].cause, done[0].guard), (1, Cause::Creation, None));
    let state = world.state(&tp("t", 0));
    assert_eq!(state.leader, Some(world.life(2)));
    assert_eq!(state.isr, [world.life(2), world.life(3)]);
    assert_eq!((state.min_isr, state.flush), (2, FlushMode::Os));
    assert_eq!(state.replicas, [b(1), b(2), b(3)]);
}

#[test]
fn new_partitions_wait_for_a_replica_and_prefer_room() {
    let mut world = World::new(2);
    world.die(1);
    world.die(2);
    world.topic("t", &[&[1, 2]], &[]);
    assert_eq!(world.reconcile(), []);
    world.set_live(1, LiveState::Active, true);
    world.set_live(2, LiveState::Active, false);
    world.reconcile();
    let state = world.state(&tp("t", 0));
    assert_eq!((state.leader, state.isr.len()), (Some(world.life(2)), 2));
}

#[test]
fn the_most_urgent_stands_first() {
    let mut world = World::new(3);
    world.topic("a", &[&[2, 1, 3]], &[]);
    world.topic("b", &[&[1, 2, 3]], &[]);
    let gone = world.topic("c", &[&[2, 3]], &[]);
    world.reconcile();
    world.delete(&crate::cluster::keyspace::Key::Topic(super::world::name("c")));
    world.topic("d", &[&[2, 3, 1]], &[]);
    world.die(1);
    let writes = reconcile(&world.image, None, &calm());
    let order: Vec<_> = writes.iter().map(|write| (write.cause, write.tp.topic.as_str())).collect();
    let expected =
        [(Cause::Election, "b"), (Cause::Creation, "d"), (Cause::Shrink, "a"), (Cause::Deletion, "c")];
    assert_eq!(order, expected);
    assert!(world.image.topic_by_id(gone).is_none());
}

#[test]
fn topics_that_are_settled_are_passed_over_until_something_changes() {
    let mut world = World::new(3);
    world.topic("t", &[&[1, 2, 3]], &[]);
    world.topic("u", &[&[1, 2, 3]], &[]);
    world.reconcile();
    let settled = world.image.clone();
    assert_eq!(reconcile(&world.image, Some(&settled), &calm()), []);
    world.topic("v", &[&[1, 2, 3]], &[]);
    let writes = reconcile(&world.image, Some(&settled), &calm());
    assert_eq!((writes.len(), writes[0].tp.clone()), (1, tp("v", 0)));
    world.die(2);
    assert_eq!(reconcile(&world.image, Some(&settled), &calm()).len(), 3);
}

#[test]
fn a_record_beyond_the_topics_end_is_left_alone() {
    let mut world = World::new(1);
    let id = world.topic("t", &[&[1], &[1]], &[]);
    world.reconcile();
    world.put_topic("t", id, &[&[1]], &[]);
    assert_eq!((world.reconcile().len(), world.image.orphans().len()), (0, 1));
}
