//! From nothing to a registered broker: addresses, identity, recovery, registration.
//!
//! *Invariant:* logs are recovered before the broker registers, so that its registration can say what is proven
//! (rule 13); and the new life is noted in the data directory before anything is served.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coordinator_adapter::{Store, StoreError};
use uuid::Uuid;

use super::NodeError;
use crate::clock::Clock;
use crate::cluster::{
    ClusterError, ClusterMeta, HostPort, Keyspace, Membership, MembershipOptions, NewRegistration, Recovered,
    Recovery, ensure_cluster,
};
use crate::config::BrokerSettings;
use crate::metrics::Metrics;
use crate::net::{TcpListener, listen};
use crate::replication::RecoverySummary;
use crate::rules::{self, Rule};
use crate::storage::DataDir;
use crate::tasks::{self, Tasks};
use crate::types::BrokerId;

/// How long to wait before an etcd that is away is asked again.
const STORE_RETRY: Duration = Duration::from_millis(500);
/// After how many tries in a row the waiting is logged again.
const TRIES_PER_LOG: u32 = 20;

/// A door's socket, and what others are told about it.
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) advertised: HostPort,
}

/// Listens on both addresses, before anything else can fail slowly.
pub(super) async fn bind(settings: &BrokerSettings) -> Result<(Bound, Bound), NodeError> {
    let http = bind_one(
        "http.listen",
        &settings.http_listen,
        "advertised.http",
        settings.advertised_http.as_deref(),
    );
    let kafka = bind_one(
        "kafka.listen",
        &settings.kafka_listen,
        "advertised.kafka",
        settings.advertised_kafka.as_deref(),
    );
    Ok((http.await?, kafka.await?))
}

async fn bind_one(
    setting: &'static str,
    address: &str,
    advertised_setting: &'static str,
    advertised: Option<&str>,
) -> Result<Bound, NodeError> {
    let wrong = |reason: String| NodeError::Address { setting, address: address.to_owned(), reason };
    let target: SocketAddr = tokio::net::lookup_host(address)
        .await
        .map_err(|error| wrong(format!("{error}; write host:port")))?
        .next()
        .ok_or_else(|| wrong("the name has no address".to_owned()))?;
    let listener = listen(target).map_err(|error| NodeError::Listen {
        setting,
        address: address.to_owned(),
        reason: error.to_string(),
    })?;
    let port = listener.local_addr().map_err(|error| wrong(error.to_string()))?.port();
    let advertised = match advertised {
        Some(text) => text.parse().map_err(|reason| NodeError::Address {
            setting: advertised_setting,
            address: text.to_owned(),
            reason,
        })?,
        None if target.ip().is_unspecified() => HostPort::new(host_name(), port),
        None => HostPort::new(
            address.rsplit_once(':').map_or(address, |(host, _)| host.trim_matches(['[', ']'])),
            port,
        ),
    };
    Ok(Bound { listener, advertised })
}

