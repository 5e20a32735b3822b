//! What assignors promise, over random groups.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{Assignor, Subscriber, assign};
use crate::groups::ids::{MemberId, TopicIdPartition};
use crate::types::{PartitionIndex, TopicId};

fn topic(number: usize) -> TopicId {
    TopicId(Uuid::from_u128(number as u128 + 1))
}

fn member(number: usize) -> MemberId {
    format!("m{number:02}").into()
}

fn subscriber(number: usize, topics: impl IntoIterator<Item = usize>) -> Subscriber {
    Subscriber {
        member: member(number),
        instance: None,
        topics: topics.into_iter().map(topic).collect(),
        before: BTreeSet::new(),
    }
}

fn counts(counts: &[i32]) -> BTreeMap<TopicId, i32> {
    counts.iter().enumerate().map(|(number, count)| (topic(number), *count)).collect()
}

fn again(subscribers: &[Subscriber], targets: &[BTreeSet<TopicIdPartition>]) -> Vec<Subscriber> {
    let with =
        |(one, before): (&Subscriber, &BTreeSet<_>)| Subscriber { before: before.clone(), ..one.clone() };
    subscribers.iter().zip(targets).map(with).collect()
}

fn moved(before: &[Subscriber], after: &[BTreeSet<TopicIdPartition>]) -> usize {
    before.iter().zip(after).map(|(one, now)| one.before.difference(now).count()).sum()
}

#[test]
fn range_gives_stretches_that_meet() {
    let subscribers = [subscriber(1, [0, 1]), subscriber(0, [0, 1])];
    let targets = assign(Assignor::Range, &subscribers, &counts(&[3, 3]));
    let of = |at: usize| targets[at].iter().map(|one| one.partition.0).collect::<Vec<_>>();
    assert_eq!(
        (of(1), of(0)),
        (vec![0, 1, 0, 1], vec![2, 2]),
        "by name: m00 comes first, wherever it stands"
    );
}

#[test]
fn a_static_member_keeps_its_range_under_a_new_name() {
    let named =
        |name: usize, instance: &str| Subscriber { instance: Some(instance.into()), ..subscriber(name, [0]) };
    let first = assign(Assignor::Range, &[named(1, "a"), named(2, "b")], &counts(&[4]));
    let restarted = assign(Assignor::Range, &[named(9, "a"), named(2, "b")], &counts(&[4]));
    assert_eq!(first, restarted);
}

#[test]
fn nobody_gets_nothing_and_nothing_goes_to_nobody() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert!(assign(assignor, &[], &counts(&[4])).is_empty());
        let none = assign(assignor, &[subscriber(0, [7]), subscriber(1, [])], &counts(&[4]));
        assert!(none.iter().all(BTreeSet::is_empty), "topics that do not exist or are not read");
    }
}

#[test]
fn two_claims_to_one_partition_are_settled() {
    let mut subscribers = [subscriber(0, [0]), subscriber(1, [0])];
    for one in &mut subscribers {
        one.before = (0..2).map(|index| TopicIdPartition::new(topic(0), PartitionIndex(index))).collect();
    }
    let targets = assign(Assignor::Uniform, &subscribers, &counts(&[2]));
    assert_eq!((targets[0].len(), targets[1].len()), (1, 1));
    assert!(targets[0].is_disjoint(&targets[1]));
}

#[test]
fn the_odd_ones_stay_with_those_who_have_most() {
    let before = |indexes: std::ops::Range<i32>| {
        indexes.map(|index| TopicIdPartition::new(topic(0), PartitionIndex(index))).collect::<BTreeSet<_>>()
    };
    let subscribers = [
        Subscriber { before: before(0..1), ..subscriber(0, [0]) },
        Subscriber { before: before(1..3), ..subscriber(1, [0]) },
    ];
    let targets = assign(Assignor::Uniform, &subscribers, &counts(&[3]));
    assert_eq!(moved(&subscribers, &targets), 0);
}

