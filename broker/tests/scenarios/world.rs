//! Brokers, the coordination store between them, and what must hold at every moment.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tidemark::clock::Clock;
use tidemark::cluster::guards::{Guard, guards_of_isr_change};
use tidemark::cluster::{IsrChange, Key};
use tidemark::replication::{IsrOutcome, IsrProposal, Liveness, NextFetch, with_isr};
use tidemark::types::{
    BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, PartitionEpoch, PartitionRecord,
    PartitionState, TopicId,
};
use uuid::Uuid;

use crate::log::Entry;
use crate::node::{Node, Role};

/// A write of an ISR between a leader and the store.
pub(crate) struct Write {
    pub(crate) from: Incarnation,
    pub(crate) proposal: IsrProposal,
    /// What the store said, once the write has reached it.
    pub(crate) outcome: Option<IsrOutcome>,
    /// The leader no longer waits for this one: nobody will hear the outcome.
    pub(crate) abandoned: bool,
}

pub(crate) struct World {
    pub(crate) nodes: BTreeMap<i32, Node>,
    pub(crate) record: PartitionRecord,
    pub(crate) versions: Vec<PartitionRecord>,
    pub(crate) writes: VecDeque<Write>,
    /// Each broker's registration: its life, and the life that it proves to have recovered from.
    pub(crate) registered: BTreeMap<i32, (BrokerEpoch, Option<BrokerEpoch>)>,
    pub(crate) live: BTreeSet<Incarnation>,
    pub(crate) now: Instant,
    revision: i64,
    /// Everything that some leader has committed.
    committed: BTreeMap<i64, Entry>,
    /// An operator has given up what was committed.
    forgiven: bool,
}

impl World {
    pub(crate) fn new(replicas: &[i32], isr: &[i32], min_isr: u32, flush: FlushMode) -> Self {
        let life = |id: &i32| Incarnation { broker: BrokerId(*id), epoch: BrokerEpoch(i64::from(*id)) };
        let state = PartitionState {
            v: 1,
            topic_id: TopicId(Uuid::from_u128(1)),
            replicas: replicas.iter().copied().map(BrokerId).collect(),
            adding: vec![],
            removing: vec![],
            leader: isr.first().map(life),
            leader_epoch: LeaderEpoch(1),
            isr: isr.iter().map(life).collect(),
            elr: vec![],
            min_isr,
            flush,
        };
        let record = PartitionRecord { state, partition_epoch: PartitionEpoch(10) };
        let now = Clock::manual(0).now();
        Self {
            nodes: replicas.iter().map(|id| (*id, Node::new(life(id), &record, now))).collect(),
            versions: vec![record.clone()],
            record,
            writes: VecDeque::new(),
            registered: replicas.iter().map(|id| (*id, (life(id).epoch, None))).collect(),
            live: replicas.iter().map(life).collect(),
            now,
            revision: 10,
            committed: BTreeMap::new(),
            forgiven: false,
        }
    }

