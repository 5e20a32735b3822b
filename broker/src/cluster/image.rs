//! One snapshot of all that the brokers agree on, advanced by watch events.
//!
//! It decides nothing. Topics, partitions and registrations are shared between snapshots, so that the next one costs
//! what changed.
//!
//! *Invariant:* a value is replaced only by one with a higher mod revision: duplicates and replays change nothing.
//! *Invariant:* a partition's record stands in its topic only if it names that topic's identity; else it is an orphan.
//! *Invariant:* what cannot be read is passed over and reported; the last readable version stays.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use coordinator_adapter::{KeyValue, Listing, Revision, WatchBatch, WatchEvent};

use crate::types::{
    BrokerEpoch, BrokerId, Incarnation, PartitionEpoch, PartitionIndex, PartitionRecord, PartitionState,
    TopicId, TopicName, TopicPartition,
};

use super::keyspace::{Key, Keyspace};
use super::orders::{Drain, MoveLimits, Reassignment};
use super::topic_config::TopicConfig;
use super::values::{
    ClusterConfig, ClusterMeta, ControllerSeat, Live, LiveState, Registration, Suspicion, TopicValue, Value,
    decode,
};

/// A topic with the records of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its identity.
    pub id: TopicId,
    /// Its own settings, as an administrator gave them.
    pub config: BTreeMap<String, String>,
    /// When it was created.
    pub created_unix_ms: i64,
    /// The settings that apply: its own before the cluster's before the defaults.
    pub settings: TopicConfig,
    /// For each partition where its copies belong, preferred leader first.
    pub assignment: Vec<Vec<BrokerId>>,
    /// The mod revision of the topic's value.
    pub mod_revision: Revision,
    /// For each partition its record, once the controller has made it.
    pub partitions: Vec<Option<Arc<PartitionRecord>>>,
}

impl Topic {
    /// A topic from its stored value, with no records yet.
    #[must_use]
    pub fn new(
        name: TopicName,
        value: TopicValue,
        mod_revision: Revision,
        cluster_config: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            name,
            id: value.id,
            settings: TopicConfig::effective(cluster_config, &value.config),
            config: value.config,
            created_unix_ms: value.created_unix_ms,
            partitions: vec![None; value.partitions.len()],
            assignment: value.partitions,
            mod_revision,
        }
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.assignment.len())
            .expect("an administrator's command bounds the number of partitions")
    }

    /// The record of one partition, if it was made.
    #[must_use]
    pub fn record(&self, partition: PartitionIndex) -> Option<&Arc<PartitionRecord>> {
        self.partitions.get(usize::try_from(partition.0).ok()?)?.as_ref()
    }
}

/// Who holds the controller's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The broker.
    pub broker: BrokerId,
    /// In which of its lives.
    pub epoch: BrokerEpoch,
    /// The create revision of the key: fences all that this holder writes.
    pub fence: Revision,
}

/// One snapshot.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The last revision that it contains; zero before the first listing.
    pub revision: Revision,
    /// The cluster's identity.
    pub cluster: Option<Arc<ClusterMeta>>,
    /// Cluster-wide defaults of topic settings.
    pub config: Arc<BTreeMap<String, String>>,
    /// The newest registration of each broker.
    pub brokers: BTreeMap<BrokerId, Arc<Registration>>,
    /// The brokers that hold a lease.
    pub live: BTreeMap<BrokerId, Arc<Live>>,
    /// The controller, if there is one.
    pub controller: Option<Seat>,
    /// The topics.
    pub topics: BTreeMap<TopicName, Arc<Topic>>,
    /// Reports of brokers that refuse connections, by suspect and reporter.
    pub suspects: BTreeMap<(BrokerId, BrokerId), Arc<Suspicion>>,
    /// The orders to move partitions.
    pub reassignments: BTreeMap<TopicPartition, Arc<Reassignment>>,
    /// The brokers that are to be emptied.
    pub drains: BTreeMap<BrokerId, Arc<Drain>>,
    /// What holds of all moves.
    pub move_limits: MoveLimits,
    /// Records of partitions whose topic is gone, or has another identity, or has no such partition.
    orphans: BTreeMap<TopicPartition, Arc<PartitionRecord>>,
    ids: Arc<HashMap<TopicId, TopicName>>,
    /// The mod revisions of all keys but topics and partitions, which carry their own.
    versions: BTreeMap<Key, Revision>,
}

