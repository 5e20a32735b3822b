//! From the configuration to the last flush, in order.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coordinator_adapter::Store;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::crash::{Place, until_a_crash};
use super::disk::{DiskState, DiskWatch};
use super::duties::{Duties, log_options};
use super::health::Health;
use super::isr::IsrBridge;
use super::lobby::Lobby;
use super::startup::{self, Joining};
use super::stop::{self, Reason};
use super::{NodeError, limits};
use crate::clock::Clock;
use crate::cluster::{
    Commands, Controller, Image, Keyspace, LiveState, Membership, Suspects, TopicConfig, Watcher,
};
use crate::config::Config;
use crate::groups::{Coordinator, CoordinatorParts};
use crate::http::HttpServer;
use crate::kafka::KafkaServer;
use crate::metrics::Metrics;
use crate::net::TcpListener;
use crate::peer::Peers;
use crate::replication::{Replicas, ReplicasParts, ReplicationError, ReplicationOptions};
use crate::service::{Service, ServiceParts, Vitals};
use crate::storage::DataDir;
use crate::tasks::{self, Tasks};
use crate::types::{BrokerId, Incarnation, TopicPartition};

/// Reports of dead peers that may wait; more are dropped, since they come again.
const SUSPECTS_QUEUED_MAX: usize = 64;
/// Hints of newer records that may wait; more are dropped, since the watch brings the records anyway.
const REFRESHES_QUEUED_MAX: usize = 256;

/// How long appends in flight may take to be committed before the leaderships are handed over all the same.
const SETTLE_LIMIT: Duration = Duration::from_millis(300);
/// How long the logs on a disk that fails may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// What every part of the process shares.
struct Base {
    config: Config,
    clock: Clock,
    metrics: Arc<Metrics>,
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    watcher: Watcher,
    tasks: Tasks,
    stop: CancellationToken,
}

