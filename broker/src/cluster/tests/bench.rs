//! Brokers of one cluster over one memory store, each behind a door of its own, in tokio's paused time.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator_adapter::{FaultyStore, MemoryOptions, MemoryStore, Store};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::clock::Clock;
use crate::cluster::*;
use crate::metrics::Metrics;
use crate::tasks::Tasks;
use crate::types::*;

use super::world::{address, b, name};

/// The longest that a test waits for anything, in paused time.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Ports that refuse connections.
#[derive(Debug, Default)]
pub(super) struct Ports(pub(super) Mutex<BTreeSet<BrokerId>>);

#[async_trait]
impl Probe for Ports {
    async fn refused(&self, broker: BrokerId, _: &HostPort) -> bool {
        self.0.lock().contains(&broker)
    }
}

pub(super) struct Bench {
    pub(super) memory: Arc<MemoryStore>,
    pub(super) keyspace: Keyspace,
    pub(super) ports: Arc<Ports>,
    /// The time of decisions; it stands still until a test moves it.
    pub(super) clock: Clock,
    pub(super) controller_options: ControllerOptions,
    pub(super) watcher_options: WatcherOptions,
    pub(super) tasks: Tasks,
}

pub(super) struct Broker {
    pub(super) door: Arc<FaultyStore>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) watcher: Watcher,
    pub(super) membership: Arc<Membership>,
    pub(super) controller: Controller,
    pub(super) commands: Commands,
    pub(super) reports: mpsc::Sender<BrokerId>,
    _suspects: Suspects,
}

/// A broker's registration; its data directory is its id's.
pub(super) fn newcomer(id: i32, recovered: Recovered) -> NewRegistration {
    NewRegistration {
        broker: b(id),
        incarnation: Uuid::new_v4(),
        http: HostPort::new(format!("h{id}"), 8082),
        kafka: address(id),
        rack: None,
        dirs: vec![DirectoryId(Uuid::from_u128(u128::try_from(id).unwrap()))],
        recovered,
        release: "test".to_owned(),
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let memory = Arc::new(MemoryStore::new(MemoryOptions::default()));
        memory.run_clock();
        Self {
            memory,
            keyspace: Keyspace::new("test"),
            ports: Arc::default(),
            clock: Clock::manual(0),
            controller_options: ControllerOptions::default(),
            watcher_options: WatcherOptions::default(),
            tasks: Tasks::default(),
        }
    }

    pub(super) fn door(&self) -> Arc<FaultyStore> {
        Arc::new(FaultyStore::new(Arc::clone(&self.memory) as Arc<dyn Store>))
    }

    pub(super) fn watcher(&self, door: &Arc<FaultyStore>, metrics: &Arc<Metrics>) -> Watcher {
        let store = Arc::clone(door) as Arc<dyn Store>;
        let options = self.watcher_options.clone();
        Watcher::start(
            store,
            self.keyspace.clone(),
            self.clock.clone(),
            Arc::clone(metrics),
            options,
            &self.tasks,
        )
    }

    pub(super) async fn join(
        &self,
        door: &Arc<FaultyStore>,
        new: NewRegistration,
    ) -> Result<Arc<Membership>, ClusterError> {
        let store = Arc::clone(door) as Arc<dyn Store>;
        let metrics = Arc::new(Metrics::new());
        let options = MembershipOptions::default();
        Membership::join(store, self.keyspace.clone(), self.clock.clone(), metrics, new, options, &self.tasks)
            .await
    }

    /// A broker that serves.
    pub(super) async fn start(&self, id: i32) -> Broker {
        self.start_as(newcomer(id, Recovered::NOTHING)).await
    }

    pub(super) async fn start_as(&self, new: NewRegistration) -> Broker {
        let (door, metrics) = (self.door(), Arc::new(Metrics::new()));
        let store = || Arc::clone(&door) as Arc<dyn Store>;
        ensure_cluster(door.as_ref(), &self.keyspace, &self.clock).await.unwrap();
        let membership = within("joining", self.join(&door, new)).await.unwrap();
        let watcher = self.watcher(&door, &metrics);
        let images = watcher.images();
        let controller = Controller::start(
            store(),
            self.keyspace.clone(),
            Arc::clone(&membership),
            images.clone(),
            watcher.contact(),
            self.clock.clone(),
            Arc::clone(&metrics),
            self.controller_options.clone(),
            &self.tasks,
        );
        let commands = Commands::new(
            store(),
            self.keyspace.clone(),
            self.clock.clone(),
            images.clone(),
            CommandOptions::default(),
        );
        let (reports, reports_out) = mpsc::channel(8);
        let suspects = Suspects::start(
            store(),
            self.keyspace.clone(),
            Arc::clone(&membership),
            images,
            reports_out,
            Arc::clone(&self.ports) as Arc<dyn Probe>,
            Arc::clone(&metrics),
            SuspectOptions::default(),
            &self.tasks,
        );
        membership.set_state(LiveState::Active).await.unwrap();
        Broker { door, metrics, watcher, membership, controller, commands, reports, _suspects: suspects }
    }

    /// Brokers 1 to `count`, each of which sees all others serve.
    pub(super) async fn brokers(&self, count: i32) -> Vec<Broker> {
        let mut brokers = Vec::new();
        for id in 1..=count {
            brokers.push(self.start(id).await);
        }
        for broker in &brokers {
            let all = usize::try_from(count).unwrap();
            broker.sees("all brokers", |image| image.active_brokers().count() == all).await;
        }
        brokers
    }
}

impl Broker {
    pub(super) fn id(&self) -> BrokerId {
        self.membership.incarnation().broker
    }

    pub(super) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.watcher.images().borrow())
    }

    pub(super) async fn sees(&self, what: &str, condition: impl FnMut(&Arc<Image>) -> bool) -> Arc<Image> {
        let mut images: watch::Receiver<Arc<Image>> = self.watcher.images();
        within(what, images.wait_for(condition)).await.map(|seen| Arc::clone(&seen)).unwrap()
    }

    /// Makes a topic and waits until all its partitions are led.
    pub(super) async fn topic(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let created = self.commands.create_topic(spec(topic, Some(partitions), None, config)).await.unwrap();
        assert!(matches!(created, CreatedTopic::New(_)));
        self.sees_led(topic, partitions).await;
    }

    /// Waits until all partitions of a topic have a leader that lives.
    pub(super) async fn sees_led(&self, topic: &str, partitions: i32) -> Arc<Image> {
        let all = |image: &Arc<Image>| {
            let tp = |index| TopicPartition::new(name(topic), PartitionIndex(index));
            (0..partitions).all(|index| image.leader_of(&tp(index)).is_some())
        };
        self.sees("all partitions led", all).await
    }

    /// Ends the process without a word; its lease stays until it runs out or is revoked.
    pub(super) fn kill(self) {
        self.door.cut();
    }
}

pub(super) fn spec(
    topic: &str,
    partitions: Option<i32>,
    replication_factor: Option<i32>,
    config: &[(&str, &str)],
) -> TopicSpec {
    TopicSpec {
        name: name(topic),
        partitions,
        replication_factor,
        assignment: None,
        config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}