/// What an advance of the image met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many keys changed.
    pub changed: usize,
    /// Keys whose new value cannot be read, and why.
    pub malformed: Vec<(String, String)>,
}

impl Image {
    /// The topic of that name.
    #[must_use]
    pub fn topic(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic of that identity.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(self.ids.get(&id)?)
    }

    /// The record of a partition.
    #[must_use]
    pub fn partition(&self, tp: &TopicPartition) -> Option<&Arc<PartitionRecord>> {
        self.topics.get(&tp.topic)?.record(tp.partition)
    }

    /// All partitions that have a record.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &Arc<Topic>, &Arc<PartitionRecord>)> {
        self.topics.values().flat_map(|topic| {
            let records = topic.partitions.iter().enumerate();
            records.filter_map(move |(index, record)| {
                let index = PartitionIndex(i32::try_from(index).ok()?);
                Some((TopicPartition::new(topic.name.clone(), index), topic, record.as_ref()?))
            })
        })
    }

    /// Records of partitions whose topic is gone, or has another identity, or has no such partition.
    #[must_use]
    pub fn orphans(&self) -> &BTreeMap<TopicPartition, Arc<PartitionRecord>> {
        &self.orphans
    }

    /// The leader of a partition, if it is alive in the life that the record names.
    #[must_use]
    pub fn leader_of(&self, tp: &TopicPartition) -> Option<Incarnation> {
        self.partition(tp)?.state.leader.filter(|leader| self.is_live(*leader))
    }

    /// How a broker is reached.
    #[must_use]
    pub fn endpoint(&self, broker: BrokerId) -> Option<&Arc<Registration>> {
        self.brokers.get(&broker)
    }

    /// The present life of a broker that holds a lease.
    #[must_use]
    pub fn living(&self, broker: BrokerId) -> Option<Incarnation> {
        self.live.get(&broker).map(|live| Incarnation { broker, epoch: live.epoch })
    }

    /// Whether exactly this life holds a lease.
    #[must_use]
    pub fn is_live(&self, incarnation: Incarnation) -> bool {
        self.living(incarnation.broker) == Some(incarnation)
    }

    /// The brokers that hold a lease.
    pub fn live_brokers(&self) -> impl Iterator<Item = BrokerId> {
        self.live.keys().copied()
    }

    /// The brokers that hold a lease and serve.
    pub fn active_brokers(&self) -> impl Iterator<Item = BrokerId> {
        self.live.iter().filter(|(_, live)| live.state == LiveState::Active).map(|(id, _)| *id)
    }

    /// Whether another than its leader could lead a partition at once: in sync, live, serving, and with a disk that works.
    #[must_use]
    pub fn has_successor(&self, state: &PartitionState) -> bool {
        let serves = |member: &Incarnation| {
            let live = self.live.get(&member.broker).filter(|live| live.epoch == member.epoch);
            live.is_some_and(|live| live.state == LiveState::Active && !live.disk_failed)
        };
        state.isr.iter().any(|member| Some(*member) != state.leader && serves(member))
    }

    /// The mod revision of the value that this image holds for `key`.
    #[must_use]
    pub fn version_of(&self, key: &Key) -> Option<Revision> {
        match key {
            Key::Topic(name) => self.topics.get(name).map(|topic| topic.mod_revision),
            Key::Partition(tp) => {
                let record = self.partition(tp).or_else(|| self.orphans.get(tp));
                record.map(|record| Revision(record.partition_epoch.0))
            }
            other => self.versions.get(other).copied(),
        }
    }

    /// Advances by the changes of some revisions.
    pub fn apply(&mut self, keyspace: &Keyspace, batch: &WatchBatch) -> Applied {
        let mut applied = Applied::default();
        for event in &batch.events {
            match event {
                WatchEvent::Put(entry) => {
                    let Some(key) = keyspace.parse(&entry.key) else { continue };
                    let news = match self.version_of(&key) {
                        Some(known) => entry.mod_revision > known,
                        // Gone or never seen: a replay of what was deleted since must not bring it back.
                        None => entry.mod_revision >= self.revision,
                    };
                    if news {
                        self.put(key, entry, &mut applied);
                    }
                }
                WatchEvent::Delete { key, mod_revision } => {
                    let Some(key) = keyspace.parse(key) else { continue };
                    if self.version_of(&key).is_some_and(|known| *mod_revision > known) {
                        self.delete(&key);
                        applied.changed += 1;
                    }
                }
            }
        }
        self.revision = self.revision.max(batch.revision);
        applied
    }

    /// Brings the image to what `listing` says and to its revision: nothing was watched meanwhile.
    pub fn apply_listing(&mut self, keyspace: &Keyspace, listing: &Listing) -> Applied {
        let applied = self.compare(keyspace, listing, &HashSet::new());
        self.revision = self.revision.max(listing.revision);
        applied
    }

    /// Applies where the image differs from `listing`, except for the keys in `watched`: the watch has brought news of
    /// them since the listing was asked for. The revision stays, since the watch goes on from there.
    ///
    /// `changed` counts the differences.
    pub fn compare(&mut self, keyspace: &Keyspace, listing: &Listing, watched: &HashSet<String>) -> Applied {
        let mut applied = Applied::default();
        let mut listed = HashSet::with_capacity(listing.entries.len());
        for entry in &listing.entries {
            let Some(key) = keyspace.parse(&entry.key) else { continue };
            let news = self.version_of(&key).is_none_or(|known| entry.mod_revision > known);
            if news && !watched.contains(&entry.key) {
                self.put(key.clone(), entry, &mut applied);
            }
            listed.insert(key);
        }
        for (key, version) in self.keys() {
            let gone = version <= listing.revision && !listed.contains(&key);
            if gone && !watched.contains(&keyspace.path(&key)) {
                self.delete(&key);
                applied.changed += 1;
            }
        }
        applied
    }

    /// Every key that this image holds a value of, with its mod revision.
    fn keys(&self) -> Vec<(Key, Revision)> {
        let mut keys: Vec<_> = self.versions.iter().map(|(key, version)| (key.clone(), *version)).collect();
        keys.extend(self.topics.values().map(|topic| (Key::Topic(topic.name.clone()), topic.mod_revision)));
        let records = self.partitions().map(|(tp, _, record)| (tp, record));
        let records = records.chain(self.orphans.iter().map(|(tp, record)| (tp.clone(), record)));
        keys.extend(records.map(|(tp, record)| (Key::Partition(tp), Revision(record.partition_epoch.0))));
        keys
    }

    fn put(&mut self, key: Key, entry: &KeyValue, applied: &mut Applied) {
        match self.try_put(key, entry) {
            Ok(()) => applied.changed += 1,
            Err(reason) => applied.malformed.push((entry.key.clone(), reason)),
        }
    }

    fn try_put(&mut self, key: Key, entry: &KeyValue) -> Result<(), String> {
        match &key {
            Key::Cluster => self.cluster = Some(Arc::new(decode::<ClusterMeta>(&entry.value)?)),
            Key::ClusterConfig => {
                let value: ClusterConfig = decode(&entry.value)?;
                self.set_config(value.config);
            }
            Key::Broker(id) => {
                let value: Registration = decode(&entry.value)?;
                let epoch = BrokerEpoch(entry.mod_revision.0);
                self.brokers.insert(*id, Arc::new(Registration { epoch, ..value }));
            }
            Key::Live(id) => insert_decoded(&mut self.live, *id, &entry.value)?,
            Key::Controller => {
                let ControllerSeat { broker, epoch, .. } = decode(&entry.value)?;
                self.controller = Some(Seat { broker, epoch, fence: entry.create_revision });
            }
            Key::Suspect { suspect, reporter } => {
                insert_decoded(&mut self.suspects, (*suspect, *reporter), &entry.value)?;
            }
            // Whoever needs it reads it in the store; its version is kept so that a comparison finds no difference.
            Key::ProducerIds => {}
            Key::Reassignment(tp) => insert_decoded(&mut self.reassignments, tp.clone(), &entry.value)?,
            Key::Drain(id) => insert_decoded(&mut self.drains, *id, &entry.value)?,
            Key::MoveLimits => self.move_limits = decode(&entry.value)?,
            Key::Topic(name) => {
                let value = decode(&entry.value)?;
                self.put_topic(name, value, entry.mod_revision);
                return Ok(());
            }
            Key::Partition(tp) => {
                let state = decode(&entry.value)?;
                let partition_epoch = PartitionEpoch(entry.mod_revision.0);
                self.put_partition(tp, PartitionRecord { state, partition_epoch });
                return Ok(());
            }
        }
        self.versions.insert(key, entry.mod_revision);
        Ok(())
    }

    fn set_config(&mut self, config: BTreeMap<String, String>) {
        self.config = Arc::new(config);
        for topic in self.topics.values_mut() {
            let settings = TopicConfig::effective(&self.config, &topic.config);
            if settings != topic.settings {
                Arc::make_mut(topic).settings = settings;
            }
        }
    }

    fn put_topic(&mut self, name: &TopicName, value: TopicValue, mod_revision: Revision) {
        self.remove_topic(name);
        let mut topic = Topic::new(name.clone(), value, mod_revision, &self.config);
        for (index, slot) in topic.partitions.iter_mut().enumerate() {
            let Ok(index) = i32::try_from(index) else { break };
            let tp = TopicPartition::new(name.clone(), PartitionIndex(index));
            if self.orphans.get(&tp).is_some_and(|record| record.state.topic_id == topic.id) {
                *slot = self.orphans.remove(&tp);
            }
        }
        Arc::make_mut(&mut self.ids).insert(topic.id, name.clone());
        self.topics.insert(name.clone(), Arc::new(topic));
    }

    /// Takes a topic out; the records of its partitions become orphans.
    fn remove_topic(&mut self, name: &TopicName) {
        let Some(topic) = self.topics.remove(name) else { return };
        Arc::make_mut(&mut self.ids).remove(&topic.id);
        for (index, record) in topic.partitions.iter().enumerate() {
            if let (Ok(index), Some(record)) = (i32::try_from(index), record) {
                let tp = TopicPartition::new(name.clone(), PartitionIndex(index));
                self.orphans.insert(tp, Arc::clone(record));
            }
        }
    }

    fn put_partition(&mut self, tp: &TopicPartition, record: PartitionRecord) {
        self.remove_partition(tp);
        let record = Arc::new(record);
        let topic = self.topics.get_mut(&tp.topic).filter(|topic| topic.id == record.state.topic_id);
        let slot = topic.and_then(|topic| {
            let index =
                usize::try_from(tp.partition.0).ok().filter(|index| *index < topic.partitions.len())?;
            Some(&mut Arc::make_mut(topic).partitions[index])
        });
        match slot {
            Some(slot) => *slot = Some(record),
            None => {
                self.orphans.insert(tp.clone(), record);
            }
        }
    }

    fn remove_partition(&mut self, tp: &TopicPartition) {
        self.orphans.remove(tp);
        let Some(topic) = self.topics.get_mut(&tp.topic) else { return };
        if topic.record(tp.partition).is_some() {
            let index = usize::try_from(tp.partition.0).expect("a partition that has a record has a place");
            Arc::make_mut(topic).partitions[index] = None;
        }
    }

    fn delete(&mut self, key: &Key) {
        match key {
            Key::Cluster => self.cluster = None,
            Key::ClusterConfig => self.set_config(BTreeMap::new()),
            Key::Broker(id) => drop(self.brokers.remove(id)),
            Key::Live(id) => drop(self.live.remove(id)),
            Key::Controller => self.controller = None,
            Key::Suspect { suspect, reporter } => drop(self.suspects.remove(&(*suspect, *reporter))),
            Key::ProducerIds => {}
            Key::Reassignment(tp) => drop(self.reassignments.remove(tp)),
            Key::Drain(id) => drop(self.drains.remove(id)),
            Key::MoveLimits => self.move_limits = MoveLimits::default(),
            Key::Topic(name) => self.remove_topic(name),
            Key::Partition(tp) => self.remove_partition(tp),
        }
        self.versions.remove(key);
    }
}

fn insert_decoded<K: Ord, T: Value>(
    map: &mut BTreeMap<K, Arc<T>>,
    key: K,
    stored: &[u8],
) -> Result<(), String> {
    map.insert(key, Arc::new(decode(stored)?));
    Ok(())
}
