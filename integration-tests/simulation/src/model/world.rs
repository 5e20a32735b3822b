//! Three brokers, a store, and what may happen to them: one state of the model, and its successors.
//!
//! *Invariant:* a state and an action determine the next state; nothing here knows a clock or a die.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use coordinator_adapter::Revision;
use tidemark::cluster::IsrChange;
use tidemark::replication::{IsrOutcome, IsrProposal};
use tidemark::types::{
    BrokerId, FlushMode, LeaderEpoch, PartitionEpoch, PartitionRecord, PartitionState, TopicId,
};

use super::action::Action;
use super::bounds::Bounds;
use super::broker::{Broker, Question, Role, life};
use super::fingerprint::Fingerprint;
use super::history::History;
use super::store::{LeaderWrite, Store, Why};

/// How many leader's writes may be under way at once; more are as good as lost.
const UNDER_WAY_MAX: usize = 4;

/// One state.
#[derive(Clone, Debug)]
pub(super) struct World {
    brokers: [Arc<Broker>; 3],
    prints: [u64; 3],
    /// The questions of the followers that are under way.
    questions: [Option<Question>; 3],
    pub(super) store: Store,
    pub(super) history: History,
    left: Left,
}

/// How often each thing may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    writes: u8,
    crashes: u8,
    lost_disks: u8,
    expiries: u8,
    hand_overs: u8,
    proposals: u8,
    timeouts: u8,
    late_writes: u8,
    controllers: u8,
    late_fetches: u8,
}

fn index(id: BrokerId) -> usize {
    usize::try_from(id.0 - 1).expect("brokers are numbered from 1")
}

fn ids() -> impl DoubleEndedIterator<Item = BrokerId> {
    (1..=3).map(BrokerId)
}

impl World {
    /// Where a history begins: broker 1 leads, all have seen it, nothing is appended.
    pub(super) fn new(bounds: &Bounds) -> Self {
        let state = PartitionState {
            v: 1,
            topic_id: TopicId(Default::default()),
            replicas: if bounds.falling { ids().rev().collect() } else { ids().collect() },
            adding: vec![],
            removing: vec![],
            leader: Some(life(1, 1)),
            leader_epoch: LeaderEpoch(1),
            isr: ids().take(bounds.in_sync).map(|id| life(id.0, 1)).collect(),
            elr: vec![],
            min_isr: bounds.min_isr,
            flush: bounds.flush,
        };
        let store = Store::new(PartitionRecord { state, partition_epoch: PartitionEpoch(1) });
        let brokers = [1, 2, 3].map(|id| Arc::new(Broker::new(life(id, 1), store.record())));
        let prints = [0, 1, 2].map(|at| Fingerprint::of(&*brokers[at]));
        let left = Left {
            writes: bounds.writes,
            crashes: bounds.crashes,
            lost_disks: bounds.lost_disks,
            expiries: bounds.expiries,
            hand_overs: bounds.hand_overs,
            proposals: bounds.proposals,
            timeouts: bounds.timeouts,
            late_writes: bounds.late_writes,
            controllers: bounds.controllers,
            late_fetches: bounds.late_fetches,
        };
        Self { brokers, prints, questions: [None; 3], store, history: History::default(), left }
    }

    /// This state in 64 bits.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = Fingerprint::begin();
        self.prints.hash(&mut hasher);
        self.questions.hash(&mut hasher);
        self.store.hash(&mut hasher);
        self.history.hash(&mut hasher);
        self.left.hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn broker(&self, id: BrokerId) -> &Broker {
        &self.brokers[index(id)]
    }

