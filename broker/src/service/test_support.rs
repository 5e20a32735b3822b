//! One broker for tests: a real log in a temporary directory, a real image from a memory store, and a test in the part
//! of controller and of the other brokers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use coordinator_adapter::{FaultyStore, LeaseId, MemoryOptions, MemoryStore, Op, Store, Txn};
use parking_lot::Mutex;
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Forward, ForwardError, Service, ServiceOptions, ServiceParts, Vitals};
use crate::clock::Clock;
use crate::cluster::values::{TopicValue, Value};
use crate::cluster::{
    ClusterMeta, CommandOptions, Commands, HostPort, Image, Key, Keyspace, Live, LiveState, Recovered,
    Registration,
};
use crate::groups::{Coordinator, CoordinatorOptions, CoordinatorParts, GroupOptions};
use crate::metrics::Metrics;
use crate::replication::{
    IsrOutcome, IsrProposal, IsrStore, LeaderLink, LinkError, Replicas, ReplicasParts, ReplicationOptions,
};
use crate::storage::{DataDir, LogOptions};
use crate::types::{
    BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, PartitionIndex, PartitionState, TopicId,
    TopicName, TopicPartition,
};
use crate::wire::{FetchRequest, FetchResponse, Request, Response};

/// The broker under test.
pub(crate) const ME: BrokerId = BrokerId(1);
/// Another broker, played by the test.
pub(crate) const OTHER: BrokerId = BrokerId(2);

/// One broker and what it stands on.
pub(crate) struct Bench {
    pub(crate) service: Arc<Service>,
    pub(crate) other: Arc<Other>,
    replicas: Arc<Replicas>,
    store: Arc<MemoryStore>,
    /// The way to the store that the service's commands take.
    pub(crate) door: Arc<FaultyStore>,
    keyspace: Keyspace,
    images: watch::Sender<Arc<Image>>,
    _dir: TempDir,
}

/// The other broker: answers what it was told to, in order, and remembers what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Other {
    answers: Mutex<VecDeque<Result<Response, ForwardError>>>,
    asked: Mutex<Vec<(BrokerId, Request)>>,
}

