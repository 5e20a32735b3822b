//! One partition: who leads it, who is in sync, who is eligible, given which brokers live.
//!
//! It knows no topic and no store: a record in, the next record out. All of rules 11 to 13 is here.
//!
//! *Invariant:* a leader is elected only from the ISR, or else from the ELR, and only in a life that the record names,
//! or in a later one whose registration proves that it holds all that the named one held.
//! *Invariant:* the ISR only loses members here; only a leader adds some (rule 5).
//! *Invariant:* the leader epoch rises by one with every change of leader, and never otherwise.
//! *Invariant:* if nobody can lead, the record stays as it is: no herd of writes when all replicas are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::rules::{self, Rule};
use crate::types::{BrokerId, FlushMode, Incarnation, PartitionState};

use super::image::Image;
use super::orders::Drain;
use super::values::{Live, LiveState, Recovery, Registration};

/// What is known of the brokers at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Census<'a> {
    /// Who holds a lease.
    pub live: &'a BTreeMap<BrokerId, Arc<Live>>,
    /// The newest registration of each.
    pub brokers: &'a BTreeMap<BrokerId, Arc<Registration>>,
    /// Who is to be emptied.
    pub drains: &'a BTreeMap<BrokerId, Arc<Drain>>,
}

/// Why a record changes; in the order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nobody led: a leader was elected.
    Election,
    /// A partition that had no record gets one.
    Creation,
    /// Members of the ISR died; the leader waits for them until they are out.
    Shrink,
    /// The leader goes down in good order, is to be emptied, or its disk is full or has failed: another leads.
    HandOver(Fitness),
    /// A member of the ISR goes down in good order, or its disk has failed.
    Leave(Option<Fitness>),
    /// The topic's settings changed.
    Settings,
    /// Eligible replicas came back in another life, proven or not.
    Upkeep,
    /// The topic is gone.
    Deletion,
    /// A reassignment begins, ends, or is taken back.
    Reassignment,
    /// The preferred leader is back.
    Rebalance,
}

/// How well a live broker would lead; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    /// Nothing speaks against it.
    Fit,
    /// An operator wants it emptied.
    ToBeEmptied,
    /// It can store nothing more.
    DiskFull,
    /// It goes down in good order.
    Draining,
    /// It can store nothing any more.
    DiskFailed,
}

impl<'a> Census<'a> {
    /// The brokers as `image` shows them.
    #[must_use]
    pub fn of(image: &'a Image) -> Self {
        Self { live: &image.live, brokers: &image.brokers, drains: &image.drains }
    }

    /// Whether exactly this life holds a lease.
    #[must_use]
    pub fn is_live(&self, incarnation: Incarnation) -> bool {
        self.live.get(&incarnation.broker).is_some_and(|live| live.epoch == incarnation.epoch)
    }

    pub(super) fn fitness(&self, incarnation: Incarnation) -> Option<Fitness> {
        let live = self.live.get(&incarnation.broker).filter(|live| live.epoch == incarnation.epoch)?;
        match live.state {
            LiveState::Starting => None,
            _ if live.disk_failed => Some(Fitness::DiskFailed),
            LiveState::Draining => Some(Fitness::Draining),
            LiveState::Active if live.disk_full => Some(Fitness::DiskFull),
            LiveState::Active if self.drains.contains_key(&incarnation.broker) => Some(Fitness::ToBeEmptied),
            LiveState::Active => Some(Fitness::Fit),
        }
    }

    pub(super) fn is_fit(&self, incarnation: Incarnation) -> bool {
        self.fitness(incarnation) == Some(Fitness::Fit)
    }

    /// The life in which `entry` still counts (rule 13): its own while no later one has registered, or the latest if
    /// that proves to hold all that `entry` held; else none.
    fn counts_as(&self, entry: Incarnation, flush: FlushMode) -> Option<Incarnation> {
        let Some(registration) = self.brokers.get(&entry.broker) else { return Some(entry) };
        if registration.epoch <= entry.epoch {
            return Some(entry);
        }
        let recovered = &registration.recovered;
        let proof =
            if rules::holds(Rule::ProofOfThatLife) { recovered.proof_of(entry.epoch) } else { recovered.how };
        let proven = match proof {
            Recovery::Clean => true,
            // What was acknowledged had been fsynced: all of it is there.
            Recovery::Fsync => flush.counts_durable_only() || !rules::holds(Rule::FsyncProofNeedsFlush),
            Recovery::None => !rules::holds(Rule::ProofOfRecovery),
        };
        proven.then(|| registration.life_of(entry.broker))
    }
}