impl Base {
    fn joining(&self) -> Joining {
        Joining {
            store: Arc::clone(&self.store),
            keyspace: self.keyspace.clone(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            options: self.config.membership.clone(),
            tasks: self.tasks.clone(),
        }
    }

    fn commands(&self) -> Arc<Commands> {
        Arc::new(Commands::new(
            Arc::clone(&self.store),
            self.keyspace.clone(),
            self.clock.clone(),
            self.watcher.images(),
            self.config.commands.clone(),
        ))
    }
}

/// The replicas, and the channels that come out of them.
struct Floor {
    data_dir: Arc<DataDir>,
    replicas: Arc<Replicas>,
    peers: Arc<Peers>,
    isr: Arc<IsrBridge>,
    suspects: mpsc::Receiver<BrokerId>,
    suspects_in: mpsc::Sender<BrokerId>,
    refresh: mpsc::Receiver<TopicPartition>,
}

/// Runs one broker until it is `asked` to stop ([`super::signalled`] in a process), then stops it in order. A part of it that panics ends it at once, and its
/// lease with it: others take over, and the next start finds out by recovery what was left.
///
/// # Errors
/// Why it could not start, or had to end.
pub async fn run(
    config: Config,
    coordinator: super::Coordinator,
    asked: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let tasks = Tasks::default();
    let place = Place::new();
    let work = Box::pin(run_watched(config, coordinator, asked, tasks.clone(), &place));
    until_a_crash(&tasks, &place, work).await
}

async fn run_watched(
    mut config: Config,
    coordinator: super::Coordinator,
    asked: impl Future<Output = ()>,
    tasks: Tasks,
    place: &Place,
) -> Result<(), NodeError> {
    let (http, kafka) = startup::bind(&config.broker).await?;
    let advertised = (http.advertised.clone(), kafka.advertised.clone());
    let open_files = limits::raise_open_files();
    limits::leave_files_free(&mut config, open_files.unwrap_or(u64::MAX));
    let clock = Clock::system();
    let metrics = Arc::new(Metrics::new());
    let lobby = Lobby::open(http, kafka, &metrics, &config.http);
    lobby.says(coordinator.waited_for(&config));
    let store = coordinator.open(&config).await?;
    let keyspace = Keyspace::new(&config.broker.cluster);
    let meta = startup::cluster_identity(store.as_ref(), &keyspace, &clock).await?;
    let data_dir = startup::open_data_dir(&config.broker, &meta).await?;
    let watcher = Watcher::start(
        Arc::clone(&store),
        keyspace.clone(),
        clock.clone(),
        Arc::clone(&metrics),
        config.watcher.clone(),
        &tasks,
    );
    let stop = CancellationToken::new();
    let base = Base { config, clock, metrics, store, keyspace, watcher, tasks, stop };
    let floor = lay_floor(&base, data_dir);
    lobby.says("opening its logs");
    let options = log_options(&TopicConfig::default(), base.config.producer_id_expiration_ms);
    let summary = floor.replicas.recover(options).await?;
    let recovered = startup::proof(&floor.data_dir, &summary);

    lobby.says("registering in the cluster");
    let membership =
        base.joining().join(&base.config.broker, &advertised, &floor.data_dir, recovered).await?;
    // Set once: there is one run.
    let _ = place.set(Arc::clone(&membership));
    tracing::info!(
        broker = %membership.incarnation(),
        cluster = base.config.broker.cluster,
        http = %advertised.0,
        kafka = %advertised.1,
        open_files,
        "registered"
    );
    serve(base, floor, membership, lobby, asked).await
}

fn lay_floor(base: &Base, data_dir: Arc<DataDir>) -> Floor {
    let isr = Arc::new(IsrBridge::default());
    let peers = Peers::new(
        base.watcher.images(),
        base.clock.clone(),
        base.config.peer.clone(),
        BrokerId(base.config.broker.id),
        base.tasks.clone(),
    );
    let (suspects_in, suspects) = mpsc::channel(SUSPECTS_QUEUED_MAX);
    let (refresh_in, refresh) = mpsc::channel(REFRESHES_QUEUED_MAX);
    let replicas = Replicas::new(ReplicasParts {
        options: replication_options(&base.config),
        clock: base.clock.clone(),
        metrics: Arc::clone(&base.metrics),
        tasks: base.tasks.clone(),
        data_dir: Arc::clone(&data_dir),
        link: Arc::clone(&peers) as _,
        isr_store: Arc::clone(&isr) as _,
        suspects: suspects_in.clone(),
        refresh: refresh_in,
    });
    Floor { data_dir, replicas, peers, isr, suspects, suspects_in, refresh }
}

async fn serve(
    base: Base,
    floor: Floor,
    membership: Arc<Membership>,
    lobby: Lobby,
    asked: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let me = membership.incarnation();
    let images = base.watcher.images();
    floor.replicas.start(me);
    let commands = base.commands();
    floor.isr.connect(Arc::clone(&commands));
    let vitals = Arc::new(Vitals::default());
    let service = Service::new(ServiceParts {
        me,
        groups: coordinate_groups(&base, &floor, me),
        image: images.clone(),
        replicas: Arc::clone(&floor.replicas),
        commands: Arc::clone(&commands),
        forward: Arc::clone(&floor.peers) as _,
        vitals: Arc::clone(&vitals),
        clock: base.clock.clone(),
        metrics: Arc::clone(&base.metrics),
        options: base.config.service_options(),
    });
    let doors = Doors::open(&base, &floor, &service, lobby.close().await?);
    let workers = Workers::start(&base, &floor, &membership, &vitals, &images);
    let (first_done, converged) = watch::channel(false);
    let duties = Duties {
        me,
        images: images.clone(),
        replicas: Arc::clone(&floor.replicas),
        commands,
        refresh: floor.refresh,
        clock: base.clock.clone(),
        delete_grace: Duration::from_millis(base.config.node.delete_grace_ms),
        producer_id_expiration_ms: base.config.producer_id_expiration_ms,
    };
    base.tasks.spawn("duties", duties.run(first_done, base.stop.clone()));
    let suspects = Suspects::start(
        Arc::clone(&base.store),
        base.keyspace.clone(),
        Arc::clone(&membership),
        images.clone(),
        floor.suspects,
        Arc::clone(&floor.peers) as _,
        Arc::clone(&base.metrics),
        base.config.suspects.clone(),
        &base.tasks,
    );
    let log_failure = floor.replicas.log_failure();
    let mut requested = pin!(stop::requested(asked, membership.standing(), log_failure, images.clone(), me));
    let reason = tokio::select! {
        reason = requested.as_mut() => reason,
        () = become_active(&base, &membership, converged, me) => requested.await,
    };
    tracing::info!(broker = %me, ?reason, "stopping");
    vitals.set_draining(true);
    if !matches!(reason, Reason::Superseded | Reason::Removed) {
        if let Reason::LogFailed(_) = reason {
            membership.set_disk_failed();
        }
        stop::settle(&floor.replicas, &images, SETTLE_LIMIT).await;
        let limit = Duration::from_millis(base.config.node.drain_ms_max);
        stop::hand_over(me, &membership, images, limit).await;
    }
    workers.controller.stop().await;
    doors.close().await;
    base.stop.cancel();
    drop(suspects);
    close_and_leave(&floor.replicas, floor.data_dir, &membership, reason).await
}

/// The groups whose partitions this broker leads.
fn coordinate_groups(base: &Base, floor: &Floor, me: Incarnation) -> Arc<Coordinator> {
    let parts = CoordinatorParts {
        me,
        images: base.watcher.images(),
        replicas: Arc::clone(&floor.replicas),
        clock: base.clock.clone(),
        tasks: base.tasks.clone(),
        options: base.config.coordinator.clone(),
        group_options: base.config.groups.clone(),
    };
    Coordinator::start(parts, base.stop.clone())
}

/// The last steps, in order: flush and close every log, say that they are whole, give the lease back.
async fn close_and_leave(
    replicas: &Arc<Replicas>,
    data_dir: Arc<DataDir>,
    membership: &Arc<Membership>,
    reason: Reason,
) -> Result<(), NodeError> {
    let me = membership.incarnation();
    let closed = match reason {
        // A disk that fails may as well never answer; what is not closed is recovered.
        Reason::LogFailed(_) => {
            let closed = tokio::time::timeout(CLOSE_LIMIT, replicas.shutdown()).await;
            closed.unwrap_or(Err(ReplicationError::NotClosed))
        }
        _ => replicas.shutdown().await,
    };
    let closed = match (closed, &reason) {
        (Ok(()), Reason::Asked | Reason::Removed) => {
            let marked = tasks::lend(move || data_dir.mark_clean(me.epoch));
            marked.await.expect("marking a directory does not panic").map_err(NodeError::from)
        }
        (closed, _) => closed.map_err(NodeError::from),
    };
    membership.leave().await;
    tracing::info!(broker = %me, "stopped");
    match reason {
        Reason::Asked | Reason::Removed => closed,
        Reason::Superseded => Err(NodeError::Superseded(me.broker.0)),
        Reason::LogFailed(failure) => Err(NodeError::LogFailed(failure)),
    }
}

/// Both doors, open.
struct Doors {
    http: JoinHandle<()>,
    kafka: JoinHandle<()>,
    stop: CancellationToken,
}

impl Doors {
    /// The Kafka door also tells when the links of other brokers break.
    fn open(
        base: &Base,
        floor: &Floor,
        service: &Arc<Service>,
        (http, kafka): (TcpListener, TcpListener),
    ) -> Self {
        let stop = CancellationToken::new();
        let http_server = HttpServer::new(Arc::clone(service), base.config.http.clone());
        let kafka_server = KafkaServer::new(Arc::clone(service), base.config.kafka.clone())
            .report_lost_links(floor.suspects_in.clone());
        Self {
            http: base.tasks.spawn("http door", http_server.serve(http, stop.clone())),
            kafka: base.tasks.spawn("kafka door", kafka_server.serve(kafka, stop.clone())),
            stop,
        }
    }

