//! A cluster as its keys show it, changed by hand, one revision at a time.

use coordinator_adapter::{KeyValue, LeaseId, Revision, WatchBatch, WatchEvent};
use uuid::Uuid;

use crate::cluster::image::{Applied, Image};
use crate::cluster::keyspace::{Key, Keyspace};
use crate::cluster::orders::{Drain, Reassignment};
use crate::cluster::reconcile::{Circumstances, PartitionWrite, TopicGuard, reconcile};
use crate::cluster::values::*;
use crate::types::*;

pub(super) struct World {
    pub(super) keyspace: Keyspace,
    pub(super) image: Image,
}

pub(super) fn b(id: i32) -> BrokerId {
    BrokerId(id)
}

pub(super) fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

pub(super) fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(name(topic), PartitionIndex(partition))
}

pub(super) fn address(id: i32) -> HostPort {
    HostPort::new(format!("h{id}"), 9092)
}

pub(super) fn registration(id: i32, recovered: Recovered) -> Registration {
    Registration {
        v: VERSION,
        incarnation: Uuid::new_v4(),
        http: HostPort::new(format!("h{id}"), 8082),
        kafka: address(id),
        rack: None,
        dirs: vec![DirectoryId(Uuid::from_u128(u128::try_from(id).unwrap()))],
        recovered,
        release: "test".to_owned(),
        epoch: BrokerEpoch(0),
    }
}

/// Nobody is waited for, and two partitions may move at once.
pub(super) fn calm() -> Circumstances {
    Circumstances { moves_max: 2, unix_ms: 1_000, ..Circumstances::default() }
}

/// The same while some lives are waited for.
pub(super) fn awaiting(lives: &[Incarnation]) -> Circumstances {
    Circumstances { waited_for: lives.iter().copied().collect(), ..calm() }
}

impl World {
    /// Brokers 1 to `brokers`, all active.
    pub(super) fn new(brokers: i32) -> Self {
        let mut world = Self { keyspace: Keyspace::new("test"), image: Image::default() };
        for id in 1..=brokers {
            world.start(id, Recovered::NOTHING);
        }
        world
    }

    pub(super) fn put_at(&mut self, key: &Key, value: &[u8], revision: i64) -> Applied {
        let entry = KeyValue {
            key: self.keyspace.path(key),
            value: value.to_vec().into(),
            create_revision: Revision(revision),
            mod_revision: Revision(revision),
            version: 1,
            lease: None,
        };
        let batch = WatchBatch { revision: Revision(revision), events: vec![WatchEvent::Put(entry)] };
        self.image.apply(&self.keyspace, &batch)
    }

    pub(super) fn put(&mut self, key: &Key, value: &[u8]) -> i64 {
        let revision = self.image.revision.0 + 1;
        self.put_at(key, value, revision);
        revision
    }

    pub(super) fn delete(&mut self, key: &Key) {
        let revision = self.image.revision.next();
        let event = WatchEvent::Delete { key: self.keyspace.path(key), mod_revision: revision };
        self.image.apply(&self.keyspace, &WatchBatch { revision, events: vec![event] });
    }

    /// Says in which rack a broker stands.
    pub(super) fn rack(&mut self, id: i32, rack: &str) {
        self.die(id);
        let new = Registration { rack: Some(rack.to_owned()), ..registration(id, Recovered::NOTHING) };
        self.put(&Key::Broker(b(id)), &encode(&new));
        self.live(id, LiveState::Active);
    }

    /// A new life that serves.
    pub(super) fn start(&mut self, id: i32, recovered: Recovered) -> Incarnation {
        let life = self.register(id, recovered);
        self.live(id, LiveState::Active);
        life
    }

    pub(super) fn register(&mut self, id: i32, recovered: Recovered) -> Incarnation {
        self.die(id);
        let epoch = self.put(&Key::Broker(b(id)), &encode(&registration(id, recovered)));
        Incarnation { broker: b(id), epoch: BrokerEpoch(epoch) }
    }

    /// A new life after a crash, with all that had been fsynced.
    pub(super) fn restart(&mut self, id: i32, how: Recovery) -> Incarnation {
        let from = Some(self.life(id).epoch);
        self.start(id, Recovered { from, how, earlier: Vec::new() })
    }

    pub(super) fn live(&mut self, id: i32, state: LiveState) {
        self.set_live(id, state, false);
    }

    pub(super) fn set_live(&mut self, id: i32, state: LiveState, disk_full: bool) {
        let epoch = self.life(id).epoch;
        let live =
            Live { v: VERSION, epoch, state, lease: LeaseId(i64::from(id)), disk_full, disk_failed: false };
        self.put(&Key::Live(b(id)), &encode(&live));
    }

    /// The broker says that its disk has failed, and goes down.
    pub(super) fn fail_disk(&mut self, id: i32) {
        let epoch = self.life(id).epoch;
        let (state, lease) = (LiveState::Draining, LeaseId(i64::from(id)));
        let live = Live { v: VERSION, epoch, state, lease, disk_full: false, disk_failed: true };
        self.put(&Key::Live(b(id)), &encode(&live));
    }

    pub(super) fn die(&mut self, id: i32) {
        if self.image.live.contains_key(&b(id)) {
            self.delete(&Key::Live(b(id)));
        }
    }

