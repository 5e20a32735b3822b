//! All options of one broker process, gathered from the components that own them.

use super::ConfigError;
use super::layers::Layer;
use super::settings::{self, nearest};
use crate::cluster::{CommandOptions, ControllerOptions, MembershipOptions, SuspectOptions, WatcherOptions};
use crate::groups::{CoordinatorOptions, GroupOptions};
use crate::http::HttpOptions;
use crate::kafka::KafkaOptions;
use crate::peer::PeerOptions;
use crate::replication::ReplicationOptions;
use crate::service::ServiceOptions;

/// Who this broker is and where it stands.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Its number; -1 until given.
    pub id: i32,
    /// The cluster's name: its keys stand under `/tidemark/NAME/`.
    pub cluster: String,
    /// Where it stands.
    pub rack: Option<String>,
    /// Where its partitions are.
    pub data_dir: String,
    /// Where HTTP is served.
    pub http_listen: String,
    /// Where Kafka's protocol is served.
    pub kafka_listen: String,
    /// The HTTP address that others are told.
    pub advertised_http: Option<String>,
    /// The Kafka address that others are told.
    pub advertised_kafka: Option<String>,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            id: -1,
            cluster: "main".to_owned(),
            rack: None,
            data_dir: String::new(),
            http_listen: "127.0.0.1:8082".to_owned(),
            kafka_listen: "127.0.0.1:9092".to_owned(),
            advertised_http: None,
            advertised_kafka: None,
        }
    }
}

/// How the process itself behaves.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Threads for blocking file work, at most.
    pub blocking_threads_max: usize,
    /// How often the data directory is asked for a sign of life.
    pub disk_probe_interval_ms: u64,
    /// After this long without one the lease is no longer renewed.
    pub disk_probe_timeout_ms: u64,
    /// How long a controlled stop may take to hand over leaderships.
    pub drain_ms_max: u64,
    /// How long a replica's files are kept after its topic, or its place here, is gone.
    pub delete_grace_ms: u64,
    /// Free space below which the data directory counts as full.
    pub disk_reserve_bytes: u64,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            blocking_threads_max: 64,
            disk_probe_interval_ms: 1_000,
            disk_probe_timeout_ms: 10_000,
            drain_ms_max: 15_000,
            delete_grace_ms: 10_000,
            disk_reserve_bytes: 64 << 20,
        }
    }
}

/// Everything that one broker process is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who and where.
    pub broker: BrokerSettings,
    /// The process.
    pub node: NodeSettings,
    /// etcd.
    pub etcd: coordinator_adapter::etcd::EtcdOptions,
    /// Registration and lease.
    pub membership: MembershipOptions,
    /// The cache of the cluster's state.
    pub watcher: WatcherOptions,
    /// The controller, when this broker is it.
    pub controller: ControllerOptions,
    /// Reports of dead peers.
    pub suspects: SuspectOptions,
    /// Administration, with the defaults of new topics.
    pub commands: CommandOptions,
    /// How long an idle producer's sequence numbers are remembered.
    pub producer_id_expiration_ms: i64,
    /// Replication.
    pub replication: ReplicationOptions,
    /// What consumer groups may do.
    pub groups: GroupOptions,
    /// How consumer groups are kept.
    pub coordinator: CoordinatorOptions,
    /// Serving.
    pub service: ServiceOptions,
    /// The HTTP door.
    pub http: HttpOptions,
    /// The Kafka door.
    pub kafka: KafkaOptions,
    /// Connections to other brokers.
    pub peer: PeerOptions,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            broker: BrokerSettings::default(),
            node: NodeSettings::default(),
            etcd: coordinator_adapter::etcd::EtcdOptions::default(),
            membership: MembershipOptions::default(),
            watcher: WatcherOptions::default(),
            controller: ControllerOptions::default(),
            suspects: SuspectOptions::default(),
            commands: CommandOptions::default(),
            producer_id_expiration_ms: 24 * 60 * 60 * 1_000,
            replication: ReplicationOptions::default(),
            groups: GroupOptions::default(),
            coordinator: CoordinatorOptions::default(),
            service: ServiceOptions::default(),
            http: HttpOptions::default(),
            kafka: KafkaOptions::default(),
            peer: PeerOptions::default(),
        }
    }
}

impl Config {
    /// Applies `layers` in order, the later winning, and checks what must hold between settings.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown name, a bad value, or a contradiction.
    pub fn from_layers(layers: &[Layer]) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (name, value) in layers.iter().flatten() {
            let Some(setting) = settings::find(name) else {
                return Err(ConfigError::Unknown { name: name.clone(), nearest: nearest(name) });
            };
            setting.set(&mut config, value).map_err(|reason| ConfigError::Value {
                name: name.clone(),
                value: value.clone(),
                reason,
            })?;
        }
        config.check()?;
        Ok(config)
    }

    /// Whether all that `tidemark broker` cannot guess was given.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] names the flag.
    pub fn require_for_broker(&self) -> Result<(), ConfigError> {
        let missing = |flag: &str, meaning: &str| ConfigError::Missing {
            flag: flag.to_owned(),
            meaning: meaning.to_owned(),
        };
        if self.broker.id < 0 {
            return Err(missing("--id", "this broker's number, zero or more and unique in its cluster"));
        }
        if self.broker.data_dir.is_empty() {
            return Err(missing("--data-dir", "the directory that keeps this broker's partitions"));
        }
        Ok(())
    }

    /// What service is offered, with how the process is set.
    #[must_use]
    pub fn service_options(&self) -> ServiceOptions {
        ServiceOptions { settings: settings::shown(self).into(), ..self.service.clone() }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let demand = |holds: bool, text: &str| {
            if holds { Ok(()) } else { Err(ConfigError::Relation(text.to_owned())) }
        };
        demand(
            self.membership.session_timeout_ms >= 2_000,
            "broker.session.timeout.ms must be 2000 or more: etcd grants no shorter lease",
        )?;
        demand(
            self.service.batch_bytes_max <= self.service.body_bytes_in_flight_max,
            "message.max.bytes must not exceed queued.max.request.bytes: one request must be admissible",
        )?;
        let groups = &self.groups;
        demand(
            (groups.session_timeout_ms_min..=groups.session_timeout_ms_max)
                .contains(&groups.session_timeout_ms),
            "group.consumer.session.timeout.ms must lie between group.min. and group.max.session.timeout.ms",
        )?;
        demand(
            groups.heartbeat_interval_ms < groups.session_timeout_ms,
            "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms",
        )?;
        demand(
            groups.instance_session_timeout_ms.min(groups.instance_timeout_ms) >= 100,
            "consumer.instance.timeout.ms and consumer.instance.session.timeout.ms must be 100 or more",
        )?;
        demand(self.coordinator.offsets_partitions >= 1, "offsets.topic.num.partitions must be 1 or more")?;
        demand(
            self.replication.compaction_bytes_per_second_max > 0 || !self.replication.compaction_enabled,
            "log.cleaner.io.max.bytes.per.second must not be 0; to compact nothing, set log.cleaner.enable=false",
        )?;
        demand(
            !self.broker.cluster.is_empty() && !self.broker.cluster.contains('/'),
            "cluster must be a name without '/': it is a part of every key in etcd",
        )
    }
}
