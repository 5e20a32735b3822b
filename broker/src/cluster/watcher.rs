//! Keeps an [`Image`] up to date and hands it out.
//!
//! It lists once at one revision and watches from the next; after any break it resumes without gap or repeat, after a
//! compaction it lists again. Every few minutes it compares the image with a full listing, since watches of some etcd
//! releases are known to lose events; a difference is applied, counted and logged. It decides nothing.
//!
//! *Invariant:* images that are handed out never go back in revision.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator_adapter::{
    KeyValue, Listing, Revision, Store, StoreError, Watch, WatchBatch, WatchEnd, WatchEvent,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::tasks::Tasks;

use super::image::{Applied, Image};
use super::keyspace::{Key, Keyspace};
use super::pause::Pause;

/// How many batches that are there already become one image.
const BATCHES_PER_IMAGE_MAX: usize = 64;

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
    /// The last time that it did not, once that was over.
    pub last_gap: Option<Gap>,
}

impl Contact {
    /// The last time without an answer, which may go on still.
    #[must_use]
    pub fn gap(&self, now: Instant) -> Option<Gap> {
        self.away_since.map(|began| Gap { began, ended: now }).or(self.last_gap)
    }
}

/// A time without an answer from the coordination store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
}

impl Gap {
    /// For how long there was no answer.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.ended.saturating_duration_since(self.began)
    }
}