    async fn close(self) {
        self.stop.cancel();
        // One that panicked is closed, too.
        let _ = tokio::join!(self.http, self.kafka);
    }
}

/// Work in the background that ends with the process.
struct Workers {
    controller: Controller,
}

impl Workers {
    fn start(
        base: &Base,
        floor: &Floor,
        membership: &Arc<Membership>,
        vitals: &Arc<Vitals>,
        images: &watch::Receiver<Arc<Image>>,
    ) -> Self {
        let node = &base.config.node;
        let disk: watch::Receiver<DiskState> = DiskWatch {
            interval: Duration::from_millis(node.disk_probe_interval_ms),
            timeout: Duration::from_millis(node.disk_probe_timeout_ms),
            reserve_bytes: node.disk_reserve_bytes,
        }
        .start(
            Arc::clone(&floor.data_dir),
            base.clock.clone(),
            Arc::clone(&base.metrics),
            &base.tasks,
            base.stop.clone(),
        );
        let controller = Controller::start(
            Arc::clone(&base.store),
            base.keyspace.clone(),
            Arc::clone(membership),
            images.clone(),
            base.watcher.contact(),
            base.clock.clone(),
            Arc::clone(&base.metrics),
            base.config.controller.clone(),
            &base.tasks,
        );
        let health = Health {
            contact: base.watcher.contact(),
            disk,
            images: images.clone(),
            controller: controller.active(),
            membership: Arc::clone(membership),
            replicas: Arc::clone(&floor.replicas),
            vitals: Arc::clone(vitals),
            metrics: Arc::clone(&base.metrics),
            clock: base.clock.clone(),
            session_timeout: Duration::from_millis(base.config.membership.session_timeout_ms),
        };
        base.tasks.spawn("health", health.run(base.stop.clone()));
        Self { controller }
    }
}

/// Once the newest image is applied, this broker is a candidate.
async fn become_active(
    base: &Base,
    membership: &Arc<Membership>,
    mut converged: watch::Receiver<bool>,
    me: Incarnation,
) {
    base.watcher.first_image().await;
    if converged.wait_for(|done| *done).await.is_err() {
        return;
    }
    if let Err(error) = membership.set_state(LiveState::Active).await {
        tracing::warn!(%error, "the cluster cannot be told yet that this broker is ready");
    }
    tracing::info!(broker = %me, "active");
}

/// As configured, with as many flush threads as the machine can use if that was left open.
fn replication_options(config: &Config) -> ReplicationOptions {
    let mut options = config.replication.clone();
    if options.flush_threads == 0 {
        options.flush_threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    }
    options
}