    pub(crate) fn node(&mut self, id: i32) -> &mut Node {
        self.nodes.get_mut(&id).unwrap_or_else(|| panic!("no broker {id}"))
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn next_revision(&mut self) -> i64 {
        self.revision += 1;
        self.revision
    }

    fn write(&mut self, state: PartitionState) {
        self.record = PartitionRecord { state, partition_epoch: PartitionEpoch(self.next_revision()) };
        self.versions.push(self.record.clone());
    }

    /// A follower asks its leader; the answer is under way then.
    pub(crate) fn ask(&mut self, follower: i32, leader: i32) -> String {
        let (from, now) = (self.node(follower).me, self.now);
        let asked = match self.node(follower).next_fetch() {
            NextFetch::NoLeader => return "no leader".to_owned(),
            NextFetch::FlushFirst => return "must flush first".to_owned(),
            NextFetch::Fetch(asked) => asked,
        };
        if !self.node(follower).up || !self.node(leader).up {
            return "no connection".to_owned();
        }
        let (said, answer) = self.node(leader).answer(from, asked, now);
        self.node(follower).answer = Some(answer);
        said
    }

    /// A leader looks at its ISR; what it proposes is under way then.
    pub(crate) fn propose(&mut self, leader: i32) -> Option<IsrProposal> {
        let now = self.now;
        let proposal = self.node(leader).propose(now)?;
        self.send(leader, proposal.clone());
        Some(proposal)
    }

    fn send(&mut self, leader: i32, proposal: IsrProposal) {
        let from = self.node(leader).me;
        self.writes.push_back(Write { from, proposal, outcome: None, abandoned: false });
    }

    /// The store handles the `nth` write that it has not handled.
    pub(crate) fn handle(&mut self, nth: usize) -> String {
        let waiting: Vec<usize> =
            (0..self.writes.len()).filter(|at| self.writes[*at].outcome.is_none()).collect();
        let Some(at) = waiting.get(nth).copied() else {
            return "nothing".to_owned();
        };
        let IsrProposal { tp, guard, state, joiner } = self.writes[at].proposal.clone();
        let change = IsrChange { tp, guard, state: state.clone(), joiner };
        let fits = guards_of_isr_change(&change).iter().all(|guard| self.holds(guard));
        let outcome = if fits {
            self.write(state);
            IsrOutcome::Committed(self.record.clone())
        } else {
            IsrOutcome::Refused { current: Some(self.record.clone()) }
        };
        if self.writes[at].abandoned {
            self.writes.remove(at);
        } else {
            self.writes[at].outcome = Some(outcome);
        }
        if fits { "committed" } else { "refused" }.to_owned()
    }

    /// Whether a condition of a write holds in the store.
    fn holds(&self, guard: &Guard) -> bool {
        let life = |id: &BrokerId| self.registered.get(&id.0).map(|(life, _)| *life);
        match guard {
            Guard::At(Key::Partition(_), revision) => self.record.partition_epoch.0 == revision.0,
            Guard::At(Key::Broker(id), revision) => life(id).is_some_and(|life| life.0 == revision.0),
            Guard::Exists(Key::Live(id)) => self.live.iter().any(|living| living.broker == *id),
            other => panic!("a leader writes under {other:?}"),
        }
    }

    /// The first outcome for this leader reaches it.
    pub(crate) fn hear(&mut self, leader: i32) -> String {
        let me = self.node(leader).me;
        let at = self
            .writes
            .iter()
            .position(|write| write.from == me && !write.abandoned && write.outcome.is_some());
        let Some(write) = at.and_then(|at| self.writes.remove(at)) else {
            return "nothing".to_owned();
        };
        self.settle(leader, write.proposal.guard, write.outcome.expect("it has one"))
    }

    /// The leader gives up waiting for its write, which may or may not have been, or be, handled.
    pub(crate) fn lose(&mut self, leader: i32) -> String {
        let me = self.node(leader).me;
        let Some(at) = self.writes.iter().position(|write| write.from == me && !write.abandoned) else {
            return "nothing".to_owned();
        };
        let guard = self.writes[at].proposal.guard;
        if self.writes[at].outcome.is_some() {
            self.writes.remove(at);
        } else {
            self.writes[at].abandoned = true;
        }
        self.settle(leader, guard, IsrOutcome::Unknown)
    }

    /// A write that was never sent.
    pub(crate) fn unsend(&mut self, leader: i32) -> String {
        let me = self.node(leader).me;
        let at = self
            .writes
            .iter()
            .position(|write| write.from == me && !write.abandoned && write.outcome.is_none());
        let Some(write) = at.and_then(|at| self.writes.remove(at)) else {
            return "nothing".to_owned();
        };
        self.settle(leader, write.proposal.guard, IsrOutcome::NotSent)
    }

    fn settle(&mut self, leader: i32, guard: PartitionEpoch, outcome: IsrOutcome) -> String {
        let now = self.now;
        let (said, again) = self.node(leader).settle(guard, outcome, now);
        if let Some(again) = again {
            self.send(leader, again);
        }
        said
    }

    /// The controller makes `id` the leader, if that is safe (rules 11 to 13), or in any case if an operator insists.
    pub(crate) fn elect(&mut self, id: i32, unclean: bool) -> String {
        let (life, recovered_from) = self.registered[&id];
        let me = Incarnation { broker: BrokerId(id), epoch: life };
        let state = self.record.state.clone();
        let counts = |member: &Incarnation| {
            member.broker == me.broker
                && (member.epoch == life
                    || (state.flush == FlushMode::Ack && recovered_from == Some(member.epoch)))
        };
        let in_isr = state.isr.iter().any(counts);
        let isr_has_live = state.isr.iter().any(|member| self.live.contains(member)) || in_isr;
        let eligible = self.live.contains(&me) && (in_isr || (!isr_has_live && state.elr.iter().any(counts)));
        if !eligible && !unclean {
            return "not eligible".to_owned();
        }
        self.forgiven |= !eligible;
        let mut isr = vec![me];
        isr.extend(
            state.isr.iter().filter(|member| member.broker.0 != id && in_isr && self.live.contains(member)),
        );
        let mut next = with_isr(&state, isr);
        next.leader = Some(me);
        next.leader_epoch = state.leader_epoch.next();
        self.write(next);
        format!("epoch {}", self.record.state.leader_epoch)
    }

    /// The controller takes a dead member out.
    pub(crate) fn shrink(&mut self, id: i32) -> String {
        let state = &self.record.state;
        let isr: Vec<_> = state.isr.iter().copied().filter(|member| member.broker.0 != id).collect();
        if isr.is_empty()
            || isr.len() == state.isr.len()
            || state.leader.is_some_and(|leader| leader.broker.0 == id)
        {
            return "nothing".to_owned();
        }
        let next = with_isr(state, isr);
        self.write(next);
        "done".to_owned()
    }

    /// The controller changes who holds a copy; members of the ISR that no longer do leave it.
    pub(crate) fn assign(&mut self, replicas: &[i32]) {
        let mut next = self.record.state.clone();
        next.replicas = replicas.iter().copied().map(BrokerId).collect();
        next.isr.retain(|member| next.replicas.contains(&member.broker));
        // As at the end of a move: if the leader leaves, the first of those that stay in sync leads, in the same write.
        if !next.leader.is_some_and(|leader| next.isr.contains(&leader)) {
            next.leader = next.isr.first().copied();
            next.leader_epoch = next.leader_epoch.next();
        }
        self.write(next);
    }

    pub(crate) fn crash(&mut self, id: i32, keeps_unsynced: bool) {
        let me = self.node(id).me;
        self.node(id).crash(keeps_unsynced);
        self.live.remove(&me);
        // Its writes may still be handled; nobody hears of them.
        self.writes.iter_mut().filter(|write| write.from == me).for_each(|write| write.abandoned = true);
        self.writes.retain(|write| !write.abandoned || write.outcome.is_none());
    }

    /// A broker comes back, proving how it recovered from its last life.
    pub(crate) fn restart(&mut self, id: i32) {
        let before = self.registered[&id].0;
        let epoch = BrokerEpoch(self.next_revision());
        let me = Incarnation { broker: BrokerId(id), epoch };
        self.registered.insert(id, (epoch, Some(before)));
        self.live.insert(me);
        self.node(id).restart(me);
    }

    pub(crate) fn see(&mut self, id: i32, version: Option<usize>) -> String {
        let record = version.map_or_else(|| self.record.clone(), |at| self.versions[at].clone());
        let now = self.now;
        if !self.node(id).up {
            return "down".to_owned();
        }
        self.node(id).see(&record, now)
    }

    /// Tells all leaders who is live.
    pub(crate) fn tell_liveness(&mut self) {
        let live = Liveness::known(self.live.clone());
        self.nodes.values_mut().for_each(|node| node.live = live.clone());
    }

    /// What must hold at every moment: nothing committed is ever lost, or committed twice.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        if self.forgiven {
            return Ok(());
        }
        for (id, node) in &self.nodes {
            let Role::Leader(leader) = &node.role else { continue };
            if !node.up {
                continue;
            }
            for offset in node.log.start()..leader.high_watermark().0 {
                let entry = node.log.get(offset).ok_or_else(|| {
                    format!(
                        "broker {id} calls offset {offset} committed, but its log ends at {}",
                        node.log.end()
                    )
                })?;
                let first = self.committed.entry(offset).or_insert_with(|| entry.clone());
                if first != entry {
                    return Err(format!(
                        "offset {offset}: {first:?} was committed, and now {entry:?} on broker {id}"
                    ));
                }
            }
        }
        for (id, node) in &self.nodes {
            let Role::Leader(leader) = &node.role else { continue };
            if !node.up || leader.epoch() != self.record.state.leader_epoch {
                continue;
            }
            for (offset, entry) in self.committed.range(node.log.start()..) {
                if node.log.get(*offset) != Some(entry) {
                    let has = node.log.get(*offset);
                    return Err(format!(
                        "broker {id} leads without what was committed at {offset}: {entry:?}, it has {has:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The number of entries ever committed.
    pub(crate) fn committed_count(&self) -> usize {
        self.committed.len()
    }
}