/// A running watcher; dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    images: watch::Receiver<Arc<Image>>,
    contact: watch::Receiver<Contact>,
    task: JoinHandle<()>,
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
        tasks: &Tasks,
    ) -> Self {
        let (images, images_out) = watch::channel(Arc::new(Image::default()));
        let (contact, contact_out) =
            watch::channel(Contact { away_since: Some(clock.now()), last_gap: None });
        let image = Image::default();
        let follower = Follower { store, keyspace, clock, metrics, options, image, images, contact };
        let task = tasks.spawn("watcher", follower.run());
        Self { images: images_out, contact: contact_out, task }
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
        let mut images = self.images();
        match images.wait_for(|image| image.revision > Revision(0)).await {
            Ok(image) => Arc::clone(&image),
            // The task has ended, which it does only with the runtime.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task: one image, and what it takes to keep it.
struct Follower {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    clock: Clock,
    metrics: Arc<Metrics>,
    options: WatcherOptions,
    image: Image,
    images: watch::Sender<Arc<Image>>,
    contact: watch::Sender<Contact>,
}

/// A question to the store while the watch goes on.
type Errand<T> = Option<BoxFuture<'static, Result<T, StoreError>>>;

/// Waits for the answer to an errand, for ever if there is none.
async fn answer<T>(errand: &mut Errand<T>) -> Result<T, StoreError> {
    let Some(running) = errand else { return std::future::pending().await };
    let answer = running.await;
    *errand = None;
    answer
}

impl Follower {
    async fn run(mut self) {
        let mut pause = Pause::new(self.options.retry_ms_min, self.options.retry_ms_max);
        let mut listed = false;
        loop {
            if !listed {
                match self.store.list(self.keyspace.prefix()).await {
                    Ok(listing) => {
                        let applied = self.image.apply_listing(&self.keyspace, &listing);
                        self.publish(applied);
                        listed = true;
                    }
                    Err(error) => {
                        self.lost_contact(&error);
                        pause.wait().await;
                        continue;
                    }
                }
            }
            let end = match self.store.watch(self.keyspace.prefix(), self.image.revision.next()).await {
                Ok(watch) => {
                    self.made_contact();
                    let before = self.image.revision;
                    let end = self.follow(watch).await;
                    if self.image.revision > before {
                        pause.reset();
                    }
                    end
                }
                Err(StoreError::Compacted { compacted, .. }) => WatchEnd::Compacted(compacted),
                Err(error) => {
                    self.lost_contact(&error);
                    WatchEnd::Broken(error.to_string())
                }
            };
            match end {
                WatchEnd::Compacted(oldest) => {
                    tracing::info!(revision = %self.image.revision, %oldest, "history is gone: listing again");
                    self.metrics.watch_relists.inc();
                    listed = false;
                }
                WatchEnd::Broken(reason) => {
                    tracing::debug!(revision = %self.image.revision, reason, "the watch broke: resuming");
                    self.metrics.watch_restarts.inc();
                }
            }
            pause.wait().await;
        }
    }

    /// Applies what one watch brings until it ends, and runs the errands meanwhile.
    async fn follow(&mut self, mut watch: Watch) -> WatchEnd {
        let mut contacts = ticks(self.options.contact_interval_ms);
        let mut scans = ticks(self.options.scan_interval_ms);
        let mut contact: Errand<(Revision, Option<KeyValue>)> = None;
        let mut scan: Errand<Listing> = None;
        // The keys that the watch brought since the running scan was asked for.
        let mut watched: Option<HashSet<String>> = None;
        loop {
            tokio::select! {
                batch = watch.next() => match batch {
                    Ok(batch) => {
                        if let Some(end) = self.take(batch, &mut watch, watched.as_mut()) {
                            return end;
                        }
                    }
                    Err(end) => return end,
                },
                _ = contacts.tick(), if contact.is_none() => {
                    let (store, key) = (Arc::clone(&self.store), self.keyspace.path(&Key::Cluster));
                    contact = Some(async move { store.get(&key).await }.boxed());
                }
                answer = answer(&mut contact) => match answer {
                    Ok(_) => self.made_contact(),
                    Err(error) => self.lost_contact(&error),
                },
                _ = scans.tick(), if scan.is_none() => {
                    watched = Some(HashSet::new());
                    scan = Some(self.scan());
                }
                listing = answer(&mut scan) => {
                    let watched = watched.take().unwrap_or_default();
                    if let Ok(listing) = listing {
                        self.compare(&listing, &watched);
                    }
                }
            }
        }
    }

    /// A full listing, handed over only when the watch has had time to bring the same.
    fn scan(&self) -> BoxFuture<'static, Result<Listing, StoreError>> {
        let (store, prefix) = (Arc::clone(&self.store), self.keyspace.prefix().to_owned());
        let grace = Duration::from_millis(self.options.scan_grace_ms);
        async move {
            let listing = store.list(&prefix).await?;
            tokio::time::sleep(grace).await;
            Ok(listing)
        }
        .boxed()
    }

    fn compare(&mut self, listing: &Listing, watched: &HashSet<String>) {
        let applied = self.image.compare(&self.keyspace, listing, watched);
        if applied.changed > 0 {
            tracing::warn!(
                differences = applied.changed,
                revision = %listing.revision,
                "the watch had missed changes of the coordination store; a full scan brought them"
            );
            self.metrics.image_differences.inc_by(u64::try_from(applied.changed).unwrap_or(u64::MAX));
            self.publish(applied);
        }
    }

    /// Applies a batch and those that wait behind it, and hands out one image for all. Returns the end of the watch if
    /// that stood behind them.
    fn take(
        &mut self,
        first: WatchBatch,
        watch: &mut Watch,
        mut watched: Option<&mut HashSet<String>>,
    ) -> Option<WatchEnd> {
        let mut applied = Applied::default();
        let mut waiting = Some(first);
        let mut end = None;
        let mut taken = 0;
        while let Some(batch) = waiting.take() {
            if let Some(watched) = &mut watched {
                watched.extend(batch.events.iter().map(|event| key_of(event).to_owned()));
            }
            let more = self.image.apply(&self.keyspace, &batch);
            applied.changed += more.changed;
            applied.malformed.extend(more.malformed);
            taken += 1;
            if taken < BATCHES_PER_IMAGE_MAX {
                match watch.next().now_or_never() {
                    Some(Ok(next)) => waiting = Some(next),
                    Some(Err(reason)) => end = Some(reason),
                    None => {}
                }
            }
        }
        self.publish(applied);
        end
    }

    fn publish(&self, applied: Applied) {
        for (key, reason) in &applied.malformed {
            tracing::warn!(key, reason, "passed over a value that cannot be read; repair or delete it");
            self.metrics.malformed_values.inc();
        }
        self.images.send_replace(Arc::new(self.image.clone()));
    }

    fn made_contact(&self) {
        self.contact.send_if_modified(|contact| {
            let was_away = contact.away_since.take();
            if let Some(since) = was_away {
                let gap = Gap { began: since, ended: self.clock.now() };
                contact.last_gap = Some(gap);
                let away_ms = u64::try_from(gap.lasted().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(away_ms, "the coordination store answers");
            }
            was_away.is_some()
        });
    }

    fn lost_contact(&self, error: &StoreError) {
        self.contact.send_if_modified(|contact| {
            let news = contact.away_since.is_none();
            if news {
                tracing::warn!(%error, "the coordination store is away: what is led goes on, nothing is decided");
                contact.away_since = Some(self.clock.now());
            }
            news
        });
    }
}

fn key_of(event: &WatchEvent) -> &str {
    match event {
        WatchEvent::Put(entry) => &entry.key,
        WatchEvent::Delete { key, .. } => key,
    }
}

fn ticks(every_ms: u64) -> tokio::time::Interval {
    let every = Duration::from_millis(every_ms.max(1));
    let mut ticks = interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
