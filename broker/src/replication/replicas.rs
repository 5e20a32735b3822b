//! All replicas on this broker: how they are opened, brought to their records, dropped and closed.
//!
//! It is no manager: each [`Partition`] decides for itself, and nothing here looks into one.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::task::JoinHandle;

use super::compactor::{self, StopSign};
use super::error::ReplicationError;
use super::fetcher::FetcherSet;
use super::flusher::Flusher;
use super::isr::Liveness;
use super::isr_keeper::{IsrKeeper, IsrQueue};
use super::leader::LeaderLimits;
use super::options::ReplicationOptions;
use super::outside::{IsrStore, LeaderLink};
use super::partition::Partition;
use super::registry::Registry;
use super::shared::{Jitter, LogFailure, Session, Shared};
use super::upkeep;
use super::waiters::WaitBound;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::storage::{DataDir, LogOptions, StorageError};
use crate::tasks::{self, Tasks};
use crate::types::{BrokerId, Incarnation, PartitionIndex, PartitionRecord, TopicId, TopicPartition};

/// Changes of the registry go on beside each other unless they fall on the same of these.
const TURNS: usize = 64;

/// What [`Replicas`] is made of.
pub struct ReplicasParts {
    /// The settings.
    pub options: ReplicationOptions,
    /// The time.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Starts what works in the background.
    pub tasks: Tasks,
    /// Where the logs are.
    pub data_dir: Arc<DataDir>,
    /// The way to the leaders.
    pub link: Arc<dyn LeaderLink>,
    /// The store of the partition records.
    pub isr_store: Arc<dyn IsrStore>,
    /// Takes the brokers whose port refused a connection. Full means dropped.
    pub suspects: mpsc::Sender<BrokerId>,
    /// Takes the partitions of which a newer record must exist than this broker has seen. Full means dropped.
    pub refresh: mpsc::Sender<TopicPartition>,
}

/// All replicas on this broker. A registry and nothing more: each [`Partition`] decides for itself.
pub struct Replicas {
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Arc<Registry>,
    pub(super) turns: Vec<Semaphore>,
    pub(super) tasks: Mutex<Vec<JoinHandle<()>>>,
    store: Arc<dyn IsrStore>,
}

impl Replicas {
    /// An empty registry over one data directory.
    #[must_use]
    pub fn new(parts: ReplicasParts) -> Arc<Self> {
        let ReplicasParts { options, clock, metrics, tasks, data_dir, link, isr_store, suspects, refresh } =
            parts;
        let limits = LeaderLimits {
            lag_max: Duration::from_millis(options.replica_lag_ms_max),
            quiet_max: Duration::from_millis(options.acks_leader_quiet_ms),
            ..LeaderLimits::default()
        };
        let shared = Arc::new(Shared {
            limits,
            flusher: Flusher::new(options.flush_threads, &metrics, &tasks),
            waits: WaitBound::new(options.waiters_max),
            isr_queue: IsrQueue::default(),
            compaction_stop: StopSign::default(),
            session: Session::new(clock.now()),
            jitter: Jitter::new(clock.unix_ms().unsigned_abs()),
            me: OnceLock::new(),
            live: Mutex::new(Liveness::unknown()),
            catch_up: super::throttle::Throttle::default(),
            log_failure: watch::Sender::new(None),
            tasks,
            options,
            clock,
            metrics,
            data_dir,
            refresh,
        });
        let fetchers = FetcherSet::new(Arc::clone(&shared), link, suspects);
        Arc::new(Self {
            registry: Arc::new(Registry::new(Arc::clone(&shared), fetchers)),
            shared,
            turns: std::iter::repeat_with(|| Semaphore::new(1)).take(TURNS).collect(),
            tasks: Mutex::default(),
            store: isr_store,
        })
    }

    /// Gives this broker its identity and starts the work in the background. Once, inside a tokio runtime.
    ///
    /// # Panics
    /// When called twice.
    pub fn start(self: &Arc<Self>, me: Incarnation) {
        assert!(self.shared.me.set(me).is_ok(), "a process has one incarnation");
        let (shared, registry) = (|| Arc::clone(&self.shared), || Arc::clone(&self.registry));
        let tasks = &self.shared.tasks;
        let keeper = IsrKeeper { shared: shared(), registry: registry(), store: Arc::clone(&self.store) };
        self.tasks.lock().extend([
            tasks.spawn("isr keeper", keeper.run()),
            tasks.spawn("checkpoints", upkeep::checkpoints(shared(), registry())),
            tasks.spawn("retention", upkeep::retention(shared(), registry())),
            tasks.spawn("compaction", compactor::compaction(shared(), registry())),
            tasks.spawn("interval flush", upkeep::interval_flush(shared(), registry())),
            tasks.spawn("figures", upkeep::figures(shared(), registry())),
        ]);
    }

