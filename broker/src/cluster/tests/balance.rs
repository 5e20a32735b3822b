//! Plans: what must move, no more, and never into fewer racks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::world::{World, b, tp};
use crate::cluster::balance::{empty_drained, rebalance};
use crate::types::*;

fn world(brokers: i32, topics: &[(&str, &[&[i32]])]) -> World {
    let mut world = World::new(brokers);
    for (topic, assignment) in topics {
        world.topic(topic, assignment, &[]);
    }
    world.reconcile();
    world
}

/// The replica lists once a plan is carried out.
fn after(world: &World, moves: &[crate::cluster::balance::Move]) -> BTreeMap<TopicPartition, Vec<BrokerId>> {
    let before = world.image.partitions().map(|(tp, _, record)| (tp, record.state.replicas.clone()));
    let mut lists: BTreeMap<_, _> = before.collect();
    for found in moves {
        assert_eq!(lists.insert(found.tp.clone(), found.to.clone()), Some(found.from.clone()));
    }
    lists
}

fn counts<'a>(brokers: impl Iterator<Item = &'a BrokerId>, of: i32) -> Vec<usize> {
    let mut counts: BTreeMap<BrokerId, usize> = (1..=of).map(|id| (b(id), 0)).collect();
    for broker in brokers {
        *counts.entry(*broker).or_default() += 1;
    }
    counts.into_values().collect()
}

#[test]
fn a_new_broker_gets_its_share_of_copies_and_leaders_and_the_rest_stays() {
    let world = world(
        4,
        &[(
            "t",
            &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2], &[1, 3, 2], &[2, 1, 3], &[3, 2, 1], &[1, 2, 3], &[2, 3, 1]],
        )],
    );
    let moves = rebalance(&world.image);
    let lists = after(&world, &moves);
    assert_eq!(counts(lists.values().flatten(), 4), [6, 6, 6, 6]);
    assert_eq!(counts(lists.values().map(|list| &list[0]), 4), [2, 2, 2, 2]);
    let moved: usize =
        moves.iter().map(|one| one.to.iter().filter(|to| !one.from.contains(to)).count()).sum();
    assert_eq!(moved, 6, "no more than the newcomer's share");
}

#[test]
fn what_is_even_is_left_alone() {
    let world = world(3, &[("t", &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]])]);
    assert_eq!(rebalance(&world.image), []);
    assert_eq!(empty_drained(&world.image, 10), []);
}

#[test]
fn leaders_are_evened_by_order_alone_over_others_if_need_be() {
    // 1 comes first too often and 3 never, and they share no partition.
    let world = world(3, &[("t", &[&[1, 2], &[1, 2], &[2, 3]])]);
    let lists = after(&world, &rebalance(&world.image));
    assert_eq!(counts(lists.values().map(|list| &list[0]), 3), [1, 1, 1]);
}

#[test]
fn an_emptied_broker_is_replaced_in_its_place_by_one_of_another_rack() {
    let mut world = World::new(5);
    for (id, rack) in [(1, "a"), (2, "b"), (3, "c"), (4, "b"), (5, "c")] {
        world.rack(id, rack);
    }
    world.topic("t", &[&[3, 1, 2]], &[]);
    world.topic("busy", &[&[5], &[5]], &[]);
    world.reconcile();
    world.empty(3);
    let moves = empty_drained(&world.image, 10);
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].to, [b(5), b(1), b(2)], "the only one of rack c, however busy");
}

#[test]
fn a_full_disk_gets_nothing() {
    let mut world = world(4, &[("t", &[&[1, 2, 3], &[2, 3, 1]])]);
    world.set_live(4, crate::cluster::values::LiveState::Active, true);
    assert_eq!(rebalance(&world.image), []);
    world.empty(1);
    assert_eq!(empty_drained(&world.image, 10), []);
}

#[test]
fn without_anybody_to_take_it_a_copy_stays() {
    let mut world = world(3, &[("t", &[&[1, 2, 3]])]);
    world.empty(1);
    assert_eq!(empty_drained(&world.image, 10), []);
}

#[test]
fn copies_in_one_rack_are_spread_when_another_has_none() {
    let mut world = World::new(3);
    for (id, rack) in [(1, "a"), (2, "a"), (3, "b")] {
        world.rack(id, rack);
    }
    world.topic("t", &[&[1, 2]], &[]);
    world.reconcile();
    let lists = after(&world, &rebalance(&world.image));
    assert_eq!(lists[&tp("t", 0)], [b(1), b(3)]);
}

#[test]
fn partitions_that_move_already_are_left_alone_and_count() {
    let mut world = world(3, &[("t", &[&[1, 2], &[1, 2], &[2, 1]])]);
    world.order(&tp("t", 0), &[1, 3]);
    world.order(&tp("t", 1), &[3, 2]);
    assert_eq!(rebalance(&world.image), [], "all are even once these are done");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn plans_are_legal_and_even(
        brokers in 1..=6_i32,
        racks in proptest::collection::vec(0..3_usize, 6),
        with_racks in any::<bool>(),
        lists in proptest::collection::vec(proptest::sample::subsequence(vec![1, 2, 3, 4, 5, 6], 1..=3).prop_shuffle(), 1..20),
        dead in proptest::option::of(1..=6_i32),
        drained in proptest::option::of(1..=6_i32),
    ) {
        let mut world = World::new(6);
        if with_racks {
            for id in 1..=6 {
                world.rack(id, ["a", "b", "c"][racks[usize::try_from(id).unwrap() - 1]]);
            }
        }
        let lists: Vec<&[i32]> = lists.iter().map(Vec::as_slice).collect();
        world.topic("t", &lists, &[]);
        world.reconcile();
        for id in dead.into_iter().chain(brokers + 1..=6) {
            world.die(id);
        }
        world.reconcile();
        if let Some(drained) = drained {
            world.empty(drained);
        }
        let image = &world.image;
        let rack = |broker: BrokerId| image.endpoint(broker).and_then(|found| found.rack.clone());
        let racks = |list: &[BrokerId]| list.iter().filter_map(|broker| rack(*broker)).collect::<BTreeSet<_>>().len();
        for plan in [rebalance(image), empty_drained(image, 100)] {
            for found in &plan {
                let (from, to) = (&found.from, &found.to);
                prop_assert_eq!(from.len(), to.len());
                prop_assert_eq!(to.iter().collect::<BTreeSet<_>>().len(), to.len());
                for newcomer in to.iter().filter(|broker| !from.contains(broker)) {
                    prop_assert!(image.live.contains_key(newcomer) && !image.drains.contains_key(newcomer));
                }
            }
        }
        for found in rebalance(image) {
            prop_assert!(racks(&found.to) >= racks(&found.from));
            let gone = found.from.iter().filter(|broker| !found.to.contains(broker));
            for broker in gone {
                prop_assert!(image.live.contains_key(broker) && !image.drains.contains_key(broker));
            }
        }
        if !with_racks && dead.is_none() && drained.is_none() && brokers == 6 {
            let lists = after(&world, &rebalance(image));
            let counts = counts(lists.values().flatten(), 6);
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }
    }
}