impl Other {
    /// What to answer next.
    pub(crate) fn will_answer(&self, answer: Result<Response, ForwardError>) {
        self.answers.lock().push_back(answer);
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<(BrokerId, Request)> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl Forward for Other {
    async fn call(
        &self,
        to: BrokerId,
        request: Request,
        _deadline: Instant,
    ) -> Result<Response, ForwardError> {
        self.asked.lock().push((to, request));
        let answer = self.answers.lock().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

/// Nobody to follow, and nobody to change an in-sync set with.
struct Alone;

#[async_trait]
impl LeaderLink for Alone {
    async fn fetch(&self, _: BrokerId, _: FetchRequest) -> Result<FetchResponse, LinkError> {
        std::future::pending().await
    }
}

#[async_trait]
impl IsrStore for Alone {
    async fn propose(&self, _: IsrProposal) -> IsrOutcome {
        IsrOutcome::NotSent
    }
}

/// The life of a broker that the bench registers: the store's first revision is 1, and broker 1 is written next.
pub(crate) fn life(broker: BrokerId) -> Incarnation {
    Incarnation { broker, epoch: BrokerEpoch(i64::from(broker.0) + 1) }
}

/// A partition's name.
pub(crate) fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(TopicName::new(topic).unwrap(), PartitionIndex(partition))
}

impl Bench {
    /// A broker without topics.
    pub(crate) async fn new() -> Self {
        Self::with(ServiceOptions { settle_ms_max: 20, retry_pause_ms: 5, ..ServiceOptions::default() }).await
    }

    /// A broker with options of its own.
    pub(crate) async fn with(options: ServiceOptions) -> Self {
        let (clock, metrics) = (Clock::system(), Arc::new(Metrics::new()));
        let dir = tempfile::tempdir().unwrap();
        let data_dir = Arc::new(DataDir::open(dir.path(), ME, "test").unwrap());
        let (store, keyspace) = (Arc::new(MemoryStore::new(MemoryOptions::default())), Keyspace::new("test"));
        let (images, image) = watch::channel(Arc::new(Image::default()));
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
        replicas.start(life(ME));
        let door = Arc::new(FaultyStore::new(Arc::clone(&store) as _));
        let commands = Commands::new(
            Arc::clone(&door) as _,
            keyspace.clone(),
            clock.clone(),
            image.clone(),
            CommandOptions::default(),
        );
        let (other, vitals) = (Arc::new(Other::default()), Arc::new(Vitals::default()));
        vitals.set_coordinator_contact(true);
        let groups = Coordinator::start(
            CoordinatorParts {
                me: life(ME),
                images: image.clone(),
                replicas: Arc::clone(&replicas),
                clock: clock.clone(),
                tasks: crate::tasks::Tasks::default(),
                options: CoordinatorOptions {
                    offsets_partitions: 4,
                    retry_pause_ms: 5,
                    ..CoordinatorOptions::default()
                },
                group_options: GroupOptions::default(),
            },
            CancellationToken::new(),
        );
        let service = Service::new(ServiceParts {
            me: life(ME),
            groups,
            image,
            replicas: Arc::clone(&replicas),
            commands: Arc::new(commands),
            forward: Arc::clone(&other) as _,
            vitals,
            clock,
            metrics,
            options,
        });
        let bench = Self { service, other, replicas, store, door, keyspace, images, _dir: dir };
        // In this order the mod revisions are those that `life` says.
        bench.register(ME).await;
        bench.register(OTHER).await;
        bench.set_live(ME, true).await;
        bench
    }

    /// Gives the cluster an id.
    pub(crate) async fn name_cluster(&self) {
        let meta = ClusterMeta { v: 1, id: Uuid::from_u128(5), created_unix_ms: 0 };
        self.put(&Key::Cluster, &meta).await;
    }

    /// A topic whose partitions are led by this broker.
    pub(crate) async fn topic(&self, name: &str, partitions: usize, config: &[(&str, &str)]) {
        let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let id = TopicId(Uuid::new_v4());
        let value =
            TopicValue { v: 1, id, partitions: vec![vec![ME]; partitions], config, created_unix_ms: 0 };
        self.put(&Key::Topic(TopicName::new(name).unwrap()), &value).await;
        for partition in 0..partitions {
            self.lead(&tp(name, i32::try_from(partition).unwrap()), Some(ME), 0).await;
        }
    }

    /// Makes `leader` lead a partition in this epoch.
    pub(crate) async fn lead(&self, tp: &TopicPartition, leader: Option<BrokerId>, epoch: i32) {
        let topic_id = self.image().topic(&tp.topic).unwrap().id;
        let state = PartitionState {
            v: 1,
            topic_id,
            replicas: vec![ME],
            adding: Vec::new(),
            removing: Vec::new(),
            leader: leader.map(life),
            leader_epoch: LeaderEpoch(epoch),
            isr: leader.map(life).into_iter().collect(),
            elr: Vec::new(),
            min_isr: 1,
            flush: FlushMode::Os,
        };
        self.put(&Key::Partition(tp.clone()), &state).await;
        let record = self.image().partition(tp).unwrap().as_ref().clone();
        self.replicas.apply(tp, &record, LogOptions::default()).await.unwrap();
    }

    /// Writes a partition's record, and has the replica here take it.
    pub(crate) async fn put_record(&self, tp: &TopicPartition, state: &PartitionState) {
        self.put(&Key::Partition(tp.clone()), state).await;
        let record = self.image().partition(tp).unwrap().as_ref().clone();
        self.replicas.apply(tp, &record, LogOptions::default()).await.unwrap();
    }

    /// Takes a broker into the in-sync set of a partition.
    pub(crate) async fn let_in(&self, tp: &TopicPartition, broker: BrokerId) {
        let mut state = self.image().partition(tp).unwrap().state.clone();
        state.replicas.push(broker);
        state.isr.push(life(broker));
        self.put(&Key::Partition(tp.clone()), &state).await;
        let record = self.image().partition(tp).unwrap().as_ref().clone();
        self.replicas.apply(tp, &record, LogOptions::default()).await.unwrap();
    }

    /// Gives a broker its sign of life, or takes it away.
    pub(crate) async fn set_live(&self, broker: BrokerId, live: bool) {
        let key = Key::Live(broker);
        if live {
            let epoch = life(broker).epoch;
            let value = Live {
                v: 1,
                epoch,
                state: LiveState::Active,
                lease: LeaseId(9),
                disk_full: false,
                disk_failed: false,
            };
            self.put(&key, &value).await;
        } else {
            self.write(Op::Delete { key: self.keyspace.path(&key) }).await;
        }
    }

    /// Brings the image to what stands in the store, for commands that the service gave by itself.
    pub(crate) async fn sync(&self) {
        let listing = self.store.list(self.keyspace.prefix()).await.unwrap();
        let mut image = (*self.image()).clone();
        let applied = image.apply_listing(&self.keyspace, &listing);
        assert!(applied.malformed.is_empty(), "{applied:?}");
        self.images.send_replace(Arc::new(image));
    }

    /// The image as it is.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.images.borrow())
    }

    /// The replicas here.
    pub(crate) fn replicas(&self) -> Arc<Replicas> {
        Arc::clone(&self.replicas)
    }

    /// What the service writes to the store with.
    pub(crate) fn commands(&self) -> Arc<Commands> {
        Arc::clone(&self.service.parts.commands)
    }

    async fn register(&self, broker: BrokerId) {
        let port = u16::try_from(8_081 + broker.0).unwrap();
        let value = Registration {
            v: 1,
            incarnation: Uuid::new_v4(),
            http: HostPort::new("127.0.0.1", port),
            kafka: HostPort::new("127.0.0.1", port + 1_000),
            rack: None,
            dirs: Vec::new(),
            recovered: Recovered::NOTHING,
            release: "test".to_owned(),
            epoch: BrokerEpoch(0),
        };
        self.put(&Key::Broker(broker), &value).await;
        assert_eq!(self.image().brokers[&broker].epoch, life(broker).epoch);
    }

    async fn put<T: Value + Serialize>(&self, key: &Key, value: &T) {
        let value = serde_json::to_vec(value).unwrap().into();
        self.write(Op::Put { key: self.keyspace.path(key), value, lease: None }).await;
    }

    async fn write(&self, op: Op) {
        self.store.txn(Txn { success: vec![op], ..Txn::default() }).await.unwrap();
        self.sync().await;
    }
}
