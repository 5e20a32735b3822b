//! How one partition moves: from its record and its order, the next record. Pure; all of KIP-455 is here.
//!
//! A move has two writes. *Begin*: the new brokers are added behind the old ones (`adding`), and those that will leave are
//! named (`removing`); nobody else's part changes, and the new copies fill up as any follower does. *End*: once every
//! broker of the target is in sync, one write sets the replica list to the target, takes the others out of ISR and ELR,
//! and elects a leader among the target if the present one leaves. A cancelled move ends with the old list instead. What
//! there is no copy of is not removed: the brokers that left delete their files by the usual proof.
//!
//! *Invariant:* everything is in the record and in the order: any controller goes on from there.
//! *Invariant:* the ISR only loses members here. What is committed is held by every member of the ISR that is replaced, so
//! by every one that remains; and at least `min_isr` remain, or nobody was taken out.
//! *Invariant:* `min_isr` follows the copies that count: the old list until the end, the target from then on.
//! *Invariant:* a leader's own change that is in flight meanwhile fails by its guard, or makes this write fail by its.

use std::collections::BTreeSet;

use crate::types::{BrokerId, PartitionState, TopicPartition};

use super::election::{Census, best, check, with_leader};
use super::image::Image;
use super::orders::Reassignment;
use super::values::LiveState;

/// What a step does to the order that it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The move begins, or the record now shows what the order wants.
    Begin,
    /// The move is over, one way or the other: the order goes.
    End,
}

/// Where the copies were before the move that is under way, or are.
#[must_use]
pub fn settled_replicas(state: &PartitionState) -> Vec<BrokerId> {
    without(&state.replicas, &state.adding)
}

/// The next record on the way that `order` asks for; none while there is nothing to do but wait.
///
/// Without an order, a move that the record shows is brought to its end. `min_isr` tells it for a number of copies;
/// `may_begin`, whether it is this order's turn.
#[must_use]
pub fn next_step(
    state: &PartitionState,
    order: Option<&Reassignment>,
    census: Census<'_>,
    min_isr: impl Fn(usize) -> u32,
    may_begin: bool,
) -> Option<(PartitionState, Step)> {
    let cancelled = order.is_some_and(|order| order.cancelled);
    let goal = goal(state, order)?;
    let copies = !same_brokers(&goal, &state.replicas);
    if !state.is_moving() && !cancelled && !may_begin && copies {
        return None;
    }
    let prefer_first = order.is_some_and(|order| order.elect_preferred);
    if let Some(next) = ended(state, &goal, census, min_isr(goal.len()), cancelled, prefer_first) {
        return (next != *state).then_some((next, Step::End));
    }
    if cancelled {
        return None;
    }
    let next = grown(state, &goal);
    (next != *state).then_some((next, Step::Begin))
}

/// Where the move leads.
fn goal(state: &PartitionState, order: Option<&Reassignment>) -> Option<Vec<BrokerId>> {
    match order {
        Some(order) if order.cancelled => Some(settled_replicas(state)),
        Some(order) => Some(order.target.clone()),
        None => state.is_moving().then(|| without(&state.replicas, &state.removing)),
    }
    .filter(|goal| !goal.is_empty())
}

/// The record with the brokers of `goal` added, and those marked that will go.
fn grown(state: &PartitionState, goal: &[BrokerId]) -> PartitionState {
    let before = settled_replicas(state);
    let mut adding = without(goal, &before);
    // Whoever counts keeps its place until the end, even if the order was changed by hand meanwhile.
    let counts = |broker: &BrokerId| state.isr_member(*broker).or(state.elr_member(*broker)).is_some();
    let kept: Vec<BrokerId> =
        state.adding.iter().copied().filter(|broker| !adding.contains(broker) && counts(broker)).collect();
    adding.extend(kept);
    let removing = without(&before, goal);
    let replicas = before.iter().chain(&adding).copied().collect();
    PartitionState { replicas, adding, removing, ..state.clone() }
}

/// The record at the end of the move, if it may end now.
fn ended(
    state: &PartitionState,
    goal: &[BrokerId],
    census: Census<'_>,
    min_isr: u32,
    cancelled: bool,
    prefer_first: bool,
) -> Option<PartitionState> {
    let leader = state.leader.filter(|leader| census.is_live(*leader))?;
    let stays = |broker: BrokerId| goal.contains(&broker);
    let mut next = state.clone();
    next.replicas = goal.to_vec();
    next.adding.clear();
    next.removing.clear();
    next.min_isr = min_isr;
    next.isr.retain(|member| stays(member.broker));
    next.elr.retain(|member| stays(member.broker));
    let nobody_goes = next.isr.len() == state.isr.len() && next.elr.len() == state.elr.len();
    let live = next.isr.iter().filter(|member| census.is_live(**member)).count();
    let only_reordered = state.adding.is_empty() && same_brokers(goal, &state.replicas);
    let may_end = if cancelled {
        nobody_goes || live >= min_isr as usize
    } else {
        only_reordered || live == goal.len()
    };
    if !may_end {
        return None;
    }
    if next.may_commit() {
        next.elr.clear();
    }
    let fit_first = next.isr_member(goal[0]).filter(|first| prefer_first && census.is_fit(*first));
    if let Some(first) = fit_first.filter(|first| *first != leader) {
        next = with_leader(&next, first);
    } else if !stays(leader.broker) {
        let steady: Vec<_> = next.isr.iter().copied().filter(|member| census.is_live(*member)).collect();
        next = with_leader(&next, best(&next, &steady, census)?);
    }
    check(state, &next);
    Some(next)
}

/// The orders whose turn it is to begin: the oldest of those that can, as far as the bound allows.
///
/// Moves that wait for a broker that is gone do not count against the bound: they must not hold up the others.
#[must_use]
pub fn may_begin(image: &Image, moves_max: usize) -> BTreeSet<TopicPartition> {
    let mut under_way = 0;
    let mut waiting = Vec::new();
    for (tp, order) in &image.reassignments {
        let Some(record) = image.partition(tp) else { continue };
        let state = &record.state;
        if state.is_moving() {
            let awaited = if order.cancelled { settled_replicas(state) } else { order.target.clone() };
            under_way += usize::from(absent(image, &awaited).is_empty());
            continue;
        }
        if order.cancelled || same_brokers(&order.target, &state.replicas) {
            // It copies nothing, and so needs no turn.
            continue;
        }
        let added = without(&order.target, &state.replicas);
        let is_welcome = |broker: &BrokerId| !image.drains.contains_key(broker);
        if order.force || (absent(image, &added).is_empty() && added.iter().all(is_welcome)) {
            waiting.push((order.requested_unix_ms, tp));
        }
    }
    waiting.sort();
    let free = moves_max.saturating_sub(under_way);
    waiting.into_iter().take(free).map(|(_, tp)| tp.clone()).collect()
}

/// Which of `brokers` do not serve now.
#[must_use]
pub fn absent(image: &Image, brokers: &[BrokerId]) -> Vec<BrokerId> {
    let serves = |broker: &BrokerId| {
        image.live.get(broker).is_some_and(|live| live.state == LiveState::Active && !live.disk_failed)
    };
    brokers.iter().copied().filter(|broker| !serves(broker)).collect()
}

/// Those of `brokers` that are not among `others`.
pub(super) fn without(brokers: &[BrokerId], others: &[BrokerId]) -> Vec<BrokerId> {
    brokers.iter().copied().filter(|broker| !others.contains(broker)).collect()
}

fn same_brokers(one: &[BrokerId], other: &[BrokerId]) -> bool {
    one.len() == other.len() && one.iter().all(|broker| other.contains(broker))
}