    /// The newest life of a broker.
    pub(super) fn life(&self, id: i32) -> Incarnation {
        self.image.brokers[&b(id)].life_of(b(id))
    }

    pub(super) fn topic(&mut self, topic: &str, assignment: &[&[i32]], config: &[(&str, &str)]) -> TopicId {
        let id = TopicId(Uuid::new_v4());
        self.put_topic(topic, id, assignment, config);
        id
    }

    pub(super) fn put_topic(
        &mut self,
        topic: &str,
        id: TopicId,
        assignment: &[&[i32]],
        config: &[(&str, &str)],
    ) {
        let value = TopicValue {
            v: VERSION,
            id,
            created_unix_ms: 0,
            partitions: assignment.iter().map(|ids| ids.iter().copied().map(BrokerId).collect()).collect(),
            config: config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        self.put(&Key::Topic(name(topic)), &encode(&value));
    }

    pub(super) fn record(&mut self, tp: &TopicPartition, state: &PartitionState) {
        self.put(&Key::Partition(tp.clone()), &encode(state));
    }

    pub(super) fn state(&self, tp: &TopicPartition) -> PartitionState {
        self.image.partition(tp).expect("the partition has a record").state.clone()
    }

    /// Asks for a move of a partition, as an operator would.
    pub(super) fn order(&mut self, tp: &TopicPartition, target: &[i32]) {
        let topic = &self.image.topics[&tp.topic];
        let order = Reassignment {
            v: VERSION,
            topic_id: topic.id,
            target: target.iter().copied().map(BrokerId).collect(),
            original: topic.assignment[usize::try_from(tp.partition.0).unwrap()].clone(),
            requested_unix_ms: self.image.revision.0,
            requested_by: "test".to_owned(),
            started_unix_ms: None,
            throttle_bytes_per_second: None,
            force: false,
            elect_preferred: false,
            cancelled: false,
        };
        self.put(&Key::Reassignment(tp.clone()), &encode(&order));
    }

    /// Takes the order to move a partition back.
    pub(super) fn cancel(&mut self, tp: &TopicPartition) {
        if let Some(order) = self.image.reassignments.get(tp) {
            let order = Reassignment { cancelled: true, ..Reassignment::clone(order) };
            self.put(&Key::Reassignment(tp.clone()), &encode(&order));
        }
    }

    /// Marks a broker as to be emptied.
    pub(super) fn empty(&mut self, id: i32) {
        let drain = Drain { v: VERSION, requested_unix_ms: 0, requested_by: "test".to_owned() };
        self.put(&Key::Drain(b(id)), &encode(&drain));
    }

    /// Writes beside the records until nothing is left to write.
    pub(super) fn chores(&mut self) -> usize {
        let mut written = 0;
        for _ in 0..10 {
            let chores = crate::cluster::chores::chores(&self.image, &calm());
            if chores.is_empty() {
                return written;
            }
            for chore in chores {
                assert_eq!(self.image.version_of(&chore.key), chore.guard, "{chore:?}");
                assert!(
                    chore.follows.iter().all(|(key, at)| self.image.version_of(key) == Some(*at)),
                    "{chore:?}"
                );
                match &chore.value {
                    Some(value) => drop(self.put(&chore.key, value)),
                    None => self.delete(&chore.key),
                }
                written += 1;
            }
        }
        panic!("the chores do not come to rest");
    }

    /// Changes a record as its leader would.
    pub(super) fn change(&mut self, tp: &TopicPartition, change: impl FnOnce(&mut PartitionState)) {
        let mut state = self.state(tp);
        change(&mut state);
        self.record(tp, &state);
    }

    /// Writes as the controller would, if the guards hold.
    pub(super) fn carry_out(&mut self, write: &PartitionWrite) -> bool {
        let key = Key::Partition(write.tp.clone());
        let guard = write.guard.map(|guard| Revision(guard.0));
        let topic = self.image.version_of(&Key::Topic(write.tp.topic.clone()));
        let topic_holds = match write.topic {
            TopicGuard::At(revision) => topic == Some(revision),
            TopicGuard::Gone => topic.is_none(),
        };
        let order = Key::Reassignment(write.tp.clone());
        let order_holds =
            write.order.as_ref().is_none_or(|step| self.image.version_of(&order) == Some(step.guard));
        if self.image.version_of(&key) != guard || !topic_holds || !order_holds {
            return false;
        }
        if let Some(step) = &write.order {
            match &step.new {
                Some(new) => drop(self.put(&order, &encode(new))),
                None => self.delete(&order),
            }
        }
        match &write.new {
            Some(state) => drop(self.put(&key, &encode(state))),
            None => self.delete(&key),
        }
        true
    }

    /// Reconciles until nothing is left to do, and returns all that was written.
    pub(super) fn reconcile(&mut self) -> Vec<PartitionWrite> {
        let mut done = Vec::new();
        for _ in 0..10 {
            let writes = reconcile(&self.image, None, &calm());
            if writes.is_empty() {
                return done;
            }
            for write in &writes {
                assert!(self.carry_out(write), "a write from the newest image is never stale: {write:?}");
            }
            done.extend(writes);
        }
        panic!("reconciling does not come to rest");
    }
}
