//! The service itself: what all verbs share.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::admission::{ByteBudget, ReaderSeats};
use super::forward::Forward;
use super::options::ServiceOptions;
use super::producer_ids::ProducerIdBlock;
use super::readiness::Vitals;
use crate::clock::Clock;
use crate::cluster::{Commands, Image};
use crate::groups::Coordinator;
use crate::metrics::Metrics;
use crate::replication::Replicas;
use crate::types::Incarnation;

/// What the service is made of; `node` gathers it.
pub struct ServiceParts {
    /// Which life of which broker this is.
    pub me: Incarnation,
    /// The newest metadata.
    pub image: watch::Receiver<Arc<Image>>,
    /// The replicas here.
    pub replicas: Arc<Replicas>,
    /// The groups that are coordinated here.
    pub groups: Arc<Coordinator>,
    /// How the cluster is changed.
    pub commands: Arc<Commands>,
    /// The way to other brokers.
    pub forward: Arc<dyn Forward>,
    /// What the process knows about its own health.
    pub vitals: Arc<Vitals>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Bounds and defaults.
    pub options: ServiceOptions,
}

/// What a broker can do. Shared by all doors; every verb is a method in the file of its name.
pub struct Service {
    pub(super) parts: ServiceParts,
    pub(super) bodies: Arc<ByteBudget>,
    pub(super) reads: Arc<ByteBudget>,
    pub(super) seats: Arc<ReaderSeats>,
    pub(super) producer_ids: ProducerIdBlock,
    /// Held by the one call that explains a partition.
    pub(super) explain_turn: tokio::sync::Mutex<()>,
    /// Held by the one call that creates the topic of groups.
    pub(super) offsets_topic_turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("me", &self.parts.me).finish_non_exhaustive()
    }
}

impl Service {
    /// A service over `parts`.
    #[must_use]
    pub fn new(parts: ServiceParts) -> Arc<Self> {
        let (metrics, options) = (&parts.metrics, &parts.options);
        Arc::new(Self {
            bodies: ByteBudget::new(options.body_bytes_in_flight_max, metrics.body_bytes_admitted.clone()),
            reads: ByteBudget::new(options.read_bytes_in_flight_max, metrics.read_bytes_admitted.clone()),
            seats: ReaderSeats::new(options.waiting_reads_max, metrics.waiting_reads.clone()),
            producer_ids: ProducerIdBlock::default(),
            explain_turn: tokio::sync::Mutex::default(),
            offsets_topic_turn: tokio::sync::Mutex::default(),
            parts,
        })
    }

    /// Which life of which broker this is.
    #[must_use]
    pub fn me(&self) -> Incarnation {
        self.parts.me
    }

    /// The newest metadata that this broker has seen.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        Arc::clone(&self.parts.image.borrow())
    }

    /// Bounds and defaults.
    #[must_use]
    pub fn options(&self) -> &ServiceOptions {
        &self.parts.options
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// What is counted, for those that outlive a call.
    #[must_use]
    pub fn metrics_handle(&self) -> Arc<Metrics> {
        Arc::clone(&self.parts.metrics)
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The budget of request bodies: a door admits here before it reads one.
    #[must_use]
    pub fn bodies(&self) -> &Arc<ByteBudget> {
        &self.bodies
    }

    /// The budget of answers to readers.
    #[must_use]
    pub fn reads(&self) -> &Arc<ByteBudget> {
        &self.reads
    }

    /// The seats of readers that wait for records.
    #[must_use]
    pub fn seats(&self) -> &Arc<ReaderSeats> {
        &self.seats
    }
}
