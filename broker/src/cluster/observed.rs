//! What a broker that stands by as controller remembers: who vanished when, and who waits to lead again since when.
//!
//! It decides when to wait, never what to write. Every broker keeps it, so that a new controller knows the last minute.
//!
//! *Invariant:* the brake (rule 14) holds only for brokers that vanished without a trace: one that said goodbye, or
//! whose port refused its peers, is known to be gone. A single death is never waited out: one of three that dies fails
//! over at once. Two of three that vanish in silence are more likely cut off from the store, or the store was frozen
//! past their leases and ended them all: they will be back in a moment, and until then nothing could commit anyway. So
//! are those whose leases ended while this broker itself could not reach the store for over half a lease.
//! *Invariant:* only those who vanished in silence are waited for: what a confirmed death left behind is seen to at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::rules::{self, Rule};
use crate::types::{BrokerId, Incarnation, TopicPartition};

use super::image::Image;
use super::reconcile::PartitionWrite;
use super::values::LiveState;
use super::verdict::Subject;
use super::watcher::Gap;

/// How many must vanish at least for a mass death.
const MASS_DEATH_MIN: usize = 2;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Deaths within this time count as one; a mass death is waited out for as long again.
    pub brake: Duration,
    /// How long a preferred leader must have been able to lead before leadership returns to it.
    pub rebalance_after: Duration,
    /// The pause between two rounds of returning leaderships.
    pub rebalance_pause: Duration,
    /// How many leaderships return in one round.
    pub rebalance_moves_max: usize,
    /// Of the partitions that a broker should lead, the share in percent that others may lead before any returns.
    pub imbalance_percentage_max: u32,
}

/// The memory of one broker.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    living: BTreeMap<BrokerId, Incarnation>,
    vanished: BTreeMap<BrokerId, Vanished>,
    braked_until: Option<Instant>,
    able_since: HashMap<TopicPartition, Instant>,
    last_round: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Vanished {
    life: Incarnation,
    at: Instant,
    with_a_trace: bool,
}

impl Observed {
    /// Takes note of a newer image; `before` is the one noted last.
    /// `gap` is the last time that this broker did not reach the store, if there was one.
    pub fn note(
        &mut self,
        before: &Image,
        image: &Image,
        gap: Option<Gap>,
        now: Instant,
        patience: &Patience,
    ) {
        let living: BTreeMap<_, _> =
            image.live_brokers().filter_map(|broker| Some((broker, image.living(broker)?))).collect();
        for (broker, life) in &self.living {
            if living.get(broker) != Some(life) {
                let with_a_trace = left_a_trace(before, image, *broker);
                self.vanished.insert(*broker, Vanished { life: *life, at: now, with_a_trace });
            }
        }
        let returned = |broker: &BrokerId| living.contains_key(broker);
        self.vanished.retain(|broker, death| {
            let recent = now.saturating_duration_since(death.at) < patience.brake * 2;
            // The life that vanished is kept for its time of death, but one that is back does not count.
            death.with_a_trace |= returned(broker);
            recent
        });
        self.living = living;
        self.set_brake(gap, now, patience);
    }

    fn set_brake(&mut self, gap: Option<Gap>, now: Instant, patience: &Patience) {
        let recent = |death: &&Vanished| {
            !death.with_a_trace && now.saturating_duration_since(death.at) < patience.brake
        };
        let missing = self.vanished.values().filter(recent).count();
        let before = self.living.len() + missing;
        // Whoever died within a lease of the end of a gap may have been cut off like this broker was.
        let blind_until =
            gap.filter(|gap| gap.lasted() * 2 > patience.brake).map(|gap| gap.ended + patience.brake);
        if missing >= MASS_DEATH_MIN && missing * 3 > before {
            self.braked_until = self.braked_until.or(Some(now + patience.brake));
        } else if let Some(until) = blind_until.filter(|until| missing > 0 && now < *until) {
            self.braked_until = self.braked_until.or(Some(until));
        } else if self.vanished.values().all(|death| death.with_a_trace) {
            self.braked_until = None;
        }
        self.braked_until = self.braked_until.filter(|until| now < *until);
    }

