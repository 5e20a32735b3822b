//! A cluster of three brokers as one of them sees it, and that one's service over logs in a temporary directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use coordinator_adapter::{
    FaultyStore, KeyValue, LeaseId, MemoryOptions, MemoryStore, Revision, WatchBatch, WatchEvent,
};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::PATIENCE;
use crate::clock::Clock;
use crate::cluster::values::{TopicValue, Value, encode};
use crate::cluster::{
    CommandOptions, Commands, HostPort, Image, Key, Keyspace, Live, LiveState, Recovered, Registration,
};
use crate::groups::coordinator::OFFSETS_TOPIC;
use crate::groups::{self, Coordinator, CoordinatorOptions, CoordinatorParts, GroupOptions};
use crate::kafka::{KafkaOptions, KafkaServer};
use crate::metrics::Metrics;
use crate::net::listen;
use crate::replication::{
    IsrOutcome, IsrProposal, IsrStore, LeaderLink, LinkError, Replicas, ReplicasParts, ReplicationOptions,
};
use crate::service::{Forward, ForwardError, Service, ServiceOptions, ServiceParts, Vitals};
use crate::storage::{DataDir, LogOptions};
use crate::types::{
    BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, PartitionEpoch, PartitionIndex,
    PartitionRecord, PartitionState, TopicId, TopicName, TopicPartition,
};
use crate::wire::{FetchRequest, FetchResponse, Request, Response};

/// The topic of all tests.
pub(in crate::kafka) const ORDERS: TopicId = TopicId(Uuid::from_u128(7));
/// The topic that groups are kept in.
const GROUPS: TopicId = TopicId(Uuid::from_u128(9));
/// How many partitions that one has.
pub(in crate::kafka) const GROUP_PARTITIONS: i32 = 3;

fn incarnation(id: i32, epoch: i64) -> Incarnation {
    Incarnation { broker: BrokerId(id), epoch: BrokerEpoch(epoch) }
}

/// Everything that the brokers agree on, event by event.
struct Story {
    image: Image,
    keyspace: Keyspace,
}

impl Story {
    fn put<T: Value>(&mut self, key: Key, revision: i64, value: &T) {
        let revision = Revision(revision);
        let entry = KeyValue {
            key: self.keyspace.path(&key),
            value: encode(value),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            lease: None,
        };
        let batch = WatchBatch { revision, events: vec![WatchEvent::Put(entry)] };
        assert_eq!(self.image.apply(&self.keyspace, &batch).changed, 1);
    }

    fn register(&mut self, id: i32, epoch: i64, lives: bool) {
        let registration = Registration {
            v: 1,
            incarnation: Uuid::from_u128(1),
            http: HostPort::new("h", 1),
            kafka: HostPort::new(format!("host{id}"), 9092),
            rack: None,
            dirs: Vec::new(),
            recovered: Recovered::NOTHING,
            release: String::new(),
            epoch: BrokerEpoch(epoch),
        };
        self.put(Key::Broker(BrokerId(id)), epoch, &registration);
        if lives {
            let epoch = BrokerEpoch(epoch);
            let live = Live {
                v: 1,
                epoch,
                state: LiveState::Active,
                lease: LeaseId(1),
                disk_full: false,
                disk_failed: false,
            };
            self.put(Key::Live(BrokerId(id)), epoch.0 + 1, &live);
        }
    }

    /// A topic, told of after all that came before.
    fn topic(&mut self, name: &str, id: TopicId, partitions: i32, leaders: &[(i32, (i32, i64))]) {
        let revision = self.image.revision.0;
        let name = TopicName::new(name).unwrap();
        let replicas = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
        let topic = TopicValue {
            v: 1,
            id,
            created_unix_ms: 0,
            partitions: vec![replicas; usize::try_from(partitions).unwrap()],
            config: BTreeMap::new(),
        };
        self.put(Key::Topic(name.clone()), revision + 1, &topic);
        for (index, leader) in leaders {
            let tp = TopicPartition::new(name.clone(), PartitionIndex(*index));
            self.put(Key::Partition(tp), revision + 2, &record(id, incarnation(leader.0, leader.1)).state);
        }
    }
}

fn record(topic_id: TopicId, leader: Incarnation) -> PartitionRecord {
    let state = PartitionState {
        v: 1,
        topic_id,
        replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
        adding: Vec::new(),
        removing: Vec::new(),
        leader: Some(leader),
        leader_epoch: LeaderEpoch(4),
        isr: vec![leader],
        elr: Vec::new(),
        min_isr: 1,
        flush: FlushMode::Os,
    };
    PartitionRecord { state, partition_epoch: PartitionEpoch(50) }
}

/// Broker 1 lives, broker 2 died, broker 3 lives in a new life; partitions 0, 1 and 2 of `orders` are led by 1, 2 and
/// the old life of 3, partition 3 has no record, partition 4 is led by the new life of 3.
pub(in crate::kafka) fn image() -> Image {
    told().image
}

