//! Faster than the lease: peers that refuse connections are reported, and their leases revoked.
//!
//! Whoever hears of a suspect, from its own fetchers or from another's report, tries the suspect's port itself and adds
//! its report if it is refused; when there are enough ([`super::verdict`]) the suspect's lease is revoked. A report is
//! withdrawn when its subject is gone or answers again.
//!
//! *Invariant:* only a refused or reset connection counts, never a time-out; and only against the life and the lease
//! that it was seen with.
//! *Invariant:* safety does not rest on any of this: a broker that is wrongly taken for dead loses leaderships, not
//! records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator_adapter::{Compare, LeaseId, Op, Store, StoreError, Txn};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::metrics::Metrics;
use crate::tasks::Tasks;
use crate::types::BrokerId;

use super::image::Image;
use super::keyspace::{Key, Keyspace};
use super::membership::Membership;
use super::values::{HostPort, Suspicion, VERSION, encode};
use super::verdict::{Subject, reported_by_others, subject, verdicts};

/// A probe that takes longer than this has timed out, which proves nothing.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

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
pub struct Suspects {
    task: JoinHandle<()>,
}

impl Suspects {
    /// Starts to take in `reports` of this broker's own and those of others.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a shell is wired from all that it needs, once")]
    pub fn start(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        membership: Arc<Membership>,
        images: watch::Receiver<Arc<Image>>,
        reports: mpsc::Receiver<BrokerId>,
        probe: Arc<dyn Probe>,
        metrics: Arc<Metrics>,
        options: SuspectOptions,
        tasks: &Tasks,
    ) -> Self {
        let me = membership.incarnation().broker;
        let reprobe = Duration::from_millis(options.reprobe_ms.max(1));
        let detective = Detective {
            store,
            keyspace,
            membership,
            images,
            probe,
            metrics,
            me,
            reprobe,
            mine: BTreeMap::new(),
            tried: BTreeMap::new(),
            revoked: BTreeMap::new(),
            probes: FuturesUnordered::new(),
        };
        Self { task: tasks.spawn("suspects", detective.run(reports)) }
    }
}

impl Drop for Suspects {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a probe found.
struct Finding {
    suspect: BrokerId,
    subject: Subject,
    refused: bool,
}

struct Detective {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    membership: Arc<Membership>,
    images: watch::Receiver<Arc<Image>>,
    probe: Arc<dyn Probe>,
    metrics: Arc<Metrics>,
    me: BrokerId,
    reprobe: Duration,
    /// My reports that stand.
    mine: BTreeMap<BrokerId, Subject>,
    /// When each suspect was tried last: at most one probe of each at a time, and not too often.
    tried: BTreeMap<BrokerId, Instant>,
    /// The lease of each that I revoked last.
    revoked: BTreeMap<BrokerId, LeaseId>,
    probes: FuturesUnordered<BoxFuture<'static, Finding>>,
}

impl Detective {
    async fn run(mut self, mut reports: mpsc::Receiver<BrokerId>) {
        let mut again = interval(self.reprobe);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reporting = true;
        loop {
            tokio::select! {
                report = reports.recv(), if reporting => match report {
                    Some(suspect) => self.suspect(suspect),
                    None => reporting = false,
                },
                changed = self.images.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.look().await;
                }
                Some(finding) = self.probes.next(), if !self.probes.is_empty() => self.conclude(finding).await,
                _ = again.tick(), if !self.mine.is_empty() => {
                    let suspects: Vec<_> = self.mine.keys().copied().collect();
                    for suspect in suspects {
                        self.suspect(suspect);
                    }
                    self.look().await;
                }
            }
        }
    }

