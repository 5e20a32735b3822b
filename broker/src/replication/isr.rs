//! What an in-sync set may become next. Pure.
//!
//! It does not know how far a follower is; [`super::leader`] does, and asks here for the record that follows from it.
//!
//! *Invariant:* the eligible leader replicas are empty, or the ISR is smaller than `min_isr` (KIP-966).
//! *Invariant:* a broker stands in the ISR or among the eligible, never in both.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::rules::{self, Rule};
use crate::types::{Incarnation, PartitionState};

/// Which lives of brokers hold a lease and are active, as far as this broker knows. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Liveness {
    live: Option<Arc<BTreeSet<Incarnation>>>,
}

impl Liveness {
    /// Nothing is known: everyone may be live.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Exactly these are live.
    #[must_use]
    pub fn known(live: BTreeSet<Incarnation>) -> Self {
        Self { live: Some(Arc::new(live)) }
    }

    /// Whether `incarnation` is not known to be gone.
    #[must_use]
    pub fn may_be_live(&self, incarnation: Incarnation) -> bool {
        self.live.as_ref().is_none_or(|live| live.contains(&incarnation))
    }

    /// Whether `incarnation` is known to be gone.
    #[must_use]
    pub fn is_gone(&self, incarnation: Incarnation) -> bool {
        !self.may_be_live(incarnation)
    }
}

/// The record with another ISR: who leaves while too few remain becomes eligible to lead (rule 12). Nobody comes twice,
/// since nobody who is in sync was eligible.
#[must_use]
pub fn with_isr(state: &PartitionState, isr: Vec<Incarnation>) -> PartitionState {
    let names = |broker| isr.iter().any(|member| member.broker == broker);
    let mut elr = Vec::new();
    if may_be_eligible(state.min_isr, isr.len()) {
        elr.extend(state.elr.iter().copied().filter(|member| !names(member.broker)));
        let leavers = state.isr.iter().copied().filter(|member| !names(member.broker));
        elr.extend(leavers.filter(|_| rules::holds(Rule::LeaversStayEligible)));
    }
    PartitionState { isr, elr, ..state.clone() }
}

/// Whether anybody beside an in-sync set of this size may be eligible: only while it is too small to commit (rule 12).
fn may_be_eligible(min_isr: u32, isr: usize) -> bool {
    isr < min_isr as usize || !rules::holds(Rule::EligibleWhileSmall)
}

/// The record with `joiner` in the ISR, in place of any earlier life of the same broker.
#[must_use]
pub fn with_joiner(state: &PartitionState, joiner: Incarnation) -> PartitionState {
    let mut isr: Vec<_> = state.isr.iter().copied().filter(|member| member.broker != joiner.broker).collect();
    isr.push(joiner);
    with_isr(state, isr)
}

/// The record without `leavers` in the ISR.
#[must_use]
pub fn without(state: &PartitionState, leavers: &[Incarnation]) -> PartitionState {
    let isr = state.isr.iter().copied().filter(|member| !leavers.contains(member)).collect();
    with_isr(state, isr)
}

/// The maximal ISR (rule 2): everyone whose word a commit needs while a proposal may yet be, or become, the record. A life
/// may come twice.
pub fn counted<'a>(
    committed: &'a PartitionState,
    proposed: Option<&'a PartitionState>,
) -> impl Iterator<Item = Incarnation> + 'a {
    let joining = proposed.filter(|_| rules::holds(Rule::MaximalIsr));
    let leaves = move |member: &Incarnation| proposed.is_some_and(|proposed| !proposed.isr.contains(member));
    let stays = move |member: &&Incarnation| rules::holds(Rule::SmallerIsrOnceWritten) || !leaves(member);
    committed.isr.iter().filter(stays).chain(joining.into_iter().flat_map(|state| &state.isr)).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replication::testing::{incarnation, state};

    #[test]
    fn who_leaves_a_too_small_isr_stays_eligible_until_it_is_large_enough_again() {
        let full = state(&[1, 2, 3], 2);
        let two = without(&full, &[incarnation(3)]);
        assert_eq!((two.isr.len(), two.elr.len()), (2, 0), "still enough: nobody else may be elected");
        let one = without(&two, &[incarnation(2)]);
        assert_eq!(one.elr, vec![incarnation(2)]);
        let back = with_joiner(&one, incarnation(3));
        assert!(back.elr.is_empty(), "the ISR commits again without broker 2");
    }

    #[test]
    fn a_new_life_takes_the_place_of_the_old() {
        let newer = Incarnation { epoch: crate::types::BrokerEpoch(999), ..incarnation(2) };
        let next = with_joiner(&state(&[1, 2, 3], 2), newer);
        assert_eq!(next.isr, vec![incarnation(1), incarnation(3), newer]);
        let small = with_joiner(&state(&[1, 2], 3), newer);
        assert!(small.elr.is_empty(), "its old life is not eligible beside the new one");
    }

    proptest! {
        #[test]
        fn eligibility_and_the_isr_exclude_each_other(
            steps in prop::collection::vec((1..=4_i32, any::<bool>()), 1..20),
            min_isr in 1..=3_u32,
        ) {
            let mut now = state(&[1, 2, 3], min_isr);
            for (broker, joins) in steps {
                now = if joins {
                    with_joiner(&now, incarnation(broker))
                } else if broker == 1 {
                    continue;
                } else {
                    without(&now, &[incarnation(broker)])
                };
                prop_assert!(now.elr.is_empty() || now.isr.len() < min_isr as usize);
                prop_assert!(now.elr.iter().all(|member| now.isr_member(member.broker).is_none()));
            }
        }
    }
}
