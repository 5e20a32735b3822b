//! The coordination store of the model: one partition's record in all versions that somebody has yet to see, who is
//! registered, who lives, and the writes that are under way.
//!
//! A write lands by the very guards that production sends with it ([`tidemark::cluster::guards`]).

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use coordinator_adapter::{LeaseId, Revision};
use tidemark::cluster::election::{Cause, Census, next_state, prefer};
use tidemark::cluster::guards::{Guard, guards_of_isr_change, guards_of_write};
use tidemark::cluster::reconcile::{PartitionWrite, TopicGuard};
use tidemark::cluster::{
    HostPort, IsrChange, Key, Live, LiveState, Recovered, Recovery, Registration, inherited,
};
use tidemark::replication::IsrOutcome;
use tidemark::rules::{self, Rule};
use tidemark::types::{
    BrokerEpoch, BrokerId, Incarnation, PartitionEpoch, PartitionIndex, PartitionRecord, PartitionState,
    TopicName, TopicPartition,
};

use super::broker::life;

/// The partition of the model.
pub(super) fn partition() -> TopicPartition {
    thread_local! {
        static TP: TopicPartition =
            TopicPartition::new(TopicName::new("t").expect("a legal name"), PartitionIndex(0));
    }
    TP.with(Clone::clone)
}

/// Where the topic's own value stands; nothing changes it.
const TOPIC: Revision = Revision(1);

/// Who is registered, and who holds a lease.
#[derive(Clone, Debug)]
pub(super) struct Members {
    brokers: BTreeMap<BrokerId, Arc<Registration>>,
    live: BTreeMap<BrokerId, Arc<Live>>,
}

impl Hash for Members {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (id, broker) in &self.brokers {
            let recovered = &broker.recovered;
            (id, broker.epoch, recovered.from, recovered.how as u8).hash(state);
            for link in &recovered.earlier {
                (link.from, link.how as u8).hash(state);
            }
            self.live.get(id).map(|live| live.epoch).hash(state);
        }
    }
}

/// A leader's write that has not reached the store, or not yet.
#[derive(Clone, Debug)]
pub(super) struct LeaderWrite {
    pub(super) from: Incarnation,
    pub(super) change: Arc<IsrChange>,
    /// Whether the leader still waits for its outcome.
    pub(super) awaited: bool,
}

/// A controller's write that has not reached the store yet.
#[derive(Clone, Debug)]
pub(super) struct ControllerWrite {
    pub(super) seat: Revision,
    pub(super) write: Arc<PartitionWrite>,
}

/// Why the controller looks at the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To put right what is wrong.
    Need,
    /// The same, and the leader's disk is full at this moment.
    LeaderIsFull,
    /// To bring the preferred leader back.
    Preference,
}

/// All that the store holds.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// The newest last.
    pub(super) versions: Vec<Arc<PartitionRecord>>,
    pub(super) members: Arc<Members>,
    /// When the controller's seat was taken last.
    pub(super) seat: Revision,
    pub(super) leader_writes: Vec<LeaderWrite>,
    pub(super) controller_writes: Vec<ControllerWrite>,
}

impl Hash for Store {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.versions.hash(state);
        self.members.hash(state);
        self.seat.0.hash(state);
        for write in &self.leader_writes {
            (write.from, write.change.guard, &write.change.state, write.change.joiner, write.awaited)
                .hash(state);
        }
        for late in &self.controller_writes {
            (late.seat.0, late.write.guard, &late.write.new).hash(state);
        }
    }
}

impl Store {
    pub(super) fn new(record: PartitionRecord) -> Self {
        let ids = record.state.replicas.clone();
        let brokers =
            ids.iter().map(|id| (*id, Arc::new(registration(*id, 1, Recovered::NOTHING)))).collect();
        let live = ids.iter().map(|id| (*id, Arc::new(live(BrokerEpoch(1))))).collect();
        Self {
            versions: vec![Arc::new(record)],
            members: Arc::new(Members { brokers, live }),
            seat: Revision(1),
            leader_writes: Vec::new(),
            controller_writes: Vec::new(),
        }
    }

    /// The newest version.
    pub(super) fn record(&self) -> &Arc<PartitionRecord> {
        self.versions.last().expect("there is always a record")
    }

    fn put(&mut self, state: PartitionState) {
        let partition_epoch = PartitionEpoch(self.record().partition_epoch.0 + 1);
        self.versions.push(Arc::new(PartitionRecord { state, partition_epoch }));
    }

    /// Forgets the versions that everybody has seen.
    pub(super) fn forget_below(&mut self, seen: PartitionEpoch) {
        let newest = self.record().partition_epoch;
        self.versions.retain(|record| record.partition_epoch > seen || record.partition_epoch == newest);
    }