/// The machine's name, for a broker that listens everywhere and does not say how it is reached.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// Reads or makes the cluster's identity; waits for a store that is away, and says so.
pub(super) async fn cluster_identity(
    store: &dyn Store,
    keyspace: &Keyspace,
    clock: &Clock,
) -> Result<ClusterMeta, NodeError> {
    let mut tries = 0_u32;
    loop {
        match ensure_cluster(store, keyspace, clock).await {
            Ok(meta) => {
                if tries > 0 {
                    tracing::info!(tries, "the coordination store answers");
                }
                return Ok(meta);
            }
            Err(error) if is_passing(&error) => {
                if tries.is_multiple_of(TRIES_PER_LOG) {
                    tracing::warn!(%error, "waiting for the coordination store; is etcd running and --etcd right?");
                }
                tries = tries.wrapping_add(1);
                tokio::time::sleep(STORE_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether waiting may help: the store was away, or its answer was lost.
fn is_passing(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Store(StoreError::Unavailable { .. } | StoreError::Unknown { .. }))
}

/// Takes the data directory.
pub(super) async fn open_data_dir(
    settings: &BrokerSettings,
    meta: &ClusterMeta,
) -> Result<Arc<DataDir>, NodeError> {
    let path = PathBuf::from(&settings.data_dir);
    let (broker, cluster_id) = (BrokerId(settings.id), meta.id.to_string());
    let opened = tasks::lend(move || DataDir::open(&path, broker, &cluster_id));
    Ok(Arc::new(opened.await.expect("opening a directory does not panic")?))
}

/// What logs that were opened so prove of the life before, which `ended_well` or not.
fn what_is_proven(summary: &RecoverySummary, ended_well: bool) -> Recovery {
    let whole = summary.lost_durable.is_empty() && summary.failed.is_empty();
    match (whole || !rules::holds(Rule::LossEndsProof), ended_well) {
        (false, _) => Recovery::None,
        (true, true) => Recovery::Clean,
        (true, false) => Recovery::Fsync,
    }
}

/// What the registration may claim about the data of the life before.
pub(super) fn proof(data_dir: &DataDir, summary: &RecoverySummary) -> Recovered {
    let Some(from) = data_dir.last_incarnation() else {
        return Recovered::NOTHING;
    };
    let how = what_is_proven(summary, data_dir.clean_from() == Some(from));
    for tp in &summary.lost_durable {
        tracing::error!(partition = %tp, "records that were durable are gone from this disk; the in-sync replicas refill it");
    }
    for (tp, reason) in &summary.failed {
        tracing::error!(partition = %tp, reason, "the log cannot be opened");
    }
    tracing::info!(
        logs = summary.logs,
        clean = summary.clean,
        scanned_bytes = summary.scanned_bytes,
        truncated_bytes = summary.truncated_bytes,
        proof = ?how,
        "logs are open"
    );
    Recovered { from: Some(from), how, earlier: Vec::new() }
}

/// Registers this process and notes its life in the data directory.
pub(super) struct Joining {
    pub(super) store: Arc<dyn Store>,
    pub(super) keyspace: Keyspace,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) options: MembershipOptions,
    pub(super) tasks: Tasks,
}

impl Joining {
    pub(super) async fn join(
        self,
        settings: &BrokerSettings,
        (http, kafka): &(HostPort, HostPort),
        data_dir: &Arc<DataDir>,
        recovered: Recovered,
    ) -> Result<Arc<Membership>, NodeError> {
        let registration = NewRegistration {
            broker: BrokerId(settings.id),
            incarnation: Uuid::new_v4(),
            http: http.clone(),
            kafka: kafka.clone(),
            rack: settings.rack.clone(),
            dirs: vec![data_dir.id()],
            recovered,
            release: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let membership = loop {
            let joined = Membership::join(
                Arc::clone(&self.store),
                self.keyspace.clone(),
                self.clock.clone(),
                Arc::clone(&self.metrics),
                registration.clone(),
                self.options.clone(),
                &self.tasks,
            );
            match joined.await {
                Ok(membership) => break membership,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "cannot register yet");
                    tokio::time::sleep(STORE_RETRY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let epoch = membership.incarnation().epoch;
        let dir = Arc::clone(data_dir);
        let noted = tasks::lend(move || dir.record_incarnation(epoch));
        noted.await.expect("noting a life does not panic")?;
        Ok(membership)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicName, TopicPartition};

    #[test]
    fn a_disk_that_lost_what_was_durable_proves_nothing() {
        let whole = RecoverySummary::default();
        assert_eq!(what_is_proven(&whole, true), Recovery::Clean);
        assert_eq!(what_is_proven(&whole, false), Recovery::Fsync);
        let tp = TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(0));
        let lost = RecoverySummary { lost_durable: vec![tp.clone()], ..whole.clone() };
        let failed = RecoverySummary { failed: vec![(tp, "torn".to_owned())], ..whole };
        for summary in [lost, failed] {
            assert_eq!(what_is_proven(&summary, true), Recovery::None, "{summary:?}");
            assert_eq!(what_is_proven(&summary, false), Recovery::None, "{summary:?}");
        }
    }
}
