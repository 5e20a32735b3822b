//! One broker's place in the cluster: its durable registration, and its life sign under its one lease.
//!
//! *Invariant:* one registration per process; its mod revision is the broker epoch for as long as the process lives.
//! *Invariant:* a lease that is lost costs the process nothing but its life sign, which returns under a new lease with
//! the same epoch: a leader goes on until it sees a newer record (rule 1).

use std::sync::Arc;
use std::time::Instant;

use coordinator_adapter::{LeaseId, Store};
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::types::{BrokerId, DirectoryId, Incarnation};

use super::error::ClusterError;
use super::keyspace::Keyspace;
use super::values::{ClusterMeta, HostPort, LiveState, Recovered};

/// How a broker keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipOptions {
    /// How long a silent broker counts as alive.
    pub session_timeout_ms: u64,
    /// How long joining waits for a stranger under the same id to disappear.
    pub stranger_wait_ms: u64,
}

impl Default for MembershipOptions {
    fn default() -> Self {
        Self { session_timeout_ms: 6_000, stranger_wait_ms: 20_000 }
    }
}

/// What a broker says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRegistration {
    /// Its id.
    pub broker: BrokerId,
    /// The process, by a name of its own.
    pub incarnation: Uuid,
    /// Where its HTTP door is reached.
    pub http: HostPort,
    /// Where its Kafka door is reached.
    pub kafka: HostPort,
    /// The rack or zone that it stands in.
    pub rack: Option<String>,
    /// Its data directories, whose locks it holds.
    pub dirs: Vec<DirectoryId>,
    /// How its data came through the restart; `earlier` is filled in here.
    pub recovered: Recovered,
    /// The version of its program.
    pub release: String,
}

/// How a broker stands in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds a lease and its life sign is written.
    Member {
        /// The lease.
        lease: LeaseId,
    },
    /// Its lease is lost; it tries to get another.
    Away {
        /// Since when.
        since: Instant,
    },
    /// A newer process has taken its id: this one must stop.
    Superseded,
    /// It has left.
    Left,
}

/// A broker's place, kept until [`Membership::leave`].
#[derive(Debug)]
pub struct Membership {
    incarnation: Incarnation,
    standing: watch::Receiver<Standing>,
}

/// Reads the cluster's identity, or makes it if this is the first broker.
///
/// # Errors
/// What the store said.
pub async fn ensure_cluster(
    store: &dyn Store,
    keyspace: &Keyspace,
    clock: &Clock,
) -> Result<ClusterMeta, ClusterError> {
    let _ = (store, keyspace, clock);
    unimplemented!("membership")
}

impl Membership {
    /// Registers this process and writes its life sign, in state `starting`.
    ///
    /// # Errors
    /// [`ClusterError::BrokerIdInUse`] if another process keeps the id, or what the store said.
    pub async fn join(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        clock: Clock,
        metrics: Arc<Metrics>,
        registration: NewRegistration,
        options: MembershipOptions,
    ) -> Result<Arc<Self>, ClusterError> {
        let _ = (store, keyspace, clock, metrics, registration, options);
        unimplemented!("membership")
    }

    /// Which life this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// How this broker stands, and news of changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Says what this broker is doing; returns once it stands in the store, or with why not yet: it is written as
    /// soon as it can be in any case.
    ///
    /// # Errors
    /// What the store said.
    pub async fn set_state(&self, state: LiveState) -> Result<(), ClusterError> {
        let _ = state;
        unimplemented!("membership")
    }

    /// Says whether a data directory refuses writes for lack of space; written soon.
    pub fn set_disk_full(&self, full: bool) {
        let _ = full;
        unimplemented!("membership")
    }

    /// Says whether the data directory answers. While it does not, the lease is not renewed.
    pub fn set_disk_answers(&self, answers: bool) {
        let _ = answers;
        unimplemented!("membership")
    }

    /// Gives the lease back and stops.
    pub async fn leave(&self) {
        unimplemented!("membership")
    }
}
