//! Keeps an [`Image`] up to date and hands it out.
//!
//! It lists once at one revision and watches from the next; after any break it resumes without gap or repeat, after a
//! compaction it lists again. Every few minutes it compares the image with a full listing, since watches of some etcd
//! releases are known to lose events; a difference is applied, counted and logged. It decides nothing.
//!
//! *Invariant:* images that are handed out never go back in revision.

use std::sync::Arc;
use std::time::Instant;

use coordinator_adapter::Store;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::metrics::Metrics;

use super::image::Image;
use super::keyspace::Keyspace;

/// How the watcher behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherOptions {
    /// How often the image is compared with a full listing.
    pub scan_interval_ms: u64,
    /// How long the watch may lag behind a full listing before a difference counts.
    pub scan_grace_ms: u64,
    /// How often the store is asked for a sign of life.
    pub contact_interval_ms: u64,
    /// The first pause after a failure; it doubles up to the longest.
    pub retry_ms_min: u64,
    /// The longest pause after a failure.
    pub retry_ms_max: u64,
}

impl Default for WatcherOptions {
    fn default() -> Self {
        Self {
            scan_interval_ms: 180_000,
            scan_grace_ms: 2_000,
            contact_interval_ms: 2_000,
            retry_ms_min: 20,
            retry_ms_max: 1_000,
        }
    }
}

/// Whether the coordination store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Since when it does not; `None` while it does.
    pub away_since: Option<Instant>,
}

/// A running watcher; dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    images: watch::Receiver<Arc<Image>>,
    contact: watch::Receiver<Contact>,
}

impl Watcher {
    /// Starts to list and to watch. The first image is empty, at revision zero.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        clock: Clock,
        metrics: Arc<Metrics>,
        options: WatcherOptions,
    ) -> Self {
        let _ = (store, keyspace, clock, metrics, options);
        unimplemented!("the watcher's loop")
    }

    /// The newest image, and news of newer ones.
    #[must_use]
    pub fn images(&self) -> watch::Receiver<Arc<Image>> {
        self.images.clone()
    }

    /// Whether the store answers, and news of changes.
    #[must_use]
    pub fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.clone()
    }

    /// Waits, without limit, for the first image that was listed.
    pub async fn first_image(&self) -> Arc<Image> {
        unimplemented!("the watcher's loop")
    }
}