    /// Tries a suspect's port, unless that was done a moment ago.
    fn suspect(&mut self, suspect: BrokerId) {
        let image = Arc::clone(&self.images.borrow());
        let (Some(subject), Some(registration)) = (subject(&image, suspect), image.endpoint(suspect)) else {
            return;
        };
        let now = Instant::now();
        let pause = self.reprobe / 2;
        let lately = self.tried.get(&suspect).is_some_and(|tried| now.duration_since(*tried) < pause);
        if suspect == self.me || (lately && self.mine.get(&suspect) != Some(&subject)) {
            return;
        }
        self.tried.insert(suspect, now);
        let (probe, address) = (Arc::clone(&self.probe), registration.kafka.clone());
        self.probes.push(Box::pin(async move {
            let refused = timeout(PROBE_TIMEOUT, probe.refused(suspect, &address)).await.unwrap_or(false);
            Finding { suspect, subject, refused }
        }));
    }

    /// Reports what a probe found, or withdraws the report.
    async fn conclude(&mut self, finding: Finding) {
        let Finding { suspect, subject: seen, refused } = finding;
        // What was seen of a life that is over would be passed over by every verdict; it is not even reported.
        let current = subject(&self.images.borrow(), suspect) == Some(seen);
        let reported = self.mine.get(&suspect) == Some(&seen);
        let done = match (refused && current, reported) {
            (true, false) => self.report(suspect, seen).await,
            (false, true) => self.withdraw(suspect).await,
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(%suspect, %error, "a report could not be written; it comes again");
        }
    }

    async fn report(&mut self, suspect: BrokerId, seen: Subject) -> Result<(), StoreError> {
        let Some(lease) = self.membership.lease() else { return Ok(()) };
        tracing::info!(%suspect, epoch = %seen.epoch, "a peer refuses connections: reporting it");
        let reason = "its port refuses connections".to_owned();
        let value = encode(&Suspicion { v: VERSION, epoch: seen.epoch, lease: seen.lease, reason });
        let put = Op::Put { key: self.key(suspect), value, lease: Some(lease) };
        // A report of somebody who is gone would be taken back at the next look; this spares it.
        let lives = Compare::Exists(self.keyspace.path(&Key::Live(suspect)));
        self.store.txn(Txn { compares: vec![lives], success: vec![put], failure: Vec::new() }).await?;
        self.metrics.suspects_reported.inc();
        self.mine.insert(suspect, seen);
        Ok(())
    }

    async fn withdraw(&mut self, suspect: BrokerId) -> Result<(), StoreError> {
        let delete = Op::Delete { key: self.key(suspect) };
        self.store.txn(Txn { success: vec![delete], ..Txn::default() }).await?;
        self.mine.remove(&suspect);
        Ok(())
    }

    fn key(&self, suspect: BrokerId) -> String {
        self.keyspace.path(&Key::Suspect { suspect, reporter: self.me })
    }

    /// Takes in a newer image: others' reports, reports whose subject is gone, and verdicts.
    async fn look(&mut self) {
        let image = Arc::clone(&self.images.borrow_and_update());
        for suspect in reported_by_others(&image, self.me).collect::<Vec<_>>() {
            if self.mine.get(&suspect) != subject(&image, suspect).as_ref() {
                self.suspect(suspect);
            }
        }
        self.mine.retain(|suspect, seen| subject(&image, *suspect) == Some(*seen));
        let over = image.suspects.iter().filter(|((suspect, reporter), suspicion)| {
            *reporter == self.me && subject(&image, *suspect) != Some(Subject::of(suspicion))
        });
        for suspect in over.map(|((suspect, _), _)| *suspect).collect::<Vec<_>>() {
            if let Err(error) = self.withdraw(suspect).await {
                tracing::debug!(%suspect, %error, "a report could not be taken back; it ends with my lease");
            }
        }
        for (suspect, lease) in verdicts(&image, self.me) {
            if self.revoked.get(&suspect) == Some(&lease) {
                continue;
            }
            tracing::warn!(%suspect, %lease, "its peers are refused: its lease is revoked");
            match self.store.revoke(lease).await {
                Ok(()) => drop(self.revoked.insert(suspect, lease)),
                Err(error) => {
                    tracing::warn!(%suspect, %error, "the lease of a dead broker could not be revoked")
                }
            }
        }
    }
}
