//! Faster than the lease: peers that refuse connections are reported, and their leases revoked.
//!
//! *Invariant:* only a refused or reset connection counts, never a time-out; and only against the life and the lease
//! that it was seen with.
//! *Invariant:* safety does not rest on any of this: a broker that is wrongly taken for dead loses leaderships, not
//! records.

use std::sync::Arc;

use async_trait::async_trait;
use coordinator_adapter::Store;
use tokio::sync::{mpsc, watch};

use crate::metrics::Metrics;
use crate::types::BrokerId;

use super::image::Image;
use super::keyspace::Keyspace;
use super::membership::Membership;
use super::values::HostPort;

/// Tries whether a peer's port refuses connections.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Whether a connection to `broker` at `address` is refused or reset; a time-out is not. Bounded in time.
    async fn refused(&self, broker: BrokerId, address: &HostPort) -> bool;
}

/// How suspicion works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectOptions {
    /// How often a broker that is under suspicion is tried again.
    pub reprobe_ms: u64,
}

impl Default for SuspectOptions {
    fn default() -> Self {
        Self { reprobe_ms: 500 }
    }
}

/// The running task; dropping it ends it.
#[derive(Debug)]
pub struct Suspects {}

impl Suspects {
    /// Starts to take in `reports` of this broker's own and those of others.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        membership: Arc<Membership>,
        images: watch::Receiver<Arc<Image>>,
        reports: mpsc::Receiver<BrokerId>,
        probe: Arc<dyn Probe>,
        metrics: Arc<Metrics>,
        options: SuspectOptions,
    ) -> Self {
        let _ = (store, keyspace, membership, images, reports, probe, metrics, options);
        unimplemented!("suspects")
    }
}
