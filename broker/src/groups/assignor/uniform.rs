//! Spreads partitions evenly and moves as few as it can.
//!
//! Where all subscribe to the same topics the result is as even and as sticky as can be. Where they do not, each free
//! partition goes to the subscriber that has least, and then single partitions move from those who have more to those
//! who have at least two less, until none can; every move makes the sum of squares smaller, so it ends.

use std::collections::{BTreeMap, BTreeSet};

use super::{Subscriber, subscribed};
use crate::groups::ids::TopicIdPartition;
use crate::types::TopicId;

type Targets = Vec<BTreeSet<TopicIdPartition>>;

pub(super) fn assign(subscribers: &[Subscriber], partitions: &BTreeMap<TopicId, i32>) -> Targets {
    let all: BTreeSet<TopicIdPartition> = subscribed(subscribers, partitions).collect();
    let (kept, free) = keep(subscribers, &all);
    let alike = subscribers.windows(2).all(|pair| pair[0].topics == pair[1].topics);
    if alike { assign_alike(kept, free, all.len()) } else { assign_mixed(subscribers, kept, free) }
}

/// What each may keep, and what is then free. A partition that two claim stays with the first.
fn keep(
    subscribers: &[Subscriber],
    all: &BTreeSet<TopicIdPartition>,
) -> (Targets, BTreeSet<TopicIdPartition>) {
    let mut free = all.clone();
    let kept = subscribers
        .iter()
        .map(|one| {
            let may_keep = |partition: &&TopicIdPartition| one.topics.contains(&partition.topic);
            one.before.iter().filter(may_keep).filter(|partition| free.remove(partition)).copied().collect()
        })
        .collect();
    (kept, free)
}

fn assign_alike(mut targets: Targets, mut free: BTreeSet<TopicIdPartition>, count: usize) -> Targets {
    if targets.is_empty() {
        return targets;
    }
    let (least, mut more) = (count / targets.len(), count % targets.len());
    // Those who have most keep the odd ones: then nothing moves that need not.
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(targets[*at].len()));
    let mut quotas = vec![least; targets.len()];
    for at in &order {
        if more > 0 {
            quotas[*at] += 1;
            more -= 1;
        }
        while targets[*at].len() > quotas[*at] {
            free.extend(targets[*at].pop_last());
        }
    }
    let mut free = free.into_iter();
    for at in order {
        let missing = quotas[at] - targets[at].len();
        targets[at].extend(free.by_ref().take(missing));
    }
    assert!(free.next().is_none(), "the quotas are the partitions");
    targets
}

fn assign_mixed(
    subscribers: &[Subscriber],
    mut targets: Targets,
    free: BTreeSet<TopicIdPartition>,
) -> Targets {
    let mut readers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for (at, one) in subscribers.iter().enumerate() {
        for topic in &one.topics {
            readers.entry(*topic).or_default().push(at);
        }
    }
    for partition in free {
        let least = readers[&partition.topic].iter().copied().min_by_key(|at| targets[*at].len());
        targets[least.expect("a free partition has a subscriber")].insert(partition);
    }
    while let Some((from, to, partition)) = a_move(&readers, &targets) {
        targets[from].remove(&partition);
        targets[to].insert(partition);
    }
    targets
}

/// A partition whose owner has at least two more than another subscriber of its topic: of the owners, who has most.
fn a_move(
    readers: &BTreeMap<TopicId, Vec<usize>>,
    targets: &[BTreeSet<TopicIdPartition>],
) -> Option<(usize, usize, TopicIdPartition)> {
    let mut owners: Vec<usize> = (0..targets.len()).collect();
    owners.sort_by_key(|at| std::cmp::Reverse(targets[*at].len()));
    for from in owners {
        let mut topics: Vec<TopicId> = targets[from].iter().map(|one| one.topic).collect();
        topics.dedup();
        let best = topics
            .into_iter()
            .filter_map(|topic| {
                Some((readers[&topic].iter().copied().min_by_key(|at| targets[*at].len())?, topic))
            })
            .min_by_key(|(to, _)| targets[*to].len());
        if let Some((to, topic)) = best.filter(|(to, _)| targets[*to].len() + 2 <= targets[from].len()) {
            let partition = targets[from].iter().rev().copied().find(|one| one.topic == topic)?;
            return Some((from, to, partition));
        }
    }
    None
}