    /// Until when nothing is to be done about the dead, if so.
    #[must_use]
    pub fn braked_until(&self, now: Instant) -> Option<Instant> {
        self.braked_until.filter(|until| now < *until && rules::holds(Rule::Brake))
    }

    /// The lives that are waited for now: nothing is to be done about them.
    #[must_use]
    pub fn awaited(&self, now: Instant) -> BTreeSet<Incarnation> {
        if self.braked_until(now).is_none() {
            return BTreeSet::new();
        }
        self.vanished.values().filter(|death| !death.with_a_trace).map(|death| death.life).collect()
    }

    /// When this life was seen to vanish, if that was lately.
    #[must_use]
    pub fn vanished_at(&self, life: Incarnation) -> Option<Instant> {
        self.vanished.get(&life.broker).filter(|death| death.life == life).map(|death| death.at)
    }

    /// Of the partitions whose preferred leader could lead, those whose time has come.
    pub fn due(
        &mut self,
        candidates: Vec<PartitionWrite>,
        image: &Image,
        now: Instant,
        patience: &Patience,
    ) -> Vec<PartitionWrite> {
        let candidates = imbalanced(candidates, image, patience.imbalance_percentage_max);
        let able_since = candidates.iter().map(|write| {
            let since = self.able_since.get(&write.tp).copied().unwrap_or(now);
            (write.tp.clone(), since)
        });
        self.able_since = able_since.collect();
        let pausing = self
            .last_round
            .is_some_and(|last| now.saturating_duration_since(last) < patience.rebalance_pause);
        if pausing {
            return Vec::new();
        }
        let mut due = candidates;
        due.retain(|write| {
            now.saturating_duration_since(self.able_since[&write.tp]) >= patience.rebalance_after
        });
        due.truncate(patience.rebalance_moves_max);
        if !due.is_empty() {
            self.last_round = Some(now);
        }
        due
    }
}

/// Those of the candidates whose preferred leader is without more of its partitions than `percentage_max` allows.
fn imbalanced(
    mut candidates: Vec<PartitionWrite>,
    image: &Image,
    percentage_max: u32,
) -> Vec<PartitionWrite> {
    if candidates.is_empty() {
        return candidates;
    }
    // For each preferred leader: how many partitions it should lead, and how many of them others do.
    let mut counts: BTreeMap<BrokerId, (usize, usize)> = BTreeMap::new();
    for (_, _, record) in image.partitions() {
        let state = &record.state;
        let Some(first) = state.replicas.first() else { continue };
        let (all, elsewhere) = counts.entry(*first).or_default();
        *all += 1;
        *elsewhere += usize::from(state.leader.is_none_or(|leader| leader.broker != *first));
    }
    candidates.retain(|write| {
        let first = write.new.as_ref().and_then(|state| state.replicas.first());
        let count = first.and_then(|first| counts.get(first));
        count.is_some_and(|(all, elsewhere)| elsewhere * 100 > all * percentage_max as usize)
    });
    candidates
}

/// Whether a broker that vanished is known to be gone: it was draining or had not begun to serve, or its peers were
/// refused by its port, or it is back already.
fn left_a_trace(before: &Image, image: &Image, broker: BrokerId) -> bool {
    let Some(lived) = before.live.get(&broker) else { return true };
    // A report of an earlier life, or of an earlier lease of this one, says nothing about this death.
    let subject = Subject { epoch: lived.epoch, lease: lived.lease };
    let mut reports = before.suspects.iter().chain(&image.suspects);
    let refused = reports.any(|((suspect, _), report)| *suspect == broker && Subject::of(report) == subject);
    lived.state != LiveState::Active || refused || image.live.contains_key(&broker)
}