    pub(super) fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.iter().map(AsRef::as_ref)
    }

    fn change<T>(&mut self, id: BrokerId, change: impl FnOnce(&mut Broker) -> T) -> T {
        let at = index(id);
        let broker = Arc::make_mut(&mut self.brokers[at]);
        let result = change(broker);
        self.prints[at] = Fingerprint::of(broker);
        result
    }

    /// What may happen next.
    pub(super) fn actions(&self, bounds: &Bounds, out: &mut Vec<Action>) {
        out.clear();
        for id in ids() {
            let broker = self.broker(id);
            if broker.up {
                self.actions_of(id, bounds, out);
            } else {
                out.push(Action::Restart(id));
                if self.left.lost_disks > 0 {
                    out.push(Action::LoseDisk(id));
                }
            }
            // Who is dead loses its lease in any case.
            if self.store.is_live(id) && (!broker.up || self.left.expiries > 0) {
                out.push(Action::Expire(id));
            }
        }
        for (nth, write) in (0..).zip(&self.store.leader_writes) {
            out.push(Action::Land(nth));
            if write.awaited && self.left.timeouts > 0 {
                out.extend([Action::TimeOut(nth), Action::Unsent(nth)]);
            }
        }
        let epoch = self.store.record().state.leader_epoch.0;
        if epoch < i32::from(bounds.epochs) {
            if bounds.prefers {
                out.push(Action::Prefer);
            }
            if self.left.hand_overs > 0 {
                out.push(Action::HandOver);
            }
        }
        if self.left.late_writes > 0 {
            out.push(Action::Decide);
        }
        out.push(Action::Control);
        out.extend((0..).zip(&self.store.controller_writes).map(|(nth, _)| Action::LandControl(nth)));
        if self.left.controllers > 0 {
            out.push(Action::NewController);
        }
    }

    fn actions_of(&self, id: BrokerId, bounds: &Bounds, out: &mut Vec<Action>) {
        let broker = self.broker(id);
        if !self.store.is_live(id) {
            out.push(Action::Revive(id));
        }
        let mut unseen = self.store.versions.iter().filter(|record| record.partition_epoch > broker.seen);
        if unseen.next().is_some() {
            out.push(Action::SeeNewest(id));
            if unseen.next().is_some() {
                out.push(Action::SeeNext(id));
            }
        }
        match &broker.role {
            Role::Leader(leader) => {
                // (A follower flushes before it asks, and nothing depends on it sooner.)
                if !broker.log.is_durable() && bounds.flush == FlushMode::Ack {
                    out.push(Action::Flush(id));
                }
                if self.left.writes > 0 && broker.may_append() {
                    out.push(Action::Append(id));
                }
                if self.left.proposals > 0 {
                    for other in ids().filter(|other| *other != id) {
                        let in_sync = leader.record().state.isr_member(other);
                        out.extend(in_sync.map(|_| Action::Shrink(id, other)));
                        let fetched =
                            leader.followers().iter().find(|known| known.incarnation.broker == other);
                        let outside = fetched.filter(|known| Some(known.incarnation) != in_sync);
                        out.extend(outside.map(|_| Action::Expand(id, other)));
                    }
                }
            }
            Role::Follower(follower) => {
                if follower.leader().is_some_and(|leader| self.broker(leader.broker).up) {
                    out.push(Action::Fetch(id));
                    if self.left.late_fetches > 0 {
                        out.push(Action::Ask(id));
                    }
                }
            }
        }
        if self.questions[index(id)].is_some_and(|question| self.broker(question.to).up) {
            out.push(Action::Answer(id));
        }
        if broker.answer.is_some() {
            out.push(Action::Take(id));
        }
        if self.left.crashes > 0 {
            if bounds.flush != FlushMode::Ack {
                out.push(Action::Stop(id)); // else a crash that keeps everything is the same
            }
            let (end, safe) = (broker.log.end(), broker.log.durable());
            // All of it stays, or only what must; or something between.
            let between = (end > safe + 1).then(|| end - 1);
            let kept = [Some(end), between, (safe < end).then_some(safe)];
            out.extend(kept.into_iter().flatten().map(|kept| Action::Crash(id, kept as u8)));
        }
    }

    /// The state after `action`; `None` if that changes nothing.
    pub(super) fn after(&self, action: Action, bounds: &Bounds) -> Option<Self> {
        let mut next = self.clone();
        next.step(action, bounds).then_some(())?;
        let seen = next.brokers().filter(|broker| broker.up).map(|broker| broker.seen).min();
        let newest = next.store.record().partition_epoch;
        next.store.forget_below(seen.unwrap_or(newest));
        next.store.forget_hopeless();
        Some(next)
    }

    fn step(&mut self, action: Action, bounds: &Bounds) -> bool {
        match action {
            Action::Append(id) => {
                let value = bounds.writes - self.left.writes;
                self.left.writes -= 1;
                self.change(id, |broker| broker.append(value));
            }
            Action::Flush(id) => self.change(id, Broker::flush),
            Action::Fetch(_) | Action::Ask(_) | Action::Answer(_) | Action::Take(_) => {
                return self.fetch_step(action);
            }
            Action::SeeNext(id) => {
                let seen = self.broker(id).seen;
                let next = self.store.versions.iter().find(|record| record.partition_epoch > seen);
                let Some(record) = next.cloned() else { return false };
                self.change(id, |broker| broker.see(&record));
            }
            Action::SeeNewest(id) => {
                let record = Arc::clone(self.store.record());
                self.change(id, |broker| broker.see(&record));
            }
            Action::Shrink(id, member) => {
                let proposal = self.change(id, |broker| broker.propose_without(member));
                return self.proposed(id, proposal);
            }
            Action::Expand(id, joiner) => {
                let proposal = self.change(id, |broker| broker.propose_with(joiner));
                return self.proposed(id, proposal);
            }
            Action::Land(nth) => self.land(nth),
            Action::TimeOut(nth) => {
                self.left.timeouts -= 1;
                let write = &mut self.store.leader_writes[usize::from(nth)];
                write.awaited = false;
                let (from, guard) = (write.from.broker, write.change.guard);
                self.settle(from, guard, IsrOutcome::Unknown);
            }
            Action::Unsent(nth) => {
                self.left.timeouts -= 1;
                let write = self.store.leader_writes.remove(usize::from(nth));
                self.settle(write.from.broker, write.change.guard, IsrOutcome::NotSent);
            }
            Action::Control | Action::Decide | Action::HandOver | Action::Prefer | Action::LandControl(_) => {
                return self.control(action, bounds);
            }
            Action::NewController => {
                self.left.controllers -= 1;
                self.store.seat = Revision(self.store.seat.0 + 1);
            }
            Action::Expire(id) => {
                self.left.expiries -= u8::from(self.broker(id).up);
                self.store.expire(id);
            }
            Action::Revive(id) => {
                let me = self.broker(id).me;
                self.store.revive(me);
            }
            Action::Crash(id, kept) => self.goes_down(id, |broker| broker.crash(usize::from(kept))),
            Action::Stop(id) => self.goes_down(id, Broker::stop),
            Action::LoseDisk(id) => {
                self.left.lost_disks -= 1;
                self.change(id, Broker::lose_disk);
            }
            Action::Restart(id) => {
                let me = self.store.register(id, self.broker(id).proof);
                let newest = self.store.record().partition_epoch;
                self.change(id, |broker| broker.restart(me, newest));
            }
        }
        true
    }

    fn fetch_step(&mut self, action: Action) -> bool {
        match action {
            Action::Fetch(id) => {
                let Some(question) = self.change(id, Broker::ask) else { return false };
                let answer = self.change(question.to, |leader| leader.answer(question));
                self.change(id, |follower| follower.take(answer));
            }
            Action::Ask(id) => {
                self.left.late_fetches -= 1;
                let question = self.change(id, Broker::ask);
                if question.is_none() {
                    return false;
                }
                self.questions[index(id)] = question;
            }
            Action::Answer(id) => {
                let Some(question) = self.questions[index(id)].take() else { return false };
                let answer = self.change(question.to, |leader| leader.answer(question));
                // Nobody is there to take it if the life that asked is over.
                if self.broker(id).up && self.broker(id).me == question.from {
                    self.change(id, |follower| follower.answer = Some(answer));
                }
            }
            Action::Take(id) => self.change(id, |follower| {
                let answer = follower.answer.take();
                answer.into_iter().for_each(|answer| follower.take(answer));
            }),
            other => unreachable!("{other} is no step of a fetch"),
        }
        true
    }

    fn proposed(&mut self, id: BrokerId, proposal: Option<IsrProposal>) -> bool {
        let Some(proposal) = proposal else { return false };
        self.left.proposals -= 1;
        self.send(id, proposal);
        true
    }

    fn send(&mut self, id: BrokerId, IsrProposal { tp, guard, state, joiner }: IsrProposal) {
        if self.store.leader_writes.len() < UNDER_WAY_MAX {
            let change = Arc::new(IsrChange { tp, guard, state, joiner });
            let from = self.broker(id).me;
            self.store.leader_writes.push(LeaderWrite { from, change, awaited: true });
        }
    }

    fn land(&mut self, nth: u8) {
        let write = self.store.leader_writes.remove(usize::from(nth));
        let outcome = self.store.land_leader_write(&write.change);
        if write.awaited {
            self.settle(write.from.broker, write.change.guard, outcome);
        }
    }

    fn settle(&mut self, id: BrokerId, guard: PartitionEpoch, outcome: IsrOutcome) {
        if let Some(again) = self.change(id, |broker| broker.settle(guard, outcome)) {
            self.send(id, again);
        }
    }

    fn control(&mut self, action: Action, bounds: &Bounds) -> bool {
        if let Action::LandControl(nth) = action {
            let late = self.store.controller_writes.remove(usize::from(nth));
            self.store.land_controller_write(&late);
            return true;
        }
        let why = match action {
            Action::Prefer => Why::Preference,
            Action::HandOver => Why::LeaderIsFull,
            _ => Why::Need,
        };
        let Some(decided) = self.store.decide(why) else { return false };
        let epoch = decided.write.new.as_ref().map_or(0, |state| state.leader_epoch.0);
        if epoch > i32::from(bounds.epochs) {
            return false;
        }
        self.left.hand_overs -= u8::from(action == Action::HandOver);
        if action == Action::Decide {
            self.left.late_writes -= 1;
            self.store.controller_writes.push(decided);
            return true;
        }
        self.store.land_controller_write(&decided)
    }

    fn goes_down(&mut self, id: BrokerId, how: impl FnOnce(&mut Broker)) {
        self.left.crashes -= 1;
        let me = self.broker(id).me;
        self.change(id, how);
        // What it sent may yet land; nobody hears of it.
        self.store
            .leader_writes
            .iter_mut()
            .filter(|write| write.from == me)
            .for_each(|write| write.awaited = false);
    }
}
