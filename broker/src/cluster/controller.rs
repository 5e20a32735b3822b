//! The shell that carries out what [`super::reconcile`] says, while this broker holds the controller's seat.

use std::sync::Arc;

use coordinator_adapter::Store;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::metrics::Metrics;

use super::image::Image;
use super::keyspace::Keyspace;
use super::membership::Membership;

/// How the controller behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerOptions {
    /// The longest random pause before a broker tries to take a seat that became free.
    pub campaign_jitter_ms_max: u64,
    /// How many partitions one transaction writes.
    pub txn_partitions_max: usize,
    /// How long a preferred leader must have been back in the in-sync set before leadership returns to it.
    pub rebalance_after_ms: u64,
    /// How many leaderships return in one pass.
    pub rebalance_moves_max: usize,
    /// How long a mass death is waited out before elections (rule 14); the session's time.
    pub brake_ms: u64,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self {
            campaign_jitter_ms_max: 50,
            txn_partitions_max: 40,
            rebalance_after_ms: 60_000,
            rebalance_moves_max: 20,
            brake_ms: 6_000,
        }
    }
}

/// The running task; dropping it ends it.
#[derive(Debug)]
pub struct Controller {
    active: watch::Receiver<bool>,
}

impl Controller {
    /// Starts to stand by, and to act while this broker holds the seat.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        membership: Arc<Membership>,
        images: watch::Receiver<Arc<Image>>,
        clock: Clock,
        metrics: Arc<Metrics>,
        options: ControllerOptions,
    ) -> Self {
        let _ = (store, keyspace, membership, images, clock, metrics, options);
        unimplemented!("the controller's loop")
    }

    /// Whether this broker is the controller, and news of changes.
    #[must_use]
    pub fn active(&self) -> watch::Receiver<bool> {
        self.active.clone()
    }

    /// Gives the seat up, if this broker holds it, and stops.
    pub async fn stop(self) {
        unimplemented!("the controller's loop")
    }
}