fn any_group() -> impl Strategy<Value = (Vec<BTreeSet<usize>>, Vec<i32>)> {
    (
        prop::collection::vec(prop::collection::btree_set(0..4_usize, 0..4), 1..8),
        prop::collection::vec(0..9_i32, 4),
    )
}

proptest! {
    #[test]
    fn each_partition_goes_to_one_of_its_subscribers(
        (topics, partitions) in any_group(), range in any::<bool>(), leaves in 0..8_usize,
    ) {
        let assignor = if range { Assignor::Range } else { Assignor::Uniform };
        let partitions = counts(&partitions);
        let mut subscribers: Vec<_> =
            topics.into_iter().enumerate().map(|(at, topics)| subscriber(at, topics)).collect();
        for _ in 0..2 {
            let targets = assign(assignor, &subscribers, &partitions);
            let mut seen = BTreeSet::new();
            for (one, target) in subscribers.iter().zip(&targets) {
                prop_assert!(target.iter().all(|partition| one.topics.contains(&partition.topic)));
                prop_assert!(target.iter().all(|partition| seen.insert(*partition)), "given twice");
            }
            let read: BTreeSet<_> = subscribers.iter().flat_map(|one| one.topics.iter().copied()).collect();
            let expected: i32 = read.iter().filter_map(|topic| partitions.get(topic)).sum();
            prop_assert_eq!(seen.len(), usize::try_from(expected).unwrap());
            // And again from there, after somebody has left.
            subscribers = again(&subscribers, &targets);
            if leaves < subscribers.len() && subscribers.len() > 1 {
                subscribers.remove(leaves);
            }
        }
    }

    #[test]
    fn uniform_is_even_and_moves_the_fewest(members in 1..9_usize, partitions in 0..40_i32, joins in 0..4_usize) {
        let counts = counts(&[partitions, 3]);
        let all = usize::try_from(partitions).unwrap() + 3;
        let group = |n: usize| (0..n).map(|at| subscriber(at, [0, 1])).collect::<Vec<_>>();
        let even = |targets: &[BTreeSet<TopicIdPartition>]| {
            let sizes: Vec<_> = targets.iter().map(BTreeSet::len).collect();
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1
        };
        let first = assign(Assignor::Uniform, &group(members), &counts);
        prop_assert!(even(&first));
        let unchanged = again(&group(members), &first);
        prop_assert_eq!(moved(&unchanged, &assign(Assignor::Uniform, &unchanged, &counts)), 0);

        // Members join: exactly what they get has moved.
        let mut grown = unchanged.clone();
        grown.extend((members..members + joins).map(|at| subscriber(at, [0, 1])));
        let second = assign(Assignor::Uniform, &grown, &counts);
        prop_assert!(even(&second));
        let gotten: usize = second[members..].iter().map(BTreeSet::len).sum();
        prop_assert_eq!(moved(&grown, &second), gotten);

        // One leaves: only what it had moves.
        let mut fewer = again(&grown, &second);
        if fewer.len() > 1 {
            fewer.remove(0);
            let third = assign(Assignor::Uniform, &fewer, &counts);
            prop_assert!(even(&third));
            prop_assert_eq!(moved(&fewer, &third), 0);
            prop_assert_eq!(third.iter().map(BTreeSet::len).sum::<usize>(), all);
        }
    }

    #[test]
    fn uniform_with_mixed_topics_is_as_even_as_single_moves_can_make_it((topics, partitions) in any_group()) {
        let partitions = counts(&partitions);
        let subscribers: Vec<_> =
            topics.into_iter().enumerate().map(|(at, topics)| subscriber(at, topics)).collect();
        let targets = assign(Assignor::Uniform, &subscribers, &partitions);
        for (from, target) in targets.iter().enumerate() {
            for partition in target {
                for (to, other) in subscribers.iter().enumerate() {
                    let could = other.topics.contains(&partition.topic);
                    prop_assert!(!could || targets[to].len() + 2 > targets[from].len());
                }
            }
        }
    }
}