/// What the record of a partition should become, and why; `None` if it is right as it is, or nothing can be done.
///
/// `min_isr` is what the topic's settings say now. Nothing is done about lives that are `awaited` (rule 14): a partition
/// that one of them leads keeps it, and they stay in the ISR.
#[must_use]
pub fn next_state(
    state: &PartitionState,
    census: Census<'_>,
    min_isr: u32,
    awaited: &BTreeSet<Incarnation>,
) -> Option<(PartitionState, Cause)> {
    let led = state.leader.is_some_and(|leader| census.is_live(leader));
    let (mut next, mut cause) = if led {
        match hand_over(state, census) {
            Some((next, fitness)) => (next, Some(Cause::HandOver(fitness))),
            None => (state.clone(), None),
        }
    } else if state.leader.is_some_and(|leader| awaited.contains(&leader)) {
        return None;
    } else {
        (elect(state, census, awaited)?, Some(Cause::Election))
    };
    let leader = next.leader.expect("whoever was elected or was alive leads");
    next.min_isr = min_isr;
    next.isr.retain(|member| census.is_live(*member) || awaited.contains(member));
    if next.isr.len() < state.isr.len() {
        cause = cause.or(Some(Cause::Shrink));
    }
    drain(&mut next, leader, census);
    next.elr = eligible(state, &next, census);
    if next == *state {
        return None;
    }
    let cause = cause.unwrap_or_else(|| mildest_cause(state, &next, census));
    check(state, &next);
    Some((next, cause))
}

/// The record with the preferred leader leading, if it is in sync, fit, and not leading already.
#[must_use]
pub fn prefer(state: &PartitionState, census: Census<'_>) -> Option<PartitionState> {
    let leader = state.leader.filter(|leader| census.is_live(*leader))?;
    let first = *state.replicas.first()?;
    let preferred = state.isr_member(first).filter(|_| !state.removing.contains(&first))?;
    if preferred == leader || !census.is_fit(preferred) {
        return None;
    }
    let next = with_leader(state, preferred);
    check(state, &next);
    Some(next)
}

/// Elects a leader where none lives (rules 11 and 13).
fn elect(
    state: &PartitionState,
    census: Census<'_>,
    awaited: &BTreeSet<Incarnation>,
) -> Option<PartitionState> {
    if let Some(leader) = best(state, &state.isr, census) {
        let mut next = with_leader(state, leader);
        let stays = |entry: &Incarnation| {
            if awaited.contains(entry) { Some(*entry) } else { stays(*entry, state.flush, census) }
        };
        next.isr = state.isr.iter().filter_map(stays).collect();
        return Some(next);
    }
    // One who is waited for knows more than those who had left the ISR before.
    if state.isr.iter().any(|member| awaited.contains(member)) {
        return None;
    }
    // Nobody of the ISR lives in a life that counts, or one of them would lead: whoever leads now is in sync alone.
    let leader = best(state, &state.elr, census).or_else(|| anybody(state, census))?;
    let mut next = with_leader(state, leader);
    next.isr = vec![leader];
    Some(next)
}

/// Nobody: who is neither in sync nor eligible may lack what is committed (rule 11).
fn anybody(state: &PartitionState, census: Census<'_>) -> Option<Incarnation> {
    if rules::holds(Rule::ElectsFromInSync) {
        return None;
    }
    let lives = |broker: &BrokerId| Some(census.brokers.get(broker)?.life_of(*broker));
    state.replicas.iter().filter_map(lives).find(|life| census.fitness(*life).is_some())
}

/// The life in which a member of the ISR stays in it when another is elected: the named one if it lives, or a proven
/// later one if that serves already.
fn stays(entry: Incarnation, flush: FlushMode, census: Census<'_>) -> Option<Incarnation> {
    let life = census.counts_as(entry, flush)?;
    let stays = if life == entry { census.is_live(life) } else { census.fitness(life).is_some() };
    stays.then_some(life)
}

/// The best leader among `entries`: the fittest, rather in the life that was named, first in the replica list.
pub(super) fn best(
    state: &PartitionState,
    entries: &[Incarnation],
    census: Census<'_>,
) -> Option<Incarnation> {
    let rank = |entry: &Incarnation| {
        let life = census.counts_as(*entry, state.flush)?;
        let place = state.replicas.iter().position(|broker| *broker == life.broker).unwrap_or(usize::MAX);
        Some((census.fitness(life)?, life != *entry, place, life))
    };
    entries.iter().filter_map(rank).min().map(|(_, _, _, life)| life)
}