    /// The replica of this partition, if there is one here.
    #[must_use]
    pub fn get(&self, tp: &TopicPartition) -> Option<Arc<Partition>> {
        self.registry.get(tp)
    }

    /// The replica of this partition by the topic's identity.
    #[must_use]
    pub fn by_id(&self, topic_id: TopicId, partition: PartitionIndex) -> Option<Arc<Partition>> {
        self.registry.by_id(topic_id, partition)
    }

    /// All replicas, also those that no record has been seen of yet.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        self.registry.all()
    }

    /// Tells which lives of brokers hold a lease now and are active. Members of an ISR that are not among them and fetch
    /// no more are proposed out at once; only those among them are proposed in.
    pub fn set_live(&self, live: BTreeSet<Incarnation>) {
        let news = Liveness::known(live);
        let before = std::mem::replace(&mut *self.shared.live.lock(), news.clone());
        if before != news {
            self.shared.isr_queue.push_all();
        }
    }

    /// Sets how fast the logs of partitions that this broker is being added to may be filled, all together.
    pub fn set_catch_up_limit(&self, bytes_per_second: Option<u64>) {
        self.shared.catch_up.set(bytes_per_second);
    }

    /// Tells until when this broker's lease is known to hold. Past that, `acks=leader` needs followers that still fetch.
    /// Never called means for ever.
    pub fn set_session_deadline(&self, until: Instant) {
        self.shared.session.set(until);
    }

    /// The first log here that its disk has failed, and the news of it: see [`LogFailure`].
    #[must_use]
    pub fn log_failure(&self) -> watch::Receiver<Option<LogFailure>> {
        self.shared.log_failure.subscribe()
    }

    /// Brings one partition to the newest record: opens or creates its log, becomes leader or follower. Idempotent; an
    /// older record is ignored.
    ///
    /// # Errors
    /// [`ReplicationError::EpochBehindLog`] for a record older than the log; what the files said.
    pub async fn apply(
        self: &Arc<Self>,
        tp: &TopicPartition,
        record: &PartitionRecord,
        options: LogOptions,
    ) -> Result<(), ReplicationError> {
        let _turn = self.turn(tp).await?;
        let me = *self.shared.me.get().ok_or(ReplicationError::NotStarted)?;
        let partition = match self.registry.get(tp) {
            Some(here) if here.topic_id() == record.state.topic_id => here,
            // A record of an earlier topic of this name comes late.
            Some(here) if here.record().partition_epoch > record.partition_epoch => return Ok(()),
            Some(earlier) => {
                self.retire(&earlier).await;
                self.open(tp, record, &options).await?
            }
            // Nothing is created for a partition that has no copy here.
            None if !record.state.has_replica(me.broker) => return Ok(()),
            None => self.open(tp, record, &options).await?,
        };
        self.registry.converge(&partition, record, Some(options)).await
    }

    /// Stops a replica and deletes its files. The caller has proven, by a linearizable read, that it may.
    ///
    /// # Errors
    /// What the files said.
    pub async fn drop_replica(
        self: &Arc<Self>,
        tp: &TopicPartition,
        topic_id: TopicId,
    ) -> Result<(), ReplicationError> {
        let _turn = self.turn(tp).await?;
        if let Some(here) = self.registry.get(tp).filter(|here| here.topic_id() == topic_id) {
            self.retire(&here).await;
        }
        let (data_dir, tp) = (Arc::clone(&self.shared.data_dir), tp.clone());
        self.blocking(tp, move |tp| data_dir.delete_log(tp, topic_id)).await
    }

    /// Waits for the changes of the registry that concern this name.
    pub(super) async fn turn(&self, tp: &TopicPartition) -> Result<SemaphorePermit<'_>, ReplicationError> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(tp);
        let turn = &self.turns[usize::try_from(hash % TURNS as u64).unwrap_or(0)];
        turn.acquire().await.map_err(|_| ReplicationError::ShuttingDown)
    }

    /// Runs what waits for the disk on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        tp: TopicPartition,
        work: impl FnOnce(&TopicPartition) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, ReplicationError> {
        let name = tp.clone();
        match tasks::lend(move || work(&tp)).await {
            Ok(result) => result.map_err(|source| ReplicationError::Storage { tp: name, source }),
            Err(error) => {
                let source = StorageError::Poisoned { reason: format!("the work on it failed: {error}") };
                self.shared.tasks.note("opening or deleting a log", error);
                Err(ReplicationError::Storage { tp: name, source })
            }
        }
    }
}
