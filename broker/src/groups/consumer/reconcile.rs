//! One step of one member towards its target.
//!
//! ```text
//! assigned := assigned and in the target; what is left over is to be given up
//! something to give up, and the member still has it   -> UNREVOKED_PARTITIONS, in its old epoch
//! else, in the target's epoch, with all that is free:
//!   another member still holds some of the target     -> UNRELEASED_PARTITIONS
//!   nobody does                                       -> STABLE
//! ```
//!
//! *Invariant:* a partition gets its `since` when it is assigned and keeps it until it is given up, so that a commit in
//! an epoch before is known to be that of an earlier possession (KIP-1251).

use std::collections::BTreeSet;

use crate::groups::ids::TopicIdPartition;
use crate::groups::records::{CurrentValue, MemberState};

/// The target, as one member sees it.
pub(super) struct Goal<'a> {
    /// The epoch of the targets.
    pub(super) epoch: i32,
    /// What the member is to have.
    pub(super) partitions: &'a BTreeSet<TopicIdPartition>,
    /// What it says that it has; `None` if it does not say.
    pub(super) owned: Option<&'a BTreeSet<TopicIdPartition>>,
}

impl Goal<'_> {
    fn still_owns<'p>(&self, mut partitions: impl Iterator<Item = &'p TopicIdPartition>) -> bool {
        self.owned.is_none_or(|owned| partitions.any(|partition| owned.contains(partition)))
    }
}

/// Where `current` stands after the step. `is_free` says whether no other member holds a partition.
pub(super) fn step(
    current: &CurrentValue,
    goal: &Goal,
    is_free: impl Fn(&TopicIdPartition) -> bool,
) -> CurrentValue {
    let may_move = match current.state {
        MemberState::Stable => current.epoch != goal.epoch,
        MemberState::UnrevokedPartitions => !goal.still_owns(current.pending_revocation.keys()),
        MemberState::UnreleasedPartitions => true,
    };
    if !may_move {
        return current.clone();
    }
    let (mut assigned, leftover): (super::super::records::AssignedPartitions, _) = current
        .assigned
        .iter()
        .map(|(p, since)| (*p, *since))
        .partition(|(p, _)| goal.partitions.contains(p));
    if !leftover.is_empty() && goal.still_owns(leftover.keys()) {
        return CurrentValue {
            state: MemberState::UnrevokedPartitions,
            assigned,
            pending_revocation: leftover,
            ..current.clone()
        };
    }
    let mut unreleased = false;
    for partition in goal.partitions {
        if assigned.contains_key(partition) {
            continue;
        }
        if is_free(partition) {
            assigned.insert(*partition, goal.epoch);
        } else {
            unreleased = true;
        }
    }
    let state = if unreleased { MemberState::UnreleasedPartitions } else { MemberState::Stable };
    let previous_epoch = if goal.epoch == current.epoch { current.previous_epoch } else { current.epoch };
    CurrentValue {
        epoch: goal.epoch,
        previous_epoch,
        state,
        away: current.away,
        assigned,
        pending_revocation: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    fn p(index: i32) -> TopicIdPartition {
        TopicIdPartition::new(TopicId(Uuid::from_u128(1)), PartitionIndex(index))
    }

    fn set(indexes: &[i32]) -> BTreeSet<TopicIdPartition> {
        indexes.iter().copied().map(p).collect()
    }

    fn member(epoch: i32, assigned: &[(i32, i32)]) -> CurrentValue {
        let assigned = assigned.iter().map(|(index, since)| (p(*index), *since)).collect();
        CurrentValue { epoch, previous_epoch: epoch - 1, assigned, ..CurrentValue::default() }
    }

    #[test]
    fn a_member_gives_up_before_it_moves_on() {
        let target = set(&[0, 2]);
        let silent = Goal { epoch: 5, partitions: &target, owned: None };
        let asked = step(&member(4, &[(0, 3), (1, 4)]), &silent, |_| true);
        assert_eq!((asked.state, asked.epoch), (MemberState::UnrevokedPartitions, 4));
        assert_eq!(asked.pending_revocation.keys().copied().collect::<BTreeSet<_>>(), set(&[1]));
        assert_eq!(step(&asked, &silent, |_| true), asked, "silence gives nothing up");

        let still = set(&[0, 1]);
        assert_eq!(step(&asked, &Goal { owned: Some(&still), ..silent }, |_| true), asked);

        let without = set(&[0]);
        let done = step(&asked, &Goal { owned: Some(&without), ..silent }, |_| true);
        assert_eq!((done.state, done.epoch, done.previous_epoch), (MemberState::Stable, 5, 4));
        assert_eq!(done.assigned, [(p(0), 3), (p(2), 5)].into(), "what it kept it has since 3");
    }

    #[test]
    fn a_member_takes_what_is_free_and_waits_for_the_rest() {
        let target = set(&[0, 1]);
        let goal = Goal { epoch: 5, partitions: &target, owned: None };
        let waiting = step(&member(4, &[]), &goal, |partition| partition.partition.0 == 0);
        assert_eq!((waiting.state, waiting.epoch), (MemberState::UnreleasedPartitions, 5));
        assert_eq!(waiting.assigned, [(p(0), 5)].into());
        let done = step(&waiting, &goal, |_| true);
        assert_eq!(
            (done.state, done.previous_epoch),
            (MemberState::Stable, 4),
            "an epoch is left behind once"
        );
        assert_eq!(step(&done, &goal, |_| false), done);
    }

    #[test]
    fn a_member_that_holds_nothing_in_process_moves_in_one_step() {
        let (target, nothing) = (set(&[2]), BTreeSet::new());
        let goal = Goal { epoch: 5, partitions: &target, owned: Some(&nothing) };
        let done = step(&member(4, &[(0, 3)]), &goal, |_| true);
        assert_eq!((done.state, done.epoch), (MemberState::Stable, 5));
        assert_eq!(done.assigned, [(p(2), 5)].into());
    }
}