    /// Forgets the writes that can never land, nor tell anybody.
    pub(super) fn forget_hopeless(&mut self) {
        let newest = self.record().partition_epoch;
        if rules::holds(Rule::LeaderGuardsRecord) {
            self.leader_writes.retain(|write| write.awaited || write.change.guard >= newest);
        }
        if rules::holds(Rule::ControllerGuardsRecord) {
            self.controller_writes.retain(|late| late.write.guard >= Some(newest));
        }
    }

    fn fits(&self, guard: &Guard) -> bool {
        match guard {
            Guard::At(Key::Partition(_), revision) => self.record().partition_epoch.0 == revision.0,
            Guard::At(Key::Broker(id), revision) => {
                self.members.brokers.get(id).is_some_and(|broker| broker.epoch.0 == revision.0)
            }
            Guard::At(Key::Topic(_), revision) => *revision == TOPIC,
            Guard::CreatedAt(Key::Controller, revision) => self.seat == *revision,
            Guard::Exists(Key::Live(id)) => self.members.live.contains_key(id),
            other => unreachable!("nobody in this model writes under {other:?}"),
        }
    }

    /// A leader's write reaches the store.
    pub(super) fn land_leader_write(&mut self, change: &IsrChange) -> IsrOutcome {
        if guards_of_isr_change(change).iter().all(|guard| self.fits(guard)) {
            self.put(change.state.clone());
            IsrOutcome::Committed(PartitionRecord::clone(self.record()))
        } else {
            IsrOutcome::Refused { current: Some(PartitionRecord::clone(self.record())) }
        }
    }

    /// A controller's write reaches the store. Whether it fits.
    pub(super) fn land_controller_write(&mut self, late: &ControllerWrite) -> bool {
        let fits = guards_of_write(late.seat, &late.write).iter().all(|guard| self.fits(guard));
        if fits {
            self.put(late.write.new.clone().expect("no record is deleted here"));
        }
        fits
    }

    fn census<'a>(&'a self, drains: &'a BTreeMap<BrokerId, Arc<tidemark::cluster::Drain>>) -> Census<'a> {
        Census { live: &self.members.live, brokers: &self.members.brokers, drains }
    }

    /// What the controller would write now, for this reason.
    pub(super) fn decide(&self, why: Why) -> Option<ControllerWrite> {
        if why == Why::LeaderIsFull {
            let leader = self.record().state.leader?;
            let mut moment = self.clone();
            let live = &mut Arc::make_mut(&mut moment.members).live;
            Arc::make_mut(live.get_mut(&leader.broker)?).disk_full = true;
            return moment.decide(Why::Need);
        }
        let record = self.record();
        let drains = BTreeMap::new();
        let census = self.census(&drains);
        let (state, cause) = if why == Why::Preference {
            (prefer(&record.state, census)?, Cause::Rebalance)
        } else {
            next_state(&record.state, census, record.state.min_isr, &Default::default())?
        };
        let write = PartitionWrite {
            tp: partition(),
            guard: Some(record.partition_epoch),
            topic: TopicGuard::At(TOPIC),
            new: Some(state),
            cause,
            order: None,
        };
        Some(ControllerWrite { seat: self.seat, write: Arc::new(write) })
    }

    pub(super) fn is_live(&self, id: BrokerId) -> bool {
        self.members.live.contains_key(&id)
    }

    pub(super) fn expire(&mut self, id: BrokerId) {
        Arc::make_mut(&mut self.members).live.remove(&id);
    }

    pub(super) fn revive(&mut self, me: Incarnation) {
        Arc::make_mut(&mut self.members).live.insert(me.broker, Arc::new(live(me.epoch)));
    }

    /// A broker registers its next life, with the proof that its files give.
    pub(super) fn register(&mut self, id: BrokerId, how: Recovery) -> Incarnation {
        let members = Arc::make_mut(&mut self.members);
        let before = &members.brokers[&id];
        let from = (how > Recovery::None).then_some(before.epoch);
        let mut recovered = Recovered { from, how, earlier: Vec::new() };
        recovered.earlier = inherited(&recovered, &before.recovered, before.epoch);
        let me = life(id.0, before.epoch.0 + 1);
        members.brokers.insert(id, Arc::new(registration(id, me.epoch.0, recovered)));
        members.live.insert(id, Arc::new(live(me.epoch)));
        me
    }
}

fn live(epoch: BrokerEpoch) -> Live {
    Live { v: 1, epoch, state: LiveState::Active, lease: LeaseId(1), disk_full: false, disk_failed: false }
}

fn registration(id: BrokerId, epoch: i64, recovered: Recovered) -> Registration {
    let port = HostPort { host: String::new(), port: u16::try_from(id.0).unwrap_or_default() };
    Registration {
        v: 1,
        incarnation: Default::default(),
        http: port.clone(),
        kafka: port,
        rack: None,
        dirs: Vec::new(),
        recovered,
        release: String::new(),
        epoch: BrokerEpoch(epoch),
    }
}