/// Another leader for a partition whose leader is not fit, if a better one is in sync; and how fit the leader was.
fn hand_over(state: &PartitionState, census: Census<'_>) -> Option<(PartitionState, Fitness)> {
    let leader = state.leader?;
    let fitness = census.fitness(leader)?;
    // A member that came back in another life may be far behind: it is elected where nobody leads, not preferred.
    let steady: Vec<_> = state.isr.iter().copied().filter(|member| census.is_live(*member)).collect();
    let better = best(state, &steady, census)?;
    (census.fitness(better)? < fitness).then(|| (with_leader(state, better), fitness))
}

pub(super) fn with_leader(state: &PartitionState, leader: Incarnation) -> PartitionState {
    PartitionState { leader: Some(leader), leader_epoch: state.leader_epoch.next(), ..state.clone() }
}

/// Takes draining members out of the ISR as far as enough others remain; the rest stay until they die. Those whose disk
/// has failed go in any case: they acknowledge nothing any more.
fn drain(next: &mut PartitionState, leader: Incarnation, census: Census<'_>) {
    next.isr.retain(|member| *member == leader || census.fitness(*member) != Some(Fitness::DiskFailed));
    let draining = |member: &Incarnation| census.fitness(*member) == Some(Fitness::Draining);
    let mut spare = next.isr.len().saturating_sub(next.min_isr as usize);
    next.isr.retain(|member| {
        let leaves = spare > 0 && *member != leader && draining(member);
        spare -= usize::from(leaves);
        !leaves
    });
}

/// Who is eligible beside the ISR (rule 12): nobody while the ISR may commit; else all that were in sync or eligible
/// before, in the life in which they still count.
fn eligible(state: &PartitionState, next: &PartitionState, census: Census<'_>) -> Vec<Incarnation> {
    if next.may_commit() && rules::holds(Rule::EligibleWhileSmall) {
        return Vec::new();
    }
    let leavers = state.isr.iter().filter(|_| rules::holds(Rule::LeaversStayEligible));
    let before = leavers.chain(&state.elr);
    let counting = before.filter_map(|entry| census.counts_as(*entry, state.flush));
    let mut elr: Vec<Incarnation> = Vec::new();
    for life in counting {
        if next.isr_member(life.broker).is_none() && elr.iter().all(|other| other.broker != life.broker) {
            elr.push(life);
        }
    }
    elr
}

fn mildest_cause(state: &PartitionState, next: &PartitionState, census: Census<'_>) -> Cause {
    if next.isr != state.isr {
        let left = state.isr.iter().find(|member| !next.isr.contains(member));
        Cause::Leave(left.and_then(|member| census.fitness(*member)))
    } else if next.min_isr != state.min_isr {
        Cause::Settings
    } else {
        Cause::Upkeep
    }
}

/// What must hold of every change made here; a breach is our own mistake and must not reach the store.
pub(super) fn check(old: &PartitionState, new: &PartitionState) {
    let leader = new.leader.expect("no change leaves a partition without a leader");
    assert!(new.isr.contains(&leader), "leader {leader} is not in the ISR of {new:?}, before {old:?}");
    assert!(
        new.elr.is_empty() || !new.may_commit() || !rules::holds(Rule::EligibleWhileSmall),
        "eligible replicas beside an ISR that may commit: {new:?}"
    );
    let epoch_step = i32::from(new.leader != old.leader);
    assert_eq!(
        new.leader_epoch.0,
        old.leader_epoch.0 + epoch_step,
        "leader epoch of {new:?}, before {old:?}"
    );
    let named = |broker: BrokerId| old.isr_member(broker).or(old.elr_member(broker));
    let known = new.isr.iter().chain(&new.elr).all(|entry| named(entry.broker).is_some());
    assert!(
        known || !rules::holds(Rule::ElectsFromInSync),
        "somebody came into {new:?} who was not in {old:?}"
    );
    let placed = new.isr.iter().chain(&new.elr).all(|entry| new.has_replica(entry.broker));
    let was_placed = old.isr.iter().chain(&old.elr).all(|entry| old.has_replica(entry.broker));
    assert!(placed || !was_placed, "somebody counts in {new:?} who has no copy, before {old:?}");
}