fn told() -> Story {
    let mut story = Story { image: Image::default(), keyspace: Keyspace::new("test") };
    story.register(1, 11, true);
    story.register(2, 13, false);
    story.register(3, 33, true);
    story.topic("orders", ORDERS, 5, &[(0, (1, 11)), (1, (2, 13)), (2, (3, 15)), (4, (3, 33))]);
    story
}

/// The same, and groups: those of the first partition are looked after by 1, those of the second by 3, and those of the
/// third by nobody.
fn image_with_groups() -> Image {
    let mut story = told();
    let leaders = [(0, (1, 11)), (1, (3, 33)), (2, (2, 13))];
    story.topic(OFFSETS_TOPIC, GROUPS, GROUP_PARTITIONS, &leaders);
    story.image
}

/// Nobody to talk to.
#[derive(Debug)]
struct Alone;

#[async_trait]
impl Forward for Alone {
    async fn call(&self, _: BrokerId, _: Request, _: Instant) -> Result<Response, ForwardError> {
        panic!("the Kafka port sends nothing on")
    }
}

#[async_trait]
impl LeaderLink for Alone {
    async fn fetch(&self, _: BrokerId, _: FetchRequest) -> Result<FetchResponse, LinkError> {
        Err(LinkError::UnknownBroker)
    }
}

#[async_trait]
impl IsrStore for Alone {
    async fn propose(&self, _: IsrProposal) -> IsrOutcome {
        IsrOutcome::NotSent
    }
}

/// A coordinator in a hurry, loaded.
async fn coordinator(
    me: Incarnation,
    images: &watch::Receiver<Arc<Image>>,
    replicas: &Arc<Replicas>,
    clock: &Clock,
    stop: CancellationToken,
) -> Arc<Coordinator> {
    let parts = CoordinatorParts {
        me,
        images: images.clone(),
        replicas: Arc::clone(replicas),
        clock: clock.clone(),
        tasks: crate::tasks::Tasks::default(),
        options: CoordinatorOptions { retry_pause_ms: 1, ..CoordinatorOptions::default() },
        group_options: GroupOptions { initial_rebalance_delay_ms: 1, ..GroupOptions::default() },
    };
    let groups = Coordinator::start(parts, stop);
    let loaded = async {
        while groups.handle(PartitionIndex(0), groups::Request::List).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, loaded).await.expect("the groups are loaded");
    groups
}

/// Broker 1 with an open Kafka port. It leads partition 0 of `orders`, and looks after groups.
pub(in crate::kafka) struct Broker {
    pub(in crate::kafka) port: u16,
    /// The way to the coordination store.
    pub(in crate::kafka) door: Arc<FaultyStore>,
    stop: CancellationToken,
    _images: watch::Sender<Arc<Image>>,
    _files: TempDir,
}

impl Broker {
    pub(in crate::kafka) async fn start() -> Self {
        let files = TempDir::new().unwrap();
        let (clock, metrics, me) = (Clock::system(), Arc::new(Metrics::new()), incarnation(1, 11));
        let data_dir = Arc::new(DataDir::open(files.path(), me.broker, "cluster").unwrap());
        let replicas = Replicas::new(ReplicasParts {
            options: ReplicationOptions::default(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            tasks: crate::tasks::Tasks::default(),
            data_dir,
            link: Arc::new(Alone),
            isr_store: Arc::new(Alone),
            suspects: mpsc::channel(1).0,
            refresh: mpsc::channel(1).0,
        });
        replicas.start(me);
        for (topic, id) in [("orders", ORDERS), (OFFSETS_TOPIC, GROUPS)] {
            let tp = TopicPartition::new(TopicName::new(topic).unwrap(), PartitionIndex(0));
            replicas.apply(&tp, &record(id, me), LogOptions::default()).await.unwrap();
        }
        let (images, image) = watch::channel(Arc::new(image_with_groups()));
        let stop = CancellationToken::new();
        let groups = coordinator(me, &image, &replicas, &clock, stop.clone()).await;
        let memory = Arc::new(MemoryStore::new(MemoryOptions::default()));
        let door = Arc::new(FaultyStore::new(memory));
        let commands = Commands::new(
            Arc::clone(&door) as _,
            Keyspace::new("test"),
            clock.clone(),
            image.clone(),
            CommandOptions::default(),
        );
        let service = Service::new(ServiceParts {
            me,
            image,
            replicas,
            groups,
            commands: Arc::new(commands),
            forward: Arc::new(Alone),
            vitals: Arc::new(Vitals::default()),
            clock,
            metrics,
            options: ServiceOptions::default(),
        });
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = KafkaOptions { auto_create_topics: false, ..KafkaOptions::default() };
        tokio::spawn(KafkaServer::new(service, options).serve(listener, stop.clone()));
        Self { port, door, stop, _images: images, _files: files }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
